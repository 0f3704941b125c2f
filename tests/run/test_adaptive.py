"""Learning which blocking components are instant: 50 fast calls in a row promote, one slow one demotes for good."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
import types

import pytest

from plait import Pipeline, step
from plait.core.schedule.events import Switched
from plait.run.adaptive import CALLS, FAST, SLOW, Learned
from plait.run.drive import Run


class Clock:
    """Each call of the component takes as long as the test says; nothing else takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Component:
    """Notes in which thread it is called, and puts the clock forward."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.seconds, self.threads = clock, FAST / 2, []

    def __call__(self) -> int:
        self.threads.append(threading.current_thread())
        self.clock.now += self.seconds
        return 1


class Bench:
    """Runs one pipeline again and again; knows where its component was called and which switches were logged."""

    def __init__(self, **options) -> None:
        self.clock = Clock()
        self.component = Component(self.clock)
        self.pipeline = Pipeline([step(self.component, [], "x", **options)])
        self.switches: list[str] = []

    def run(self, times: int, seconds: float) -> None:
        self.component.seconds = seconds

        async def main():
            for _ in range(times):
                run = self.pipeline._new_run(
                    functools.partial(Run, clock=self.clock),
                    self.pipeline._program(fused=True),
                    {},
                    None,
                    None,
                    None,
                    (),
                )
                await run.execute()
                assert self.pipeline._result(run).state == {"x": 1}
                self.switches += [row.where for row in run.log if isinstance(row, Switched)]

        # Only the real clock teaches (on a virtual one all is instant): this one is taken for it.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "plait.run.call.time",
                types.SimpleNamespace(perf_counter=self.clock, thread_time=time.thread_time),
            )
            asyncio.run(main())

    @property
    def inline(self) -> bool:
        return self.component.threads[-1] is threading.current_thread()


def test_fifty_fast_calls_in_a_row_promote_and_the_switch_is_a_fact():
    bench = Bench()
    bench.run(CALLS, FAST / 2)
    assert not bench.inline
    assert bench.switches == ["inline"]
    bench.run(1, FAST / 2)
    assert bench.inline


def test_one_call_that_is_not_fast_begins_the_count_anew():
    bench = Bench()
    bench.run(CALLS - 1, FAST / 2)
    bench.run(1, FAST * 2)
    bench.run(CALLS - 1, FAST / 2)
    bench.run(1, FAST / 2)
    assert bench.switches == ["inline"]
    assert not bench.inline


def test_the_first_slow_call_inline_demotes_for_good():
    bench = Bench()
    bench.run(CALLS + 1, FAST / 2)
    assert bench.inline
    bench.run(1, SLOW * 2)
    assert bench.switches == ["inline", "thread"]
    bench.run(CALLS * 3, FAST / 2)
    assert not bench.inline
    assert bench.switches == ["inline", "thread"]


def test_an_inline_call_below_a_millisecond_does_not_demote():
    bench = Bench()
    bench.run(CALLS + 1, FAST / 2)
    bench.run(5, SLOW / 2)
    assert bench.inline


def test_a_chosen_executor_a_timeout_exclusivity_or_abandon_pin_it_to_threads():
    for options in (
        {"executor": "thread"},
        {"timeout": 60},
        {"exclusive": True},
        {"abandon": True},
        {"resources": {"cpu": 1}},
    ):
        bench = Bench(**options)
        bench.run(CALLS * 2, FAST / 2)
        assert not bench.inline, options
        assert bench.switches == [], options


def test_what_is_learned_belongs_to_one_step_of_one_pipeline():
    clock = Clock()
    shared = Component(clock)
    first, second = Bench(), Bench()
    first.pipeline = Pipeline([step(shared, [], "x")])
    second.pipeline = Pipeline([step(shared, [], "x")])
    first.clock = second.clock = clock
    first.component = second.component = shared
    first.run(CALLS + 1, FAST / 2)
    assert first.inline
    second.run(1, FAST / 2)
    assert not second.inline


def test_an_inline_call_runs_in_a_copied_context():
    import contextvars

    colour = contextvars.ContextVar("colour", default="none")

    def sets():
        seen.append(colour.get())
        colour.set("red")

    seen: list[str] = []
    pipeline = Pipeline([step(sets)])

    async def main():
        for _ in range(CALLS * 6):
            await pipeline.arun({})

    asyncio.run(main())
    assert set(seen) == {"none"}


def test_the_rule_itself():
    learned = Learned()
    assert [learned.saw(FAST / 2) for _ in range(CALLS)] == [None] * (CALLS - 1) + ["inline"]
    assert learned.saw(SLOW) is None  # exactly a millisecond is not over it
    assert learned.saw(SLOW * 1.01) == "thread"
    assert [learned.saw(0.0) for _ in range(CALLS * 2)] == [None] * CALLS * 2
    again = Learned()
    again.saw(FAST)  # exactly the bound is not under it
    assert again.fast == 0
