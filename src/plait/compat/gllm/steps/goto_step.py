"""A jump: ``goto``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.compat.gllm._run import root_of
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.composite_step import BaseCompositeStep
from plait.compat.gllm.steps.conditional_step import Asked, is_component
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core import looping
from plait.core.control import END
from plait.core.inputs import Val

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene
    from plait.core.flow import Flow


class GoToStep(HasInputsMixin, BaseCompositeStep):
    """Goes on at another step of its list, or ends the pipeline; see ``goto``.

    Args:
        name: its name.
        target: ``Val("name")``; a key that holds a name; or a function of one dict of what is mapped. ``"END"`` ends the
            pipeline.
        input_map: what the function is given.
        output_state: the key that takes the name.
        allow_end: whether ``"END"`` is allowed.
        retry_config: when and how often to call the function again.
        error_handler: what to do when it has failed for good.
        cache: where the function's answers are kept.
    """

    _jumps = True

    def __init__(
        self,
        name: str,
        target: Any,
        input_map: Any = None,
        output_state: str | None = None,
        allow_end: bool = True,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        BasePipelineStep.__init__(self, name, retry_config, error_handler, cache)
        HasInputsMixin.__init__(self, input_map)
        if not isinstance(target, (str, Val)) and not callable(target):
            raise PipelineTypeError(
                f"goto {name!r}: the target is {target!r}; it is Val('name'), a key that holds a name, or a function"
            )
        self.target, self.output_state, self.allow_end = target, output_state, allow_end

    def _own_keys(self) -> tuple[Any, Any]:
        specs = [*self.input_map.values(), *([self.target] if isinstance(self.target, str) else ())]
        reads = {root for spec in specs if (root := root_of(spec)) is not None}
        return reads, [self.output_state] if self.output_state else []

    def _flow(self, here: Here) -> Flow:
        target = self.target
        if isinstance(target, Val):
            native: Any = Val(_ended(target.value))
        elif isinstance(target, str):

            def work(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
                return _ended(args["target"])

            native = here.leaf(work, {"target": target}, None, kind="condition", inline=True)
        else:
            asked = Asked(
                [target], self.input_map, here.name, aggregate=_first, mapped_only=not is_component(target)
            )
            native = asked.step(here)
        return looping.goto(here.name, native, output_state=self.output_state, allow_end=self.allow_end)


def _first(answers: list[Any]) -> Any:
    return _ended(answers[0])


def _ended(name: Any) -> Any:
    return END if name == "END" else name
