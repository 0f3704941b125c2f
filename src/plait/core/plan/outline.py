"""The pipeline as it was written, with every step's bound leaf: what drawings and some checks walk over.

The binder dissolves lists and blocks into nodes; here they are still there:

    pipeline
      step        extract
      parallel    analyses
        step      sentiment
        list      (a branch of two steps)
          step    …

Leaves are numbered in listed order, so every part covers a contiguous range of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Literal, TypeAlias

from plait.core.control import Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.plan.bound import Bound, Leaf
from plait.core.plan.naming import is_single
from plait.core.schema import Schema
from plait.core.step import Step

PartKind: TypeAlias = Literal[
    "pipeline", "step", "list", "parallel", "dataflow", "subgraph", "choice", "loop", "map", "try", "goto"
]


class Part:
    """One place of a pipeline as written.

    Attributes:
        kind: what stands here.
        flow: the definition of it (the pipeline's own ``Definition`` at the top).
        path: its path; for an unnamed block or list, that of the list it belongs to.
        name: what a person calls it: a chosen or default name, or None.
        leaf: the bound step, for a step.
        parts: what is inside, in listed order.
        up: the part around it.
        scope: the nearest pipeline around it, embedded or not: whose keys its steps read and write.
        by_data: the order of ``parts`` is derived from data (``dataflow``).
        first, last: it covers the leaves ``first`` to ``last - 1``, in listed order.
    """

    __slots__ = ("by_data", "first", "flow", "kind", "last", "leaf", "name", "parts", "path", "scope", "up")

    def __init__(
        self, kind: PartKind, flow: Flow | Definition, path: str, name: str | None, up: Part | None
    ) -> None:
        self.kind: PartKind = kind
        self.flow, self.path, self.name, self.up = flow, path, name, up
        self.parts: list[Part] = []
        self.leaf: Leaf | None = None
        self.by_data = False
        self.first = self.last = 0
        self.scope: Part = self if up is None or kind == "subgraph" else up.scope

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path}>"

    @property
    def schema(self) -> Schema:
        """The state type of the pipeline that this part is."""
        definition = self.flow.definition if isinstance(self.flow, Subgraph) else self.flow
        assert isinstance(definition, Definition)
        return definition.schema

    def walk(self) -> Iterator[Part]:
        """This part and everything inside, in listed order."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def around(self) -> Iterator[Part]:
        """The parts around this one, the nearest first."""
        part = self.up
        while part is not None:
            yield part
            part = part.up

    def child_with(self, leaf: int) -> Part:
        """The part directly inside that covers a leaf."""
        from bisect import bisect_right

        return self.parts[bisect_right(self.parts, leaf, key=_first) - 1]


def _first(part: Part) -> int:
    return part.first


def outline(bound: Bound) -> Part:
    """Lay the definition over its bound leaves."""
    return _Outliner(bound).root


class _Outliner:
    def __init__(self, bound: Bound) -> None:
        self._leaves = [leaf for leaf in bound.leaves() if not _is_breakpoint(leaf)]
        self._next = 0
        self._paths: dict[int, deque[str]] = {}
        for block in bound.blocks:
            if block.kind not in ("parallel", "dataflow", "try"):  # whose paths follow from where they stand
                self._paths.setdefault(id(block.flow), deque()).append(block.path)
        definition = bound.definition
        self.root = Part("pipeline", definition, "", definition.name, None)
        self.root.by_data = definition.order == "dataflow"
        self._fill(self.root, definition.body, "")

    def _fill(self, part: Part, flows: tuple[Flow, ...], path: str) -> None:
        part.first = self._next
        for flow in flows:
            part.parts.append(self._part(flow, part, path))
        part.last = self._next

    def _part(self, flow: Flow, up: Part, path: str) -> Part:
        if isinstance(flow, (Chain, Choice, Loop, Try, Goto)) or flow.error_handler is None:
            return self._plain(flow, up, path)
        part = Part("try", flow, path, None, up)
        part.first = self._next
        part.parts.append(self._plain(flow, part, path))
        part.parts.append(self._leaf(flow, part))
        part.last = self._next
        return part

    def _leaf(self, flow: Flow, up: Part) -> Part:
        leaf = self._leaves[self._next]
        part = Part("step", flow, leaf.path, leaf.path.rpartition("/")[2], up)
        part.leaf, part.first = leaf, self._next
        self._next += 1
        part.last = self._next
        return part

    def _plain(self, flow: Flow, up: Part, path: str) -> Part:
        if isinstance(flow, Step):
            return self._leaf(flow, up)
        if isinstance(flow, Chain):
            return self._list(flow, None, up, path)
        if isinstance(flow, Subgraph):
            return self._subgraph(flow, up)
        if isinstance(flow, (Parallel, Dataflow)):
            return self._block(flow, up, path)
        if isinstance(flow, Goto):
            part = Part("goto", flow, path, flow.name, up)
            part.first = self._next
            part.parts.append(self._leaf(flow.target, part))
            part.last = self._next
            return part
        return self._deciding(flow, up, path)

    def _deciding(self, flow: Choice | Loop | MapReduce | Try, up: Part, path: str) -> Part:
        kind: PartKind = "choice"
        name: str | None = None
        if isinstance(flow, Try):
            kind, name = "try", flow.name
            inside = path if name is None else self._join(path, name)
        else:
            kind = "loop" if isinstance(flow, Loop) else "map" if isinstance(flow, MapReduce) else "choice"
            inside = self._paths[id(flow)].popleft()
            name = inside.rpartition("/")[2]
        part = Part(kind, flow, inside, name, up)
        part.first = self._next
        if isinstance(flow, Choice):
            part.parts.append(self._leaf(flow.condition, part))
            for key, branch in flow.branches:
                part.parts.append(self._list(branch, key, part, self._join(inside, key)))
        elif isinstance(flow, Loop):
            part.parts.append(self._list(flow.body, None, part, inside))
            part.parts.append(self._leaf(flow.condition, part))
        elif isinstance(flow, MapReduce):
            part.parts += [self._leaf(step, part) for step in flow.parts if isinstance(step, Step)]
        else:
            part.parts += [
                self._list(body, None, part, inside) for body in flow.parts if isinstance(body, Chain)
            ]
        part.last = self._next
        return part

    def _block(self, flow: Parallel | Dataflow, up: Part, path: str) -> Part:
        inside = path if flow.name is None else self._join(path, flow.name)
        part = Part("dataflow" if isinstance(flow, Dataflow) else "parallel", flow, inside, flow.name, up)
        if isinstance(flow, Dataflow):
            part.by_data = True
            self._fill(part, flow.parts, inside)
            return part
        part.first = self._next
        for name, branch in flow.branches:
            part.parts.append(self._branch(name, branch, part, inside))
        part.last = self._next
        return part

    def _branch(self, name: str | None, branch: Chain, up: Part, path: str) -> Part:
        if is_single(branch, name) or (name is None and len(branch.parts) == 1):
            return self._part(branch.parts[0], up, path)
        return self._list(branch, name, up, path if name is None else self._join(path, name))

    def _list(self, flow: Chain, name: str | None, up: Part, path: str) -> Part:
        part = Part("list", flow, path, name, up)
        self._fill(part, flow.parts, path)
        return part

    def _subgraph(self, flow: Subgraph, up: Part) -> Part:
        # One Subgraph object may stand in several places; the binder met them in this same order.
        path = self._paths[id(flow)].popleft()
        part = Part("subgraph", flow, path, path.rpartition("/")[2], up)
        part.by_data = flow.definition.order == "dataflow"
        self._fill(part, flow.definition.body, path)
        return part

    @staticmethod
    def _join(path: str, name: str) -> str:
        return f"{path}/{name}" if path else name


def _is_breakpoint(leaf: Leaf) -> bool:
    """Whether a step is only there because a run is to stop before or after another one."""
    return leaf.step.kind == "pause" and leaf.path.endswith((":before", ":after"))


def render(part: Part) -> str:
    """A part as it would be written, steps by name: ``parallel([sentiment, find_topics])``."""
    if part.kind in ("step", "subgraph", "pipeline", "choice", "loop", "map", "goto"):
        return part.name or "pipeline"
    if part.kind == "try":
        return part.name or render(part.parts[0])
    if part.kind == "list":
        return render_list(part.parts)
    if isinstance(part.flow, Parallel):
        return render_parallel(
            part.flow,
            [(name, render(p)) for (name, _), p in zip(part.flow.branches, part.parts, strict=True)],
        )
    name = f", name={part.name!r}" if part.name else ""
    return f"dataflow({render_list(part.parts)}{name})"


def render_list(parts: list[Part]) -> str:
    """Parts as a list."""
    return f"[{', '.join(_short([render(p) for p in parts]))}]"


def render_parallel(block: Parallel, branches: list[tuple[str | None, str]]) -> str:
    """A block with these branches and the settings of ``block``."""
    hedged = block.hedge_after is not None and len(branches) == len(block.branches)
    if hedged:  # second attempts were not written
        branches = branches[: len(branches) // 2]
    if any(name is not None for name, _ in branches):
        inside = "{" + ", ".join(_short([f"{name!r}: {text}" for name, text in branches])) + "}"
    else:
        inside = "[" + ", ".join(_short([text for _, text in branches])) + "]"
    settings = {
        "name": (block.name, None),
        "need": (block.need, 1 if hedged else "all"),
        "on_error": (block.on_error, "cancel"),
        "max_concurrency": (block.max_concurrency, None),
        "hedge_after": (block.hedge_after if hedged else None, None),
    }
    shown = "".join(f", {key}={value!r}" for key, (value, default) in settings.items() if value != default)
    return f"{'race' if hedged else 'parallel'}({inside}{shown})"


_MANY = 12


def _short(items: list[str]) -> list[str]:
    return items if len(items) <= _MANY else [*items[: _MANY - 2], "…", items[-1]]
