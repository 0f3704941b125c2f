"""``Val``, ``Group``, ``CacheConfig`` and ``PipelineInvocation``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import plait
from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError


class Val(plait.Val):
    """Pass this very value, instead of looking a key up.

    >>> Val(3) == Val(3)
    True
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, plait.Val) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((Val, self.value))


class Group:
    """In ``map_reduce``: pass a list whole to every call.

    Args:
        value: a key, or ``Val``.
    """

    __slots__ = ("value",)

    def __init__(self, value: str | plait.Val) -> None:
        if not isinstance(value, (str, plait.Val)):
            raise PipelineTypeError(f"Group({value!r}): it takes a key (a string) or Val(value)")
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((Group, self.value))

    def __repr__(self) -> str:
        return f"Group({self.value!r})"


class CacheConfig:
    """Where the results of a step or a pipeline are kept.

    Args:
        store: an object whose ``cache(key_func=..., name=...)`` gives a decorator for async functions.
        name: the name in the store; default: ``step_`` or ``pipeline_`` and the name.
        key_func: makes the key. For a step it is called with the state that the step reads, the runtime and the
            config; for a pipeline with the initial state, the config, and ``context=`` and ``thread_id=``. A function of
            one parameter gets the first of these. Default: a key of what is read, and nothing else.
    """

    __slots__ = ("key_func", "name", "store")

    def __init__(
        self, store: Any, name: str | None = None, key_func: Callable[..., str] | None = None
    ) -> None:
        if not callable(getattr(store, "cache", None)):
            raise PipelineTypeError(
                f"CacheConfig({store!r}): a store has a method cache(key_func=..., name=...)"
            )
        self.store, self.name, self.key_func = store, name, key_func

    def __repr__(self) -> str:
        return f"CacheConfig(store={self.store!r}, name={self.name!r})"


class PipelineInvocation:
    """What a tool's ``input_transform`` makes: the input of a pipeline, its config and its context.

    Args:
        input: the initial state.
        config: as for ``invoke``.
        context: as for ``invoke``.
    """

    __slots__ = ("config", "context", "input")

    def __init__(
        self,
        input: Mapping[str, Any],  # noqa: A002  (its name there)
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        for name, value in (("input", input), ("config", config), ("context", context)):
            if not isinstance(value, Mapping) and not (value is None and name != "input"):
                raise PipelineValueError(f"PipelineInvocation: {name} is {value!r}; it is a dict")
        self.input = dict(input)
        self.config = None if config is None else dict(config)
        self.context = None if context is None else dict(context)
