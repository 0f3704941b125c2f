"""What a component is made of, so that a cache can tell whether it is the same one: code, constants, settings.

read when it is defined     the function's own code, defaults and closure; an object's class and attributes
read when it is planned     the globals that the code names (by then the module is loaded): constants, and the functions
                            and classes of the same package, and what those name

Of libraries the name counts, and the code of a class that is a component; not what it calls.
"""

from __future__ import annotations

import functools
import inspect
import struct
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from plait.core.digest import TooLarge, Undigestable, digest, kind_of, name_of

_HEAP = 1 << 9
"""The flag of classes that a program makes, other than those that come with C code."""

_WORD = struct.calcsize("P")

_MOST = 1 << 20
"""Bytes of a global constant that are looked at when a pipeline is planned."""

_NO_CODE = frozenset(
    (
        "__abstractmethods__",
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__conditional_annotations__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__orig_bases__",
        "__parameters__",
        "__qualname__",
        "__slots__",
        "__static_attributes__",
        "__weakref__",
        "_abc_impl",
    )
)


class Unknown(Exception):
    """Something in a component can't be digested.

    Attributes:
        what: where it is: ``the variable 'client'``.
        kind: the name of its type.
    """

    def __init__(self, what: str, kind: str) -> None:
        super().__init__(f"{what} is a {kind}")
        self.what, self.kind = what, kind


class Reader:
    """Goes through a component; what it finds is put together from values that ``digest`` knows.

    Args:
        strict: raise for what can't be digested, rather than to let its type stand for it.
        code: whether code counts; if not, only what the component was given (defaults, closures, attributes).
    """

    def __init__(self, *, strict: bool = True, code: bool = True) -> None:
        self.strict, self.code = strict, code
        self.functions: list[types.FunctionType] = []
        """The functions seen so far, whose globals are still to be read."""
        self._seen: dict[int, int] = {}
        self._kept: list[Any] = []

    # ------------------------------------------------------------------ what is read at once
    def component(self, given: Any, what: str = "it") -> Any:
        """What was given as a component, or is used as one.

        An object is its class and its attributes. ``__plait_version__`` stands for the class's code, and ``cache_key()``
        for the attributes; it is asked anew at each call.
        """
        if _is_plain_code(given):
            return self.thing(given, what)
        cls = type(given)
        version = _version_of(given)
        found = ["object", name_of(cls) if version or not self.code else self.of_class(cls), version]
        if _asks(given):
            return found
        if version is None:
            return [*found, self._held(given)]
        strict, self.strict = self.strict, False
        try:
            return [*found, self._held(given)]
        finally:
            self.strict = strict

    def _held(self, given: Any) -> Any:
        cls = type(given)
        if _hides(cls):
            return self._unknown("what it holds", name_of(cls))
        return {name: self.thing(value, f"its attribute {name!r}") for name, value in _attributes(given)}

    def thing(self, value: Any, what: str) -> Any:
        """A value, a function, a class, or an object that tells what it is."""
        try:
            return ["value", digest(value)]
        except Undigestable:
            pass
        if isinstance(value, types.FunctionType):
            return self.function(value)
        if isinstance(value, types.MethodType):
            return ["method", self.component(value.__self__, what), self.thing(value.__func__, what)]
        if isinstance(value, functools.partial):
            return [
                "partial",
                self.thing(value.func, what),
                [self.thing(each, what) for each in value.args],
                {name: self.thing(each, f"its argument {name!r}") for name, each in value.keywords.items()},
            ]
        if isinstance(value, type):
            return self.of_class(value)
        if isinstance(value, types.BuiltinFunctionType):
            owner = value.__self__
            if owner is None or isinstance(owner, types.ModuleType):
                return ["builtin", value.__module__ or "", value.__qualname__]
            return ["builtin", self.thing(owner, what), value.__qualname__]
        if isinstance(value, (types.MethodDescriptorType, types.WrapperDescriptorType)):
            return ["builtin", name_of(value.__objclass__), value.__name__]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        wrapped = getattr(
            value, "__wrapped__", None
        )  # functools.cache, a step that is called like its function
        if callable(wrapped):
            return ["wrapped", name_of(type(value)), self.thing(wrapped, what)]
        if _asks(value):
            return [*self.component(value), self.thing(value.cache_key(), f"{what}.cache_key()")]
        if _version_of(value) is not None:
            return self.component(value)
        return self._unknown(what, kind_of(value))

    def _unknown(self, what: str, kind: str) -> Any:
        if self.strict:
            raise Unknown(what, kind)
        return ["unknown", kind]

    def function(self, function: types.FunctionType) -> Any:
        """A function: its code, its defaults and what it closes over."""
        known = self._seen.get(id(function))
        if known is not None:
            return ["again", known]
        self._seen[id(function)] = len(self._seen)
        self._kept.append(function)  # so that its id stays its own
        name = [function.__module__ or "", function.__qualname__]
        version = _version_of(function)
        if version is not None:
            return ["function", *name, version]
        if _is_ours(function.__module__):
            return ["function", *name, self._closure(function)]
        if self.code:
            self.functions.append(function)
        return [
            "function",
            *name,
            _code(function.__code__) if self.code else None,
            [self.thing(each, "a default of it") for each in function.__defaults__ or ()],
            {
                name: self.thing(each, f"the default of {name!r}")
                for name, each in (function.__kwdefaults__ or {}).items()
            },
            self._closure(function),
        ]

    def _closure(self, function: types.FunctionType) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet: the function itself, mostly
                found[name] = "empty"
                continue
            found[name] = (
                name_of(value)
                if name == "__class__" and isinstance(value, type)
                else self.thing(value, f"the variable {name!r} of {function.__qualname__}")
            )
        return found

    def of_class(self, cls: type) -> Any:
        """A class: its name, and the code and constants of it and its bases."""
        known = self._seen.get(id(cls))
        if known is not None:
            return ["again", known]
        self._seen[id(cls)] = len(self._seen)
        self._kept.append(cls)
        version = _version_of(cls)
        if version is not None:
            return ["class", name_of(cls), version]
        if not self.code:
            return ["class", name_of(cls)]
        return ["class", name_of(cls), [self._members(base) for base in cls.__mro__[:-1]]]

    def _members(self, cls: type) -> Any:
        if not cls.__flags__ & _HEAP or _is_ours(cls.__module__) or cls.__module__ in ("typing", "abc"):
            return name_of(cls)
        strict, self.strict = self.strict, False  # a class has much that is no setting of the component
        try:
            return [
                name_of(cls),
                {
                    name: self._member(member, name)
                    for name, member in sorted(vars(cls).items())
                    if name not in _NO_CODE
                },
            ]
        finally:
            self.strict = strict

    def _member(self, member: Any, name: str) -> Any:
        if isinstance(member, (staticmethod, classmethod)):
            return [type(member).__name__, self.thing(member.__func__, name)]
        if isinstance(member, property):
            return ["property", *(f and self.thing(f, name) for f in (member.fget, member.fset, member.fdel))]
        if isinstance(member, functools.cached_property):
            return ["property", self.thing(member.func, name)]
        if isinstance(member, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            return "slot"
        return self.thing(member, name)

    # ------------------------------------------------------------------ what is read later
    def globals(self) -> Any:
        """What the functions seen so far name in their modules, and the functions found there, and so on."""
        self.strict = False
        found: list[Any] = []
        for function in self.functions:  # grows while it is walked
            module = function.__module__ or ""
            if _is_library(module):
                continue
            names = sorted(set(_names(function.__code__)) & function.__globals__.keys())
            found.append(
                [
                    module,
                    function.__qualname__,
                    {name: self._global(function.__globals__[name], module) for name in names},
                ]
            )
        return found

    def _global(self, value: Any, module: str) -> Any:
        try:
            return ["value", digest(value, limit=_MOST)]
        except TooLarge:
            return ["large", kind_of(value)]
        except Undigestable:
            pass
        inner = value
        while callable(getattr(inner, "__wrapped__", None)):
            inner = inner.__wrapped__
        if isinstance(inner, (types.FunctionType, type)):
            if inner.__module__ is None or _root(inner.__module__) != _root(module):
                return ["name", name_of(inner)]
            return self.thing(inner, "")
        if isinstance(inner, types.ModuleType):
            return ["module", inner.__name__]
        return ["unknown", kind_of(value)]


def _is_plain_code(given: Any) -> bool:
    return (
        inspect.isroutine(given)
        or isinstance(given, (type, functools.partial))
        or callable(getattr(given, "__wrapped__", None))
    )


def _asks(given: Any) -> bool:
    """Whether an object says itself what its results depend on."""
    return not isinstance(given, type) and callable(getattr(given, "cache_key", None))


def _version_of(given: Any) -> Any:
    version = getattr(given, "__plait_version__", None)
    return ["version", version] if isinstance(version, (str, int)) else None


def _hides(cls: type) -> bool:
    """Whether objects of a class hold more than attributes, as those of C code do: they are larger than that takes."""
    room = object.__basicsize__ + _WORD * sum(1 for _ in _slots(cls))
    room += _WORD * ((cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0))
    return cls.__itemsize__ > 0 or cls.__basicsize__ > room


def _slots(cls: type) -> Iterator[str]:
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name in ("__dict__", "__weakref__"):
                continue
            private = name.startswith("__") and not name.endswith("__")
            yield f"_{base.__name__.lstrip('_')}{name}" if private else name


def _attributes(given: Any) -> Iterator[tuple[str, Any]]:
    held = getattr(given, "__dict__", None)
    if isinstance(held, Mapping):
        yield from held.items()
    for name in _slots(type(given)):
        if hasattr(given, name):
            yield name, getattr(given, name)


def _code(code: types.CodeType) -> Any:
    return [
        code.co_code,
        [_code(each) if isinstance(each, types.CodeType) else _constant(each) for each in code.co_consts],
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags],
        getattr(code, "co_exceptiontable", b""),
    ]


def _constant(value: Any) -> Any:
    return ["slice", value.start, value.stop, value.step] if isinstance(value, slice) else value


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield from _names(each)


def _root(module: str) -> str:
    return module.partition(".")[0]


def _is_ours(module: str | None) -> bool:
    """Whether this is code of Plait itself."""
    return module is not None and _root(module) == "plait"


def _is_library(module: str) -> bool:
    """Whether a module was installed, rather than written for this pipeline."""
    if _root(module) in sys.stdlib_module_names and module != "__main__":
        return True
    if _is_ours(module):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)
