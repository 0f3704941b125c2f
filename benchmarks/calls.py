"""How many calls a run makes: a figure that no other load on the machine can disturb."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from benchmarks.peers.base import Run


class Calls(NamedTuple):
    """Calls of Python functions (a coroutine that goes on counts again) and of functions written in C."""

    python: float
    c: float


def count(run: Run) -> Calls:
    """The calls of one run, after two others that fill every cache: the least of three counts.

    On a machine that is busy with other things a run may last long enough for a sign of life to the watchdog to
    fall into it; that is not part of the run.
    """
    return min(asyncio.run(_count(run)) for _ in range(3))


async def _count(run: Run) -> Calls:
    await run()
    await run()
    await asyncio.sleep(0)  # what the last run left for the loop is not part of the next
    python = c = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal python, c
        if event == "call":
            python += 1
        elif event == "c_call":
            c += 1

    collecting = gc.isenabled()
    gc.disable()
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await run()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return Calls(python, c - 1)  # the last one is `sys.setprofile` itself


def per_unit(make: Callable[[int], Run], small: int, large: int) -> Calls:
    """The calls that each further unit adds: what a run costs by itself cancels out."""
    one, other = count(make(small)), count(make(large))
    units = large - small
    return Calls((other.python - one.python) / units, (other.c - one.c) / units)
