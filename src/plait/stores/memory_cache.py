"""A cache in this process's memory: what was used least recently goes first."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from plait.core.policy import whole
from plait.errors import DefinitionError
from plait.typing import Hit


class _Entry:
    __slots__ = ("expires", "size", "value")

    def __init__(self, value: Any, expires: float | None, size: int) -> None:
        self.value, self.expires, self.size = value, expires, size


class MemoryCache:
    """Keep results in memory, for as long as this process lives: ``step(embed, ["text"], "vector", cache=MemoryCache())``.

    May be shared by any number of steps, pipelines, threads and event loops. Values are kept by reference: a hit is the very
    object that was returned the first time (``Cache(store, copy=True)`` gives everybody a copy of their own).

    Args:
        max_entries: how many results are kept; of more, the one used least recently goes.
        max_bytes: how much they may take in all, by an estimate that walks through containers; a result that is larger
            by itself is not kept. None: nobody counts.
        clock: gives the seconds by which a ``ttl`` is measured, for tests; default: ``time.monotonic``.

    >>> cache = MemoryCache(max_entries=1)
    >>> cache.set("a", 1, None)
    >>> cache.set("b", 2, None)
    >>> cache.get("a"), cache.get("b")
    (None, Hit(value=2))
    """

    __slots__ = ("__weakref__", "_bytes", "_clock", "_entries", "_lock", "max_bytes", "max_entries")

    blocking = False

    def __init__(
        self,
        max_entries: int = 1024,
        *,
        max_bytes: int | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        entries = whole(max_entries, "MemoryCache: max_entries", "")
        if entries is None:
            raise DefinitionError("MemoryCache: max_entries is None; it is a whole number from 1")
        self.max_entries = entries
        self.max_bytes = whole(max_bytes, "MemoryCache: max_bytes")
        self._clock = clock or time.monotonic
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Hit | None:
        """The value that was set for this key, if it is still there and its time is not up."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.expires is not None and self._clock() >= entry.expires:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return Hit(entry.value)

    def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        """Keep a value, for so many seconds or without an end, in place of what was there."""
        most = self.max_bytes
        size = 0 if most is None else size_of(value)  # outside of the lock: it may take a while
        with self._lock:
            self._drop(key)
            if most is not None and size > most:
                return
            self._entries[key] = _Entry(value, None if ttl is None else self._clock() + ttl, size)
            self._bytes += size
            while len(self._entries) > self.max_entries or (most is not None and self._bytes > most):
                self._drop(next(iter(self._entries)))

    def delete(self, key: str) -> None:
        """Drop what is there for this key, if there is anything."""
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def __len__(self) -> int:
        """How many results are kept, those included whose time is up and that nobody has asked for since."""
        return len(self._entries)

    def __bool__(self) -> bool:
        return True  # an empty cache is a cache all the same

    def __repr__(self) -> str:
        return f"<memory cache, {len(self._entries)} of {self.max_entries} entries>"

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size


def size_of(value: Any) -> int:
    """About how many bytes a value takes, with all that it holds, each object once."""
    seen: set[int] = set()
    total, todo = 0, [value]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        total += sys.getsizeof(one, 64)
        held = getattr(one, "nbytes", None)  # an array that looks into the memory of another one
        if isinstance(held, int) and getattr(one, "base", None) is not None:
            total += held
        if isinstance(one, dict):
            todo += one.keys()
            todo += one.values()
        elif isinstance(one, (list, tuple, set, frozenset)):
            todo += one
        elif isinstance(getattr(one, "__dict__", None), dict) and not isinstance(one, type):
            todo.append(one.__dict__)
    return total
