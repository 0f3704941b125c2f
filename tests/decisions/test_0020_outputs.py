"""Record 0020: what a step returns is stored by name or by position, and checked before it runs."""

# ruff: noqa: UP045 - the annotations here are data

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Optional, TypedDict

import pytest
from tests.decisions.reading import table

from plait import InvalidPipeline, OutputError, Pipeline, failures, step
from plait.testing.reference import run_reference
from plait.testing.virtual import VirtualLoop


class Pair(NamedTuple):
    a: int
    b: int


@dataclass
class Record:
    a: int
    b: int


class Typed(TypedDict):
    a: int
    b: int


def a_mapping():
    return {"a": 1, "b": 2, "c": 3}


def a_pair():
    return Pair(1, 2)


def a_record():
    return Record(1, 2)


def a_tuple():
    return 1, 2


def a_list():
    return [1, 2]


def a_text():
    return "ab"


def nothing():
    return None


def says_float() -> float:
    return 0.5


def says_none() -> None:
    return None


def says_any() -> Any:
    return 1, 2


def says_two() -> tuple[int, int]:
    return 1, 2


def says_some() -> tuple[int, ...]:
    return 1, 2


def says_list() -> list[int]:
    return [1, 2]


def says_pair() -> Pair:
    return Pair(1, 2)


def says_record() -> Record:
    return Record(1, 2)


def says_typed_dict() -> Typed:
    return {"a": 1, "b": 2}


def says_dict() -> dict[str, int]:
    return {"a": 1, "b": 2}


def says_pair_or_none() -> Optional[Pair]:
    return Pair(1, 2)


def says_text_or_none() -> str | None:
    return "ab"


def says_annotated() -> Annotated[tuple[int, int], "two"]:
    return 1, 2


async def promises_later() -> tuple[int, int]:
    return 1, 2


def says_model():
    """Made where pydantic is there; see ``component``."""


def component(name):
    if name != "says_model":
        return globals()[name]
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        a: int
        b: int

    def says_model():
        return Model(a=1, b=2)

    says_model.__annotations__["return"] = Model
    return says_model


ROWS = table("0020-outputs", "component", "output_state", "found", "result")


def ids(found):
    return [f"{row['component']} to {row['output_state']}" for row in found]


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_a_result_is_taken_apart_as_its_step_says(row):
    pipeline = Pipeline([step(component(row["component"]), {}, eval(row["output_state"]))])
    found = [d for d in pipeline.check() if d.code in {"E106", "W207"}]
    if row["found"] == "-":
        assert found == []
    else:
        code, _, message = row["found"].partition(": ")
        assert [d.code for d in found] == [code]
        assert message in found[0].message
        assert message

    expected = row["result"]
    if expected == "refused":
        with pytest.raises(InvalidPipeline, match="E106"):
            pipeline.run({})
        return
    for way in ("reference", "parallel", "serial"):
        state: Any = None
        error: BaseException | None = None
        if way == "reference":
            run = run_reference(pipeline, {}, loop_factory=VirtualLoop)
            state, error = run.state, run.error
        else:
            try:
                state = pipeline.run({}, mode=way).state
            except OutputError as caught:
                error = caught
                assert [f.path for f in failures(caught)] == [row["component"]]
        if expected.startswith("OutputError: "):
            assert isinstance(error, OutputError), way
            if way != "reference":  # which has words of its own
                assert expected.removeprefix("OutputError: ") in str(error)
        else:
            assert error is None, way
            assert state == eval(expected), way


def test_none_makes_an_effect_and_a_key_does_not():
    assert step(says_float, {}, None).effect
    assert not step(says_float, {}, "x").effect
    assert not step(says_float, {}, None, effect=False).effect


def test_an_annotation_that_promises_an_awaitable_is_taken_for_what_it_promises():
    def later() -> Awaitable[tuple[int, int]]:
        return promises_later()

    [found] = Pipeline([step(later, {}, ["x"])]).check()
    assert found.code == "E106"
