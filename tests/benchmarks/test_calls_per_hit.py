"""What a result costs that is found in a cache, in calls; see ``test_calls_per_step`` for how gates are set."""

from __future__ import annotations

from typing import Any

from benchmarks.calls import Calls, per_unit

from plait import MemoryCache, Pipeline, step


async def inc(x: int) -> int:
    return x + 1


def dec(x: int) -> int:
    return x - 1


def hits(component: Any, *, cached: bool = True) -> Calls:
    """The calls of one more step of a chain whose results are all known."""
    store = MemoryCache(max_entries=1000)

    def make(length: int) -> Any:
        steps = [
            step(component, {"x": f"k{i}"}, f"k{i + 1}", name=f"s{i}", cache=store if cached else None)
            for i in range(length)
        ]
        pipeline = Pipeline(steps)

        async def run() -> Any:
            return await pipeline.arun({"k0": 0})

        return run

    return per_unit(make, 20, 60)


def within(counted: Calls, python: float, c: float) -> None:
    assert counted.python <= python, f"{counted.python} calls of Python functions; the gate is {python}"
    assert counted.c <= c, f"{counted.c} calls of C functions; the gate is {c}"


def test_a_hit_of_a_step_on_the_loop():
    within(hits(inc), python=35, c=57)


def test_a_hit_of_a_blocking_step_needs_no_thread():
    within(hits(dec), python=39, c=62)


def test_a_step_without_a_cache_pays_nothing():
    assert hits(inc, cached=False).python <= 2.2
