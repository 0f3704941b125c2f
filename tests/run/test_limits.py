"""Admission: one ledger for the process; all or nothing, no lost wake-ups, nothing multiplied by nesting."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from plait import (
    DefinitionError,
    InvalidPipeline,
    Limit,
    Limits,
    Pipeline,
    Retry,
    parallel,
    set_limits,
    step,
    subgraph,
)
from plait.run.limits import Admission, admission, default_limits
from plait.run.machine import usable_cores
from plait.testing.virtual import run_virtual


class Gauge:
    """How many are inside at once, and the most there ever were; from threads and loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = self.peak = self.calls = 0

    def __enter__(self):
        with self._lock:
            self.inside += 1
            self.calls += 1
            self.peak = max(self.peak, self.inside)

    def __exit__(self, *_):
        with self._lock:
            self.inside -= 1

    def step(self, name, seconds=1.0, **options):
        async def work():
            with self:
                await asyncio.sleep(seconds)

        return step(work, [], name, name=name, **options)

    def step_in_a_thread(self, name, **options):
        def work():
            with self:
                threading.Event().wait(0.002)

        return step(work, [], name, name=name, executor="thread", **options)


@pytest.fixture(autouse=True)
def the_ledger_is_as_before():
    """What a test's runs held was given back, and their own names were forgotten."""
    before = admission.snapshot()
    yield
    for name, (free, capacity) in admission.snapshot().items():
        assert free == capacity, name
        assert name in before or not (isinstance(name, tuple) and name[0] in ("cap", "lent")), name


# What may be declared


def test_cpu_is_predefined_as_the_usable_cores():
    assert Limits()["cpu"].concurrency == usable_cores()
    assert Limits({"cpu": 1})["cpu"].concurrency == 1
    assert dict(Limits({"gpu": 2, "api": Limit(8)})).keys() == {"cpu", "memory", "gpu", "api"}
    assert repr(Limits({"cpu": 1, "api": Limit(8)})) == "Limits({'cpu': 1, 'api': 8})"
    assert repr(Limit(8)) == "Limit(concurrency=8)"
    assert repr(Limit(8, rpm=60, tpm=30_000)) == "Limit(concurrency=8, rpm=60, tpm=30000)"
    assert repr(Limits({"api": Limit(rpm=6)})) == "Limits({'api': Limit(rpm=6)})"


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"gpu": 0}, "'gpu' is 0; it is a whole number from 1$"),
        ({"gpu": 1.5}, "'gpu' is 1.5"),
        ({"gpu": True}, "'gpu' is True"),
        ({"gpu": None}, "'gpu' is None; give a whole number or a Limit"),
        ({"gpu": "1"}, "'gpu' is '1'"),
        ({5: 1}, "5 is not a resource name"),
        ({"": 1}, "'' is not a resource name"),
        ({"#1": 1}, "'#1' is not a resource name"),
        (["gpu"], r"\['gpu'\] is no mapping; write Limits\(\{'gpu': 1\}\)"),
        (5, "5 is no mapping"),
    ],
)
def test_a_wrong_declaration_is_refused(resources, message):
    with pytest.raises(DefinitionError, match=message):
        Limits(resources)


@pytest.mark.parametrize("value", [0, -1, None, "1", 1.5])
def test_a_limit_is_a_whole_number(value):
    with pytest.raises(DefinitionError, match="Limit"):
        Limit(value)


def test_the_limits_of_the_process_are_those_of_pipelines_without_their_own():
    gauge, before = Gauge(), default_limits()
    pipeline = Pipeline(parallel([gauge.step(f"s{n}", resources={"api": 1}) for n in range(6)]))
    with pytest.raises(InvalidPipeline, match="E301"):
        pipeline.run({})
    try:
        set_limits(Limits({"api": 2}))
        run_virtual(pipeline.arun({}))
        assert gauge.peak == 2
        set_limits(Limits({"api": 4}))
        run_virtual(pipeline.arun({}))
        assert gauge.peak == 4
    finally:
        set_limits(before)
    with pytest.raises(DefinitionError, match=r"set_limits\(5\): give a Limits"):
        set_limits(5)


@pytest.fixture
def process_limits():
    """``set_limits``, taken back after the test."""
    before = default_limits()
    yield set_limits
    set_limits(before)


def asking(*needs: dict[str, int], **options: Any) -> Pipeline:
    steps = [step(lambda: 1, {}, f"x{n}", name=f"s{n}", resources=need) for n, need in enumerate(needs)]
    return Pipeline(steps, **options)


@pytest.mark.parametrize("own", [True, False], ids=["own", "process"])
def test_all_that_the_limits_lack_is_refused_at_once_whosever_limits_they_are(own, process_limits):
    limits = Limits({"api": 2})
    process_limits(Limits({"gpu": 9}) if own else limits)
    pipeline = asking({"apy": 1}, {"api": 3}, {"api": 2}, {"gpu": 1}, limits=limits if own else None)

    said = ["'s0' asks for 'apy'", "'s1' asks for 3 of 'api'", "'s3' asks for 'gpu'"]
    found = pipeline.check()
    assert [(d.code, d.paths) for d in found if d.is_error] == [("E301", (f"s{n}",)) for n in (0, 1, 3)]
    assert all(d.message.startswith(start) for d, start in zip(found, said, strict=True))
    asked = {
        "run": lambda: pipeline.run({}),
        "serial": lambda: pipeline.run({}, mode="serial"),
        "arun": lambda: asyncio.run(pipeline.arun({})),
        "plan": pipeline.plan,
        "map": lambda: pipeline.map([{}]),
        "stream": lambda: pipeline.stream({}),
    }
    for name, call in asked.items():
        with pytest.raises(InvalidPipeline) as caught:
            call()
        assert [d for d in caught.value.diagnostics if d.is_error] == found, name


def test_a_pipeline_that_was_valid_is_asked_again_when_the_process_has_other_limits(process_limits):
    pipeline = asking({"api": 2})
    process_limits(Limits({"api": 2}))
    assert pipeline.check() == []
    pipeline.run({})
    process_limits(Limits({"api": 1}))
    assert [d.code for d in pipeline.check()] == ["E301"]
    for call in (pipeline.plan, lambda: pipeline.run({}), lambda: pipeline.run({}, mode="serial")):
        with pytest.raises(InvalidPipeline, match="there is only 1"):
            call()
    process_limits(Limits({"api": 3}))
    assert pipeline.run({}).state == {"x0": 1}
    own = asking({"api": 2}, limits=Limits({"api": 2}))
    own.run({})
    process_limits(Limits())
    assert own.run({}).state == {"x0": 1}, "a pipeline with limits of its own has nothing to do with those"


def test_items_that_come_after_other_limits_were_set_meet_these(process_limits):
    process_limits(Limits({"api": 1}))
    pipeline = asking({"api": 1})

    def inputs() -> Iterator[dict[str, Any]]:
        yield {}
        process_limits(Limits())
        yield {}

    async def main() -> list[str]:
        async with pipeline.amap(inputs(), max_concurrency=1) as items:
            return [type(item.error).__name__ async for item in items]

    assert run_virtual(main()) == ["NoneType", "InvalidPipeline"]


# Caps


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_a_cap_on_the_run_holds_through_blocks_and_embedded_pipelines(cap):
    gauge = Gauge()
    inner = Pipeline(parallel([gauge.step(f"i{n}", seconds=1 + n % 3) for n in range(4)]))
    steps = [
        subgraph(inner, name=f"b{n}", output_state={f"b{n}_{i}": f"i{i}" for i in range(4)}) for n in range(6)
    ]
    pipeline = Pipeline(parallel(steps), max_concurrency=cap)
    run_virtual(pipeline.arun({}))
    assert (gauge.peak, gauge.calls) == (cap, 24)


def test_caps_hold_at_every_level_at_once():
    every, inner_gauges = Gauge(), [Gauge() for _ in range(3)]

    def work(n):
        async def both():
            with every, inner_gauges[n]:
                await asyncio.sleep(1)

        return both

    def inner(n):
        return Pipeline(
            parallel([step(work(n), [], f"x{n}_{i}", name=f"x{i}") for i in range(6)]),
            max_concurrency=2,
            name=f"p{n}",
        )

    block = parallel([inner(n) for n in range(3)], max_concurrency=5)
    run_virtual(Pipeline([block], max_concurrency=9).arun({}))
    assert every.peak == 5
    assert [g.peak for g in inner_gauges] == [2, 2, 2]


def test_a_cap_of_a_block_with_a_policy_holds():
    gauge = Gauge()
    block = parallel(
        [gauge.step(f"s{n}") for n in range(6)], max_concurrency=2, timeout=100, on_error="finish"
    )
    run_virtual(Pipeline([block]).arun({}))
    assert gauge.peak == 2


@pytest.mark.parametrize("way", ["map", "runs"])
def test_b9_a_cap_of_three_with_nested_maps_has_a_peak_of_three(way):
    """6 × 4 calls, started by a map inside of each item of a map, in threads: 3 at once, never more."""
    gauge = Gauge()
    limits = Limits({"api": 3})
    inner = Pipeline([gauge.step_in_a_thread("call", resources={"api": 1})], limits=limits)

    def fan_out():
        if way == "map":
            for item in inner.map([{}] * 4, max_concurrency=4):
                assert item.ok, item.error
        else:
            for _ in range(4):
                inner.run({})

    outer = Pipeline([step(fan_out, [])], limits=limits)
    for item in outer.map([{}] * 6, max_concurrency=6):
        assert item.ok, item.error
    assert (gauge.calls, gauge.peak) == (24, 3)


def test_b9_on_the_loop():
    gauge = Gauge()
    limits = Limits({"api": 3})
    inner = Pipeline([gauge.step("call", resources={"api": 1})], limits=limits)

    async def fan_out():
        async with inner.amap([{}] * 4, max_concurrency=4) as items:
            async for item in items:
                assert item.ok, item.error

    outer = Pipeline([step(fan_out, [])])

    async def main():
        async with outer.amap([{}] * 6, max_concurrency=6) as items:
            return [item.ok async for item in items]

    assert run_virtual(main()) == [True] * 6
    assert (gauge.calls, gauge.peak) == (24, 3)


# Borrowing


def test_a_component_that_holds_lends_to_the_run_it_starts():
    """With a limit of 1 it would otherwise wait for itself."""
    limits, gauge = Limits({"gpu": 1}), Gauge()
    inner = Pipeline([gauge.step("x", resources={"gpu": 1})], limits=limits)

    def holds():
        inner.run({})

    async def holds_on_the_loop():
        await inner.arun({})

    for component in (holds, holds_on_the_loop):
        Pipeline(parallel([step(component, [], resources={"gpu": 1})]), limits=limits).run({})
    assert (gauge.calls, gauge.peak) == (2, 1)


def test_what_is_lent_is_not_multiplied_by_the_number_of_runs_that_borrow_it():
    limits, gauge = Limits({"gpu": 2}), Gauge()
    inner = Pipeline([gauge.step("x", resources={"gpu": 1})], limits=limits)

    async def holds():
        await asyncio.gather(*(inner.arun({}) for _ in range(5)))

    outer = Pipeline(
        parallel([step(holds, [], f"h{n}", name=f"h{n}", resources={"gpu": 1}) for n in range(2)]),
        limits=limits,
    )
    run_virtual(outer.arun({}))
    assert (gauge.calls, gauge.peak) == (10, 2)


def test_a_run_that_asks_for_more_than_is_lent_gets_what_is_lent():
    limits = Limits({"gpu": 4})
    inner = Pipeline([step(lambda: 1, [], "x", resources={"gpu": 4})], limits=limits)
    outer = Pipeline([step(lambda: inner.run({}).state["x"], [], "y", resources={"gpu": 1})], limits=limits)
    assert outer.run({}).state["y"] == 1


def test_lending_goes_down_several_levels():
    limits = Limits({"gpu": 1})
    run = lambda: 1  # noqa: E731
    for _ in range(4):
        pipeline = Pipeline([step(run, [], "x", resources={"gpu": 1})], limits=limits)
        run = lambda p=pipeline: p.run({}).state["x"]  # noqa: E731
    assert run() == 1


def test_the_same_name_in_other_limits_is_another_resource():
    """Holding 1 of one ``api`` says nothing of the other, which has its own amount and its own waiters."""
    gauge = Gauge()
    theirs = Limits({"api": 1})
    inner = Pipeline([gauge.step("x", resources={"api": 1})], limits=theirs)

    async def holds():
        await inner.arun({})

    steps = [step(holds, [], f"h{n}", name=f"h{n}", resources={"api": 1}) for n in range(3)]
    run_virtual(Pipeline(parallel(steps), limits=Limits({"api": 3})).arun({}))
    assert (gauge.calls, gauge.peak) == (3, 1)


# Exclusive


def test_an_exclusive_name_holds_over_branches_runs_items_loops_and_pipelines():
    gauge = Gauge()
    one = Pipeline(parallel([gauge.step_in_a_thread(f"s{n}", exclusive="printer") for n in range(3)]))
    other = Pipeline([gauge.step("x", seconds=0.002, exclusive="printer")])

    def on_a_loop_of_its_own(n):
        asyncio.run(other.arun({})) if n % 2 else one.run({})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(on_a_loop_of_its_own, range(8)))
    assert all(item.ok for item in one.map([{}] * 3))
    assert (gauge.calls, gauge.peak) == (4 * 3 + 4 + 9, 1)


def test_an_exclusive_component_is_called_once_at_a_time_over_items_and_runs():
    gauge = Gauge()
    pipeline = Pipeline([gauge.step("x", exclusive=True)])

    async def main():
        async with pipeline.amap([{}] * 4, max_concurrency=4) as items:
            await asyncio.gather(pipeline.arun({}), pipeline.arun({}))
            return [item.ok async for item in items]

    assert run_virtual(main()) == [True] * 4
    assert (gauge.calls, gauge.peak) == (6, 1)


def test_an_exclusive_component_is_called_once_at_a_time_wherever_it_stands():
    gauge = Gauge()

    async def work():
        with gauge:
            await asyncio.sleep(1)

    def steps(prefix):
        return [step(work, [], f"{prefix}{n}", name=f"{prefix}{n}", exclusive=True) for n in range(3)]

    embedded = Pipeline(parallel(steps("inner")), name="embedded")
    run_virtual(Pipeline(parallel([*steps("outer"), embedded])).arun({}))
    assert (gauge.calls, gauge.peak) == (6, 1)


def test_steps_of_other_names_do_not_exclude_each_other():
    gauge = Gauge()
    steps = [gauge.step(f"s{n}", exclusive=f"name {n}") for n in range(3)]
    run_virtual(Pipeline(parallel(steps)).arun({}))
    assert gauge.peak == 3


def test_an_exclusive_step_may_start_a_run_of_the_same_name():
    inner = Pipeline([step(lambda: 1, [], "x", exclusive="db")])
    assert Pipeline([step(lambda: inner.run({}).state["x"], [], "y", exclusive="db")]).run({}).state["y"] == 1


# Who is next


def test_all_or_nothing_so_two_that_need_both_never_wait_for_each_other():
    limits = Limits({"a": 1, "b": 1})
    gauge = Gauge()
    needs = [{"a": 1, "b": 1}, {"b": 1, "a": 1}, {"a": 1}, {"b": 1}] * 5
    steps = [gauge.step(f"s{n}", resources=need) for n, need in enumerate(needs)]
    for seed in range(20):
        run_virtual(Pipeline(parallel(steps), limits=limits).arun({}), seed=seed)
    assert gauge.calls == 400
    assert gauge.peak <= 2


def test_the_one_with_the_longest_remaining_path_goes_first():
    order = []

    def make(name):
        async def work():
            order.append(name)
            await asyncio.sleep(1)

        return step(work, [], name, name=name, resources={"api": 1})

    tail = [step(lambda: 0, [], f"t{n}", name=f"t{n}") for n in range(3)]
    pipeline = Pipeline(
        parallel([make("first"), make("short"), [make("long"), *tail]]), limits=Limits({"api": 1})
    ).with_durations({"first": 1, "short": 1, "long": 1, "t0": 5, "t1": 5, "t2": 5})
    run_virtual(pipeline.arun({}))
    assert order[0] == "long"
    assert sorted(order[1:]) == ["first", "short"]


def test_a_wait_between_attempts_holds_nothing():
    order = []

    async def fails_once():
        order.append("fails_once")
        if order.count("fails_once") == 1:
            raise OSError("once")

    async def other():
        order.append("other")
        await asyncio.sleep(1)

    pipeline = Pipeline(
        parallel(
            [
                step(fails_once, resources={"api": 1}, retry=Retry(attempts=2, backoff=5, jitter=0)),
                step(other, resources={"api": 1}),
            ]
        ),
        limits=Limits({"api": 1}),
    )
    run_virtual(pipeline.arun({}))
    assert order == ["fails_once", "other", "fails_once"]


def test_a_waiting_step_that_is_cancelled_leaves_the_queue():
    limits, gauge = Limits({"api": 1}), Gauge()

    async def fails():
        await asyncio.sleep(1)
        raise OSError("no")

    async def main():
        holder = asyncio.create_task(
            Pipeline([gauge.step("x", seconds=10, resources={"api": 1})], limits=limits).arun({})
        )
        await asyncio.sleep(0.1)
        waits = Pipeline(parallel([gauge.step("y", resources={"api": 1}), step(fails)]), limits=limits)
        with pytest.raises(OSError, match="no"):
            await waits.arun({})
        assert gauge.calls == 1
        await holder

    run_virtual(main())


def test_no_wake_up_is_lost_across_loops_and_threads():
    """Short holds, many loops, all at once: with one lost wake-up this would never end."""
    limits, gauge = Limits({"api": 2, "gpu": 1}), Gauge()
    pipeline = Pipeline(
        parallel(
            [
                gauge.step("a", seconds=0, resources={"api": 1}),
                gauge.step("b", seconds=0, resources={"api": 2}),
                gauge.step_in_a_thread("c", resources={"gpu": 1, "api": 1}),
            ]
        ),
        limits=limits,
    )

    async def several():
        await asyncio.gather(*(pipeline.arun({}) for _ in range(8)))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: asyncio.run(several()), range(8)))
    assert gauge.calls == 8 * 8 * 3
    assert gauge.peak <= 2


def test_a_grant_for_a_loop_that_was_closed_goes_on_to_the_next():
    class Ticket:
        def __init__(self, told):
            self.told = told

        def loop_call(self):
            self.told.append(self)

    office, told = Admission(), []
    office.declare({"x": 1})
    tickets = [Ticket(told) for _ in range(3)]
    need = (("x", 1),)
    assert [office.request(t, need, 0.0) for t in tickets] == [True, False, False]
    assert office.withdraw(tickets[1]) == []  # it only waited
    assert office.release(tickets[0]) == [tickets[2]]
    assert office.withdraw(tickets[2]) == []  # it had been granted: given back
    assert office.snapshot() == {"x": (1, 1)}


def test_random_requests_from_many_threads_never_exceed_the_amount():
    office = Admission()
    office.declare({"a": 3, "b": 2})
    gauges = {"a": 0, "b": 0}
    lock = threading.Lock()

    class Ticket:
        def __init__(self):
            self.granted = threading.Event()

    def worker(seed):
        draw = random.Random(seed)
        for _ in range(200):
            need = draw.choice([(("a", 1),), (("a", 2), ("b", 1)), (("b", 2),), (("a", 3), ("b", 2))])
            ticket = Ticket()
            if not office.request(ticket, need, draw.random()):
                assert ticket.granted.wait(30), "a wake-up was lost"
            with lock:
                for name, amount in need:
                    gauges[name] += amount
                assert gauges["a"] <= 3
                assert gauges["b"] <= 2
            with lock:
                for name, amount in need:
                    gauges[name] -= amount
            for other in office.release(ticket):
                other.granted.set()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(worker, range(6)))
    assert office.snapshot() == {"a": (3, 3), "b": (2, 2)}
