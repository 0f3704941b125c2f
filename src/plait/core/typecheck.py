"""Types as far as they can be checked quickly: the flat class of a value, and whether an edge can fit."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeAlias

Flat: TypeAlias = "tuple[type, ...] | None"

_NUMERIC: Mapping[type, tuple[type, ...]] = {float: (float, int), complex: (complex, float, int)}


def flat(annotation: Any) -> Flat:
    """The classes that ``isinstance`` can check an annotation by; None if there is nothing to check.

    Only the outside is looked at (``list[str]`` is checked as ``list``). An int passes as a float, as in
    PEP 484's numeric tower.
    """
    if annotation is None or annotation is type(None):
        return (type(None),)
    if (
        annotation is Any
        or annotation is object
        or isinstance(annotation, (str, typing.TypeVar, typing.ForwardRef))
    ):
        return None
    supertype = getattr(annotation, "__supertype__", None)
    if supertype is not None:  # NewType
        return flat(supertype)
    origin = typing.get_origin(annotation)
    if origin is None:
        return _flat_class(annotation)
    if origin is typing.Annotated:
        return flat(typing.get_args(annotation)[0])
    if origin is typing.Union or origin is types.UnionType:
        return _flat_union(typing.get_args(annotation))
    if origin is typing.Literal:
        return tuple({type(v) for v in typing.get_args(annotation)})
    if origin in (typing.Final, typing.ClassVar, typing.Required, typing.NotRequired) or getattr(
        origin, "_name", ""
    ) in ("Required", "NotRequired"):
        return flat(typing.get_args(annotation)[0])
    return _flat_class(origin)


def _flat_union(members: tuple[Any, ...]) -> Flat:
    out: list[type] = []
    for member in members:
        classes = flat(member)
        if classes is None:
            return None
        out.extend(c for c in classes if c not in out)
    return tuple(out)


def _flat_class(cls: Any) -> Flat:
    if not isinstance(cls, type):
        return None
    if typing.is_typeddict(cls):
        return (dict,)
    if getattr(cls, "_is_protocol", False) and not getattr(cls, "_is_runtime_protocol", False):
        return None
    return _NUMERIC.get(cls, (cls,))


def fits(produced: Any, wanted: Any) -> bool:
    """Whether a value annotated ``produced`` can be given where ``wanted`` is annotated.

    Says False only when no value of the one could be of the other: an edge is refused for a certain
    mistake, not for a doubt.
    """
    given, needed = flat(produced), flat(wanted)
    if given is None or needed is None:
        return True
    return any(issubclass(g, n) or issubclass(n, g) or _may_share(g, n) for g in given for n in needed)


def _may_share(one: type, other: type) -> bool:
    # Two plain classes can meet in a subclass of both, but built-in layouts (int, str, list …) can't.
    return (
        one.__module__ != "builtins"
        and other.__module__ != "builtins"
        and not (_solid(one) and _solid(other))
    )


def _solid(cls: type) -> bool:
    return any(base.__module__ == "builtins" and base is not object for base in cls.__mro__)


def show(annotation: Any) -> str:
    """An annotation as a person writes it."""
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return annotation.__name__
    if annotation is None:
        return "None"
    return str(annotation).replace("typing.", "")


def show_flat(classes: tuple[type, ...]) -> str:
    """The classes of a flat check for a message: ``int or None``."""
    return " or ".join("None" if c is type(None) else c.__name__ for c in classes)
