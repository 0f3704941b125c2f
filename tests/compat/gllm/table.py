"""What the migration guide says of the differences, made from the cases.

python -m tests.compat.gllm.table            say whether the guide is out of date (exit code 1)
python -m tests.compat.gllm.table --write    put it right
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.compat.gllm.cases import CASES
from tests.compat.gllm.playing import Fault

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "migrate-from-gllm.md"
PART = re.compile(r"(?<=<!-- differences -->\n).*?(?=<!-- end of differences -->\n)", re.DOTALL)

TITLES = {
    "Failures": ("3.1.1",),
    "Conditions and guards": ("3.1.2", "3.1.3", "1.3"),
    "Jumps and loops": ("3.1.4",),
    "Several outputs": ("3.1.5",),
    "Retries": ("3.1.6",),
    "Keys and values": ("3.1.7", "3.1.8", "3.1.9", "3.1.10"),
    "Caches": ("3.1.11",),
    "Ends and operators": ("3.1.12",),
    "What was accepted without a word": ("3.1.13",),
    "Limits that are gone": ("1.2", "1.4", "3.2", "3.4", "2 (1)", "2 (2)"),
}
"""The headings of the guide, and which faults stand below each."""


def differences() -> str:
    """The part of the guide that lists what is otherwise, a table below each heading."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    faults = [one.fault for one in CASES.values() if one.fault]
    for title, numbers in TITLES.items():
        yield from ("", f"### {title}", "", "| was | is now |", "| --- | --- |")
        rows = [_row(fault) for number in numbers for fault in faults if fault.number == number]
        yield from dict.fromkeys(rows)
    yield ""


def _row(fault: Fault) -> str:
    was, now = (text.replace("|", "\\|") for text in (fault.was, fault.now))
    return f"| {was} | {now} |"


def main(arguments: list[str]) -> int:
    """Compare the guide with the cases, or write it."""
    old = GUIDE.read_text("utf-8")
    new = PART.sub(lambda _: differences(), old)
    if "--write" in arguments:
        GUIDE.write_text(new, "utf-8")
        return 0
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
