"""The emitter that components written for an event emitter get: what they send goes into the run's own stream.

    await emitter.emit("text")          as it is
    await emitter.emit(Event(...))      the very object, if its level is high enough
    emitter.emit("text")                from a thread, or where nobody waits

It has the methods of ``gllm_core``'s ``EventEmitter`` and takes its ``Event`` objects without knowing their class: what
has a ``level`` is measured by it. It keeps no queue of its own, so there is one order, that of the run, with the step and
the attempt of each value, and one place where a fast sender waits for a slow reader.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Final

from plait.core.names import did_you_mean, listing
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.context import StepContext

LEVELS: Final = {"TRACE": 0, "DEBUG": 1, "INFO": 2, "WARN": 3, "ERROR": 4, "FATAL": 5}
"""How severe an event can be."""

HANDLER: Final = "StreamEventHandler"
"""The name under which ``disabled_handlers`` leaves the stream out: the handler that the run's stream stands for."""

_ANNOUNCED: Final = re.compile(r"\[(?:Start|Finished) '[^']*'\]")


def emitter_of(
    context: StepContext, *, event_level: str | int = "INFO", announcements: bool = False
) -> EventEmitter:
    """Give a component the event emitter it asks for: ``emitter_of(current_step())``.

    Args:
        context: the step that the component runs in.
        event_level: events below it are left out: a name, or a number from 0 (trace) to 5 (fatal).
        announcements: whether to keep the two events with which every component of ``gllm_core`` says that it begins
            and that it has ended; ``StepStarted`` and ``StepFinished`` say so already.

    Raises:
        DefinitionError: for a level that there is not.
    """
    return EventEmitter(context.emit, event_level=event_level, announcements=announcements)


class _Sent(Coroutine[Any, Any, None]):
    """What ``emit`` and ``close`` return: nothing more to do, unless it is awaited, which waits for room.

    A coroutine in all that asyncio asks for, so ``create_task`` and ``run_coroutine_threadsafe`` take it, but one that
    may be dropped without a warning.
    """

    __slots__ = ("_room", "_waiting")

    def __init__(self, room: Awaitable[None] | None = None) -> None:
        self._room = room
        self._waiting: Generator[Any, Any, None] | None = None

    def __await__(self) -> Generator[Any, Any, None]:
        if self._room is not None:
            yield from self._room.__await__()

    def _begun(self) -> Generator[Any, Any, None]:
        if self._waiting is None:
            self._waiting = self.__await__()
        return self._waiting

    def send(self, value: Any) -> Any:
        """Go on waiting, as a Task does."""
        return self._begun().send(value)

    def throw(self, *error: Any) -> Any:
        """Stop waiting with an error, as a Task does that is cancelled."""
        return self._begun().throw(*error)

    def close(self) -> None:
        """Wait no more."""
        self._begun().close()


class EventEmitter:
    """Sends what a component emits, in order: ``await emitter.emit("text")``.

    Attributes:
        severity: the level below which events are left out, as a number.

    Args:
        send: takes each value, and gives something to await for room, or None: ``StepContext.emit``.
        event_level: events below it are left out.
        announcements: whether to keep what components of ``gllm_core`` say about their begin and end.
    """

    def __init__(
        self,
        send: Callable[[Any], Awaitable[None] | None],
        *,
        event_level: str | int = "INFO",
        announcements: bool = False,
    ) -> None:
        self.severity = _severity(event_level, "event_level")
        self._send, self._announcements = send, announcements
        self._closed = False

    def emit(
        self,
        event: Any,
        disabled_handlers: Collection[str] | None = None,
        *,
        level: str | int | None = None,
    ) -> Coroutine[Any, Any, None]:
        """Send a text, an event or any other value now; ``await`` the result to wait for room.

        Args:
            event: what to send, as it is.
            disabled_handlers: names of handlers that shall not get it; the run's stream is "StreamEventHandler".
            level: how severe it is; default: the event's own level, and INFO for what has none.

        Raises:
            DefinitionError: for a level that there is not.
        """
        severity = _own_severity(event) if level is None else _severity(level, "level")
        if self._closed or severity < self.severity or HANDLER in (disabled_handlers or ()):
            return _Sent()
        if not self._announcements and _announces(event):
            return _Sent()
        return _Sent(self._send(event))

    def close(self) -> Coroutine[Any, Any, None]:
        """Send no more; the run and its stream go on. What is emitted afterwards goes nowhere."""
        self._closed = True
        return _Sent()


def _severity(level: object, what: str) -> int:
    found = _known(level)
    if found is None:
        near = did_you_mean(level, LEVELS) if isinstance(level, str) else ""
        raise DefinitionError(
            f"emitter: {what} is {level!r}; it is one of {listing(LEVELS)}, or a number from 0 to 5{near}"
        )
    return found


def _own_severity(event: object) -> int:
    """How severe an event says it is; a value whose ``level`` means something else is like one without."""
    found = _known(getattr(event, "level", None))
    return LEVELS["INFO"] if found is None else found


def _known(level: object) -> int | None:
    if isinstance(level, str):
        return LEVELS.get(level.upper())
    if isinstance(level, int) and not isinstance(level, bool) and 0 <= level <= 5:
        return int(level)
    return None


def _announces(event: Any) -> bool:
    """Whether this is what every component of ``gllm_core`` sends by itself around its work."""
    value = getattr(event, "value", None)
    return (
        isinstance(value, str)
        and _ANNOUNCED.fullmatch(value) is not None
        and getattr(event, "type", None) == "response"
        and not getattr(event, "id", None)
        and not getattr(event, "metadata", None)
    )
