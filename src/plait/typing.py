"""What people implement for Plait, as protocols: a class that has these methods fits, without inheriting anything."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

__all__ = ["CacheStore", "Hit"]


class Hit(NamedTuple):
    """What a store had: so that a kept None and nothing at all are told apart."""

    value: Any


@runtime_checkable
class CacheStore(Protocol):
    """Keeps results under keys: ``MemoryCache`` is one, and what you write can be another.

    All methods are plain ones and are called from any thread, several at a time. A store keeps no more than it wants to:
    what it lost is computed again. What it raises is logged and fails no run. Errors of a value that it can't hold
    belong into ``set``.
    """

    @property
    def blocking(self) -> bool:
        """Whether a call may take long (a disk, a network). Such a store is called in a thread, others on the event loop."""
        ...

    def get(self, key: str) -> Hit | None:
        """The value that was set for this key, if it is still there and its time is not up."""
        ...

    def set(self, key: str, value: Any, ttl: float | None) -> None:
        """Keep a value, for so many seconds or without an end, in place of what was there."""
        ...

    def delete(self, key: str) -> None:
        """Drop what is there for this key, if there is anything."""
        ...

    def clear(self) -> None:
        """Drop everything."""
        ...
