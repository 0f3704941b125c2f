"""How long a provider asks to be left alone: the ``Retry-After`` of an error, in every form that is met."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

LONGEST: Final = 300.0
"""No answer is longer, in seconds: a provider that says more, or nonsense, would hold a run for hours."""

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_BETWEEN: Final = re.compile(r",(?!\s*\d{2}[ -][A-Z][a-z]{2})")
"""The commas between values; the one within a date stands before a day and a month."""


def retry_after(error: BaseException, *, now: float | None = None) -> float | None:
    """The seconds an error asks to wait before the next attempt, from 0 to ``LONGEST``; None if it asks for nothing.

    An error says so by an attribute ``retry_after`` (seconds, or the text of the header), or by the headers of its
    ``response``: ``retry-after-ms``, then ``retry-after`` as seconds or as a date in one of HTTP's three forms. Of
    several values, and of several errors in a group, the longest counts. What can't be read is as if it were not there.

    Args:
        error: what a component raised.
        now: seconds since the epoch, for a date. The response's own ``Date`` is better and goes first, since the two
            clocks may differ.

    >>> error = ConnectionError()
    >>> error.retry_after = "1.5"
    >>> retry_after(error)
    1.5
    """
    if isinstance(error, BaseExceptionGroup):
        return _longest(retry_after(one, now=now) for one in error.exceptions)
    try:
        said = getattr(error, "retry_after", None)
        headers = getattr(getattr(error, "response", None), "headers", None)
    except Exception:  # noqa: BLE001  (somebody's property; the error itself is what counts)
        return None
    found = _capped(said) if isinstance(said, (int, float)) else _read(said, now)
    return found if found is not None else _from_headers(headers, now)


def _from_headers(headers: Any, now: float | None) -> float | None:
    if not isinstance(headers, Mapping):
        return None
    values = {name.lower(): value for name, value in headers.items() if isinstance(name, str)}
    exact = _read(values.get("retry-after-ms"), None, scale=1000.0)
    if exact is not None:
        return exact
    there = _moment(values.get("date"))
    return _read(values.get("retry-after"), now if there is None else there)


def _read(text: object, now: float | None, scale: float = 1.0) -> float | None:
    """The longest of the values in a header."""
    if not isinstance(text, str) or len(text) > 1000:
        return None
    return _longest(_one(part.strip(), now, scale) for part in _BETWEEN.split(text))


def _one(part: str, now: float | None, scale: float) -> float | None:
    if _NUMBER.fullmatch(part):
        return _capped(float(part) / scale)
    moment = _moment(part) if now is not None else None
    return None if moment is None or now is None else _capped(moment - now)


def _moment(text: object) -> float | None:
    """A date of HTTP as seconds since the epoch."""
    if not isinstance(text, str):
        return None
    from email.utils import mktime_tz, parsedate_tz

    try:
        parsed = parsedate_tz(text)
        return None if parsed is None else float(mktime_tz((*parsed[:9], parsed[9] or 0)))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _capped(seconds: float) -> float | None:
    if isinstance(seconds, bool) or seconds != seconds:  # noqa: PLR0124  (not a number; a huge int has no isnan)
        return None
    return float(min(max(seconds, 0.0), LONGEST))


def _longest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
