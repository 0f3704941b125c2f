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
    """The steps' times, added up. Taken side by side, so what steps cost each other is in them."""
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
                by_step[step.path] += step.work
        work = sum(by_step.values())
        heaviest = max(by_step, key=lambda path: by_step[path])
        critical = sum(report.critical_seconds for report in reports)
        return cls(
            seconds=seconds,
            work=work,
            longest=max(report.critical_seconds for report in reports),
            possible_in_one=work / critical if critical else 1.0,
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
    print(f"{reports} report{'' if reports == 1 else 's'}, {total} rejected{causes}")
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
    print(f"\nAll documents, {folder.at_a_time} at a time on {folder.cores} cores\n")
    print(
        f"  elapsed                  {folder.seconds:7.2f} s   (and {folder.loading:.2f} s to load the models, once)"
    )
    print(
        f"  sum of all steps         {folder.work:7.2f} s   {folder.work / folder.seconds:.2f} times the elapsed time, but taken side by side:"
    )
    print(
        "                                       what the steps cost each other is in it (--compare measures without)"
    )
    print(
        f"  longest critical path    {folder.longest:7.2f} s   one document; no number of cores goes below it"
    )
    print("\nWhat bounds the gain\n")
    print(f"  {folder.heaviest} is {folder.heaviest_share:.0%} of all work.", end=" ")
    if folder.heaviest_share > 0.5:
        print(
            f"It dominates: side by side, the branches of one document\n"
            f"  can gain {folder.possible_in_one:.2f} times at most. The rest must come from documents side by side."
        )
    else:
        print(
            f"Side by side, the branches of one document can gain {folder.possible_in_one:.2f} times at most."
        )


def show_comparison(folder: Folder, baseline: float, *, same: bool) -> None:
    """The measured gain against the same steps one after another, and what is missing to the best case."""
    best = max(baseline / folder.cores, folder.longest if folder.longest < baseline else 0.0)
    gain, possible = baseline / folder.seconds, baseline / best
    print("\nCompared with one step after another, one document after another\n")
    print(f"  one after another        {baseline:7.2f} s")
    print(f"  side by side             {folder.seconds:7.2f} s   speed-up {gain:.2f}")
    print(
        f"  possible at best         {best:7.2f} s   speed-up {possible:.2f}, with {folder.cores} cores fully used"
    )
    print(
        f"  results                  {'the same' if same else 'DIFFERENT: a component is not safe to run side by side'}"
    )
    if gain < 0.85 * possible:
        print(
            "\n  The difference to the best case is what threads of one process cost each other: the components\n"
            "  hold Python's lock (GIL) for part of their time. Other programs on the machine count as well."
        )
