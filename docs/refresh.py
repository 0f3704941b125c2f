"""What the pages show: files under examples/, and what they print.

    python docs/refresh.py             say which pages are out of date (exit code 1)
    python docs/refresh.py --write     put them right

A line `<!-- file: examples/NAME.py -->` stands before a code block that shows the file, or with `#part` what lies in
it between `# part: ...` and `# end`. A line `<!-- output: examples/NAME.py -->` stands before what running it prints, and
`<!-- command: plait check examples/NAME.py -->` before a command and what it says; durations and bars may differ there.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHOWN = re.compile(
    r"<!-- (?P<what>file|output|command): (?P<name>[^\n#]+?)(?:#(?P<part>[\w-]+))? -->\n"
    r"(?P<fence>```\w*\n)(?P<text>.*?)```\n",
    re.DOTALL,
)
LATEST_SECONDS = 60
WARNS = {"examples/how_to/components_gl_sdk.py": ["-W", "ignore::DeprecationWarning"]}
"""Examples with packages that can't be imported without a warning of their own."""


def part_of(code: str, name: str) -> str:
    """What lies between `# part: name` and the next `# end`."""
    found = re.search(rf"^[ ]*# part: {re.escape(name)}\n(.*?)^[ ]*# end\n", code, re.DOTALL | re.MULTILINE)
    if not found:
        raise ValueError(f"there is no part {name!r}")
    return textwrap.dedent(found[1]).strip("\n") + "\n"


def without_marks(code: str) -> str:
    """A file as a reader wants it: without the marks of its parts."""
    return re.sub(r"^[ ]*# (?:part: [\w-]+|end)\n", "", code, flags=re.MULTILINE)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LATEST_SECONDS,
        check=False,
    )


@cache
def printed_by(name: str) -> str:
    """What an example prints, run in a process of its own."""
    done = _run("-W", "error", *WARNS.get(name, []), name)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


@cache
def said_by(command: str) -> str:
    """A command as it is typed, and what it says; its exit code only if it is not 0."""
    program, *arguments = shlex.split(command)
    if program != "plait":
        raise ValueError(f"the pages show commands of plait only, and this is {command!r}")
    done = _run("-m", "plait.cli", *arguments)
    code = f"exit code {done.returncode}\n" if done.returncode else ""
    return f"$ {command}\n{done.stdout}{done.stderr}{code}"


def roughly(text: str) -> str:
    """A text without what no two runs have in common: durations, ratios of them, bars, and where a line breaks."""
    text = re.sub(r"[█▒]+", " ", text)
    text = re.sub(r"\d+(?:\.\d+)? (?:s|ms|µs)\b", "TIME", text)
    text = re.sub(r"\b\d+\.\d+\b", "RATIO", text)
    text = re.sub(r"\b\d+%", "SHARE", text)
    return re.sub(r"\s+", " ", text).strip()


def current(match: re.Match[str]) -> str:
    """What a marked block should hold now; a block of output stays if it differs only in durations."""
    if match["what"] == "file":
        code = (ROOT / match["name"]).read_text("utf-8")
        return part_of(code, match["part"]) if match["part"] else without_marks(code)
    now = said_by(match["name"]) if match["what"] == "command" else printed_by(match["name"])
    return match["text"] if roughly(now) == roughly(match["text"]) else now


def renewed(page: str, stale: Callable[[str], object] = lambda _: None) -> str:
    """A page with every marked block as it should be; `stale` is told of those that were not."""

    def new(match: re.Match[str]) -> str:
        text = current(match)
        if text != match["text"]:
            stale(f"{match['what']} {match['name']}")
        return match[0].replace(match["fence"] + match["text"], match["fence"] + text)

    return SHOWN.sub(new, page)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Compare what the pages show with the examples.")
    parser.add_argument("--write", action="store_true", help="put the pages right")
    options = parser.parse_args(arguments)
    found: list[str] = []
    for path in PAGES:
        old = path.read_text("utf-8")
        new = renewed(old, lambda what, path=path: found.append(f"{path.relative_to(ROOT)}: {what}"))  # type: ignore[misc]
        if options.write and new != old:
            path.write_text(new, "utf-8")
    print("\n".join(found))
    return 1 if found and not options.write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
