"""Values that JSON can't hold become a short description, never a crash."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.cli.encode import dumps, jsonable
from plait.cli.writing import encoded


class Color(enum.Enum):
    RED = "red"
    ODD = object()


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Entity:
    text: str
    when: dt.date
    score: float = dataclasses.field(init=False)


class Pair(NamedTuple):
    left: int
    right: Any


class Slotted:
    __slots__ = ()


class Spiteful:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Array:
    dtype, shape, size = "float32", (2, 3), 6

    def tolist(self) -> list[list[float]]:
        return [[1.0, float("nan"), 2.0]] * 2


class Large(Array):
    shape, size = (1000, 1000), 1_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2.5, None, True), [1, 2.5, None, True]),
        (float("inf"), "<float: inf>"),
        (10**5000, "<int: 16610 bits>"),
        (b"abc", "<bytes: 3 bytes>"),
        (memoryview(bytearray(4)), "<memoryview: 4 bytes>"),
        (dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "2024-05-01T00:00:00+00:00"),
        (dt.timedelta(minutes=1), 60.0),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a") / "b", str(Path("a") / "b")),
        ({3, 1, 2}, [1, 2, 3]),
        ({"a", 1}, ["a", 1]),
        (collections.deque([1]), [1]),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        ([Color.RED, Color.ODD, Level.HIGH], ["red", "ODD", 3]),
        (Entity("x", dt.date(2024, 5, 1)), {"text": "x", "when": "2024-05-01"}),
        (Pair(1, Pair(2, None)), {"left": 1, "right": {"left": 2, "right": None}}),
        (ValueError("bad"), {"type": "ValueError", "message": "bad"}),
        (Slotted(), "<Slotted>"),
        (Slotted, "<class Slotted>"),
        (Spiteful(), "<Spiteful: cannot be shown: RuntimeError>"),
        (Array(), [[1.0, "<float: nan>", 2.0]] * 2),
        (Large(), "<Large: float32 1000x1000>"),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "null": "b", "[1, 2]": "c"}),
        ({1: "a", "1": "b"}, {"1": "a", "1 (str)": "b"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_nearest_thing_that_json_can_hold(value: object, expected: object) -> None:
    assert jsonable(value) == expected
    assert json.loads(dumps(value)) == expected


def test_a_generator_is_described_and_not_used_up() -> None:
    generator = (n for n in range(3))
    assert jsonable({"g": generator})["g"].startswith("<generator object")
    assert list(generator) == [0, 1, 2]


def test_a_value_that_contains_itself() -> None:
    value: dict[str, Any] = {"n": 1, "twice": [[]]}
    value["twice"] *= 2  # the same object twice is no cycle
    value["self"] = value
    assert jsonable(value) == {"n": 1, "twice": [[], []], "self": "<dict: contains itself>"}


def test_a_value_of_great_depth() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert "nested more than 64 deep" in dumps(value)


def test_a_pydantic_model() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", when=(dt.date, ...), raw=(bytes, b"x"))
    assert jsonable(model(when=dt.date(2024, 5, 1))) == {"when": "2024-05-01", "raw": "<bytes: 1 bytes>"}


def test_half_a_character_of_a_file_name_stays_readable() -> None:
    line = encoded(dumps({"name": "caf\udce9.txt", "other": "é"}))
    assert line == b'{"name": "caf\\udce9.txt", "other": "\xc3\xa9"}'
    assert json.loads(line) == {"name": "caf\udce9.txt", "other": "é"}


plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
trees = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(trees)
def test_what_json_can_hold_is_left_as_it_is(value: object) -> None:
    assert json.loads(encoded(dumps(value))) == value
