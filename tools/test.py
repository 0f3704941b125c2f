#!/usr/bin/env python3
"""Check everything: style, types, and the tests, on every supported Python that this machine has.

    python3 tools/test.py                     all of it, as a submission must pass it
    python3 tools/test.py --fast              one Python, no coverage
    python3 tools/test.py --only lint         or types, or tests
    python3 tools/test.py --only lint --fix   and put right what can be
    python3 tools/test.py --fast --only tests -- tests/testing -k retry

It needs Python 3.11 or later and the package index, nothing else: it makes its own environments, builds the
wheel from the sources as they are, and tests that wheel. What stands after `--` goes to pytest.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is the first thing a fresh machine may get wrong
    sys.exit(
        f"Plait needs Python 3.11 or later; this is {sys.version.split()[0]}. Try: python3.11 tools/test.py"
    )

import argparse
import contextlib
import json
import os
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import workshop
from workshop import ROOT, Python, Trouble, clean_environ, python_of, say, scripts_of

NO_TESTS = 5
"""What pytest exits with when nothing was left to run."""
FEW = "15"
"""The property tests draw hundreds of pipelines on one Python; on the others, and where all is traced, a few."""
PARTS = ("core", "run", "executors", "testing")
"""Of these the coverage is told."""
WANTED = 90.0
"""Percent of lines and branches; a module with less is named."""
INTERRUPTED = 130
PATIENCE = 20.0
"""Seconds for a command that was interrupted to end."""


def call(
    command: Sequence[str | Path], venv: Path, log: Path | None = None, **variables: str
) -> tuple[int, float]:
    """Run a command that may print what it likes, here or into a file; its exit code, and how long it took."""
    started = time.monotonic()
    environ = clean_environ(venv) | variables
    with (
        contextlib.nullcontext() if log is None else log.open("wb") as out,
        subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL if log else None,
            stdout=out,
            stderr=subprocess.STDOUT if log else None,
        ) as child,
    ):
        try:
            code = child.wait()
        except KeyboardInterrupt:
            # It was interrupted as well, and has something to say about that before it ends.
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(PATIENCE)
            child.kill()
            raise
    return code, time.monotonic() - started


@dataclass(slots=True)
class Counts:
    """What pytest counted."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def executed(self) -> int:
        """How many tests were really run."""
        return self.passed + self.failed

    def __iadd__(self, other: Counts) -> Self:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(slots=True)
class Ending:
    """How one of the checks ended."""

    name: str
    good: bool
    seconds: float
    remark: str = ""
    counts: Counts | None = None


@dataclass(slots=True)
class Checks:
    """All checks of one command, in the order in which they ended."""

    endings: list[Ending] = field(default_factory=list)

    def add(self, ending: Ending) -> None:
        """Take one more."""
        self.endings.append(ending)

    def run(self, name: str, command: Sequence[str | Path], venv: Path) -> None:
        """A check that is one command: good if it exits with 0."""
        say(name)
        started = time.monotonic()
        code = subprocess.run(
            [str(part) for part in command], cwd=ROOT, env=clean_environ(venv), check=False
        ).returncode
        self.add(
            Ending(name, code == 0, time.monotonic() - started, "" if code == 0 else f"exit code {code}")
        )

    def summary(self, seconds: float) -> int:
        """Print what became of everything; the last line counts the tests."""
        say("summary")
        total = Counts()
        for ending in self.endings:
            remark = "  ".join(str(part) for part in (ending.counts, ending.remark) if part)
            print(
                f"{'ok    ' if ending.good else 'FAILED'}  {ending.name:<32}{ending.seconds:7.1f} s  {remark}".rstrip()
            )
            if ending.counts:
                total += ending.counts
        bad = [ending.name for ending in self.endings if not ending.good]
        verdict = f"FAILED: {', '.join(bad)}" if bad else f"all {len(self.endings)} checks passed"
        say(f"{verdict}, in {int(seconds) // 60} min {int(seconds) % 60} s")
        if any(ending.counts for ending in self.endings):
            print(total, flush=True)
        return 1 if bad else 0


# Style and types


def mend_style(venv: Path) -> None:
    """Let ruff put right what it can."""
    ruff = scripts_of(venv) / "ruff"
    say("ruff check --fix, ruff format")
    call([ruff, "check", "--fix", "--exit-zero", "--quiet", "."], venv)
    call([ruff, "format", "."], venv)


def check_style(checks: Checks, venv: Path) -> None:
    """Run ruff twice: rules and layout."""
    ruff = scripts_of(venv) / "ruff"
    concise = ["--output-format", "concise"]
    checks.run("ruff check", [ruff, "check", *concise, "."], venv)
    checks.run("ruff format --check", [ruff, "format", "--check", *concise, "."], venv)


def check_types(checks: Checks, venv: Path) -> None:
    """Run both type checkers side by side, and show what they print one after the other."""

    def captured(command: Sequence[str | Path]) -> tuple[int, str, float]:
        started = time.monotonic()
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=clean_environ(venv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return done.returncode, done.stdout.strip(), time.monotonic() - started

    commands: dict[str, list[str | Path]] = {
        "mypy --strict": [scripts_of(venv) / "mypy", "--strict"],
        "pyright": [scripts_of(venv) / "pyright", "--pythonpath", python_of(venv)],
    }
    with ThreadPoolExecutor() as threads:
        running = {name: threads.submit(captured, command) for name, command in commands.items()}
    for name, future in running.items():
        code, output, seconds = future.result()
        say(name)
        print(output, flush=True)
        checks.add(Ending(name, code == 0, seconds, "" if code == 0 else f"exit code {code}"))


# Tests


def counted(report: Path) -> Counts | None:
    """The counts of a report that pytest wrote, or None if it wrote none that can be read."""
    try:
        suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file, just written
    except (OSError, ET.ParseError):
        return None
    counts = Counts()
    for suite in suites:
        tests, failed, errors, skipped = (
            int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")
        )
        counts += Counts(tests - failed - errors - skipped, failed + errors, skipped)
    return counts


def pytest(
    name: str,
    venv: Path,
    arguments: Sequence[str],
    *,
    coverage: bool = False,
    log: Path | None = None,
    may_be_empty: bool = False,
    examples: str | None = None,
) -> Ending:
    """Run the tests once, with what the environment has installed.

    A run of no test at all has failed: somebody has lost the tests. Only who chose some, with what stands after `--`,
    may have chosen none of this kind.
    """
    report = workshop.WORKSHOP / f"report-{name.replace(' ', '-')}.xml"
    report.unlink(missing_ok=True)
    command: list[str | Path] = [python_of(venv)]
    if coverage:
        command += ["-m", "coverage", "run", f"--data-file={workshop.WORKSHOP / 'coverage'}"]
    command += ["-m", "pytest", f"--junitxml={report}", *arguments]
    variables = {} if examples is None else {"PLAIT_EXAMPLES": examples}
    code, seconds = call(command, venv, log, PLAIT_TEST_WHEEL="1", **variables)
    counts = counted(report)
    if code in {0, NO_TESTS} and (counts is None or not counts.executed):
        return Ending(name, may_be_empty, seconds, "no test was run")
    return Ending(name, code == 0, seconds, "" if code == 0 else f"pytest's exit code {code}", counts)


def run_tests(
    checks: Checks, venv: Path, others: Sequence[tuple[Python, Path]], extra: Sequence[str], *, fast: bool
) -> None:
    """Run the tests on this Python and on the others, those that compare durations apart."""
    minor = workshop.this_python().minor
    chosen = bool(extra)
    if fast:
        say(f"tests on {minor}")
        checks.add(pytest(f"tests on {minor}", venv, extra))
        return

    def on(python: Python, other: Path, log: Path) -> Ending:
        # Properties are tried in full on the last Python alone, where they are quickest.
        examples = None if python is others[-1][0] else FEW
        arguments = ["-m", "not demo and not timing", *extra]
        return pytest(
            f"tests on {python.minor}", other, arguments, log=log, may_be_empty=chosen, examples=examples
        )

    # What is traced takes longest, and takes one core; the other Pythons share another.
    with ThreadPoolExecutor(1) as threads:
        logs = [workshop.WORKSHOP / f"log-{python.minor}.txt" for python, _ in others]
        running = [threads.submit(on, *other, log) for other, log in zip(others, logs, strict=True)]
        say(f"tests on {minor}")
        arguments = ["-m", "not timing", *extra]
        ending = pytest(
            f"tests on {minor}", venv, arguments, coverage=True, may_be_empty=chosen, examples=FEW
        )
        checks.add(ending)
        for future, log in zip(running, logs, strict=True):
            ending = future.result()
            say(ending.name)
            print(log.read_text("utf-8", "replace"), flush=True)
            checks.add(ending)
    if not others:
        say(f"properties on {minor}")
        arguments = [*extra] or ["tests/properties"]
        checks.add(pytest(f"properties on {minor}", venv, arguments, may_be_empty=chosen))
    say(f"timing on {minor}")  # alone on the machine, and without tracing
    checks.add(pytest(f"timing on {minor}", venv, ["-m", "timing", *extra], may_be_empty=chosen))
    if not chosen:
        tell_coverage(checks, venv)
    if not any(ending.counts for ending in checks.endings):
        checks.add(Ending("tests", good=False, seconds=0.0, remark="not a single test was run"))


def tell_coverage(checks: Checks, venv: Path) -> None:
    """Say how much of the lines and branches the tests have reached, part by part, and where that is too little."""
    data = f"--data-file={workshop.WORKSHOP / 'coverage'}"
    report = workshop.WORKSHOP / "coverage.json"
    command: list[str | Path] = [python_of(venv), "-m", "coverage"]
    checks.run("coverage", [*command, "report", data], venv)
    call([*command, "json", "--quiet", data, "-o", report], venv)
    shares = covered(json.loads(report.read_text("utf-8")))
    parts = ", ".join(f"{part} {shares[part]:.1f} %" for part in PARTS if part in shares)
    print(f"lines and branches: {parts}, all {shares['']:.1f} %")
    for name, share in sorted(shares.items(), key=lambda item: item[1]):
        if name.endswith(".py") and share < WANTED and name.startswith(PARTS):
            print(f"below {WANTED:.0f} %: {name} {share:.1f} %")
    sys.stdout.flush()


def covered(report: dict[str, Any]) -> dict[str, float]:
    """Percent of lines and branches together: of every module, of every part, and (as "") of all."""
    reached: dict[str, list[int]] = {}
    for path, found in report["files"].items():
        name = Path(path).as_posix().rpartition("plait/")[2]
        summary = found["summary"]
        for of in {name, name.partition("/")[0] if "/" in name else name, ""}:
            sums = reached.setdefault(of, [0, 0])
            sums[0] += summary["covered_lines"] + summary.get("covered_branches", 0)
            sums[1] += summary["num_statements"] + summary.get("num_branches", 0)
    return {name: 100.0 * some / all_ if all_ else 100.0 for name, (some, all_) in reached.items()}


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    own, extra = list(arguments), []
    if "--" in own:
        own, extra = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(
        prog="tools/test.py",
        description="Check style, types and tests, with the wheel of the sources as they are.",
        epilog="What stands after -- goes to pytest.",
    )
    parser.add_argument("--fast", action="store_true", help="one Python, no coverage")
    parser.add_argument(
        "--only", choices=["lint", "types", "tests"], action="append", help="a part of it; may be repeated"
    )
    parser.add_argument("--fix", action="store_true", help="first let ruff put right what it can")
    options = parser.parse_args(own)
    options.extra = extra
    options.only = options.only or ["lint", "types", "tests"]
    return options


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 0 if all of it is good."""
    options = parsed(arguments)
    started = time.monotonic()
    checks = Checks()
    with workshop.locked():
        venv = workshop.environment(".venv-test", ["test", "lint", "notebook", "full"])
        if options.fix:
            mend_style(venv)
        workshop.install_wheel(venv, workshop.wheel(venv))
        others: list[tuple[Python, Path]] = []
        if "tests" in options.only and not options.fast:
            found, missing = workshop.other_pythons()
            for minor in missing:
                say(f"Python {minor} is not on this machine: nothing is tested on it")
            for python in found:
                other = workshop.environment(f".venv-test-{python.minor}", ["test"], python)
                workshop.install_wheel(other, workshop.wheel(venv))
                others.append((python, other))
        checks.add(Ending("environments and wheel", good=True, seconds=time.monotonic() - started))
        if "lint" in options.only:
            check_style(checks, venv)
        if "types" in options.only:
            check_types(checks, venv)
        if "tests" in options.only:
            run_tests(checks, venv, others, options.extra, fast=options.fast)
    return checks.summary(time.monotonic() - started)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    workshop.hear_interrupts()
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"tools/test.py: {trouble}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
