"""Results that are kept: what runs once and what again, in every way to run, and what can not be kept."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from tests.run.counting import Async, Blocking, Calls, Late, Slow, cached_paths

from plait import (
    Cache,
    Config,
    MemoryCache,
    Pipeline,
    current_step,
    if_else,
    map_reduce,
    step,
    transform,
)
from plait.core.report.replay import Replay
from plait.core.schedule.events import CacheHit
from plait.testing.virtual import run_virtual
from plait.typing import Hit

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
    for now[0], count in ((0, 1), (9.9, 1), (10, 2), (19.9, 2), (20, 3)):
        pipeline.run({"x": 1})
        assert len(component.seen) == count


@dataclasses.dataclass
class Page:
    text: str


@pytest.mark.parametrize("kind", COMPONENTS)
def test_what_nobody_reads_any_more_is_freed_after_a_hit_as_well(kind: Any) -> None:
    made: list[Any] = []

    async def load(text: str) -> Page:
        page = Page(text)
        made.append(weakref.ref(page))
        return page

    async def look(y: Any) -> bool:
        gc.collect()
        return made[-1]() is None

    class Length(kind):  # type: ignore[misc]
        def cache_key(self) -> str:
            return "length"

    component = Length()
    component.takes = 0

    pipeline = Pipeline(
        [
            step(load, ["text"], "page"),
            step(component, {"x": "page"}, "y", cache=Cache(MemoryCache(), copy=True)),
            step(look, ["y"], "page"),  # so that the page itself is no part of the result,
        ]
    )
    states = [pipeline.run({"text": "a"}).state for _ in range(2)]
    assert states[1]["page"]
    assert len(component.seen) == 1


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
