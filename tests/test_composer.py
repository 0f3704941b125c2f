"""The composer and the operators: the same pipelines, written otherwise."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest

import plait
from plait import Composer, DefinitionError, Pipeline, step, subgraph
from plait.core.flow import Flow, Parallel, Subgraph, parts_of
from plait.core.step import Step


def add_one(n: int) -> int:
    return n + 1


def double(n: int) -> int:
    return n * 2


def small(state: dict[str, Any]) -> bool:
    return bool(state["n"] < 10)


def which(n: int) -> str:
    return "one" if n == 1 else "other"


def shape(flow: Flow) -> Any:
    """What a flow is, without the objects that are made anew each time."""
    if isinstance(flow, Step):
        return (flow.kind, flow.label, repr(flow.inputs), flow.outputs, flow.timeout)
    own = {
        key: getattr(flow, key)
        for key in ("name", "kind", "default", "catch", "error_state", "fixed", "allow_end", "max_turns")
        if hasattr(flow, key)
    }
    keys = [key for key, _ in getattr(flow, "branches", ())]
    return (type(flow).__name__, own, keys, [shape(part) for part in parts_of(flow)])


def shapes(pipeline: Pipeline) -> list[Any]:
    return [shape(part) for part in pipeline.steps]


ADD = step(add_one, {"n": "n"}, "m")
TWICE = step(double, {"n": "m"}, "m2")
INNER = Pipeline([ADD, TWICE], name="inner")


@pytest.mark.parametrize(
    ("composed", "listed"),
    [
        (
            lambda c: c.step(add_one, {"n": "n"}, "m", timeout=3),
            lambda: step(add_one, {"n": "n"}, "m", timeout=3),
        ),
        (lambda c: c.transform(len, ["n"], "m"), lambda: plait.transform(len, ["n"], "m")),
        (lambda c: c.transform(len, ["n"], output_state="m"), lambda: plait.transform(len, ["n"], "m")),
        (lambda c: c.bundle({"x": "n"}, "m"), lambda: plait.bundle({"x": "n"}, "m")),
        (lambda c: c.copy("n", ["m", "k"]), lambda: plait.copy("n", ["m", "k"])),
        (lambda c: c.log("{n}", name="say"), lambda: plait.log("{n}", name="say")),
        (lambda c: c.no_op("nothing"), lambda: plait.no_op("nothing")),
        (lambda c: c.terminate(), plait.terminate),
        (lambda c: c.interrupt("sure?", "answer"), lambda: plait.interrupt("sure?", "answer")),
        (lambda c: c.pause("here"), lambda: plait.pause("here")),
        (
            lambda c: c.map_reduce("sums", add_one, sum, {"n": "ns"}),
            lambda: plait.map_reduce("sums", add_one, sum, {"n": "ns"}),
        ),
        (
            lambda c: c.goto("again", plait.Val(plait.END), allow_end=True),
            lambda: plait.goto("again", plait.Val(plait.END)),
        ),
        (lambda c: c.subgraph(INNER, {"n": "k"}, "m"), lambda: subgraph(INNER, {"n": "k"}, "m")),
        (
            lambda c: c.try_catch(ADD, TWICE, OSError, "why", name="try"),
            lambda: plait.try_catch(ADD, TWICE, OSError, "why", name="try"),
        ),
        (
            lambda c: c.while_do([ADD], small, max_turns=4),
            lambda: plait.while_do([ADD], small, max_turns=4),
        ),
        (
            lambda c: c.if_else(small, ADD, [TWICE], "answer"),
            lambda: plait.if_else(small, ADD, [TWICE], "answer"),
        ),
        (
            lambda c: c.when(small, output_state="answer").then(ADD).otherwise([TWICE]).end(),
            lambda: plait.if_else(small, ADD, [TWICE], "answer"),
        ),
        (
            lambda c: c.when(small, name="size").then(INNER).otherwise([INNER, ADD]).end(),
            lambda: plait.if_else(small, INNER, [INNER, ADD], name="size"),
        ),
        (
            lambda c: c.switch(which).case("one", ADD).case("two", INNER).default([TWICE]).end(),
            lambda: plait.switch(which, {"one": ADD, "two": INNER}, default=[TWICE]),
        ),
        (
            lambda c: c.switch(which, ["n"], "answer").case("one", ADD).end(),
            lambda: plait.switch(which, {"one": ADD}, "answer", input_map=["n"]),
        ),
        (lambda c: c.toggle("flag").then([ADD]).end(), lambda: plait.toggle("flag", [ADD])),
        (
            lambda c: c.guard(small).on_success(ADD).on_failure(TWICE).end(),
            lambda: plait.guard(small, ADD, TWICE),
        ),
        (lambda c: c.guard(small).on_failure(TWICE).end(), lambda: plait.guard(small, None, TWICE)),
        (
            lambda c: c.parallel(name="both", max_concurrency=1).fork(ADD).fork([INNER]).end(),
            lambda: plait.parallel([ADD, [INNER]], name="both", max_concurrency=1),
        ),
    ],
)
def test_a_method_makes_what_the_function_makes(composed: Any, listed: Any) -> None:
    assert shapes(composed(Composer()).done()) == [shape(listed())]


def test_a_composed_pipeline_runs():
    pipeline = (
        Composer(name="sums")
        .step(add_one, ["n"], "m")
        .parallel()
        .fork(TWICE)
        .end()
        .step(add_one, {"n": "m2"}, "k")
    ).done()
    assert pipeline.name == "sums"
    assert pipeline.run({"n": 1}).state == {"n": 1, "m": 2, "m2": 4, "k": 5}


def test_the_settings_are_those_of_a_pipeline():
    class State(TypedDict, total=False):
        n: int
        m: int

    pipeline = (
        Composer(state_type=State, order="dataflow", max_concurrency=2).step(add_one, ["n"], "m").done()
    )
    definition = pipeline.__plait_definition__
    assert (definition.schema.type, definition.order, definition.max_concurrency) == (State, "dataflow", 2)


def test_a_pipeline_is_never_changed_by_its_composer():
    first = Pipeline([ADD], name="first", max_concurrency=3)
    composer = first.composer.step(double, {"n": "m"}, "m2")
    second = composer.done()
    third = composer.step(add_one, {"n": "m2"}, "k").done()
    assert [len(p.steps) for p in (first, second, third)] == [1, 2, 3]
    assert (second.name, second.__plait_definition__.max_concurrency) == ("first", 3)
    assert third.run({"n": 0}).state["k"] == 3


def test_lines_of_their_own_add_up():
    composer = Composer()
    composer.step(add_one, ["n"], "m")
    composer.when(small).then(ADD).otherwise(TWICE).end()
    assert len(composer.done().steps) == 2


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (
            lambda c: c.when(small).otherwise(ADD).end(),
            r"composer.when\(...\): .then\(...\) is missing before .end\(\)",
        ),
        (
            lambda c: c.when(small, name="x").then(ADD).end(),
            r"when\(name='x'\): .otherwise\(...\) is missing.*toggle",
        ),
        (lambda c: c.switch(which).default(ADD).end(), r".case\(key, branch\) is missing before .end\(\)"),
        (lambda c: c.toggle("flag").end(), r".then\(...\) is missing"),
        (lambda c: c.guard(small).end(), r".on_success\(...\) or .on_failure\(...\) is missing"),
        (lambda c: c.parallel().end(), r".fork\(branch\) is missing"),
        (
            lambda c: c.when(small).then(ADD).then(TWICE),
            r".then\(...\) was given twice; put all steps into one list",
        ),
        (lambda c: c.switch(which).case("a", ADD).case("a", ADD), r".case\('a', ...\) was given twice"),
        (lambda c: c.when(small).then(None), r".then\(None\); a branch is"),
        (lambda c: c.parallel().fork([]).end(), r"parallel\[0\]: the list of steps is empty"),
        (lambda c: c.done(), r"the list of steps is empty"),
    ],
)
def test_what_is_missing_is_said_at_the_end_of_the_block(write: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        write(Composer())


def test_a_block_that_was_never_ended_is_not_lost_in_silence():
    composer = Composer().step(add_one, ["n"], "m")
    composer.when(small).then(ADD).otherwise(TWICE)
    for go_on in (composer.done, composer.no_op, lambda: composer.toggle("flag")):
        with pytest.raises(DefinitionError, match=r"composer.when\(...\) was opened and never ended"):
            go_on()


# The operators


def test_two_pipelines_joined_are_one_list_of_steps():
    later = Pipeline([step(add_one, {"n": "m2"}, "k")], name="later")
    both = INNER | later
    assert both.name == "inner"
    assert repr(both.steps) == "(<step add_one>, <step double>, <step add_one>)"
    assert (len(INNER.steps), len(later.steps)) == (2, 1)


def test_a_joined_pipeline_that_has_an_order_or_a_limit_keeps_it():
    for other in (Pipeline([TWICE], order="dataflow"), Pipeline([TWICE], max_concurrency=1)):
        last = (Pipeline([ADD]) | other).steps[-1]
        assert isinstance(last, Subgraph)
        assert last.definition is other.__plait_definition__


def test_pipelines_with_different_state_types_are_not_joined():
    class One(TypedDict, total=False):
        n: int
        m: int

    class Two(TypedDict, total=False):
        n: int
        m: int

    first, second = Pipeline([ADD], state_type=One), Pipeline([ADD], state_type=Two)
    with pytest.raises(DefinitionError, match=r"these have One and Two; .*pipeline \| subgraph\(other, "):
        _ = first | second
    with pytest.raises(DefinitionError, match=r"these have none and Two"):
        _ = INNER | second
    assert isinstance((first | subgraph(second)).steps[-1], Subgraph)
    assert len((first | Pipeline([step(double, {"n": "m"}, "n")], state_type=One)).steps) == 2


def test_shifting_left_embeds_at_the_end():
    outer = Pipeline([step(add_one, [{"n": "start"}], "n")], name="outer")
    both = outer << INNER << step(add_one, {"n": "m2"}, "k")
    assert [type(part) for part in both.steps] == [Step, Subgraph, Step]
    assert both.run({"start": 0}).state == {"start": 0, "n": 1, "m": 2, "m2": 4, "k": 5}


def test_shifting_right_runs_the_left_one_first():
    outer = Pipeline([step(add_one, {"n": "m2"}, "k")], name="outer")
    both = INNER >> outer
    assert (both.name, both.run({"n": 1}).state["k"]) == ("outer", 5)
    assert [type(part) for part in both.steps] == [Subgraph, Step]
    assert (INNER >> step(add_one, {"n": "m2"}, "k")).run({"n": 1}).state["k"] == 5


def test_what_is_no_step_can_not_be_joined():
    for join in (lambda: INNER | len, lambda: INNER << len, lambda: INNER >> len):
        with pytest.raises(DefinitionError, match=r"len is not a step yet; write step\(len, ...\)"):
            join()


def test_a_block_joins_as_it_is():
    assert isinstance((INNER | plait.parallel([TWICE, ADD])).steps[-1], Parallel)
