"""The table on docs/explanation/compared.md, taken from benchmarks/RESULTS.md.

python docs/explanation/compared.py            say whether it is out of date (exit code 1)
python docs/explanation/compared.py --write    put it right
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).with_suffix(".md")
RESULTS = Path(__file__).parents[2] / "benchmarks" / "RESULTS.md"
TABLE = re.compile(r"<!-- figures -->\n.*?\n\n", re.DOTALL)
CONTENDERS = {
    "hand": "by hand, asyncio",
    "plait": "Plait",
    "gllm": "gllm-pipeline",
    "langgraph": "LangGraph",
    "haystack": "Haystack",
    "hamilton": "Hamilton",
}
ROWS = {
    "a chain of 1,000 trivial steps, µs CPU a step": ("M1", "chain of 1,000 trivial async steps"),
    "100 trivial branches, µs CPU a branch": ("M3", "fan-out of 100 trivial async branches"),
    "an irregular graph of 200 steps with a critical path of 1 s, s": ("M5", "200 steps, 20 levels"),
    "1,000 documents, 5 ms steps, 100 at once, documents a second": ("M6", "1,000 documents"),
    "plain functions side by side, the longest takes 0.5 s, s": ("M8", "blocking components"),
    "import and first result, ms CPU": ("M11", "import and first result"),
    "four branches that read two places of 20,000 dicts, µs CPU": ("M12", "4 branches that read two places"),
    "six steps with a critical path of 3.5 s of 10 s, block written out, s": (
        "M13",
        "tutorial's shape, critical path 3.5 s of 10 s: analyses",
    ),
    "the same as a plain list (by hand: written out), s": (
        "M13",
        "tutorial's shape, critical path 3.5 s of 10 s: as a plain list",
    ),
}


class Results(NamedTuple):
    """The first part of the results page: one Python, all contenders."""

    python: str
    date: str
    versions: dict[str, str]
    cells: dict[tuple[str, str], dict[str, str]]
    """By workload and case, what each contender reached."""


def read() -> Results:
    """The figures as they stand on the results page."""
    _, first, *_ = re.split(r"^## ", RESULTS.read_text("utf-8"), flags=re.MULTILINE)
    title, body = first.split("\n", 1)
    python, date = re.fullmatch(r"CPython ([\d.]+), ([\d-]+)", title).groups()  # type: ignore[union-attr]
    said = re.search(r"^Contenders: (.*?)\.\n", body, re.MULTILINE)
    assert said is not None
    versions = dict(part.rsplit(" ", 1) for part in said[1].split(", "))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for section in re.split(r"^### ", body, flags=re.MULTILINE)[1:]:
        key = section.split("\n", 1)[0]
        rows = [
            [cell.strip() for cell in line.split("|")[1:-1]]
            for line in re.findall(r"^\|.*", section, re.MULTILINE)
        ]
        for row in rows[2:]:
            # The first row of a case is in the unit of its target.
            cells.setdefault((key, row[0]), dict(zip(rows[0], row, strict=True)))
    return Results(python, date, versions, cells)


def table(results: Results) -> str:
    """The table as it should stand on the page."""
    lines = [["", *CONTENDERS.values()], ["---"] * (len(CONTENDERS) + 1)]
    versions = {
        "hand": f"Python {results.python}",
        **{k.split()[0]: v for k, v in results.versions.items() if k != "hand standard"},
    }
    lines.append(["version", *(versions.get(name, "not measured") for name in CONTENDERS)])
    for label, (key, start) in ROWS.items():
        found = next(
            cells for (where, case), cells in results.cells.items() if where == key and case.startswith(start)
        )
        lines.append(
            [
                f"{label} ({key})",
                *(found.get(name, "not measured").split(" (")[0].split(":")[0] for name in CONTENDERS),
            ]
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def renewed(text: str) -> str:
    """The page with the table as it is now."""
    return TABLE.sub(lambda _: f"<!-- figures -->\n{table(read())}\n", text)


def main(arguments: list[str]) -> int:
    old = PAGE.read_text("utf-8")
    new = renewed(old)
    if arguments == ["--write"]:
        PAGE.write_text(new, "utf-8")
    elif old != new:
        print(f"{PAGE.name}: the table is out of date")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
