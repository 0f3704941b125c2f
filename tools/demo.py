#!/usr/bin/env python3
"""Run the main job: analyse a folder of real documents, and say how long which step took.

    python3 tools/demo.py                     the documents that come with the repository
    python3 tools/demo.py FOLDER ...          your own: PDF, HTML and text
    python3 tools/demo.py -- --compare        what stands after -- goes to examples/document_analysis/main.py

It needs Python 3.11 or later and the package index, nothing else: it makes an environment in `.venv-demo`
(about 0.4 GB, most of it the model that finds names), builds the wheel, installs it there and runs the example.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it is the first thing a fresh machine may get wrong
    sys.exit(
        f"Plait needs Python 3.11 or later; this is {sys.version.split()[0]}. Try: python3.11 tools/demo.py"
    )

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import workshop
from workshop import ROOT, Trouble, clean_environ, python_of, say

EXAMPLE = ROOT / "examples" / "document_analysis"
INTERRUPTED = 130
PATIENCE = 20.0
"""Seconds for the main job to end after it was interrupted."""


def main_job(venv: Path, documents: Sequence[Path], output: Path, extra: Sequence[str]) -> list[str]:
    """The command line of the main job. The set has bad documents on purpose: rejecting them is a success."""
    places = [str(place) for place in documents or [EXAMPLE / "documents"]]
    allow = [] if documents else ["--allow-failures"]
    return [str(python_of(venv)), str(EXAMPLE / "main.py"), *places, "--output", str(output), *allow, *extra]


def run_to_its_end(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command that prints for itself; its exit code, also when it is interrupted."""
    with subprocess.Popen(command, env=environ) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            # It was interrupted as well: it lets the steps that are running end, and finishes what it writes.
            try:
                return child.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                raise KeyboardInterrupt from None


def main(arguments: Sequence[str]) -> int:
    """Set up what is needed and run it; the exit code is that of the main job."""
    own, extra = list(arguments), []
    if "--" in own:
        own, extra = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(
        prog="tools/demo.py", description="Analyse a folder of documents with Plait."
    )
    parser.add_argument(
        "documents", nargs="*", type=Path, help="folders or files (default: those of the repository)"
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "reports", help="where the reports go (default: reports)"
    )
    options = parser.parse_args(own)
    with workshop.locked():
        venv = workshop.environment(".venv-demo", ["demo"])
        workshop.install_wheel(venv, workshop.wheel(venv))
    say("running the main job")
    return run_to_its_end(main_job(venv, options.documents, options.output, extra), clean_environ(venv))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        sys.exit(f"tools/demo.py: {trouble}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
