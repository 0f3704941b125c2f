"""A function of one dict as a step: ``transform``, ``bundle``, ``copy``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.component_step import keys_in, outputs_of, run_alone
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core.component import is_async

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene, Work
    from plait.core.flow import Flow


class StateOperatorStep(HasInputsMixin, BasePipelineStep):
    """Calls a function with one dict of what its input map says; see ``transform``.

    Args:
        name: its name.
        input_states: keys that the dict has.
        output_state: the key, or keys, that take the result.
        operation: the function, a ``def`` or an ``async def``.
        input_map: more entries of the dict.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: where its results are kept.
    """

    def __init__(
        self,
        name: str,
        input_states: list[str] | None = None,
        output_state: str | list[str] | None = None,
        operation: Callable[[dict[str, Any]], Any] | None = None,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        BasePipelineStep.__init__(self, name, retry_config, error_handler, cache)
        entries = [*(input_states or ()), *([input_map] if isinstance(input_map, dict) else input_map or ())]
        HasInputsMixin.__init__(self, entries)
        if not callable(operation):
            raise PipelineTypeError(
                f"transform {name!r}: the operation is {operation!r}; it is a function of one dict"
            )
        self.operation = operation
        self.output_state = outputs_of(output_state, f"transform {name!r}")
        self._quick = False

    @property
    def output_state_keys(self) -> set[str]:
        """The keys that it writes."""
        return keys_in(self.output_state)

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Call the function and give what is to be written."""
        return await run_alone(self, state, runtime, config)

    def _flow(self, here: Here) -> Flow:
        return here.leaf(of_one_dict(self.operation), self.input_map, self.output_state, inline=self._quick)


def of_one_dict(function: Callable[[dict[str, Any]], Any]) -> Work:
    """The work of a function of one dict."""
    if is_async(function):

        async def work(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
            return await function(args)

        return work

    def work_now(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
        return function(args)

    return work_now
