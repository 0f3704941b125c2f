"""What the reference interpreter says about the hard cases, rule by rule.

The truth tables of docs/decisions are run in tests/decisions, there in every other way as well.
"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, TypedDict

import pytest

from plait.core.flow import Definition, as_parts, dataflow, parallel, subgraph
from plait.core.inputs import Config, Optional, Val
from plait.core.kinds import bundle, log, transform
from plait.core.policy import Retry
from plait.core.schema import read_schema
from plait.core.step import step
from plait.errors import InputError, InvalidPipeline, OutputError, PipelineErrors
from plait.testing.reference import admissible_states, run_reference, startable_effects


class Holder:
    """The least that counts as a pipeline: it has a definition."""

    def __init__(self, definition: Definition) -> None:
        self.__plait_definition__ = definition


def define(
    steps: Any, *, state_type: Any = None, input_type: Any = None, name: str | None = None
) -> Definition:
    return Definition(
        as_parts(steps, "Pipeline"),
        order="listed",
        schema=read_schema(state_type),
        schema_in=read_schema(input_type),
        name=name,
        max_concurrency=None,
    )


def pipeline(steps: Any, **options: Any) -> Holder:
    return Holder(define(steps, **options))


class StepContext:
    """Stands for the real one: found by the name of its type."""

    __plait_context__ = True
    attempt: int
    path: str

    def emit(self, value: Any) -> None: ...


def const(value: Any) -> Callable[[], Any]:
    return lambda: value


def write(key: str, value: Any, **options: Any) -> Any:
    return step(const(value), {}, key, name=options.pop("name", f"write_{key}"), **options)


def broken(error: BaseException, key: str | None = None, **options: Any) -> Any:
    def fail() -> None:
        raise error

    return step(fail, {}, key, **{"name": "broken", "effect": False, **options})


def flaky(failures: int, key: str | None, **options: Any) -> Any:
    def attempt_aware(context: StepContext) -> int:
        if context.attempt <= failures:
            raise ConnectionError(context.attempt)
        return context.attempt

    return step(attempt_aware, {}, key, name=options.pop("name", "flaky"), **options)


def effect(name: str) -> Any:
    return step(lambda: None, {}, None, name=name)


def paths(found: list[tuple[str, BaseException]]) -> list[str]:
    return [path for path, _ in found]


BOOM, BANG = ValueError("boom"), KeyError("bang")


# Rule 1: effects


def test_a_step_without_outputs_is_an_effect_and_one_with_outputs_is_not() -> None:
    run = run_reference(
        define(
            [
                write("a", 1),
                effect("save"),
                write("b", 2, effect=True),
                step(lambda: 0, {}, None, name="peek", effect=False),
            ]
        )
    )
    assert run.effects == ["save", "write_b"]
    assert run.executed == ["write_a", "save", "write_b", "peek"]


def test_an_effect_after_a_failure_does_not_start() -> None:
    run = run_reference(define([effect("first"), broken(BOOM), effect("second")]))
    assert run.effects == ["first"]


def test_an_effect_of_a_sibling_may_start_although_an_earlier_branch_fails() -> None:
    flow = define(
        [
            parallel([broken(BOOM), effect("sibling"), [broken(BANG, name="late"), effect("after_failure")]]),
            effect("after_block"),
        ]
    )
    assert run_reference(flow).effects == []
    assert startable_effects(flow) == {"sibling"}


# Rule 2: regions with a policy are atomic


def test_each_retry_of_a_block_is_a_fresh_frame() -> None:
    seen: list[int] = []

    def count(n: int) -> int:
        seen.append(n)
        if len(seen) < 3:
            raise ConnectionError
        return n + 1

    block = dataflow(
        [step(lambda n: n + 10, ["n"], "n", name="add"), step(count, ["n"], "n")], retry=Retry(3, backoff=0)
    )
    assert run_reference(define([block]), {"n": 0}).state == {"n": 11}
    assert seen == [10, 10, 10]


def test_a_block_is_tried_again_only_when_all_its_errors_match() -> None:
    def block(*errors: BaseException) -> Any:
        return parallel(
            [broken(e, name=f"b{i}") for i, e in enumerate(errors)],
            on_error="finish",
            retry=Retry(2, backoff=0, on=ValueError),
        )

    assert len(run_reference(define([block(BOOM, ValueError("again"))])).executed) == 4
    assert len(run_reference(define([block(BOOM, BANG)])).executed) == 2


def test_what_a_discarded_attempt_collected_is_not_reported() -> None:
    inner = parallel([broken(BOOM, "lost")], on_error="collect")
    calls: list[int] = []

    def once() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError
        return 1

    run = run_reference(define([dataflow([inner, step(once, {}, "x")], retry=Retry(2, backoff=0))]))
    assert run.state == {"x": 1}
    assert paths(run.failures) == ["broken"]


def test_the_writes_of_a_failing_block_are_never_seen() -> None:
    branch = [write("a", "new"), broken(BOOM)]
    run = run_reference(
        define([parallel([branch], on_error="collect"), step(lambda a="default": a, ["a"], "seen")]),
        {"a": "old"},
    )
    assert run.state == {"seen": "default"}


# Rule 3: Missing


NEED_TABLE = [
    # need, on_error, which of three branches fail -> executed, keys kept, failures recorded, failures raised
    ("all", "cancel", "", "abc", "abc", "", ""),
    ("all", "cancel", "a", "a", None, "", "a"),
    ("all", "cancel", "b", "ab", None, "", "b"),
    ("all", "cancel", "ac", "a", None, "", "a"),
    ("all", "finish", "b", "abc", None, "", "b"),
    ("all", "finish", "ac", "abc", None, "", "ac"),
    ("all", "collect", "b", "abc", "ac", "b", ""),
    ("all", "collect", "abc", "abc", "", "abc", ""),
    (1, "cancel", "", "a", "a", "", ""),
    (1, "cancel", "ab", "abc", "c", "ab", ""),
    (1, "cancel", "abc", "abc", None, "", "abc"),
    (2, "cancel", "", "ab", "ab", "", ""),
    (2, "cancel", "a", "abc", "bc", "a", ""),
    (2, "cancel", "ab", "ab", None, "", "ab"),
    (2, "finish", "b", "abc", "ac", "b", ""),
    (2, "finish", "ab", "abc", None, "", "ab"),
    (2, "finish", "abc", "abc", None, "", "abc"),
    (2, "collect", "", "ab", "ab", "", ""),
    (2, "collect", "ab", "abc", "c", "ab", ""),
    (2, "collect", "abc", "abc", "", "abc", ""),
]


@pytest.mark.parametrize(
    ("need", "on_error", "failing", "executed", "kept", "recorded", "raised"), NEED_TABLE
)
def test_need_and_on_error(
    need: Any, on_error: Any, failing: str, executed: str, kept: str | None, recorded: str, raised: str
) -> None:
    errors = {key: ValueError(key) for key in failing}
    branches = [
        broken(errors[key], key, name=key) if key in failing else write(key, key.upper(), name=key)
        for key in "abc"
    ]
    run = run_reference(
        define([parallel(branches, need=need, on_error=on_error)]), {"a": "old", "b": "old", "c": "old"}
    )
    assert run.executed == list(executed)
    if kept is None:
        assert run.state == {}
        assert run.failures == [(key, errors[key]) for key in raised]
        if len(raised) == 1:
            assert run.error is errors[raised]
        else:
            assert isinstance(run.error, PipelineErrors)
            assert list(run.error.exceptions) == [errors[key] for key in raised]
    else:
        assert run.error is None
        assert run.state == {key: key.upper() for key in kept}
        assert run.failures == [(key, errors[key]) for key in recorded]


def test_a_failed_branch_loses_also_what_its_finished_steps_wrote() -> None:
    branch = [write("a", 1), broken(BOOM, "b"), write("c", 3)]
    run = run_reference(define([parallel([branch, write("d", 4)], on_error="collect")]), {"c": "old"})
    assert run.state == {"d": 4}


@pytest.mark.parametrize(
    ("reader", "expected"),
    [
        (step(lambda a: a, {"a": Optional("a")}, "seen"), None),
        (step(lambda a: a, {"a": Optional("a", 5)}, "seen"), 5),
        (step(lambda a=7: a, {"a": "a"}, "seen"), 7),
        (step(lambda a=7: a, None, "seen"), 7),
        (step(lambda **state: sorted(state), None, "seen"), ["z"]),
    ],
)
def test_reading_what_is_missing_gives_the_default(reader: Any, expected: Any) -> None:
    run = run_reference(
        define([parallel([broken(BOOM, "a")], on_error="collect"), reader]), {"a": "old", "z": 0}
    )
    assert run.state == {"z": 0, "seen": expected}


def test_reading_what_may_be_missing_without_a_default_is_no_valid_pipeline() -> None:
    flow = define([parallel([broken(BOOM, "a")], on_error="collect"), step(lambda a: a, ["a"], "b")])
    with pytest.raises(InvalidPipeline, match="'a'"):
        run_reference(flow)


def test_a_later_write_makes_the_key_present_again() -> None:
    assert run_reference(
        define([parallel([broken(BOOM, "a")], on_error="collect"), write("a", 2)])
    ).state == {"a": 2}


def test_alternatives_may_write_one_key_and_the_last_listed_success_counts() -> None:
    flow = define([parallel([write("a", i, name=f"w{i}") for i in range(3)], need=2)])
    assert run_reference(flow).state == {"a": 1}
    assert admissible_states(flow) == [{"a": 1}, {"a": 2}]


def test_admissible_states_are_all_sets_of_winners() -> None:
    branches = [write("a", 1), broken(BOOM, "b"), write("c", 3), write("d", 4)]
    flow = define([parallel(branches, need=2), parallel([write("x", 1), write("y", 2)], need=1)])
    found = admissible_states(flow)
    assert len(found) == 6
    assert run_reference(flow).state == {"a": 1, "c": 3, "x": 1}
    assert all(len(state.keys() & set("acd")) == 2 and len(state.keys() & set("xy")) == 1 for state in found)


def test_admissible_states_stop_at_a_limit() -> None:
    flow = define([parallel([write(f"k{i}", i) for i in range(6)], need=3)])
    with pytest.raises(ValueError, match="limit"):
        admissible_states(flow, limit=5)
    assert len(admissible_states(flow)) == 20


def test_no_state_is_admissible_when_n_is_out_of_reach() -> None:
    assert admissible_states(define([parallel([broken(BOOM, "a"), write("b", 1)], need=2)])) == []


# Rule 4 and 5 concern the engine only; what they must not change is the listed order:


def test_steps_run_in_listed_order_also_in_blocks() -> None:
    flow = define(
        [
            effect("a"),
            parallel({"left": [effect("b"), effect("c")], "right": effect("d")}, name="both"),
            dataflow([effect("e"), parallel([effect("f"), effect("g")])]),
            subgraph(pipeline([effect("h")], name="child")),
        ]
    )
    assert run_reference(flow).executed == [
        "a",
        "both/left/b",
        "both/left/c",
        "both/right/d",
        "e",
        "f",
        "g",
        "child/h",
    ]


def test_a_cancelled_error_that_nobody_asked_for_is_a_failure() -> None:
    run = run_reference(define([broken(asyncio.CancelledError()), effect("after")]))
    assert isinstance(run.error, asyncio.CancelledError)
    assert run.effects == []


# Rule 6: errors


def test_one_failure_is_the_original_object() -> None:
    run = run_reference(define([broken(BOOM)]))
    assert run.error is BOOM
    assert run.failures == [("broken", BOOM)]


def test_several_failures_are_a_group_in_listed_order() -> None:
    inner = parallel([broken(BANG, name="x"), broken(BOOM, name="y")], on_error="finish")
    run = run_reference(define([parallel([broken(BOOM, name="w"), inner], on_error="finish", name="all")]))
    assert isinstance(run.error, PipelineErrors)
    assert paths(run.failures) == ["all/w", "all/x", "all/y"]


def test_a_retry_sees_the_components_own_exception() -> None:
    run = run_reference(define([flaky(2, "n", retry=Retry(3, on=ConnectionError))]))
    assert run.state == {"n": 3}
    assert run.executed == ["flaky"] * 3
    assert run_reference(define([flaky(1, "n", retry=Retry(3, on=KeyError))])).executed == ["flaky"]


@pytest.mark.parametrize(("answer", "attempts"), [(True, 2), (False, 1), (2.5, 2), (0, 2)])
def test_a_retry_filter_may_answer_with_seconds(answer: Any, attempts: int) -> None:
    run = run_reference(define([flaky(5, "n", retry=Retry(2, on=lambda _: answer))]))
    assert len(run.executed) == attempts
    assert isinstance(run.error, ConnectionError)


def test_failures_that_were_collected_are_not_those_that_end_the_run() -> None:
    run = run_reference(define([parallel([broken(BANG, "a")], on_error="collect"), broken(BOOM, name="end")]))
    assert run.error is BOOM
    assert paths(run.failures) == ["end"]


# Rule 7: values


def test_values_go_by_reference_unless_copied() -> None:
    def spoil(items: list[int]) -> int:
        items.append(0)
        return len(items)

    assert run_reference(define([step(spoil, ["items"], "n")]), {"items": []}).state == {"items": [0], "n": 1}
    assert run_reference(define([step(spoil, ["items"], "n", copy=True)]), {"items": []}).state == {
        "items": [],
        "n": 1,
    }


def test_every_read_is_bound_to_the_version_of_listed_order() -> None:
    flow = [
        step(lambda a: a + "1", ["a"], "b", name="first"),
        step(lambda a: a + "2", ["a"], "a", name="rewrite"),
        step(lambda a, b: a + b, ["a", "b"], "c", name="third"),
    ]
    for body in (flow, [dataflow(flow)]):
        assert run_reference(define(body), {"a": "a"}).state == {"a": "a2", "b": "a1", "c": "a2a1"}


# Reducers (rule 11)


class Notes(TypedDict, total=False):
    a: int
    seen: list[str]
    notes: Annotated[list[str], operator.add]
    top: Annotated[Any, max]


def note(text: str, name: str | None = None) -> Any:
    return step(const([text]), {}, "notes", name=name or f"note_{text}")


def test_deltas_are_merged_in_listed_order_and_not_doubled() -> None:
    flow = [note("1"), parallel([[note("2"), note("3")], note("4")]), note("5")]
    assert run_reference(define(flow, state_type=Notes), {"notes": ["0"]}).state == {"notes": list("012345")}
    assert run_reference(define(flow, state_type=Notes)).state == {"notes": list("12345")}


def test_a_branch_sees_the_base_and_its_own_deltas_only() -> None:
    reader = step(lambda notes: list(notes), ["notes"], "seen")  # noqa: PLW0108
    run = run_reference(define([note("1"), parallel([note("2"), [note("3"), reader]])], state_type=Notes))
    assert run.state == {"notes": ["1", "2", "3"], "seen": ["1", "3"]}


def test_deltas_of_failed_branches_do_not_count() -> None:
    run = run_reference(
        define(
            [note("1"), parallel([note("2"), [note("3"), broken(BOOM)]], on_error="collect")],
            state_type=Notes,
        )
    )
    assert run.state == {"notes": ["1", "2"]}


def test_without_an_empty_value_the_first_delta_is_the_base() -> None:
    flow = [step(const(n), {}, "top", name=f"top{n}") for n in (3, 9, 4)]
    assert run_reference(define(flow, state_type=Notes)).state == {"top": 9}


def test_a_reducer_that_raises_is_its_writers_failure() -> None:
    flow = [note("1"), step(const(5), {}, "notes", name="wrong_type")]
    run = run_reference(define(flow, state_type=Notes))
    assert isinstance(run.error, TypeError)
    assert paths(run.failures) == ["wrong_type"]
    run = run_reference(
        define([note("1"), parallel([flow[1], note("2")], on_error="collect")], state_type=Notes)
    )
    assert run.state == {"notes": ["1", "2"]}
    assert paths(run.failures) == ["wrong_type"]


# Inputs


def test_missing_inputs_are_named_with_a_suggestion() -> None:
    run = run_reference(define([step(lambda document: document, ["document"], "text")]), {"documnet": 1})
    assert isinstance(run.error, InputError)
    assert "did you mean 'documnet'" in str(run.error)
    assert run.executed == []


@pytest.mark.parametrize(
    "reader",
    [
        step(lambda a=1: a, None, "b"),
        step(lambda a=1: a, ["a"], "b"),
        step(lambda a: a, {"a": Optional("a", 1)}, "b"),
    ],
)
def test_a_key_is_no_required_input_when_it_has_a_default(reader: Any) -> None:
    assert run_reference(define([reader])).state == {"b": 1}
    assert run_reference(define([reader]), {"a": 2}).state == {"a": 2, "b": 2}


def test_one_reader_without_default_makes_it_required() -> None:
    flow = define([step(lambda a=1: a, None, "b", name="x"), step(lambda a: a, None, "c", name="y")])
    assert isinstance(run_reference(flow).error, InputError)


def test_nothing_that_was_given_is_dropped() -> None:
    assert run_reference(define([write("a", 1)]), {"a": 0, "extra": 2}).state == {"a": 1, "extra": 2}


def test_an_unknown_input_of_a_declared_state_is_refused() -> None:
    run = run_reference(define([note("1")], state_type=Notes), {"note": []})
    assert isinstance(run.error, InputError)
    assert "did you mean 'notes'" in str(run.error)


@dataclass
class Sheet:
    a: int
    b: int = 5
    c: list[int] = field(default_factory=list)


def test_a_state_type_gives_defaults() -> None:
    flow = define([step(lambda a, b, c: [a, b, *c], None, "c")], state_type=Sheet)
    assert run_reference(flow, {"a": 1}).state == {"a": 1, "b": 5, "c": [1, 5]}
    assert run_reference(flow, Sheet(2, 3, [4])).state == {"a": 2, "b": 3, "c": [2, 3, 4]}
    assert isinstance(run_reference(flow, 7).error, InputError)


def test_settings_and_constants() -> None:
    flow = define(
        [step(lambda a, b, c: (a, b, c), {"a": Val(1), "b": Config("model"), "c": Config("size", 3)}, "out")]
    )
    assert run_reference(flow, config={"model": "small"}).state == {"out": (1, "small", 3)}
    error = run_reference(flow, config={"modle": "small"}).error
    assert isinstance(error, InputError)
    assert "did you mean 'modle'" in str(error)


# Outputs (rule 20)


class Pair(NamedTuple):
    a: int
    b: int


@dataclass
class Data:
    a: int
    b: int


@pytest.mark.parametrize(
    ("result", "outputs", "expected"),
    [
        ({"a": 1, "b": 2}, "a", {"a": {"a": 1, "b": 2}}),
        ({"a": 1, "b": 2, "c": 3}, ["a", "b"], {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"x": "a"}, {"x": 1}),
        ({"a": 1}, ["a", "b"], OutputError),
        (Pair(1, 2), ["b", "a"], {"b": 2, "a": 1}),
        (Data(1, 2), {"x": "b", "y": "a"}, {"x": 2, "y": 1}),
        (Data(1, 2), ["a", "z"], OutputError),
        ((1, 2), ["a", "b"], {"a": 1, "b": 2}),
        ([1, 2], ["b", "a"], {"b": 1, "a": 2}),
        ((1, 2), {"x": "a", "y": "b"}, OutputError),
        ((1, 2, 3), ["a", "b"], OutputError),
        ("ab", ["a", "b"], OutputError),
        (None, ["a", "b"], OutputError),
        (5, None, {}),
    ],
)
def test_outputs(result: Any, outputs: Any, expected: Any) -> None:
    run = run_reference(define([step(const(result), {}, outputs, name="make")]))
    if expected is OutputError:
        assert isinstance(run.error, OutputError)
        assert "'make'" in str(run.error)
    else:
        assert run.state == expected


# Embedded pipelines


def test_an_embedded_pipeline_has_a_state_of_its_own() -> None:
    child = pipeline([step(lambda x: x + 1, ["x"], "x", name="inc"), write("hidden", 0)])
    run = run_reference(
        define([subgraph(child, {"x": "a"}, {"b": "x"}, name="child")]), {"a": 1, "x": "ours"}
    )
    assert run.state == {"a": 1, "x": "ours", "b": 2}


def test_without_maps_keys_keep_their_names() -> None:
    child = pipeline([step(lambda a: a + 1, ["a"], "b", name="inc")], name="child")
    run = run_reference(define([write("a", 1), child]))
    assert run.state == {"a": 1, "b": 2}
    assert run.executed == ["write_a", "child/inc"]
    assert isinstance(run_reference(define([child])).error, InputError)


def test_constants_settings_and_optional_keys_reach_an_embedded_pipeline() -> None:
    child = pipeline([step(lambda x, y, z: (x, y, z), None, "out", name="use")])
    flow = define([subgraph(child, {"x": Val(1), "y": Config("y"), "z": Optional("z", 3)}, "out")])
    assert run_reference(flow, config={"y": 2}).state == {"out": (1, 2, 3)}


def test_a_key_lost_inside_is_lost_outside() -> None:
    child = pipeline([parallel([broken(BOOM, "a"), write("b", 1)], on_error="collect")])
    run = run_reference(define([subgraph(child, None, ["a", "b"], name="child")]), {"a": "old"})
    assert run.state == {"b": 1}
    assert paths(run.failures) == ["child/broken"]


def test_the_value_of_an_embedded_pipeline_is_a_delta_where_its_key_has_a_reducer() -> None:
    child = pipeline([write("notes", ["2"])])
    run = run_reference(define([note("1"), subgraph(child, {}, "notes", name="child")], state_type=Notes))
    assert run.state == {"notes": ["1", "2"]}


def test_deltas_of_an_embedded_pipeline_are_merged_as_deltas() -> None:
    child = pipeline(
        [note("2"), note("3"), step(lambda notes: len(notes), ["notes"], "a", name="count")],  # noqa: PLW0108 - the argument goes by name
        state_type=Notes,
    )
    run = run_reference(
        define([note("1"), subgraph(child, None, ["notes", "a"], name="child")], state_type=Notes)
    )
    assert run.state == {"notes": ["1", "2", "3"], "a": 3}


# Names


def test_default_names_are_told_apart_by_their_output() -> None:
    def clean(text: str) -> str:
        return text.strip()

    flow = define(
        [
            step(clean, ["text"], "a"),
            parallel([step(clean, ["text"], "b"), step(clean, ["text"], "c", name="mine")]),
        ]
    )
    assert run_reference(flow, {"text": " x "}).executed == ["clean", "clean:b", "mine"]


def test_a_named_branch_of_one_step_names_the_step() -> None:
    def clean() -> None: ...

    block = parallel(
        {"left": step(clean), "right": step(clean, name="mine"), "both": [step(clean), step(clean, {}, "x")]}
    )
    assert run_reference(define([block])).executed == ["left", "right/mine", "both/clean", "both/clean:x"]


# Components


class Marked:
    def score(self, text: str) -> int:
        return len(text)

    score.__is_main__ = True  # type: ignore[attr-defined]


class Runnable:
    async def ainvoke(self, given: Any) -> Any:
        return given


class Warm:
    def __init__(self) -> None:
        self.calls = 0

    def setup(self) -> None:
        self.calls += 1

    def __call__(self) -> int:
        return self.calls


async def double(n: int) -> int:
    return 2 * n


def place_only(a: int, /, b: int = 1) -> int:
    return a - b


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (step(Marked(), ["text"], "out"), 3),
        (step(Runnable(), ["text"], "out"), "abc"),
        (step(Runnable(), ["text", "n"], "out"), {"text": "abc", "n": 4}),
        (step(double, None, "out"), 8),
        (step(place_only, {"a": "n"}, "out"), 3),
        (step(len, {"obj": "text"}, "out"), 3),
        (step(lambda **state: sorted(state), None, "out"), ["n", "text"]),
        (transform(lambda d: d["text"] * d["n"], ["text", "n"], "out"), "abc" * 4),
        (bundle(["text"], "out"), {"text": "abc"}),
    ],
)
def test_components_of_every_kind(given: Any, expected: Any) -> None:
    run = run_reference(define([given]), {"text": "abc", "n": 4})
    assert run.error is None
    assert run.state["out"] == expected


def test_setup_is_called_once() -> None:
    warm = Warm()
    run = run_reference(define([step(warm, {}, "a", name="a"), step(warm, {}, "b", name="b")]))
    assert run.state == {"a": 1, "b": 1}


def test_log_emits() -> None:
    assert run_reference(define([log("n is {n}")]), {"n": 4}).emitted == [("log", "n is 4")]


def test_only_definitions_are_interpreted() -> None:
    with pytest.raises(TypeError, match="neither"):
        run_reference([write("a", 1)])
