"""Analyse a folder of documents: one JSON report per document, and a summary of what it took.

    python examples/document_analysis/main.py examples/document_analysis/documents --output reports

Exit codes: 0 every document has its report; 2 usage; 4 some documents were rejected (0 with
--allow-failures); 130 interrupted.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from modules import RejectedDocument
from pipeline import one_after_another, pipeline
from summary import Folder, show_comparison, show_counts, show_folder, show_one_run

import plait

SUFFIXES = {".pdf", ".html", ".htm", ".xhtml", ".txt"}


Report = dict[str, Any]


class Rejected(NamedTuple):
    """A document without a report, and why."""

    name: str
    cause: str
    message: str


class Outcome(NamedTuple):
    """What became of all documents."""

    reports: dict[str, Report]
    rejected: list[Rejected]
    runs: dict[str, Any]
    """By document, the report of its run (`Result.report`)."""
    seconds: float


def find_documents(places: Iterable[Path]) -> list[Path]:
    """The documents among these files and in these folders, in the order of their names.

    Raises:
        ValueError: a place does not exist, holds no document, or two documents have one name.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            inside = sorted(
                path for path in place.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()
            )
            if not inside:
                raise ValueError(
                    f"{place}: no document in this folder (looked for {', '.join(sorted(SUFFIXES))})"
                )
            found += inside
        elif place.exists():
            found.append(place)
        else:
            raise ValueError(f"{place}: no such file or folder")
    twice = [name for name, count in Counter(path.name for path in found).items() if count > 1]
    if twice:
        raise ValueError(f"{twice[0]}: two documents have this name, and the reports are named after them")
    return found


class StatusLine:
    """One line that says what goes on, on a terminal; nothing elsewhere. It leaves nothing behind."""

    def __init__(self) -> None:
        self.shows = (
            sys.stderr.isatty() and not os.environ.get("CI") and os.environ.get("TERM", "dumb") != "dumb"
        )

    def say(self, text: str) -> None:
        if self.shows:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.say("")


def analyse(
    flow: Any,
    documents: list[Path],
    keep: Callable[[str, Report], None],
    *,
    max_concurrency: int,
    doing: str = "analysing",
) -> Outcome:
    """Run the pipeline on every document, so many at a time, and hand over each report as it comes.

    A rejected document does not disturb the others.
    """
    reports: dict[str, Report] = {}
    rejected: list[Rejected] = []
    runs: dict[str, Any] = {}
    inputs = [{"input_document": str(path)} for path in documents]
    began = time.perf_counter()
    with (
        StatusLine() as status,
        flow.map(inputs, max_concurrency=max_concurrency, on_error="collect") as items,
    ):
        status.say(f"  {doing}: {len(documents)} documents")
        for item in items:
            status.say(f"  {doing}: {item.index + 1} of {len(documents)} documents")
            name = documents[item.index].name
            if item.ok:
                reports[name] = report_of(item.result.state)
                runs[name] = item.result.report
                keep(name, reports[name])
            else:
                rejected.append(rejection(name, item.error))
    return Outcome(reports, rejected, runs, time.perf_counter() - began)


def report_of(state: Mapping[str, Any]) -> Report:
    """What is written for a document: the facts about the file, then the analyses."""
    return {"document": state["document_info"], **state["analysis_report"]}


def rejection(name: str, error: BaseException) -> Rejected:
    """Why a document has no report, in one word for the counts and one sentence for the reader."""
    failure = plait.failures(error)[0]
    if isinstance(failure.error, RejectedDocument):
        return Rejected(name, failure.error.cause, str(failure.error))
    if isinstance(failure.error, OSError):
        return Rejected(name, "unreadable", f"{name}: {failure.error.strerror or failure.error}")
    return Rejected(
        name, "failed", f"{name}: {failure.path}: {type(failure.error).__name__}: {failure.error}"
    )


def write_atomically(path: Path, text: str) -> None:
    """Write the file whole or not at all, so that nobody ever reads half a report."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).chmod(0o644)  # mkstemp makes files that only their owner can read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_report(output: Path, name: str, report: Report) -> None:
    write_atomically(output / f"{name}.json", json.dumps(report, ensure_ascii=False, indent=2) + "\n")


def forget(_name: str, _report: Report) -> None:
    """What is done with the reports of the comparison."""


def write_rejected(output: Path, rejected: list[Rejected]) -> None:
    """The rejected documents as JSON Lines."""
    for one in rejected:  # a report from an earlier run would say the opposite
        (output / f"{one.name}.json").unlink(missing_ok=True)
    lines = (json.dumps(one._asdict(), ensure_ascii=False) + "\n" for one in rejected)
    write_atomically(output / "rejected.jsonl", "".join(lines))


def arguments_of(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Analyse documents (PDF, HTML, text): one JSON report for each."
    )
    parser.add_argument("documents", nargs="+", type=Path, help="folders, or single files")
    parser.add_argument(
        "--output", type=Path, default=Path("reports"), help="folder for the reports (default: reports)"
    )
    parser.add_argument(
        "--max-concurrency",
        type=int,
        default=cores(),
        metavar="N",
        help="documents at a time (default: the number of cores, %(default)s)",
    )
    parser.add_argument(
        "--show", metavar="NAME", help="whose run to show in detail (default: the one with the most work)"
    )
    parser.add_argument(
        "--compare", action="store_true", help="also run everything one after another, and compare"
    )
    parser.add_argument(
        "--allow-failures", action="store_true", help="exit with 0 even if documents were rejected"
    )
    arguments = parser.parse_args(argv)
    if arguments.max_concurrency < 1:
        parser.error("--max-concurrency must be at least 1")
    return arguments


def cores() -> int:
    """The cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(arguments: argparse.Namespace) -> int:
    try:
        documents = find_documents(arguments.documents)
        arguments.output.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.show is not None and arguments.show not in {path.name for path in documents}:
        print(f"error: --show {arguments.show}: no document of this name", file=sys.stderr)
        return 2
    began = time.perf_counter()
    status = StatusLine()
    status.say("  loading the models")
    with status, pipeline:  # loads the models, once
        status.say("")
        loading = time.perf_counter() - began
        outcome = analyse(
            pipeline,
            documents,
            functools.partial(write_report, arguments.output),
            max_concurrency=arguments.max_concurrency,
        )
        write_rejected(arguments.output, outcome.rejected)
        show_counts(len(outcome.reports), outcome.rejected, arguments.output)
        shown = arguments.show or max(outcome.runs, key=lambda name: outcome.runs[name].work, default=None)
        if shown in outcome.reports:
            path = next(path for path in documents if path.name == shown)
            alone = pipeline.run({"input_document": str(path)})  # again, with the machine to itself
            show_one_run(outcome.reports[shown]["document"], alone.report)
        if outcome.runs:
            folder = Folder.of(
                outcome.runs.values(), outcome.seconds, cores(), arguments.max_concurrency, loading
            )
            show_folder(folder)
            if arguments.compare:
                baseline = analyse(
                    one_after_another, documents, forget, max_concurrency=1, doing="one after another"
                )
                show_comparison(folder, baseline.seconds, same=baseline.reports == outcome.reports)
    return 4 if outcome.rejected and not arguments.allow_failures else 0


def main(argv: list[str] | None = None) -> int:
    """The command. Returns the exit code."""
    try:
        return run(arguments_of(argv))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
