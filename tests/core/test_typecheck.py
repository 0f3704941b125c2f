"""Types as far as they can be told quickly: never a false alarm, and the certain mistakes."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    Literal,
    NewType,
    Optional,
    Protocol,
    TypedDict,
    TypeVar,
    Union,
    runtime_checkable,
)

import pytest

from plait.core.typecheck import fits, flat, show, show_flat


class State(TypedDict):
    a: int


class Quiet(Protocol):
    def work(self) -> None: ...


@runtime_checkable
class Checkable(Protocol):
    def work(self) -> None: ...


@dataclass
class One: ...


@dataclass
class Two: ...


class MyInt(int): ...


UserId = NewType("UserId", int)
T = TypeVar("T")


@pytest.mark.parametrize(
    ("annotation", "classes"),
    [
        (int, (int,)),
        (float, (float, int)),
        (complex, (complex, float, int)),
        (None, (type(None),)),
        (list[str], (list,)),
        (dict[str, list[int]], (dict,)),
        (tuple[int, ...], (tuple,)),
        (collections.abc.Sequence[int], (collections.abc.Sequence,)),
        (Optional[int], (int, type(None))),  # noqa: UP045  (as people write it)
        (int | None, (int, type(None))),
        (Union[int, float], (int, float)),  # noqa: UP007
        (Literal["a", 1], {str, int}),
        (Annotated[int, "note"], (int,)),
        (Annotated[list[str], "note"], (list,)),
        (Final[int], (int,)),
        (UserId, (int,)),
        (State, (dict,)),
        (Checkable, (Checkable,)),
        (Quiet, None),
        (Any, None),
        (object, None),
        ("int", None),
        (ForwardRef("int"), None),
        (T, None),
        (int | Any, None),
        (5, None),
    ],
    ids=str,
)
def test_the_classes_behind_an_annotation(annotation, classes):
    found = flat(annotation)
    assert (set(found) if isinstance(classes, set) else found) == classes
    if found is not None:
        isinstance(5, found)  # and they are such as isinstance takes


@pytest.mark.parametrize(
    ("produced", "wanted"),
    [
        (int, float),
        (float, int),
        (MyInt, int),
        (int, MyInt),
        (int, int | None),
        (int | None, int),
        (list[str], list[int]),
        (list, collections.abc.Sequence),
        (collections.abc.Iterable, list),
        (dict, State),
        (One, Two),
        (Any, int),
        (int, Any),
        (Literal["a"], str),
        (bool, int),
    ],
    ids=str,
)
def test_an_edge_that_may_fit_is_no_alarm(produced, wanted):
    assert fits(produced, wanted)


@pytest.mark.parametrize(
    ("produced", "wanted"),
    [
        (str, int),
        (list[str], dict[str, str]),
        (None, str),
        (str, int | None),
        (One, str),
        (State, list),
        (Literal["a"], int),
        (bytes, str),
    ],
    ids=str,
)
def test_an_edge_that_can_never_fit_is_found(produced, wanted):
    assert not fits(produced, wanted)


def test_annotations_are_shown_as_people_write_them():
    assert show(int) == "int"
    assert show(None) == "None"
    assert show(list[str]) == "list[str]"
    assert show(Optional[int]) in ("Optional[int]", "int | None")  # noqa: UP045
    assert show_flat((int, type(None))) == "int or None"
