"""Results that are kept: ``cache=CacheConfig(store=...)`` for a step or a pipeline."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from plait.compat.gllm.types import CacheConfig


def cached(config: CacheConfig, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """A step's work whose results are kept."""

    async def kept(args: dict[str, Any], scene: Any) -> Any:
        reads = args or scene.state()

        async def run(*_: Any, **__: Any) -> Any:
            result = work(args, scene)
            return await result if inspect.isawaitable(result) else result

        return await through(
            config, name, run, (reads, scene.run.runtime, scene.run.options), {}, default=(name, reads)
        )

    return kept


_flying: dict[tuple[int, int, str, str], asyncio.Future[Any]] = {}


async def through(
    config: CacheConfig,
    name: str,
    run: Callable[..., Awaitable[Any]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    default: Any,
) -> Any:
    """Run, or take what the store has; equal calls at the same time run once.

    A result that the store can't hold is given all the same.
    """
    name = config.name or name
    key = _key(config, args, kwargs, default)
    if key is None:  # what is read has no stable form
        return await run()
    flight = (id(asyncio.get_running_loop()), id(config.store), name, key)
    others = _flying.get(flight)
    if others is not None:
        return await asyncio.shield(others)
    mine: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    _flying[flight] = mine
    try:
        result = await _stored(config, name, key, run)
    except BaseException as error:
        if isinstance(error, Exception):
            mine.set_exception(error)
            mine.exception()  # those who wait raise it; nobody else need hear of it
        else:
            mine.cancel()
        raise
    else:
        mine.set_result(result)
        return result
    finally:
        del _flying[flight]


async def _stored(config: CacheConfig, name: str, key: str, run: Callable[..., Awaitable[Any]]) -> Any:
    made: list[Any] = []
    failed: list[BaseException] = []

    async def once(*_: Any, **__: Any) -> Any:
        try:
            made.append(await run())
        except BaseException as error:
            failed.append(error)
            raise
        return made[0]

    kept = config.store.cache(key_func=lambda *_, **__: key, name=name)(once)
    try:
        return await kept()
    except Exception:
        if failed or not made:
            raise
        return made[0]  # the store could not take it


def _key(config: CacheConfig, args: tuple[Any, ...], kwargs: dict[str, Any], default: Any) -> str | None:
    if config.key_func is not None:
        return str(_called(config.key_func, args, kwargs))
    try:
        text = _stable(default)
    except TypeError:
        return None
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _called(function: Callable[..., str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Call a key function with as much as it takes."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return function(*args, **kwargs)
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    any_place = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}
    taken = args if any_place else args[: len(places)]
    free = names - {p.name for p in places[: len(taken)]}
    return function(*taken, **{k: v for k, v in kwargs.items() if any_name or k in free})


def _stable(value: Any) -> str:
    """A text that is the same for equal values, in every process.

    Raises:
        TypeError: for values that have none.
    """
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{_stable(k)}={_stable(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[" + ",".join(map(_stable, value)) + "]"
    if isinstance(value, (set, frozenset)):
        return "set[" + ",".join(sorted(map(_stable, value))) + "]"
    if hasattr(type(value), "model_dump"):
        return f"{type(value).__qualname__}{_stable(value.model_dump())}"
    if hasattr(type(value), "__dataclass_fields__"):
        return f"{type(value).__qualname__}{_stable({n: getattr(value, n) for n in type(value).__dataclass_fields__})}"
    raise TypeError(type(value).__name__)
