"""Where everything in a picture goes: boxes along the way of the work (main) and across it (cross).

    sequence   boxes one after another, their ports on one line
    stack      boxes side by side
    layers     a graph: each box behind all that it waits for, few crossings
    choice     a decision, and behind it its branches side by side; what no branch is for passes by
    loop       a sequence in a frame, with room for the way back
    try        what is tried, and below it, a little later, its handler
    frame      a titled border around what is inside

The same layout serves pictures from left to right and from top to bottom; only the sizes differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final, Literal, NamedTuple, TypeAlias

from plait.core.control import Goto
from plait.core.draw.shape import (
    Waits,
    again,
    condition_of,
    implied,
    is_handled,
    is_transparent,
    main_of,
    opened,
    settings,
    shorten,
    stops,
    title,
)
from plait.core.plan.outline import Part

Kind: TypeAlias = Literal["step", "decision", "input", "frame", "group", "joint", "pass"]
PAD: Final = 14
TITLE: Final = 20
_LETTER: Final = 6.3
"""What a letter of a title takes, about."""
_LONG = 12
"""The most letters at a line."""
LANE: Final = 30
"""What a way back takes, across."""
_SWEEPS = 4
_BENDS = 400


class Sizes(NamedTuple):
    """What depends on the direction of the picture."""

    across: bool
    """From left to right."""
    gap: float
    """Between boxes that follow each other."""
    space: float
    """Between boxes side by side."""


ACROSS: Final = Sizes(across=True, gap=44, space=12)
DOWN: Final = Sizes(across=False, gap=30, space=18)


class Box:
    """A rectangle: at ``m`` along the way and ``c`` across it (inside its parent until ``place`` was called)."""

    __slots__ = ("c", "children", "cl", "ins", "kind", "m", "ml", "outs", "part", "port")

    def __init__(self, kind: Kind, ml: float = 0, cl: float = 0, *, part: Part | None = None) -> None:
        self.kind: Kind = kind
        self.part, self.ml, self.cl = part, ml, cl
        self.m = self.c = 0.0
        self.port = cl / 2
        """Where lines arrive and leave, across."""
        self.children: list[Box] = []
        self.ins: list[Box] = [self]
        self.outs: list[Box] = [self]

    def place(self, m: float, c: float) -> None:
        """Make the positions absolute, this box's and all that are inside."""
        self.m, self.c = self.m + m, self.c + c
        for child in self.children:
            child.place(self.m, self.c)


class Edge(NamedTuple):
    """A line from one box to another, by way of bends between the layers it passes."""

    source: Box
    target: Box
    bends: tuple[Box, ...] = ()
    data: bool = True
    label: str = ""


class Back(NamedTuple):
    """The way back of a loop, on a lane beside its body."""

    source: Box
    target: Box
    around: Box
    """The frame in which it goes."""
    label: str


class Layout:
    """The layout of a pipeline.

    Attributes:
        box: all of it, placed.
        edges: the lines.
        boxes: the box of each step.
    """

    def __init__(
        self,
        root: Part,
        waits: Waits,
        sizes: Sizes,
        measure: Callable[[Part], tuple[float, float]],
        inputs: tuple[float, float] | None,
    ) -> None:
        self._waits, self._sizes, self._measure = waits, sizes, measure
        self.edges: list[Edge] = []
        self.backs: list[Back] = []
        self._aside: set[Box] = set()
        """Boxes of handlers: lines to and from them are dashed."""
        self.boxes: dict[Part, Box] = {}
        box = self._list(root)
        if inputs is not None:
            box = self._sequence([self._leaf("input", inputs), box])
        self.box = box
        box.place(0, 0)

    # ------------------------------------------------------------------ parts
    def _leaf(self, kind: Kind, size: tuple[float, float], part: Part | None = None) -> Box:
        width, height = size
        return (
            Box(kind, width, height, part=part) if self._sizes.across else Box(kind, height, width, part=part)
        )

    def _part(self, part: Part) -> Box:
        if part.leaf is not None:
            kind: Kind = "decision" if part.up is not None and condition_of(part.up) is part else "step"
            if part.up is not None and part.up.kind == "goto":
                kind = "step"
            box = self.boxes[part] = self._leaf(kind, self._measure(part), part)
            if stops(part):
                box.outs = []
            return box
        if is_handled(part) or part.kind == "goto":
            box = self._part(part.parts[0])
            if isinstance(part.flow, Goto) and part.flow.fixed is not None:
                box.outs = []  # it says where it goes, which is not to what follows it
            return box
        if part.kind == "map":
            return self._part(main_of(part))
        if part.kind == "choice":
            return self._choice(part)
        if part.kind == "loop":
            return self._loop(part)
        if part.kind == "try":
            return self._frame(self._tried(part), part)
        inside = (
            self._stack([self._part(p) for p in part.parts]) if part.kind == "parallel" else self._list(part)
        )
        framed = part.name is not None or settings(part) or part.kind == "subgraph"
        branch = part.kind == "list" and part.up is not None and part.up.kind == "choice"
        return self._frame(inside, part) if framed and not branch and not is_transparent(part) else inside

    # ------------------------------------------------------------------ what decides
    def _choice(self, part: Part) -> Box:
        """A decision, then its branches; the lines to them tell which is which."""
        decision = self._part(part.parts[0])
        boxes = [self._part(branch) for branch in part.parts[1:]]
        labels = [shorten(branch.name or "", _LONG) for branch in part.parts[1:]]
        left = implied(part)
        if left is not None:
            boxes.append(Box("pass", 0, 18))
            labels.append(left)
        branches = self._stack(boxes)
        boxes[-1].ml = branches.ml if left is not None else boxes[-1].ml
        for box, text in zip(boxes, labels, strict=True):
            self.edges += [Edge(decision, start, label=text) for start in box.ins]
        wide = _LETTER * max(map(len, labels)) + 30 if self._sizes.across else 0
        gap = max(self._sizes.gap, wide, 0 if self._sizes.across else 44)
        group = Box("group")
        group.port = max(decision.port, branches.port)
        group.cl = group.port + max(decision.cl - decision.port, branches.cl - branches.port)
        decision.c = group.port - decision.port
        branches.m, branches.c = decision.ml + gap, group.port - branches.port
        group.ml = branches.m + branches.ml
        if not self._sizes.across:  # the last one's label stands beside everything
            beside = branches.c + boxes[-1].c + boxes[-1].port + 12 + _LETTER * len(labels[-1])
            group.cl = max(group.cl, beside)
        group.children = [decision, branches]
        group.ins, group.outs = decision.ins, branches.outs
        return group

    def _loop(self, part: Part) -> Box:
        body, condition = part.parts
        inside = self._sequence([self._part(p) for p in opened(body.parts)] + [self._part(condition)])
        text = shorten(again(part), 2 * _LONG)
        inside.cl += LANE if self._sizes.across else LANE + _LETTER * len(text)
        box = self._frame(inside, part)
        self.backs += [Back(inside.outs[0], start, box, text) for start in inside.ins[:1]]
        return box

    def _tried(self, part: Part) -> Box:
        """What is tried on the main line, and what is done after an error beside it."""
        body = self._part_of_list(part.parts[0])
        group = Box("group")
        group.port, group.ml, group.cl = body.port, body.ml, body.cl
        group.children, group.ins, group.outs = [body], body.ins, list(body.outs)
        for inner in part.parts[1:]:
            handler = self._part_of_list(inner)
            first = body.ins[0]
            text = "on error"  # of which kind, says the title
            gap = max(self._sizes.gap, _LETTER * len(text) + 30 if self._sizes.across else 44)
            handler.m, handler.c = first.m + first.ml + gap, body.cl + self._sizes.space + 12
            group.cl = handler.c + handler.cl + (0 if self._sizes.across else _LETTER * len(text))
            group.ml = max(group.ml, handler.m + handler.ml)
            group.children.append(handler)
            self.edges += [Edge(first, start, data=False, label=text) for start in handler.ins]
            self._aside.update(handler.outs)
            group.outs += handler.outs
        return group

    def _part_of_list(self, part: Part) -> Box:
        return self._sequence([self._part(p) for p in opened(part.parts)])

    def _list(self, part: Part) -> Box:
        if part.by_data:
            return self._layers(part)
        return self._sequence([self._part(p) for p in opened(part.parts)])

    def _frame(self, inside: Box, part: Part) -> Box:
        before, across = (PAD, PAD + TITLE) if self._sizes.across else (PAD + TITLE, PAD)
        box = Box("frame", inside.ml + before + PAD, inside.cl + across + PAD, part=part)
        inside.m, inside.c = before, across
        # A title must not be wider than its frame.
        wanted = _LETTER * len(title(part)) + 2 * PAD
        if self._sizes.across and box.ml < wanted:
            inside.m += (wanted - box.ml) / 2
            box.ml = wanted
        elif not self._sizes.across and box.cl < wanted:
            inside.c += (wanted - box.cl) / 2
            box.cl = wanted
        box.port = inside.c + inside.port
        box.children, box.ins, box.outs = [inside], inside.ins, inside.outs
        return box

    # ------------------------------------------------------------------ one after another, side by side
    def _sequence(self, boxes: list[Box]) -> Box:
        group = Box("group")
        if not self._sizes.across:
            _same_width(boxes)
        group.port = max(box.port for box in boxes)
        group.cl = group.port + max(box.cl - box.port for box in boxes)
        at = 0.0
        for i, box in enumerate(boxes):
            if i:
                at += self._join(boxes[i - 1], box, at, group)
            box.m, box.c = at, group.port - box.port
            at += box.ml
        group.ml = at
        group.children += boxes
        group.ins, group.outs = boxes[0].ins, boxes[-1].outs
        return group

    def _join(self, one: Box, other: Box, at: float, group: Box) -> float:
        """Lines from one box to the next; many to many meet in a joint. Gives the gap between the two."""
        gap = self._sizes.gap
        if len(one.outs) < 2 or len(other.ins) < 2:
            self.edges += [Edge(a, b, data=a not in self._aside) for a in one.outs for b in other.ins]
            spread = max(len(one.outs), len(other.ins))
            return gap + min(spread, 12) if spread > 2 else gap
        joint = Box("joint")
        joint.m, joint.c = at + gap, group.port
        group.children.append(joint)
        self.edges += [Edge(a, joint, data=a not in self._aside) for a in one.outs]
        self.edges += [Edge(joint, b) for b in other.ins]
        return 2 * gap

    def _stack(self, boxes: list[Box]) -> Box:
        group = Box("group")
        if self._sizes.across:
            _same_length(boxes)
        at = 0.0
        for box in boxes:
            box.c = at
            at += box.cl + self._sizes.space
        group.cl = at - self._sizes.space
        group.ml = max(box.ml for box in boxes)
        group.port = (boxes[0].c + boxes[0].port + boxes[-1].c + boxes[-1].port) / 2
        group.children = boxes
        group.ins = [b for box in boxes for b in box.ins]
        group.outs = [b for box in boxes for b in box.outs]
        return group

    # ------------------------------------------------------------------ a graph
    def _units(self, part: Part) -> Iterable[Part]:
        """The steps of a dataflow, and the blocks in it that have a frame of their own."""
        for inner in part.parts:
            if self._waits.has(inner):
                yield inner
            else:
                yield from self._units(inner)

    def _layers(self, part: Part) -> Box:
        boxes = {unit: self._part(unit) for unit in self._units(part)}
        before: dict[Part, dict[Part, bool]] = {}
        layer: dict[Part, int] = {}
        for unit in boxes:
            waits = {
                other: any(r.startswith("reads") for r in why)
                for other, why in self._waits.before(unit).items()
                if other in boxes
            }
            before[unit] = waits
            layer[unit] = 1 + max((layer[other] for other in waits), default=-1)
        edges = [
            (other, unit, data) for unit, waits in before.items() for other, data in _needed(waits, before)
        ]
        rows: list[list[Box]] = [[] for _ in range(1 + max(layer.values()))]
        for unit, box in boxes.items():
            rows[layer[unit]].append(box)
        links = self._links(edges, boxes, layer, rows)
        _order(rows, links)
        _spread(rows, links, self._sizes.space)
        group = Box("group")
        at = 0.0
        for row in rows:
            if self._sizes.across:
                _same_length([box for box in row if box.kind == "step"])
            deep = max(box.ml for box in row)
            for box in row:
                if box.kind == "joint":  # a line that passes goes straight through, so that it meets no box
                    box.ml = deep
                box.m = at + (deep - box.ml) / 2 if box.kind != "step" else at
            at += deep + self._sizes.gap * (1.0 if len(row) < 6 else 1.4)
        low = min(box.c for row in rows for box in row)
        for row in rows:
            for box in row:
                box.c -= low
        group.ml = at - self._sizes.gap * (1.0 if len(rows[-1]) < 6 else 1.4)
        group.cl = max(box.c + box.cl for row in rows for box in row)
        group.children = [box for row in rows for box in row]
        group.ins = [b for unit, box in boxes.items() if not before[unit] for b in box.ins]
        waited = {other for waits in before.values() for other in waits}
        group.outs = [b for unit, box in boxes.items() if unit not in waited for b in box.outs]
        ports = [box.c + box.port for box in rows[0]]
        group.port = (min(ports) + max(ports)) / 2
        return group

    def _links(
        self,
        edges: list[tuple[Part, Part, bool]],
        boxes: dict[Part, Box],
        layer: dict[Part, int],
        rows: list[list[Box]],
    ) -> list[tuple[Box, Box]]:
        """Add the edges, with bends in the layers that they pass; gives the links between neighbouring layers."""
        bends = sum(layer[b] - layer[a] - 1 for a, b, _ in edges)
        links: list[tuple[Box, Box]] = []
        for source, target, data in edges:
            way: list[Box] = []
            if bends <= _BENDS:
                for i in range(layer[source] + 1, layer[target]):
                    way.append(Box("joint", 0, 2))
                    rows[i].append(way[-1])
            chain = [boxes[source], *way, boxes[target]]
            links += pairwise(chain)
            self.edges += [
                Edge(a, b, tuple(way), data) for a in boxes[source].outs for b in boxes[target].ins
            ]
        return links


def _same_length(boxes: list[Box]) -> None:
    """Steps side by side get one length."""
    steps = [box for box in boxes if box.kind == "step"]
    if len(steps) > 1:
        longest = max(box.ml for box in steps)
        for box in steps:
            box.ml = longest


def _same_width(boxes: list[Box]) -> None:
    """Steps below each other get one width."""
    steps = [box for box in boxes if box.kind == "step"]
    widest = max((box.cl for box in steps), default=0)
    for box in steps:
        box.cl, box.port = widest, widest / 2


def _needed(waits: dict[Part, bool], before: dict[Part, dict[Part, bool]]) -> list[tuple[Part, bool]]:
    """The waits worth a line: those for data, and of the others those that no other wait implies."""
    if all(waits.values()):
        return list(waits.items())
    implied: set[Part] = set()
    todo = list(waits)
    while todo:
        for other in before[todo.pop()]:
            if other not in implied:
                implied.add(other)
                todo.append(other)
    return [(other, data) for other, data in waits.items() if data or other not in implied]


def _order(rows: list[list[Box]], links: list[tuple[Box, Box]]) -> None:
    """Order each layer by the middle of what it is linked to, back and forth (the barycentre method)."""
    up: dict[Box, list[Box]] = {}
    down: dict[Box, list[Box]] = {}
    for a, b in links:
        down.setdefault(a, []).append(b)
        up.setdefault(b, []).append(a)
    at = {box: float(i) for row in rows for i, box in enumerate(row)}
    for sweep in range(_SWEEPS):
        near = down if sweep % 2 else up
        for row in reversed(rows) if sweep % 2 else rows:
            middle = {
                box: sum(at[n] for n in near[box]) / len(near[box]) if box in near else at[box] for box in row
            }
            row.sort(key=middle.__getitem__)
            for i, box in enumerate(row):
                at[box] = float(i)


def _spread(rows: list[list[Box]], links: list[tuple[Box, Box]], space: float) -> None:
    """Give each box a place across: near what it is linked to, in order, without touching."""
    near: dict[Box, list[Box]] = {}
    for a, b in links:
        near.setdefault(a, []).append(b)
        near.setdefault(b, []).append(a)
    for row in rows:
        at = 0.0
        for box in row:
            box.c = at
            at += box.cl + space
        for box in row:
            box.c -= (at - space) / 2
    for sweep in range(_SWEEPS):
        for row in reversed(rows) if sweep % 2 else rows:
            wanted = [
                sum(n.c + n.port for n in near[box]) / len(near[box]) - box.port if box in near else box.c
                for box in row
            ]
            _settle(row, wanted, space)


def _settle(row: list[Box], wanted: list[float], space: float) -> None:
    """The nearest to what is wanted that leaves space between (runs that touch take the mean of their wishes)."""
    # Pool adjacent violators: each run is (mean of wishes, number of boxes, offset of each box in the run).
    runs: list[tuple[float, int]] = []
    offset, offsets = 0.0, list[float]()
    for box in row:
        offsets.append(offset)
        offset += box.cl + space
    for wish, off in zip(wanted, offsets, strict=True):
        mean, count = wish - off, 1
        while runs and runs[-1][0] > mean:
            other, n = runs.pop()
            mean, count = (mean * count + other * n) / (count + n), count + n
        runs.append((mean, count))
    i = 0
    for mean, count in runs:
        for _ in range(count):
            row[i].c = mean + offsets[i]
            i += 1
