"""Breakpoints: steps before or after which a run is to be paused."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.names import did_you_mean
from plait.core.plan.bound import Leaf
from plait.errors import DefinitionError


class Breakpoints:
    """The paths of steps before and after which a run pauses."""

    __slots__ = ("after", "before")

    def __init__(self, before: Iterable[str] = (), after: Iterable[str] = ()) -> None:
        self.before = _paths(before, "interrupt_before")
        self.after = _paths(after, "interrupt_after")

    @property
    def key(self) -> str:
        """The same for the same breakpoints."""
        return f"before {sorted(self.before)}, after {sorted(self.after)}"

    def check(self, leaves: Iterable[Leaf]) -> None:
        """Refuse paths that no step has.

        Raises:
            DefinitionError: with the nearest path.
        """
        kinds = {leaf.path: leaf.step.kind for leaf in leaves}
        for name, wanted in (("interrupt_before", self.before), ("interrupt_after", self.after)):
            for path in sorted(wanted):
                if path not in kinds:
                    raise DefinitionError(f"{name}: no step has the path {path!r}{did_you_mean(path, kinds)}")
                if name == "interrupt_after" and kinds[path] in ("condition", "fan_out", "reduce", "handler"):
                    raise DefinitionError(
                        f"{name}: {path!r} is a part of another step; stop before or after that one"
                    )


def _paths(given: Iterable[str], name: str) -> frozenset[str]:
    if isinstance(given, str):
        raise DefinitionError(f"{name} is the string {given!r}; give a list: [{given!r}]")
    return frozenset(given)
