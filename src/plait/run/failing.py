"""What a step's error means for its run, and how steps are told to stop (SEMANTICS 5, 6 and 17).

an error            a timeout of ours?  an outer cancel?  a stop that was asked for?  else a failure of its own
Cancel              delivered to the strand's Task and counted; a task that has not begun never begins
GiveUp              the coroutine is closed, or fenced if even that is ignored
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from plait.context import Cursor, Suspend
from plait.core.plan.model import PlannedStep
from plait.core.schedule.commands import Command, Retrying
from plait.core.schedule.events import Failed, Stopped
from plait.errors import StepTimeout
from plait.run.trouble import close, close_strand, policies_that_match
from plait.run.values import Frame, placed

if TYPE_CHECKING:
    from plait.run.drive import Run

logger = logging.getLogger("plait")


def ended_badly(
    run: Run,
    cursor: Cursor,
    frame: Frame,
    task: int,
    first: int,
    step: PlannedStep,
    error: BaseException,
    *,
    lead: bool,
) -> list[Command]:
    """Tell the scheduler what became of a step that raised."""
    now = run.clock()
    atask = cursor.atask
    for _ in range(cursor.cancels):
        atask.uncancel()
    cause = cursor.cause
    if cause is None and isinstance(error, Suspend):
        from plait.run.pausing import suspended

        return suspended(run, cursor, frame, task, step, error, now)
    if cause == "stop":
        if cursor.abandoned:
            run.trouble.abandoned.append(frame.path(step.path))
            logger.warning(
                "a step was stopped, and its thread was left behind",
                extra={"step": step.path, "attempt": cursor.attempt},
            )
        return _stopped(run, cursor, task, step, error, now)
    if cause == "timeout":
        late = _too_long(step, frame)
        if not isinstance(error, asyncio.CancelledError):
            late.__cause__ = error
        if cursor.abandoned:
            late.add_note("its thread was left behind and may still run; what it returns is void")
        error = late
    elif lead:
        if run.leader_told():  # whatever the step made of it, the outer cancel wins
            outer = error if isinstance(error, asyncio.CancelledError) else asyncio.CancelledError()
            return run.stop_from_outside(outer) + _stopped(run, cursor, task, step, error, now)
    elif isinstance(error, asyncio.CancelledError):
        current = atask or asyncio.current_task()
        if current is not None and current.cancelling():
            return run.stop_from_outside(error) + _stopped(run, cursor, task, step, error, now)
    return failed(run, cursor, frame, task, first, step, error, now)


def _too_long(step: PlannedStep, frame: Frame, more: str = "") -> StepTimeout:
    path = frame.path(step.path)
    return StepTimeout(f"step {path!r} took longer than its timeout of {step.timeout:g} s{more}")


def _stopped(
    run: Run, cursor: Cursor, task: int, step: PlannedStep, error: BaseException | None, now: float
) -> list[Command]:
    """A step that had to stop has ended; what else it raised meanwhile becomes a note."""
    if error is not None and not isinstance(error, asyncio.CancelledError):
        run.trouble.notes.append((run.frames[task].path(step.path), error))
    if run.teller is not None:
        run.teller.discarded(placed(run.frames[task], step), cursor.attempt)
    return run.handle(Stopped(now, task, cursor.abandoned))


def failed(
    run: Run,
    cursor: Cursor,
    frame: Frame,
    task: int,
    first: int,
    step: PlannedStep,
    error: BaseException,
    now: float,
) -> list[Command]:
    """A step failed on its own account: remember the error, and ask the policies around it."""
    unit = frame.plan.units[task - frame.base]
    k = unit.steps.index(step)
    attempt = cursor.attempt if k == first else 1
    run.trouble.errors[task, k, attempt] = error
    path = frame.path(step.path)
    matches, waits, catches = policies_that_match(path, step.retry, frame, error, attempt)
    if cursor.abandoned and not step.idempotent:
        matches, waits = 0, ()
    commands = run.handle(Failed(now, task, k, matches, waits, random.random(), catches))
    if run.teller is not None:
        again = any(type(c) is Retrying and c.task == task for c in commands)
        run.teller.step_failed(placed(frame, step), attempt, error, now, will_retry=again)
    return commands


def expired(run: Run, task: int, attempt: int) -> list[Command]:
    """A region took too long: a failure, about which the policies around it are asked like about any other."""
    region = run.region_of(task)
    path = run.frames[task].path(region.path)
    error = StepTimeout(f"{path!r} took longer than its timeout of {region.timeout:g} s")
    run.trouble.errors[task, -1, attempt] = error
    matches, waits, catches = policies_that_match(path, region.retry, run.frames[task], error)
    return run.handle(Failed(run.clock(), task, -1, matches, waits, random.random(), catches))


def cancel(run: Run, task: int, cause: str) -> list[Command]:
    """Tell a strand to stop; a task that has not begun never begins."""
    cursor = run.strand_of(task)
    if cursor is None and run.leading == task:
        return []  # in the caller's own Task, which is being cancelled from outside
    if cursor is None or cursor.first is None:
        return _call_off(run, task, cursor, cause)
    cursor.cause = cursor.cause or cause
    cursor.stopped = True
    if cursor.job is not None:
        cursor.job.cancelled = True
        if cursor.cancels and not cursor.job.abandon:
            return []  # a thread can't be told twice
    if cursor.atask is not None:
        cursor.cancels += 1
        cursor.atask.cancel()
    return []


def _call_off(run: Run, task: int, cursor: Cursor | None, cause: str) -> list[Command]:
    """Stop a task that has not begun: it is on the list, or its Task has not had its first turn."""
    if cursor is None:
        run.dropped.add(task)
    else:
        _end_before_its_turn(run, cursor)
    now = run.clock()
    if cause == "stop":
        return run.handle(Stopped(now, task))
    frame, first = run.frames[task], run.scheduler.first[task]
    step = frame.plan.units[task - frame.base].steps[first]
    late = _too_long(step, frame)
    late.add_note("it never got its turn: the event loop was blocked")
    nobody = Cursor(run, task)
    nobody.attempt = run.scheduler.attempt[task]
    return failed(run, nobody, frame, task, first, step, late, now)


def _end_before_its_turn(run: Run, cursor: Cursor) -> None:
    """End a strand whose Task has not had its first turn; the run waits until it has."""

    def ended(_: object) -> None:
        run.called_off -= 1
        if run.finished:
            run.let_go()

    run.forget(cursor)
    run.called_off += 1
    cursor.atask.add_done_callback(ended)
    cursor.atask.cancel()


def give_up(run: Run, task: int) -> list[Command]:
    """The grace period is over: close the step's coroutine, or fence it if even that is ignored."""
    from plait.run.drive import waits_for_thread

    cursor = run.strand_of(task)
    if cursor is None or cursor.atask is None or waits_for_thread(cursor):
        return []
    frame = run.frames[task]
    step = cursor.step or frame.plan.units[task - frame.base].steps[0]
    run.forget(cursor)
    stubborn = close_strand(cursor, step, run.scheduler.grace)
    run.trouble.unstopped.append(stubborn)
    cursor.abandoned = not stubborn.closed
    now = run.clock()
    if cursor.cause == "timeout":
        late = _too_long(step, frame, ", and ignored cancellation")
        late.__cause__ = stubborn.error
        return failed(run, cursor, frame, task, run.scheduler.first[task], step, late, now)
    return _stopped(run, cursor, task, step, None, now)


def close_all(run: Run) -> None:
    """The run's own coroutine is being closed from outside: close what it had started."""
    for cursor in list(run.strands):
        if cursor.atask is not None:
            close(cursor)
