"""Components: what can be called as a step, found once at definition time.

given                                    called as
a function, method, lambda, builtin      component(...)
a partial                                component(...)
a class                                  component(...): its instance is the result
an object whose class marks @main        its run(**kwargs), or the marked method where it has none
a tool of the GL SDK                     its function, under the tool's name
a Haystack component                     its run_async or run by keywords, which gives a dict of outputs
an object with ``ainvoke`` and ``args``  component.ainvoke({...}): a tool of LangChain, always with a dict
an object with ``ainvoke``               component.ainvoke(input): a value, or a dict of several
an object with ``__call__``              component(...)

What gives a coroutine is awaited, whether or not that could be told before. The conventions of other systems
are in ``plait.core.conventions``.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias, cast

from plait.core.names import snake_case
from plait.errors import DefinitionError

Kind: TypeAlias = Literal["async", "sync"]
_USUAL = ("run", "invoke", "process", "predict", "execute", "call")
"""What the one method of an object is often called."""
UNKNOWN: Any = inspect.Parameter.empty


class Param:
    """One parameter of a component: name, annotation, default, and how it is passed."""

    __slots__ = ("annotation", "default", "keyword_only", "name", "positional_only")

    def __init__(
        self, name: str, annotation: Any, default: Any, *, keyword_only: bool, positional_only: bool
    ) -> None:
        self.name, self.annotation, self.default = name, annotation, default
        self.keyword_only, self.positional_only = keyword_only, positional_only

    @property
    def required(self) -> bool:
        """Whether the component can't be called without it."""
        return self.default is UNKNOWN


class Signature:
    """The parameters of a callable, what it returns, and how much of that is known.

    Attributes:
        params: its parameters, in order, without the one that wants the ``StepContext``.
        takes_any: it has ``**kwargs``.
        known: whether the signature could be read.
        returns: the return annotation, or ``UNKNOWN``.
        context_param: the parameter that wants the ``StepContext``, if any.
    """

    __slots__ = ("context_param", "known", "params", "returns", "takes_any")

    def __init__(
        self,
        params: tuple[Param, ...] = (),
        *,
        takes_any: bool = False,
        known: bool = True,
        returns: Any = UNKNOWN,
        context_param: str | None = None,
    ) -> None:
        self.params, self.takes_any, self.known = params, takes_any, known
        self.returns, self.context_param = returns, context_param


class Entry:
    """What is called for a component, and what is known of it.

    Attributes:
        call: what is called.
        signature: what it takes and gives.
        single: it takes one value (the ``ainvoke`` convention), not parameters by name.
        fields: with ``single``: the names that its one value is known to hold, so it is a dict even of one.
        emitter_param: the parameter that takes an event emitter when nothing else gives one.
        needs_emitter: it can't be called without.
        setup, teardown: what its life begins and ends with, where that has another name than Plait's own.
        name: its name, where it has one of its own.
    """

    __slots__ = (
        "call",
        "emitter_param",
        "fields",
        "name",
        "needs_emitter",
        "setup",
        "signature",
        "single",
        "teardown",
    )

    def __init__(
        self,
        call: Callable[..., Any],
        signature: Signature | None = None,
        *,
        single: bool = False,
        fields: Iterable[str] = (),
        emitter_param: str | None = None,
        needs_emitter: bool = False,
        setup: Callable[..., Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> None:
        self.call, self.signature = call, signature if signature is not None else read_signature(call)
        self.single, self.fields = single, frozenset(fields)
        self.emitter_param, self.needs_emitter = emitter_param, needs_emitter
        self.setup, self.teardown, self.name = setup, teardown, name


class Component:
    """A component as the planner sees it: its entry, its parameters, what it returns, its life cycle.

    Attributes:
        given: the object that the user passed.
        entry: what is called.
        kind: ``"async"`` (awaited on the loop) or ``"sync"``.
        params: its parameters, in order, without the injected ``StepContext``.
        takes_any: it has ``**kwargs``, so without an input map it reads the whole state.
        single: called with one value (the ``ainvoke`` convention), not by parameter names.
        fields: with ``single``: the names that its one value is known to hold, so it is a dict even of one.
        known: whether the signature could be read; if not, arguments are passed by keyword unchecked.
        returns: the return annotation, or ``UNKNOWN``.
        context_param: the parameter that wants the ``StepContext``, if any.
        emitter_param: the parameter that takes an event emitter when nothing else gives one, if any.
        needs_emitter: it can't be called without.
        setup, teardown: the life-cycle methods, if any.
    """

    __slots__ = (
        "context_param",
        "emitter_param",
        "entry",
        "fields",
        "given",
        "kind",
        "known",
        "name",
        "needs_emitter",
        "params",
        "returns",
        "setup",
        "single",
        "takes_any",
        "teardown",
    )

    def __init__(self, given: Any) -> None:
        self.given = given
        found = _entry_of(given)
        self.entry, self.single, self.fields = found.call, found.single, found.fields
        self.name = snake_case(found.name) if found.name else default_name(given)
        self.kind: Kind = "async" if is_async(self.entry) else "sync"
        self.setup: Callable[..., Any] | None = method_of(given, "setup") or found.setup
        self.teardown: Callable[..., Any] | None = (
            method_of(given, "teardown") or method_of(given, "aclose") or found.teardown
        )
        if _is_generator(self.entry):
            raise DefinitionError(
                f"{self.name!r} is a generator function; a step returns its value (stream from inside with current_step().emit(value))"
            )
        signature = found.signature
        self.params, self.known, self.returns = signature.params, signature.known, signature.returns
        self.takes_any = signature.takes_any
        self.context_param = signature.context_param
        self.emitter_param, self.needs_emitter = found.emitter_param, found.needs_emitter

    def again(self, given: Any) -> Component:
        """Another component in the same role, for tests that exchange components."""
        return Component(given)

    def param(self, name: str) -> Param | None:
        """The parameter of that name, if there is one."""
        return next((p for p in self.params if p.name == name), None)


def _entry_of(given: Any) -> Entry:
    """How a component is called: a function as it is, anything else by the convention of its system."""
    if inspect.isroutine(given) or isinstance(given, functools.partial):
        return Entry(cast("Callable[..., Any]", given))
    from plait.core import conventions  # a pipeline of functions has no use for it

    if inspect.isclass(given):
        conventions.refuse_class(given)
        return Entry(given)
    found = conventions.entry_of(given)
    if found is not None:
        return found
    if callable(given):
        return Entry(given)
    method = next((name for name in _USUAL if method_of(given, name) is not None), None)
    raise DefinitionError(
        f"{given!r} is not a component: a component is a function, an object with __call__ or ainvoke, a Haystack "
        f"component, or an object whose class marks a method with @main"
        + (f"; did you mean one of its methods, such as step(….{method}, …)?" if method else "")
    )


def method_of(given: Any, name: str) -> Callable[..., Any] | None:
    """The method of that name, if a component is an object that has it."""
    if inspect.isroutine(given) or inspect.isclass(given) or isinstance(given, functools.partial):
        return None
    method = getattr(given, name, None)
    return cast("Callable[..., Any]", method) if inspect.isroutine(method) else None


def default_name(given: Any) -> str:
    """The step name that a component gets when none is chosen: the same in every process."""
    while isinstance(given, functools.partial):
        given = given.func
    if inspect.isroutine(given) or inspect.isclass(given):
        return snake_case(getattr(given, "__name__", "step"))
    return snake_case(type(given).__name__)


def is_async(entry: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine, as far as can be told without calling it."""
    while isinstance(entry, functools.partial):
        entry = entry.func
    if inspect.iscoroutinefunction(entry):
        return True
    if inspect.isroutine(entry) or inspect.isclass(entry):
        return False
    return inspect.iscoroutinefunction(getattr(type(entry), "__call__", None))  # noqa: B004


def _is_generator(entry: Callable[..., Any]) -> bool:
    while isinstance(entry, functools.partial):
        entry = entry.func
    target = entry if inspect.isroutine(entry) else getattr(type(entry), "__call__", None)  # noqa: B004
    return inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target)


def read_signature(entry: Callable[..., Any]) -> Signature:
    """What a callable takes and gives; one that hides its signature is taken to take anything."""
    try:
        signature = inspect.signature(entry)
    except (TypeError, ValueError):
        return Signature(takes_any=True, known=False)
    hints = _hints(entry)
    found = Signature(returns=hints.get("return", UNKNOWN))
    params = []
    for p in signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            found.takes_any = True
            continue
        if p.kind is p.VAR_POSITIONAL:
            continue
        annotation = hints.get(p.name, p.annotation)
        if is_context(annotation):
            found.context_param = p.name
            continue
        params.append(
            Param(
                p.name,
                annotation,
                p.default,
                keyword_only=p.kind is p.KEYWORD_ONLY,
                positional_only=p.kind is p.POSITIONAL_ONLY,
            )
        )
    found.params = tuple(params)
    return found


def is_context(annotation: Any) -> bool:
    """Whether a parameter's annotation asks for the step's context."""
    if isinstance(annotation, str):
        return annotation.strip("'\"").removesuffix(" | None").rpartition(".")[2] == "StepContext"
    if getattr(annotation, "__plait_context__", False) is True:
        return True
    # ``context: StepContext | None = None``: a component that people also call by hand
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(is_context(member) for member in typing.get_args(annotation))
    return False


def _hints(entry: Callable[..., Any]) -> dict[str, Any]:
    target: Any = entry
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = type(target).__call__
    if not getattr(target, "__annotations__", None):
        return {}
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception:  # noqa: BLE001  (annotations are the user's; an odd one must not break the step)
        return {k: v for k, v in target.__annotations__.items() if not isinstance(v, str) or is_context(v)}
