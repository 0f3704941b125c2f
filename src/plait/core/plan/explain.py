"""Why a step waits, what it reads and from where: the plan in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from plait.core.amounts import said
from plait.core.check.artificial_order import windows
from plait.core.check.facts import Facts
from plait.core.inputs import REQUIRED
from plait.core.names import did_you_mean, listing
from plait.core.plan.bound import Bound, Frame, Leaf, Merge, Node, Read, Region, Version
from plait.core.plan.outline import Part
from plait.core.schema import ABSENT
from plait.errors import DefinitionError

_ORDER = "declared order"


def explain(bound: Bound, step: str) -> str:
    """Say in sentences what a step waits for, and why; what it reads and from where; what it writes and needs.

    Args:
        bound: the pipeline after binding.
        step: a step's path, or the last part of it if no other step has that; a block's path for all its steps.

    Raises:
        DefinitionError: when there is no such step, or several.
    """
    facts = Facts(bound)
    found = _find(facts, step)
    about = _Explainer(facts)
    return "\n\n".join("\n".join(about.lines(part)) for part in found.walk() if part.leaf is not None)


def _find(facts: Facts, name: str) -> Part:
    exact = facts.by_path.get(name) if name else None
    if exact is not None:
        return exact
    paths = list(dict.fromkeys(path for path in facts.by_path if path))
    ends = [path for path in paths if path.rpartition("/")[2] == name]
    if len(ends) == 1:
        return facts.by_path[ends[0]]
    if ends:
        raise DefinitionError(f"{name!r} is the name of {listing(ends)}; give the path")
    known = [*paths, *(path.rpartition("/")[2] for path in paths)]
    hint = (
        did_you_mean(name, known) or f"; the steps are {listing(leaf.path for leaf in facts.bound.leaves())}"
    )
    raise DefinitionError(f"there is no step {name!r}{hint}")


class _Explainer:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._regions = {
            body: node for node in facts.bound.nodes() if isinstance(node, Region) for body in node.bodies
        }
        self._slack: list[list[set[Leaf]]] = []
        for window in windows(facts):
            self._slack.append([{p.leaf for p in part.walk() if p.leaf is not None} for part in window.parts])

    def lines(self, part: Part) -> Iterator[str]:
        """All sentences about one step."""
        leaf = part.leaf
        assert leaf is not None
        waits = list(self._waits(leaf))
        yield from (f"{leaf.path} {line}" for line in waits)
        if not waits:
            yield f"{leaf.path} waits for nothing: it starts at once"
        for line in (*self._reads(leaf), *self._writes(leaf), *self._needs(leaf)):
            yield f"{leaf.path} {line}"

    # ------------------------------------------------------------------ waits
    def _waits(self, leaf: Leaf) -> Iterator[str]:
        yield from self._waits_of(leaf, "")
        frame: Frame | None = leaf.frame
        while frame is not None and frame in self._regions:
            region = self._regions[frame]
            yield from self._waits_of(region, f"is inside {region.path}, which ")
            frame = region.frame

    def _waits_of(self, node: Node, inside: str) -> Iterator[str]:
        for other in sorted(node.after, key=lambda n: n.index):
            if isinstance(other, Merge):
                yield f"{inside}waits for {self._merged(other)}: {self._reason(node, other)}"
            else:
                yield f"{inside}waits for {other.path}: {self._reason(node, other)}"

    def _merged(self, merge: Merge) -> str:
        makers = sorted(self.facts.makers(merge.writes[0]), key=lambda m: self.facts.part_of[m].first)
        return f"{_plain([m.path for m in makers])} (what they write to {merge.field.key!r} is merged)"

    def _reason(self, node: Node, other: Node) -> str:
        reasons = [reason for reason in node.after[other] if reason != _ORDER]
        if reasons:
            return "; ".join(reasons)
        if isinstance(node, Region) or isinstance(other, Region | Merge):
            data = bool(self._all_makers(node) & self._all_leaves(other))
        else:
            data = bool(self._all_makers(node) & {other})
        if data:
            return _ORDER
        for one in (node, other):
            if any(leaf.step.effect for leaf in self._all_leaves(one)):
                return f"{_ORDER}; {'it' if one is node else one.path} is an effect"
        return f"{_ORDER}; no data needed{': W205' if self._has_slack(node, other) else ''}"

    def _all_leaves(self, node: Node) -> set[Leaf]:
        if isinstance(node, Region):
            inside = (n for body in node.bodies for n in self.facts.bound.nodes(body))
            return {n for n in inside if isinstance(n, Leaf)}
        if isinstance(node, Merge):
            return self.facts.makers(node.writes[0])
        return {node} if isinstance(node, Leaf) else set()

    def _all_makers(self, node: Node) -> set[Leaf]:
        if isinstance(node, Merge):
            return self.facts.makers(node.writes[0])
        return set[Leaf]().union(*(self.facts.needs[leaf] for leaf in self._all_leaves(node)))

    def _has_slack(self, node: Node, other: Node) -> bool:
        """Whether W205 tells of the two."""
        mine, its = self._all_leaves(node), self._all_leaves(other)
        return any(
            any(mine & leaves for leaves in parts)
            and any(its & leaves and not mine & leaves for leaves in parts)
            for parts in self._slack
        )

    # ------------------------------------------------------------------ reads and writes
    def _reads(self, leaf: Leaf) -> Iterator[str]:
        for read in leaf.reads:
            yield self._read(read)
        if leaf.opaque is not None:
            keys = [read.argument for read in leaf.opaque]
            yield (
                f"reads the whole state: {listing(keys)}"
                if keys
                else "reads the whole state, which is empty here"
            )

    def _read(self, read: Read) -> str:
        if read.config is not None:
            default = "" if read.config.default is REQUIRED else f", or {_short(read.config.default)}"
            return f"takes {read.argument!r} from the run's setting {read.config.key!r}{default}"
        if read.key is None:
            return f"takes {read.argument!r} as it is given: {_short(read.value)}"
        name = f"reads {read.key!r}" + (f" as {read.argument!r}" if read.argument != read.key else "")
        if read.version is None:
            if read.value is not ABSENT:
                return f"{name}: always {_short(read.value)}"
            return f"{name}, which nothing gives{self._default(read)}"
        return f"{name} from {self._source(read.version)}{self._default(read)}"

    @staticmethod
    def _default(read: Read) -> str:
        if read.default is not ABSENT:
            return f"; {_short(read.default)} if it is missing"
        return "; left out if it is missing" if read.omit else ""

    def _source(self, version: Version) -> str:
        makers = sorted(self.facts.makers(version), key=lambda m: self.facts.part_of[m].first)
        if makers:
            return _plain([m.path for m in makers])
        origin = self.facts.origin(version)
        name = f" {origin.key!r}" if origin.origin == "input" else ""
        return f"the input{name}"

    def _writes(self, leaf: Leaf) -> Iterator[str]:
        if not leaf.writes:
            yield "writes nothing: its result is discarded"
        for version in leaf.writes:
            readers = [
                p.path
                for p, other in self.facts.leaves()
                if leaf in self.facts.needs[other] and self._from(other, version)
            ]
            kept = " and is in the final state" if version in self.facts.finals else ""
            if readers:
                yield f"writes {version.key!r}, which {_plain(readers)} {'reads' if len(readers) == 1 else 'read'}{kept}"
            else:
                yield f"writes {version.key!r}, which {'is in the final state' if kept else 'no step reads'}"

    def _from(self, reader: Leaf, version: Version) -> bool:
        versions = [read.version for read in reader.reads if read.version is not None]
        versions += [read.version for read in reader.opaque or () if read.version is not None]
        return any(version in self.facts.sources(v) for v in versions)

    # ------------------------------------------------------------------ what it needs besides
    def _needs(self, leaf: Leaf) -> Iterator[str]:
        step = leaf.step
        if step.effect:
            yield "is an effect: it starts only when everything listed before it has succeeded"
        for name, amount in step.resources.items():
            yield f"holds {said(amount, name)} of {name!r} while it runs"
        if step.exclusive is not None:
            shared = (
                f", shared by the steps exclusive={step.exclusive!r}"
                if isinstance(step.exclusive, str)
                else ""
            )
            yield f"runs one at a time in the process{shared}"
        for cap in leaf.caps:
            path, limit = self.facts.bound.caps[cap]
            yield f"is one of at most {limit} running in {path} (max_concurrency)"
        if step.timeout is not None:
            yield f"may take {step.timeout:g} s per attempt"
        if step.retry is not None:
            yield f"is tried up to {step.retry.attempts} times"


def _plain(names: list[str]) -> str:
    """Names in a sentence, as they are."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
