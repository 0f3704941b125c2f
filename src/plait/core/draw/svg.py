"""A pipeline as a picture: one SVG text, for light and dark, without script, font or network."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from plait.core.draw.layout import ACROSS, DOWN, LANE, PAD, Back, Box, Edge, Layout
from plait.core.draw.shape import (
    Waits,
    drawn,
    goes_to,
    handler_of,
    name_of,
    reads_of,
    settings,
    shorten,
    title,
    visible,
    writes_of,
)
from plait.core.plan.bound import Bound
from plait.core.plan.outline import Part, outline

_LONGEST = 1250
_NAME, _KEYS = 30, 34
_MARGIN = 20
_BADGE = 34.0
"""The width of the mark of a map."""
# In ems, after the widest of the fonts that a browser may choose.
_NARROW, _ROUND, _BROAD, _CAPITAL, _OTHER = 0.37, 0.64, 0.92, 0.7, 0.615
_WIDTHS: Final = {
    **{chr(i): _CAPITAL if chr(i).isupper() else _OTHER for i in range(32, 127)},
    **dict.fromkeys("ijlI.,:;'|!()[]{}/tfr-", _NARROW),
    **dict.fromkeys("bdghnpqu0123456789", _ROUND),
    **dict.fromkeys("mwMW@%", _BROAD),
}

_STYLE: Final = """
.plait{--ground:#fcfcfd;--ink:#1d2433;--soft:#5b6578;--line:#7f8ca3;--box:#fff;--edge:#ccd4e0;--frame:#3f63b30d;--rim:#b7c4de;--name:#43588a;--way:#2259c4;--act:#a8550c;
font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI","Helvetica Neue",Arial,sans-serif;font-size:13px;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.plait{--ground:#14171c;--ink:#e9ecf2;--soft:#a0aaba;--line:#667084;--box:#1f242c;--edge:#3d4654;--frame:#8fb0ff12;--rim:#3f4f70;--name:#b0c2ee;--way:#7fabff;--act:#eba65c}}
.plait .g{fill:var(--ground)}.plait .b{fill:var(--box);stroke:var(--edge)}.plait .f{fill:var(--frame);stroke:var(--rim)}.plait .f.o{stroke-dasharray:4 3}
.plait .n{fill:var(--ink);font-weight:500}.plait .k{fill:var(--soft);font-size:11px}.plait .t{fill:var(--name);font-size:11px;font-weight:600;paint-order:stroke;stroke:var(--ground);stroke-width:4px;stroke-linejoin:round}.plait .t tspan{font-weight:400}
.plait .t.y{font-weight:400;fill:var(--soft)}
.plait .d{fill:var(--soft);font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.plait .l{fill:none;stroke:var(--line);stroke-width:1.4}.plait .l.q{stroke-dasharray:3 3}.plait .a,.plait .j{fill:var(--line)}
.plait .w .b{stroke:var(--way);stroke-width:1.8}.plait .l.w{stroke:var(--way);stroke-width:2}.plait .a.w{fill:var(--way)}.plait .u{fill:var(--way);opacity:.85}
.plait .e .b{stroke:var(--act)}.plait .x{fill:var(--act)}.plait .i{fill:none;stroke:var(--line);stroke-dasharray:3 3}
""".replace("\n", "")


def svg(bound: Bound, *, durations: Mapping[str, float] | None = None) -> str:
    """Draw a bound pipeline as SVG: the same picture for the same pipeline.

    Args:
        bound: the pipeline after binding.
        durations: known seconds per step path; they are shown, and the longest way through is marked.
    """
    return _Picture(bound, durations or {}).text()


def escape(text: str) -> str:
    """Text for XML, in content and in attributes."""
    text = visible(text)
    if text.isidentifier():
        return text
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def width_of(text: str, size: float) -> float:
    """How wide a text will be, about; there is no font to measure by."""
    known = _WIDTHS
    return size * sum(
        [
            known[c] if c in known else _OTHER if unicodedata.east_asian_width(c) not in "WF" else 1.02
            for c in text
        ]
    )


class _Picture:
    def __init__(self, bound: Bound, durations: Mapping[str, float]) -> None:
        self.bound, self.durations = bound, durations
        self.root = outline(bound)
        self._sizes: dict[Part, tuple[float, float]] = {}
        self.slowest = max(durations.values(), default=0.0)
        self.given = [key for key, version in bound.inputs.items() if version.presence == "always"]
        waits = Waits(bound, self.root)
        pill = (width_of(self._given(), 11) + 26, 26.0) if self.given else None
        self.layout = Layout(self.root, waits, ACROSS, self._measure, pill)
        self.across = True
        if self.layout.box.ml > _LONGEST:
            down = Layout(self.root, waits, DOWN, self._measure, pill)
            if down.box.cl < self.layout.box.ml:
                self.layout, self.across = down, False
        self.way = self._longest_way() if durations else set[Box]()
        self.out: list[str] = []
        self.titles: list[str] = []

    def _given(self) -> str:
        return shorten(", ".join(visible(key) for key in self.given), _KEYS)

    def _measure(self, part: Part) -> tuple[float, float]:
        found = self._sizes.get(part)
        if found is None:
            found = self._sizes[part] = self._size(part)
        return found

    def _size(self, part: Part) -> tuple[float, float]:
        name, keys = self._labels(part)
        time, high = (_BADGE, 6.0) if part.up is not None and part.up.kind == "map" else (0.0, 0.0)
        time += width_of(_seconds(self.durations[part.path]), 11) + 12 if part.path in self.durations else 0.0
        return max(width_of(name, 13) + time, width_of(keys, 11), 56.0) + 26, high + (44.0 if keys else 32.0)

    @staticmethod
    def _labels(part: Part) -> tuple[str, str]:
        leaf, up = part.leaf, part.up
        assert leaf is not None
        written = [visible(key) for key in writes_of(part)]
        about = [shorten(f"→ {', '.join(written)}", _KEYS)] if written else []
        about += ["effect"] if leaf.step.effect else []
        about += [f"on error: {handler}"] if (handler := handler_of(part)) is not None else []
        name = name_of(part)
        if up is not None and up.kind == "goto":
            name, about = f"goto {name}", [goes_to(up), *about]
        if up is not None and up.kind == "map":
            about += settings(up)
        return shorten(name, _NAME), shorten(" · ".join(about), 2 * _KEYS)

    # ------------------------------------------------------------------ the longest way
    def _longest_way(self) -> set[Box]:
        """The boxes on the longest way through the picture, by duration."""
        before: dict[Box, list[Box]] = {}
        for edge in self.layout.edges:
            before.setdefault(edge.target, []).append(edge.source)
        ends: dict[Box, tuple[float, Box | None]] = {}
        known = dict.fromkeys([*self.layout.boxes.values(), *before, *(e.source for e in self.layout.edges)])
        for box in sorted(known, key=lambda b: b.m):
            last = max(before.get(box, ()), key=lambda b: ends[b][0] if b in ends else 0.0, default=None)
            own = self.durations.get(box.part.path, 0.0) if box.part is not None else 0.0
            ends[box] = (own + (ends[last][0] if last in ends and last is not None else 0.0), last)
        way: set[Box] = set()
        at: Box | None = max(ends, key=lambda b: ends[b][0], default=None)
        while at is not None and at not in way:
            way.add(at)
            at = ends[at][1]
        return way

    # ------------------------------------------------------------------ drawing
    def text(self) -> str:
        whole = self.layout.box
        length, breadth = whole.ml + 2 * _MARGIN, whole.cl + 2 * _MARGIN
        width, height = (length, breadth) if self.across else (breadth, length)
        name = visible(self.root.name or "pipeline")
        size = f'width="{width:.0f}" height="{height:.0f}" viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}"'
        self.out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="plait" role="img" {size}>',
            f"<title>{escape(name)}</title><desc>{escape(self._description())}</desc><style>{_STYLE}</style>",
            f'<rect class="g" x="{-_MARGIN}" y="{-_MARGIN}" width="{width:.0f}" height="{height:.0f}" rx="10"/>',
        ]
        self._frames(whole)
        arrows: dict[Box, bool] = {}
        marked: list[Edge] = []
        for edge in self.layout.edges:
            on_way = edge.source in self.way and edge.target in self.way and edge.source.kind != "input"
            arrows[edge.target] = arrows.get(edge.target, False) or on_way
            if on_way:
                marked.append(edge)
            else:
                self._line(edge, on_way=False)
        for back in self.layout.backs:
            self._back(back)
        for edge in marked:  # on top of the others
            self._line(edge, on_way=True)
        for box, on_way in arrows.items():
            self._arrow(box, on_way=on_way)
        self.out += self.titles  # over the lines, which keep a little away from them
        self._boxes(whole)
        self.out.append("</svg>\n")
        return "\n".join(self.out)

    def _description(self) -> str:
        steps = list(drawn(self.root))
        names = ", ".join(part.path for part in steps[:20]) + (", …" if len(steps) > 20 else "")
        return f"A pipeline of {len(steps)} step{'' if len(steps) == 1 else 's'}: {names}."

    def _xy(self, m: float, c: float) -> tuple[float, float]:
        return (m, c) if self.across else (c, m)

    def _rect(self, box: Box) -> tuple[float, float, float, float]:
        x, y = self._xy(box.m, box.c)
        w, h = self._xy(box.ml, box.cl)
        return x, y, w, h

    def _frames(self, box: Box) -> None:
        if box.kind == "frame" and box.part is not None:
            x, y, w, h = self._rect(box)
            head, *rest = title(box.part).split(", ", 1)
            more = f"<tspan> · {escape(rest[0])}</tspan>" if rest else ""
            kind = "f o" if box.part.kind in ("list", "subgraph", "try") else "f"
            self.out.append(
                f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="9"/>'
            )
            self.titles.append(
                f'<text class="t" x="{x + PAD:.1f}" y="{y + 19:.1f}">{escape(shorten(head, 40))}{more}</text>'
            )
        for child in box.children:
            self._frames(child)

    def _line(self, edge: Edge, *, on_way: bool) -> None:
        points = [(edge.source.m + edge.source.ml, edge.source.c + edge.source.port)]
        for bend in edge.bends:
            points += [(bend.m + along, bend.c + bend.port) for along in (0.0, bend.ml)]
        end = edge.target.m - (6 if edge.target.kind not in ("joint", "pass") else 0)
        points.append((end, edge.target.c + edge.target.port))
        x, y = self._xy(*points[0])
        path = [f"M{x:.1f} {y:.1f}"]
        for (m, c), (to_m, to_c) in pairwise(points):
            x, y = self._xy(to_m, to_c)
            if abs(to_c - c) < 0.5:
                path.append(f"L{x:.1f} {y:.1f}")
                continue
            half = (m + to_m) / 2
            (x1, y1), (x2, y2) = self._xy(half, c), self._xy(half, to_c)
            path.append(f"C{x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f} {x:.1f} {y:.1f}")
        self.out.append(
            f'<path class="l{" w" if on_way else ""}{"" if edge.data else " q"}" d="{"".join(path)}"/>'
        )
        if edge.label:  # where the line arrives, which is where it differs from the others
            x, y = self._xy(edge.target.m, edge.target.c + edge.target.port)
            self._said(edge.label, *((x - 10, y - 5, "end") if self.across else (x + 6, y - 11, "start")))

    def _said(self, text: str, x: float, y: float, anchor: str) -> None:
        self.titles.append(
            f'<text class="t y" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
        )

    def _back(self, back: Back) -> None:
        """A way back: out of the side of the last box, along a lane, into the side of the first."""
        lane = max(back.source.c + back.source.cl, back.target.c + back.target.cl)
        for box in _inside(back.around):
            if box.kind in ("step", "decision", "frame") and box is not back.around:
                lane = max(lane, box.c + box.cl)
        lane += LANE / 2
        start, end = back.source.m + back.source.ml / 2, back.target.m + back.target.ml / 2
        bottom = back.target.c + back.target.cl
        points = [
            (start, back.source.c + back.source.cl),
            (start, lane),
            (end, lane),
            (end, bottom + 6),
        ]
        places = [self._xy(m, c) for m, c in points]
        path = " ".join(f"{x:.1f} {y:.1f}" for x, y in places)
        self.out.append(f'<path class="l q" stroke-linejoin="round" d="M{path}"/>')
        x, y = self._xy(end, bottom)
        self.out.append(
            f'<polygon class="a" points="{x:.1f},{y:.1f} {x - 4:.1f},{y + 7:.1f} {x + 4:.1f},{y + 7:.1f}"/>'
            if self.across
            else f'<polygon class="a" points="{x:.1f},{y:.1f} {x + 7:.1f},{y - 4:.1f} {x + 7:.1f},{y + 4:.1f}"/>'
        )
        x, y = self._xy((start + end) / 2, lane)
        self._said(back.label, *((x, y + 4, "middle") if self.across else (x + 6, y + 4, "start")))

    def _arrow(self, box: Box, *, on_way: bool) -> None:
        x, y = self._xy(box.m, box.c + box.port)
        if box.kind == "pass":
            (x2, y2) = self._xy(box.m + box.ml, box.c + box.port)
            self.out.append(f'<path class="l" d="M{x:.1f} {y:.1f}L{x2:.1f} {y2:.1f}"/>')
            return
        if box.kind == "joint":
            self.out.append(f'<circle class="j" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>')
            return
        points = (
            f"{x:.1f},{y:.1f} {x - 7:.1f},{y - 4:.1f} {x - 7:.1f},{y + 4:.1f}"
            if self.across
            else f"{x:.1f},{y:.1f} {x - 4:.1f},{y - 7:.1f} {x + 4:.1f},{y - 7:.1f}"
        )
        self.out.append(f'<polygon class="a{" w" if on_way else ""}" points="{points}"/>')

    def _boxes(self, box: Box) -> None:
        if box.kind in ("step", "decision") and box.part is not None:
            self._step(box, box.part)
        elif box.kind == "input":
            x, y, w, h = self._rect(box)
            self.out.append(
                f'<g><title>inputs: {escape(", ".join(self.given))}</title><rect class="i" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="13"/>'
            )
            self.out.append(
                f'<text class="k" x="{x + 13:.1f}" y="{y + 17:.1f}">{escape(self._given())}</text></g>'
            )
        for child in box.children:
            self._boxes(child)

    def _step(self, box: Box, part: Part) -> None:
        leaf, up = part.leaf, part.up
        assert leaf is not None
        x, y, w, h = self._rect(box)
        name, keys = self._labels(part)
        marks = "".join([" w" if box in self.way else "", " e" if leaf.step.effect else ""])
        about = f"{part.path}: {', '.join(reads_of(part)) or 'nothing'} → {', '.join(writes_of(part)) or ('nothing (effect)' if leaf.step.effect else 'nothing')}"
        self.out.append(f'<g class="s{marks}"><title>{escape(about)}</title>')
        rect = f'x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"'
        if box.kind == "decision":  # pointed at both ends
            corners = [(x, y + h / 2), (x + 11, y), (x + w - 11, y), (x + w, y + h / 2), (x + w - 11, y + h)]
            points = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*corners, (x + 11, y + h)])
            self.out.append(f'<polygon class="b" points="{points}"/>')
        elif up is not None and up.kind == "map":  # a pile of boxes
            for off in (6, 3):
                pile = f'x="{x + off:.1f}" y="{y + off:.1f}" width="{w - 6:.1f}" height="{h - 6:.1f}"'
                self.out.append(f'<rect class="b" {pile} rx="7"/>')
            front = f'x="{x:.1f}" y="{y:.1f}" width="{w - 6:.1f}" height="{h - 6:.1f}"'
            self.out.append(f'<rect class="b" {front} rx="7"/>')
            self.out.append(f'<text class="d" x="{x + w - 15:.1f}" y="{y + 19:.1f}">× n</text>')
        else:
            dashed = ' stroke-dasharray="4 3"' if up is not None and up.kind == "goto" else ""
            round_ = h / 2 if leaf.step.kind == "terminate" else 7
            self.out.append(f'<rect class="b" {rect} rx="{round_:.0f}"{dashed}/>')
        if leaf.step.effect:
            self.out.append(
                f'<rect class="x" x="{x + 4:.1f}" y="{y + 8:.1f}" width="3" height="{h - 16:.1f}" rx="1.5"/>'
            )
        self.out.append(f'<text class="n" x="{x + 13:.1f}" y="{y + 20:.1f}">{escape(name)}</text>')
        if keys:
            self.out.append(f'<text class="k" x="{x + 13:.1f}" y="{y + 35:.1f}">{escape(keys)}</text>')
        seconds = self.durations.get(part.path)
        if seconds is not None:
            self.out.append(
                f'<text class="d" x="{x + w - 11:.1f}" y="{y + 20:.1f}">{escape(_seconds(seconds))}</text>'
            )
            if self.slowest > 0:
                self.out.append(
                    f'<rect class="u" x="{x + 7:.1f}" y="{y + h - 4.5:.1f}" width="{max((w - 14) * seconds / self.slowest, 1):.1f}" height="2" rx="1"/>'
                )
        self.out.append("</g>")


def _inside(box: Box) -> Iterator[Box]:
    yield box
    for child in box.children:
        yield from _inside(child)


def _seconds(value: float) -> str:
    if value >= 1:
        return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"
    return f"{value * 1000:.0f} ms" if value >= 0.001 else "< 1 ms"
