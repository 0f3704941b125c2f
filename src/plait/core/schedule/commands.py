"""Everything that the scheduler can ask a shell to do. A closed list."""

from typing import Literal, NamedTuple, TypeAlias

Outcome: TypeAlias = Literal["succeeded", "failed", "cancelled", "deadline"]


class Start(NamedTuple):
    """Run a task's steps from its ``step``-th on; this is that step's ``attempt``-th attempt."""

    task: int
    attempt: int = 1
    step: int = 0


class Acquire(NamedTuple):
    """Ask admission for what the task needs; answer with ``Granted``."""

    task: int


class Withdraw(NamedTuple):
    """Forget the request: the task will not start."""

    task: int


class Release(NamedTuple):
    """Give back what the task held."""

    task: int


class Cancel(NamedTuple):
    """Tell a running task to stop; it answers with ``Stopped`` (or ``Failed``, for a timeout)."""

    task: int
    cause: Literal["stop", "timeout"] = "stop"
    again: int = 0
    """How often it was told before: 0 the first time."""


class GiveUp(NamedTuple):
    """The grace period is over: close the task, or fence it; it answers with ``Stopped``."""

    task: int


class Wake(NamedTuple):
    """Send ``TimerFired`` at this time (an earlier wish stands as well)."""

    at: float


class Open(NamedTuple):
    """A region begins: make its frame, whose first task has the number ``base``."""

    task: int
    base: int
    attempt: int


class Close(NamedTuple):
    """A region ended: publish the values of the ``kept`` branches, or none of them."""

    task: int
    base: int
    kept: tuple[int, ...] | None


class Expired(NamedTuple):
    """A region took longer than its timeout: this is the failure, on the region's own path."""

    task: int
    attempt: int


class Retrying(NamedTuple):
    """An attempt failed and another one follows at ``at``."""

    task: int
    step: int
    attempt: int
    at: float


class Finish(NamedTuple):
    """The run is over; nothing of it runs any more."""

    outcome: Outcome


Command: TypeAlias = (
    Start | Acquire | Withdraw | Release | Cancel | GiveUp | Wake | Open | Close | Expired | Retrying | Finish
)
