"""Equal calls at the same time: who runs, who waits for whom, and what nobody inherits."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.run.bench import ended
from tests.run.counting import Async, Blocking, Calls, Late, Slow, cached_paths

from plait import (
    MemoryCache,
    OutputError,
    Pipeline,
    Retry,
    StepTimeout,
    parallel,
    step,
)
from plait.run import flights
from plait.testing.virtual import run_virtual
from plait.typing import Hit


@pytest.fixture(autouse=True)
def nothing_is_left_in_flight() -> Iterator[None]:
    """After each test nobody leads and nobody waits."""
    yield
    gc.collect()
    assert not flights._waiting


COMPONENTS = [Async, Blocking, Late]
STORES: list[Callable[[], Any]] = [MemoryCache, Slow]


@pytest.mark.parametrize("make", STORES)
@pytest.mark.parametrize("seed", range(5))
def test_equal_calls_at_the_same_time_run_once(seed: int, make: Any) -> None:
    component = Async(1)

    async def main() -> list[Any]:
        pipeline = Pipeline([step(component, ["x"], "y", name="work", cache=make())])
        return await asyncio.gather(*(pipeline.arun({"x": 1}) for _ in range(5)))

    results = run_virtual(main(), seed=seed)
    assert component.seen == [1]
    assert sorted(cached_paths(result)["work"] for result in results) == [False, True, True, True, True]
    assert all(result.state["y"] is results[0].state["y"] for result in results)


def test_equal_steps_of_one_run_run_once() -> None:
    component, store = Async(1), MemoryCache()
    block = parallel([step(component, ["x"], f"y{n}", name=f"s{n}", cache=store) for n in range(4)])
    got = run_virtual(ended(Pipeline([block]), {"x": 1}))
    assert component.seen == [1]
    assert got.took == 1


def test_calls_from_several_loops_and_threads_and_a_serial_run_run_once() -> None:
    gate, began = threading.Event(), threading.Event()

    class Waits(Calls):
        def __call__(self, x: Any) -> Any:
            self.note(x)
            began.set()
            assert gate.wait(20)
            return [x]

    component = Waits()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])

    async def one() -> Any:
        return (await pipeline.arun({"x": 1})).state["y"]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        first = pool.submit(lambda: pipeline.run({"x": 1}).state["y"])
        assert began.wait(20)
        others = [
            *(pool.submit(lambda: asyncio.run(one())) for _ in range(2)),
            *(pool.submit(lambda: pipeline.run({"x": 1}, mode="serial").state["y"]) for _ in range(2)),
        ]
        deadline = time.monotonic() + 20
        while sum(map(len, flights._waiting.values())) < 4:  # all of them wait
            assert time.monotonic() < deadline
            time.sleep(0.001)
        gate.set()
        found = [future.result(20) for future in (first, *others)]
    assert component.seen == [1]
    assert all(value is found[0] for value in found)


@pytest.mark.parametrize("seed", range(5))
def test_nobody_inherits_an_error_and_the_others_try_one_at_a_time(seed: int) -> None:
    component = Async(1, fails=2)

    async def main() -> tuple[list[Any], float]:
        pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
        results = await asyncio.gather(*(pipeline.arun({"x": 1}) for _ in range(5)), return_exceptions=True)
        return results, asyncio.get_running_loop().time()

    results, took = run_virtual(main(), seed=seed)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert sorted(error.args for error in errors) == [(1,), (2,)], "each is raised once"
    assert len(component.seen) == 3
    assert took == 3


def test_a_failure_is_not_kept() -> None:
    component = Async(0, fails=1)
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    with pytest.raises(ValueError, match="1"):
        run_virtual(pipeline.arun({"x": 1}))
    assert run_virtual(pipeline.arun({"x": 1})).state["y"] == [1]
    assert len(component.seen) == 2


def test_a_result_without_its_parts_or_of_another_type_is_not_kept() -> None:
    class Wrong(Calls):
        def __call__(self, x: int) -> Any:
            return {"low": 1} if self.note(x) == 1 else {"low": 1, "high": 2}

    component = Wrong()
    pipeline = Pipeline([step(component, ["x"], ["low", "high"], cache=MemoryCache())])
    with pytest.raises(OutputError):
        pipeline.run({"x": 1})
    assert pipeline.run({"x": 1}).state["high"] == 2


def test_a_retry_asks_again() -> None:
    component = Async(1, fails=2)
    retry = Retry(3, backoff=0)
    pipeline = Pipeline([step(component, ["x"], "y", name="work", retry=retry, cache=MemoryCache())])
    first, second = run_virtual(pipeline.arun({"x": 1})), run_virtual(pipeline.arun({"x": 1}))
    assert (first.report.step("work").attempts, second.report.step("work").attempts) == (3, 1)
    assert cached_paths(second) == {"work": True}


@pytest.mark.parametrize("seed", range(5))
def test_a_cancelled_leader_hands_over(seed: int) -> None:
    component = Async(2)

    async def main() -> Any:
        pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
        tasks = [asyncio.create_task(pipeline.arun({"x": 1})) for _ in range(3)]
        await asyncio.sleep(1)
        (leader,) = [task for task in tasks if component.led is task]
        leader.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(result).__name__ for result in results], asyncio.get_running_loop().time()

    class Who(Async):
        led: Any = None

        async def __call__(self, x: Any) -> Any:
            self.led = self.led or asyncio.current_task()
            return await super().__call__(x)

    component = Who(2)
    names, took = run_virtual(main(), seed=seed)
    assert sorted(names) == ["CancelledError", "Result", "Result"]
    assert len(component.seen) == 2
    assert took == 3


@pytest.mark.parametrize("seed", range(8))
def test_a_follower_that_is_cancelled_in_its_very_turn_passes_it_on(seed: int) -> None:
    async def main() -> None:
        place = (1, "key")
        leader = await flights.turn(place)
        assert isinstance(leader, flights.Lead)
        followers = []
        for _ in range(3):
            followers.append(asyncio.create_task(flights.turn(place)))
            await asyncio.sleep(1)
        leader.leave()  # the first follower's turn has come, and it does not know yet
        followers[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await followers[0]
        second = await followers[1]
        assert isinstance(second, flights.Lead)
        second.land("value")
        second.leave()  # whatever comes after, the first word counts
        assert await followers[2] == Hit("value")

    run_virtual(main(), seed=seed)


def test_a_timeout_ends_the_wait_of_its_own_step_only() -> None:
    component, store = Async(3), MemoryCache()
    slow = step(component, ["x"], "y", name="slow", cache=store)
    hasty = step(component, ["x"], "z", name="hasty", cache=store, timeout=1.0)

    async def main() -> tuple[Any, Any]:
        first = asyncio.create_task(Pipeline([slow]).arun({"x": 1}))
        await asyncio.sleep(0)
        second = await asyncio.gather(Pipeline([hasty]).arun({"x": 1}), return_exceptions=True)
        return await first, second[0]

    first, second = run_virtual(main())
    assert first.state["y"] == [1]
    assert isinstance(second, StepTimeout)
    assert len(component.seen) == 1


def test_a_leader_that_can_not_be_stopped_does_not_hold_the_others_up() -> None:
    class Stubborn(Calls):
        async def __call__(self, x: Any) -> Any:
            if self.note(x) > 1:
                return [x]
            while True:
                try:
                    await asyncio.sleep(1000)
                except BaseException:
                    if len(self.seen) > 5:
                        raise
                    self.seen.append("no")
                    continue

    component, store = Stubborn(), MemoryCache()
    pipeline = Pipeline([step(component, ["x"], "y", timeout=1.0, cache=store)], grace=1.0)
    patient = Pipeline([step(component, ["x"], "y", cache=store)])

    async def main() -> Any:
        first = asyncio.create_task(pipeline.arun({"x": 1}))
        await asyncio.sleep(0.5)
        second = await patient.arun({"x": 1})
        await asyncio.gather(first, return_exceptions=True)
        return second, asyncio.get_running_loop().time()

    second, took = run_virtual(main())
    assert second.state["y"] == [1]
    assert took < 10


def test_a_thread_that_was_left_behind_keeps_nothing_and_holds_nobody_up() -> None:
    gate = threading.Event()

    class Hangs(Calls):
        def __call__(self, x: Any) -> Any:
            if self.note(x) == 1:
                assert gate.wait(20)
                return "late"
            return "new"

    class Notes(Slow):
        blocking = False

        def __init__(self) -> None:
            super().__init__()
            self.kept: list[Any] = []

        def _here(self) -> None:
            return

        def set(self, key: str, value: Any, ttl: float | None) -> None:
            self.kept.append(value)
            super().set(key, value, ttl)

    component, store = Hangs(), Notes()
    pipeline = Pipeline(
        [
            step(
                component,
                ["x"],
                "y",
                timeout=0.05,
                abandon=True,
                idempotent=True,
                retry=Retry(2, backoff=0),
                cache=store,
            )
        ]
    )
    assert pipeline.run({"x": 1}).state["y"] == "new"
    gate.set()
    for _ in range(20):  # for real: the thread would keep its result after the component has returned
        time.sleep(0.01)
    assert store.kept == ["new"]
    assert pipeline.run({"x": 1}).state["y"] == "new"


def test_a_step_that_runs_itself_again_does_not_wait_for_itself() -> None:
    class Nests(Calls):
        async def __call__(self, x: int) -> Any:
            if self.note(x) < 3:
                return (await pipeline.arun({"x": x})).state["y"]
            return [x]

    component = Nests()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    assert run_virtual(pipeline.arun({"x": 1})).state["y"] == [1]
    assert len(component.seen) == 3


def test_a_blocking_step_that_runs_itself_again_does_not_wait_for_itself() -> None:
    class Nests(Calls):
        def __call__(self, x: int) -> Any:
            if self.note(x) < 3:
                mode: Any = "serial" if len(self.seen) == 1 else "parallel"
                return pipeline.run({"x": x}, mode=mode).state["y"]
            return [x]

    component = Nests()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    assert pipeline.run({"x": 1}).state["y"] == [1]
    assert len(component.seen) == 3


def test_a_serial_run_on_a_loop_does_not_wait_for_a_call_on_that_loop() -> None:
    class Holds(Calls):
        async def __call__(self, x: Any) -> Any:
            if self.note(x) == 1:
                await go_on.wait()
            return [x]

    component = Holds()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])

    async def main() -> None:
        first = asyncio.create_task(pipeline.arun({"x": 1}))
        while not component.seen:
            await asyncio.sleep(0)
        assert pipeline.run({"x": 1}, mode="serial").state["y"] == [1]  # it blocks this loop, on purpose
        go_on.set()
        assert (await first).state["y"] == [1]

    go_on = asyncio.Event()
    asyncio.run(main())
    assert len(component.seen) == 2


def test_a_serial_run_that_waits_in_a_thread_leaves_its_place_to_another_one() -> None:
    from plait.executors.thread import thread_pool

    gate, began = threading.Event(), threading.Event()

    class Waits(Calls):
        def __call__(self, x: Any) -> Any:
            self.note(x)
            began.set()
            assert gate.wait(20)
            return [x]

    component = Waits()
    inner = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    outer = Pipeline([step(lambda x: inner.run({"x": x}, mode="serial").state["y"], ["x"], "z", name="nest")])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(inner.run, {"x": 1})
        assert began.wait(20)
        second = pool.submit(outer.run, {"x": 1})
        deadline = time.monotonic() + 20
        while not any(flights._waiting.values()) or not thread_pool()._blocked:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        gate.set()
        assert first.result(20).state["y"] is second.result(20).state["z"]
    assert component.seen == [1]
    assert thread_pool()._blocked == 0
