"""What a run remembers of its failures, and how it tells who raised what."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from plait.context import Cursor
from plait.core.plan.model import PlannedStep
from plait.core.policy import Retry, is_one_of
from plait.core.retry_after import retry_after
from plait.errors import StepWouldNotStop, annotate

if TYPE_CHECKING:
    from plait.run.values import Frame

logger = logging.getLogger("plait")


class Stubborn:
    """A step that ignored cancellation through its whole grace period.

    ``closed`` tells that its coroutine could be closed, so nothing of it runs any more.
    """

    __slots__ = ("attempt", "closed", "error", "path")

    def __init__(self, path: str, attempt: int, error: StepWouldNotStop, closed: bool) -> None:
        self.path, self.attempt, self.error, self.closed = path, attempt, error, closed


class Trouble:
    """What a run remembers only if something goes wrong."""

    __slots__ = ("abandoned", "body", "errors", "notes", "unstopped")

    def __init__(self) -> None:
        self.errors: dict[tuple[int, int, int], BaseException] = {}
        """(task, step, attempt) -> what it raised."""
        self.notes: list[tuple[str, BaseException]] = []
        """What steps raised while they were being cancelled."""
        self.unstopped: list[Stubborn] = []
        self.abandoned: list[str] = []
        """Steps whose threads were left to themselves when they had to stop."""
        self.body: Frame | None = None
        """The body of a ``try`` that has just failed; if its handler takes that, it is opened next."""


def policies_that_match(
    path: str, own: Retry | None, frame: Frame, error: BaseException, attempt: int = 1
) -> tuple[int, tuple[float | None, ...], int]:
    """Which policies would try again for this error, after how long where the filter says so, and which handlers take it.

    Args:
        path: where it happened.
        own: the policy of the step or region that failed; it has bit 0 and the first place.
        frame: the frame around it; the policies of its region and of those further out follow.
        error: what was raised.
        attempt: which attempt of the step it was.
    """
    bits = 0
    waits: list[float | None] = []
    policies = [own]
    catches = 0
    around: Frame | None = frame
    while around is not None and around.region is not None:
        if around.region.handles and is_one_of(error, around.region.catch):
            catches |= 1 << len(policies)
        policies.append(around.region.retry)
        around = around.outer
    for depth, retry in enumerate(policies):
        if retry is None:
            continue
        try:
            answer = retry.matches(error)
        except Exception as broken:  # noqa: BLE001  (a filter that raises must not hide the step's own error)
            annotate(error, f"the retry filter of {path!r} raised {broken!r}; it was not tried again")
            continue
        if answer is not False:
            bits |= 1 << depth
            if answer is True:
                asked = retry_after(error, now=time.time())
                if asked:  # the back-off comes on top, so that those who were sent away together don't come back together
                    answer = asked + retry.delay(1 if depth else attempt, random.random())
            if answer is not True:
                waits += [None] * (depth - len(waits))
                waits.append(float(answer))
    return bits, tuple(waits), catches


def close_strand(cursor: Cursor, step: PlannedStep, grace: float) -> Stubborn:
    """Close the coroutine of a step that ignored cancellation, and say what became of it."""
    attempt = cursor.attempt if step is cursor.first else 1
    error = StepWouldNotStop(f"step {step.path!r} ignored cancellation for {grace:g} s")
    closed = close(cursor)
    if closed:
        error.add_note("it was closed")
    else:
        error.add_note("it could not even be closed and may still run; what it does can't be committed")
    logger.error("%s", error, extra={"step": step.path, "attempt": attempt, "closed": closed})
    return Stubborn(step.path, attempt, error, closed)


def close(cursor: Cursor) -> bool:
    """Close a strand's coroutine, and end its Task; from now on nothing that it does counts."""
    atask = cursor.atask
    cursor.fenced = cursor.stopped = True
    atask.add_done_callback(_look_away)
    run_in = atask.get_context().run if hasattr(atask, "get_context") else _here  # 3.12: its own context
    try:
        run_in(atask.get_coro().close)
    except (RuntimeError, ValueError):
        return False
    with suppress(RuntimeError):  # the loop itself is closed
        atask.cancel()
    return True


def _here(call: Callable[[], None]) -> None:
    call()


def _look_away(task: asyncio.Task[Any]) -> None:
    """Take a closed Task's exception, so that nobody reports it as lost."""
    if not task.cancelled():
        task.exception()
