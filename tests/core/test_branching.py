"""``if_else``, ``switch``, ``toggle`` and ``guard``: what they take, what they refuse, and what their conditions are called with."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest

from plait import (
    ConditionError,
    Config,
    DefinitionError,
    Keep,
    Pipeline,
    Retry,
    guard,
    if_else,
    log,
    no_op,
    step,
    switch,
    toggle,
)
from plait.core.branching import OTHERWISE


def yes() -> bool:
    return True


def paths(flow: Any, inputs: dict[str, Any] | None = None, **options: Any) -> list[str]:
    """The paths of what runs."""
    return [each.path for each in Pipeline([flow]).run(inputs or {}, **options).report.steps]


# What they refuse


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: if_else("ready", no_op()), r"if_else '\w+': the condition is 'ready'; it is a function or another component"),
        (lambda: if_else(yes, []), r"if_else 'yes'\['true'\]: the list of steps is empty"),
        (lambda: if_else(yes, no_op(), print), r"if_else 'yes'\['false'\]: print is not a step yet; write step\(print, ...\)"),
        (lambda: if_else(yes, no_op(), None, ["a", "b"]), r"if_else 'yes': output_state is \['a', 'b'\]; it is one key"),
        (lambda: if_else(yes, no_op(), name="a/b"), r"if_else 'a/b': .*'a/b'"),
        (lambda: switch(yes, {}), r"switch 'yes': branches is {}; it is a dict of a branch for each answer"),
        (lambda: switch(yes, [no_op()]), r"switch 'yes': branches is \[.*\]; it is a dict"),
        (lambda: switch(yes, {1: no_op()}), r"switch 'yes': the key 1 of a branch is not a string"),
        (lambda: toggle("on", no_op(), input_map=["x"]), r"toggle 'on': the condition is the key 'on' already; leave input_map out"),
        (lambda: if_else(step(yes, output_state="a"), no_op()), r"the condition is a step with output_state='a'; leave that out there and give output_state to if_else"),
        (lambda: switch(step(yes, error_handler=Keep()), {"a": no_op()}), r"try_catch\(switch\(\.\.\.\), fallback=\.\.\.\)"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_with_the_cure(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()


# What a condition is called with


def test_a_function_of_one_parameter_gets_the_state() -> None:
    seen: list[Any] = []

    def look(state):  # type: ignore[no-untyped-def]
        seen.append(state)
        return True

    def look_at_a_dict(state: dict[str, Any]) -> bool:
        seen.append(state)
        return True

    for condition in (look, look_at_a_dict):
        Pipeline([step(lambda: 1, {}, "b", name="b"), if_else(condition, no_op())]).run({"a": 0})
    assert seen == [{"a": 0, "b": 1}] * 2


@pytest.mark.parametrize("given", ["annotation", "input_map", "two parameters", "settings"])
def test_all_else_is_called_like_a_step(given: str) -> None:
    seen: list[Any] = []

    def of_text(text: str) -> bool:
        seen.append(text)
        return True

    def of_both(text, more="m"):  # type: ignore[no-untyped-def]
        seen.append(text)
        return more == "m"

    flow = {
        "annotation": lambda: if_else(of_text, no_op()),
        "input_map": lambda: if_else(lambda x: not seen.append(x), no_op(), input_map={"x": "text"}),  # type: ignore[func-returns-value]
        "two parameters": lambda: if_else(of_both, no_op()),
        "settings": lambda: if_else(lambda x: not seen.append(x), no_op(), input_map={"x": Config("text")}),  # type: ignore[func-returns-value]
    }[given]()
    Pipeline([flow]).run({"text": "t"}, config={"text": "t"})
    assert seen == ["t"]


async def later(state):  # type: ignore[no-untyped-def]
    return state["on"]


class Asked:
    """A component with a condition's answer."""

    def __call__(self, on: bool) -> bool:
        return on


@pytest.mark.parametrize(
    "condition",
    [later, lambda state: later({**state}), Asked()],
    ids=["async", "awaitable", "object"],
)
def test_a_condition_is_any_component(condition: Any) -> None:
    flow = if_else(condition, no_op("yes"), no_op("no"), name="c")
    for on, chosen in ((True, "c/true/yes"), (False, "c/false/no")):
        assert paths(flow, {"on": on}) == ["c/condition", chosen]


def test_a_step_as_a_condition_brings_its_name_its_inputs_and_its_policies() -> None:
    tries: list[int] = []

    def route(value: str) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError
        return value

    asked = step(route, {"value": "kind"}, name="model", retry=Retry(2, backoff=0))
    assert paths(switch(asked, {"a": no_op("x"), "b": no_op("y")}), {"kind": "b"}) == [
        "model/condition",
        "model/b/y",
    ]
    assert len(tries) == 2


# Answers


@pytest.mark.parametrize("answer", [True, "true", " TRUE "])
def test_what_counts_as_true(answer: Any) -> None:
    flow = if_else(lambda state: answer, no_op("x"), output_state="said", name="c")
    assert paths(flow) == ["c/condition", "c/true/x"]
    assert Pipeline([flow]).run({}).state == {"said": "true"}


@pytest.mark.parametrize("answer", [None, 0, 1, 0.5, "yes", [], {"score": 1.0}])
def test_what_is_neither_true_nor_false_is_an_error_and_chooses_nothing(answer: Any) -> None:
    ran: list[int] = []
    note = step(lambda: ran.append(1), name="note")
    with pytest.raises(
        ConditionError, match=r"if_else 'c': the condition returned .*; it returns True or False"
    ):
        Pipeline([if_else(lambda state: answer, note, note, name="c")]).run({})
    assert not ran


def test_a_condition_that_raises_chooses_nothing() -> None:
    ran: list[int] = []
    note = step(lambda: ran.append(1), name="note")
    with pytest.raises(KeyError, match="absent"):
        Pipeline([if_else(lambda state: state["absent"], note, note)]).run({})
    assert not ran


class Kind(str, Enum):  # noqa: UP042  (a StrEnum has a __str__ of its own)
    A = "a"


@pytest.mark.parametrize("answer", ["a", Kind.A])
def test_a_switch_takes_the_branch_of_its_answer(answer: str) -> None:
    flow = switch(lambda state: answer, {"a": no_op("x"), "b": no_op("y")}, "said", name="c")
    assert paths(flow) == ["c/condition", "c/a/x"]
    assert Pipeline([flow]).run({}).state == {"said": "a"}


def test_a_bool_is_the_key_true_or_false_of_a_switch() -> None:
    assert (
        paths(switch(lambda state: False, {"true": no_op("x"), "false": no_op("y")}, name="c"))[-1]
        == "c/false/y"
    )


def test_an_answer_without_a_branch_takes_the_default_and_is_kept() -> None:
    flow = switch(lambda state: "z", {"a": no_op("x")}, "said", default=no_op("d"), name="c")
    assert paths(flow) == ["c/condition", f"c/{OTHERWISE}/d"]
    assert Pipeline([flow]).run({}).state == {"said": "z"}


def test_a_branch_with_the_name_of_the_default_keeps_it() -> None:
    flow = switch(lambda state: "z", {OTHERWISE: no_op("x")}, default=no_op("d"), name="c")
    assert paths(flow)[-1] == f"c/{OTHERWISE}_/d"


def test_an_answer_that_no_branch_has_is_an_error_with_the_nearest_one() -> None:
    flow = switch(lambda state: "biling", {"billing": no_op(), "other": no_op()}, name="c")
    with pytest.raises(
        ConditionError, match=r"'biling'.* the branches are 'billing' and 'other'; did you mean 'billing'\?"
    ):
        Pipeline([flow]).run({})
    with pytest.raises(
        ConditionError,
        match=r"returned 3 \(int\); it returns the key of a branch, one of 'billing' and 'other'",
    ):
        Pipeline([switch(lambda state: 3, {"billing": no_op(), "other": no_op()}, name="c")]).run({})


@pytest.mark.parametrize(
    ("inputs", "on"),
    [({}, False), ({"on": 0}, False), ({"on": []}, False), ({"on": "no"}, True), ({"on": 1}, True)],
)
def test_a_toggle_goes_by_what_python_calls_true(inputs: dict[str, Any], on: bool) -> None:
    wanted = ["on/condition", "on/true/x"] if on else ["on/condition"]
    assert paths(toggle("on", no_op("x")), inputs) == wanted
    assert paths(toggle(Config("on", False), no_op("x")), config=inputs) == wanted


def test_a_toggle_with_a_component_is_as_strict_as_an_if_else() -> None:
    with pytest.raises(ConditionError, match="toggle 'c'"):
        Pipeline([toggle(lambda state: 1, no_op(), name="c")]).run({})


def test_a_guard_says_how_it_ended() -> None:
    flow = guard(lambda state: state["ok"], no_op("s"), log("refused"), "said", name="g")
    assert paths(flow, {"ok": True}) == ["g/condition", "g/success/s"]
    assert paths(flow, {"ok": False}) == ["g/condition", "g/failure/log", "g/failure/terminate"]
    assert Pipeline([flow]).run({"ok": False}).state == {"ok": False, "said": "failure"}
