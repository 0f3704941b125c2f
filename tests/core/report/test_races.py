"""What a report says of races, folded from the log alone."""

from __future__ import annotations

import asyncio
import json
import operator
from typing import Annotated, Any, TypedDict

import pytest

from plait import END, Pipeline, failures, goto, if_else, interrupt, parallel, race, step, try_catch
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


@pytest.mark.parametrize(
    ("branch", "called"),
    [
        ([lasts("a", 1), goto("again", lambda state: END)], "r/a"),
        (try_catch(lasts("a", 1), lasts("b", 1)), "r/a"),
        (parallel([lasts("a", 1)], timeout=9), "r/a"),
        (parallel([lasts("a", 1)], timeout=9, name="block"), "r/block"),
        (if_else(lambda state: True, lasts("a", 1), name="choice"), "r/choice"),
        (Pipeline([lasts("a", 1)], name="inner"), "r/inner"),
    ],
)
def test_a_branch_is_called_after_what_stands_first_in_it(branch: Any, called: str):
    assert report_of(race([branch], name="r")).races[0].wins == {called: 1}


def test_a_fold_before_the_step_is_not_the_name_of_its_branch():
    class State(TypedDict, total=False):
        found: Annotated[list[int], operator.add]
        count: int

    async def find() -> list[int]:
        return [1]

    async def count(found: list[int]) -> int:
        return len(found)

    steps = [step(find, {}, "found"), step(find, {}, "found", name="more")]
    counted = race([step(count, ["found"], "count")], 2)
    result = run_virtual(Pipeline([*steps, counted], state_type=State).arun({}))
    assert result.state["count"] == 2
    assert result.report.races[0].wins == {"count": 1}


def test_a_race_that_has_not_ended_is_not_told():
    pipeline = Pipeline([race([interrupt("go on?", "a", name="ask")])])
    result = run_virtual(pipeline.arun({}))
    assert result.status == "paused"
    assert result.report.races == ()
    assert str(*run_virtual(result.aresume(True)).report.races) == "ask won the race."


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
