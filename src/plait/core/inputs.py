"""What a step's argument can be bound to besides a state key: a value, a run's setting, an optional key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from plait.core.names import nearest
from plait.errors import DefinitionError


class _Required:
    """The type of ``REQUIRED``: no default was given, so the value must be there."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


class Val:
    """Pass this very value to the component, instead of reading a key of the state.

    >>> Val(0.5)
    Val(0.5)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Val({self.value!r})"


class Config:
    """Read a setting of the run: ``pipeline.run(inputs, config={"model": "small"})``.

    Args:
        key: the setting's name in ``config=`` (or, if absent there, in ``context=``).
        default: used when the run does not give the setting; without one, its absence is an error
            before anything runs.
    """

    __slots__ = ("default", "key")

    def __init__(self, key: str, default: Any = REQUIRED) -> None:
        if not isinstance(key, str):
            raise DefinitionError(f"Config(key) wants the name of a setting, got {key!r}")
        self.key, self.default = key, default

    def __repr__(self) -> str:
        return (
            f"Config({self.key!r})" if self.default is REQUIRED else f"Config({self.key!r}, {self.default!r})"
        )


class Optional:
    """Read a state key that may be absent, with a default for that case.

    Args:
        key: the state key.
        default: the value when the key was not given, was not produced, or its branch failed.
    """

    __slots__ = ("default", "key")

    def __init__(self, key: str, default: Any = None) -> None:
        if not isinstance(key, str):
            raise DefinitionError(f"Optional(key) wants the name of a state key, got {key!r}")
        self.key, self.default = key, default

    def __repr__(self) -> str:
        return f"Optional({self.key!r}, {self.default!r})"


class Group:
    """In ``map_reduce``: pass a list whole to every call, instead of one of its items to each.

    Args:
        source: a state key, ``Val``, ``Config`` or ``Optional``.
    """

    __slots__ = ("source",)

    def __init__(self, source: str | Val | Config | Optional) -> None:
        if not isinstance(source, (str, Val, Config, Optional)):
            raise DefinitionError(
                f"Group({source!r}): it takes a state key (a string), Val(value), Config('key') or Optional('key')"
            )
        self.source = source

    def __repr__(self) -> str:
        return f"Group({self.source!r})"


Source: TypeAlias = "str | Val | Config | Optional"
InputMap: TypeAlias = "Mapping[str, Source] | Sequence[str | Mapping[str, Source]]"
OutputState: TypeAlias = "str | Sequence[str] | Mapping[str, str]"


def normalise_inputs(input_map: object, where: str) -> tuple[tuple[str, Source], ...] | None:
    """Turn every accepted form of an input map into ``((argument, source), ...)``; None stays None.

    Raises:
        DefinitionError: for anything else, naming the entry.
    """
    if input_map is None:
        return None
    if isinstance(input_map, str):
        raise DefinitionError(
            f"{where}: input_map is the string {input_map!r}; use [{input_map!r}] or {{'argument': {input_map!r}}}"
        )
    items: list[tuple[str, Source]] = []
    if isinstance(input_map, Mapping):
        items.extend(_mapping_items(input_map, where))
    elif isinstance(input_map, Sequence):
        for entry in input_map:
            if isinstance(entry, str):
                items.append((entry, entry))
            elif isinstance(entry, Mapping):
                items.extend(_mapping_items(entry, where))
            else:
                raise DefinitionError(
                    f"{where}: input_map has the entry {entry!r}; a list holds key names and mappings"
                )
    else:
        raise DefinitionError(
            f"{where}: input_map is {type(input_map).__name__}; it is a mapping, or a list of key names and mappings"
        )
    seen: set[str] = set()
    for argument, _ in items:
        if argument in seen:
            raise DefinitionError(f"{where}: input_map gives the argument {argument!r} twice")
        seen.add(argument)
    return tuple(items)


def _mapping_items(entry: Mapping[Any, Any], where: str) -> list[tuple[str, Source]]:
    out: list[tuple[str, Source]] = []
    for argument, source in entry.items():
        if not isinstance(argument, str):
            raise DefinitionError(
                f"{where}: input_map names the argument {argument!r}, which is not a string"
            )
        if not isinstance(source, (str, Val, Config, Optional)):
            raise DefinitionError(
                f"{where}: the argument {argument!r} is bound to {source!r}; use a state key (a string), "
                f"Val(value), Config('key') or Optional('key', default)"
            )
        out.append((argument, source))
    return out


def normalise_outputs(output_state: object, where: str) -> tuple[tuple[str, str | None], ...]:
    """Turn every accepted form of ``output_state`` into ``((key, field or None), ...)``.

    One key (a string) has the field None: it takes the whole result. Several keys have a field each.
    """
    if output_state is None:
        return ()
    if isinstance(output_state, str):
        return ((_key(output_state, where), None),)
    pairs: list[tuple[str, str | None]]
    if isinstance(output_state, Mapping):
        pairs = [(_key(k, where), _key(f, where)) for k, f in output_state.items()]
    elif isinstance(output_state, Sequence):
        pairs = [(_key(k, where), k) for k in output_state]
    else:
        raise DefinitionError(
            f"{where}: output_state is {type(output_state).__name__}; it is a key, a list of keys, a mapping {{key: field}}, or None"
        )
    if not pairs:
        raise DefinitionError(f"{where}: output_state is empty; leave it out to discard the result")
    keys = [k for k, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise DefinitionError(f"{where}: output_state names {key!r} twice")
    return tuple(pairs)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str) or not key:
        raise DefinitionError(f"{where}: {key!r} is not a state key; keys are non-empty strings")
    return key


def choice(value: str, allowed: Sequence[str], what: str) -> str:
    """Check one word out of a closed list, with a hint at the nearest."""
    if value not in allowed:
        near = nearest(str(value), allowed) if isinstance(value, str) else None
        hint = f"; did you mean {near!r}?" if near else ""
        raise DefinitionError(f"{what} is {value!r}; it is one of {', '.join(map(repr, allowed))}{hint}")
    return value
