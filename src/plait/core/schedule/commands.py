"""Everything that the scheduler can ask a shell to do. A closed list."""

from __future__ import annotations

from typing import Literal, TypeAlias

from plait.core.value import Value

Outcome: TypeAlias = Literal["succeeded", "failed", "cancelled", "deadline"]


class Start(Value):
    """Run a task's steps from its ``step``-th on; this is that step's ``attempt``-th attempt."""

    __slots__ = __match_args__ = ("task", "attempt", "step")

    def __init__(self, task: int, attempt: int = 1, step: int = 0) -> None:
        self.task, self.attempt, self.step = task, attempt, step


class Acquire(Value):
    """Ask admission for what the task needs; answer with ``Granted``."""

    __slots__ = __match_args__ = ("task",)

    def __init__(self, task: int) -> None:
        self.task = task


class Withdraw(Value):
    """Forget the request: the task will not start."""

    __slots__ = __match_args__ = ("task",)

    def __init__(self, task: int) -> None:
        self.task = task


class Release(Value):
    """Give back what the task held."""

    __slots__ = __match_args__ = ("task",)

    def __init__(self, task: int) -> None:
        self.task = task


class Cancel(Value):
    """Tell a running task to stop; it answers with ``Stopped`` (or ``Failed``, for a timeout)."""

    __slots__ = __match_args__ = ("task", "cause", "again")

    def __init__(self, task: int, cause: Literal["stop", "timeout"] = "stop", again: int = 0) -> None:
        self.task, self.cause, self.again = task, cause, again


class GiveUp(Value):
    """The grace period is over: close the task, or fence it; it answers with ``Stopped``."""

    __slots__ = __match_args__ = ("task",)

    def __init__(self, task: int) -> None:
        self.task = task


class Wake(Value):
    """Send ``TimerFired`` at this time (an earlier wish stands as well)."""

    __slots__ = __match_args__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


class Open(Value):
    """A region begins: make its frame, whose first task has the number ``base``."""

    __slots__ = __match_args__ = ("task", "base", "attempt")

    def __init__(self, task: int, base: int, attempt: int) -> None:
        self.task, self.base, self.attempt = task, base, attempt


class Close(Value):
    """A region ended: publish the values of the ``kept`` branches, or none of them."""

    __slots__ = __match_args__ = ("task", "base", "kept")

    def __init__(self, task: int, base: int, kept: tuple[int, ...] | None) -> None:
        self.task, self.base, self.kept = task, base, kept


class Expired(Value):
    """A region took longer than its timeout: this is the failure, on the region's own path."""

    __slots__ = __match_args__ = ("task", "attempt")

    def __init__(self, task: int, attempt: int) -> None:
        self.task, self.attempt = task, attempt


class Retrying(Value):
    """An attempt failed and another one follows at ``at``."""

    __slots__ = __match_args__ = ("task", "step", "attempt", "at")

    def __init__(self, task: int, step: int, attempt: int, at: float) -> None:
        self.task, self.step, self.attempt, self.at = task, step, attempt, at


class Finish(Value):
    """The run is over; nothing of it runs any more."""

    __slots__ = __match_args__ = ("outcome",)

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


Command: TypeAlias = (
    Start | Acquire | Withdraw | Release | Cancel | GiveUp | Wake | Open | Close | Expired | Retrying | Finish
)
