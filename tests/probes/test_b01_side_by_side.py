"""B1: two blocking steps side by side take as long as one, from plain code and below a running loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from plait import Pipeline, parallel, step

pytestmark = pytest.mark.timing

SECONDS = 1.0
AT_MOST = 1.10
"""The figure is 1.02; the rest is for a machine that is busy with something else."""


def sleeps() -> None:
    time.sleep(SECONDS)


PIPELINE = Pipeline(parallel([step(sleeps, [], "a", name="a"), step(sleeps, [], "b", name="b")]))


def taken(run) -> float:
    """The shortest of three: what the machine adds is never negative."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def test_from_plain_code():
    assert taken(lambda: PIPELINE.run({})) / SECONDS <= AT_MOST


def test_below_a_running_loop():
    async def main():
        PIPELINE.run({})

    assert taken(lambda: asyncio.run(main())) / SECONDS <= AT_MOST


def test_awaited_on_the_running_loop():
    assert taken(lambda: asyncio.run(PIPELINE.invoke({}))) / SECONDS <= AT_MOST
