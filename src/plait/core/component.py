"""Components: what can be called as a step, found once at definition time.

given                                   called as
a function, lambda, partial, builtin    component(...)
an object whose class marks @main       the marked method, by keywords
an object with ``ainvoke``              component.ainvoke(input): a value, or a dict of several
an object with ``__call__``             component(...)
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from plait.core.names import snake_case
from plait.errors import DefinitionError

Kind: TypeAlias = Literal["async", "sync"]
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


class Component:
    """A component as the planner sees it: its entry, its parameters, what it returns, its life cycle.

    Attributes:
        given: the object that the user passed.
        entry: what is called.
        kind: ``"async"`` (awaited on the loop) or ``"sync"``.
        params: its parameters, in order, without the injected ``StepContext``.
        takes_any: it has ``**kwargs``, so without an input map it reads the whole state.
        single: called with one value (the ``ainvoke`` convention), not by parameter names.
        known: whether the signature could be read; if not, arguments are passed by keyword unchecked.
        returns: the return annotation, or ``UNKNOWN``.
        context_param: the parameter that wants the ``StepContext``, if any.
        setup, teardown: the life-cycle methods, if any.
    """

    __slots__ = (
        "context_param",
        "entry",
        "given",
        "kind",
        "known",
        "name",
        "params",
        "returns",
        "setup",
        "single",
        "takes_any",
        "teardown",
    )

    def __init__(self, given: Any) -> None:
        self.given = given
        self.entry, self.single = _find_entry(given)
        self.name = default_name(given)
        self.kind: Kind = "async" if is_async(self.entry) else "sync"
        self.setup: Callable[..., Any] | None = _method(given, "setup")
        self.teardown: Callable[..., Any] | None = _method(given, "teardown") or _method(given, "aclose")
        self.params: tuple[Param, ...] = ()
        self.takes_any = False
        self.known = True
        self.returns: Any = UNKNOWN
        self.context_param: str | None = None
        if _is_generator(self.entry):
            raise DefinitionError(
                f"{self.name!r} is a generator function; a step returns its value (stream from inside with current_step().emit(value))"
            )
        self._read_signature()

    def _read_signature(self) -> None:
        try:
            signature = inspect.signature(self.entry)
        except (TypeError, ValueError):
            self.known = False
            self.takes_any = not self.single
            return
        hints = _hints(self.entry)
        self.returns = hints.get("return", UNKNOWN)
        params = []
        for p in signature.parameters.values():
            if p.kind is p.VAR_KEYWORD:
                self.takes_any = not self.single
                continue
            if p.kind is p.VAR_POSITIONAL:
                continue
            annotation = hints.get(p.name, p.annotation)
            if is_context(annotation):
                self.context_param = p.name
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
        if self.single:
            params = []
        self.params = tuple(params)

    def again(self, given: Any) -> Component:
        """Another component in the same role, for tests that exchange components."""
        return Component(given)

    def param(self, name: str) -> Param | None:
        """The parameter of that name, if there is one."""
        return next((p for p in self.params if p.name == name), None)


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


def _find_entry(given: Any) -> tuple[Callable[..., Any], bool]:
    if inspect.isclass(given):
        if _marked_main(given) or "__call__" in vars(given) or hasattr(given, "ainvoke"):
            raise DefinitionError(
                f"{given.__name__} is a class; pass an instance of it: step({given.__name__}(...), ...)"
            )
        return given, False
    if inspect.isroutine(given) or isinstance(given, functools.partial):
        return typing.cast("Callable[..., Any]", given), False
    marked = _marked_main(type(given))
    if marked is not None:
        return typing.cast("Callable[..., Any]", getattr(given, marked)), False
    if callable(getattr(given, "ainvoke", None)):
        return typing.cast("Callable[..., Any]", given.ainvoke), True
    if callable(given):
        return typing.cast("Callable[..., Any]", given), False
    raise DefinitionError(
        f"{given!r} is not a component: a component is a function, an object with __call__ or ainvoke, or an object whose class marks a method with @main"
    )


def _marked_main(cls: type) -> str | None:
    """The method that a class marks as its entry (the ``@main`` convention), the most derived one first."""
    named = getattr(cls, "__main_method__", None)
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if getattr(member, "__is_main__", False) is True:
                return name
    if isinstance(named, str) and hasattr(cls, named):
        return named
    return getattr(named, "__name__", None) if callable(named) else None


def _method(given: Any, name: str) -> Callable[..., Any] | None:
    if inspect.isroutine(given) or inspect.isclass(given) or isinstance(given, functools.partial):
        return None
    method = getattr(given, name, None)
    return typing.cast("Callable[..., Any]", method) if inspect.isroutine(method) else None


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
