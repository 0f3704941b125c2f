"""The functions that make steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.compat.gllm.steps.component_step import ComponentStep
from plait.compat.gllm.steps.conditional_step import DEFAULT_BRANCH, ConditionalStep, of_key
from plait.compat.gllm.steps.goto_step import GoToStep
from plait.compat.gllm.steps.guard_step import GuardStep
from plait.compat.gllm.steps.interrupt_step import InterruptStep
from plait.compat.gllm.steps.log_step import LogStep
from plait.compat.gllm.steps.map_reduce_step import MapReduceStep, same
from plait.compat.gllm.steps.no_op_step import NoOpStep
from plait.compat.gllm.steps.parallel_step import ParallelStep
from plait.compat.gllm.steps.pause_step import PauseStep
from plait.compat.gllm.steps.pipeline_step import made
from plait.compat.gllm.steps.state_operator_step import StateOperatorStep
from plait.compat.gllm.steps.subgraph_step import SubgraphStep
from plait.compat.gllm.steps.terminator_step import TerminatorStep
from plait.compat.gllm.steps.try_catch_step import TryCatchStep
from plait.compat.gllm.steps.while_do_step import WhileDoStep
from plait.core.component import default_name
from plait.core.control import FALSE, TRUE


def step(
    component: Any,
    output_state: Any = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    name: str | None = None,
    cache: Any = None,
) -> ComponentStep:
    """Call a component: ``step(Topics(), "topics", {"text": "document"})``, or ``step(Topics(), {"text": "document"}, "topics")``.

    Args:
        component: an object that marks a ``@main`` method, has ``run`` or can be called; or a function.
        output_state: the key that takes the result; a list of keys for a result with several parts, by name or, for a
            tuple, by position. The other order is understood as well: a dict here, or a list with a key after it, is the
            input map.
        input_map: ``{argument: key}``; a list of keys and such dicts; ``Val(x)`` for a value; ``"a.b"`` for a part of one.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        name: its name; default: the component's, with a number where that is taken.
        cache: where its results are kept.
    """
    keys: Any = output_state
    if isinstance(output_state, Mapping) or (
        isinstance(output_state, (list, tuple)) and (isinstance(input_map, str) or _binds(output_state))
    ):
        keys, input_map = input_map, output_state
    label = name or default_name(component)
    return made(ComponentStep(label, component, keys, input_map, retry_config, error_handler, cache), name)


def _binds(entries: Iterable[Any]) -> bool:
    return any(isinstance(entry, Mapping) for entry in entries)


def transform(
    operation: Callable[[dict[str, Any]], Any],
    input_states: Any = None,
    output_state: Any = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> StateOperatorStep:
    """Call a function of one dict: ``transform(join, ["a", "b"], output_state="joined")``.

    Args:
        operation: the function, a ``def`` or an ``async def``.
        input_states: keys that the dict has; or an input map.
        output_state: the key, or keys, that take the result.
        input_map: more entries of the dict.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: where its results are kept.
        name: its name.
    """
    if output_state is None:
        raise PipelineTypeError(
            "transform(operation, input_states, output_state=...): it needs an output_state"
        )
    label = name or _label(operation, "transform")
    states, more = (None, input_states) if isinstance(input_states, Mapping) else (input_states, None)
    entries = [
        entry
        for given in (more, input_map)
        if given
        for entry in ([given] if isinstance(given, Mapping) else given)
    ]
    return made(
        StateOperatorStep(
            label, states, output_state, operation, entries, retry_config, error_handler, cache
        ),
        name,
    )


def _label(function: Any, otherwise: str) -> str:
    name = getattr(function, "__name__", "")
    return otherwise if not name.isidentifier() else default_name(function)


def bundle(
    input_states: Any,
    output_state: str | list[str],
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> StateOperatorStep:
    """Collect keys into one dict: ``bundle(["title", "topics"], "summary_input")``.

    Args:
        input_states: the keys, or ``{name in the dict: key}``.
        output_state: the key that takes the dict.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: where its results are kept.
        name: its name.
    """
    keys = [output_state] if isinstance(output_state, str) else list(output_state)
    if len(keys) != 1:
        raise PipelineValueError(f"bundle: the dict goes to one key, not to {keys!r}")
    label = name or f"bundle_{keys[0]}"
    bundled = StateOperatorStep(label, None, keys[0], dict, input_states, retry_config, error_handler, cache)
    bundled._quick = True  # noqa: SLF001  (it only hands on)
    return made(bundled, name)


def copy(
    input_state: str | list[str],
    output_state: str | list[str],
    retry_config: Any = None,
    error_handler: Any = None,
    name: str | None = None,
    cache: Any = None,
) -> StateOperatorStep:
    """Copy keys: one to one, one to several, several to one (a list), or as many to as many.

    Args:
        input_state: the key, or keys.
        output_state: the key, or keys, that take the values.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        name: its name.
        cache: where its results are kept.
    """
    sources = [input_state] if isinstance(input_state, str) else list(input_state)
    targets = [output_state] if isinstance(output_state, str) else list(output_state)
    if not sources or not targets or (len(sources) != len(targets) and 1 not in (len(sources), len(targets))):
        raise PipelineValueError(
            f"copy: {len(sources)} keys can't be copied to {len(targets)}; copy one to several, several to one, or as many"
        )

    def operation(values: dict[str, Any]) -> Any:
        if len(sources) == 1 and isinstance(output_state, str):
            return values[sources[0]]
        if len(targets) == 1 and len(sources) > 1:
            packed = [values[key] for key in sources]
            return packed if isinstance(output_state, str) else {targets[0]: packed}
        return {key: values[sources[i if len(sources) > 1 else 0]] for i, key in enumerate(targets)}

    copied = StateOperatorStep(
        name or f"copy_{targets[0]}",
        None,
        output_state,
        operation,
        list(dict.fromkeys(sources)),
        retry_config,
        error_handler,
        cache,
    )
    copied._quick = True  # noqa: SLF001  (it only hands on)
    return made(copied, name)


def log(
    message: str,
    is_template: bool = True,
    emit_kwargs: dict[str, Any] | None = None,
    retry_config: Any = None,
    name: str | None = None,
    cache: Any = None,
) -> LogStep:
    """Emit a message through the run's ``event_emitter``: ``log("found {count}")``; see ``LogStep``."""
    return made(LogStep(name or "log", message, is_template, emit_kwargs, retry_config, None, cache), name)


def no_op(name: str | None = None) -> NoOpStep:
    """Do nothing."""
    return made(NoOpStep(name or "no_op"), name)


def terminate(
    name: str | None = None, retry_config: Any = None, error_handler: Any = None, cache: Any = None
) -> TerminatorStep:
    """End the pipeline here; branches beside it still finish."""
    return made(TerminatorStep(name or "terminate", retry_config, error_handler, cache), name)


def interrupt(
    message: Any = "Pipeline interrupted.",
    resume_value_map: str | list[str] | None = None,
    name: str | None = None,
) -> InterruptStep:
    """Stop until somebody answers; see ``InterruptStep``. The pipeline needs a checkpointer."""
    return made(InterruptStep(name or "interrupt", message, resume_value_map), name)


def pause(name: str | None = None) -> PauseStep:
    """Mark a place for ``interrupt_before`` and ``interrupt_after``; nothing happens there otherwise."""
    return made(PauseStep(name or "pause"), name)


def if_else(
    condition: Any,
    if_branch: Any,
    else_branch: Any,
    output_state: str | None = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> ConditionalStep:
    """Run one of two branches; the condition answers True or False, or ``"true"`` or ``"false"``, and nothing else."""
    branches = {TRUE: if_branch, FALSE: else_branch}
    return _conditional(
        "if_else", branches, condition, output_state, input_map, retry_config, error_handler, cache, name
    )


def switch(
    condition: Any,
    branches: dict[str, Any],
    output_state: str | None = None,
    default: Any = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> ConditionalStep:
    """Run the branch that the condition names; without a default, another answer is an error."""
    if not isinstance(branches, Mapping):
        raise PipelineTypeError(f"switch: branches is {branches!r}; it is a dict of a branch for each answer")
    chosen = {**branches, **({} if default is None else {DEFAULT_BRANCH: default})}
    return _conditional(
        "switch", chosen, condition, output_state, input_map, retry_config, error_handler, cache, name
    )


def toggle(
    condition: Any,
    if_branch: Any,
    output_state: str | None = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> ConditionalStep:
    """Run a branch or leave it out; a string is a key whose value counts, and what is absent is false."""
    asked = of_key(condition) if isinstance(condition, str) else condition
    return _conditional(
        "toggle", {TRUE: if_branch}, asked, output_state, input_map, retry_config, error_handler, cache, name
    )


def _conditional(
    kind: str,
    branches: Mapping[str, Any],
    condition: Any,
    output_state: str | None,
    input_map: Any,
    retry_config: Any,
    error_handler: Any,
    cache: Any,
    name: str | None,
) -> ConditionalStep:
    if isinstance(condition, (list, tuple)):
        raise PipelineTypeError(f"{kind}: there is one condition; ConditionalStep(...) takes several")
    chosen = ConditionalStep(
        name or kind,
        branches,
        condition,
        output_state,
        input_map=input_map,
        retry_config=retry_config,
        error_handler=error_handler,
        cache=cache,
    )
    chosen._kind = kind  # noqa: SLF001
    return made(chosen, name)


def guard(
    condition: Any,
    success_branch: Any = None,
    failure_branch: Any = None,
    output_state: str | None = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> GuardStep:
    """Go on only if a condition holds; otherwise run a branch and end the pipeline."""
    return made(
        GuardStep(
            name or "guard",
            condition,
            success_branch,
            failure_branch,
            output_state,
            input_map,
            retry_config,
            error_handler,
            cache,
        ),
        name,
    )


def while_do(
    body: Any,
    condition: Any,
    input_map: Any = None,
    output_state: str | None = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> WhileDoStep:
    """Do something, and again as long as a condition holds."""
    return made(
        WhileDoStep(
            name or "while_do",
            body,
            condition,
            input_map,
            output_state,
            retry_config,
            error_handler,
            cache,
        ),
        name,
    )


def goto(
    name: str,
    target: Any,
    input_map: Any = None,
    output_state: str | None = None,
    allow_end: bool = True,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
) -> GoToStep:
    """Go on at another step of the same list, or end the pipeline."""
    return GoToStep(name, target, input_map, output_state, allow_end, retry_config, error_handler, cache)


def try_catch(
    body: Any,
    fallback: Any = None,
    catch: tuple[type[BaseException], ...] = (Exception,),
    caught_exception_state: str | None = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> TryCatchStep:
    """Try steps, and do something else if they fail."""
    return made(
        TryCatchStep(
            name or "try_catch",
            body,
            fallback,
            catch,
            caught_exception_state,
            retry_config,
            error_handler,
            cache,
        ),
        name,
    )


def subgraph(
    subgraph: Any,
    output_state_map: dict[str, str] | None = None,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
) -> SubgraphStep:
    """Run a pipeline as a step, with a state of its own; see ``SubgraphStep``."""
    label = name or getattr(subgraph, "name", None) or "subgraph"
    return made(
        SubgraphStep(label, subgraph, output_state_map, input_map, retry_config, error_handler, cache),
        name,
    )


def parallel(
    branches: Any,
    input_states: list[str] | None = None,
    squash: bool | None = None,
    input_map: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    retry_config: Any = None,
    name: str | None = None,
    copy_keys: Iterable[str] | None = None,
    max_concurrency: int | None = None,
) -> ParallelStep:
    """Run branches side by side; see ``ParallelStep``."""
    return made(
        ParallelStep(
            name or "parallel",
            branches,
            input_states,
            squash,
            input_map,
            retry_config,
            error_handler,
            cache,
            copy_keys,
            max_concurrency,
        ),
        name,
    )


def map_reduce(
    output_state: str,
    map_func: Any,
    reduce_func: Callable[[list[Any]], Any] = same,
    input_map: Any = None,
    retry_config: Any = None,
    error_handler: Any = None,
    cache: Any = None,
    name: str | None = None,
    max_concurrency: int | None = None,
) -> MapReduceStep:
    """Call something for each item of a list, side by side; see ``MapReduceStep``."""
    return made(
        MapReduceStep(
            name or "map_reduce",
            output_state,
            map_func,
            reduce_func,
            input_map,
            retry_config,
            error_handler,
            cache,
            max_concurrency,
        ),
        name,
    )
