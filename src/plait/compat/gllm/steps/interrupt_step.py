"""A question to a person: ``interrupt``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.component_step import keys_in, outputs_of
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.core import kinds

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.core.flow import Flow


class InterruptStep(BasePipelineStep):
    """Stops until somebody answers; see ``interrupt``.

    Args:
        name: its name.
        message: what the person is shown.
        resume_value_map: the key that takes the answer; a list of keys for an answer that is a dict.
        settings: ``retry_config`` and ``error_handler``; a ``cache`` is refused.
    """

    def __init__(
        self,
        name: str,
        message: Any = "Pipeline interrupted.",
        resume_value_map: str | list[str] | None = None,
        **settings: Any,
    ) -> None:
        if settings.pop("cache", None) is not None:
            raise PipelineTypeError(f"interrupt {name!r}: an answer is not kept in a cache")
        super().__init__(name, **settings)
        self.message = message
        self.resume_value_map = outputs_of(resume_value_map, f"interrupt {name!r}")

    @property
    def input_state_keys(self) -> set[str]:
        """It reads nothing."""
        return set()

    @property
    def output_state_keys(self) -> set[str]:
        """The keys that take the answer."""
        return keys_in(self.resume_value_map)

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:  # noqa: ARG002
        """It can't run by itself."""
        raise PipelineTypeError(f"interrupt {self.name!r} runs in a pipeline with a checkpointer only")

    def _flow(self, here: Here) -> Flow:
        return kinds.interrupt(self.message, self.resume_value_map, name=here.name)
