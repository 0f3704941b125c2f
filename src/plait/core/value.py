"""Small values: equal when their parts are, and printed as they are written.

A ``NamedTuple`` would read shorter, but each is compiled at import and costs ten plain classes there; it is also
slower to make and to look into. Facts are tuples all the same: a log that is stored or replayed is rows.
"""

from __future__ import annotations


class Value:
    """What commands share; ``__match_args__`` names the parts, in order."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def _parts(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, Value) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((type(self), self._parts()))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({parts})"
