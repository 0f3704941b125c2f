"""How pipelines are put together: operators, fallbacks, and the composer."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from tests.compat.gllm.running import invoke

from plait.compat.gllm.exceptions import (
    PipelineTypeError,
    PipelineValueError,
)
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.pipeline.composer import Composer
from plait.compat.gllm.steps import (
    if_else,
    no_op,
    parallel,
    transform,
)
from plait.compat.gllm.types import Val


def put(key: str, value: Any = None, name: str | None = None) -> Any:
    """A step that writes a value, by default its key."""
    return transform(lambda _: key if value is None else value, output_state=key, name=name)


# Putting together


def test_the_operators():
    a, b = Pipeline([put("a")], name="one"), Pipeline([put("b")], name="two")
    assert set(invoke(put("x") | put("y") | a)) == {"x", "y", "a"}
    assert [type(s).__name__ for s in (a | b).steps] == ["StateOperatorStep", "StateOperatorStep"]
    assert [type(s).__name__ for s in (a << b << put("z")).steps] == [
        "StateOperatorStep",
        "SubgraphStep",
        "StateOperatorStep",
    ]
    assert [s.name for s in (a >> b).steps] == ["one", "transform"]
    assert (a >> b).name == "two"
    assert set(invoke(a >> put("c"))) == {"a", "c"}
    assert set(invoke(put("c") >> a)) == set(invoke(put("c") << a)) == {"a", "c"}
    assert len(a.steps) == 1


def test_the_left_one_runs_first():
    order: list[str] = []
    note = lambda name: Pipeline([transform(lambda _: order.append(name), output_state=name)])  # noqa: E731
    invoke(note("a") >> note("b"))
    invoke(note("a") << note("b"))
    assert order == ["a", "b", "a", "b"]


def test_pipelines_with_different_state_types_are_not_joined():
    one, two = TypedDict("One", {"a": str}), TypedDict("Two", {"b": str})  # type: ignore[operator]
    first, second = Pipeline([put("a")], state_type=one), Pipeline([put("b")], state_type=two)
    with pytest.raises(PipelineValueError, match=r"their state types differ \(One and Two\); .*subgraph"):
        _ = first | second
    assert (Pipeline([no_op()]) | first).state_type is one


def test_steps_are_added_and_removed():
    pipeline = Pipeline([put("a")])
    assert invoke(pipeline) == {"a": "a"}
    pipeline.add_step(put("b"))
    assert invoke(pipeline) == {"a": "a", "b": "b"}
    pipeline.clear()
    assert invoke(pipeline, {"c": 1}) == {"c": 1}
    with pytest.raises(PipelineTypeError, match="add_step: 3 is not a pipeline step"):
        pipeline.add_step(3)


def test_a_pipeline_is_a_branch():
    child = Pipeline([put("a")])
    assert invoke([parallel([child, [child, put("b")]][:1]), if_else(lambda _: True, child, [child])]) == {
        "a": "a"
    }


def test_a_fallback_sees_what_was_done():
    def fail(_: Any) -> Any:
        raise ConnectionError("gone")

    steps = [put("a"), transform(fail, output_state="b"), put("c")]
    fallback = transform(lambda d: f"after {d['a']}", ["a"], output_state="d")
    assert invoke(Pipeline(steps, fallback=fallback, catch=(OSError,))) == {"a": "a", "d": "after a"}
    with pytest.raises(ConnectionError):
        invoke(Pipeline(steps, fallback=[fallback], catch=(KeyError,)))


# The composer


def test_the_composer_in_one_chain():
    async def double(n: int) -> int:
        return 2 * n

    child = Pipeline([put("child")])
    pipeline = (
        Composer()
        .step(double, {"n": "n"}, "m")
        .step(double, "m2", {"n": "m"})
        .transform(lambda d: d["m"] + 1, ["m"], output_state="k")
        .bundle(["m", "k"], "both")
        .copy("m", "m3")
        .log("{m}")
        .no_op()
        .map_reduce({"x": "ns"}, "sum", lambda d: d["x"], sum)
        .subgraph(child, output_state_map={"c": "child"})
        .try_catch(put("tried"))
        .while_do(put("once"), lambda _: False)
        .if_else(lambda _: True, put("t"), put("f"))
        .when(lambda _: False, output_state="answer")
        .then(put("then"))
        .otherwise([child, put("otherwise")])
        .end()
        .switch(lambda _: "b")
        .case("a", put("case_a"))
        .default(put("default"))
        .end()
        .switch(lambda _: "a", branches={"a": put("case_a2")})
        .toggle("n")
        .then(put("on"))
        .end()
        .toggle("n", if_branch=put("on2"))
        .guard(lambda _: True)
        .on_success(put("ok"))
        .end()
        .guard(lambda _: True, success_branch=put("ok2"))
        .parallel(name="block")
        .fork(put("p1"))
        .fork([put("p2")])
        .end()
        .parallel(branches=[put("p3")])
        .goto("over", Val("last"))
        .transform(lambda _: 1, output_state="skipped")
        .transform(lambda _: 1, output_state="last", name="last")
        .terminate()
        .done()
    )
    wanted = (
        "m m2 k both m3 sum c tried once t answer child otherwise default case_a2 on on2 ok ok2 p1 p2 p3 last"
    )
    state = invoke(pipeline, {"n": 1, "ns": [1, 2]})
    assert set(state) == {"n", "ns", *wanted.split()}
    assert state["m2"] == 4


def test_the_composer_changes_the_pipeline_that_it_began_with():
    pipeline = Pipeline([put("a")])
    composer = pipeline.composer
    composer.no_op()
    assert composer.done() is pipeline
    assert len(pipeline.steps) == 2


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda c: c.when(len).end(), r".then\(...\) is missing"),
        (lambda c: c.when(len).then(no_op()).end(), r".otherwise\(...\) is missing"),
        (lambda c: c.switch(len).end(), r".case\(key, branch\) is missing"),
        (lambda c: c.toggle("x").end(), r".then\(...\) is missing"),
        (lambda c: c.guard(len).end(), r"is missing before"),
        (lambda c: c.parallel().end(), r".fork\(branch\) is missing"),
        (lambda c: (c.toggle("x"), c.done()), r"composer.toggle\(...\) was opened and never ended"),
    ],
)
def test_what_is_missing_is_a_value_error_at_the_end(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write(Pipeline([]).composer)
