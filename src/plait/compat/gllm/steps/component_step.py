"""A component as a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.utils.async_utils import execute_callable
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core.component import Component, is_async
from plait.core.inputs import Optional
from plait.errors import DefinitionError
from plait.run.lifecycle import ensure, has_life

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene, Work
    from plait.core.flow import Flow

EMITTER = "event_emitter"


def called(component: Any, where: str) -> Component:
    """What is called of a component.

    Raises:
        PipelineTypeError: if nothing can be.
    """
    if not callable(component) and callable(getattr(component, "run", None)):
        try:
            return Component(component)  # it marks its main method
        except DefinitionError:
            return Component(component.run)
    try:
        return Component(component)
    except DefinitionError as error:
        raise PipelineTypeError(f"{where}: {error}") from None


def outputs_of(output: Any, where: str) -> str | list[str] | None:
    """Check an ``output_state``.

    Raises:
        PipelineTypeError: if it is neither a key nor a list of keys.
    """
    if output is None or isinstance(output, str):
        return output or None
    if (
        isinstance(output, Sequence)
        and output
        and all(isinstance(key, str) and key for key in output)
        and len(set(output)) == len(output)
    ):
        return list(output)
    raise PipelineTypeError(f"{where}: output_state is {output!r}; it is a key, or a list of different keys")


def keys_in(output: str | list[str] | None) -> set[str]:
    """The keys of an ``output_state``."""
    return set() if output is None else {output} if isinstance(output, str) else set(output)


class ComponentStep(HasInputsMixin, BasePipelineStep):
    """Calls a component with what its input map says; see ``step``.

    Args:
        name: its name.
        component: the component.
        output_state: the key that takes the result; a list of keys for a result with several parts.
        input_map: what each argument is bound to.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: where its results are kept.
    """

    def __init__(
        self,
        name: str,
        component: Any,
        output_state: str | list[str] | None = None,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        BasePipelineStep.__init__(self, name, retry_config, error_handler, cache)
        HasInputsMixin.__init__(self, input_map)
        where = f"step {name!r}"
        self.component = component
        self.output_state = outputs_of(output_state, where)
        self._called = called(component, where)
        self._no_map = input_map is None

    @property
    def output_state_keys(self) -> set[str]:
        """The keys that it writes."""
        return keys_in(self.output_state)

    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Call the component and give what is to be written."""
        return await run_alone(self, state, runtime, config)

    def _flow(self, here: Here) -> Flow:
        work, specs = component_work(self._called, self.input_map, here.name, guess=self._no_map)
        return here.leaf(work, specs, self.output_state, calls=self._called.name)


def component_work(
    found: Component,
    input_map: Mapping[str, Any],
    where: str,
    *,
    guess: bool = False,
    all_of_them: bool = False,
) -> tuple[Work, dict[str, Any]]:
    """How a component is called, and what its arguments are bound to.

    Args:
        found: the component.
        input_map: what its arguments are bound to.
        where: the step's name.
        guess: nobody bound anything: parameters without a default take the keys of their names.
        all_of_them: those with a default as well, where the key is there.
    """
    specs = dict(input_map)
    parameters = {p.name: p for p in found.params}
    if guess and not found.single:
        specs.update({name: name for name, p in parameters.items() if p.required and name != EMITTER})
    spare = [
        n for n, p in parameters.items() if all_of_them and n not in specs and not p.required and n != EMITTER
    ]
    specs.update({name: Optional(name, MISSING) for name in spare})
    unknown = [
        a for a in specs if found.known and not found.takes_any and not found.single and a not in parameters
    ]
    if unknown:
        from plait.core.names import did_you_mean

        raise PipelineTypeError(
            f"step {where!r}: {found.name} has no parameter {unknown[0]!r}{did_you_mean(unknown[0], parameters)}"
        )
    emits = EMITTER not in specs and (EMITTER in parameters or (found.takes_any and found.known))
    context = found.context_param
    entry, single = found.entry, found.single
    if emits:
        specs[EMITTER] = Optional(EMITTER, MISSING)

    def arguments(args: dict[str, Any], scene: Scene) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if emits and args[EMITTER] in (None, MISSING):
            args = {name: value for name, value in args.items() if name != EMITTER}
            if EMITTER in parameters and parameters[EMITTER].required:
                args[EMITTER] = None
        if spare:
            args = {name: value for name, value in args.items() if name not in spare or value is not MISSING}
        if context is not None:
            args = {**args, context: scene.context}
        if single:
            return (next(iter(args.values())) if len(args) == 1 else args,), {}
        placed = [name for name, p in parameters.items() if p.positional_only and name in args]
        return tuple(args[name] for name in placed), {n: v for n, v in args.items() if n not in placed}

    waits = is_async(entry)
    if waits or has_life(found):

        async def work(args: dict[str, Any], scene: Scene) -> Any:
            given, named = arguments(args, scene)
            if has_life(found):  # its setup() is called once, whatever steps and pipelines it is in
                await ensure(found)
            return await (entry(*given, **named) if waits else execute_callable(entry, *given, **named))

        return work, specs

    def work_now(args: dict[str, Any], scene: Scene) -> Any:
        given, named = arguments(args, scene)
        return entry(*given, **named)

    return work_now, specs


async def run_alone(step: BasePipelineStep, state: Any, runtime: Any, config: Any) -> dict[str, Any]:
    """Run a step by itself, as its ``execute`` promises, and give what it wrote."""
    from plait.compat.gllm.pipeline.pipeline import Pipeline

    keys = step.output_state_keys
    values = dict(getattr(runtime, "context", None) or {})
    result = await Pipeline([step]).invoke(state, config=config, context=values)
    if keys is None:
        return {k: v for k, v in result.items() if k not in state or state[k] is not v}
    return {key: result[key] for key in result if key in keys}
