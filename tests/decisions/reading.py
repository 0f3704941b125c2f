"""Reads the truth tables of the decision records, so that each row can be run.

    rows = table("0001-effects", "case", "pipeline", "starts")
    @pytest.mark.parametrize("row", rows, ids=names(rows))

The columns have to be named, all of them and in their order: a column that no test looks at promises
something that nobody holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

RECORDS = Path(__file__).resolve().parents[2] / "docs" / "decisions"
Row: TypeAlias = "dict[str, str]"

_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")


def table(record: str, *columns: str, text: str | None = None) -> list[Row]:
    """The rows of the table with these columns, in the record of this name; backticks are taken off.

    Args:
        record: the file's name without ``.md``.
        columns: the whole header, in its order; the first names the row (with the second, if it is not alone).
        text: read this text instead of the file.

    Raises:
        LookupError: when there is no such table, it has no rows, two rows begin with the same two cells, or a
            row has not as many cells as the header.
    """
    text = (RECORDS / f"{record}.md").read_text("utf-8") if text is None else text
    lines = [_cells(line) for line in text.splitlines()]
    found: list[Row] = []
    for at, header in enumerate(lines):
        if header != list(columns) or not _is_rule(lines[at + 1]):
            continue
        for cells in lines[at + 2 :]:
            if cells is None:
                break
            if len(cells) != len(columns):
                raise LookupError(f"{record}: the row {cells!r} has {len(cells)} cells, not {len(columns)}")
            found.append(dict(zip(columns, cells, strict=True)))
    if not found:
        raise LookupError(f"{record} has no table with rows under {' | '.join(columns)}")
    begins = [tuple(row.values())[:2] for row in found]
    twice = [begin for begin in begins if begins.count(begin) > 1]
    if twice:
        raise LookupError(f"{record}: two rows begin with {twice[0]}")
    return found


def names(rows: Sequence[Row]) -> list[str]:
    """What the rows are called: their first cells."""
    return [next(iter(row.values())) for row in rows]


def _cells(line: str) -> list[str] | None:
    """The cells of a line of a table; None for any other line."""
    line = line.strip()
    if not line.startswith("|") or not line.endswith("|"):
        return None
    return [cell.replace("`", "").replace("\\|", "|").strip() for cell in _CELL.split(line)[1:-1]]


def _is_rule(cells: list[str] | None) -> bool:
    return cells is not None and all(_RULE.fullmatch(cell) for cell in cells)
