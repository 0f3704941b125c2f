"""Something for each item of a list: ``map_reduce``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._call import call, nothing
from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.retry import retry_of, translators_of
from plait.compat.gllm.steps.component_step import EMITTER, called, component_work, run_alone
from plait.compat.gllm.steps.conditional_step import is_component
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.steps.state_operator_step import of_one_dict
from plait.compat.gllm.steps.try_catch_step import uncached
from plait.compat.gllm.types import Group
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core import looping
from plait.core.component import is_async
from plait.core.inputs import Group as NativeGroup
from plait.core.step import make_step

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene, Work
    from plait.core.flow import Flow


def same(results: list[Any]) -> list[Any]:
    """Give the list as it is."""
    return results


class MapReduceStep(HasInputsMixin, BasePipelineStep):
    """Calls something for each item of a list, side by side; see ``map_reduce``.

    Args:
        name: its name.
        output_state: the key that takes the result.
        map_func: a function of one dict, or a component, for one item.
        reduce_func: a function of the list of results.
        input_map: what each argument is bound to.
        retry_config: when and how often to try an item again.
        error_handler: what to do when it has failed for good.
        cache: refused: give the cache to a step.
        max_concurrency: the most items at once.
        use_thread: call a plain function in a thread; False: on the event loop.
    """

    def __init__(
        self,
        name: str,
        output_state: str,
        map_func: Any,
        reduce_func: Callable[[list[Any]], Any] = same,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
        max_concurrency: int | None = None,
        use_thread: bool = True,
    ) -> None:
        where = f"map_reduce {name!r}"
        uncached(cache, where)
        BasePipelineStep.__init__(self, name, retry_config, error_handler)
        HasInputsMixin.__init__(self, input_map)
        if not isinstance(output_state, str) or not output_state:
            raise PipelineTypeError(
                f"{where}: output_state is {output_state!r}; it is one key, and comes first"
            )
        if not callable(map_func) and not hasattr(map_func, "run"):
            raise PipelineTypeError(
                f"{where}: map_func is {map_func!r}; it is a function of one dict, or a component"
            )
        if not callable(reduce_func):
            raise PipelineTypeError(
                f"{where}: reduce_func is {reduce_func!r}; it is a function of the results"
            )
        self.output_state, self.map_func, self.reduce_func = output_state, map_func, reduce_func
        self.max_concurrency, self.use_thread = max_concurrency, use_thread

    @property
    def output_state_keys(self) -> set[str]:
        """The key that it writes."""
        return {self.output_state}

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Do it and give what is to be written."""
        return await run_alone(self, state, runtime, config)

    def _told(self) -> Sequence[str]:
        return [self.output_state]

    def _flow(self, here: Here) -> Flow:
        specs = dict(self.input_map)
        work: Work
        if is_component(self.map_func):
            found = called(self.map_func, f"map_reduce {here.name!r}")
            work, specs = component_work(found, self.input_map, here.name)
            label = found.name
        else:
            work, label = of_one_dict(self.map_func), getattr(self.map_func, "__name__", here.name)
        emits = EMITTER in specs and EMITTER not in self.input_map
        if emits:
            del specs[EMITTER]
        first, held = here.resolved(specs) if specs else (None, {})
        each = make_step(
            call(
                here.name,
                _of_item(work, emits=emits),
                {},
                update=nothing,
                branch=here.branch,
                copied=here.copied,
                translate=translators_of(self.retry_config),
                quiet=True,
                name=label,
            ),
            None,
            None,
            name=here.name,
            retry=retry_of(self.retry_config)[0],
            timeout=retry_of(self.retry_config)[1],
            executor=None if self.use_thread or is_async(work) else "inline",
        )
        inputs: Any = {
            argument: NativeGroup(held[argument]) if isinstance(spec, Group) else held[argument]
            for argument, spec in specs.items()
        }
        flow = looping.map_reduce(
            self.output_state,
            each,
            None if self.reduce_func is same else self.reduce_func,
            inputs,
            name=here.name,
            max_concurrency=self.max_concurrency,
        )
        return flow if first is None else here.grouped([first, flow])


def _of_item(work: Work, *, emits: bool) -> Work:
    """The work for one item: its arguments come as they are."""

    def given(scene: Scene) -> dict[str, Any]:
        args = dict(scene.values)
        if emits:
            args[EMITTER] = scene.run.values.get(EMITTER, scene.run.state.get(EMITTER, MISSING))
        return args

    if is_async(work):

        async def one(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
            return await work(given(scene), scene)

        return one

    def one_now(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
        return work(given(scene), scene)

    return one_now
