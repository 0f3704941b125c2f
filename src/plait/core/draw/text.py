"""A pipeline as a drawing for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from plait.core.control import Choice
from plait.core.draw.shape import (
    Waits,
    again,
    asks,
    caught,
    drawn,
    goes_to,
    handler_of,
    is_handled,
    main_of,
    name_of,
    opened,
    reads_of,
    settings,
    shorten,
    title,
    visible,
    writes_of,
)
from plait.core.plan.bound import Bound
from plait.core.plan.outline import Part, outline

_WIDE, _NAME, _KEYS = 100, 48, 4


class _Row(NamedTuple):
    drawing: str
    about: str = ""


def text(bound: Bound) -> str:
    """Draw a bound pipeline for a terminal, one line per step, with the keys that it reads and writes.

    ``●`` and ``↓`` stand before steps that run one after another, ``╠`` before branches that run side by side,
    ``◇`` before steps that start as soon as what they read exists, ``├`` before branches of which one runs, and
    ``└`` before the way back of a loop and what is done after an error.
    """
    root = outline(bound)
    waits = Waits(bound, root)
    count = sum(1 for _ in drawn(root))
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
        name = shorten(name_of(part), _NAME - 8)
        yield _Row(f"{name} (effect)" if part.leaf.step.effect else name, _about(part, waits))
    elif is_handled(part):
        yield from _part(part.parts[0], waits)
    elif part.kind == "list" and part.name is None:
        yield from _inside(part, waits)
    elif part.kind == "map":
        name = shorten(visible(part.name or ""), _NAME - 8)
        yield _Row(f"{name} × n", ", ".join([_about(main_of(part), waits), *settings(part)]))
    elif part.kind == "goto":
        name = shorten(f"goto {visible(part.name or '')}", _NAME - 8)
        yield _Row(name, f"{_about(part.parts[0], waits)}   {goes_to(part)}")
    elif part.kind == "choice":
        yield from _choice(part, waits)
    else:
        head, *about = title(part).split(", ", 1)
        yield _Row(shorten(head, _NAME - 8), *about)
        if part.kind == "loop":
            yield from _loop(part, waits)
        elif part.kind == "try":
            yield from _tried(part, waits)
        else:
            yield from _inside(part, waits)


def _choice(part: Part, waits: Waits) -> Iterator[_Row]:
    flow = part.flow
    assert isinstance(flow, Choice)
    condition, *branches = part.parts
    name = visible(part.name or "")
    asked = asks(flow.condition)
    about = _about(condition, waits)
    yield _Row(
        shorten(f"{flow.kind} {name}", _NAME - 8), about if asked in ("", name) else f"{about}   asks {asked}"
    )
    for branch in branches:
        mark, rest = ("└", " ") if branch is branches[-1] else ("├", "│")
        yield _Row(shorten(f"{mark} {visible(branch.name or '')}", _NAME - 8))
        for row in _inside(branch, waits):
            yield row._replace(drawing=f"{rest} {row.drawing}")


def _loop(part: Part, waits: Waits) -> Iterator[_Row]:
    body, condition = part.parts
    for row in _inside(body, waits):
        yield row._replace(drawing=f"│ {row.drawing}")
    yield _Row(shorten(f"└ {again(part)}", _NAME - 8), _about(condition, waits))


def _tried(part: Part, waits: Waits) -> Iterator[_Row]:
    body, *handler = part.parts
    for row in _inside(body, waits):
        yield row._replace(drawing=f"│ {row.drawing}")
    for inner in handler:
        yield _Row(shorten(f"└ on {caught(part)}", _NAME - 8))
        for row in _inside(inner, waits):
            yield row._replace(drawing=f"  {row.drawing}")


def _about(part: Part, waits: Waits) -> str:
    """What a step reads and writes; in dataflow also what it waits for."""
    said = " → ".join([_keys(reads_of(part)), _keys(writes_of(part))])
    handler = handler_of(part)
    if handler is not None:
        said += f"   on error: {handler}"
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
