"""The program as a child process, and as a call in this one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PLAIT = [sys.executable, "-P", "-W", "error", "-m", "plait.cli"]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def environment() -> dict[str, str]:
    """As for a person without any setting: not in CI, no colours asked for or forbidden."""
    unset = {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONWARNINGS"}
    return {name: value for name, value in os.environ.items() if name not in unset} | {
        "PYTHONDONTWRITEBYTECODE": "1"
    }


@pytest.fixture
def plait(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Ended]:
    """Run the program in the test's folder and wait for it."""

    def run(
        *words: str, stdin: str | bytes = b"", env: dict[str, str] | None = None, cwd: Path = tmp_path
    ) -> Ended:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*PLAIT, *words],
            cwd=cwd,
            input=data,
            env=environment | (env or {}),
            capture_output=True,
            timeout=50,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file of the test's folder; a common indent is removed."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return write


@pytest.fixture
def fresh_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The test's folder as the current one; what the test imports and adds to the path is forgotten."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
