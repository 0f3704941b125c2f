"""What the terminal shows after a run: counts, one run in detail, and what bounds the gain."""

from __future__ import annotations

import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple, Protocol


class RejectedLike(Protocol):
    """A document without a report."""

    @property
    def cause(self) -> str: ...
    @property
    def message(self) -> str: ...


class Folder(NamedTuple):
    """The figures of a whole folder."""

    seconds: float
    work: float
    """What the steps cost, added up, in CPU seconds: no waiting for each other is in it."""
    longest: float
    """The critical path of the longest document: no machine could be faster."""
    possible_in_one: float
    """How much faster branches alone could make one document, on the average."""
    cores: int
    at_a_time: int
    loading: float
    heaviest: str
    heaviest_share: float

    @classmethod
    def of(cls, runs: Iterable[Any], seconds: float, cores: int, at_a_time: int, loading: float) -> Folder:
        """Add up the reports of all runs."""
        reports = list(runs)
        by_step: dict[str, float] = defaultdict(float)
        for report in reports:
            for step in report.steps:
                by_step[step.path] += step.work if step.cpu is None else step.cpu
        work = sum(by_step.values())
        heaviest = max(by_step, key=lambda path: by_step[path])
        critical = sum(report.critical_seconds for report in reports)
        return cls(
            seconds=seconds,
            work=work,
            longest=max(report.critical_seconds for report in reports),
            possible_in_one=sum(report.work for report in reports) / critical if critical else 1.0,
            cores=cores,
            at_a_time=at_a_time,
            loading=loading,
            heaviest=heaviest,
            heaviest_share=by_step[heaviest] / work if work else 0.0,
        )


def show_counts(reports: int, rejected: Iterable[RejectedLike], output: Path) -> None:
    """How many reports there are and where, and every rejected document under its cause."""
    by_cause: dict[str, list[str]] = defaultdict(list)
    for one in rejected:
        by_cause[one.cause].append(one.message)
    counts = Counter({cause: len(messages) for cause, messages in by_cause.items()})
    ordered = sorted(counts, key=lambda cause: (-counts[cause], cause))
    total = counts.total()
    causes = ": " + ", ".join(f"{counts[cause]} {cause}" for cause in ordered) if total else ""
    show(f"{_count(reports, 'report')}, {total} rejected{causes}")
    print(f"reports in {output}")
    for cause in ordered:
        print(f"\n{cause}")
        for message in by_cause[cause]:
            show(f"  {message}", hang=4)


def show_one_run(document: Mapping[str, Any], report: Any) -> None:
    """The timeline of one run and its figures."""
    pages = f"{document['pages']} pages, " if document["pages"] else ""
    show(f"\nOne document, alone: {document['name']} ({pages}{document['characters']:,} characters)\n")
    show(report.to_text(min(columns() or 80, 100)))


def show_folder(folder: Folder) -> None:
    """The time for all documents, against the sum of the steps and the critical path."""
    show(f"\nAll documents, {folder.at_a_time} at a time on {_count(folder.cores, 'core')}\n")
    busy = folder.work / folder.seconds
    _row("elapsed", folder.seconds, f"and {folder.loading:.2f} s before, to load the models once")
    _row("sum of all steps", folder.work, f"of CPU time: {busy:.2f} cores were busy on the average")
    _row("longest critical path", folder.longest, "of one document; no number of cores goes below it")
    print("\nWhat bounds the gain\n")
    dominates = "It dominates: side by side," if folder.heaviest_share > 0.5 else "Side by side,"
    show(
        f"  {folder.heaviest} is {folder.heaviest_share:.0%} of all work. {dominates} the branches of one document"
        f" can make it {folder.possible_in_one:.2f} times as fast at most. Documents side by side carry the rest,"
        f" up to {_count(folder.cores, 'core')}."
    )


def show_comparison(folder: Folder, baseline: float, *, same: bool) -> None:
    """The measured gain against the same steps one after another, and what is missing to the best case."""
    # The longest path was measured beside others, so on few documents it may exceed what alone is possible.
    best = max(baseline / folder.cores, min(folder.longest, folder.seconds, baseline))
    gain, possible = baseline / folder.seconds, baseline / best
    show("\nCompared with one step after another, one document after another\n")
    _row("one after another", baseline)
    _row("side by side", folder.seconds, f"speed-up {gain:.2f}")
    _row("possible at best", best, f"speed-up {possible:.2f}, with {_count(folder.cores, 'core')} fully used")
    show(f"  results: {'the same' if same else 'DIFFERENT; a component is not safe to run side by side'}")
    if gain < 0.85 * possible:
        show(
            "\n  The difference to the best case is what threads of one process cost each other: the components"
            " hold Python's lock (GIL) for part of their time. Other programs on the machine count as well."
        )


def columns() -> int | None:
    """How wide the terminal is; None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show(text: str, hang: int | None = None) -> None:
    """Print; on a terminal no word is torn at its edge: what is too long goes on below, under its beginning."""
    width = columns()
    for line in text.split("\n"):
        if width is None or len(line) <= width:
            print(line)
            continue
        indent = min(width // 2, len(line) - len(line.lstrip()) if hang is None else hang)
        for part in wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False):
            print(part)


def _row(label: str, seconds: float, remark: str = "") -> None:
    show(f"  {label:<22}{seconds:8.2f} s   {remark}".rstrip(), hang=37)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
