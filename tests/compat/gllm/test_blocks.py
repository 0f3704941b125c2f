"""Loops, jumps, maps, blocks, embedded pipelines, and steps of one's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.compat.gllm.running import invoke

from plait.compat.gllm.exceptions import PipelineValueError
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.steps import (
    MapReduceStep,
    goto,
    if_else,
    log,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    terminate,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.types import Group, Val


class Adder:
    """A component as gllm_core has them: it marks its main method and is run by keywords."""

    async def add(self, a: int, b: int = 10) -> int:
        return a + b

    add.__is_main__ = True  # type: ignore[attr-defined]

    async def run(self, **kwargs: Any) -> Any:
        return await self.add(**kwargs)


# Loops, jumps, attempts


def test_a_loop_longer_than_thirty_turns():
    add = transform(lambda d: d["n"] + 1, ["n"], output_state="n")
    assert invoke(while_do(add, lambda s: s["n"] < 50, output_state="last"), {"n": 0}) == {
        "n": 50,
        "last": "false",
    }


def test_a_limit_of_ones_own_holds_for_loops():
    add = transform(lambda d: d["n"] + 1, ["n"], output_state="n")
    pipeline = Pipeline([while_do(add, lambda _: True)], recursion_limit=5)
    with pytest.raises(RuntimeError, match="5"):
        invoke(pipeline, {"n": 0})
    with pytest.raises(RuntimeError, match="4"):
        invoke(Pipeline([while_do(add, lambda _: True)]), {"n": 0}, config={"recursion_limit": 4})


def test_jumps_back_forth_and_to_the_end():
    steps = [
        transform(lambda d: d["n"] + 1, ["n"], output_state="n", name="add"),
        goto("again", lambda d: "add" if d["n"] < 3 else "last", input_map=["n"], output_state="went"),
        transform(lambda _: "never", output_state="skipped"),
        transform(lambda d: -d["n"], ["n"], output_state="m", name="last"),
        goto("stop", Val("END")),
        transform(lambda _: "never", output_state="skipped"),
    ]
    assert invoke(steps, {"n": 0}) == {"n": 3, "went": "last", "m": -3}
    assert invoke([goto("by_key", "where"), transform(lambda _: 1, output_state="x")], {"where": "END"}) == {
        "where": "END"
    }


def test_a_jump_to_nowhere_is_an_error():
    with pytest.raises(ValueError, match="nowhere"):
        invoke([goto("g", Val("nowhere")), no_op()])
    with pytest.raises(TypeError, match="nowhere"):
        invoke([goto("g", lambda _: "nowhere"), no_op("somewhere")])


def test_jumps_reach_steps_of_every_kind():
    add = transform(lambda d: d["n"] + 1, ["n"], output_state="n")
    for target in (
        map_reduce("out", lambda d: d["x"], input_map={"x": "list"}, name="target"),
        parallel([transform(lambda _: 1, output_state="out")], name="target"),
        try_catch(transform(lambda _: 1, output_state="out"), no_op(), name="target"),
        subgraph(
            Pipeline([transform(lambda _: 1, output_state="out")]),
            input_map={"a": "n"},
            output_state_map={"out": "out"},
            name="target",
        ),
    ):
        steps = [add, goto("over", Val("target")), transform(lambda _: 0, output_state="skipped"), target]
        state = invoke(steps, {"n": 0, "list": [1]})
        assert "out" in state
        assert "skipped" not in state


def test_what_was_caught_is_told():
    def fail(_: Any) -> Any:
        raise ConnectionError("gone")

    attempt = try_catch(
        [transform(lambda _: 1, output_state="a"), transform(fail, output_state="b")],
        transform(lambda d: d, ["a", "why"], output_state="c"),
        catch=(OSError,),
        caught_exception_state="why",
    )
    assert invoke(attempt) == {"a": 1, "why": "gone", "c": {"a": 1, "why": "gone"}}
    with pytest.raises(ConnectionError, match="gone"):
        invoke(try_catch(transform(fail, output_state="b"), no_op(), catch=(KeyError,)))


# Maps


def test_a_map_goes_through_lists_side_by_side():
    async def add(d: dict[str, Any]) -> Any:
        await asyncio.sleep(1)
        return d["a"] + d["b"] * len(d["whole"])

    mapped = map_reduce("out", add, sum, {"a": "as", "b": "k", "whole": Group("as")})
    assert invoke(mapped, {"as": [1, 2, 3]}, config={"k": 10})["out"] == 96
    assert invoke(map_reduce("out", lambda d: d["a"], input_map={"a": Val([1, 2])}))["out"] == [1, 2]
    assert invoke(map_reduce("out", lambda d: d, input_map={"a": Group(Val([1, 2]))}))["out"] == [
        {"a": [1, 2]}
    ]
    assert invoke(map_reduce("out", lambda _: 1))["out"] == [1]
    assert invoke(map_reduce("out", lambda d: d, input_map={"a": "as"}), {"as": []})["out"] == []


def test_a_map_calls_components_by_their_arguments():
    assert invoke(map_reduce("out", Adder(), input_map={"a": "as", "b": Val(1)}), {"as": [1, 2]})["out"] == [
        2,
        3,
    ]


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="same length"):
        invoke(map_reduce("out", len, input_map={"a": "x", "b": "y"}), {"x": [1], "y": [1, 2]})


def test_a_map_may_stay_on_the_loop():
    import threading

    here = threading.get_ident()
    mapped = MapReduceStep(
        "m", "out", lambda _: threading.get_ident(), input_map={"a": "x"}, use_thread=False
    )
    assert invoke(mapped, {"x": [1, 2]})["out"] == [here, here]


# Own kinds of steps


class Anything(BasePipelineStep):
    """Does not say what it reads or writes."""

    def __init__(self, name: str, update: Any) -> None:
        super().__init__(name)
        self.update = update

    async def execute(self, state: dict[str, Any], runtime: Any, config: Any = None) -> Any:
        return self.update(state, runtime, config) if callable(self.update) else self.update


class Declared(Anything):
    """Says both."""

    @property
    def input_state_keys(self) -> set[str]:
        return {"a"}

    @property
    def output_state_keys(self) -> set[str]:
        return {"x", "y"}


def test_a_step_of_ones_own_sees_everything_and_writes_anything():
    seen: list[Any] = []

    def update(state: dict[str, Any], runtime: Any, config: Any) -> Any:
        seen.extend([state, runtime.context, config["configurable"]["thread_id"], config["tags"]])
        return {"b": state["a"] + 1, "new": 1}

    steps = [
        transform(lambda d: d["a"], ["a"], output_state="b"),
        Anything("own", update),
        Anything("later", lambda state, *_: {"newer": state["new"] + 1}),
        transform(lambda d: d["b"], ["b"], output_state="c"),
        if_else(lambda s: s["newer"] == 2, transform(lambda _: "seen", output_state="d"), no_op()),
    ]
    state = invoke(
        steps, {"a": 1, "unread": 0}, config={"k": 1, "tags": ["t"]}, context={"m": 2}, thread_id="id"
    )
    assert state == {"a": 1, "unread": 0, "b": 2, "new": 1, "newer": 2, "c": 2, "d": "seen"}
    assert seen == [{"a": 1, "unread": 0, "b": 1}, {"k": 1, "m": 2}, "id", ["t"]]


def test_a_step_of_ones_own_may_write_nothing():
    assert invoke([Anything("own", None), transform(lambda _: 1, output_state="a")], {"z": 0}) == {
        "z": 0,
        "a": 1,
    }


def test_declared_keys_stand_everywhere():
    block = parallel([Declared("own", lambda s, *_: {"x": s["a"]}), transform(lambda _: 1, output_state="z")])
    assert invoke(block, {"a": 1, "y": 5}) == {"a": 1, "y": 5, "x": 1, "z": 1}


def test_what_it_did_not_declare_is_refused():
    with pytest.raises(
        PipelineValueError, match=r"step 'own' wrote 'q', and its output_state_keys are 'x' and 'y'"
    ):
        invoke(Declared("own", {"q": 1}), {"a": 1})


def test_nobody_knows_what_it_writes_beside_others():
    with pytest.raises(
        PipelineValueError, match=r"step 'own' stands in a parallel block and does not say what it writes"
    ):
        invoke(parallel([Anything("own", {}), no_op()]))
    child = Pipeline([Anything("own", {"out": 1})])
    assert invoke(parallel([subgraph(child, {"out": "out"}), no_op()]))["out"] == 1


# Blocks


def test_a_block_with_a_state_of_its_own():
    block = parallel(
        [
            [
                transform(lambda d: d["text"].upper(), ["text"], output_state="loud"),
                transform(lambda d: d["loud"] + "!", ["loud"], output_state="louder"),
            ],
            transform(lambda d: len(d["text"]), ["text"], output_state="length"),
        ],
        input_map={"text": "doc.body"},
    )
    assert invoke(block, {"doc": {"body": "hi"}}) == {
        "doc": {"body": "hi"},
        "loud": "HI",
        "louder": "HI!",
        "length": 2,
    }


def test_an_empty_block_does_nothing():
    assert invoke([parallel([]), parallel({})], {"a": 1}) == {"a": 1}


def test_squash_is_noted_once_and_changes_nothing():
    steps = [parallel([no_op()], squash=True, name="a"), parallel([no_op()], name="b")]
    notes = [d for d in Pipeline(steps).check() if "squash" in d.message]
    assert [d.message for d in notes] == ["parallel 'a': squash=True changes nothing; leave it out"]
    assert not notes[0].is_error


def test_keys_to_copy_are_copied_deeply():
    class Box:
        def __init__(self) -> None:
            self.items = [1]

    def grow(d: dict[str, Any]) -> int:
        d["box"].items.append(2)
        return len(d["box"].items)

    grown = transform(grow, ["box"], output_state="n")
    box = Box()
    assert invoke(parallel([grown], copy_keys=["box"]), {"box": box})["n"] == 2
    assert box.items == [1]
    invoke(parallel([grown]), {"box": box})
    assert box.items == [1, 2]


def test_a_branch_sees_what_it_changes_itself():
    block = parallel(
        [
            [
                step(lambda list: list.sort(), None, ["list"]),  # noqa: A006
                transform(lambda d: d["list"][0], ["list"], output_state="least"),
            ],
            transform(lambda d: list(d["list"]), ["list"], output_state="as_it_was"),
        ]
    )
    assert invoke(block, {"list": [2, 1]}) == {"list": [2, 1], "least": 1, "as_it_was": [2, 1]}


def test_a_limit_on_a_block():
    running: list[int] = [0, 0]

    async def work(_: Any) -> int:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(1)
        running[0] -= 1
        return 1

    branches = [transform(work, output_state=f"k{n}") for n in range(5)]
    invoke(parallel(branches, max_concurrency=2))
    assert running == [0, 2]
    with pytest.raises(PipelineValueError, match="max_concurrency is 0"):
        parallel(branches, max_concurrency=0)
    running[:] = [0, 0]
    invoke(parallel(branches), config={"max_concurrency": 3})
    assert running == [0, 3]


def test_the_end_within_a_branch_comes_after_the_block():
    block = parallel(
        [[terminate(), transform(lambda _: 1, output_state="a")], transform(lambda _: 2, output_state="b")]
    )
    assert invoke([block, transform(lambda _: 3, output_state="c")]) == {"b": 2}


# Embedded pipelines


def test_maps_of_a_subgraph():
    child = Pipeline(
        [
            transform(lambda d: d["n"] + d["k"], ["n", "k"], output_state="m"),
            if_else(lambda s: s["m"] > 10, transform(lambda _: 1, output_state="big"), no_op()),
        ],
        name="child",
    )
    embedded = subgraph(child, {"sum": "m", "is_big": "big", "none": "absent"}, {"n": "x.y", "k": Val(2)})
    assert invoke(embedded, {"x": {"y": 1}}) == {"x": {"y": 1}, "sum": 3, "is_big": None, "none": None}
    assert invoke(embedded, {"x": {"y": 10}})["is_big"] == 1
    by_config = subgraph(child, {"sum": "m"}, {"n": "setting", "k": Val(0)})
    assert invoke(by_config, {}, config={"setting": 7}) == {"sum": 7}


def test_the_same_pipeline_twice():
    child = Pipeline([transform(lambda d: d["n"] * 2, ["n"], output_state="n")], name="twice")
    assert invoke([subgraph(child), subgraph(child), child], {"n": 1})["n"] == 8


def test_breakpoints_of_a_child_are_noted():
    child = Pipeline([no_op("a")], interrupt_before="a")
    notes = [d.message for d in Pipeline([subgraph(child, name="sub")]).check()]
    assert "subgraph 'sub': breakpoints of its own count only where it is invoked itself" in notes


def test_conditions_in_a_child_see_its_state():
    child = Pipeline(
        [if_else(lambda s: s["n"] > 1, transform(lambda _: "big", output_state="size"), no_op())]
    )
    assert invoke([subgraph(child)], {"n": 2})["size"] == "big"
    beside = parallel([subgraph(child), transform(lambda d: d["n"], ["n"], output_state="m")])
    assert invoke(beside, {"n": 2}) == {"n": 2, "size": "big", "m": 2}


# Messages


class Emitter:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def emit(self, text: Any, **settings: Any) -> None:
        self.got.append((text, settings))


@pytest.mark.parametrize("where", ["state", "config", "context"])
def test_a_log_goes_to_the_emitter(where: str) -> None:
    emitter = Emitter()
    given: dict[str, Any] = {"state": {"a": 1}, "config": {}, "context": {}}
    given[where]["event_emitter"] = emitter
    invoke(
        log("a is {a}, b is {b}", emit_kwargs={"disabled_handlers": []}),
        given["state"],
        config=given["config"],
        context=given["context"],
    )
    invoke(log("{a}", is_template=False), given["state"], config=given["config"], context=given["context"])
    assert emitter.got == [("a is 1, b is None", {"disabled_handlers": []}), ("{a}", {})]


def test_a_component_that_takes_an_emitter_gets_it():
    class Talks:
        async def talk(self, event_emitter: Any = None) -> Any:
            return event_emitter

        talk.__is_main__ = True  # type: ignore[attr-defined]

        async def run(self, **kwargs: Any) -> Any:
            return await self.talk(**kwargs)

    emitter = Emitter()
    assert invoke(step(Talks(), "out"), {}, config={"event_emitter": emitter})["out"] is emitter
    assert invoke(step(Talks(), "out"))["out"] is None
