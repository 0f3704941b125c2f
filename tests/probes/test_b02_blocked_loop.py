"""B2: an ``async def`` that blocks the loop is named while it does so, within a second, with the cure."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from plait import Pipeline, events, parallel, step

pytestmark = pytest.mark.timing


def test_the_blocking_step_is_named_within_a_second_with_the_cure(caplog):
    async def blocks():
        time.sleep(1.5)  # what people do by mistake

    async def beside():
        await asyncio.sleep(0.1)

    seen = []

    class Listener:
        def on_event(self, event):
            seen.append(event)

    with caplog.at_level(logging.WARNING, "plait"):
        Pipeline(parallel([step(beside), step(blocks)], name="block")).run({}, observers=[Listener()])
    [record] = caplog.records
    assert "step 'block/blocks' blocks the event loop" in record.message
    assert (
        "make 'block/blocks' a plain def (it then runs in a thread), or await what blocks" in record.message
    )
    assert record.step == "block/blocks"
    [stall] = [event for event in seen if isinstance(event, events.LoopBlocked)]
    assert stall.path == "block/blocks"
    assert stall.seconds <= 1.0
    assert "time.sleep(1.5)" in stall.stack
    began = next(e.at for e in seen if isinstance(e, events.StepStarted) and e.path == "block/blocks")
    assert stall.at - began <= 1.0


def test_a_step_that_only_takes_long_is_not_named(caplog):
    async def waits():
        await asyncio.sleep(0.5)

    def works():
        time.sleep(0.5)

    with caplog.at_level(logging.WARNING, "plait"):
        Pipeline(parallel([step(waits), step(works)])).run({})
    assert caplog.records == []
