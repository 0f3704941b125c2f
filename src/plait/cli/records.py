"""One finished item as data for ``--json`` and ``--output``, and as a line or a screen for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from plait.cli.problem import clean, one_line
from plait.cli.reading import Item
from plait.cli.target import user_lines
from plait.errors import Failure, failures
from plait.observers.progress import fit, seconds


@dataclass(frozen=True, slots=True)
class Done:
    """How an item ended.

    Attributes:
        index: its place among the inputs, from 0.
        item: what went in.
        state: the final state; None if it failed.
        error: what its run raised; None if it succeeded.
        found: the failures of branches that the run survived (``on_error="collect"``, ``need=n``).
        seconds: how long its run took, or None where nothing was run.
        report: the report of its run, if there is one.
    """

    index: int
    item: Item
    state: Any = None
    error: BaseException | None = None
    found: tuple[Failure, ...] = ()
    seconds: float | None = None
    report: Any = None

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.error is None

    def to_record(self) -> dict[str, Any]:
        """The item as ``--json`` and ``--output`` show it."""
        record: dict[str, Any] = {"index": self.index}
        if self.item.label:
            record["source"] = self.item.label
        record |= {"ok": self.ok, "seconds": None if self.seconds is None else round(self.seconds, 6)}
        if self.error is None:
            record["state"] = self.state
        else:
            record["error"] = error_record(self.error)
        if self.found:
            record["failures"] = [failure_record(failure) for failure in self.found]
        return record

    def to_lines(self, width: int | None = None) -> list[str]:
        """The item in one line of a list; where that is wider than a terminal, its error goes below, whole.

        Args:
            width: how many columns there are; None for as many as it takes.
        """
        name = clean(self.item.label or f"item {self.index}")
        took = "" if self.seconds is None else f"  {seconds(self.seconds)}"
        if self.error is None:
            lost = f"  ({len(self.found)} of its branches failed)" if self.found else ""
            line = f"{name}{took}{lost}"
            return [line if width is None else fit(line, width)]
        error = in_short(self.error)
        line = f"{name}{took}  {error}"
        if width is None or fit(line, width) == line:
            return [line]
        return [fit(f"{name}{took}", width), *wrap(error, width, break_on_hyphens=False)]


def error_record(error: BaseException) -> dict[str, Any]:
    """An error as data: type, message, and the step that failed; several failures are listed."""
    found = failures(error)
    if len(found) == 1:
        return failure_record(found[0])
    record: dict[str, Any] = {
        "type": type(error).__name__,
        "message": str(error),
        "path": None,
        "attempt": None,
    }
    if found:
        record["failures"] = [failure_record(failure) for failure in found]
    return record


def failure_record(failure: Failure) -> dict[str, Any]:
    """One step's failure as data."""
    error = failure.error
    return {
        "type": type(error).__name__,
        "message": str(error),
        "path": failure.path,
        "attempt": failure.attempt,
    }


def in_short(error: BaseException) -> str:
    """An error in one line, with the step that failed."""
    found = failures(error)
    text = "; ".join(f"{f.path}: {type(f.error).__name__}: {f.error}" for f in found)
    return one_line(text or f"{type(error).__name__}: {error}")


def in_full(error: BaseException) -> str:
    """An error as one screen: every failed step with the user's own lines."""
    found = failures(error)
    if not found:
        return user_lines(error)
    return "\n".join(_paragraphs(found))


def _paragraphs(found: Iterable[Failure]) -> Iterable[str]:
    for failure in found:
        attempt = f", attempt {failure.attempt}" if failure.attempt > 1 else ""
        yield f"step {clean(failure.path)}{attempt} failed\n{user_lines(failure.error)}"
