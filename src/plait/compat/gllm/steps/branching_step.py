"""The base of steps with branches."""

from __future__ import annotations

from typing import Any

from plait.compat.gllm.steps.composite_step import BaseCompositeStep


class BranchingStep(BaseCompositeStep):
    """A step with branches.

    Attributes:
        branches: name -> a step, or a list of them.
    """

    branches: dict[str, Any]
