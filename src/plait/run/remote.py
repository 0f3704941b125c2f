"""A run's side of steps in processes: what the worker is told of the run, and what the run hears from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.context import Cursor, is_heard
from plait.core.plan.model import PlannedStep
from plait.executors.job import Job
from plait.executors.process import process_pool

if TYPE_CHECKING:
    from plait.run.drive import Run


def call_remote(
    run: Run,
    cursor: Cursor,
    step: PlannedStep,
    job: Job | None,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[Any, float]:
    """Call a step's component in a worker process, and wait; its result, and the CPU seconds that it took."""
    component = step.component
    assert component is not None
    context = run.step_context(cursor)
    about = {
        "run_id": context.run_id,
        "path": context.path,
        "attempt": context.attempt,
        "config": dict(context.config),
        "left": context.deadline,
        "heard": is_heard(context),
        "memory": step.memory,
    }

    return process_pool().call(
        component,
        tuple(args),
        dict(kwargs),
        about,
        job=job,
        heard=context.emit,
        threads=step.threads,
    )
