"""Digests: which values are told apart, which are the same, and what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import operator
import threading
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.core.digest import TooLarge, Undigestable, digest


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Number(enum.IntEnum):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Page:
    title: str
    number: int = 0


@dataclasses.dataclass
class Leaf:
    title: str
    number: int = 0


DIFFERENT: list[Any] = [
    None,
    ...,
    True,
    False,
    1,
    1.0,
    1 + 0j,
    "1",
    b"1",
    bytearray(b"1"),
    0,
    0.0,
    -0.0,
    math.inf,
    math.nan,
    -1,
    10**30,
    "",
    b"",
    [],
    (),
    {},
    set(),
    frozenset(),
    [1],
    (1,),
    [True],
    [1.0],
    {1},
    frozenset({1}),
    {1: None},
    {"1": None},
    [[]],
    [[], []],
    [[[]]],
    ["a", "b"],
    ["ab"],
    ["a", ["b"]],
    [["a"], "b"],
    {"a": {"b": 1}},
    {"a": 1, "b": 1},
    {("a", "b"): 1},
    range(3),
    range(0, 3, 2),
    [0, 1, 2],
    Colour.RED,
    Colour.BLUE,
    Number.ONE,
    Point(1, 2),
    Point(2, 1),
    (1, 2),
    Page("a"),
    Page("a", 1),
    Leaf("a"),
    Path("a"),
    PurePosixPath("a/b"),
    "a",
    dt.date(2024, 1, 1),
    dt.datetime(2024, 1, 1),  # noqa: DTZ001
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 1, 1, fold=1),  # noqa: DTZ001
    dt.time(1),
    dt.timedelta(1),
    dt.timedelta(0, 1),
    Decimal(1),
    Decimal("1.0"),
]


def test_different_values_have_different_digests() -> None:
    found: dict[bytes, Any] = {}
    for value in DIFFERENT:
        key = digest(value)
        assert key not in found, f"{value!r} and {found[key]!r}"
        found[key] = value


@pytest.mark.parametrize("value", DIFFERENT, ids=repr)
def test_the_same_value_has_the_same_digest(value: Any) -> None:
    import copy

    assert digest(copy.deepcopy(value)) == digest(value)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers() | st.text())
    ),
    max_leaves=12,
)


def shape(value: Any) -> Any:
    """A value with its types, so that what Python calls equal is told apart where we tell it apart."""
    kind = type(value).__name__
    if isinstance(value, (list, tuple)):
        return kind, tuple(map(shape, value))
    if isinstance(value, dict):
        return kind, frozenset((shape(k), shape(v)) for k, v in value.items())
    if isinstance(value, set):
        return kind, frozenset(map(shape, value))
    return kind, value.hex() if isinstance(value, float) else value


@given(plain, plain)
def test_digests_are_equal_exactly_when_the_values_are(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (shape(one) == shape(other))


@given(st.lists(st.tuples(st.text(), st.integers()), unique_by=operator.itemgetter(0)), st.randoms())
def test_the_order_of_a_dict_does_not_matter(items: list[tuple[str, int]], random: Any) -> None:
    shuffled = items.copy()
    random.shuffle(shuffled)
    assert digest(dict(items)) == digest(dict(shuffled))


def test_a_digest_is_the_same_in_another_process(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "from plait.core.digest import digest; print(digest([{'b': {1, 'x'}, 'a': 2.5}, frozenset('abc'), 'é']).hex())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


class Strange:
    pass


class Ordered(dict[str, int]):
    pass


@pytest.mark.parametrize(
    "value",
    [
        Strange(),
        Ordered(),
        object(),
        threading.Lock(),
        lambda: 1,
        [1, [Strange()]],
        {"a": Strange()},
        {"a", Strange()},
        iter([]),
        Strange,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_on_the_list_is_refused_by_its_type(value: Any) -> None:
    with pytest.raises(Undigestable) as caught:
        digest(value)
    assert "0x" not in str(caught.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Undigestable, match="nested"):
        digest(value)


def test_a_limit_ends_the_work() -> None:
    assert digest("a" * 100, limit=1000) == digest("a" * 100)
    for value in ("a" * 2000, ["a"] * 500, {i: i for i in range(500)}):
        with pytest.raises(TooLarge):
            digest(value, limit=1000)


def test_arrays_and_models_count_with_all_that_they_are() -> None:
    np = pytest.importorskip("numpy")
    values = [
        np.array([1, 2]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array([2, 1]),
        np.array(["1", "2"]),
        np.array([1, None], dtype=object),
        np.int64(1),
        np.int32(1),
        np.zeros(1, dtype=[("a", "i4"), ("b", "i4")]),
        np.zeros(1, dtype=[("a", "i4"), ("c", "i4")]),
    ]
    assert len({digest(v) for v in values}) == len(values)
    assert digest(np.arange(6).reshape(2, 3).T) == digest(np.arange(6).reshape(2, 3).T.copy())
    with pytest.raises(TooLarge):
        digest(np.zeros(10_000), limit=1000)


def test_models_count_with_their_fields() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Query(pydantic.BaseModel):
        text: str
        top: int = 3

    assert digest(Query(text="a")) == digest(Query(text="a", top=3))
    assert digest(Query(text="a")) != digest(Query(text="a", top=4))
