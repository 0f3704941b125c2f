"""What a run remembers of its failures, and how it tells who raised what."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from plait.context import Cursor
from plait.core.plan.model import PlannedStep
from plait.errors import StepWouldNotStop, annotate

if TYPE_CHECKING:
    from plait.run.drive import Frame


class Stubborn(NamedTuple):
    """A step that ignored cancellation through its whole grace period."""

    path: str
    attempt: int
    error: StepWouldNotStop
    closed: bool
    """Its coroutine could be closed, so nothing of it runs any more."""


class Trouble:
    """What a run remembers only if something goes wrong."""

    __slots__ = ("abandoned", "errors", "notes", "unstopped")

    def __init__(self) -> None:
        self.errors: dict[tuple[int, int, int], BaseException] = {}
        """(task, step, attempt) -> what it raised."""
        self.notes: list[tuple[str, BaseException]] = []
        """What steps raised while they were being cancelled."""
        self.unstopped: list[Stubborn] = []
        self.abandoned: list[str] = []
        """Steps whose threads were left to themselves when they had to stop."""


def policies_that_match(step: PlannedStep, frame: Frame, error: BaseException) -> tuple[int, float | None]:
    """Which policies would try again for this error: a bit for the step, one for each region around it."""
    bits, wait = 0, None
    policies = [step.retry]
    around: Frame | None = frame
    while around is not None and around.region is not None:
        policies.append(around.region.retry)
        around = around.outer
    for depth, retry in enumerate(policies):
        if retry is None:
            continue
        try:
            answer = retry.matches(error)
        except Exception as broken:  # noqa: BLE001  (a filter that raises must not hide the step's own error)
            annotate(error, f"the retry filter of {step.path!r} raised {broken!r}; it was not tried again")
            continue
        if answer is not False:
            bits |= 1 << depth
            if depth == 0 and answer is not True:
                wait = float(answer)
    return bits, wait


def closed_from_outside(cursor: Cursor) -> bool:
    """Whether ``GeneratorExit`` came from somebody who closes our coroutine, and not from the step in it."""
    try:
        running = asyncio.current_task()
    except RuntimeError:
        return True
    return running is None or (cursor.atask is not None and running is not cursor.atask)


def look_away(task: asyncio.Task[Any]) -> None:
    """Take a closed Task's exception, so that nobody reports it as lost."""
    if not task.cancelled():
        task.exception()
