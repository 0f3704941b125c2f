"""What all drawings show: the parts of a pipeline, and which of them lead to which.

A list leads from part to part; a block's parts are side by side; in ``dataflow`` a step leads to those that
wait for it. Unnamed lists are transparent: they are drawn as their parts.

    choice   its condition leads to each branch, and onwards if there is none for an answer
    loop     its condition leads back to the start of its body
    map      one box, for all items
    try      its body, and off the main line its handler
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from plait.core.control import END, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Parallel
from plait.core.inputs import Config, Optional
from plait.core.plan.bound import Bound, Leaf, Merge, Node, Region
from plait.core.plan.outline import Part
from plait.core.step import Step

_APART = ("parallel", "choice", "try")
"""The kinds whose parts do not follow each other."""
_REGIONS = {
    "block": ("parallel", "dataflow", "subgraph"),
    "choice": ("choice",),
    "loop": ("loop",),
    "map": ("map",),
    "try": ("try",),
}
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
        if flow.hedge_after is not None:
            out.append(f"second attempts after {flow.hedge_after:g} s")
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
    if isinstance(flow, Loop) and flow.max_turns is not None:
        out.append(f"at most {flow.max_turns} turn{'' if flow.max_turns == 1 else 's'}")
    if isinstance(flow, Try) and flow.handler is not None:
        out.append(f"on {caught(part)}")
    if part.kind != "step" and (handler := handler_of(part)) is not None:
        out.append(f"on error: {handler}")
    return out


def caught(part: Part) -> str:
    """The names of the errors that a ``try_catch`` handles."""
    flow = part.flow
    return " or ".join(visible(cls.__name__) for cls in flow.catch) if isinstance(flow, Try) else ""


def handler_of(part: Part) -> str | None:
    """What the ``error_handler`` of a step or block does, in a word; None without one."""
    handler = getattr(part.flow, "error_handler", None)
    if handler is None:
        return None
    around = part.up is not None and part.up.kind == "try" and part.up.flow is part.flow
    return type(handler).__name__.lower() if around and part.kind != "try" else None


def is_handled(part: Part) -> bool:
    """A step or block with an ``error_handler`` around it, which is drawn as the step or block itself."""
    return part.kind == "try" and not isinstance(part.flow, Try)


def condition_of(part: Part) -> Part | None:
    """The condition of a choice or loop, or what says where a goto goes."""
    if part.kind == "loop":
        return part.parts[-1]
    return part.parts[0] if part.kind in ("choice", "goto") else None


def asks(step: Step[..., object]) -> str:
    """What a condition is called: its component, or the key that it looks at; empty if it has no name."""
    name = getattr(step.component.given, "__name__", step.component.name)
    if name == "_same":
        source = step.inputs[0][1] if step.inputs else None
        return visible(source.key) if isinstance(source, (Optional, Config)) else visible(str(source))
    return "" if name == "<lambda>" else visible(step.component.name)


def again(part: Part) -> str:
    """What stands at the way back of a loop."""
    flow = part.flow
    assert isinstance(flow, Loop)
    return " ".join(filter(None, ["again", "while" if asks(flow.condition) else "", asks(flow.condition)]))


def goes_to(part: Part) -> str:
    """Where a goto goes."""
    flow = part.flow
    assert isinstance(flow, Goto)
    if flow.fixed is None:
        return "to a step of its list"
    return "to the end" if flow.fixed == END else f"to {visible(flow.fixed)}"


def implied(part: Part) -> str | None:
    """The answer of a choice for which there is no branch, or None if there is one for each."""
    flow = part.flow
    assert isinstance(flow, Choice)
    if flow.kind == "switch":
        return None
    keys = [key for key, _ in flow.branches]
    pair = ("success", "failure") if flow.kind == "guard" else ("true", "false")
    return next((key for key in pair if key not in keys), None)


def stops(part: Part) -> bool:
    """Whether nothing comes after a part, because the pipeline ends there."""
    if part.leaf is not None:
        return part.leaf.step.kind == "terminate"
    if part.kind == "goto":
        return isinstance(part.flow, Goto) and part.flow.fixed == END
    return part.kind == "list" and bool(part.parts) and stops(part.parts[-1])


def name_of(part: Part) -> str:
    """What is written into the box of a step, condition, map or goto."""
    up = part.up
    if up is not None and ((up.kind in ("choice", "goto") and part is up.parts[0]) or up.kind == "map"):
        return visible(up.name or "")
    if up is not None and up.kind == "loop" and part is up.parts[-1] and part.leaf is not None:
        return asks(part.leaf.step) or visible(up.name or "")
    return visible(part.name or "")


def main_of(part: Part) -> Part:
    """The step that stands for a map."""
    return part.parts[1]


def drawn(part: Part) -> Iterator[Part]:
    """The steps that are drawn, each with a box of its own."""
    if part.leaf is not None:
        yield part
    elif part.kind == "map":
        yield main_of(part)
    else:
        for inner in part.parts[:1] if is_handled(part) else part.parts:
            yield from drawn(inner)


def title(part: Part) -> str:
    """What stands above a block: its kind, its name and its policy."""
    kind = {"list": "branch", "subgraph": "pipeline", "loop": "while_do", "try": "try_catch"}.get(
        part.kind, part.kind
    )
    if isinstance(part.flow, Parallel) and part.flow.hedge_after is not None and part.kind == "parallel":
        kind = "race"
    name = visible(part.name or "")
    head = kind if name == kind else " ".join(filter(None, [kind, name]))  # not "pipeline pipeline"
    return ", ".join([head, *settings(part)])


def is_transparent(part: Part) -> bool:
    """An unnamed list inside another list is drawn as its parts; a branch of a block is a list of its own."""
    return part.kind == "list" and part.name is None and part.up is not None and part.up.kind not in _APART


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
        everything = list(root.walk())
        self._parts: dict[Node, Part] = {part.leaf: part for part in everything if part.leaf is not None}
        self._nodes: dict[Part, list[Node]] = {part: [node] for node, part in self._parts.items()}
        parts: dict[tuple[int, int], list[Part]] = {}
        for part in everything:
            if part.leaf is None and part is not root:
                parts.setdefault((part.first, part.last), []).append(part)
        spans: dict[Node, tuple[int, int]] = {}
        for region in (node for node in bound.nodes() if isinstance(node, Region)):
            numbers = [self._parts[leaf].first for leaf in _leaves(region) if leaf in self._parts]
            if numbers:
                span = spans[region] = min(numbers), max(numbers) + 1
                self._take(region, root, parts.get(span, []), span[0])
        for part in everything:
            if part.kind in ("choice", "map"):
                self._gather(part, spans)

    def _take(self, region: Region, root: Part, parts: list[Part], leaf: int) -> None:
        """Find the part for a region: of those with just its steps the outermost of its kind that has none yet."""
        free = [part for part in parts if part not in self._nodes]
        wanted = _REGIONS.get(region.kind, ())
        part = next((p for p in free if p.kind in wanted), next(iter(free), None))
        if (
            part is None
        ):  # it stands for no part, as the rest of a list after a guard: the part that it begins with
            part = root
            while part.leaf is None and part.parts and part not in self._nodes:
                part = part.child_with(leaf)
        self._nodes.setdefault(part, [region])
        self._parts[region] = part

    def _gather(self, part: Part, spans: dict[Node, tuple[int, int]]) -> None:
        """A condition and its branches are one part, and so are the steps of a map."""
        head = part.parts[0].leaf
        assert head is not None
        nodes: list[Node] = []
        for node in head.frame.nodes:
            inside = self._parts.get(node)
            if inside is None:
                continue
            first, last = spans.get(node, (inside.first, inside.last))
            if part.first <= first and last <= part.last:
                nodes.append(node)
                if inside.leaf is not None:
                    self._nodes.pop(inside, None)
                self._parts[node] = part
        self._nodes[part] = nodes

    def before(self, part: Part) -> dict[Part, list[str]]:
        """What a step or block waits for, with the reasons; folds of reducers are looked through."""
        out: dict[Part, list[str]] = {}
        for node in self._nodes.get(part, ()):
            for other, reasons in self._before(node).items():
                if other is not part:
                    out.setdefault(other, []).extend(r for r in reasons if r not in out.get(other, ()))
        return out

    def _before(self, node: Node) -> dict[Part, list[str]]:
        out: dict[Part, list[str]] = {}
        for other, reasons in sorted(node.after.items(), key=lambda item: item[0].index):
            if isinstance(other, Merge):
                for part in self._before(other):
                    out.setdefault(part, []).extend(r for r in reasons if r not in out.get(part, ()))
            elif other in self._parts:
                out.setdefault(self._parts[other], []).extend(reasons)
        return out

    def has(self, part: Part) -> bool:
        """Whether the part is one that waits and is waited for by itself."""
        return part in self._nodes


def keys_among(reasons: list[str]) -> list[str]:
    """The keys among the reasons of a wait; empty when no data is needed."""
    return [r.removeprefix("reads ").removesuffix(" inside")[1:-1] for r in reasons if r.startswith("reads ")]


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, Region):
        for inner in node.nodes:
            yield from _leaves(inner)


def reads_of(part: Part) -> list[str]:
    """The keys that a step, or a map, reads."""
    if part.up is not None and part.up.kind == "map":
        part = part.up.parts[0]
    return [] if part.leaf is None else keys_in(part.leaf)


def writes_of(part: Part) -> list[str]:
    """The keys that a step, or a map, writes."""
    if part.up is not None and isinstance(part.up.flow, MapReduce):
        return [key for key, _ in part.up.flow.outputs]
    return [] if part.leaf is None else keys_out(part.leaf)


def keys_in(leaf: Leaf) -> list[str]:
    """The keys that a step reads."""
    if leaf.opaque is not None:
        return ["*"]
    return list(
        dict.fromkeys(
            read.key
            for read in leaf.reads
            if read.key is not None and read.version is not None and not read.key.startswith("~")
        )
    )


def keys_out(leaf: Leaf) -> list[str]:
    """The keys that a step writes."""
    return [key for key, _ in leaf.step.outputs]
