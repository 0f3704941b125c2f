"""Names: snake_case defaults, and the nearest known name for a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HUMP = r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
_BAD = r"[^0-9A-Za-z_]+"


def snake_case(name: str) -> str:
    """Turn a class or function name into a step name: ``TopicDetector`` becomes ``topic_detector``."""
    if name == "<lambda>":
        return "lambda"
    if (
        name.isidentifier() and name.isascii() and name.islower()
    ):  # most functions: nothing but underscores to strip
        return name.strip("_") or "step"
    return re.sub(_BAD, "_", re.sub(_HUMP, "_", name)).strip("_").lower() or "step"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a person most likely meant, or None if nothing is near."""
    from difflib import get_close_matches  # only when something is already wrong

    candidates = sorted(set(known) - {name})
    lowered = {c.lower(): c for c in reversed(candidates)}
    found = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A ready clause for an error message: ``; did you mean 'topics'?``, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def listing(names: Iterable[str]) -> str:
    """Quote names for a sentence: ``'a'``, ``'a' and 'b'``, ``'a', 'b' and 'c'``."""
    quoted = [repr(n) for n in names]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} and {quoted[-1]}"
