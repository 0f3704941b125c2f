"""Doing things more than once: ``while_do``, ``map_reduce`` and ``goto``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from plait.core.branching import make_condition
from plait.core.component import default_name
from plait.core.condition import Truth
from plait.core.control import END, Goto, Loop, MapReduce
from plait.core.flow import Chain, as_parts
from plait.core.handlers import ErrorHandler, check_handler
from plait.core.inputs import (
    Group,
    InputMap,
    Optional,
    OutputState,
    Source,
    Val,
    normalise_inputs,
    normalise_outputs,
)
from plait.core.names import did_you_mean
from plait.core.policy import Retry, whole
from plait.core.step import Step, check_name, make_step
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.core.cache import Cache
    from plait.typing import CacheStore


def while_do(
    body: Any,
    condition: Any,
    input_map: InputMap | None = None,
    output_state: str | None = None,
    *,
    name: str | None = None,
    max_turns: int | None = None,
) -> Loop:
    """Do something, and again as long as a condition holds: ``while_do([draft, review], lambda state: state["score"] < 8)``.

    The condition is asked after each turn, so there is at least one. A turn sees what the one before it wrote.

    Args:
        body: a step, a block, a pipeline, or a list of them.
        condition: any component that answers True (once more) or False; see ``if_else`` for what it is called with.
        input_map: what the condition reads, as for ``step``.
        output_state: the key that takes the condition's last answer, ``"true"`` or ``"false"``.
        name: the name of the level in paths: ``refine#2/draft``; default: that of the condition.
        max_turns: how many turns there may be; one more is a ``TooManyTurns`` error.

    Raises:
        DefinitionError: for a wrong argument.
    """
    label = name or (condition.label if isinstance(condition, Step) else default_name(condition))
    where = f"while_do {label!r}"
    check_name(name, where)
    return Loop(
        Chain(as_parts(body, f"{where}: body")),
        make_condition(condition, Truth(where), output_state, input_map, where, name),
        max_turns=whole(max_turns, f"{where}: max_turns"),
        name=name,
    )


def goto(
    name: str,
    target: Any,
    input_map: InputMap | None = None,
    output_state: str | None = None,
    allow_end: bool = True,
) -> Goto:
    """Jump to another step of the same list: ``goto("again", lambda state: "draft" if state["score"] < 8 else END)``.

    Args:
        name: its own name, and its path.
        target: ``Val("draft")``, a fixed name; a state key that holds a name; or a component that answers one.
            ``END`` ends the pipeline. Only members of the list in which the goto stands can be named.
        input_map: what the component reads, as for ``step``.
        output_state: the key that takes the name of the target.
        allow_end: whether a component or key may answer ``END``.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = f"goto {name!r}"
    if name is None:
        raise DefinitionError("goto: it needs a name, goto('again', target)")
    check_name(name, where)
    fixed = None
    if isinstance(target, Val):
        if not isinstance(target.value, str):
            raise DefinitionError(f"{where}: the target is {target!r}; Val takes the name of a step, or END")
        fixed = target.value
        if fixed == END and not allow_end:
            raise DefinitionError(f"{where}: the target is END, and allow_end is False")
        step = make_condition(_same, str, output_state, {"value": target}, where, name)
    elif isinstance(target, str):
        if input_map is not None:
            raise DefinitionError(f"{where}: the target is the key {target!r} already; leave input_map out")
        step = make_condition(_same, _Target(where), output_state, {"value": target}, where, name)
    else:
        step = make_condition(target, _Target(where), output_state, input_map, where, name)
    return Goto(name, step, fixed=fixed, allow_end=allow_end)


class _Target:
    """The verdict of ``goto``; which names there are is known when the pipeline is planned."""

    __slots__ = ("where",)

    def __init__(self, where: str) -> None:
        self.where = where

    def __call__(self, answer: Any) -> str:
        if isinstance(answer, str):
            return answer
        from plait.errors import ConditionError

        raise ConditionError(
            f"{self.where}: the target is {type(answer).__name__}; it is the name of a step, or END"
        )


def _same(value: Any) -> Any:
    return value


MapInputs: TypeAlias = "Mapping[str, Source | Group] | Sequence[str | Mapping[str, Source | Group]]"


class Items:
    """What ``map_reduce`` goes through: the arguments of each call."""

    __slots__ = ("columns", "common", "count")

    def __init__(self, count: int, columns: Mapping[str, Sequence[Any]], common: Mapping[str, Any]) -> None:
        self.count, self.columns, self.common = count, columns, common

    def __len__(self) -> int:
        return self.count


class _FanOut:
    """Takes inputs apart: lists and tuples give an item each, everything else is the same for all."""

    __slots__ = ("__name__", "where", "whole")

    def __init__(self, whole: frozenset[str], where: str) -> None:
        self.whole, self.where, self.__name__ = whole, where, "fan_out"

    def __call__(self, **inputs: Any) -> Items:
        columns = {
            name: value
            for name, value in inputs.items()
            if isinstance(value, (list, tuple)) and name not in self.whole
        }
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name!r} has {count}" for name, count in lengths.items())
            raise ValueError(
                f"{self.where}: lists that are gone through together have the same length, but {told}; "
                f"wrap one in Group(...) to pass it whole"
            )
        count = next(iter(lengths.values()), 1)
        return Items(count, columns, {name: value for name, value in inputs.items() if name not in columns})


def map_reduce(
    output_state: OutputState,
    map_func: Any,
    reduce_func: Callable[[list[Any]], Any] | None = None,
    input_map: MapInputs | None = None,
    *,
    name: str | None = None,
    max_concurrency: int | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    executor: str | None = None,
    resources: Mapping[str, float | str] | None = None,
    error_handler: ErrorHandler | None = None,
    cache: Cache | CacheStore | bool | None = None,
) -> MapReduce:
    """Call a component for each item of a list, side by side: ``map_reduce("summaries", summarize, input_map={"text": "pages"})``.

    Lists and tuples among the inputs are gone through together and have the same length; everything else is the same
    for every call, and so is what ``Group("key")`` wraps. Without any list there is one call. Results are in the order of
    the items, whatever the order of completion.

    Args:
        output_state: the key (or keys) that take the result.
        map_func: any component, called with the arguments of one item. A ``step(...)`` without an output brings its
            own settings and its own input map.
        reduce_func: a function (``def`` or ``async def``) of the list of results; left out, the list is the result.
        input_map: as for ``step``; with ``Group("key")`` for a list that is passed whole.
        name: the name in paths: ``summarize[3]``; default: that of the component.
        max_concurrency: the most items at once.
        timeout: seconds that one attempt at one item may take.
        retry: when and how often to try an item again.
        executor: as for ``step``.
        resources: named amounts that each call holds while it runs.
        error_handler: what to do when the whole has failed for good, as for ``step``; a single item that fails is enough for that.
        cache: keep the result of each item, as for ``step``.

    Raises:
        DefinitionError: for a wrong argument.
    """
    settings: dict[str, Any] = {
        "timeout": timeout,
        "retry": retry,
        "executor": executor,
        "resources": resources,
        "cache": cache,
    }
    settings = {key: value for key, value in settings.items() if value is not None}
    label = name or (map_func.label if isinstance(map_func, Step) else default_name(map_func))
    where = f"map_reduce {label!r}"
    check_name(name, where)
    if callable(output_state) or not isinstance(output_state, (str, Sequence, Mapping)):
        raise DefinitionError(f"{where}: the key comes first: map_reduce('results', function, ...)")
    if isinstance(map_func, Step):
        if map_func.outputs:
            raise DefinitionError(f"{where}: the step for one item has an output_state; leave that out there")
        if map_func.error_handler is not None:
            raise DefinitionError(
                f"{where}: the step for one item has an error handler; give it to map_reduce, or handle errors in the component"
            )
        if map_func.inputs is not None and input_map is None:
            input_map = dict(map_func.inputs)
        each = map_func.replace(effect=False, input_map=None, **settings)
    else:
        each = make_step(map_func, None, None, effect=False, **settings)
    inputs, whole_keys = _inputs(each, input_map, where)
    each = each.replace(input_map={argument: argument for argument, _ in inputs}, name=label)
    fan_out = make_step(
        _FanOut(whole_keys, where),
        dict(inputs),
        None,
        kind="fan_out",
        name=label,
        effect=False,
        executor="inline",
    )
    if reduce_func is not None and not callable(reduce_func):
        raise DefinitionError(
            f"{where}: reduce_func is {reduce_func!r}; it is a function of the list of results"
        )
    reduce = None
    outputs = normalise_outputs(output_state, where)
    if reduce_func is None and outputs[0][1] is not None:
        reduce_func = _same
    if reduce_func is not None:
        reduce = make_step(
            _reducer(reduce_func),
            {"results": "results"},
            output_state,
            kind="reduce",
            name=label,
            effect=False,
        )
    return MapReduce(
        fan_out,
        each,
        reduce,
        outputs=outputs,
        max_concurrency=whole(max_concurrency, f"{where}: max_concurrency"),
        name=name,
        error_handler=check_handler(error_handler, where),
    )


class _Reduce:
    """Calls a function with the list of results."""

    __slots__ = ("__name__", "function")

    def __init__(self, function: Callable[[list[Any]], Any]) -> None:
        self.function, self.__name__ = function, default_name(function)

    def __call__(self, results: list[Any]) -> Any:
        return self.function(results)


class _AsyncReduce(_Reduce):
    __slots__ = ()

    async def __call__(self, results: list[Any]) -> Any:
        return await self.function(results)


def _reducer(function: Callable[[list[Any]], Any]) -> _Reduce:
    from plait.core.component import is_async

    return _AsyncReduce(function) if is_async(function) else _Reduce(function)


def _inputs(
    each: Step[..., Any], input_map: Any, where: str
) -> tuple[tuple[tuple[str, Source], ...], frozenset[str]]:
    """What is read, argument by argument, and which arguments are passed whole."""
    component = each.component
    if input_map is None:
        if not component.known or component.takes_any or component.single:
            raise DefinitionError(f"{where}: say what it reads, with input_map={{'argument': 'key'}}")
        return tuple(
            (p.name, p.name if p.required else Optional(p.name, p.default)) for p in component.params
        ), frozenset()
    entries = [input_map] if isinstance(input_map, Mapping) else input_map
    grouped: set[str] = set()
    plain: list[Any] = []
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        normalise_inputs(input_map, where)  # which says what is wrong
    for entry in entries:
        if isinstance(entry, Mapping):
            grouped.update(argument for argument, source in entry.items() if isinstance(source, Group))
            plain.append({a: s.source if isinstance(s, Group) else s for a, s in entry.items()})
        else:
            plain.append(entry)
    inputs = normalise_inputs(plain, where) or ()
    if component.known and not component.takes_any and not component.single:
        known = [p.name for p in component.params]
        for argument, _ in inputs:
            if argument not in known:
                raise DefinitionError(
                    f"{where}: {component.name} has no parameter {argument!r}{did_you_mean(argument, known)}"
                )
    defaults = {p.name: p.default for p in component.params if not p.required}
    return tuple(
        (a, Optional(s, defaults[a]) if isinstance(s, str) and a in defaults else s) for a, s in inputs
    ), frozenset(grouped)
