#!/usr/bin/env python3
"""Look up again which versions everything is tested with, and write them down.

    python3 tools/pin.py                      every file in constraints/
    python3 tools/pin.py dev                  one of them

Run it with the oldest supported Python, so that the pins hold on all of them. Then `python3 tools/test.py`, and
read the difference before it is committed. Names and versions only: where packages come from is for each
machine to say.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is the first thing a fresh machine may get wrong
    sys.exit(
        f"Plait needs Python 3.11 or later; this is {sys.version.split()[0]}. Try: python3.11 tools/pin.py"
    )

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import workshop
from workshop import ROOT, Trouble, run_quietly, say

FILES = {
    "dev": (
        ["test", "lint", "notebook", "edit", "full"],
        "What the tests, the checks and the main job were last seen to pass with.",
    ),
    "bench": (["bench"], "What the benchmarks were last measured with."),
    "components": (["components", "test"], "What the components of other systems were last run with."),
}
EXACT = re.compile(r"^[\w.-]+(\[[\w,]+\])?==[\w.]+$", re.MULTILINE)


def main(names: Sequence[str]) -> int:
    """Write the files that were asked for."""
    if unknown := set(names) - set(FILES):
        raise Trouble(f"there are no pins {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    # The examples say exactly what they were written for; the pins follow them.
    example = (ROOT / "examples" / "document_analysis" / "requirements-full.txt").read_text()
    example += (ROOT / "examples" / "document_analysis" / "requirements.txt").read_text()
    exact = [match.group() for match in EXACT.finditer(example)]
    with workshop.locked(), tempfile.TemporaryDirectory() as folder:
        venv = Path(folder) / "venv"
        run_quietly([sys.executable, "-m", "venv", venv], what="python -m venv")
        for name in names or FILES:
            extras, title = FILES[name]
            wanted = [*workshop.declared(extras), *(exact if name == "dev" else [])]
            report = Path(folder) / "report.json"
            say(f"resolving {name}")
            install = [*workshop.pip_install(venv), "--dry-run", "--ignore-installed", "--only-binary=:all:"]
            run_quietly([*install, "--report", report, *wanted], what="pip install --dry-run")
            found = [item["metadata"] for item in json.loads(report.read_text())["install"]]
            pins = sorted((re.sub(r"[-_.]+", "-", one["name"]).lower(), one["version"]) for one in found)
            lines = [
                f"# {title} Made by tools/pin.py.",
                *(f"{package}=={version}" for package, version in pins),
            ]
            (ROOT / "constraints" / f"{name}.txt").write_text("\n".join(lines) + "\n")
            say(f"constraints/{name}.txt: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"tools/pin.py: {trouble}")
