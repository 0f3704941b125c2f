"""``plait doctor``: what this machine and this installation can do."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import click

from plait._version import __version__
from plait.cli.problem import Exit, clean
from plait.core.settings import DEFAULT
from plait.errors import DefinitionError
from plait.settings import settings, sources

Verdict: TypeAlias = Literal["ok", "note", "bad"]

OPTIONAL: Final = {
    "pydantic": "state types and components as pydantic models",
    "pypdfium2": "PDF in examples/document_analysis",
    "resiliparse": "HTML in examples/document_analysis",
    "vaderSentiment": "sentiment in examples/document_analysis",
    "py3langid": "languages in examples/document_analysis",
    "spacy": "entities in examples/document_analysis",
    "uvloop": "a faster event loop, if the program installs it",
    "pytest": "the fixtures of plait.testing",
    "IPython": "drawings in notebooks",
}


class Finding(NamedTuple):
    """One line of the doctor's report."""

    topic: str
    verdict: Verdict
    text: str
    value: Any


def examine() -> Iterator[Finding]:
    """Look at the machine and the installation. Nothing is changed, and nothing optional is imported."""
    yield Finding("plait", "ok", f"{__version__} in {Path(__file__).resolve().parents[1]}", __version__)
    yield _python()
    yield Finding("platform", *_platform())
    yield from _cores()
    yield _memory()
    yield _temp()
    yield _settings()
    yield from _terminal()
    yield from _packages()


def _python() -> Finding:
    version = platform.python_version()
    free = "t" if not getattr(sys, "_is_gil_enabled", lambda: True)() else ""
    text = f"{platform.python_implementation()} {version}{free} in {sys.prefix}"
    if not hasattr(asyncio, "eager_task_factory"):
        return Finding("python", "ok", f"{text} (3.12 and later start tasks faster)", version + free)
    return Finding("python", "ok", text, version + free)


def _platform() -> tuple[Verdict, str, str]:
    text = platform.platform(terse=True)
    system = platform.system()
    if system == "Linux":
        return "ok", text, system
    return "note", f"{text}: supported, but the tests of Plait ran on Linux", system


def _cores() -> Iterator[Finding]:
    installed = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else installed
    note = "" if allowed == installed else f" of {installed}"
    yield Finding("cores", "ok", f"{allowed}{note} that this process may use", allowed)
    quota = cgroup_cores()
    usable = allowed if quota is None else min(allowed, quota)
    if quota is not None and quota < allowed:
        yield Finding(
            "cores usable",
            "note",
            f"{usable:g}: the container's quota (cpu.max) is below the number of cores",
            usable,
        )
    else:
        yield Finding("cores usable", "ok", f"{usable:g}", usable)


def cgroup_cores(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> float | None:
    """How many cores the container's quota amounts to, or None where there is none."""
    try:
        below = own.read_text(encoding="ascii").strip().rpartition("::")[2].strip("/")
    except OSError:
        below = ""
    found = []
    for folder in (root / below, *(root / below).parents):
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            quota, period = "max", "1"
        if quota != "max" and float(period):
            found.append(float(quota) / float(period))
        if folder == root:
            break
    return min(found, default=None)


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Finding("memory", "note", "unknown on this platform", None)
    return Finding("memory", "ok", f"{total / 2**30:.1f} GiB in the machine", total)


def _temp() -> Finding:
    try:
        folder = tempfile.gettempdir()
        with tempfile.NamedTemporaryFile(prefix="plait-doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        return Finding(
            "temp folder",
            "bad",
            f"cannot be written to ({error.strerror or error}): set TMPDIR to a folder that can",
            None,
        )
    return Finding("temp folder", "ok", f"{folder} can be written to", folder)


def _settings() -> Finding:
    try:
        given = {name: place for name, place in sources().items() if place != DEFAULT}
    except DefinitionError as error:
        return Finding("settings", "bad", clean(str(error)), None)
    many = f"{len(given)} given: plait config show --sources" if given else "the defaults"
    return Finding("settings", "ok", many, given)


def _told() -> str:
    """How progress is to be shown; settings that can't be used are a finding of their own."""
    try:
        return settings().progress
    except DefinitionError:
        return "auto"


def _terminal() -> Iterator[Finding]:
    from plait.observers.progress import has_color, is_live

    live, color = is_live(sys.stderr), has_color(sys.stderr)
    progress = "nothing (CI is set)" if os.environ.get("CI") else "live" if live else "plain lines"
    why = "" if live else " (not a terminal, or a dumb one)"
    if (told := _told()) != "auto":
        progress, why = {"plain": "plain lines", "none": "nothing"}[told], " (the setting progress)"
    yield Finding(
        "terminal",
        "ok",
        f"progress is shown as {progress}{why}; colours {'on' if color else 'off'}",
        progress,
    )
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" in encoding:
        yield Finding("encoding", "ok", encoding, encoding)
    else:
        yield Finding(
            "encoding",
            "note",
            f"{encoding or 'unknown'}: set PYTHONIOENCODING=utf-8 to see every character",
            encoding,
        )


def _packages() -> Iterator[Finding]:
    from importlib import metadata

    for name, purpose in OPTIONAL.items():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(name, "note", f"not installed: {purpose}", None)
        else:
            yield Finding(name, "ok", f"{found}: {purpose}", found)
    found = metadata.version("click")
    old = tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < (8, 1)
    yield Finding(
        "click",
        "bad" if old else "ok",
        f"{found}: the command line" + (", which wants 8.1 or later" if old else ""),
        found,
    )


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, as_json: bool) -> int:
    """Tell what this machine and this installation can do.

    Python, cores, memory, the temporary folder, the settings, the terminal and the optional packages. Nothing is changed
    and nothing leaves the machine. The exit code is 1 if something is wrong that a run needs.
    """
    findings = list(examine())
    bad = [finding for finding in findings if finding.verdict == "bad"]
    if as_json:
        click.echo(
            json.dumps({"ok": not bad, "findings": [finding._asdict() for finding in findings]}, indent=2)
        )
    else:
        width = max(len(finding.topic) for finding in findings)
        marks = {"ok": " ", "note": "-", "bad": "!"}
        for finding in findings:
            click.echo(f"{marks[finding.verdict]} {finding.topic:<{width}}  {finding.text}")
        click.echo(f"\n{len(bad)} problem{'' if len(bad) == 1 else 's'}" if bad else "\nNo problems.")
    return int(Exit.FAILED if bad else Exit.OK)
