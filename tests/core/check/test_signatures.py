"""Rules about what components take and return: E102, E103, E105, E106, W207, W208, E301."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol, TypedDict

import pytest

from plait.core.flow import dataflow, subgraph
from plait.core.inputs import Config, Optional, Val
from plait.core.kinds import bundle, log, transform
from plait.core.step import step


def translate(text: str, language: str, tone: str = "plain") -> str: ...
def count(text: str) -> int: ...
def summarize(topics: list[str]) -> str: ...
def anything(**state: Any) -> str: ...


class Runnable:
    async def ainvoke(self, given: Any) -> Any: ...


# E102, E103


def test_an_argument_that_the_component_does_not_take(found):
    [one] = found([step(translate, {"txt": "document", "language": "language"}, "out")])
    assert (
        str(one)
        == "E102: the input map of 'translate' gives 'txt', which 'translate' does not take; did you mean 'text'?\n      it takes 'text', 'language' and 'tone'"
    )


def test_a_missing_argument(found):
    [one] = found([step(translate, {"text": "document"}, "out")])
    assert (
        str(one)
        == "E103: 'translate' needs 'language', which the input map of 'translate' leaves out\n      give it:  {'text': 'document', 'language': 'language'}"
    )


def test_an_unlike_argument_beside_a_missing_one_is_two_mistakes(found):
    assert [d.code for d in found([step(translate, {"text": "document", "colour": "c"}, "out")])] == [
        "E102",
        "E103",
    ]


class StepContext:
    __plait_context__ = True


def with_context(text: str, ctx: StepContext) -> str: ...


def test_the_step_context_comes_by_itself(found):
    [one] = found([step(with_context, {"text": "document", "ctx": "document"}, "out")])
    assert (
        str(one)
        == "E102: the input map of 'with_context' gives 'ctx', which is the step context and comes by itself\n      leave 'ctx' out of the input map"
    )
    assert found([step(with_context, {"text": "document"}, "out")]) == []


@pytest.mark.parametrize(
    "good",
    [
        step(translate, {"text": "document", "language": Val("en")}, "out"),
        step(translate, {"text": "document", "language": Config("language"), "tone": "tone"}, "out"),
        step(translate, None, "out"),
        step(anything, {"whatever": "document"}, "out"),
        step(Runnable(), {"whatever": "document"}, "out"),
        step(print, {"sep": "document"}),
        transform(lambda d: d["a"], {"a": "document"}, "out"),
        bundle({"a": "document"}, "out"),
        log("{document}"),
    ],
)
def test_arguments_that_fit(found, good):
    assert found([good], code="E") == []


def test_inputs_of_an_embedded_pipeline(found, pipeline):
    inner = pipeline([step(translate, None, "out")], name="inner")
    [one] = found([subgraph(inner, {"txt": "document", "language": "language"})])
    assert (
        str(one)
        == "E102: the input map of 'inner' gives 'txt', which its pipeline does not read; did you mean 'text'?\n      it reads 'language' and 'text'"
    )
    [one] = found([subgraph(inner, {"text": "document"})])
    assert (
        str(one)
        == "E103: 'inner/translate' needs 'language', which the input map of 'inner' leaves out\n      give it:  subgraph(..., {'language': ...})"
    )
    assert found([subgraph(inner, {"text": "document", "language": "language", "unread": "x"})]) == []
    handed = subgraph(inner, {"text": "document", "language": "language", "texts": "x"}, {"same": "texts"})
    assert found([handed]) == []


def test_an_embedded_pipeline_gets_a_key_that_does_not_exist_outside(found, pipeline):
    class State(TypedDict, total=False):
        document: str
        out: str

    inner = pipeline([step(count, ["text"], "out")], name="inner")
    [one] = found([subgraph(inner, {"text": "documnt"})], state_type=State)
    assert (
        one.message
        == "'inner' needs 'documnt' as its 'text', and nothing listed before it gives that; did you mean 'document'?"
    )


# E105


def test_a_type_that_its_reader_cannot_take(found):
    [one] = found([step(count, ["text"], "words"), step(summarize, {"topics": "words"}, "summary")])
    assert str(one) == (
        "E105: 'summarize' takes 'topics' as list[str], but 'words', written by 'count', is int\n"
        "      read another key, or correct the annotation of 'count' or 'summarize'"
    )


def halve(number: float) -> float | None: ...
def strict(number: float) -> float: ...
def unknown(number): ...
async def later(text: str) -> int: ...
def awaitable(text: str) -> Awaitable[int]: ...


@pytest.mark.parametrize(
    "steps",
    [
        [step(count, ["text"], "n"), step(strict, {"number": "n"}, "m")],  # an int passes as a float
        [step(halve, {"number": Val(1)}, "n"), step(strict, {"number": "n"}, "m")],  # it may be a float
        [
            step(count, ["text"], "n"),
            step(unknown, {"number": "n"}, "m"),
            step(summarize, {"topics": "m"}, "s"),
        ],
        [step(later, ["text"], "n"), step(strict, {"number": "n"}, "m")],
        [step(awaitable, ["text"], "n"), step(strict, {"number": "n"}, "m")],
    ],
)
def test_types_that_may_fit(found, steps):
    assert found(steps, code="E") == []


@pytest.mark.parametrize("source", [later, awaitable])
def test_what_an_async_component_gives_is_what_it_is_awaited_for(found, source):
    [one] = found([step(source, ["text"], "n"), step(summarize, {"topics": "n"}, "s")])
    assert one.message.endswith(f"'n', written by '{source.__name__}', is int")


def test_a_value_of_the_wrong_type(found):
    [one] = found([step(strict, {"number": Val("many")}, "m")])
    assert one.message == "'strict' takes 'number' as float, but the input map gives Val of str"
    assert found([step(strict, {"number": Val(2)}, "m")]) == []


def test_the_state_type_is_held_against_both_sides(found):
    class State(TypedDict, total=False):
        text: str
        words: str
        summary: str

    diagnostics = found(
        [step(count, ["text"], "words"), step(summarize, {"topics": "words"}, "summary")], state_type=State
    )
    assert [d.message for d in diagnostics] == [
        "'count' writes 'words' as int, but State declares it as str",
        "'summarize' takes 'topics' as list[str], but 'words', written by 'count', is str",
    ]


def test_a_delta_may_be_of_another_type_than_the_field(found):
    class State(TypedDict, total=False):
        text: str
        words: Annotated[list[int], lambda old, new: [*old, new]]

    assert found([step(count, ["text"], "words")], state_type=State) == []


# E106


class Named(NamedTuple):
    mood: float
    topics: list[str]


@dataclass
class Data:
    mood: float
    topics: list[str]

    @property
    def first(self) -> str: ...


class Typed(TypedDict):
    mood: float
    topics: list[str]


class Duck(Protocol):
    mood: float


def returning(annotation: Any) -> Any:
    def analyse(text: str): ...

    analyse.__annotations__["return"] = annotation
    return analyse


@pytest.mark.parametrize(
    ("annotation", "outputs", "message"),
    [
        (
            tuple[float, str],
            ["a", "b", "c"],
            "'analyse' writes 'a', 'b' and 'c', but 'analyse' returns tuple[float, str], which has 2 parts, not 3",
        ),
        (
            tuple[float],
            ["a", "b"],
            "'analyse' writes 'a' and 'b', but 'analyse' returns tuple[float], which has 1 part, not 2",
        ),
        (
            Named,
            ["mood", "topcs"],
            "'analyse' writes 'mood' and 'topcs', but 'analyse' returns Named, which has no field 'topcs'; did you mean 'topics'?",
        ),
        (
            Data,
            {"a": "mood", "b": "last"},
            "'analyse' writes 'a' and 'b', but 'analyse' returns Data, which has no field 'last'",
        ),
        (
            Typed,
            ["mood", "topic"],
            "'analyse' writes 'mood' and 'topic', but 'analyse' returns Typed, which has no field 'topic'; did you mean 'topics'?",
        ),
        (
            tuple[float, str],
            {"a": "mood", "b": "topics"},
            "'analyse' writes 'a' and 'b', but 'analyse' returns tuple[float, str], which has no field 'mood'",
        ),
        (str, ["a", "b"], "'analyse' writes 'a' and 'b', but 'analyse' returns str, which has no parts"),
        (None, ["a", "b"], "'analyse' writes 'a' and 'b', but 'analyse' returns None, which has no parts"),
    ],
)
def test_results_that_cannot_be_taken_apart(found, annotation, outputs, message):
    [one] = found([step(returning(annotation), ["text"], outputs)])
    assert (one.code, one.message) == ("E106", message)


@pytest.mark.parametrize(
    ("annotation", "outputs"),
    [
        (tuple[float, str], ["a", "b"]),
        (tuple[float, ...], ["a", "b"]),
        (tuple, ["a", "b"]),
        (list[float], ["a", "b"]),
        (Named, ["mood", "topics"]),
        (Named, {"a": "mood", "b": "topics"}),
        (Data, {"a": "mood", "b": "first"}),
        (Typed, ["mood"]),
        (dict[str, float], ["a", "b"]),
        (Any, ["a", "b"]),
        (Duck, ["a", "b"]),
        (tuple[float, str] | None, ["a", "b"]),
        (Annotated[tuple[float, str], "why"], ["a", "b"]),
        (inspect.Parameter.empty, ["a", "b"]),
    ],
)
def test_results_that_can_be_taken_apart(found, annotation, outputs):
    assert found([step(returning(annotation), ["text"], outputs)]) == []


def test_a_pydantic_model_is_taken_apart_by_field(found):
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", mood=(float, ...), topics=(list[str], ...))
    [one] = found([step(returning(model), ["text"], ["mood", "topcs"])])
    assert one.message.endswith("returns Model, which has no field 'topcs'; did you mean 'topics'?")
    assert found([step(returning(model), ["text"], ["mood", "topics"])]) == []


def test_the_parts_of_a_result_have_types_too(found):
    for annotation in (tuple[float, int], Named):
        steps = [
            step(returning(annotation), ["text"], ["mood", "topics"]),
            step(summarize, {"topics": "mood"}, "summary"),
        ]
        [one] = found(steps, code="E")
        assert (
            one.message
            == "'summarize' takes 'topics' as list[str], but 'mood', written by 'analyse', is float"
        )


# W207, W208


def test_a_result_that_goes_nowhere(found):
    [one] = found([step(count, ["text"])])
    assert str(one) == "W207: 'count' returns int but has no output_state; add output_state='count'"


def nothing(text: str) -> None: ...


@pytest.mark.parametrize(
    "quiet",
    [
        step(nothing, ["text"]),
        step(unknown, ["number"]),
        step(returning(Any), ["text"]),
        log("hello"),
        step(count, ["text"], "n"),
    ],
)
def test_results_that_nobody_misses(found, quiet):
    assert found([quiet]) == []


def test_a_reader_of_everything_in_dataflow(found):
    steps = [step(count, ["text"], "words"), step(anything, None, "report")]
    [one] = found(steps, order="dataflow")
    assert str(one) == (
        "W208: 'anything' takes the whole state, so it waits for every step listed before it that writes a key\n"
        "      say what it reads:  step(anything, ['text', 'words'], ...)"
    )
    assert [d.code for d in found([dataflow(steps)])] == ["W208"]
    assert found(steps) == []
    assert (
        found([step(count, ["text"], "words"), step(anything, ["words"], "report")], order="dataflow") == []
    )


# E301


def test_resources_against_the_limits(found):
    steps = [step(count, ["text"], "words", resources={"gpus": 1})]
    [one] = found(steps, limits={"gpu": 1})
    assert (
        str(one)
        == "E301: 'count' asks for 'gpus', which no limit declares; did you mean 'gpu'?\n      declare it: Limits({'gpus': 1})"
    )
    [one] = found(steps, limits={"gpus": 0.5})
    assert one.message == "'count' asks for 1 of 'gpus', and there is only 0.5"
    assert found(steps, limits={"gpus": 1}) == []
    assert found(steps) == []
    assert found([step(count, ["text"], "words", resources={"cpu": 2})], limits={}) == []


def test_optional_defaults_do_not_count_as_types(found):
    assert found([step(strict, {"number": Optional("n")}, "m")]) == []


def test_checking_calls_no_component(found):
    def explosive(text: str) -> str:
        raise AssertionError

    async def fuse(text: str) -> str:
        raise AssertionError

    assert found([step(explosive, ["text"], "a"), step(fuse, {"text": "a"}, "b")]) == []
    assert not asyncio.iscoroutine(fuse)
