"""A pipeline as a Mermaid flowchart, as many pages on the web draw it."""

from __future__ import annotations

from itertools import pairwise, takewhile

from plait.core.control import Choice, Goto
from plait.core.draw.shape import (
    Waits,
    again,
    caught,
    condition_of,
    handler_of,
    implied,
    is_handled,
    is_transparent,
    keys_among,
    main_of,
    name_of,
    opened,
    settings,
    stops,
    title,
    visible,
)
from plait.core.plan.bound import Bound
from plait.core.plan.outline import Part, outline

_PLAIN = frozenset(" _-.,:…+=?!éèüöä")


def mermaid(bound: Bound) -> str:
    """Draw a bound pipeline as Mermaid text: the same text for the same pipeline."""
    return _Mermaid(bound).text()


def label(name: str) -> str:
    """A quoted label; what Mermaid or HTML could take for markup becomes a character code."""
    return '"' + "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in visible(name)) + '"'


class _Mermaid:
    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.root = outline(bound)
        self.waits = Waits(bound, self.root)
        self.lines = ["flowchart LR"]
        self.edges: list[str] = []
        self.effects: list[str] = []
        self.ids: dict[Part, str] = {}

    def text(self) -> str:
        inputs = [key for key, version in self.bound.inputs.items() if version.presence == "always"]
        self._inside(self.root, "  ")
        if inputs:
            self.lines.insert(1, f"  inputs([{label(', '.join(inputs))}]):::given")
            starts = self._starts(self.root)
            self.edges = [f"  inputs --> {start}" for start in starts] + self.edges
        self.lines += self.edges
        self.lines.append("  classDef given stroke-dasharray: 3 3")
        if self.effects:
            self.lines.append("  classDef effect stroke-width: 2px")
            self.lines.append(f"  class {','.join(self.effects)} effect")
        return "\n".join(self.lines) + "\n"

    def _starts(self, root: Part) -> list[str]:
        parts = [*opened(root.parts)]
        if not root.by_data:
            return [self._in(parts[0])]
        inside = set(root.walk())
        starts = [
            self._in(p)
            for p in root.walk()
            if self.waits.has(p)
            and not self._is_inside(p, root)
            and not any(b in inside for b in self.waits.before(p))
        ]
        return list(dict.fromkeys(starts))

    # ------------------------------------------------------------------ nodes
    def _part(self, part: Part, indent: str) -> None:
        if is_handled(part):
            self._part(part.parts[0], indent)
            if part.parts[0] in self.ids:
                self.ids[part] = self.ids[part.parts[0]]
        elif part.leaf is not None:
            self._step(part, indent)
        elif part.kind == "map":
            about = ", ".join([f"{name_of(main_of(part))} × n", *settings(part)])
            name = self.ids[part] = self.ids[main_of(part)] = f"s{part.first}"
            self.lines.append(f"{indent}{name}[[{label(about)}]]")
        elif part.kind == "choice":
            self._choice(part, indent)
        elif part.kind == "goto":
            self._step(part.parts[0], indent)
            self.ids[part] = self.ids[part.parts[0]]
        elif part.kind == "list" and part.name is None:
            self._inside(part, indent)
        else:
            self._block(part, indent)

    def _step(self, part: Part, indent: str) -> None:
        assert part.leaf is not None
        name = self.ids[part] = f"s{part.first}"
        step, up = part.leaf.step, part.up
        handler = handler_of(part)
        text = label(f"{name_of(part)}, on error: {handler}" if handler else name_of(part))
        if up is not None and up.kind == "goto":
            shape = f"{{{{{label(f'goto {name_of(part)}')}}}}}"
        elif up is not None and condition_of(up) is part:
            shape = f"{{{text}}}"
        elif step.kind == "terminate":
            shape = f"([{text}])"
        else:
            shape = f"[/{text}/]" if step.effect else f"[{text}]"
        self.lines.append(f"{indent}{name}{shape}")
        if step.effect:
            self.effects.append(name)

    def _block(self, part: Part, indent: str) -> None:
        name = self.ids[part] = f"b{len(self.ids)}_{part.first}"
        self.lines.append(f"{indent}subgraph {name}[{label(title(part))}]")
        # Without a direction of its own, a subgraph is turned: branches would stand as if one after another.
        self.lines.append(f"{indent}  direction LR")
        if part.kind == "try":
            self._tried(part, indent + "  ")
        else:
            self._inside(part, indent + "  ")
        self.lines.append(f"{indent}end")

    def _choice(self, part: Part, indent: str) -> None:
        """A condition, and arrows to its branches."""
        condition, *branches = part.parts
        self._step(condition, indent)
        self.ids[part] = self.ids[condition]
        for branch in branches:
            self._inside(branch, indent)
            self.edges.append(f"  {self.ids[condition]} -->|{label(branch.name or '')}| {self._in(branch)}")

    def _tried(self, part: Part, indent: str) -> None:
        body, *handler = part.parts
        self._inside(body, indent)
        for inner in handler:
            self._inside(inner, indent)
            why = label(f"on {caught(part)}")
            self.edges.append(f"  {self._in(body)} -.->|{why}| {self._in(inner)}")

    def _inside(self, part: Part, indent: str) -> None:
        for inner in part.parts:
            self._part(inner, indent)
        if part.kind == "loop":
            self._follow(part.parts)
            condition = self.ids[part.parts[-1]]
            self.edges.append(f"  {condition} -.->|{label(again(part))}| {self._in(part.parts[0])}")
        elif part.by_data:
            self._data_edges(part)
        elif part.kind != "parallel" and not is_transparent(part) and not self._in_dataflow(part):
            self._follow(part.parts)

    def _follow(self, parts: list[Part]) -> None:
        """Arrows from each part of a list to the next, and from jumps to where they surely go."""
        members = [*opened(parts)]
        for one, other in pairwise(members):
            for source, text in self._outs(one):
                arrow = f"-->|{label(text)}|" if text else "-->"
                self.edges.append(f"  {source} {arrow} {self._in(other)}")
        for part in members:
            if isinstance(part.flow, Goto):
                for target in members:
                    named = target.parts[0] if is_handled(target) else target
                    if named.name == part.flow.fixed and named.name is not None:
                        self.edges.append(f"  {self.ids[part]} -.-> {self._in(target)}")

    def _in_dataflow(self, part: Part) -> bool:
        """Whether the edges inside come from what steps wait for, because a dataflow around dissolves this part."""
        around = part
        while around.up is not None and (around.leaf is not None or not self.waits.has(around)):
            around = around.up
            if around.by_data:
                return True
        return False

    # ------------------------------------------------------------------ edges
    def _data_edges(self, block: Part) -> None:
        if self._in_dataflow(block):
            return  # the dataflow around it draws them
        for part in block.walk():
            if part is block or not self.waits.has(part) or self._is_inside(part, block):
                continue
            for other, reasons in self.waits.before(part).items():
                if block.first <= other.first < block.last and other is not block:
                    keys = keys_among(reasons)
                    arrow = f"-->|{label(', '.join(keys))}|" if keys else "-.->"
                    sources = [source for source, _ in self._outs(other)]
                    self.edges += [f"  {source} {arrow} {self._in(part)}" for source in sources]

    def _is_inside(self, part: Part, block: Part) -> bool:
        """Whether a part is in a block with a frame of its own, which draws its own arrows."""
        return any(self.waits.has(around) for around in takewhile(lambda p: p is not block, part.around()))

    def _in(self, part: Part) -> str:
        """Where arrows to a part arrive."""
        return self.ids.get(part) or self._in(part.parts[0])

    def _outs(self, part: Part) -> list[tuple[str, str | None]]:
        """Where arrows from a part begin, and what stands at them; nowhere if the pipeline ends there."""
        if part.kind == "choice":
            assert isinstance(part.flow, Choice)
            left = implied(part)
            out: list[tuple[str, str | None]] = [(self.ids[part.parts[0]], left)] if left is not None else []
            return [*(found for branch in part.parts[1:] for found in self._outs(branch)), *out]
        if stops(part) or (isinstance(part.flow, Goto) and part.flow.fixed is not None):
            return []
        known = self.ids.get(part)
        if known:
            return [(known, None)]
        return self._outs(part.parts[-1])
