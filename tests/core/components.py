"""Components that can be told apart, or not, and the keys of calls of them."""

from __future__ import annotations

import threading
from typing import Any

from plait import step


class Client:
    """What can't be told apart from another one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class Ranks:
    """A component with settings, and maybe something else."""

    def __init__(self, top: int, client: Any = None) -> None:
        self.top, self.client = top, client

    def __call__(self, pages: list[str]) -> list[str]:
        return pages[: self.top]


class Asks(Ranks):
    def cache_key(self) -> int:
        return self.top


class Versioned(Ranks):
    __plait_version__ = "3"


def key_of(component: Any, cache: Any = True, **arguments: Any) -> str:
    """The key of a call of a component."""
    made = step(component, None, "x", cache=cache)
    assert made.cache is not None
    return made.cache.key(arguments)
