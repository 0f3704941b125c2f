"""Amounts of resources: whole numbers, fractions with three decimals, and sizes such as ``"500 MB"``."""

from __future__ import annotations

import math

from plait.core.names import did_you_mean
from plait.errors import DefinitionError

MEMORY = "memory"
"""The resource whose unit is the byte."""

_UNITS = {"B": 1}
for _power, _letter in enumerate("kMGT", 1):
    _UNITS[f"{_letter}B"] = 1000**_power
    _UNITS[f"{_letter.upper()}iB"] = 1024**_power
_BY_CASE = {unit.lower(): size for unit, size in _UNITS.items()}
_SIZE = r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*"


def thousandths(amount: float) -> int:
    """An amount that was checked, as the exact whole number that admission counts in.

    >>> thousandths(0.3), thousandths(2)
    (300, 2000)
    """
    return amount * 1000 if isinstance(amount, int) else round(amount * 1000)


def amount_of(value: object, name: str, what: str) -> int | float:
    """Check an amount of a resource: a number above 0 with at most three decimals, or a size of memory.

    Raises:
        DefinitionError: it is something else.
    """
    if name == MEMORY:
        return size_of(value, what)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0 or math.isinf(value):
        raise DefinitionError(f"{what}; an amount is a number above 0, such as 1 or 0.5")
    if isinstance(value, float):
        from decimal import Decimal  # an import that most starts can do without

        if (Decimal(repr(value)) * 1000) % 1:
            raise DefinitionError(
                f"{what}; an amount has at most 3 decimals; round it: {round(value, 3) or 0.001:g}"
            )
        return int(value) if value.is_integer() else value
    return value


def size_of(value: object, what: str) -> int:
    """Check a size of memory and tell its bytes: ``500_000_000``, ``"500 MB"`` or ``"512 MiB"``.

    Raises:
        DefinitionError: it is something else.
    """
    if isinstance(value, str):
        return _parsed(value, what)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DefinitionError(f"{what}; memory is a whole number of bytes from 1, or a size such as '500 MB'")
    return value


def _parsed(value: str, what: str) -> int:
    import re
    from decimal import Decimal

    found = re.fullmatch(_SIZE, value, re.ASCII)
    if found is None:
        raise DefinitionError(f"{what}; a size is a number with a unit, such as '500 MB' or '2 GiB'")
    number, unit = found.groups()
    factor = _BY_CASE.get(unit.lower())
    if factor is None:
        hint = did_you_mean(unit, _UNITS) if unit else ""
        raise DefinitionError(
            f"{what}; {unit!r} is no unit of memory{hint or ';'} the units are {', '.join(_UNITS)}"
            if unit
            else f"{what}; a size says its unit: write {number + ' MB'!r}, or the bytes as a number"
        )
    size = Decimal(number) * factor
    if size % 1 or size < 1:
        raise DefinitionError(f"{what}; that is {size:f} bytes, and memory is a whole number of them, from 1")
    return int(size)


def said(amount: float, name: str) -> str:
    """An amount for a message: bytes with a unit that a person reads, other numbers as they are."""
    if name != MEMORY:
        return f"{amount:g}" if isinstance(amount, float) else str(amount)
    size, unit = float(amount), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"
