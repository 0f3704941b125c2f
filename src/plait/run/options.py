"""What every verb takes besides the inputs, checked where it is called; and the ids of runs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from plait.core.policy import seconds
from plait.errors import DefinitionError
from plait.settings import settings

if TYPE_CHECKING:
    from plait.core.flow import Definition
    from plait.run.kept import Kept

_run_prefix = (0, "")
_run_numbers = itertools.count(1)

NO_ANSWERS: Any = type("NoAnswers", (), {"__slots__": (), "__repr__": lambda _self: "<none>"})()
"""What ``resume`` has when nobody gives an answer."""


def _new_run_id() -> str:
    """An id that is unique across processes: random once per process, then counted."""
    global _run_prefix  # noqa: PLW0603
    if _run_prefix[0] != os.getpid():
        _run_prefix = (os.getpid(), os.urandom(6).hex())
    return f"{_run_prefix[1]}-{next(_run_numbers)}"


class RunId:
    """A run id that is made when somebody asks for it."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: str | None = None

    def __call__(self) -> str:
        """Give the id, the same each time."""
        if self._value is None:
            self._value = _new_run_id()
        return self._value


def options_of(
    where: str, config: object, context: object, deadline: object, observers: Iterable[Any]
) -> tuple[Any, ...]:
    """Check what every verb takes besides the inputs; gives the observers.

    Raises:
        DefinitionError: for a wrong one, before anything runs.
    """
    for name, value in (("config", config), ("context", context)):
        if value is not None and not isinstance(value, Mapping):
            raise DefinitionError(
                f"{where}: {name} is {value!r}; it is a mapping such as {{'model': 'small'}}"
            )
    if deadline is not None:
        seconds(deadline, f"{where}: deadline")
    if type(observers) is tuple and not observers:
        return ()
    if not isinstance(observers, Iterable):
        raise DefinitionError(
            f"{where}: observers is {observers!r}; give a list of objects with on_event(event)"
        )
    watching = tuple(observers)
    for i, observer in enumerate(watching):
        if not callable(getattr(observer, "on_event", None)):
            raise DefinitionError(
                f"{where}: observers[{i}] is {observer!r}, which has no method on_event(event)"
            )
    return watching


def grace_of(grace: float | None, where: str) -> float:
    """The time for cleanup of a pipeline's cancelled steps: its own, or that of the settings."""
    return seconds(grace, f"{where}: grace") or settings().grace


def bounded(definition: Definition) -> Definition:
    """The definition of a whole run: with the bound of the settings if it has none of its own."""
    bound = settings().max_concurrency
    if bound is None or definition.max_concurrency is not None:
        return definition
    from copy import copy

    made = copy(definition)
    made.max_concurrency = bound
    return made


def keeping(cache: object, definition: Definition, where: str) -> Kept | None:
    """The cache of a pipeline, or None.

    Raises:
        DefinitionError: when it can't have one.
    """
    from plait.run.kept import kept  # only who keeps results pays for what that takes

    return kept(cache, definition, where)
