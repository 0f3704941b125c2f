"""The base of steps with steps inside."""

from __future__ import annotations

from typing import Any

from plait.compat.gllm.steps.component_step import run_alone
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep


class BaseCompositeStep(BasePipelineStep):
    """A step with steps inside. Its kinds are those of this package: subclass ``BasePipelineStep`` for one of your own."""

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Run it by itself and give what it wrote."""
        return await run_alone(self, state, runtime, config)

    @property
    def output_state_keys(self) -> set[str] | None:
        """The keys that it writes, its steps included; None if one of them does not say."""
        keys = set(self._own_keys()[1])
        for _, steps in self._branches():
            for step in steps:
                inside = step.output_state_keys
                if inside is None:
                    return None
                keys |= inside
        return keys
