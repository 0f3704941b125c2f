"""Everything that can happen to a run. A closed list; user values never get in.

The log of a run holds these facts and, for each step that succeeded, one plain tuple
``(task, step, started, ended)``; replaying it through a new scheduler gives the same decisions.
"""

from typing import NamedTuple, TypeAlias


class RunStarted(NamedTuple):
    """The run began; ``deadline`` is when it must have ended, or None."""

    at: float
    deadline: float | None = None


class Granted(NamedTuple):
    """Admission gave a task what it asked for."""

    at: float
    task: int


class Succeeded(NamedTuple):
    """A task ended and its values are in place."""

    at: float
    task: int


class Failed(NamedTuple):
    """A task's attempt failed at its ``step``-th step.

    ``matches`` has a bit per policy that would try again for this error: bit 0 for the step itself, bit d for
    the d-th region around it. ``waits`` are the seconds that these policies were asked to wait (a ``Retry-After``),
    counted likewise; shorter, or None, where nothing was asked. ``draw`` is the random number in [0, 1) that the
    jitter uses: chance is a fact, too.
    """

    at: float
    task: int
    step: int
    matches: int = 0
    waits: tuple[float | None, ...] = ()
    draw: float = 0.0
    catches: int = 0
    """A bit per handler that takes this error: bit d for the d-th region around the task."""


class Stopped(NamedTuple):
    """A task that was told to stop has ended; ``abandoned`` if its thread may still run."""

    at: float
    task: int
    abandoned: bool = False


class Expanded(NamedTuple):
    """The answer to ``Expand``: open so many copies of a body; body -1 opens none, and the region has succeeded."""

    at: float
    task: int
    body: int
    copies: int = 1


class Suspended(NamedTuple):
    """A task waits for somebody's answer before its ``step``-th step can go on."""

    at: float
    task: int
    step: int = 0


class Quiet(NamedTuple):
    """Nothing of the run runs or waits for its turn; what is left waits for answers."""

    at: float


class Resumed(NamedTuple):
    """The answer for a suspended task is there."""

    at: float
    task: int


class TimerFired(NamedTuple):
    """A moment that ``Wake`` asked for has come."""

    at: float


class CancelRequested(NamedTuple):
    """Somebody outside asked the whole run to stop."""

    at: float


class Committed(NamedTuple):
    """The journal has safely stored the first ``facts`` facts."""

    at: float
    facts: int


class Switched(NamedTuple):
    """A component was promoted to run inline, or back to threads. The scheduler only remembers it."""

    at: float
    step: int
    where: str


class CacheHit(NamedTuple):
    """A step's result came from a cache (task -1: that of the whole run). The scheduler only remembers it."""

    at: float
    task: int
    step: int


Event: TypeAlias = (
    RunStarted
    | Granted
    | Succeeded
    | Failed
    | Stopped
    | Expanded
    | Suspended
    | Quiet
    | Resumed
    | TimerFired
    | CancelRequested
    | Committed
    | Switched
    | CacheHit
)
