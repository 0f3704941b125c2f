"""Running compat pipelines in tests."""

from __future__ import annotations

from typing import Any

from plait.compat.gllm.pipeline import Pipeline
from plait.testing.virtual import run_virtual


def invoke(steps: Any, state: Any = None, **options: Any) -> dict[str, Any]:
    """Run a pipeline of these steps (or one step, or a pipeline) on the virtual clock."""
    pipeline = (
        steps if isinstance(steps, Pipeline) else Pipeline(steps if isinstance(steps, list) else [steps])
    )
    return run_virtual(pipeline.invoke({} if state is None else state, **options))
