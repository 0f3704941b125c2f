"""Rates of runs: on the virtual clock, over runs and steps that share one ``Limits``, and over loops and threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

import plait
from plait import InvalidPipeline, Limit, Limits, Pipeline, PlaitError, Retry, parallel, step
from plait.core.schedule import rates
from plait.errors import DeadlineExceeded
from plait.run.limits import admission
from plait.testing.virtual import run_virtual


@pytest.fixture(autouse=True)
def nobody_is_left_waiting():
    """No request waits, and no loop has a timer for one."""
    yield
    assert not admission._ledger.waiting()
    assert not admission._ledger.rated
    assert not admission._ledger.spent
    assert not admission._alarms._loops
    assert not admission._alarms._tickets


class Calls:
    """When a provider was called."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.inside = self.peak = 0

    def step(self, name, seconds=1.0, tokens=0, **options):
        async def call():
            self.times.append(asyncio.get_running_loop().time())
            self.inside += 1
            self.peak = max(self.peak, self.inside)
            try:
                await asyncio.sleep(seconds)
            finally:
                self.inside -= 1
            if tokens:
                plait.current_step().charge(tokens=tokens)

        return step(call, [], name, name=name, **{"resources": {"api": 1}, **options})

    def most_in_a_minute(self) -> int:
        return max(sum(1 for t in self.times if at <= t < at + 60.0) for at in self.times)


def many(calls: Calls, count: int, **options) -> list:
    return [calls.step(f"s{n}", **options) for n in range(count)]


def virtual_time_of(*pipelines: Pipeline, seed=None) -> float:
    async def main():
        await asyncio.gather(*(pipeline.arun({}) for pipeline in pipelines))
        return asyncio.get_running_loop().time()

    return run_virtual(main(), seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_two_runs_and_two_steps_share_a_rate_and_use_all_of_it(seed):
    calls, limits = Calls(), Limits({"api": Limit(rpm=6)})
    one, two = (Pipeline(parallel(many(calls, 15)), limits=limits) for _ in range(2))
    assert virtual_time_of(one, two, seed=seed) == 241.0
    assert sorted(calls.times) == [60.0 * (n // 6) for n in range(30)]


def test_fifty_callers_for_ten_thousand_seconds():
    calls, limits = Calls(), Limits({"api": Limit(concurrency=50, rpm=30)})
    pipeline = Pipeline([calls.step("s", seconds=7.5)], limits=limits)

    async def caller():
        while asyncio.get_running_loop().time() < 10_000:
            await pipeline.arun({})

    async def main():
        await asyncio.gather(*(caller() for _ in range(50)))

    run_virtual(main(), seed=1)
    times = sorted(calls.times)
    assert all(first + 60.0 <= beyond for first, beyond in zip(times, times[30:], strict=False))
    assert sum(t <= 10_000 for t in times) == 30 * (10_000 // 60 + 1), "all that the log allows was used"


def test_concurrency_and_rate_hold_together():
    calls, limits = Calls(), Limits({"api": Limit(concurrency=2, rpm=10)})
    virtual_time_of(Pipeline(parallel(many(calls, 25, seconds=10)), limits=limits), seed=3)
    assert (calls.peak, calls.most_in_a_minute()) == (2, 10)


def test_who_waits_for_a_rate_holds_nothing_and_holds_up_nobody():
    calls, others, limits = Calls(), Calls(), Limits({"api": Limit(rpm=1), "gpu": 1})
    rated = [calls.step(f"r{n}", resources={"api": 1, "gpu": 1}) for n in range(3)]
    plain = [others.step(f"p{n}", resources={"gpu": 1}, seconds=5) for n in range(4)]
    virtual_time_of(Pipeline(parallel([*rated, *plain]), limits=limits))
    assert others.times == [1.0, 6.0, 11.0, 16.0]
    assert calls.times == [0.0, 60.0, 120.0]


def test_the_rate_is_found_again_after_the_concurrency_was_what_kept_it():
    """The slot is held when the rate would have let it through, and the rate is used up when the slot is free."""
    calls, limits = Calls(), Limits({"api": Limit(rpm=2), "gpu": 1})
    holder = calls.step("holder", resources={"gpu": 1}, seconds=70)
    quick = calls.step("quick", resources={"api": 2})
    waits = calls.step("waits", resources={"gpu": 1, "api": 1})

    async def main():
        runs = [asyncio.create_task(Pipeline([holder], limits=limits).arun({}))]
        await asyncio.sleep(0)
        runs.append(asyncio.create_task(Pipeline([waits], limits=limits).arun({})))
        await asyncio.sleep(65)
        runs.append(asyncio.create_task(Pipeline([quick], limits=limits).arun({})))
        await asyncio.gather(*runs)

    run_virtual(main())
    assert calls.times == [0.0, 65.0, 125.0]


def test_each_attempt_is_a_request():
    calls, limits = Calls(), Limits({"api": Limit(rpm=1)})

    async def fails():
        calls.times.append(asyncio.get_running_loop().time())
        raise OSError("no")

    failing = step(fails, [], "x", resources={"api": 1}, retry=Retry(3, backoff=1, jitter=0))

    async def main():
        with pytest.raises(OSError, match="no"):
            await Pipeline([failing], limits=limits).arun({})

    run_virtual(main())
    assert calls.times == [0.0, 60.0, 120.0]


def test_a_nested_run_borrows_concurrency_and_its_calls_count_once_each():
    calls, limits = Calls(), Limits({"api": Limit(concurrency=1, rpm=3)})
    inner = Pipeline([calls.step("a"), calls.step("b"), calls.step("c")], limits=limits)

    async def outer():
        calls.times.append(asyncio.get_running_loop().time())
        await inner.arun({})

    virtual_time_of(Pipeline([step(outer, [], "x", resources={"api": 1})], limits=limits))
    assert calls.times == [0.0, 0.0, 1.0, 60.0]
    assert calls.peak == 1


# Leaving while waiting


def test_a_cancelled_run_leaves_the_queue_and_its_place_goes_to_the_next():
    calls, limits = Calls(), Limits({"api": Limit(rpm=1)})

    async def main():
        first, second, third = (
            asyncio.create_task(Pipeline([calls.step(f"s{n}")], limits=limits).arun({})) for n in range(3)
        )
        await asyncio.sleep(30)
        second.cancel()
        await asyncio.gather(first, third)
        with pytest.raises(asyncio.CancelledError):
            await second
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 61.0
    assert calls.times == [0.0, 60.0]


def test_a_deadline_ends_the_wait():
    calls, limits = Calls(), Limits({"api": Limit(rpm=1)})

    async def main():
        await Pipeline([calls.step("a")], limits=limits).arun({})
        with pytest.raises(DeadlineExceeded):
            await Pipeline([calls.step("b")], limits=limits).arun({}, deadline=20)
        assert asyncio.get_running_loop().time() == 21.0
        assert not admission._alarms._loops, "the timer went with the last who waited"

    run_virtual(main())
    assert calls.times == [0.0]


# Tokens


def test_tokens_are_learned_and_what_was_used_delays_the_next():
    calls, limits = Calls(), Limits({"api": Limit(tpm=100)})
    one_by_one = Pipeline([calls.step(f"s{n}", tokens=40) for n in range(6)], limits=limits)
    virtual_time_of(one_by_one)
    # 1 is estimated first, then 40: two fit, the third would be 120.
    assert calls.times == [0.0, 1.0, 60.0, 61.0, 120.0, 121.0]


def test_more_than_the_limit_at_once_is_let_through_once_and_waited_for():
    calls, limits = Calls(), Limits({"api": Limit(tpm=100)})
    virtual_time_of(Pipeline([calls.step(f"s{n}", tokens=250) for n in range(3)], limits=limits))
    assert calls.times == [0.0, 60.0, 120.0]


def test_a_refund_wakes_who_waits():
    """The second is estimated at 90 and uses 5: the third need not wait for a minute to pass."""
    calls, limits = Calls(), Limits({"api": Limit(tpm=100), "gate": 1})
    teacher = Pipeline([calls.step("teacher", tokens=90)], limits=limits)
    cheap = Pipeline([calls.step("cheap", tokens=5)], limits=limits)

    async def main():
        await teacher.arun({})
        await asyncio.sleep(100)
        await asyncio.gather(cheap.arun({}), cheap.arun({}))

    run_virtual(main())
    assert calls.times == [0.0, 101.0, 102.0]


def test_a_thread_charges_too():
    limits = Limits({"api": Limit(tpm=100)})

    def call():
        plait.current_step().charge(tokens=30)
        plait.current_step().charge(tokens=12, resource="api")

    pipeline = Pipeline([step(call, [], "x", executor="thread", resources={"api": 1})], limits=limits)
    pipeline.run({})
    assert admission._ledger.meters[limits.id, "api"].tokens.used == 42


def test_charging_is_harmless_where_nothing_is_limited_and_says_what_is_wrong():
    def call(tokens, resource=None):
        return lambda: plait.current_step().charge(tokens=tokens, resource=resource)

    def run(component, limits=None, mode="parallel", **options):
        Pipeline([step(component, [], "x", name="s", **options)], limits=limits).run({}, mode=mode)

    run(call(5))
    run(call(5), resources={"cpu": 1})
    with plait.testing.step_context():
        plait.current_step().charge(tokens=5)
    both = Limits({"openai": Limit(tpm=100), "other": Limit(tpm=100), "gpu": 1})
    everything = {"openai": 1, "other": 1, "gpu": 1}
    for mode in ("parallel", "serial"):
        run(call(5, "other"), both, mode, resources=everything)
        for component, message in [
            (call(5), "step 's' asks for 'openai' and 'other', which all have tokens per minute; say which"),
            (call(5, "opnai"), "'opnai'; it can charge 'openai' and 'other'; did you mean 'openai'?"),
            (call(5, "gpu"), "'gpu'; it can charge 'openai' and 'other'"),
            (call(-1), r"charge\(tokens=-1\): tokens is a whole number from 0"),
            (call(True), r"charge\(tokens=True\)"),
            (call(1.5), r"charge\(tokens=1.5\)"),
        ]:
            with pytest.raises(PlaitError, match=message):
                run(component, both, mode, resources=everything)
    with pytest.raises(PlaitError, match="charges 'openai'; nothing it asks for has tokens per minute"):
        run(call(5, "openai"))


# What may be declared


def test_more_than_a_minute_allows_is_refused_before_it_waits_for_ever():
    limits = Limits({"api": Limit(concurrency=9, rpm=3)})
    pipeline = Pipeline([step(lambda: 1, [], "x", name="s", resources={"api": 4})], limits=limits)
    with pytest.raises(InvalidPipeline, match="asks for 4 of 'api', and there is only 3"):
        pipeline.run({})


def test_fractions_share_one_card():
    calls, limits = Calls(), Limits({"gpu": 1})
    steps = [
        calls.step(f"s{n}", resources={"gpu": amount}) for n, amount in enumerate([0.3, 0.3, 0.4, 0.001])
    ]
    virtual_time_of(Pipeline(parallel(steps), limits=limits))
    assert sorted(calls.times) == [0.0, 0.0, 0.0, 1.0]


def test_memory_is_shared_by_size():
    calls, limits = Calls(), Limits({"memory": "1 GB"})
    steps = [calls.step(f"s{n}", resources={"memory": "400 MB"}) for n in range(5)]
    virtual_time_of(Pipeline(parallel(steps), limits=limits))
    assert calls.times == [0.0, 0.0, 1.0, 1.0, 2.0]
    with pytest.raises(InvalidPipeline, match="asks for 2 GB of 'memory', and there is only 1 GB"):
        Pipeline([calls.step("big", resources={"memory": "2 GB"})], limits=limits).run({})


# Loops and threads


def test_no_wake_up_is_lost_with_several_loops(monkeypatch):
    """A minute of 20 ms, four loops and threads below them: with one lost wake-up this would never end."""
    monkeypatch.setattr(rates, "MINUTE", 0.02)
    limits, done = Limits({"api": Limit(concurrency=3, rpm=40, tpm=10_000), "gpu": 1}), []

    async def call():
        await asyncio.sleep(0)
        plait.current_step().charge(tokens=100)
        done.append(1)

    def blocking():
        plait.current_step().charge(tokens=150)
        done.append(1)

    pipeline = Pipeline(
        parallel(
            [
                step(call, [], "a", name="a", resources={"api": 1}),
                step(call, [], "b", name="b", resources={"api": 1, "gpu": 0.5}),
                step(blocking, [], "c", name="c", executor="thread", resources={"api": 2}),
            ]
        ),
        limits=limits,
    )

    async def several():
        runs = [asyncio.create_task(pipeline.arun({})) for _ in range(8)]
        await asyncio.sleep(0.001)
        runs.pop().cancel()
        await asyncio.gather(*runs)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: asyncio.run(several()), range(8)))
    assert len(done) >= 8 * 7 * 3


def test_a_loop_that_was_closed_keeps_nobody_waiting(monkeypatch):
    monkeypatch.setattr(rates, "MINUTE", 0.05)
    calls, limits = Calls(), Limits({"api": Limit(rpm=1)})
    pipeline = Pipeline([calls.step("x", seconds=0)], limits=limits)
    pipeline.run({})
    loop = asyncio.new_event_loop()
    left = loop.create_task(pipeline.arun({}))
    loop.run_until_complete(asyncio.sleep(0.005))
    loop.close()  # left behind while it waits for the rate
    pipeline.run({})
    assert len(calls.times) == 2
    left._log_destroy_pending = False
