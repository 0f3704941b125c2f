"""Steps one by one: how they are made, where their inputs come from, and what they write."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.compat.gllm.running import invoke

from plait.compat.gllm.exceptions import PipelineKeyError, PipelineTypeError, PipelineValueError
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.steps import (
    ConditionalStep,
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
    toggle,
    transform,
)
from plait.compat.gllm.steps.conditional_step import DEFAULT_BRANCH
from plait.compat.gllm.types import Group, Val
from plait.testing.virtual import run_virtual


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


@pytest.mark.parametrize("waits", [True, False])
def test_a_component_is_set_up_once(waits: bool) -> None:
    class Model:
        ups = 0

        def setup(self) -> None:
            self.ups += 1

    class Waits(Model):
        async def __call__(self, n: int) -> int:
            return n + self.ups

    class Blocks(Model):
        def __call__(self, n: int) -> int:
            return n + self.ups

    model = Waits() if waits else Blocks()
    pipeline = Pipeline([step(model, "a", {"n": "n"}), step(model, "b", {"n": "a"})])
    assert invoke(pipeline, {"n": 0}) == invoke(pipeline, {"n": 0}) == {"n": 0, "a": 1, "b": 2}
    assert model.ups == 1


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
