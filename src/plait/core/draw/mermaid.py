"""A pipeline as a Mermaid flowchart, as many pages on the web draw it."""

from __future__ import annotations

from itertools import pairwise

from plait.core.draw.shape import Waits, is_transparent, keys_among, opened, title, visible
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
        return [
            self.ids[p]
            for p in root.walk()
            if self.waits.has(p) and not any(b in inside for b in self.waits.before(p))
        ]

    # ------------------------------------------------------------------ nodes
    def _part(self, part: Part, indent: str) -> None:
        if part.leaf is not None:
            name = self.ids[part] = f"s{part.first}"
            shape = (
                f"[/{label(part.name or '')}/]" if part.leaf.step.effect else f"[{label(part.name or '')}]"
            )
            self.lines.append(f"{indent}{name}{shape}")
            if part.leaf.step.effect:
                self.effects.append(name)
            return
        if part.kind == "list" and part.name is None:
            self._inside(part, indent)
            return
        name = self.ids[part] = f"b{len(self.ids)}_{part.first}"
        self.lines.append(f"{indent}subgraph {name}[{label(title(part))}]")
        # Without a direction of its own, a subgraph is turned: branches would stand as if one after another.
        self.lines.append(f"{indent}  direction LR")
        self._inside(part, indent + "  ")
        self.lines.append(f"{indent}end")

    def _inside(self, part: Part, indent: str) -> None:
        for inner in part.parts:
            self._part(inner, indent)
        if part.by_data:
            self._data_edges(part)
        elif part.kind != "parallel" and not is_transparent(part) and not self._in_dataflow(part):
            for one, other in pairwise(opened(part.parts)):
                self.edges.append(f"  {self._out(one)} --> {self._in(other)}")

    def _in_dataflow(self, part: Part) -> bool:
        """Whether the edges inside come from what steps wait for, because a dataflow around dissolves this part."""
        around = part
        while around.up is not None and not getattr(around.flow, "atomic", False):
            around = around.up
            if around.by_data:
                return True
        return False

    # ------------------------------------------------------------------ edges
    def _data_edges(self, block: Part) -> None:
        if self._in_dataflow(block):
            return  # the dataflow around it draws them
        for part in block.walk():
            if part is block or not self.waits.has(part):
                continue
            for other, reasons in self.waits.before(part).items():
                if (
                    block.first <= other.first < block.last
                    and other is not block
                    and part in self.ids
                    and other in self.ids
                ):
                    keys = keys_among(reasons)
                    arrow = f"-->|{label(', '.join(keys))}|" if keys else "-.->"
                    self.edges.append(f"  {self.ids[other]} {arrow} {self.ids[part]}")

    def _in(self, part: Part) -> str:
        return self.ids.get(part) or self._in(part.parts[0])

    def _out(self, part: Part) -> str:
        return self.ids.get(part) or self._out(part.parts[-1])
