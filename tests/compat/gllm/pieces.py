"""Steps and state types that many cases are made of."""

from __future__ import annotations

from typing import Any


def double(lib: Any, name: str, out: str, source: str = "x") -> Any:
    """A component step that doubles a key."""
    return lib.step(lib.parts.Double(name), output_state=out, input_map={"x": source}, name=name)


def put(lib: Any, name: str, value: Any, key: str = "out") -> Any:
    """A transform that writes a value, and is noted."""
    return lib.transform(lib.noted(name, lambda _: value), output_state=key, name=name)


def xyz(lib: Any) -> Any:
    """A state type of three numbers."""
    return lib.state(x=int, y=int, z=int)
