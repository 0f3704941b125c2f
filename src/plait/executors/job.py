"""What an executor gets and what it answers."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any


class Job:
    """One call to make elsewhere.

    Attributes:
        call: what to call, without arguments.
        name: for thread names and messages.
        context: the context variables that the call sees.
        abandon: whether to answer at once when cancelled, without waiting for the call to end.
        cancelled: set when somebody asked the call to stop; a cooperative one looks at it.
        stop: ends what the call waits for, where it can be ended (a worker process); set by the call.
    """

    __slots__ = ("abandon", "call", "cancelled", "context", "name", "stop")

    def __init__(
        self, call: Callable[[], Any], name: str, context: contextvars.Context, *, abandon: bool = False
    ) -> None:
        self.call, self.name, self.context, self.abandon = call, name, context, abandon
        self.cancelled = False
        self.stop: Callable[[], None] | None = None


class Abandoned:
    """The answer for a job that was left alone: its call may still run, its result is void."""

    __slots__ = ("job",)

    def __init__(self, job: Job) -> None:
        self.job = job


class Killed(BaseException):
    """What a call raises that was ended by ``stop``; whoever told it to says what that means."""
