"""Input maps and dotted paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from plait.compat.gllm._state import MISSING, dumped, follow
from plait.compat.gllm.exceptions import PipelineKeyError, PipelineTypeError
from plait.compat.gllm.types import Group
from plait.core.inputs import Config, Optional, Val

DOT_NOTATION: Final = "."


def specs_of(input_map: Any, where: str) -> dict[str, Any]:
    """What each argument is bound to, of every accepted form of an input map.

    Raises:
        PipelineTypeError: for anything else, naming the entry.
    """
    if input_map is None:
        return {}
    if isinstance(input_map, str) or not isinstance(input_map, (Mapping, list, tuple, set)):
        raise PipelineTypeError(
            f"{where}: input_map is {input_map!r}; it is a dict {{argument: key}}, or a list of keys and dicts"
        )
    out: dict[str, Any] = {}
    for entry in [input_map] if isinstance(input_map, Mapping) else input_map:
        items = {entry: entry} if isinstance(entry, str) else entry
        if not isinstance(items, Mapping):
            raise PipelineTypeError(
                f"{where}: input_map has the entry {entry!r}; a list holds keys and dicts"
            )
        for argument, spec in items.items():
            if not isinstance(argument, str):
                raise PipelineTypeError(
                    f"{where}: input_map names the argument {argument!r}, which is no string"
                )
            if not isinstance(spec, (str, Val, Group, Config, Optional)):
                raise PipelineTypeError(
                    f"{where}: input_map binds {argument!r} to {spec!r}; it is a key (a string) or Val({spec!r})"
                )
            if argument in out:
                raise PipelineTypeError(f"{where}: input_map gives the argument {argument!r} twice")
            out[argument] = spec
    return out


def resolve_dotted_path(obj: Any, path: str) -> Any:
    """What stands at ``a.b.c`` inside an object, through keys and attributes.

    Raises:
        PipelineKeyError: when nothing stands there.
    """
    found = follow(obj, path.split(DOT_NOTATION))
    if found is MISSING:
        raise PipelineKeyError(f"nothing stands at {path!r}")
    return found


def shallow_dump(state: Any) -> dict[str, Any]:
    """A state as a dict, its values as they are."""
    try:
        return dumped(state)
    except TypeError:
        raise PipelineTypeError(
            f"the state is {type(state).__name__}; it is a dict, a pydantic model or a dataclass"
        ) from None
