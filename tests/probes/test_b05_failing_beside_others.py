"""Probe B5: a step fails at 0.2 s beside one that takes 1.0 s, and nothing is left."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from plait import Pipeline, parallel, step

FAILS, TAKES = 0.2, 1.0

pytestmark = pytest.mark.timing


def timed(other, **options):
    """Seconds until the error is with the caller."""

    async def fails():
        await asyncio.sleep(FAILS)
        raise ConnectionError("beside")

    pipeline = Pipeline([parallel([step(fails, None, "x"), step(other, None, "y", name="other", **options)])])
    began = time.perf_counter()
    with pytest.raises(ConnectionError) as caught:
        asyncio.run(pipeline.arun({}))
    return time.perf_counter() - began, caught.value


def test_async_the_error_comes_when_it_happens():
    ended = []

    async def other():
        await asyncio.sleep(TAKES)
        ended.append(None)

    took, _ = timed(other)
    assert FAILS <= took < TAKES * 0.6
    assert ended == []


def test_a_thread_is_waited_for():
    ended = []

    def other():
        time.sleep(TAKES)
        ended.append(None)

    took, _ = timed(other)
    assert TAKES * 0.95 <= took < TAKES * 1.6
    assert ended == [None]


def test_a_thread_that_may_be_abandoned_is_flagged_and_its_value_is_void():
    ended = threading.Event()

    def other():
        time.sleep(TAKES)
        ended.set()
        return "late"

    took, error = timed(other, abandon=True)
    assert FAILS <= took < TAKES * 0.6
    assert not ended.is_set()
    assert any("'other' was stopped, but its thread was left behind" in note for note in error.__notes__)
    assert ended.wait(10)
