#!/usr/bin/env python3
"""Make the environment for daily work on Plait: `.venv`, with everything, and the sources in place of a wheel.

    python3 tools/setup.py

Then `.venv/bin/pytest` runs the tests against the sources, and an editor finds everything there. What counts
in the end is `python3 tools/test.py`, which tests a wheel.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is the first thing a fresh machine may get wrong
    sys.exit(
        f"Plait needs Python 3.11 or later; this is {sys.version.split()[0]}. Try: python3.11 tools/setup.py"
    )

import workshop
from workshop import ROOT, Trouble, clean_environ, say


def main() -> int:
    """Make it, or leave it as it is when nothing has changed."""
    with workshop.locked():
        venv = workshop.environment(".venv", ["test", "lint", "notebook", "edit", "full"])
        command = [*workshop.pip_install(venv), "--no-deps", "--no-build-isolation", "--editable", ROOT]
        workshop.run_quietly(command, what="installing the sources", environ=clean_environ(venv))
    say("ready: .venv/bin/pytest, .venv/bin/plait")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"tools/setup.py: {trouble}")
