"""What steps do to each other's keys: branches that conflict, and steps that may change what others read.

Looked up while a pipeline is bound; what is wrong becomes a ``Finding`` that the rules E202 and E203 explain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plait.core.flow import Parallel
from plait.core.plan.bound import Finding, Frame, Leaf, Node, Region, Version
from plait.core.plan.scope import Deltas, Env, Scope


class Asked:
    """A step asked for a key by name: in which pipeline's scope, and what was visible there under it."""

    __slots__ = ("key", "reader", "scope", "seen")

    def __init__(self, scope: Scope, key: str, seen: Version | Deltas | None, reader: str) -> None:
        self.scope, self.key, self.seen, self.reader = scope, key, seen, reader


class Branch:
    """A branch of a block after it was bound: its nodes, its view of the state at its end, what it asked for."""

    __slots__ = ("asked", "env", "nodes")

    def __init__(self, nodes: tuple[Node, ...], env: Env, asked: Sequence[Asked]) -> None:
        self.nodes, self.env, self.asked = nodes, env, asked


def conflicts(block: Parallel, label: str, before: Env, branches: Sequence[Branch]) -> Iterator[Finding]:
    """Find two branches that write one key, and branches that read what a sibling writes.

    Args:
        block: the block.
        label: its path.
        before: the view of the state in front of the block.
        branches: its branches, in listed order.
    """
    writer: dict[str, tuple[int, str]] = {}
    for i, branch in enumerate(branches):
        for key, entry in branch.env.seen.items():
            if isinstance(entry, Deltas) or entry is before.seen.get(key):
                continue
            path = _writer_in(branch.nodes, key) or label
            if key in writer and block.need == "all":
                yield Finding("E202", (writer[key][1], path), {"key": key, "block": label})
            writer.setdefault(key, (i, path))
    for i, branch in enumerate(branches):
        found: dict[tuple[str, str], None] = {}
        for asked in branch.asked:
            key = asked.key
            if asked.scope is before.scope and key in writer and asked.seen is before.seen.get(key):
                found[asked.reader, key] = None
        for reader, key in found:
            by, path = writer[key]
            if by != i:
                yield Finding("E203", (reader, path), {"key": key, "block": label})


def leaves_of(nodes: Sequence[Node]) -> Iterator[Leaf]:
    """The steps among nodes and in the regions among them, in listed order."""
    for node in nodes:
        if isinstance(node, Leaf):
            yield node
        elif isinstance(node, Region):
            yield from leaves_of(node.nodes)


def _writer_in(nodes: Sequence[Node], key: str) -> str | None:
    return next((leaf.path for leaf in leaves_of(nodes) for v in leaf.writes if v.key == key), None)


def rewritten(leaf: Leaf) -> list[Version]:
    """The versions that a step reads and replaces, and so may change in place."""
    if leaf.step.pure:
        return []
    written = {key for key, _ in leaf.step.outputs}
    return [read.version for read in leaf.reads if read.key in written and read.version is not None]


def rewritten_in(frame: Frame) -> set[Version]:
    """The versions of a frame that a step in it, or in a region in it, reads and replaces."""
    found: set[Version] = set()
    for node in frame.nodes:
        if isinstance(node, Leaf):
            found.update(rewritten(node))
        elif isinstance(node, Region):
            for body in node.bodies:
                inner = rewritten_in(body)
                found.update(outer for outer, inside in body.imports.items() if inside in inner)
    return found
