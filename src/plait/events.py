"""What a run tells while it goes on: typed events, in order, for ``stream`` and for observers.

``at`` is seconds since the run's start. A failed attempt is followed by ``AttemptDiscarded``: what it emitted is void.
What steps write is in no event: a reader who wants it asks for it (``mode="values"`` or ``"updates"``).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias


class RunStarted(NamedTuple):
    """The run began."""

    run_id: str
    at: float


class StepStarted(NamedTuple):
    """An attempt of a step began."""

    run_id: str
    at: float
    path: str
    attempt: int


class StepFinished(NamedTuple):
    """An attempt of a step succeeded, after so many seconds of work."""

    run_id: str
    at: float
    path: str
    attempt: int
    seconds: float


class StepFailed(NamedTuple):
    """An attempt of a step failed; ``will_retry`` says whether another one follows."""

    run_id: str
    at: float
    path: str
    attempt: int
    error: BaseException
    will_retry: bool


class AttemptDiscarded(NamedTuple):
    """What this attempt emitted is void: it failed or was cancelled."""

    run_id: str
    at: float
    path: str
    attempt: int


class Emitted(NamedTuple):
    """A component emitted a value (a token, a message, a progress figure)."""

    run_id: str
    at: float
    path: str
    attempt: int
    value: Any


class LoopBlocked(NamedTuple):
    """A step blocks the event loop; ``cure`` says what to do, ``stack`` where it was."""

    run_id: str
    at: float
    path: str
    seconds: float
    stack: str
    cure: str


class RunFinished(NamedTuple):
    """The run is over: ``"succeeded"``, ``"failed"``, ``"cancelled"`` or ``"deadline"``. The last event."""

    run_id: str
    at: float
    outcome: str


Event: TypeAlias = (
    RunStarted
    | StepStarted
    | StepFinished
    | StepFailed
    | AttemptDiscarded
    | Emitted
    | LoopBlocked
    | RunFinished
)
