"""Turn any value into one that JSON can hold: what JSON has no form for becomes a short description."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import os
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from plait.cli.problem import one_line

_DEPTH: Final = 64
_ARRAY: Final = 10_000
_BITS: Final = 10_000  # Python refuses to write much longer integers in decimal

_TEXTUAL: Final = (decimal.Decimal, uuid.UUID)
_DATES: Final = (dt.date, dt.time)  # a datetime is a date
_LISTS: Final = (list, tuple, deque)
_SETS: Final = (set, frozenset)


def dumps(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """JSON text of any value. It never raises because of what the value is."""
    return json.dumps(jsonable(value), ensure_ascii=ascii_only, indent=indent, allow_nan=False)


def jsonable(value: Any) -> Any:
    """The nearest thing to ``value`` that JSON can hold.

    >>> jsonable({"when": dt.date(2024, 5, 1), "raw": b"abc", "n": float("inf")})
    {'when': '2024-05-01', 'raw': '<bytes: 3 bytes>', 'n': '<float: inf>'}
    """
    return _value(value, ())


def _value(value: Any, above: tuple[int, ...]) -> Any:
    plain, found = _scalar(value)
    if found:
        return plain
    if id(value) in above:
        return f"<{_type(value)}: contains itself>"
    if len(above) >= _DEPTH:
        return f"<{_type(value)}: nested more than {_DEPTH} deep>"
    try:
        return _compound(value, (*above, id(value)))
    except Exception as error:  # noqa: BLE001  (a property or an iterator of the user's value may raise anything)
        return f"<{_type(value)}: cannot be shown: {type(error).__name__}>"


def _scalar(value: Any) -> tuple[Any, bool]:
    if value is None or value is True or value is False:
        return value, True
    if isinstance(value, enum.Enum):
        return _scalar(value.value) if isinstance(value.value, (str, int, float)) else (value.name, True)
    if isinstance(value, str):
        return str(value), True
    if isinstance(value, int):
        return (
            (int(value), True) if value.bit_length() <= _BITS else (f"<int: {value.bit_length()} bits>", True)
        )
    if isinstance(value, float):
        return (float(value), True) if math.isfinite(value) else (f"<float: {float(value)}>", True)
    if isinstance(value, _TEXTUAL):
        return str(value), True
    if isinstance(value, _DATES):
        return value.isoformat(), True
    if isinstance(value, dt.timedelta):
        return value.total_seconds(), True
    if isinstance(value, (bytes, bytearray, memoryview)):
        size = value.nbytes if isinstance(value, memoryview) else len(value)
        return f"<{_type(value)}: {size} bytes>", True
    return None, False


def _compound(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, BaseException):
        return {"type": type(value).__name__, "message": str(value)}
    if isinstance(value, type):
        return f"<class {value.__qualname__}>"
    if isinstance(value, Mapping):
        return _mapping(value, above)
    names = _field_names(value)
    if names is not None:
        return {name: _value(getattr(value, name), above) for name in names if hasattr(value, name)}
    if isinstance(value, _LISTS):
        return [_value(item, above) for item in value]
    if isinstance(value, _SETS):
        return _sorted([_value(item, above) for item in value])
    if _is_array(value):
        if value.size <= _ARRAY:
            return _value(value.tolist(), above)
        return f"<{_type(value)}: {value.dtype} {'x'.join(map(str, value.shape))}>"
    return _description(value)


def _mapping(value: Mapping[Any, Any], above: tuple[int, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in value.items():
        name = key if isinstance(key, str) else _key(key)
        if name in result:  # {1: …, "1": …}: two keys of ours, one of JSON's; neither may be lost
            name = f"{name} ({_type(key)})"
        result[str(name)] = _value(item, above)
    return result


def _key(key: Any) -> str:
    plain = jsonable(key)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _field_names(value: Any) -> Iterable[str] | None:
    """The fields of a record: dataclass, NamedTuple, pydantic model, msgspec or attrs class."""
    kind = type(value)
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    if isinstance(value, tuple):
        return getattr(kind, "_fields", None)
    for attribute in ("model_fields", "__struct_fields__"):
        fields = getattr(kind, attribute, None)
        if isinstance(fields, (Mapping, tuple)):
            return list(fields)
    attributes = getattr(kind, "__attrs_attrs__", None)
    return None if attributes is None else [attribute.name for attribute in attributes]


def _is_array(value: Any) -> bool:
    # Not by importing numpy: arrays of other libraries have these four as well.
    return all(hasattr(value, name) for name in ("tolist", "dtype", "shape", "size")) and isinstance(
        value.size, int
    )


def _sorted(items: list[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=repr)


def _type(value: Any) -> str:
    return type(value).__qualname__


def _description(value: Any) -> str:
    if getattr(type(value), "__repr__", None) is object.__repr__:  # an address, different in every run
        return f"<{_type(value)}>"
    return one_line(repr(value), 200)
