"""A retry waits at least as long as the error asks for."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from plait import Pipeline, Retry, parallel, step
from plait.testing.virtual import run_virtual


class Refused(Exception):
    def __init__(self, seconds: object) -> None:
        super().__init__("refused")
        self.retry_after = seconds


def times(*asked, retry, block=False):
    """When each attempt of a step began that is refused so often, in virtual seconds."""
    left, began = list(asked), []

    async def call() -> str:
        began.append(asyncio.get_running_loop().time())
        if left:
            raise Refused(left.pop(0))
        return "yes"

    one = step(call, output_state="answer", retry=None if block else retry)
    pipeline = Pipeline([parallel([one], retry=retry, name="block")] if block else [one])
    assert run_virtual(pipeline.arun({})).state["answer"] == "yes"
    return [later - before for before, later in itertools.pairwise(began)]


@pytest.mark.parametrize("block", [False, True])
def test_the_back_off_comes_on_top_of_what_the_error_asks(block) -> None:
    assert times(7, retry=Retry(2, backoff=1, jitter=0), block=block) == [pytest.approx(8.0)]
    assert times("7", retry=Retry(2, backoff=0), block=block) == [pytest.approx(7.0)]


def test_the_back_off_grows_all_the_same() -> None:
    found = times(10, 10, 10, retry=Retry(4, backoff=1, jitter=0))
    assert found == [pytest.approx(11.0), pytest.approx(12.0), pytest.approx(14.0)]


def test_it_is_never_shorter_than_asked_and_never_the_same_for_all() -> None:
    found = [times(5, retry=Retry(2, backoff=1, jitter=1.0))[0] for _ in range(20)]
    assert all(5.0 <= wait <= 6.0 for wait in found)
    assert len({round(wait, 6) for wait in found}) > 10


@pytest.mark.parametrize("nothing", [None, 0, -1, "soon", float("nan"), True])
def test_an_error_that_asks_for_nothing_leaves_the_back_off_as_it_is(nothing) -> None:
    assert times(nothing, retry=Retry(2, backoff=1, jitter=0)) == [pytest.approx(1.0)]


def test_a_filter_that_names_the_seconds_has_the_last_word() -> None:
    assert times(7, retry=Retry(2, backoff=1, jitter=0, on=lambda error: 0.5)) == [pytest.approx(0.5)]
    assert times(7, retry=Retry(2, backoff=1, jitter=0, on=lambda error: True)) == [pytest.approx(8.0)]


def test_it_is_capped() -> None:
    assert times(1e9, retry=Retry(2, backoff=0)) == [pytest.approx(300.0)]
