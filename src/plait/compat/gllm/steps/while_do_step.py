"""A loop: ``while_do``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._run import root_of
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.composite_step import BaseCompositeStep
from plait.compat.gllm.steps.conditional_step import Asked, is_component
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep, step_list
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core import looping

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.core.flow import Flow


class WhileDoStep(HasInputsMixin, BaseCompositeStep):
    """Does its body, and again as long as its condition holds; see ``while_do``.

    Args:
        name: its name.
        body: a step, a pipeline or a list of them.
        condition: as for ``ConditionalStep``; asked after each turn.
        input_map: what the condition is given.
        output_state: the key that takes the last answer.
        retry_config: when and how often to ask the condition again.
        error_handler: what to do when it has failed for good.
        cache: where the condition's answers are kept.
    """

    def __init__(
        self,
        name: str,
        body: Any,
        condition: Any,
        input_map: Any = None,
        output_state: str | None = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        BasePipelineStep.__init__(self, name, retry_config, error_handler, cache)
        HasInputsMixin.__init__(self, input_map)
        self.body, self.condition, self.output_state = body, condition, output_state
        self._steps = step_list(body, f"while_do {name!r}")
        if not callable(condition) and not hasattr(condition, "run"):
            raise PipelineTypeError(
                f"while_do {name!r}: the condition is {condition!r}; it is a function or another component"
            )

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        return [(None, self._steps)]

    @property
    def input_state_keys(self) -> set[str] | None:
        """The keys that its condition reads; None: whatever there is."""
        return set(self._own_keys()[0]) if is_component(self.condition) else None

    def _told(self) -> Sequence[str]:
        return [self.output_state] if self.output_state else []

    def _own_keys(self) -> tuple[Any, Any]:
        reads = {root for spec in self.input_map.values() if (root := root_of(spec)) is not None}
        return reads, [self.output_state] if self.output_state else []

    def _flow(self, here: Here) -> Flow | None:
        body = here.inside(0)
        if not body:
            return None
        asked = Asked([self.condition], self.input_map, here.name)
        return looping.while_do(
            body,
            asked.step(here),
            output_state=self.output_state,
            name=here.name,
            max_turns=here.build.max_turns,
        )
