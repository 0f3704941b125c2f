"""A pipeline as a drawing for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait.core.draw.shape import Waits, keys_in, keys_out, opened, shorten, title, visible
from plait.core.plan.bound import Bound
from plait.core.plan.outline import Part, outline

_WIDE, _NAME, _KEYS = 100, 48, 4


class _Row(NamedTuple):
    drawing: str
    about: str = ""


def text(bound: Bound) -> str:
    """Draw a bound pipeline for a terminal, one line per step, with the keys that it reads and writes.

    ``●`` and ``↓`` stand before steps that run one after another, ``╠`` before branches that run side by side,
    ``◇`` before steps that start as soon as what they read exists.
    """
    root = outline(bound)
    waits = Waits(bound, root)
    count = sum(1 for part in root.walk() if part.leaf is not None)
    heading = [visible(root.name or "pipeline"), f"{count} step{'' if count == 1 else 's'}"]
    if root.by_data:
        heading.append("each as soon as its data is there")
    rows = list(_inside(root, waits))
    column = min(max(len(row.drawing) for row in rows) + 2, _NAME)
    lines = [", ".join(heading)]
    for row in rows:
        space = max(column - len(row.drawing), 2) if row.about else 0
        lines.append(shorten(f"{row.drawing}{' ' * space}{row.about}", _WIDE))
    return "\n".join(lines) + "\n"


def _inside(part: Part, waits: Waits) -> Iterator[_Row]:
    parts = [*opened(part.parts)]
    for i, inner in enumerate(parts):
        last = i == len(parts) - 1
        if part.kind == "parallel":
            first, rest = ("╚ ", "  ") if last else ("╠ ", "║ ")
        elif part.by_data:
            first, rest = "◇ ", "  " if last else "│ "
        else:
            first, rest = "↓ " if i else "● ", "  " if last else "│ "
        for row in _part(inner, waits):
            yield row._replace(drawing=first + row.drawing)
            first = rest


def _part(part: Part, waits: Waits) -> Iterator[_Row]:
    if part.leaf is not None:
        name = shorten(visible(part.name or ""), _NAME - 8)
        yield _Row(f"{name} (effect)" if part.leaf.step.effect else name, _about(part, waits))
        return
    if part.kind == "list" and part.name is None:
        yield from _inside(part, waits)
        return
    head, *about = title(part).split(", ", 1)
    yield _Row(shorten(head, _NAME - 8), *about)
    yield from _inside(part, waits)


def _about(part: Part, waits: Waits) -> str:
    """What a step reads and writes; in dataflow also what it waits for."""
    leaf = part.leaf
    assert leaf is not None
    said = " → ".join([_keys(keys_in(leaf)), _keys(keys_out(leaf))])
    around = next((p for p in part.around() if p.by_data), None)
    if around is not None:
        before = [
            visible(p.name or p.kind) for p in waits.before(part) if around.first <= p.first < around.last
        ]
        said += f"   after {_keys(before)}" if before else ""
    return said


def _keys(keys: list[str]) -> str:
    shown = [visible(k) for k in (keys if len(keys) <= _KEYS else keys[: _KEYS - 1])]
    return ", ".join(shown) + (f" and {len(keys) - len(shown)} more" if len(shown) < len(keys) else "") or "·"
