"""Keys that are no keys, and values that are no values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

INTERNAL: Final = "__plait_"
"""What the names of our own keys begin with: the state that people see has none of them."""

REST: Final = "__plait_rest"
"""The key for what steps write that did not say what they write: a dict."""

RUN: Final = "__plait_run"
"""Our entry in the run's settings."""


class Missing:
    """The type of ``MISSING``: the key has no value here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __copy__(self) -> Missing:
        return self

    def __deepcopy__(self, memo: Any) -> Missing:
        return self

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def visible(values: Mapping[str, Any]) -> dict[str, Any]:
    """The state as people see it: what is there, under their own keys."""
    state = {k: v for k, v in values.items() if v is not MISSING and not k.startswith(INTERNAL)}
    rest = values.get(REST)
    if isinstance(rest, Mapping):
        state.update((k, v) for k, v in rest.items() if k not in state)
    return state


def follow(value: Any, path: Iterable[str]) -> Any:
    """What stands at a dotted path inside a value, through keys and attributes, or ``MISSING``."""
    for part in path:
        value = value.get(part, MISSING) if isinstance(value, Mapping) else getattr(value, part, MISSING)
        if value is MISSING:
            break
    return value


def dumped(state: Any) -> dict[str, Any]:
    """A state as a fresh dict: of a mapping, a pydantic model or a dataclass.

    Raises:
        TypeError: for anything else.
    """
    if isinstance(state, Mapping):
        return dict(state)
    fields = getattr(type(state), "model_fields", None) or getattr(type(state), "__dataclass_fields__", None)
    if fields is None:
        raise TypeError
    return {name: getattr(state, name) for name in fields if hasattr(state, name)}


_CONTAINERS = frozenset((list, dict, set, tuple))


def isolated(value: Any, memo: dict[int, Any]) -> Any:
    """A value of which no list, dict or set is shared; other objects are.

    Args:
        value: the value.
        memo: by id, what was copied before with its copy, so that one object has one copy.
    """
    kind = type(value)
    if kind not in _CONTAINERS:
        return value
    known = memo.get(id(value))
    if known is not None:
        return known[1]
    made: Any
    plain = _CONTAINERS.isdisjoint(map(type, value.values() if kind is dict else value))
    if plain or kind is set:
        made = value if kind is tuple else kind(value)
        memo[id(value)] = (value, made)
    elif kind is list:
        made = []
        memo[id(value)] = (value, made)
        made.extend(isolated(item, memo) for item in value)
    elif kind is dict:
        made = {}
        memo[id(value)] = (value, made)
        made.update((key, isolated(item, memo)) for key, item in value.items())
    else:
        made = tuple(isolated(item, memo) for item in value)
        memo[id(value)] = (value, made)
    return made
