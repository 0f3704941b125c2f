"""How components of other systems want to be called, told by what they look like: none of these systems is imported.

Each function takes what the user gave and answers with an ``Entry``, or None if it is not of that kind.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from plait.core.component import UNKNOWN, Entry, Param, Signature, method_of, read_signature
from plait.errors import DefinitionError

Method = Callable[..., Any]


def entry_of(given: Any) -> Entry | None:
    """How an object is called, if it follows one of these conventions.

    Raises:
        DefinitionError: when its class can't tell its entry.
    """
    return (
        _with_main(given) or _function_tool(given) or _with_sockets(given) or _tool(given) or _runnable(given)
    )


def refuse_class(cls: type) -> None:
    """Refuse a class whose instances are components: it is most likely a forgotten pair of parentheses.

    Raises:
        DefinitionError: with the corrected call.
    """
    if (
        _main_name(cls) is not None
        or "__call__" in vars(cls)
        or hasattr(cls, "ainvoke")
        or _is_haystack_class(cls)
    ):
        raise DefinitionError(
            f"{cls.__name__} is a class; pass an instance of it: step({cls.__name__}(...), ...)"
        )


# ---------------------------------------------------------------------- @main, the convention of the GL SDK


def _with_main(given: Any) -> Entry | None:
    """An object whose class marks its entry.

    Where the class has a ``run(**kwargs)`` of its own, that is called, for it traces and tells; what it takes
    is read from the marked method. ``run`` takes keywords only.
    """
    cls = type(given)
    name = _main_name(cls)
    if name is None:
        return None
    main = cast("Method", getattr(given, name))
    run = method_of(given, "run")
    through_run = run is not None and inspect.iscoroutinefunction(run) and read_signature(run).takes_any
    signature = _of_dynamic(given) if name == "_run" else None
    if signature is None:
        signature = read_signature(main)
    call = cast("Method", run) if through_run else main
    emitter = next((p for p in signature.params if p.name == "event_emitter"), None)
    needed = emitter is not None and emitter.required
    if emitter is not None and needed:
        emitter.default = None  # no key has to give it
    if through_run:
        for param in signature.params:
            param.keyword_only, param.positional_only = True, False
    return Entry(
        call,
        signature,
        emitter_param=None if emitter is None else emitter.name,
        needs_emitter=needed,
        teardown=_own_release(given),
    )


def _main_name(cls: type) -> str | None:
    """The name of the method that a class marks as its entry, the most derived one first.

    Raises:
        DefinitionError: when the class itself can't tell which of its methods that is, or has none.
    """
    if _tells_its_main(cls):
        try:
            main = cast("Any", cls).get_main()
        except TypeError as error:
            raise DefinitionError(f"{cls.__name__} is no component: {error}") from error
        name = getattr(main, "__name__", None)
        if name is None or (name == "_run" and _owner(cls, "_run") is _owner(cls, "get_main")):
            raise DefinitionError(
                f"{cls.__name__} is a component without an entry; mark one of its async methods with @main"
            )
        return cast("str", name)
    for base in cls.__mro__:
        for name, member in vars(base).items():
            if getattr(member, "__is_main__", False) is True:
                return name
    named = getattr(cls, "__main_method__", None)
    if isinstance(named, str) and hasattr(cls, named):
        return named
    return getattr(named, "__name__", None) if callable(named) else None


def _tells_its_main(cls: type) -> bool:
    return (
        isinstance(inspect.getattr_static(cls, "get_main", None), classmethod)
        and inspect.isroutine(getattr(cls, "run", None))
        and hasattr(cls, "_run")
    )


def _owner(cls: type, name: str) -> type | None:
    """The class that an attribute comes from."""
    return next((base for base in cls.__mro__ if name in vars(base)), None)


def _own_release(given: Any) -> Method | None:
    """``release_resources``, unless it is the one of the base class, which does nothing."""
    cls = type(given)
    owner = _owner(cls, "release_resources")
    if owner is None or owner is _owner(cls, "get_main"):
        return None
    return method_of(given, "release_resources")


def _of_dynamic(given: Any) -> Signature | None:
    """What a component takes that makes another one at run time: what it is made with, and what that one takes."""
    inner, made_with = getattr(given, "_component_class", None), getattr(given, "_init_kwargs", None)
    if not inspect.isclass(inner) or not isinstance(made_with, Mapping):
        return None
    name = _main_name(inner)
    if name is None:
        return None
    names: list[str] = []
    for value in made_with.values():
        for attribute in ("_runtime_name", "_arg_name"):
            asked = getattr(value, attribute, None)
            names += [asked] if isinstance(asked, str) else asked if isinstance(asked, (list, tuple)) else []
    # Bound to no instance yet, so its first parameter is `self`.
    signature = read_signature(getattr(inner, name))
    rest = tuple(p for p in signature.params[1:] if p.name not in names)
    made = tuple(_keyword(name, UNKNOWN, UNKNOWN) for name in dict.fromkeys(names))
    signature.params = (*made, *rest)
    return signature


def _function_tool(given: Any) -> Entry | None:
    """A tool of the GL SDK: a function with a name and schemas, which is called as it is."""
    function, later, name = (getattr(given, what, None) for what in ("func", "is_async", "name"))
    if not callable(function) or not isinstance(later, bool) or not isinstance(name, str) or not name:
        return None
    if method_of(given, "invoke") is None or not hasattr(given, "input_schema"):
        return None
    return Entry(cast("Method", function if later else given), name=name)


# ---------------------------------------------------------------------- sockets, the convention of Haystack


def _is_haystack_class(cls: type) -> bool:
    return hasattr(getattr(cls, "run", None), "_output_types_cache") or hasattr(cls, "__haystack_input__")


def _with_sockets(given: Any) -> Entry | None:
    """An object with input and output sockets: called by keywords, answers with a dict of its outputs."""
    inputs = _sockets(given, "__haystack_input__")
    run = method_of(given, "run")
    if inputs is None or run is None:
        return None
    later = method_of(given, "run_async") if getattr(given, "__haystack_supports_async__", True) else None
    suffixes = ("_async", "") if later is not None else ("",)
    params = tuple(
        _keyword(
            name,
            _socket_type(socket),
            UNKNOWN if getattr(socket, "is_mandatory", True) else getattr(socket, "default_value", None),
        )
        for name, socket in inputs.items()
    )
    outputs = _sockets(given, "__haystack_output__")
    returns = _typed_dict(type(given).__name__, outputs) if outputs else UNKNOWN
    return Entry(
        later or run,
        Signature(params, returns=returns),
        setup=_first(given, "warm_up", suffixes),
        teardown=_first(given, "close", suffixes),
    )


def _sockets(given: Any, attribute: str) -> dict[str, Any] | None:
    """The sockets by name: those of the instance, which may have made more than its class declares."""
    found = getattr(given, attribute, None)
    if found is None:
        return None
    sockets = getattr(found, "_sockets_dict", found)
    return dict(sockets) if isinstance(sockets, Mapping) else None


def _socket_type(socket: Any) -> Any:
    found = getattr(socket, "type", UNKNOWN)
    # One that takes from many is given all that they sent, one after another.
    return cast("Any", Iterable)[found] if getattr(socket, "is_variadic", False) else found


def _typed_dict(owner: str, sockets: Mapping[str, Any]) -> Any:
    """A type with a field per output, so that the checks know their names and types."""
    make = cast("Callable[..., Any]", typing.TypedDict)
    fields = {name: getattr(socket, "type", Any) for name, socket in sockets.items()}
    try:
        return make(f"{owner}Outputs", fields)
    except TypeError:  # an annotation that is no type: the names are known all the same
        return make(f"{owner}Outputs", dict.fromkeys(fields, Any))


def _first(given: Any, name: str, suffixes: Iterable[str]) -> Method | None:
    found = (method_of(given, name + suffix) for suffix in suffixes)
    return next((method for method in found if method is not None), None)


# ---------------------------------------------------------------------- ainvoke, the convention of LangChain


def _tool(given: Any) -> Entry | None:
    """A tool: an object with ``ainvoke`` that says which arguments its dict holds."""
    invoke = method_of(given, "ainvoke")
    params = None if invoke is None else _arguments(given)
    if invoke is None or params is None:
        return None
    name = getattr(given, "name", None)
    return Entry(AsDict(invoke), Signature(params), name=name if isinstance(name, str) and name else None)


def _arguments(tool: Any) -> tuple[Param, ...] | None:
    """The arguments of a tool, as its schema has them: a class with fields, or JSON."""
    schema = getattr(tool, "args_schema", None)
    fields = getattr(schema, "model_fields", None)
    if isinstance(fields, Mapping):  # those that a model is not told of included
        return tuple(
            _keyword(name, field.annotation, UNKNOWN if field.is_required() else None)
            for name, field in fields.items()
        )
    if not hasattr(tool, "args_schema"):
        return None
    described = getattr(tool, "args", None)
    if not isinstance(described, Mapping):
        return None
    must = schema.get("required", ()) if isinstance(schema, Mapping) else described
    return tuple(_keyword(name, UNKNOWN, UNKNOWN if name in must else None) for name in described)


class AsDict:
    """Calls what takes one dict by keywords."""

    __slots__ = ("invoke",)

    def __init__(self, invoke: Method) -> None:
        self.invoke = invoke

    async def __call__(self, **given: Any) -> Any:
        """Call it with a dict of what was given."""
        return await self.invoke(given)


def _runnable(given: Any) -> Entry | None:
    """An object with ``ainvoke``, which takes one value: what was given, or a dict of it."""
    invoke = method_of(given, "ainvoke")
    if invoke is None:
        return None
    read = read_signature(invoke)
    signature = Signature(known=read.known, returns=read.returns, context_param=read.context_param)
    return Entry(invoke, signature, single=True, fields=_fields_of(given))


def _fields_of(given: Any) -> Iterable[str]:
    """The names that the dict for a runnable holds, where it is certain that it takes a dict."""
    seen = 0
    while seen < 20:  # a chain begins with its first part, a bound one with what is bound
        names = getattr(given, "input_variables", None)
        if isinstance(names, (list, tuple)):
            return [*names, *(getattr(given, "optional_variables", None) or ())]
        schema = getattr(getattr(given, "builder", None), "input_schema", None)
        if inspect.isclass(schema) and method_of(given, "ainvoke") is not None:
            return list(getattr(schema, "__annotations__", ()))
        parts = (getattr(given, name, None) for name in ("first", "bound", "runnable"))
        following = next((part for part in parts if method_of(part, "ainvoke") is not None), None)
        if following is None:
            return ()
        given, seen = following, seen + 1
    return ()


def _keyword(name: str, annotation: Any, default: Any) -> Param:
    return Param(name, annotation, default, keyword_only=True, positional_only=False)
