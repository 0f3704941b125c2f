"""The definition of a step: a component, what it reads, what it writes, and its policies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from plait.core.amounts import amount_of
from plait.core.component import Component
from plait.core.inputs import InputMap, OutputState, Source, choice, normalise_inputs, normalise_outputs
from plait.core.policy import Retry, seconds
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.core.cache import Cache
    from plait.core.cached import Cached
    from plait.core.flow import Chain
    from plait.core.handlers import ErrorHandler
    from plait.typing import CacheStore

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

EXECUTORS = ("inline", "thread", "process")
LATER_EXECUTORS = ("ray", "dask")


class Step(Generic[P, R_co]):
    """A component with what it reads and writes; calling it calls the component, as if it were undecorated.

    Made by ``step(...)``; immutable.

    Attributes:
        component: what is called, as Plait understood it.
        inputs: ``((argument, source), ...)``, or None when parameter names are the keys.
        outputs: ``((key, field), ...)``; the field is None when one key takes the whole result.
        name: the chosen name, or None for the component's own.
        kind: ``"step"``, ``"transform"``, ``"bundle"`` or ``"log"``.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "abandon",
        "cache",
        "component",
        "copy",
        "effect",
        "error_handler",
        "exclusive",
        "executor",
        "idempotent",
        "inputs",
        "kind",
        "name",
        "outputs",
        "pure",
        "resources",
        "retry",
        "timeout",
    )

    def __init__(
        self,
        component: Component,
        *,
        kind: str,
        inputs: tuple[tuple[str, Source], ...] | None,
        outputs: tuple[tuple[str, str | None], ...],
        name: str | None,
        effect: bool | None,
        copy: bool,
        exclusive: str | bool | None,
        executor: str | None,
        timeout: float | None,
        retry: Retry | None,
        resources: Mapping[str, float] | None,
        abandon: bool,
        idempotent: bool,
        pure: bool,
        error_handler: ErrorHandler | None = None,
        cache: Cached | None = None,
    ) -> None:
        self.error_handler, self.cache = error_handler, cache
        self.component, self.kind, self.inputs, self.outputs = component, kind, inputs, outputs
        self.name, self.copy, self.pure, self.idempotent, self.abandon = name, copy, pure, idempotent, abandon
        self.effect = (not outputs) if effect is None else effect
        self.exclusive, self.executor, self.timeout, self.retry = exclusive, executor, timeout, retry
        self.resources: dict[str, float] = dict(resources or {})
        if component.given is not self:
            for attribute in ("__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"):
                value = (
                    component.given
                    if attribute == "__wrapped__"
                    else getattr(component.given, attribute, None)
                )
                if value is not None and not (attribute == "__doc__" and not callable(component.given)):
                    self.__dict__[attribute] = value

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the component itself, without a pipeline (for unit tests)."""
        return cast("R_co", self.component.entry(*args, **kwargs))

    def __or__(self, other: Any) -> Chain:
        """``a | b``: first a, then b."""
        from plait.core.flow import chain

        return chain(self, other)

    def __ror__(self, other: Any) -> Chain:
        from plait.core.flow import chain

        return chain(other, self)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name or self.component.name}>"

    @property
    def label(self) -> str:
        """How messages name the step before it has a path."""
        return self.name or self.component.name

    @property
    def keys_read(self) -> tuple[str, ...] | None:
        """The state keys that the step reads, or None for the whole state."""
        from plait.core.inputs import Optional

        if self.inputs is None:
            if self.component.takes_any or not self.component.known:
                return None
            return tuple(p.name for p in self.component.params)
        return tuple(
            source.key if isinstance(source, Optional) else source
            for _, source in self.inputs
            if isinstance(source, (str, Optional))
        )

    def replace(self, **changes: Any) -> Step[P, R_co]:
        """A copy of this step with other settings: ``find_topics.replace(name="topics_of_title")``.

        Takes the keyword arguments of ``step``, and ``component``, ``input_map`` and ``output_state``.
        """
        current: dict[str, Any] = {
            "name": self.name,
            "effect": self.effect if self.effect is not (not self.outputs) else None,
            "copy": self.copy,
            "exclusive": self.exclusive,
            "executor": self.executor,
            "timeout": self.timeout,
            "retry": self.retry,
            "resources": self.resources,
            "abandon": self.abandon,
            "idempotent": self.idempotent,
            "pure": self.pure,
            "error_handler": self.error_handler,
            "cache": self.cache,
        }
        component = changes.pop("component", None)
        inputs: Any = changes.pop("input_map", self.inputs if self.inputs is None else dict(self.inputs))
        outputs: Any = changes.pop("output_state", _as_output_state(self.outputs))
        unknown = set(changes) - set(current)
        if unknown:
            raise DefinitionError(
                f"{self.label}.replace() has no setting {min(unknown)!r}; it has {', '.join(current)}"
            )
        return make_step(
            self.component if component is None else self.component.again(component),
            inputs,
            outputs,
            kind=self.kind,
            **{**current, **changes},
        )


def _as_output_state(outputs: tuple[tuple[str, str | None], ...]) -> Any:
    if not outputs:
        return None
    if outputs[0][1] is None:
        return outputs[0][0]
    return dict(outputs)


def make_step(
    component: Any,
    input_map: Any,
    output_state: Any,
    *,
    kind: str = "step",
    name: str | None = None,
    effect: bool | None = None,
    copy: bool = False,
    exclusive: str | bool | None = None,
    executor: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    resources: Mapping[str, float | str] | None = None,
    abandon: bool = False,
    idempotent: bool = False,
    pure: bool = False,
    error_handler: ErrorHandler | None = None,
    cache: Any = None,
) -> Step[Any, Any]:
    """Check every argument and make the definition (shared by ``step``, ``transform``, ``bundle``, ``log``)."""
    if isinstance(component, Step):
        raise DefinitionError(
            f"{component.label!r} is a step already; change its settings with {component.label}.replace(...)"
        )
    if hasattr(component, "__plait_definition__"):
        raise DefinitionError(
            "step(pipeline): a pipeline becomes a step with subgraph(pipeline, input_map, output_state)"
        )
    if isinstance(component, str):
        raise DefinitionError(
            f"step({component!r}): {component!r} is not a component; as a decorator, name the argument: "
            f"@step(output_state={component!r})"
        )
    found = component if isinstance(component, Component) else Component(component)
    where = f"{kind} {name or found.name!r}"
    if isinstance(input_map, str) and isinstance(output_state, (Mapping, list, tuple)):
        raise DefinitionError(
            f"{where}: the input map comes before the output: write step({found.name}, {output_state!r}, {input_map!r}), "
            f"or name both: step({found.name}, input_map={output_state!r}, output_state={input_map!r})"
        )
    if executor is not None:
        if executor in LATER_EXECUTORS:
            raise DefinitionError(
                f"{where}: executor {executor!r} is not built yet in this version; use 'thread' (the default for def), 'process' or 'inline'"
            )
        choice(executor, EXECUTORS, f"{where}: executor")
        if found.kind == "async" and executor == "thread":
            raise DefinitionError(
                f"{where}: an async component runs on the event loop; leave executor out, or make the component a plain def"
            )
    if exclusive is not None and not isinstance(exclusive, (bool, str)):
        raise DefinitionError(
            f"{where}: exclusive is {exclusive!r}; it is True, or a name shared by the steps that exclude each other"
        )
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(f"{where}: retry is {retry!r}; use Retry(attempts=3)")
    if abandon and executor == "process":
        raise DefinitionError(
            f"{where}: abandon=True is for blocking components in threads; a process is killed when its step is told to stop"
        )
    if abandon and found.kind == "async":
        raise DefinitionError(
            f"{where}: abandon=True is for blocking components in threads; an async component can be cancelled"
        )
    check_name(name, where)
    return Step(
        found,
        kind=kind,
        inputs=normalise_inputs(input_map, where),
        outputs=normalise_outputs(output_state, where),
        name=name,
        effect=effect,
        copy=bool(copy),
        exclusive=exclusive or None,
        executor=executor,
        timeout=seconds(timeout, f"{where}: timeout"),
        retry=retry,
        resources=_resources(resources, where, executor),
        abandon=bool(abandon),
        idempotent=bool(idempotent),
        pure=bool(pure),
        error_handler=error_handler and checked(error_handler, where),
        cache=None if cache is None else _cached(cache, found, effect, where),
    )


def _cached(cache: Any, component: Component, effect: bool | None, where: str) -> Cached | None:
    from plait.core.cached import cached_step  # only who keeps results pays for what that takes

    return cached_step(cache, component, effect, where)


def check_name(name: object, where: str) -> None:
    """Names are part of paths, so they can't be empty or hold a slash."""
    if name is None:
        return
    if not isinstance(name, str) or not name or "/" in name or name != name.strip():
        raise DefinitionError(
            f"{where}: name is {name!r}; a name is a non-empty string without '/' and outer spaces"
        )


def checked(handler: object, where: str) -> ErrorHandler | None:
    """Check an ``error_handler=``; what few steps have is loaded by the first that does."""
    from plait.core.handlers import check_handler

    return check_handler(handler, where)


def _resources(resources: object, where: str, executor: str | None) -> dict[str, float]:
    # What runs in a process keeps a core busy, unless it says more.
    out: dict[str, float] = {"cpu": 1} if executor == "process" else {}
    if resources is None:
        return out
    if not isinstance(resources, Mapping):
        raise DefinitionError(f"{where}: resources is {resources!r}; it is a mapping such as {{'gpu': 1}}")
    for key, amount in resources.items():
        if not isinstance(key, str) or not key:
            raise DefinitionError(
                f"{where}: resources has {key!r}: {amount!r}; a resource is a name with an amount"
            )
        out[key] = amount_of(amount, key, f"{where}: resources has {key!r}: {amount!r}")
    return out


@overload
def step(  # type: ignore[overload-overlap]  # anything callable keeps its signature, any other component does not
    component: Callable[P, R],
    input_map: InputMap | None = ...,
    output_state: OutputState | None = ...,
    *,
    name: str | None = ...,
    effect: bool | None = ...,
    copy: bool = ...,
    exclusive: str | bool | None = ...,
    executor: Literal["inline", "thread", "process"] | None = ...,
    timeout: float | None = ...,
    retry: Retry | None = ...,
    resources: Mapping[str, float | str] | None = ...,
    abandon: bool = ...,
    idempotent: bool = ...,
    pure: bool = ...,
    error_handler: ErrorHandler | None = ...,
    cache: Cache | CacheStore | bool | None = ...,
) -> Step[P, R]: ...
@overload
def step(
    component: None = ...,
    input_map: InputMap | None = ...,
    output_state: OutputState | None = ...,
    *,
    name: str | None = ...,
    effect: bool | None = ...,
    copy: bool = ...,
    exclusive: str | bool | None = ...,
    executor: Literal["inline", "thread", "process"] | None = ...,
    timeout: float | None = ...,
    retry: Retry | None = ...,
    resources: Mapping[str, float | str] | None = ...,
    abandon: bool = ...,
    idempotent: bool = ...,
    pure: bool = ...,
    error_handler: ErrorHandler | None = ...,
    cache: Cache | CacheStore | bool | None = ...,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
@overload
def step(
    component: object,
    input_map: InputMap | None = ...,
    output_state: OutputState | None = ...,
    *,
    name: str | None = ...,
    effect: bool | None = ...,
    copy: bool = ...,
    exclusive: str | bool | None = ...,
    executor: Literal["inline", "thread", "process"] | None = ...,
    timeout: float | None = ...,
    retry: Retry | None = ...,
    resources: Mapping[str, float | str] | None = ...,
    abandon: bool = ...,
    idempotent: bool = ...,
    pure: bool = ...,
    error_handler: ErrorHandler | None = ...,
    cache: Cache | CacheStore | bool | None = ...,
) -> Step[..., Any]: ...
def step(
    component: Any = None,
    input_map: Any = None,
    output_state: Any = None,
    *,
    name: str | None = None,
    effect: bool | None = None,
    copy: bool = False,
    exclusive: str | bool | None = None,
    executor: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    resources: Mapping[str, float | str] | None = None,
    abandon: bool = False,
    idempotent: bool = False,
    pure: bool = False,
    error_handler: ErrorHandler | None = None,
    cache: Cache | CacheStore | bool | None = None,
) -> Any:
    """Make a step of a pipeline out of anything callable; also a decorator, ``@step(output_state="topics")``.

    Args:
        component: a function (``def`` or ``async def``), an object with ``__call__``, ``ainvoke`` or a marked
            ``@main`` method, a Haystack component. Left out, ``step(...)`` is a decorator.
        input_map: which state key each argument takes: ``{"text": "extracted_text"}``, a list of keys that are
            named like the arguments, or both mixed; ``Val``, ``Config`` and ``Optional`` as values. Left out,
            the parameter names are the keys.
        output_state: the key that takes the result; a list of keys for a result with several parts; a mapping
            ``{key: field}`` to rename parts; None discards the result.
        name: the step's name in its list; default: the component's name in snake_case.
        effect: whether the step acts on the outside world. An effect starts only when every step listed before
            it has succeeded. Default: True without outputs, False with.
        copy: give the component deep copies of its inputs, so that nothing it changes is seen elsewhere.
        exclusive: True: one call of this component at a time in the process; a name: one at a time among all
            steps with that name.
        executor: ``"thread"`` (default for ``def``), ``"inline"`` (on the event loop; the default for ``async def``), or
            ``"process"`` (a worker process: for code that keeps a core busy; takes one ``cpu`` unless ``resources`` says more).
        timeout: seconds that one attempt may take, from its start.
        retry: when and how often to try again.
        resources: named amounts that the step holds while it runs, such as ``{"gpu": 0.5, "memory": "500 MB"}``.
        abandon: when a blocking component times out or is cancelled, go on without waiting for its thread. Its
            late result can't be committed. Without ``idempotent`` it is not tried again.
        idempotent: running the component twice does no harm, even at the same time.
        pure: the component does not change its inputs in place, so in ``dataflow`` a rewriting step need not
            wait for earlier readers.
        error_handler: what to do when the step has failed for good: ``Keep()`` leaves its keys as they were,
            ``Empty()`` writes None, ``Fallback(function)`` computes them. Default: the run fails.
        cache: keep results, so that equal inputs are computed once: True, a store such as ``MemoryCache()``, or ``Cache(...)``.

    Returns:
        A ``Step``, still callable like the component.

    Raises:
        DefinitionError: for a wrong argument, with the corrected call.

    >>> @step(output_state="length")
    ... def count(text: str) -> int:
    ...     return len(text)
    >>> count("plait")
    5
    """
    options: dict[str, Any] = {
        "name": name,
        "effect": effect,
        "copy": copy,
        "exclusive": exclusive,
        "executor": executor,
        "timeout": timeout,
        "retry": retry,
        "resources": resources,
        "abandon": abandon,
        "idempotent": idempotent,
        "pure": pure,
        "error_handler": error_handler,
        "cache": cache,
    }
    if component is None:
        return lambda function: make_step(function, input_map, output_state, **options)
    return make_step(component, input_map, output_state, **options)


def keys_of(items: Sequence[tuple[str, str | None]]) -> tuple[str, ...]:
    """The keys of an output map."""
    return tuple(key for key, _ in items)
