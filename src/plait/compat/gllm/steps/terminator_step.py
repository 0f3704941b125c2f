"""The end: ``terminate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.compat.gllm.steps.no_op_step import NoOpStep
from plait.core import kinds

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.core.flow import Flow


class TerminatorStep(NoOpStep):
    """Ends its pipeline; see ``terminate``."""

    def _flow(self, here: Here) -> Flow:
        return kinds.terminate(here.name)
