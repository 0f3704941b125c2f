"""Whole results that are kept: of runs, in every way to run."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.run.counting import Async, Blocking, Late, Slow

from plait import (
    Config,
    DefinitionError,
    MemoryCache,
    Pipeline,
    interrupt,
    log,
    parallel,
    step,
)
from plait.run import flights
from plait.testing.virtual import run_virtual


@pytest.fixture(autouse=True)
def nothing_is_left_in_flight() -> Iterator[None]:
    """After each test nobody leads and nobody waits."""
    yield
    gc.collect()
    assert not flights._waiting


COMPONENTS = [Async, Blocking, Late]
STORES: list[Callable[[], Any]] = [MemoryCache, Slow]


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


@pytest.mark.parametrize("where", ["interrupt_before", "interrupt_after"])
def test_a_pipeline_with_a_cache_has_no_breakpoints(where: Any) -> None:
    pipeline = Pipeline([step(Blocking(), ["x"], "y", name="work")], cache=MemoryCache())
    with pytest.raises(DefinitionError, match="can't stop before or after steps"):
        pipeline.run({"x": 1}, **{where: ["work"]})


def test_a_run_that_waits_for_an_answer_is_not_kept() -> None:
    component = Blocking()
    steps = [step(component, ["x"], "y", name="work", cache=MemoryCache()), interrupt("Go on?", "answer")]
    result = Pipeline(steps).run({"x": 1})
    assert Pipeline(steps).run({"x": 1}).resume("yes").state["answer"] == "yes"
    assert result.resume("no").state == {"x": 1, "y": [1], "answer": "no"}
    assert component.seen == [1]
