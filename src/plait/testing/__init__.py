"""What users test their pipelines with. Light to import: each part is loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plait.context import StepContext
    from plait.pipeline import Pipeline
    from plait.result import Result

__all__ = ["run_serial", "step_context"]


def run_serial(pipeline: Pipeline[Any, Any], inputs: Any, **options: Any) -> Result[Any]:
    """Run a pipeline one step at a time in this thread, in listed order.

    Args:
        pipeline: the pipeline.
        inputs: as for ``Pipeline.run``.
        options: further arguments of ``Pipeline.run``.
    """
    return pipeline.run(inputs, mode="serial", **options)


@contextmanager
def step_context(
    path: str = "step", *, attempt: int = 1, run_id: str = "test", config: Mapping[str, Any] | None = None
) -> Iterator[StepContext]:
    """Stand in for a run while a component is tested: ``current_step()`` works inside.

    Args:
        path: the step's path.
        attempt: the attempt's number.
        run_id: the run's id.
        config: the run's settings.
    """
    from plait.context import CURRENT, StepContext

    context = StepContext(run_id=run_id, path=path, attempt=attempt, config=config)
    token = CURRENT.set(context)
    try:
        yield context
    finally:
        CURRENT.reset(token)
