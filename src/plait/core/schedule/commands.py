"""Everything that the scheduler can ask a shell to do. A closed list."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from plait.core.value import Value

Outcome: TypeAlias = Literal["succeeded", "failed", "cancelled", "deadline", "paused"]


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


class Expand(Value):
    """A region asks which of its bodies to open, and how often, in its ``turn``-th turn; answer with ``Expanded``."""

    __slots__ = __match_args__ = ("task", "turn")

    def __init__(self, task: int, turn: int) -> None:
        self.task, self.turn = task, turn


class Open(Value):
    """A region begins: make the frames of ``count`` copies of a body; the first one's first task has the number ``base``.

    ``causes`` are the failures that a handler is opened for.
    """

    __slots__ = __match_args__ = ("task", "base", "attempt", "body", "count", "turn", "causes")

    def __init__(
        self,
        task: int,
        base: int,
        attempt: int,
        body: int = 0,
        count: int = 1,
        turn: int = 1,
        causes: tuple[Any, ...] = (),
    ) -> None:
        self.task, self.base, self.attempt = task, base, attempt
        self.body, self.count, self.turn, self.causes = body, count, turn, causes


class Close(Value):
    """A body ended: publish the values of the ``kept`` branches; None: it failed, and only what a handler may see gets out."""

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
    Start
    | Acquire
    | Withdraw
    | Release
    | Cancel
    | GiveUp
    | Wake
    | Expand
    | Open
    | Close
    | Expired
    | Retrying
    | Finish
)
