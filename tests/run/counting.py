"""Components that count their calls, and a store that must not be asked on a loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from plait import MemoryCache
from plait.typing import Hit


class Slow:
    """A store on a disk, as it were: a memory cache that must not be asked on a loop."""

    blocking = True

    def __init__(self) -> None:
        self.inner = MemoryCache()
        self.threads: set[str] = set()

    def _here(self) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        self.threads.add(threading.current_thread().name)

    def get(self, key: str) -> Hit | None:
        self._here()
        return self.inner.get(key)

    def set(self, key: str, value: Any, ttl: float | None) -> None:
        self._here()
        self.inner.set(key, value, ttl)

    def delete(self, key: str) -> None:
        self.inner.delete(key)

    def clear(self) -> None:
        self.inner.clear()


class Calls:
    """Components that count their calls."""

    __plait_version__ = 1

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.lock = threading.Lock()

    def cache_key(self) -> int:
        """It is the same component however often it was called."""
        return 0

    def note(self, what: Any) -> int:
        with self.lock:
            self.seen.append(what)
            return len(self.seen)


class Async(Calls):
    def __init__(self, takes: float = 1.0, fails: int = 0) -> None:
        super().__init__()
        self.takes, self.fails = takes, fails

    async def __call__(self, x: Any) -> Any:
        count = self.note(x)
        await asyncio.sleep(self.takes)
        if count <= self.fails:
            raise ValueError(count)
        return [x]


class Blocking(Calls):
    def __call__(self, x: Any) -> Any:
        self.note(x)
        return [x]


class Late(Calls):
    """A plain function that gives something to await."""

    def __call__(self, x: Any) -> Any:
        self.note(x)

        async def later() -> Any:
            await asyncio.sleep(0)
            return [x]

        return later()


def cached_paths(result: Any) -> dict[str, bool]:
    return {found.path: found.cached for found in result.report.steps}
