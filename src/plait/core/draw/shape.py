"""What all drawings show: the parts of a pipeline, and which of them lead to which.

A list leads from part to part; a block's parts are side by side; in ``dataflow`` a step leads to those that
wait for it. Unnamed lists are transparent: they are drawn as their parts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from plait.core.flow import Parallel
from plait.core.plan.bound import Bound, Leaf, Merge, Node, Region
from plait.core.plan.outline import Part

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(name: str) -> str:
    """A name with everything replaced that could not be seen, or could break or turn around a line."""
    if name.isascii() and name.isprintable():
        return name
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in _UNSEEN else c for c in name)


def shorten(text: str, width: int) -> str:
    """At most so many characters, the last an ellipsis if there were more."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def settings(part: Part) -> list[str]:
    """The policy of a block in a few words each."""
    flow, out = part.flow, list[str]()
    if isinstance(flow, Parallel):
        if flow.need != "all":
            out.append(
                "first to succeed" if flow.need == 1 else f"{flow.need} of {len(flow.branches)} must succeed"
            )
        if flow.on_error != "cancel":
            out.append(f"on error: {flow.on_error}")
    cap = getattr(flow, "max_concurrency", None)
    if cap is not None and part.kind != "subgraph":
        out.append(f"at most {cap} at once")
    timeout = getattr(flow, "timeout", None)
    if timeout is not None:
        out.append(f"timeout {timeout:g} s")
    retry = getattr(flow, "retry", None)
    if retry is not None:
        out.append(f"up to {retry.attempts} times")
    return out


def title(part: Part) -> str:
    """What stands above a block: its kind, its name and its policy."""
    kind = {"list": "branch", "subgraph": "pipeline"}.get(part.kind, part.kind)
    name = visible(part.name or "")
    head = kind if name == kind else " ".join(filter(None, [kind, name]))  # not "pipeline pipeline"
    return ", ".join([head, *settings(part)])


def is_transparent(part: Part) -> bool:
    """An unnamed list inside another list is drawn as its parts; a branch of a block is a list of its own."""
    return part.kind == "list" and part.name is None and part.up is not None and part.up.kind != "parallel"


def opened(parts: list[Part]) -> Iterator[Part]:
    """Parts of a list, with unnamed lists among them opened."""
    for part in parts:
        if is_transparent(part):
            yield from opened(part.parts)
        else:
            yield part


class Waits:
    """Who waits for whom, between steps and blocks with a frame of their own."""

    def __init__(self, bound: Bound, root: Part) -> None:
        blocks = [part for part in root.walk() if getattr(part.flow, "atomic", False)]
        # Each block with a policy is a region; the binder made them in this same order, outer ones first.
        regions = (node for node in bound.nodes() if isinstance(node, Region))
        self._parts: dict[Node, Part] = dict(zip(regions, blocks, strict=True))
        self._parts.update((part.leaf, part) for part in root.walk() if part.leaf is not None)
        self._nodes = {part: node for node, part in self._parts.items()}

    def before(self, part: Part) -> dict[Part, list[str]]:
        """What a step or block waits for, with the reasons; folds of reducers are looked through."""
        node = self._nodes.get(part)
        return {} if node is None else self._before(node)

    def _before(self, node: Node) -> dict[Part, list[str]]:
        out: dict[Part, list[str]] = {}
        for other, reasons in sorted(node.after.items(), key=lambda item: item[0].index):
            if isinstance(other, Merge):
                for part in self._before(other):
                    out.setdefault(part, []).extend(r for r in reasons if r not in out.get(part, ()))
            else:
                out.setdefault(self._parts[other], []).extend(reasons)
        return out

    def has(self, part: Part) -> bool:
        """Whether the part is one that waits and is waited for by itself."""
        return part in self._nodes


def keys_among(reasons: list[str]) -> list[str]:
    """The keys among the reasons of a wait; empty when no data is needed."""
    return [r.removeprefix("reads ").removesuffix(" inside")[1:-1] for r in reasons if r.startswith("reads ")]


def keys_in(leaf: Leaf) -> list[str]:
    """The keys that a step reads."""
    if leaf.opaque is not None:
        return ["*"]
    return list(
        dict.fromkeys(read.key for read in leaf.reads if read.key is not None and read.version is not None)
    )


def keys_out(leaf: Leaf) -> list[str]:
    """The keys that a step writes."""
    return [key for key, _ in leaf.step.outputs]
