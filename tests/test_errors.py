"""What a failed run raises can be taken apart with `except*`, and still tells which steps failed."""

from __future__ import annotations

import asyncio

import pytest

from plait import Pipeline, PipelineErrors, StepCancelled, failures, parallel, step


def lost(text: str) -> str:
    raise ConnectionError("lost")


def wrong(text: str) -> str:
    raise ValueError("wrong")


def both_at_once(text: str) -> str:
    raise ExceptionGroup("two", [ConnectionError("inside"), KeyError("inside")])


async def gives_up(text: str) -> str:
    raise asyncio.CancelledError


BRANCHES = {
    name: step(c, ["text"], name) for name, c in {"first": lost, "second": wrong, "third": lost}.items()
}
SEVERAL = Pipeline([parallel(BRANCHES, on_error="finish")], name="several")


def test_the_part_that_except_star_takes_tells_of_its_own_failures() -> None:
    paths: dict[str, list[str]] = {}
    try:
        SEVERAL.run({"text": "x"})
    except* ConnectionError as group:
        assert isinstance(group, PipelineErrors)
        paths["lost"] = [failure.path for failure in failures(group)]
        assert failures(group).report is group.report is not None
    except* ValueError as group:
        paths["wrong"] = [failure.path for failure in failures(group)]
    assert paths == {"lost": ["first", "third"], "wrong": ["second"]}


def test_a_single_failure_taken_by_except_star_is_told() -> None:
    found = []
    try:
        Pipeline([step(lost, ["text"], "a")]).run({"text": "x"})
    except* ConnectionError as group:
        found = [(failure.path, str(failure.error)) for failure in failures(group)]
        assert failures(group).report is not None
    assert found == [("lost", "lost")]


def test_a_group_that_a_step_raised_is_told_of_whichever_half_is_taken() -> None:
    pipeline = Pipeline(
        [parallel([step(both_at_once, ["text"], "a"), step(wrong, ["text"], "b")], on_error="finish")]
    )
    found = []
    try:
        pipeline.run({"text": "x"})
    except* KeyError as group:
        found = [failure.path for failure in failures(group)]
    except* (ConnectionError, ValueError):
        pass
    assert found == ["both_at_once"]


def test_a_step_that_cancelled_itself_is_told_of_by_the_error_that_stands_for_it() -> None:
    pipeline = Pipeline(
        [parallel([step(gives_up, ["text"], "a"), step(wrong, ["text"], "b")], on_error="finish")]
    )
    found = []
    try:
        pipeline.run({"text": "x"})
    except* StepCancelled as group:
        found = [failure.path for failure in failures(group)]
    except* ValueError:
        pass
    assert found == ["gives_up"]


def test_errors_that_come_from_no_run_have_no_failures() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        raise ExceptionGroup("none of ours", [ValueError("x")])
    assert not failures(caught.value)
