"""What the reference interpreter works on: frames of values with a log of what was written, and failures on their way up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from plait.core.schema import ABSENT, Schema

MISSING: Final[Any] = type("Missing", (), {"__slots__": (), "__repr__": lambda _self: "MISSING"})()


class Place(NamedTuple):
    """Where a run is: ``order`` sorts places as they are listed, turn after turn and item after item."""

    order: tuple[int, ...]
    path: str


class Failure(Exception):
    """The way up for ``(place, error)`` of every step that failed."""

    def __init__(self, found: list[tuple[Place, BaseException]]) -> None:
        super().__init__(found)
        self.found = found


class Paused(BaseException):
    """The way out for a pause without an answer; nothing in between may take it for an error."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Frame:
    """What a place in the pipeline sees, and what was written there."""

    __slots__ = ("log", "schema", "values")

    def __init__(self, schema: Schema, values: dict[str, Any]) -> None:
        self.schema, self.values = schema, values
        self.log: list[tuple[Place, str, Any]] = []

    def fork(self) -> Frame:
        return Frame(self.schema, dict(self.values))

    def has(self, key: str) -> bool:
        return self.values.get(key, MISSING) is not MISSING

    def present(self) -> dict[str, Any]:
        return {key: value for key, value in self.values.items() if value is not MISSING}

    def reducer(self, key: str) -> Callable[[Any, Any], Any] | None:
        field = self.schema.fields.get(key)
        return field.reducer if field is not None else None

    def write(self, place: Place, key: str, value: Any) -> None:
        """A new version of a key; for a key with a reducer the value is a delta."""
        reduce = self.reducer(key)
        if reduce is None:
            self.values[key] = value
        elif value is MISSING:  # a delta that never came: what is left is the base, or the empty value
            if not self.has(key) and self.schema.fields[key].neutral() is not ABSENT:
                self.values[key] = self.schema.fields[key].neutral()
        else:
            base = self.values[key] if self.has(key) else self.schema.fields[key].neutral()
            self.values[key] = value if base is ABSENT else reduce(base, value)
        self.log.append((place, key, value))

    def take(self, written: list[tuple[Place, str, Any]]) -> None:
        """Write several values, all or nothing."""
        trial = self.fork()
        for place, key, value in written:
            try:
                trial.write(place, key, value)
            except Exception as error:  # a reducer is the user's code
                raise Failure([(place, error)]) from error
        self.values = trial.values
        self.log.extend(trial.log)

    def merge(self, fork: Frame) -> None:
        """Take over what a fork wrote, all or nothing."""
        self.take(fork.log)
