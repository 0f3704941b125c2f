"""Probe B6: two branches fail, and both are reported with their paths; it costs no more than the slower one."""

from __future__ import annotations

import asyncio
import time

import pytest

from plait import Pipeline, PipelineErrors, failures, parallel, step

FIRST, SECOND = 0.1, 0.3


def branches(blocking):
    def blocks(seconds, kind):
        def work():
            time.sleep(seconds)
            raise kind(f"after {seconds} s")

        return work

    def waits(seconds, kind):
        async def work():
            await asyncio.sleep(seconds)
            raise kind(f"after {seconds} s")

        return work

    make = blocks if blocking else waits
    return [
        step(make(SECOND, OSError), None, "a", name="slow"),
        step(make(FIRST, KeyError), None, "b", name="quick"),
    ]


@pytest.mark.timing
@pytest.mark.parametrize("blocking", [False, True])
def test_both_come_as_one_group_with_their_paths(blocking):
    pipeline = Pipeline([parallel(branches(blocking), name="block", on_error="finish")])
    began = time.perf_counter()
    with pytest.raises(PipelineErrors) as caught:
        asyncio.run(pipeline.arun({}))
    took = time.perf_counter() - began
    assert [f.path for f in failures(caught.value)] == ["block/slow", "block/quick"]
    assert [type(e) for e in caught.value.exceptions] == [OSError, KeyError]
    assert isinstance(caught.value, ExceptionGroup)
    assert SECOND <= took < (FIRST + SECOND) * 1.5
