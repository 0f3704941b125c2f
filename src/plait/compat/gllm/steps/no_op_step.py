"""Nothing: ``no_op``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.compat.gllm.steps.pipeline_step import BasePipelineStep

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene
    from plait.core.flow import Flow


class NoOpStep(BasePipelineStep):
    """Does nothing; see ``no_op``."""

    @property
    def input_state_keys(self) -> set[str]:
        """It reads nothing."""
        return set()

    @property
    def output_state_keys(self) -> set[str]:
        """It writes nothing."""
        return set()

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """Do nothing."""
        return None

    def _flow(self, here: Here) -> Flow:
        return here.leaf(_nothing, {}, None, kind="no_op", inline=True)


def _nothing(args: dict[str, Any], scene: Scene) -> None:  # noqa: ARG001
    return None
