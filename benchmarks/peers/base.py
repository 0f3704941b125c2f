# ruff: noqa: ARG002 - the defaults refuse whatever they are given
"""What a contender offers: one method per shape, each returning something that runs it once.

Building is never timed, running is. A shape that a library cannot express raises `NotOffered` with the
reason, and the reason is printed in the table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from benchmarks.shapes import Delays, Graph

Run: TypeAlias = Callable[[], Awaitable[object]]
Analyse: TypeAlias = Callable[[str], Awaitable[str]]
"""One document in, its report out."""
Form: TypeAlias = Literal["if_else, async", "if_else, sync", "switch", "toggle", "guard"]
"""How a choice is written: what its condition is, or which kind of choice it is."""
Asked: TypeAlias = Literal["async", "sync"]
"""What the condition of a loop is: a coroutine function of its argument, or a plain function of the state."""
Item: TypeAlias = Literal["async", "component", "sync"]
"""What a map calls: an async function, an object, or a function that blocks."""
Handled: TypeAlias = Literal["try_catch", "try_catch, caught", "keep", "keep, caught"]
"""Which handler each step has, and whether the step fails."""


class NotOffered(Exception):
    """This library has no way to say that."""


class Peer:
    """A contender. The defaults offer nothing; a subclass overrides what its library can do."""

    name: ClassVar[str]
    distribution: ClassVar[str | None] = None
    slow: ClassVar[bool] = False
    """Whether the largest sizes would take minutes; it then gets a tenth, and figures are per step."""

    environment: ClassVar[Mapping[str, str]] = {}
    """Variables that keep it from doing anything but the work, such as reporting its use."""

    def version(self) -> str | None:
        """The installed version, or None when it is not installed."""
        if self.distribution is None:
            return "standard library"
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return None

    def prepare(self) -> None:
        """Import the library and switch off what it would print."""

    def chain(self, length: int, *, suspends: bool) -> Run:
        """*length* steps one after the other, each rewriting `x`; returns the last value."""
        raise NotOffered("no chains")

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        """*width* branches side by side, each reading `x`; returns their values in listed order."""
        raise NotOffered("no fan-out")

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        """An irregular graph, at most *slots* steps at once; returns `graph.answer`."""
        raise NotOffered("no data flow")

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:
        """The tutorial's shape; with *plain_list* the four analyses are listed one after the other."""
        raise NotOffered("no fan-out")

    def documents(self, delays: Delays, inputs: Sequence[str], *, at_once: int) -> Run | None:
        """Many documents through the tutorial's shape with the library's own map; None if it has none."""
        return None

    def blocking(self, seconds: Sequence[float]) -> Run:
        """Plain `def` components that block, side by side; returns their values in listed order."""
        raise NotOffered("no plain functions")

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        """Four branches that read *rows*, the *whole* of it or little; returns their four sums in listed order."""
        raise NotOffered("no fan-out")

    def choices(self, count: int, form: Form) -> Run:
        """*count* choices one after the other; the branch that is taken rewrites `x`; returns the last value."""
        raise NotOffered("not measured")

    def each(self, count: int, form: Item) -> Run:
        """A component for each of the numbers up to *count*, side by side; returns the list of results."""
        raise NotOffered("not measured")

    def turns(self, count: int, asked: Asked) -> Run:
        """A loop whose body is one step that rewrites `x`, ended by its condition; returns the last value."""
        raise NotOffered("not measured")

    def handled(self, count: int, form: Handled) -> Run:
        """*count* steps one after the other, each with a handler of its own; returns the last value of `x`."""
        raise NotOffered("not measured")

    def program(self) -> str:
        """A stand-alone program: import, build a pipeline of three steps, run it once, print the result."""
        raise NotOffered("no program")
