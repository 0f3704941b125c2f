"""How a run ends for its caller: a state, or the error that people can catch."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn

from plait.core.plan.model import NOT_YET, Missing, as_planned
from plait.core.schedule.frame import Fault
from plait.core.typecheck import show_flat
from plait.errors import (
    DeadlineExceeded,
    Failure,
    Failures,
    OutputError,
    PipelineErrors,
    StepCancelled,
    annotate,
    attach,
)

if TYPE_CHECKING:
    from plait.core.report.report import Report
    from plait.run.drive import Run
    from plait.run.values import Frame


def final_values(run: Run) -> dict[str, Any]:
    """The state at the end: every key's last version that is there, and the inputs that nobody read."""
    values = run.root.values
    state = dict(run.extras)
    paused = run.outcome == "paused"
    for key, slot in run.program.finals:
        value = values[slot]
        if paused and value is NOT_YET:
            value = _so_far(run, key)
        if value.__class__ is not Missing:
            state[key] = value
        elif state:  # the branch that was to write it failed: not even the input of that name is left
            state.pop(key, None)
    return state


def _so_far(run: Run, key: str) -> Any:
    """The last value that a key of a paused run has had."""
    bound, values = run.plan.bound, run.root.values
    assert bound is not None
    versions = [v for v in bound.history.get(key, ()) if v.frame is bound.root]
    if key in bound.inputs:
        versions.insert(0, bound.inputs[key])
    for version in reversed(versions):
        if values[version.slot].__class__ is not Missing:
            return values[version.slot]
    return NOT_YET


def check_state(run: Run, state: dict[str, Any]) -> None:
    """Compare the final state with its declared types.

    Raises:
        OutputError: naming the key, its writer and both types.
    """
    bound = run.plan.bound
    assert bound is not None
    fields = bound.definition.schema.fields
    for key, value in state.items():
        field = fields.get(key)
        if field is not None and field.flat is not None and not isinstance(value, field.flat):
            maker = bound.root.finals[key].maker if key in bound.root.finals else None
            by = f" (written by {maker.path!r})" if maker is not None else ""
            raise OutputError(
                f"the state's {key!r} is declared as {show_flat(field.flat)}, but it is {type(value).__name__}{by}"
            )


def failures_of(run: Run, faults: list[Any]) -> list[Failure]:
    """The failures behind these faults, in listed order."""
    placed = []
    for fault in faults:
        index, path = _place(run, fault)
        placed.append(
            (
                index,
                path,
                fault.attempt,
                run.trouble.errors[fault.task, fault.step, fault.attempt],
            )
        )
    placed.sort(key=lambda item: item[0])
    return [Failure(path, attempt, error) for _, path, attempt, error in placed]


def _place(run: Run, fault: Fault) -> tuple[tuple[int, ...], str]:
    """Where a failure belongs: its listed position and its path."""
    frame = run.frames[fault.task]
    unit = frame.plan.units[fault.task - frame.base]
    if fault.step < 0:
        return (*around(frame), unit.region.first_index, fault.task), frame.path(unit.path)
    step = unit.steps[fault.step]
    error = run.trouble.errors.get((fault.task, fault.step, fault.attempt))
    path = frame.path(getattr(error, "__plait_writer__", step.path))
    return (*around(frame), step.index, fault.task), path


def around(frame: Frame) -> tuple[int, ...]:
    """Where a frame stands in listed order: turns and copies of a body come one after another."""
    if frame.outer is None or frame.region is None:
        return ()
    return (*around(frame.outer), frame.region.first_index, frame.base)


def collected(run: Run) -> list[Failure]:
    """What went wrong in a run that succeeded: failures that a block collected, and steps that would not stop."""
    found = failures_of(run, run.scheduler.recorded)
    told = {id(failure.error.__cause__) for failure in found}
    return found + [
        Failure(s.path, s.attempt, s.error) for s in run.trouble.unstopped if id(s.error) not in told
    ]


def raise_outcome(run: Run, report: Report) -> NoReturn:
    """Raise what a run that did not succeed raises (SEMANTICS 6)."""
    name = f"pipeline {run.plan.name!r}" if run.plan.name else "the pipeline"
    found = failures_of(run, run.scheduler.faults())
    told = {id(failure.error.__cause__) for failure in found}  # a timeout that says so itself
    stubborn = [
        Failure(s.path, s.attempt, s.error)
        for s in run.trouble.unstopped
        if not s.closed and id(s.error) not in told
    ]
    try:
        if run.outcome == "cancelled" or run.outer_cancel is not None:
            cancelled = run.outer_cancel or asyncio.CancelledError()
            attach(cancelled, Failures(found + stubborn, report, run.run_id))
            _add_notes(run, cancelled)
            raise cancelled
        if run.outcome == "deadline":
            late = DeadlineExceeded(f"{name} took longer than its deadline of {run.deadline:g} s")
            attach(late, Failures(found + stubborn, report, run.run_id))
            _add_notes(run, late)
            raise late
        errors = [*found, *stubborn]
        for failure in found:
            _note(run, name, failure)
        interrupt = next(
            (
                f.error
                for f in errors
                if not isinstance(f.error, Exception) and not isinstance(f.error, asyncio.CancelledError)
            ),
            None,
        )
        raised: BaseException
        if interrupt is not None:
            raised = interrupt
        elif len(errors) == 1:
            raised = leaf_of(errors[0])
        else:
            group = PipelineErrors(
                f"{len(errors)} steps of {name} failed: {', '.join(f.path for f in errors)}",
                [leaf_of(f) for f in errors],
            )
            group.report = report
            raised = group
        attach(raised, Failures(errors, report, run.run_id))
        _add_notes(run, raised)
        raise raised
    finally:
        run.trouble.errors.clear()
        run.trouble.notes.clear()
        run.trouble.unstopped.clear()
        del run


def leaf_of(failure: Failure) -> Exception:
    """The exception of a failure; what is none, such as a cancellation, gets one that stands for it."""
    error = failure.error
    if isinstance(error, Exception):
        return error
    own = StepCancelled(
        f"step {failure.path!r} raised {type(error).__name__} although nobody had cancelled it"
    )
    own.__cause__ = error
    return own


def _note(run: Run, name: str, failure: Failure) -> None:
    keys: list[str] = []
    bound = run.plan.bound
    planned = as_planned(failure.path)
    leaf = next((node for node in bound.leaves() if node.path == planned), None) if bound else None
    if leaf is not None:
        keys = [read.key for read in leaf.reads if read.key is not None and read.version is not None]
        keys = [key for key in keys if key[0] != "~"]  # what only the engine knows
    read = f", reading {', '.join(map(repr, keys))}" if keys else ""
    note = f"in step {failure.path!r} of {name}, attempt {failure.attempt}{read}"
    if note not in getattr(failure.error, "__notes__", ()):
        annotate(failure.error, note)


def _add_notes(run: Run, error: BaseException) -> None:
    for path, other in run.trouble.notes:
        annotate(error, f"while it was being cancelled, step {path!r} raised {type(other).__name__}: {other}")
    for stubborn in run.trouble.unstopped:
        annotate(error, f"{stubborn.error}; {'; '.join(getattr(stubborn.error, '__notes__', ()))}")
    for path in run.trouble.abandoned:
        annotate(
            error,
            f"step {path!r} was stopped, but its thread was left behind and may still run; what it returns is void",
        )
