"""The watchdog: its one thread survives whatever the loops do meanwhile."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from typing import Any

import pytest

from plait import Pipeline, Val, parallel, step
from plait.run.watchdog import THRESHOLD, Stall, Watchdog, Watched


def test_a_loop_that_answers_between_two_looks_is_no_trouble():
    """The answer may come at any moment, also while the watchdog compares times."""

    class Restless(Watched):
        """Answers as soon as somebody has looked."""

        __slots__ = ("looks",)

        @property
        def asked(self):
            self.looks += 1
            return 1.0 if self.looks == 1 else None

        @asked.setter
        def asked(self, value):
            self.looks = 0

    loop = asyncio.new_event_loop()
    try:
        restless = Restless(loop)
        dog = Watchdog(test_a_loop_that_answers_between_two_looks_is_no_trouble.__code__)
        dog._look(restless)
        assert restless.looks >= 1
    finally:
        loop.close()


@pytest.mark.timing
def test_a_loop_that_was_closed_is_forgotten_and_the_thread_lives_on(caplog):
    async def blocks():
        time.sleep(0.3)

    with caplog.at_level(logging.WARNING, "plait"):
        for _ in range(2):
            asyncio.run(Pipeline([step(blocks, [])]).arun({}))
    assert [r.step for r in caplog.records] == ["blocks", "blocks"]
    assert len([t for t in threading.enumerate() if t.name == "plait-watchdog"]) == 1


def test_what_it_says():
    stall = Stall("block/work", THRESHOLD, "a stack")
    assert str(stall) == (
        "step 'block/work' blocks the event loop: nothing else of the process could go on for 0.10 s; "
        "make 'block/work' a plain def (it then runs in a thread), or await what blocks"
    )


@pytest.mark.parametrize("where", ["the caller's own Task", "a Task of ours"])
def test_a_value_that_is_no_longer_needed_is_let_go_also_after_a_stall(where):
    """Looking at a frame's locals from outside makes copies, which live as long as the frame."""

    class Big:
        pass

    seen: list[Any] = []
    told = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record):
            told.set()

    async def make():
        big = Big()
        seen.append(weakref.ref(big))
        return big

    async def blocks(big):
        assert told.wait(30), "the watchdog did not see it"
        return "small"

    async def later(small):
        gc.collect()
        seen.append(seen[0]())
        return small

    steps = [step(make, [], "big"), step(blocks, ["big"], "big"), step(later, {"small": "big"}, "end")]
    if where == "a Task of ours":
        steps = [parallel([steps, step(asyncio.sleep, {"delay": Val(0)}, name="other")])]
    listener = Listener()
    logging.getLogger("plait").addHandler(listener)
    try:
        asyncio.run(Pipeline(steps).arun({}))
    finally:
        logging.getLogger("plait").removeHandler(listener)
    assert seen[1] is None
