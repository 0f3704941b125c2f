"""What a step or a pipeline keeps of its results: what people write (docs/decisions/0027-cache.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plait.core.policy import seconds
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.typing import CacheStore

_METHODS = ("get", "set", "delete", "clear")


class Cache:
    """Keep results, so that equal inputs are computed once: ``step(embed, ["text"], "vector", cache=Cache(ttl=3600))``.

    ``cache=True`` is the same as ``cache=Cache()``, and a store alone the same as ``Cache(store)``.

    Args:
        store: where results are kept: ``MemoryCache()``, or what has its methods (``plait.typing.CacheStore``). Left out:
            one ``MemoryCache`` for the whole process.
        key: a function of the arguments (one dict) whose answer stands for them: ``lambda inputs: inputs["text"].lower()``.
        version: stands for the component's code. Results are found again until it is changed, whatever happens to the code.
        ttl: seconds after which a result is computed again.
        name: tells apart what shares a store and would else be the same; part of each key.
        copy: keep a deep copy, and give everybody one. Left out, all get the very same object.

    Raises:
        DefinitionError: for a wrong argument.
    """

    __slots__ = ("copy", "key", "name", "store", "ttl", "version")

    def __init__(
        self,
        store: CacheStore | None = None,
        *,
        key: Callable[[dict[str, Any]], Any] | None = None,
        version: str | int | None = None,
        ttl: float | None = None,
        name: str | None = None,
        copy: bool = False,
    ) -> None:
        if store is not None and not is_store(store):
            raise DefinitionError(f"Cache(store={_shown(store)}): {_what_a_store_is(store)}")
        if key is not None and not callable(key):
            raise DefinitionError(f"Cache(key={key!r}): key is a function of the arguments, as one dict")
        if version is not None and (isinstance(version, bool) or not isinstance(version, (str, int))):
            raise DefinitionError(
                f'Cache(version={version!r}): version is a string or a whole number, such as "1"'
            )
        if name is not None and (not isinstance(name, str) or not name):
            raise DefinitionError(f"Cache(name={name!r}): name is a non-empty string")
        self.store, self.key, self.version, self.name = store, key, version, name
        self.ttl, self.copy = seconds(ttl, "Cache: ttl"), bool(copy)

    def __repr__(self) -> str:
        given = (
            f"{slot}={getattr(self, slot)!r}"
            for slot in ("store", "key", "version", "ttl", "name", "copy")
            if getattr(self, slot) not in (None, False)
        )
        return f"Cache({', '.join(given)})"


def is_store(given: object) -> bool:
    """Whether this has the methods of a store."""
    return not isinstance(given, type) and all(callable(getattr(given, name, None)) for name in _METHODS)


def _shown(given: object) -> str:
    return given.__name__ if isinstance(given, type) else repr(given)


def _what_a_store_is(given: object) -> str:
    if isinstance(given, type):
        return f"give an object, {given.__name__}(...)"
    return f"a store has the methods {', '.join(_METHODS)}; MemoryCache() is one"


def policy_of(cache: object, where: str) -> Cache | None:
    """Accept what ``cache=`` may be: True, a store, a ``Cache``.

    Raises:
        DefinitionError: for anything else.
    """
    if cache is None or cache is False:
        return None
    if cache is True:
        return Cache()
    if isinstance(cache, Cache):
        return cache
    if is_store(cache):
        return Cache(cache)  # type: ignore[arg-type]  # it has the methods
    raise DefinitionError(
        f"{where}: cache is {_shown(cache)}; it is True, MemoryCache() or another store, or Cache(...)"
        + (f"; {_what_a_store_is(cache)}" if isinstance(cache, type) else "")
    )
