"""What the cases need of gllm_core where that is not installed: components, an event and the retry settings.

They have the shape that Plait looks for and nothing else: a marked method, `emit`, and attributes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def main(method: Callable[..., Any]) -> Callable[..., Any]:
    """Mark the method that a component runs."""
    method.__is_main__ = True  # type: ignore[attr-defined]
    return method


class Component:
    """A class whose marked method is run with keywords."""

    async def run(self, **inputs: Any) -> Any:
        """Run the marked method."""
        for cls in type(self).__mro__:
            for member in vars(cls).values():
                if getattr(member, "__is_main__", False):
                    return await member(self, **inputs)
        raise NotImplementedError(f"{type(self).__name__} marks no method")


@dataclass
class Event:
    """Something that a component tells its listeners."""

    value: Any
    type: str = "response"
    level: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)


class BaseEventHandler(ABC):
    """A listener."""

    @abstractmethod
    async def emit(self, event: Event) -> None:
        """Take an event."""


class EventEmitter:
    """Hands events to listeners, one after another."""

    def __init__(self, handlers: list[BaseEventHandler]) -> None:
        self.handlers = handlers

    async def emit(self, event: Event) -> None:
        """Hand on an event."""
        for handler in self.handlers:
            await handler.emit(event)


@dataclass
class RetryConfig:
    """How a step is tried again."""

    max_retries: int = 0
    base_delay: float = 1.0
    max_delay: float = 10.0
    jitter: bool = True
    timeout: float | None = None
    retry_on_exceptions: tuple[type[Exception], ...] = (Exception,)
    non_retryable_exceptions: tuple[type[Exception], ...] = (TimeoutError,)
    error_translators: list[Callable[[Exception], Exception]] = field(default_factory=list)
