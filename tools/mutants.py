#!/usr/bin/env python3
"""Plant defects in the engine, one at a time, and see whether the tests notice.

    python3 tools/mutants.py                    all of them; exit code 1 if one survives
    python3 tools/mutants.py -k quorum          those with this word in their names
    python3 tools/mutants.py --list             what there is
    python3 tools/mutants.py --write FILE       and put the table, as Markdown, in a file

For each the sources are copied, the defect is put in, and the property tests and the tests of the engine run
against the copy until the first one fails. First they run on the sources as they are, where all must pass.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import workshop
from planted import PLANTED, Planted
from workshop import ROOT, Trouble, clean_environ, python_of, say

SOURCES = ROOT / "src"
TESTS = (
    "tests/core/schedule",
    "tests/properties/test_scheduler.py",
    "tests/decisions",
    "tests/run",
    "tests/executors",
    "tests/probes",
    "tests/test_invariants.py",
    "tests/properties/test_equivalence.py",
    "tests/core/plan",
    "tests/core/check",
    "tests/testing",
)
"""In this order: what finds most in a second comes first."""

FOUND = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
OUT_OF_TIME = 124
LONGEST = 1800.0
"""Seconds for all tests without a defect."""


class Verdict(NamedTuple):
    """What became of one defect."""

    planted: Planted
    killer: str
    """The test that noticed it; empty if none did."""
    seconds: float


def stale(planted: Planted, sources: Path = SOURCES) -> str | None:
    """Why this defect can no longer be planted, or None if it can."""
    path = sources / "plait" / planted.file
    if not path.is_file():
        return f"{planted.name!r}: there is no {planted.file}"
    times = path.read_text("utf-8").count(planted.old)
    return None if times == 1 else f"{planted.name!r}: its text stands {times} times in {planted.file}"


def plant(planted: Planted, folder: Path) -> Path:
    """A copy of the sources with this defect in it."""
    if folder.exists():
        shutil.rmtree(folder)
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "plait" / planted.file
    path.write_text(path.read_text("utf-8").replace(planted.old, planted.new), "utf-8")
    return folder


def run_tests(
    python: Path, sources: Path, folder: Path, *, examples: int, limit: float
) -> tuple[int, str, float]:
    """Run the tests against these sources until one fails: pytest's exit code, what failed, and the seconds."""
    # No shrinking: that a test fails is all that we want to know. One seed, so that a table can be had again.
    command: list[str | Path] = [
        python,
        "-m",
        "pytest",
        "-x",
        "-q",
        "--tb=no",
        "-rfE",
        "-p",
        "no:cacheprovider",
    ]
    command += [
        "--hypothesis-seed=1",
        "--timeout=60",
        "-m",
        "not slow and not timing",
    ]
    command += [test for test in TESTS if (ROOT / test).exists()]
    environ = clean_environ() | {
        "PYTHONPATH": str(sources),
        "PLAIT_EXAMPLES": str(examples),
        "PLAIT_PROFILE": "mutants",
        "HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    started = time.monotonic()
    log = folder / "log"
    with log.open("w") as out:
        try:
            code = subprocess.run(
                [str(part) for part in command],
                cwd=ROOT,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=limit,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = OUT_OF_TIME
    text = log.read_text("utf-8", "replace")
    found = FOUND.search(text)
    return code, found[1] if found else text[-2000:], time.monotonic() - started


def try_one(python: Path, planted: Planted, folder: Path, *, examples: int, limit: float) -> Verdict:
    """Plant a defect and see which test notices it."""
    sources = plant(planted, folder / "src")
    code, what, seconds = run_tests(python, sources, folder, examples=examples, limit=limit)
    killer = ""
    if code == OUT_OF_TIME:
        killer = "it never ended"
    elif code == 1 or (code and FOUND.search(f"ERROR {what}")):
        killer = what
    elif code:
        raise Trouble(f"{planted.name!r}: pytest's exit code is {code}\n{what}")
    return Verdict(planted, killer, seconds)


def table(verdicts: Sequence[Verdict]) -> str:
    """The verdicts as a Markdown table."""
    lines = ["| planted defect | in | noticed by | seconds |", "| --- | --- | --- | --- |"]
    for planted, killer, seconds in verdicts:
        test = f"`{killer.removeprefix('tests/')}`" if killer else "**nobody**"
        lines.append(f"| {planted.name} | `{planted.file}` | {test} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tools/mutants.py", description="Plant defects in the engine and see whether the tests notice."
    )
    parser.add_argument("-k", metavar="WORD", default="", help="only those with this word in name or file")
    parser.add_argument("--list", action="store_true", help="show what there is, and run nothing")
    parser.add_argument("--examples", type=int, default=100, help="examples of each property test (100)")
    parser.add_argument(
        "--limit", type=float, help="seconds for one defect (default: twice what all tests take)"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table in a file as well")
    parser.add_argument("--python", type=Path, help="with the packages that tests need (default: .venv-test)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Try the defects that were asked for; 0 if all of them were noticed."""
    options = parsed(arguments)
    chosen = [p for p in PLANTED if options.k.lower() in f"{p.name} {p.file}".lower()]
    if options.list:
        for planted in chosen:
            print(f"{planted.file:<28}{planted.name}: {planted.breaks}")
        return 0
    if old := [why for planted in PLANTED if (why := stale(planted))]:
        raise Trouble("write these defects anew, in tools/planted.py:\n" + "\n".join(old))
    if not chosen:
        raise Trouble(f"no defect has {options.k!r} in its name or file")
    if options.python is None:
        with workshop.locked():
            python = python_of(workshop.environment(".venv-test", ["test", "lint", "notebook", "full"]))
    else:
        python = options.python
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        shutil.copytree(SOURCES, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        code, what, seconds = run_tests(
            python, folder / "src", folder, examples=options.examples, limit=LONGEST
        )
        if code:
            raise Trouble(f"the tests must pass before anything is planted, but: {what}")
        say(f"without a defect all tests pass, in {seconds:.0f} s")
        limit = options.limit or 2 * seconds + 30
        verdicts = []
        for planted in chosen:
            verdict = try_one(python, planted, folder, examples=options.examples, limit=limit)
            verdicts.append(verdict)
            print(f"{verdict.seconds:6.1f} s  {planted.name}: {verdict.killer or 'SURVIVED'}", flush=True)
    if options.write:
        options.write.write_text(table(verdicts), "utf-8")
    survivors = [v.planted.name for v in verdicts if not v.killer]
    say(
        f"{len(verdicts) - len(survivors)} of {len(verdicts)} defects were noticed"
        + (f"; not: {'; '.join(survivors)}" if survivors else "")
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    workshop.hear_interrupts()
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"tools/mutants.py: {trouble}")
