"""Loops and maps as they run: what their paths are, what is kept of their turns, how many items go at once."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import operator
import pstats
import weakref
from typing import Annotated, Any, TypedDict

import pytest
from tests.run.agreement import Ear, everywhere
from tests.run.bench import Bench, run

from plait import (
    Limit,
    Limits,
    Optional,
    Pipeline,
    Retry,
    current_step,
    failures,
    map_reduce,
    parallel,
    step,
    try_catch,
    while_do,
)
from plait.core.report.report import build
from plait.errors import StepTimeout
from plait.testing.virtual import run_virtual


def more(**options: Any) -> Any:
    async def work(n: int) -> int:
        return n + 1

    return step(work, {"n": Optional("n", 0)}, "n", name="more", **options)


def turns(most: int, *body: Any, **options: Any) -> Any:
    async def cond(n: int) -> bool:
        return n < most

    return while_do([more(), *body], step(cond, ["n"]), name="loop", **options)


class Thing:
    """Something whose life can be followed."""


# What is kept of a turn


@pytest.mark.parametrize("mode", ["parallel", "serial"])
def test_what_a_turn_made_is_let_go_with_it(mode):
    things: list[weakref.ref[Thing]] = []
    most = 0

    def make() -> Thing:
        nonlocal most
        gc.collect()
        most = max(most, sum(thing() is not None for thing in things))
        made = Thing()
        things.append(weakref.ref(made))
        return made

    pipeline = Pipeline(
        [turns(20, step(make, {}, "thing", name="make"), step(lambda thing: thing, ["thing"], "same"))]
    )
    result = pipeline.run({"n": 0}, mode=mode)
    del make
    assert result.state["n"] == 20
    assert most <= 2, "that of the turn before, and no other"
    assert sum(thing() is not None for thing in things) == 1


def test_what_the_items_of_a_map_made_is_let_go_with_it():
    things: list[weakref.ref[Thing]] = []

    async def make(item: int) -> Thing:
        made = Thing()
        things.append(weakref.ref(made))
        return made

    def look(count: int) -> int:
        gc.collect()
        return count + sum(thing() is not None for thing in things)

    pipeline = Pipeline(
        [
            map_reduce("count", make, len, input_map={"item": "items"}),
            step(look, ["count"], "left", executor="inline"),
        ]
    )
    assert asyncio.run(pipeline.arun({"items": [1, 2, 3]})).state["left"] <= 6
    result = asyncio.run(pipeline.arun({"items": [1, 2, 3]}))
    frames = [frame for frame in result._run.frames if frame is not result._run.root]
    assert len(frames) == 3
    assert not any(frame.values for frame in frames)


def test_a_report_takes_as_long_for_each_turn_however_many_there_were():
    def calls(count: int) -> int:
        r = asyncio.run(Pipeline([turns(count)]).arun({"n": 0}))._run
        profile = cProfile.Profile()
        profile.enable()
        build(r.plan, r.log, started=r.started, ended=r.ended, outcome=r.outcome, run_id=r.run_id)
        profile.disable()
        return pstats.Stats(profile).total_calls  # type: ignore[attr-defined]

    assert calls(1200) < 5 * calls(300)


FOLDS: list[int] = []


def counted(old: list[int], new: list[int]) -> list[int]:
    FOLDS.append(1)
    return old + new


class Counted(TypedDict, total=False):
    n: int
    seen: int
    log: Annotated[list[int], counted]


@pytest.mark.parametrize("base", [[], [0]])
def test_what_was_collected_is_not_folded_from_the_beginning_in_each_turn(base):
    note = step(lambda n: [n], ["n"], "log", name="note")
    look = step(lambda log: len([*log]), ["log"], "seen", name="look")
    FOLDS.clear()
    pipeline = Pipeline([turns(50, note, look)], state_type=Counted)
    result: Any = asyncio.run(pipeline.arun({"n": 0, "log": base} if base else {"n": 0}))
    assert result.state["log"] == [*base, *range(1, 51)]
    assert result.state["seen"] == 50 + len(base)
    assert len(FOLDS) < 50 * 4


def test_loops_in_loops_collect_in_order():
    note = step(lambda n: [n], ["n"], "log", name="note")
    look = step(lambda log: len([*log]), ["log"], "seen", name="look")
    inner = while_do([more(), note, look], step(lambda n: n % 3 != 0, ["n"]), name="inner")
    minus = step(lambda n: [-n], ["n"], "log", name="minus")
    ended = everywhere(
        [while_do([inner, minus, look.replace(name="again")], step(lambda n: n < 9, ["n"]), name="outer")],
        {"n": 0},
        state_type=Counted,
    )
    assert ended.state["log"] == [1, 2, 3, -3, 4, 5, 6, -6, 7, 8, 9, -9]
    assert ended.state["seen"] == 12


# Paths


def test_turns_and_items_are_told_in_paths():
    paths: list[str] = []

    def where(item: int) -> int:
        paths.append(current_step().path)
        return item

    ear = Ear()
    pipeline = Pipeline([turns(2, map_reduce("out", where, sum, input_map={"item": "items"}, name="each"))])
    result = pipeline.run({"n": 0, "items": [5, 6]}, observers=[ear])
    assert sorted(paths) == ["loop#1/each[0]", "loop#1/each[1]", "loop#2/each[0]", "loop#2/each[1]"]
    expected = [
        path
        for turn in ("loop#1", "loop#2")
        for path in (
            f"{turn}/more",
            f"{turn}/each/fan_out",
            f"{turn}/each[0]",
            f"{turn}/each[1]",
            f"{turn}/each/reduce",
            f"{turn}/condition",
        )
    ]
    assert [s.path for s in result.report.steps] == expected
    assert sorted(ear.paths("StepStarted")) == sorted(expected)
    assert ear.paths("StepFinished") == ear.paths("StepStarted") or sorted(
        ear.paths("StepFinished")
    ) == sorted(expected)


def test_the_critical_path_goes_through_all_turns_and_the_longest_item():
    async def work(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    pipeline = Pipeline(
        [
            turns(3, map_reduce("out", work, sum, input_map={"seconds": "items"}, name="each")),
            step(work, {"seconds": "out"}, "end", name="end"),
        ]
    )
    report = run_virtual(pipeline.arun({"n": 0, "items": [1.0, 4.0, 2.0]})).report
    assert report.wall == pytest.approx(12 + 7)
    assert report.critical_seconds == pytest.approx(19)
    assert [path for path in report.critical_path if "[" in path] == [
        "loop#1/each[1]",
        "loop#2/each[1]",
        "loop#3/each[1]",
    ]
    assert report.critical_path[-1] == "end"
    assert report.step("loop#2/each[1]").waited == pytest.approx(0)


def test_failures_are_listed_turn_by_turn():
    def bad(name: str) -> Any:
        def work() -> None:
            raise ValueError(name)

        return try_catch(
            step(work, {}, None, name=name, effect=False), step(lambda: 1, {}, "x", name=f"instead_of_{name}")
        )

    ended = everywhere([turns(3, bad("f"), bad("g"))], {"n": 0})
    assert ended.failures == [f"loop#{turn}/{name}" for turn in (1, 2, 3) for name in "fg"]


# How many at once


class Most:
    """How many calls there are at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, item: int) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1)
        self.now -= 1
        return item


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize(
    "options",
    [{"max_concurrency": 3}, {"resources": {"gpu": 1}}, {"resources": {"gpu": 1}, "max_concurrency": 7}],
)
def test_no_more_items_at_once_than_are_allowed(options, seed):
    most = Most()
    pipeline = Pipeline(
        [map_reduce("out", most, input_map={"item": "items"}, **options)],
        limits=Limits({"gpu": Limit(concurrency=3)}),
    )
    began = run_virtual(_timed(pipeline, {"items": list(range(10))}), seed=seed)
    assert most.most == 3
    assert began == (4.0, list(range(10)))


async def _timed(pipeline: Any, inputs: Any) -> tuple[float, Any]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    result = await pipeline.arun(inputs)
    return round(loop.time() - began, 6), result.state["out"]


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_six_levels_that_allow_one_at_a_time_do_not_lock_each_other_out(seed):
    most = Most()
    inner: Any = map_reduce("out", most, input_map={"item": "items"}, max_concurrency=1, resources={"gpu": 1})
    for level in range(6):
        more_of_it = step(
            most, {"item": "n"}, f"side{level}", name=f"side{level}", resources={"gpu": 1}, exclusive="one"
        )
        inner = parallel([[inner], [more_of_it]], max_concurrency=1, name=f"level{level}")
    pipeline = Pipeline([turns(2, inner)], limits=Limits({"gpu": 1}), max_concurrency=1)
    took, _ = run_virtual(_timed(pipeline, {"n": 0, "items": [1, 2]}), seed=seed)
    assert most.most == 1
    assert took == 2 * (2 + 6)


# What goes wrong


def test_an_item_that_fails_stops_the_others_and_is_the_failure():
    cleaned: list[int] = []

    async def work(item: int) -> int:
        if item == 2:
            await asyncio.sleep(1)
            raise ValueError(item)
        try:
            await asyncio.sleep(5)
        finally:
            cleaned.append(item)
        return item

    pipeline = Pipeline([map_reduce("out", work, input_map={"item": "items"}, name="each")])
    with pytest.raises(ValueError, match="2") as caught:
        run_virtual(pipeline.arun({"items": [0, 1, 2, 3]}))
    assert [f.path for f in failures(caught.value)] == ["each[2]"]
    assert sorted(cleaned) == [0, 1, 3]
    assert any("in step 'each[2]'" in note for note in caught.value.__notes__)


def test_each_item_is_tried_again_by_itself():
    calls: dict[int, int] = {}

    async def work(item: int) -> int:
        calls[item] = calls.get(item, 0) + 1
        if item % 2 and calls[item] < 3:
            raise ConnectionError
        return item

    pipeline = Pipeline(
        [
            map_reduce(
                "out", work, input_map={"item": "items"}, retry=Retry(3, backoff=1, jitter=0), name="each"
            )
        ]
    )
    result = run_virtual(pipeline.arun({"items": [0, 1, 2, 3]}))
    assert result.state["out"] == [0, 1, 2, 3]
    assert calls == {0: 1, 1: 3, 2: 1, 3: 3}
    assert result.report.step("each[1]").attempts == 3
    assert result.report.step("each[2]").attempts == 1


def test_a_timeout_is_that_of_each_item():
    async def work(item: float) -> float:
        await asyncio.sleep(item)
        return item

    pipeline = Pipeline(
        [map_reduce("out", work, input_map={"item": "items"}, timeout=2.0, max_concurrency=1, name="each")]
    )
    assert run_virtual(pipeline.arun({"items": [1.0, 1.5, 1.9]})).state["out"] == [1.0, 1.5, 1.9]
    with pytest.raises(StepTimeout, match=r"each\[1\]") as caught:
        run_virtual(pipeline.arun({"items": [1.0, 3.0, 1.0]}))
    assert [f.path for f in failures(caught.value)] == ["each[1]"]


def test_a_block_around_a_loop_has_one_timeout_for_all_turns():
    bench = Bench()
    ended = run(
        [parallel([[turns(100, bench.ok("a", 1.0, cleanup=1.0))]], timeout=3.5, name="block")], {"n": 0}
    )
    assert isinstance(ended.error, StepTimeout)
    assert ended.paths == ["block"]
    assert bench.did("a") == ["began", "ended"] * 3 + ["began", "cancelled", "cleaned"]
    assert ended.took == 4.5


def test_a_retried_block_begins_its_loop_anew():
    bench = Bench()
    ended = run(
        [parallel([[turns(3, bench.bad("a", 1.0, times=1))]], retry=Retry(2, backoff=0), name="block")],
        {"n": 0},
    )
    assert ended.error is None
    assert ended.state["n"] == 3
    assert bench.did("a") == ["began", "failed", *["began", "ended"] * 3]


@pytest.mark.parametrize("at", [0.5, 1.5, 2.5])
def test_a_run_that_is_cancelled_in_a_turn_or_item_leaves_nothing(at):
    bench = Bench()

    async def item(item: int) -> int:
        bench.note(f"item{item}", "began")
        try:
            await asyncio.sleep(2)
        except asyncio.CancelledError:
            bench.note(f"item{item}", "cancelled")
            raise
        return item

    pipeline = Pipeline([turns(9, bench.ok("a"), map_reduce("out", item, input_map={"item": "items"}))])

    async def main() -> None:
        task = asyncio.ensure_future(pipeline.arun({"n": 0, "items": [1, 2]}))
        await asyncio.sleep(at)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
    for name in {note.name for note in bench.notes}:
        assert bench.did(name)[-1] in ("ended", "cancelled") or at > 2


class Log(TypedDict, total=False):
    n: int
    log: Annotated[list[str], operator.add]


@pytest.mark.parametrize("mode", ["values", "updates"])
def test_what_decides_has_no_key_and_streams_do_not_mind(mode):
    def one() -> list[str]:
        return ["x"]

    pipeline = Pipeline([turns(2, step(one, {}, "log", name="one"))], state_type=Log)

    async def main() -> tuple[list[Any], Any]:
        seen = []
        async with pipeline.astream({"n": 0}, mode=mode) as stream:
            async for item in stream:
                seen.append(item)
        return seen, stream.result

    seen, result = run_virtual(main())
    assert result.state == {"n": 2, "log": ["x", "x"]}
    assert seen
