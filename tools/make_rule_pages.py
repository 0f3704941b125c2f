"""Write docs/rules/ from the docstrings of the rules; with --check, say whether it is up to date.

python tools/make_rule_pages.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from plait.core.check import RULES

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "rules"


def pages() -> dict[str, str]:
    """Every file of the folder and its text."""
    out = {f"{code}.md": rule.page for code, rule in RULES.items()}
    lines = [
        "# Rules",
        "",
        "What `plait check` and every run look at before anything starts. An `E` refuses the pipeline, a `W` is advice.",
        "`plait rule CODE` prints a page. These pages are made from the rules themselves by `tools/make_rule_pages.py`.",
        "",
        "| code | finds |",
        "| --- | --- |",
    ]
    for code, rule in RULES.items():
        first = rule.page.split("## What it does\n", 1)[1].split(". ", 1)[0].split(".\n", 1)[0]
        found = " ".join(first.split()).removeprefix("Finds ")
        lines.append(f"| [{code}]({code}.md) | {found[0].lower() + found[1:]} |")
    out["README.md"] = "\n".join(lines) + "\n"
    return out


def stale() -> list[str]:
    """The files that are missing, left over or out of date."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main() -> int:
    """Write the pages, or check them."""
    if "--check" in sys.argv[1:]:
        old = stale()
        print(
            f"out of date in docs/rules: {', '.join(old)}; run python tools/make_rule_pages.py"
            if old
            else "docs/rules is up to date"
        )
        return 1 if old else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
