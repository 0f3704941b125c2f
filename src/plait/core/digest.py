"""Digests of values: equal values give the same bytes in every process, different ones different bytes.

A closed list of types is understood. Whatever else comes is refused by its type: to digest what we don't know would be a
guess, and a wrong guess is a wrong result from a cache. What is written is self-delimiting, a tag with a length before
each content, so no two different values are written alike.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

SIZE = 20
"""Bytes of a digest: two of a billion values meet with a chance of 1 to 10**30."""

_DEEPEST = 200
_SMALL = 256
_UNLIMITED = 1 << 62


class Undigestable(TypeError):
    """A value of a type that is not on the list.

    Attributes:
        kind: the name of its type.
        name: which value it is, where several have names.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"a value of type {kind} can't be digested")
        self.kind, self.name = kind, ""


class TooLarge(Exception):
    """The value is larger than was allowed; it may be digestable all the same."""


def digest(value: Any, *, limit: int | None = None) -> bytes:
    """The digest of a value.

    Args:
        value: the value.
        limit: about how many bytes of content may be gone through; None: any number.

    Raises:
        Undigestable: naming the type that is not on the list.
        TooLarge: when the limit is reached.
    """
    feed = _Feed(_UNLIMITED if limit is None else limit)
    feed.value(value)
    return feed.hash.digest()


def digest_named(
    version: bytes, values: Mapping[str, Any], more: Mapping[str, Any], *, limit: int | None = None
) -> bytes:
    """The digest of a version and of values by their names, in any order.

    Raises:
        Undigestable: naming the type, and in ``name`` which of the values it is.
        TooLarge: when the limit is reached.
    """
    feed = _Feed(_UNLIMITED if limit is None else limit)
    feed.write("V", version)
    for group in (values, more):
        feed.write("#", b"%d" % len(group))
        for name in sorted(group) if len(group) > 1 else group:
            feed.write("S", name.encode())
            try:
                feed.value(group[name])
            except Undigestable as error:
                error.name = name
                raise
    return feed.hash.digest()


def kind_of(value: Any) -> str:
    """The name of a value's type, for messages."""
    return name_of(type(value))


def name_of(cls: Any) -> str:
    """The name of a class, with its module."""
    module = getattr(cls, "__module__", "?")
    qualname: str = getattr(cls, "__qualname__", getattr(cls, "__name__", "?"))
    return qualname if module == "builtins" else f"{module}.{qualname}"


class _Feed:
    """What goes into one digest."""

    __slots__ = ("depth", "hash", "left")

    def __init__(self, left: int, depth: int = 0) -> None:
        self.hash = hashlib.blake2b(digest_size=SIZE)
        self.left, self.depth = left, depth

    def write(self, tag: str, data: bytes) -> None:
        size = len(data)
        self.left -= size + 8
        if self.left < 0:
            raise TooLarge
        if size < _SMALL:  # one call instead of two
            self.hash.update(b"%b%d:%b" % (tag.encode(), size, data))
        else:
            self.hash.update(f"{tag}{size}:".encode())
            self.hash.update(data)

    def value(self, value: Any) -> None:
        known = _BY_TYPE.get(type(value))
        if known is not None:
            known(self, value)
        else:
            _other(self, value)

    def inside(self, kind: str) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:  # it holds itself, or nearly so
            raise Undigestable(f"{kind}, nested more than {_DEEPEST} deep,")

    def ordered(self, tag: str, values: Iterable[Any], count: int) -> None:
        self.write(tag, str(count).encode())
        self.inside(tag)
        for value in values:
            self.value(value)
        self.depth -= 1

    def unordered(self, tag: str, entries: Iterable[Any]) -> None:
        """Entries of which each counts and the order does not."""
        self.inside(tag)
        found: list[bytes] = []
        for entry in entries:
            apart = _Feed(self.left, self.depth)
            apart.value(entry)
            self.left = apart.left
            found.append(apart.hash.digest())
        self.depth -= 1
        self.write(tag, b"".join(sorted(found)))

    def fields(self, tag: str, cls: type, fields: Iterable[tuple[str, Any]]) -> None:
        """An object of a known kind: its class and its fields."""
        self.write(tag, name_of(cls).encode())
        self.unordered("f", fields)


def _constant(tag: str) -> Callable[[_Feed, Any], None]:
    return lambda feed, _: feed.write(tag, b"")


def _text(tag: str, text: Callable[[Any], str] = str) -> Callable[[_Feed, Any], None]:
    return lambda feed, value: feed.write(tag, text(value).encode("utf-8", "surrogatepass"))


def _moment(value: Any) -> str:
    return f"{value.isoformat()} {value.fold} {value.tzinfo}"


_BY_TYPE: dict[type, Callable[[_Feed, Any], None]] = {
    type(None): _constant("N"),
    type(...): _constant("E"),
    bool: lambda feed, value: feed.write("B", b"1" if value else b"0"),
    int: lambda feed, value: feed.write("I", f"{value:x}".encode()),
    float: lambda feed, value: feed.write("F", struct.pack(">d", value)),
    complex: lambda feed, value: feed.write("C", struct.pack(">dd", value.real, value.imag)),
    str: _text("S"),
    bytes: lambda feed, value: feed.write("Y", value),
    bytearray: lambda feed, value: feed.write("A", bytes(value)),
    list: lambda feed, value: feed.ordered("L", value, len(value)),
    tuple: lambda feed, value: feed.ordered("T", value, len(value)),
    dict: lambda feed, value: feed.unordered("D", value.items()),
    set: lambda feed, value: feed.unordered("Q", value),
    frozenset: lambda feed, value: feed.unordered("R", value),
    range: lambda feed, value: feed.ordered("G", (value.start, value.stop, value.step), 3),
    dt.datetime: _text("dt", _moment),
    dt.time: _text("dh", _moment),
    dt.date: _text("dd", dt.date.isoformat),
    dt.timedelta: _text("dl", lambda value: f"{value.days} {value.seconds} {value.microseconds}"),
    dt.timezone: _text("dz", repr),
}

_WRITTEN = {("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"), ("zoneinfo", "ZoneInfo")}
"""Types that are what they say as text."""

_PATHS = {
    "Path",
    "PosixPath",
    "PurePath",
    "PurePosixPath",
    "PureWindowsPath",
    "WindowsPath",
}


def _other(feed: _Feed, value: Any) -> None:
    """The kinds of the list that are no single type; those of optional packages are known by their names."""
    cls = type(value)
    module, name = cls.__module__, cls.__name__
    root = module.partition(".")[0]
    if isinstance(value, enum.Enum):
        feed.write("e", f"{name_of(cls)}.{value.name}".encode())
    elif issubclass(cls, tuple) and hasattr(cls, "_fields"):
        feed.write("n", name_of(cls).encode())
        feed.ordered("T", value, len(value))
    elif root == "pathlib" and name in _PATHS:
        feed.write("p", f"{name.removeprefix('Pure')}:{value}".encode("utf-8", "surrogateescape"))
    elif (root, name) in _WRITTEN:
        feed.write("w", f"{root}.{name}:{value}".encode())
    elif root == "numpy":
        _numpy(feed, value)
    elif hasattr(cls, "__pydantic_fields__"):
        feed.fields("m", cls, _of_a_model(value))
    elif hasattr(cls, "__dataclass_fields__") and not issubclass(cls, _CONTAINERS):
        names = (name for name in cls.__dataclass_fields__ if hasattr(value, name))
        feed.fields("c", cls, ((name, getattr(value, name)) for name in names))
    else:
        raise Undigestable(name_of(cls))


_CONTAINERS = (dict, list, tuple, set, frozenset, str, bytes, int, float)
"""A dataclass that is one of these as well holds more than its fields."""


def _of_a_model(value: Any) -> Iterable[tuple[str, Any]]:
    for part in ("__dict__", "__pydantic_extra__", "__pydantic_private__"):
        held = getattr(value, part, None)
        if held:
            yield from ((f"{part}:{name}", each) for name, each in held.items())


def _numpy(feed: _Feed, value: Any) -> None:
    cls = type(value)
    if cls.__name__ != "ndarray" and not hasattr(cls, "dtype"):
        raise Undigestable(name_of(cls))
    dtype = value.dtype
    scalar = cls.__name__ != "ndarray"
    if scalar and not hasattr(value, "tobytes"):
        raise Undigestable(name_of(cls))
    feed.write("a", f"{scalar} {dtype.descr!r} {value.shape}".encode())
    if dtype.hasobject:
        if scalar or dtype.names is not None:
            raise Undigestable(f"{name_of(cls)} of objects")
        feed.ordered("L", value.ravel().tolist(), value.size)
        return
    feed.left -= value.nbytes  # before it is copied
    if feed.left < 0:
        raise TooLarge
    feed.left += value.nbytes
    feed.write("b", value.tobytes())
