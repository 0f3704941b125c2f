"""Results that are kept: what runs once, what runs again, who waits for whom, and what nobody inherits."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.run.bench import ended

from plait import (
    Cache,
    Config,
    MemoryCache,
    OutputError,
    Pipeline,
    Retry,
    StepTimeout,
    current_step,
    if_else,
    log,
    map_reduce,
    parallel,
    step,
    transform,
)
from plait.core.report.replay import Replay
from plait.core.schedule.events import CacheHit
from plait.run import flights
from plait.testing.virtual import run_virtual
from plait.typing import Hit


@pytest.fixture(autouse=True)
def nothing_is_left_in_flight() -> Iterator[None]:
    """After each test nobody leads and nobody waits."""
    yield
    gc.collect()
    assert not flights._waiting


class Slow:
    """A store on a disk, as it were: a memory cache that must not be asked on a loop."""

    blocking = True

    def __init__(self) -> None:
        self.inner = MemoryCache()
        self.threads: set[str] = set()

    def _here(self) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        self.threads.add(threading.current_thread().name)

    def get(self, key: str) -> Hit | None:
        self._here()
        return self.inner.get(key)

    def set(self, key: str, value: Any, ttl: float | None) -> None:
        self._here()
        self.inner.set(key, value, ttl)

    def delete(self, key: str) -> None:
        self.inner.delete(key)

    def clear(self) -> None:
        self.inner.clear()


class Calls:
    """Components that count their calls."""

    __plait_version__ = 1

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.lock = threading.Lock()

    def cache_key(self) -> int:
        """It is the same component however often it was called."""
        return 0

    def note(self, what: Any) -> int:
        with self.lock:
            self.seen.append(what)
            return len(self.seen)


class Async(Calls):
    def __init__(self, takes: float = 1.0, fails: int = 0) -> None:
        super().__init__()
        self.takes, self.fails = takes, fails

    async def __call__(self, x: Any) -> Any:
        count = self.note(x)
        await asyncio.sleep(self.takes)
        if count <= self.fails:
            raise ValueError(count)
        return [x]


class Blocking(Calls):
    def __call__(self, x: Any) -> Any:
        self.note(x)
        return [x]


class Late(Calls):
    """A plain function that gives something to await."""

    def __call__(self, x: Any) -> Any:
        self.note(x)

        async def later() -> Any:
            await asyncio.sleep(0)
            return [x]

        return later()


def cached_paths(result: Any) -> dict[str, bool]:
    return {found.path: found.cached for found in result.report.steps}


COMPONENTS = [Async, Blocking, Late]
STORES: list[Callable[[], Any]] = [MemoryCache, Slow]


# Once and again, in every way to run


@pytest.mark.parametrize("make", STORES)
@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_result_is_found_again_in_every_mode(kind: Any, make: Any) -> None:
    component = kind() if kind is not Async else Async(0)
    pipeline = Pipeline([step(component, ["x"], "y", name="work", cache=make())])

    async def awaited() -> Any:
        return await pipeline.arun({"x": 1})

    runs = [
        pipeline.run({"x": 1}),
        pipeline.run({"x": 1}),
        pipeline.run({"x": 1}, mode="serial"),
        asyncio.run(awaited()),
        next(iter(pipeline.map([{"x": 1}]))).result,
    ]
    assert [run.state for run in runs] == [{"x": 1, "y": [1]}] * 5
    assert [cached_paths(run)["work"] for run in runs] == [False, True, True, True, True]
    assert component.seen == [1]
    assert runs[0].state["y"] is runs[1].state["y"], "by reference"


@pytest.mark.parametrize("make", STORES)
def test_a_serial_run_keeps_for_the_others(make: Any) -> None:
    component = Blocking()
    pipeline = Pipeline([step(component, ["x"], "y", cache=make())])
    pipeline.run({"x": 1}, mode="serial")
    pipeline.run({"x": 1})
    assert component.seen == [1]


def test_an_inline_step_and_a_transform_and_a_condition_are_found_again() -> None:
    seen: list[str] = []

    class Notes(Calls):
        def __init__(self, name: str, answer: Any) -> None:
            super().__init__()
            self.name, self.answer = name, answer

        def cache_key(self) -> Any:
            return self.name

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(self.name)
            return self.answer

    pipeline = Pipeline(
        [
            step(Notes("inline", 1), ["x"], "a", name="one", executor="inline", cache=MemoryCache()),
            transform(Notes("transform", 2), ["x"], "b", name="two", cache=MemoryCache()),
            if_else(
                step(Notes("condition", True), ["x"], cache=MemoryCache()),
                step(Notes("then", 3), ["x"], "c", name="three"),
                None,
                name="four",
            ),
        ]
    )
    states = [pipeline.run({"x": 1}).state for _ in range(2)]
    assert states[0] == states[1] == {"x": 1, "a": 1, "b": 2, "c": 3}
    assert seen.count("then") == 2
    assert [seen.count(name) for name in ("inline", "condition")] == [1, 1]


def test_a_transform_is_found_again() -> None:
    pipeline = Pipeline([transform(lambda inputs: [inputs["x"]], ["x"], "y", cache=MemoryCache())])
    results = [pipeline.run({"x": 1}) for _ in range(2)]
    assert [list(cached_paths(result).values()) for result in results] == [[False], [True]]


def test_each_item_of_a_map_is_found_again() -> None:
    component = Blocking()
    pipeline = Pipeline(
        [map_reduce("ys", component, input_map={"x": "xs"}, cache=MemoryCache(), max_concurrency=2)]
    )
    assert pipeline.run({"xs": [1, 2, 1, 3, 2]}).state["ys"] == [[1], [2], [1], [3], [2]]
    assert sorted(component.seen) == [1, 2, 3]
    assert pipeline.run({"xs": [3, 4]}).state["ys"] == [[3], [4]]
    assert sorted(component.seen) == [1, 2, 3, 4]


def test_several_outputs_are_found_again() -> None:
    class Parts(Calls):
        def __call__(self, x: int) -> dict[str, int]:
            self.note(x)
            return {"low": x - 1, "high": x + 1}

    component = Parts()
    pipeline = Pipeline([step(component, ["x"], ["low", "high"], cache=MemoryCache())])
    for _ in range(2):
        assert pipeline.run({"x": 1}).state == {"x": 1, "low": 0, "high": 2}
    assert component.seen == [1]


def test_other_arguments_are_computed_anew_and_other_keys_of_the_state_are_not() -> None:
    component = Blocking()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    for inputs in ({"x": 1}, {"x": 2}, {"x": 1, "other": 5}, {"x": True}, {"x": 1.0}):
        pipeline.run(inputs)
    assert component.seen == [1, 2, True, 1.0]


def test_settings_count_only_where_they_are_read() -> None:
    component = Blocking()
    reads = Pipeline([step(component, {"x": Config("model")}, "y", cache=MemoryCache())])
    for config in ({"model": "a", "id": 1}, {"model": "a", "id": 2}, {"model": "b", "id": 1}):
        reads.run({}, config=config)
    assert component.seen == ["a", "b"]


def test_a_step_and_another_one_with_the_same_component_share() -> None:
    component, store = Blocking(), MemoryCache()
    steps = [
        step(component, ["x"], "y", name="one", cache=store),
        step(component, ["x"], "z", name="two", cache=store),
        step(component, ["x"], "w", name="three", cache=Cache(store, name="apart")),
    ]
    state = Pipeline(steps).run({"x": 1}).state
    assert component.seen == [1, 1]
    assert state["y"] is state["z"]
    assert state["y"] is not state["w"]


def test_true_is_one_store_for_the_whole_process() -> None:
    component = Blocking()
    for name in ("one", "two"):
        Pipeline([step(component, ["x"], "y", name=name, cache=True)]).run({"x": "for the whole process"})
    assert len(component.seen) == 1


def test_a_hit_sets_nothing_up() -> None:
    class Heavy(Blocking):
        def setup(self) -> None:
            self.seen.append("setup")

    store = MemoryCache()
    first, second = Heavy(), Heavy()
    Pipeline([step(first, ["x"], "y", cache=store)]).run({"x": 1})
    for mode in ("parallel", "serial"):
        Pipeline([step(second, ["x"], "y", cache=store)]).run({"x": 1}, mode=mode)  # type: ignore[arg-type]
    assert first.seen == ["setup", 1]
    assert second.seen == []


def test_a_copy_is_everybody_s_own() -> None:
    component = Async(1)

    async def main() -> list[Any]:
        pipeline = Pipeline([step(component, ["x"], "y", cache=Cache(MemoryCache(), copy=True))])
        results = await asyncio.gather(*(pipeline.arun({"x": 1}) for _ in range(3)))
        results.append(await pipeline.arun({"x": 1}))
        return [result.state["y"] for result in results]

    found = run_virtual(main())
    assert found == [[1]] * 4
    assert len({id(value) for value in found}) == 4
    assert component.seen == [1]


def test_a_time_to_live_is_measured_by_the_store_s_clock() -> None:
    now = [0.0]
    component = Blocking()
    store = MemoryCache(clock=lambda: now[0])
    pipeline = Pipeline([step(component, ["x"], "y", cache=Cache(store, ttl=10))])
    for now[0], count in ((0, 1), (9.9, 1), (10, 2), (19.9, 2), (20, 3)):  # noqa: B020
        pipeline.run({"x": 1})
        assert len(component.seen) == count


# The report


@pytest.mark.parametrize("kind", [Async, Blocking])
def test_the_report_says_what_came_from_a_cache_and_replay_agrees(kind: Any) -> None:
    pipeline = Pipeline(
        [
            step(kind(), ["x"], "y", name="kept", cache=MemoryCache()),
            step(Blocking(), {"x": "y"}, "z", name="made"),
        ]
    )
    run_virtual(pipeline.arun({"x": 1}))
    result = run_virtual(pipeline.arun({"x": 1}))
    assert cached_paths(result) == {"kept": True, "made": False}
    assert "(cached)" in result.report.to_text()
    run = result._run
    assert sum(isinstance(row, CacheHit) for row in run.log) == 1
    replay = Replay(run.plan)
    for _ in replay.feed(run.log):
        pass
    assert replay.scheduler.state == run.scheduler.state


# Equal calls at the same time


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
        results = await asyncio.gather(
            *(pipeline.arun({"x": 1}) for _ in range(5)), return_exceptions=True
        )
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
                except BaseException:  # noqa: S112
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

    component, store = Hangs(), MemoryCache()
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
    deadline = time.monotonic() + 20
    while any(t.name.startswith("plait-cache") for t in threading.enumerate()):
        assert time.monotonic() < deadline
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
    component = Async(1)
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])

    async def main() -> None:
        first = asyncio.create_task(pipeline.arun({"x": 1}))
        await asyncio.sleep(0.5)
        assert pipeline.run({"x": 1}, mode="serial").state["y"] == [1]  # it blocks this loop, on purpose
        assert (await first).state["y"] == [1]

    component.takes = 0.0
    asyncio.run(main())


# What can't be kept


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if "is passed by" in record.getMessage()]


class Secret:
    def __repr__(self) -> str:
        raise AssertionError("nobody may look")


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("kind", COMPONENTS)
def test_an_argument_that_can_t_be_digested_is_told_once(
    kind: Any, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    component = kind() if kind is not Async else Async(0)
    pipeline = Pipeline([step(component, ["x"], "y", name="work", cache=MemoryCache())])
    for _ in range(3):
        assert len(pipeline.run({"x": Secret()}, mode=mode).state["y"]) == 1
    assert len(component.seen) == 3
    (record,) = told(caplog)
    assert "'work'" in record.getMessage()
    assert f"x is a {__name__}.Secret" in record.getMessage()
    assert (record.step, record.argument) == ("work", "x")  # type: ignore[attr-defined]


def test_a_result_that_can_be_read_only_once_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    class Lazy(Calls):
        def __call__(self, x: int) -> Any:
            self.note(x)
            return iter([x])

    component = Lazy()
    pipeline = Pipeline([step(component, ["x"], "y", cache=MemoryCache())])
    for _ in range(2):
        assert list(pipeline.run({"x": 1}).state["y"]) == [1]
    assert len(component.seen) == 2
    assert "used up" in told(caplog)[0].getMessage()


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("broken", ["get", "set"])
def test_a_store_that_breaks_fails_no_run(
    broken: str, blocking: bool, mode: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Breaks(Slow):
        def _here(self) -> None:
            if broken in str(self.at):
                raise OSError("disk full: secret")

        def get(self, key: str) -> Hit | None:
            self.at = "get"
            return super().get(key)

        def set(self, key: str, value: Any, ttl: float | None) -> None:
            self.at = "set"
            super().set(key, value, ttl)

    store = Breaks()
    store.blocking = blocking
    component = Blocking()
    pipeline = Pipeline([step(component, ["x"], "y", cache=store)])
    for _ in range(2):
        assert pipeline.run({"x": 1}, mode=mode).state["y"] == [1]
    assert len(component.seen) == 2
    (record,) = told(caplog)
    assert f"{broken}() of its store raised OSError" in record.getMessage()
    assert "secret" not in record.getMessage()


def test_a_large_argument_is_digested_in_a_thread() -> None:
    threads: list[str] = []

    def noted(inputs: dict[str, Any]) -> Any:
        threads.append(threading.current_thread().name)
        return inputs["x"]

    component = Async(0)
    pipeline = Pipeline([step(component, ["x"], "y", cache=Cache(MemoryCache(), key=noted))])

    async def main() -> None:
        for size in (10, 10**6, 10**6):
            await pipeline.arun({"x": "a" * size})

    asyncio.run(main())
    assert len(component.seen) == 2
    assert [name.startswith("plait-thread-") for name in threads] == [False, False, True, False, True]


def test_the_context_of_the_step_is_not_part_of_the_key() -> None:
    class Emits(Calls):
        def __call__(self, x: int) -> Any:
            current_step().emit(x)
            self.note(x)
            return x

    component = Emits()
    pipeline = Pipeline([step(component, ["x"], "y", cache=Cache(MemoryCache(), version=1))])
    for _ in range(2):
        pipeline.run({"x": 1})
    assert component.seen == [1]


# Pipelines


@pytest.mark.parametrize("make", STORES)
@pytest.mark.parametrize("modes", [("parallel", "serial"), ("serial", "parallel")])
def test_a_whole_result_is_found_again(modes: Any, make: Any) -> None:
    component = Blocking()
    pipeline = Pipeline([step(component, ["x"], "y")], cache=make())
    first = pipeline.run({"x": 1, "more": 2}, mode=modes[0])
    second = pipeline.run({"x": 1, "more": 2}, mode=modes[1])
    assert first.state == second.state == {"x": 1, "more": 2, "y": [1]}
    assert component.seen == [1]
    assert (first.report.cached, second.report.cached) == (False, True)
    assert second.report.steps == ()
    assert "came from the pipeline's cache" in second.report.to_text()
    assert pipeline.run({"x": 2}).state["y"] == [2]


def test_invoke_and_map_and_stream_find_it_as_well() -> None:
    component = Blocking()
    pipeline = Pipeline([step(component, ["x"], "y")], cache=MemoryCache())

    async def main() -> None:
        assert await pipeline.invoke({"x": 1}) == {"x": 1, "y": [1]}
        assert await pipeline.invoke({"x": 1}) == {"x": 1, "y": [1]}

    asyncio.run(main())
    for item in pipeline.map([{"x": 1}, {"x": 1}]):
        assert item.result.state["y"] == [1]  # type: ignore[union-attr]
    with pipeline.stream({"x": 1}) as events:
        names = [type(event).__name__ for event in events]
        assert events.result.state["y"] == [1]
    assert names == ["RunStarted", "RunFinished"]
    assert component.seen == [1]


@pytest.mark.parametrize("seed", range(3))
def test_equal_runs_at_the_same_time_are_one(seed: int) -> None:
    component = Async(1)
    pipeline = Pipeline([step(component, ["x"], "y")], cache=MemoryCache())

    async def main() -> Any:
        return await asyncio.gather(*(pipeline.arun({"x": 1}) for _ in range(5)))

    results = run_virtual(main(), seed=seed)
    assert component.seen == [1]
    assert sum(result.report.cached for result in results) == 4


def test_settings_of_a_run_count_if_a_step_reads_them() -> None:
    component = Blocking()
    pipeline = Pipeline([step(component, {"x": Config("model", "a")}, "y")], cache=MemoryCache())
    for config in ({"model": "a"}, {"model": "a", "id": 3}, {"model": "b"}):
        pipeline.run({}, config=config)
    pipeline.run({}, context={"model": "b"})
    assert component.seen == ["a", "b"]


def test_a_run_that_failed_or_collected_a_failure_is_not_kept() -> None:
    component = Async(0, fails=1)
    pipeline = Pipeline([step(component, ["x"], "y")], cache=MemoryCache())
    with pytest.raises(ValueError, match="1"):
        run_virtual(pipeline.arun({"x": 1}))
    assert run_virtual(pipeline.arun({"x": 1})).state["y"] == [1]
    component = Async(0, fails=1)
    block = parallel([step(component, ["x"], "y"), step(Blocking(), ["x"], "z")], on_error="collect")
    pipeline = Pipeline([block], cache=MemoryCache())
    assert len(run_virtual(pipeline.arun({"x": 1})).failures) == 1
    assert run_virtual(pipeline.arun({"x": 1})).state["y"] == [1]


def test_a_deadline_ends_the_wait_for_an_equal_run() -> None:
    from plait import DeadlineExceeded

    component = Async(5)
    pipeline = Pipeline([step(component, ["x"], "y")], cache=MemoryCache())

    async def main() -> Any:
        first = asyncio.create_task(pipeline.arun({"x": 1}))
        await asyncio.sleep(1)
        with pytest.raises(DeadlineExceeded, match="deadline of 2 s"):
            await pipeline.arun({"x": 1}, deadline=2.0)
        assert asyncio.get_running_loop().time() == 3
        return await first

    assert run_virtual(main()).state["y"] == [1]


def test_a_cancelled_run_hands_over_to_an_equal_one() -> None:
    component = Async(2)
    pipeline = Pipeline([step(component, ["x"], "y")], cache=MemoryCache())

    async def main() -> Any:
        first = asyncio.create_task(pipeline.arun({"x": 1}))
        second = asyncio.create_task(pipeline.arun({"x": 1}))
        await asyncio.sleep(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return (await second).state["y"], asyncio.get_running_loop().time()

    assert run_virtual(main()) == ([1], 3)


def test_a_message_is_not_told_again() -> None:
    pipeline = Pipeline([step(Blocking(), ["x"], "y"), log("made {y}")], cache=MemoryCache())
    told: list[str] = []

    class Listens:
        def on_event(self, event: Any) -> None:
            told.append(type(event).__name__)

    for _ in range(2):
        pipeline.run({"x": 1}, observers=[Listens()])
    assert told.count("Emitted") == 1
    assert told.count("RunFinished") == 2
