#!/usr/bin/env python3
"""Make the environment for daily work on Plait: `.venv`, with everything, and the sources in place of a wheel.

    python3 tools/setup.py

Then `.venv/bin/pytest` runs the tests against the sources (they refuse anything but an installed wheel, unless
`PLAIT_TEST_SOURCES=1` is set), and an editor finds its type checker there.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is the first thing a fresh machine may get wrong
    sys.exit(
        f"Plait needs Python 3.11 or later; this is {sys.version.split()[0]}. Try: python3.11 tools/setup.py"
    )

from pathlib import Path

import workshop
from workshop import ROOT, Trouble, clean_environ, python_of, say


def main() -> int:
    """Make it, or leave it as it is when nothing has changed."""
    with workshop.locked():
        venv = workshop.environment(".venv", ["test", "lint", "notebook", "full"])
        install = [python_of(venv), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command: list[str | Path] = [*install, "--no-deps", "--no-build-isolation", "--editable", ROOT]
        workshop.run_quietly(command, what="installing the sources", environ=clean_environ(venv))
    say("PLAIT_TEST_SOURCES=1 .venv/bin/pytest")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"tools/setup.py: {trouble}")
