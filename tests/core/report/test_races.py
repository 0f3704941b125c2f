"""What a report says of races, folded from the log alone."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from plait import Pipeline, failures, parallel, race, step
from plait.testing.virtual import run_virtual


def lasts(name: str, *takes: float) -> Any:
    """A step whose calls take so long, one after another; a negative time fails after that."""
    left = iter(takes)

    async def work() -> str:
        seconds = next(left)
        await asyncio.sleep(abs(seconds))
        if seconds < 0:
            raise ValueError(name)
        return name

    return step(work, {}, "a", name=name)


def report_of(*flows: Any) -> Any:
    return run_virtual(Pipeline(list(flows)).arun({})).report


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        ((1, 1), "ask won the race. Second attempts: 0 started, 0 won."),
        ((3, 3), "ask won the race; 1 branch was cancelled. Second attempts: 1 started, 0 won."),
        ((9, 1), "ask~hedge won the race; 1 branch was cancelled. Second attempts: 1 started, 1 won."),
        ((-1, 1), "ask~hedge won the race. Second attempts: 1 started, 1 won."),
        ((9, -1), "ask won the race. Second attempts: 1 started, 0 won."),
    ],
)
def test_a_sentence_tells_how_it_ended(takes: tuple[float, ...], said: str):
    report = report_of(race([lasts("ask", *takes)], 2))
    assert [str(one) for one in report.races] == [said]
    assert said in " ".join(report.to_text().split())


def test_a_race_without_second_attempts():
    report = report_of(race([lasts("a", 3), lasts("b", 2), lasts("c", -1)], name="r"))
    assert str(*report.races) == "r/b won the race; 1 branch was cancelled."
    report = report_of(parallel({"x": [lasts("a", 3)], "y": [lasts("b", 2), lasts("c", 0)]}, need=1))
    assert str(*report.races) == "y won the race; 1 branch was cancelled."


def test_other_blocks_are_no_races():
    two = parallel([lasts("a", 1), lasts("b", 2), lasts("c", 3)], need=2)
    assert report_of(two).races == ()


def test_nobody_won():
    with pytest.raises(ExceptionGroup) as caught:
        report_of(race([lasts("ask", -3, -3)], 2, name="r"))
    report = failures(caught.value).report
    assert report is not None
    assert str(*report.races) == "No branch of r won the race. Second attempts: 1 started, 0 won."


def test_two_races_are_told_apart():
    report = report_of(race([lasts("a", 1)], name="r"), race([lasts("b", 9, 1)], 2), race([lasts("c", 1)]))
    assert [one.wins for one in report.races] == [{"r/a": 1}, {"b~hedge": 1}, {"c": 1}]


def test_the_wait_is_no_work():
    report = report_of(lasts("before", 1), race([lasts("ask", 100, 3)], 2))
    assert [one.path for one in report.steps] == ["before", "ask", "ask~hedge/ask"]
    assert report.step("ask~hedge/ask").start == 3
    assert report.step("ask~hedge/ask").waited == 0
    assert report.work == 4
    assert report.critical_path == ("before", "ask~hedge/ask")
    assert report.critical_seconds == 4
    assert report.wall == 6


def test_it_is_in_the_report_for_json():
    report = report_of(race([lasts("ask", 9, 1)], 2, name="r"))
    assert json.loads(json.dumps(report.to_dict()))["races"] == [
        {
            "path": "r",
            "runs": 1,
            "wins": {"r/ask~hedge": 1},
            "cancelled": 1,
            "hedged": True,
            "hedges": 1,
            "hedges_won": 1,
        }
    ]
