"""Steps one by one: how they are made, where their inputs come from, and what they write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plait.compat.gllm.exceptions import PipelineKeyError, PipelineTypeError, PipelineValueError
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.steps import (
    ConditionalStep,
    MapReduceStep,
    bundle,
    copy,
    goto,
    guard,
    if_else,
    log,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    switch,
    terminate,
    toggle,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.steps.conditional_step import DEFAULT_BRANCH
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.types import Group, Val
from plait.testing.virtual import run_virtual


def invoke(steps: Any, state: Any = None, **options: Any) -> dict[str, Any]:
    """Run a pipeline of these steps on the virtual clock."""
    pipeline = (
        steps if isinstance(steps, Pipeline) else Pipeline(steps if isinstance(steps, list) else [steps])
    )
    return run_virtual(pipeline.invoke({} if state is None else state, **options))


class Adder:
    """A component as gllm_core has them: it marks its main method and is run by keywords."""

    async def add(self, a: int, b: int = 10) -> int:
        return a + b

    add.__is_main__ = True  # type: ignore[attr-defined]

    async def run(self, **kwargs: Any) -> Any:
        return await self.add(**kwargs)


class Legacy:
    """A component that only has `run`."""

    async def run(self, **kwargs: Any) -> Any:
        return sorted(kwargs)


# The two orders of `step`


@pytest.mark.parametrize(
    "made",
    [
        step(Adder(), "c", {"a": "x", "b": "y"}),
        step(Adder(), {"a": "x", "b": "y"}, "c"),
        step(Adder(), output_state="c", input_map={"a": "x", "b": "y"}),
        step(Adder(), ["a", {"b": "y"}], "c"),
        step(Adder(), [{"a": "x"}, {"b": "y"}], "c"),
        step(Adder(), "c", [{"a": "x"}, {"b": "y"}]),
    ],
)
def test_both_orders_of_step_are_understood(made: Any) -> None:
    assert invoke(made, {"x": 1, "a": 1, "y": 2})["c"] == 3


def test_a_list_in_second_place_alone_is_the_output():
    async def both(n: int) -> dict[str, int]:
        return {"a": n, "b": -n}

    assert step(both, ["a", "b"], {"n": "n"}).output_state == ["a", "b"]
    assert invoke(step(both, ["a", "b"], {"n": "n"}), {"n": 2}) == {"n": 2, "a": 2, "b": -2}


def test_a_component_without_an_input_map_gets_what_it_can_not_do_without():
    assert invoke(step(Adder(), "c"), {"a": 1, "b": 5})["c"] == 11


def test_a_component_that_only_has_run_is_run():
    assert invoke(step(Legacy(), "c", {"q": "x", "r": Val(1)}), {"x": 0})["c"] == ["q", "r"]


def test_a_plain_function_is_a_component_too():
    def double(n: int) -> int:
        return 2 * n

    assert invoke(step(double, "m", {"n": "n"}), {"n": 2})["m"] == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: step(Adder(), "c", "x"), r"ComponentStep 'adder': input_map is 'x'; it is a dict"),
        (lambda: step(Adder(), "c", {"a": 3}), r"binds 'a' to 3; it is a key \(a string\) or Val\(3\)"),
        (lambda: step(3, "c"), r"3 is not a component"),
        (lambda: step(Adder(), ["c", "c"], {"a": "x"}), r"output_state is \['c', 'c'\]"),
        (
            lambda: step(Adder(), "c", retry_config=3),
            r"retry_config is 3; it is RetryConfig\(max_retries=2\)",
        ),
        (lambda: step(Adder(), "c", error_handler=3), r"error_handler is 3; it is a KeepStepErrorHandler"),
        (lambda: transform(len, ["a"]), r"it needs an output_state"),
        (lambda: transform(3, ["a"], output_state="b"), r"operation is 3"),  # type: ignore[arg-type]
        (lambda: if_else(3, no_op(), no_op()), r"the condition is 3; it is a function"),
        (lambda: switch(len, [no_op()]), r"branches is .* it is a dict of a branch"),  # type: ignore[arg-type]
        (lambda: parallel(no_op()), r"branches is NoOpStep; it is a list, or a dict"),
        (lambda: map_reduce(len, "x"), r"output_state is .* it is one key, and comes first"),  # type: ignore[arg-type]
        (lambda: goto("g", 3), r"the target is 3; it is Val\('name'\)"),
        (lambda: subgraph([no_op()]), r"is not a Pipeline"),
        (lambda: Pipeline([Adder()]), r"Pipeline: .* is not a pipeline step; write step\("),
        (lambda: Pipeline([no_op()]) | len, r"\|: len is not a pipeline step; write step\(len, ...\)"),
        (lambda: Group(3), r"Group\(3\): it takes a key"),  # type: ignore[arg-type]
        (lambda: log(3), r"the message is 3"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_refused_where_it_is_written(make: Any, message: str) -> None:
    with pytest.raises(PipelineTypeError, match=message):
        make()


def test_an_argument_that_the_component_does_not_have():
    with pytest.raises(
        PipelineTypeError, match=r"step 'adder': adder has no parameter 'bb'; did you mean 'b'\?"
    ):
        invoke(step(Adder(), "c", {"a": "x", "bb": "x"}), {"x": 1})


# Where inputs come from


def test_what_no_step_writes_comes_from_config_or_context():
    steps = [
        step(Adder(), "c", {"a": "x", "b": "more"}),
        transform(lambda d: d["c"] * d["factor"], ["c", "factor"], output_state="d"),
    ]
    state = invoke(steps, {"x": 1}, config={"more": 2}, context={"factor": 3})
    assert state == {"x": 1, "c": 3, "d": 9}


def test_the_state_comes_before_config_and_none_counts():
    read = transform(lambda d: d["x"], ["x"], output_state="y")
    assert invoke(read, {"x": None}, config={"x": 1})["y"] is None
    assert invoke(read, {}, config={"x": 1}, context={"x": 2})["y"] == 2


def test_what_an_untaken_branch_would_have_written_comes_from_config():
    steps = [
        if_else(lambda s: s["flag"], transform(lambda _: "made", output_state="text"), no_op()),
        transform(lambda d: d["text"], ["text"], output_state="out"),
    ]
    assert invoke(steps, {"flag": True}, config={"text": "set"})["out"] == "made"
    assert invoke(steps, {"flag": False}, config={"text": "set"})["out"] == "set"


def test_dotted_paths_go_through_keys_and_attributes():
    class Page:
        author = {"name": "Ada"}  # noqa: RUF012

    read = transform(lambda d: d["who"], input_map={"who": "page.author.name"}, output_state="out")
    assert invoke(read, {"page": Page()})["out"] == "Ada"
    assert invoke(read, {}, config={"page": {"author": {"name": "Bob"}}})["out"] == "Bob"
    with pytest.raises(
        PipelineKeyError, match=r"step '.*' reads the key 'page.author.name', which is neither"
    ):
        invoke(read, {"page": {"author": {}}})


def test_a_missing_key_is_the_error_of_the_step_that_reads_it():
    ran = []
    steps = [
        transform(lambda _: ran.append(1), output_state="a"),
        transform(lambda d: d, ["texts", "b"], output_state="c", name="reader"),
    ]
    with pytest.raises(
        PipelineKeyError,
        match=r"step 'reader' reads the keys 'texts' and 'b', which are neither.*did you mean 'text'\?",
    ):
        invoke(steps, {"text": 1})
    assert ran == [1]


def test_a_step_in_an_untaken_branch_misses_nothing():
    steps = [if_else(lambda s: s["n"] > 0, transform(lambda d: d, ["image"], output_state="x"), no_op())]
    assert invoke(steps, {"n": 0}) == {"n": 0}


def test_settings_are_not_part_of_the_state():
    assert invoke(transform(lambda d: d["k"], ["k"], output_state="y"), {}, config={"k": 1}) == {"y": 1}


# Outputs


def test_a_list_of_outputs_takes_the_values_of_these_names():
    steps = transform(lambda _: {"b": 2, "a": 1, "c": 3}, output_state=["a", "b"])
    assert invoke(steps) == {"a": 1, "b": 2}


def test_a_tuple_for_several_outputs_has_their_number():
    assert invoke(transform(lambda _: (1, 2), output_state=["a", "b"])) == {"a": 1, "b": 2}
    with pytest.raises(TypeError, match=r"returned 1 values for 2 keys"):
        invoke(transform(lambda _: (1,), output_state=["a", "b"]))


def test_copies():
    assert invoke(copy("a", "b"), {"a": 1})["b"] == 1
    assert invoke(copy("a", ["b", "c"]), {"a": 1}) == {"a": 1, "b": 1, "c": 1}
    assert invoke(copy(["a", "b"], "c"), {"a": 1, "b": 2})["c"] == [1, 2]
    assert invoke(copy(["a", "b"], ["b", "a"]), {"a": 1, "b": 2}) == {"a": 2, "b": 1}
    with pytest.raises(PipelineValueError, match="2 keys can't be copied to 3"):
        copy(["a", "b"], ["c", "d", "e"])


def test_bundles():
    assert invoke(bundle({"x": "a", "k": Val(1)}, "b"), {"a": 2})["b"] == {"x": 2, "k": 1}  # type: ignore[dict-item]
    with pytest.raises(PipelineValueError, match="the dict goes to one key"):
        bundle(["a"], ["b", "c"])


def test_what_a_lambda_leaves_to_await_is_awaited():
    async def later(d: dict[str, Any]) -> int:
        await asyncio.sleep(1)
        return d["a"] + 1

    assert invoke(transform(lambda d: later({**d}), ["a"], output_state="b"), {"a": 1})["b"] == 2


# Conditions


@pytest.mark.parametrize(
    ("answer", "taken"), [(True, "yes"), ("TRUE", "yes"), (False, "no"), ("false", "no")]
)
@pytest.mark.parametrize("waits", [True, False])
def test_a_condition_answers_true_or_false(answer: Any, taken: str, waits: bool) -> None:
    async def later(_: Any) -> Any:
        return answer

    condition = later if waits else lambda _: answer
    steps = if_else(
        condition,
        transform(lambda _: "yes", output_state="out"),
        transform(lambda _: "no", output_state="out"),
        output_state="answer",
    )
    assert invoke(steps) == {"out": taken, "answer": str(answer).lower()}


def test_a_function_sees_the_state_the_settings_and_what_is_mapped():
    seen: list[Any] = []
    condition = if_else(
        lambda s: bool(seen.append(s)),
        no_op(),
        no_op(),
        input_map={"limit": Val(3), "b": "a.b", "none": "absent"},
    )
    invoke(condition, {"a": {"b": 1}}, config={"k": 1}, context={"m": 2})
    assert seen == [{"a": {"b": 1}, "k": 1, "m": 2, "limit": 3, "b": 1}]


def test_several_conditions_are_put_together():
    def make(**settings: Any) -> ConditionalStep:
        return ConditionalStep(
            "both",
            {"a;true": transform(lambda _: 1, output_state="out"), DEFAULT_BRANCH: no_op()},
            [lambda s: s["first"], lambda s: s["second"]],
            output_state="answer",
            **settings,
        )

    assert invoke(make(), {"first": "a", "second": True})["answer"] == "a;true"
    assert invoke(make(evaluate_concurrently=True), {"first": "a", "second": True})["out"] == 1
    assert invoke(make(), {"first": "b", "second": True})["answer"] == DEFAULT_BRANCH
    last = make(condition_aggregator=lambda answers: answers[-1])
    assert invoke(last, {"first": "b", "second": "a;true"})["out"] == 1


def test_conditions_that_wait_are_asked_at_once_if_that_is_wanted():
    async def slow(s: dict[str, Any]) -> str:
        await asyncio.sleep(1)
        return "a"

    async def main(together: bool) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await Pipeline(
            [ConditionalStep("c", {"a;a": no_op()}, [slow, slow], evaluate_concurrently=together)]
        ).invoke({})
        return loop.time() - began

    assert (run_virtual(main(True)), run_virtual(main(False))) == (1, 2)


def test_without_a_condition_the_default_is_taken():
    chosen = ConditionalStep("c", {DEFAULT_BRANCH: transform(lambda _: 1, output_state="out")})
    assert invoke(chosen)["out"] == 1


def test_toggles():
    on = transform(lambda _: 1, output_state="out")
    assert invoke(toggle("flag", on), {"flag": [0]})["out"] == 1
    assert invoke(toggle("flag", on), {}, config={"flag": 1})["out"] == 1
    assert invoke(toggle("a.flag", on), {"a": {"flag": 1}})["out"] == 1
    assert invoke([toggle("flag", on), toggle("flag", on)], {}) == {}


def test_a_guard_ends_its_own_pipeline_only():
    child = Pipeline(
        [
            guard(lambda _: False, no_op(), transform(lambda _: "no", output_state="why")),
            transform(lambda _: 1, output_state="x"),
        ]
    )
    assert invoke([subgraph(child), transform(lambda _: 2, output_state="y")]) == {"why": "no", "y": 2}


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
