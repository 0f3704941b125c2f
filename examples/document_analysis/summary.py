"""What the terminal shows after a run: counts, one run in detail, and what bounds the gain."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
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
    print(f"{_count(reports, 'report')}, {total} rejected{causes}")
    print(f"reports in {output}")
    for cause in ordered:
        print(f"\n{cause}")
        for message in by_cause[cause]:
            print(f"  {message}")


def show_one_run(document: Mapping[str, Any], report: Any) -> None:
    """The timeline of one run and its figures."""
    pages = f"{document['pages']} pages, " if document["pages"] else ""
    print(f"\nOne document, alone: {document['name']} ({pages}{document['characters']:,} characters)\n")
    print(report.to_text())


def show_folder(folder: Folder) -> None:
    """The time for all documents, against the sum of the steps and the critical path."""
    print(f"\nAll documents, {folder.at_a_time} at a time on {_count(folder.cores, 'core')}\n")
    busy = folder.work / folder.seconds
    _row("elapsed", folder.seconds, f"and {folder.loading:.2f} s before, to load the models once")
    _row("sum of all steps", folder.work, f"of CPU time: {busy:.2f} cores were busy on the average")
    _row("longest critical path", folder.longest, "of one document; no number of cores goes below it")
    print("\nWhat bounds the gain\n")
    share, gain = f"{folder.heaviest_share:.0%}", f"{folder.possible_in_one:.2f}"
    if folder.heaviest_share > 0.5:
        print(f"  {folder.heaviest} is {share} of all work. It dominates: side by side, the branches of")
        print(
            f"  one document can make it {gain} times as fast at most. Documents side by side carry the rest,"
        )
    else:
        print(f"  {folder.heaviest} is {share} of all work. Side by side, the branches of one document can")
        print(f"  make it {gain} times as fast at most. Documents side by side carry the rest,")
    print(f"  up to {_count(folder.cores, 'core')}.")


def show_comparison(folder: Folder, baseline: float, *, same: bool) -> None:
    """The measured gain against the same steps one after another, and what is missing to the best case."""
    # The longest path was measured beside others, so on few documents it may exceed what alone is possible.
    best = max(baseline / folder.cores, min(folder.longest, folder.seconds, baseline))
    gain, possible = baseline / folder.seconds, baseline / best
    print("\nCompared with one step after another, one document after another\n")
    _row("one after another", baseline)
    _row("side by side", folder.seconds, f"speed-up {gain:.2f}")
    _row("possible at best", best, f"speed-up {possible:.2f}, with {_count(folder.cores, 'core')} fully used")
    print(f"  results: {'the same' if same else 'DIFFERENT; a component is not safe to run side by side'}")
    if gain < 0.85 * possible:
        print(
            "\n  The difference to the best case is what threads of one process cost each other: the components\n"
            "  hold Python's lock (GIL) for part of their time. Other programs on the machine count as well."
        )


def _row(label: str, seconds: float, remark: str = "") -> None:
    print(f"  {label:<22}{seconds:8.2f} s   {remark}".rstrip())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
