"""State types: how their keys, types, defaults and reducers are read, and how a state is built from them."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, Required, TypedDict

import pytest
import typing_extensions
from pydantic import BaseModel, Field

from plait import DefinitionError, InputError, InvalidPipeline, OutputError, Pipeline, parallel, step
from plait.core.schema import ABSENT, read_schema


class Typed(TypedDict, total=False):
    text: Required[str]
    mood: float
    notes: Annotated[list[str], operator.add]


class Extended(typing_extensions.TypedDict):
    text: str
    mood: NotRequired[float]
    notes: NotRequired[Annotated[list[str], operator.add]]


@dataclass
class Data:
    text: str
    mood: float = 0.0
    notes: Annotated[list[str], operator.add] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Frozen:
    text: str
    mood: float = 0.0
    notes: Annotated[list[str], operator.add] = field(default_factory=list)


class Model(BaseModel):
    text: str
    mood: float = 0.0
    notes: Annotated[list[str], operator.add] = Field(default_factory=list)


TYPES = [Typed, Extended, Data, Frozen, Model]


def get(state: Any, key: str) -> Any:
    return state[key] if isinstance(state, dict) else getattr(state, key)


STEPS = [
    step(lambda text: float(len(text)), output_state="mood", name="mood"),
    parallel(
        {
            "one": step(lambda text: [f"1 {text}"], output_state="notes"),
            "two": step(lambda text: [f"2 {text}"], output_state="notes"),
        }
    ),
]


@pytest.mark.parametrize("state_type", TYPES)
def test_the_state_comes_back_as_its_own_type_with_reducers_applied_in_listed_order(state_type):
    pipeline = Pipeline(STEPS, state_type=state_type)
    for mode in ("parallel", "serial"):
        state = pipeline.run({"text": "ab"}, mode=mode).state
        assert isinstance(state, dict if state_type in (Typed, Extended) else state_type)
        assert get(state, "text") == "ab"
        assert get(state, "mood") == 2.0
        assert get(state, "notes") == ["1 ab", "2 ab"]


@pytest.mark.parametrize("state_type", TYPES)
def test_the_inputs_may_be_an_instance_of_the_state_type(state_type):
    given = state_type(text="ab", notes=["0"])
    state = Pipeline(STEPS, state_type=state_type).run(given).state
    assert get(state, "notes") == ["0", "1 ab", "2 ab"]
    assert get(given, "notes") == ["0"]


@pytest.mark.parametrize("state_type", TYPES)
def test_an_input_that_is_no_key_of_the_state_is_refused(state_type):
    with pytest.raises(
        InputError, match=r"the input 'txt' is no key of the state type; did you mean 'text'\?"
    ):
        Pipeline(STEPS, state_type=state_type).run({"txt": "ab"})


@pytest.mark.parametrize("state_type", TYPES)
def test_an_input_of_another_type_is_refused(state_type):
    with pytest.raises(InputError, match="the input 'text' is declared as str, got int"):
        Pipeline(STEPS, state_type=state_type).run({"text": 5})


@pytest.mark.parametrize("state_type", TYPES)
def test_a_missing_input_is_named_with_its_reader(state_type):
    with pytest.raises(InputError, match=r"the input 'text' is missing \(step 'mood' reads it\)"):
        Pipeline(STEPS, state_type=state_type).run({})


@pytest.mark.parametrize("state_type", TYPES)
def test_a_step_that_writes_another_type_is_found_at_the_end(state_type):
    def wrong():
        return "high"

    with pytest.raises(
        OutputError,
        match=r"the state's 'mood' is declared as float or int, but it is str \(written by 'wrong'\)",
    ):
        Pipeline([step(wrong, [], "mood")], state_type=state_type).run({"text": "ab"})


def test_types_between_steps_are_compared_when_asked():
    def wrong():
        return "high"

    def reads(mood: float) -> float:
        return mood

    steps = [step(wrong, [], "mood"), step(reads, output_state="other")]
    with pytest.raises(TypeError, match="'reads' wants 'mood' as float or int, got str from key 'mood'"):
        Pipeline(steps, check_types="steps").run({})
    assert Pipeline(steps).run({}).state["other"] == "high"


def test_a_result_of_another_type_than_annotated_is_found_when_asked():
    def wrong() -> int:
        return "five"

    for mode in ("parallel", "serial"):
        with pytest.raises(OutputError, match="'wrong' returned str for 'n', which is declared as int"):
            Pipeline([step(wrong, [], "n")], check_types="steps").run({}, mode=mode)


def test_the_input_type_says_what_a_run_must_be_given():
    class Request(TypedDict):
        text: str
        language: str

    pipeline = Pipeline(STEPS[:1], input_type=Request)
    with pytest.raises(InputError, match=r"the input 'language' is missing; did you mean 'langage'\?"):
        pipeline.run({"text": "ab", "langage": "en"})
    with pytest.raises(InputError, match="the input 'language' is declared as str, got int"):
        pipeline.run({"text": "ab", "language": 5})
    assert pipeline.run({"text": "ab", "language": "en"}).state == {
        "text": "ab",
        "language": "en",
        "mood": 2.0,
    }


def test_defaults_of_the_state_type_are_fresh_for_every_run():
    def append(notes):
        notes.append("x")
        return len(notes)

    pipeline = Pipeline([step(append, output_state="mood")], state_type=Data)
    assert [pipeline.run({"text": "t"}).state.mood for _ in range(2)] == [1, 1]


def test_a_state_without_a_type_is_inferred():
    pipeline = Pipeline(STEPS[:1])
    assert (pipeline.input_keys, pipeline.optional_input_keys) == (("text",), ())
    assert pipeline.run({"text": "ab", "other": 1}).state == {"text": "ab", "other": 1, "mood": 2.0}


def test_two_writers_without_a_reducer_are_refused():
    class State(TypedDict, total=False):
        text: str
        notes: list[str]

    with pytest.raises(InvalidPipeline, match="E202"):
        Pipeline(STEPS[1], state_type=State).run({"text": "x"})


def broken(left: list[str], right: list[str]) -> list[str]:
    raise LookupError("no way to merge")


def test_a_reducer_that_raises_is_named_with_the_writer():
    class State(TypedDict, total=False):
        text: str
        notes: Annotated[list[str], broken]

    with pytest.raises(LookupError, match="no way to merge") as caught:
        Pipeline(STEPS[1], state_type=State).run({"text": "x"})
    assert any("while merging what" in note and "'notes'" in note for note in caught.value.__notes__)


# Reading a type


@pytest.mark.parametrize("state_type", TYPES)
def test_every_kind_of_type_gives_the_same_fields(state_type):
    fields = read_schema(state_type).fields
    assert list(fields) == ["text", "mood", "notes"]
    assert [f.required for f in fields.values()] == [True, False, False]
    assert [f.flat for f in fields.values()] == [(str,), (float, int), (list,)]
    assert fields["notes"].reducer is operator.add
    assert fields["text"].reducer is None
    assert fields["text"].initial() is ABSENT


def test_defaults():
    for state_type in (Data, Frozen, Model):
        fields = read_schema(state_type).fields
        assert fields["mood"].initial() == 0.0
        assert fields["notes"].initial() == []
        assert fields["notes"].initial() is not fields["notes"].initial()


def test_only_a_function_of_two_values_is_a_reducer():
    class State(TypedDict):
        a: Annotated[list[str], "a note", operator.add, "another"]
        b: Annotated[int, max]
        c: Annotated[int, lambda one: one]
        d: Annotated[int, int]
        e: Annotated[int, lambda left, right, more=0: left]
        f: Annotated[int, lambda *values: sum(values)]
        g: Annotated[set[str], set.union]
        h: int

    fields = read_schema(State).fields
    assert {key for key, f in fields.items() if f.reducer is not None} == {"a", "b", "e", "f", "g"}


async def later(left, right): ...


def test_an_async_reducer_is_refused():
    class State(TypedDict):
        a: Annotated[int, later]

    with pytest.raises(DefinitionError, match="is async; reducers are plain functions of two values"):
        read_schema(State)


@pytest.mark.parametrize(
    ("annotation", "empty"),
    [
        (list[str], []),
        (dict[str, int], {}),
        (int, 0),
        (float, 0.0),
        (str, ""),
        (set[int], set()),
        (Any, ABSENT),
    ],
)
def test_what_a_reducer_starts_from(annotation, empty):
    State = TypedDict("State", {"a": annotation})  # noqa: UP013  (the annotation is a value here)
    assert read_schema(State).fields["a"].neutral() == empty


@pytest.mark.parametrize("state_type", [dict, 5, "State", list[int], object(), int, Data("x")])
def test_anything_else_is_no_state_type(state_type):
    with pytest.raises(
        DefinitionError, match=r"state_type is .*; it is a TypedDict, a dataclass or a pydantic model class"
    ):
        Pipeline(STEPS, state_type=state_type)
    with pytest.raises(DefinitionError, match="input_type is"):
        Pipeline(STEPS, input_type=state_type)


def test_a_forward_reference_that_nobody_can_resolve_does_no_harm():
    class State(TypedDict, total=False):
        text: str
        other: NotThere  # noqa: F821

    assert list(read_schema(State).fields) == ["text", "other"]
    assert (
        Pipeline([step(lambda text: text, output_state="other")], state_type=State).run({"text": "x"}).state
    )


def test_a_reducer_that_can_not_be_found_is_not_lost_in_silence():
    def merge(left, right): ...

    class State(TypedDict, total=False):
        text: str
        notes: Annotated[list[str], merge]

    with pytest.raises(
        DefinitionError, match=r"State.notes: its annotation .*merge.* can't be resolved .*top of the module"
    ):
        Pipeline(STEPS, state_type=State)


def test_one_name_that_nobody_can_resolve_leaves_the_other_fields_alone():
    @dataclass
    class Base:
        text: str

    @dataclass
    class State(Base):
        notes: Annotated[list[str], operator.add] = field(default_factory=list)
        other: NotThere = None  # noqa: F821

    fields = read_schema(State).fields
    assert fields["notes"].reducer is operator.add
    assert fields["text"].flat == (str,)
    assert fields["other"].flat is None


def test_the_inputs_must_be_a_mapping_or_an_instance():
    for given in (None, 5, "text", ["text"], object()):
        with pytest.raises(
            InputError, match=rf"the inputs are {type(given).__name__}; give a mapping with 'text'"
        ):
            Pipeline(STEPS[:1]).run(given)
