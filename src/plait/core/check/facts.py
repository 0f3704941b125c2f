"""What several rules ask about a bound pipeline, each found out once."""

from __future__ import annotations

import collections.abc
import typing
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from plait.core.component import Component
from plait.core.control import MapReduce, Try
from plait.core.flow import Definition, Subgraph
from plait.core.inputs import Optional
from plait.core.plan.bound import Bound, Finding, Frame, Leaf, Merge, Region, Version
from plait.core.plan.outline import Part, outline
from plait.core.schema import Schema
from plait.core.value import Value


class SiblingRead(Value):
    """A step reads a key while another branch of the same block writes it.

    ``older``: a step before the block writes the key as well, and that value is the one that the step would get.
    """

    __slots__ = __match_args__ = ("reader", "writer", "key", "block", "older")

    def __init__(self, reader: Part, writer: Part, key: str, block: Part, *, older: bool) -> None:
        self.reader, self.writer, self.key, self.block, self.older = reader, writer, key, block, older


class Facts:
    """A bound pipeline, with what the rules want to know about it.

    Attributes:
        bound: the pipeline.
        durations: seconds per step path, as far as known.
        limits: what each resource holds, or None when that is not known.
    """

    def __init__(
        self,
        bound: Bound,
        durations: Mapping[str, float] | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> None:
        self.bound, self.durations, self.limits = bound, durations or {}, limits

    # ------------------------------------------------------------------ places
    @cached_property
    def root(self) -> Part:
        """The pipeline as written."""
        return outline(self.bound)

    @cached_property
    def steps(self) -> list[Part]:
        """Every step, in listed order."""
        return [part for part in self.root.walk() if part.leaf is not None]

    @cached_property
    def part_of(self) -> dict[Leaf, Part]:
        """Where a leaf stands."""
        return {part.leaf: part for part in self.steps if part.leaf is not None}

    @cached_property
    def by_path(self) -> dict[str, Part]:
        """The first part with each path."""
        out: dict[str, Part] = {}
        for part in self.root.walk():
            if part.kind != "list" or part.name is not None:
                out.setdefault(part.path, part)
        for part in self.steps:  # an unnamed block shares its path with what is around it
            if out[part.path].kind != "step":
                out[part.path] = part
        return out

    def position(self, path: str) -> int:
        """The listed position of a path, for sorting."""
        part = self.by_path.get(path)
        return part.first if part is not None else -1

    def leaves(self) -> Iterator[tuple[Part, Leaf]]:
        """Every step with its leaf, in listed order."""
        for part in self.steps:
            assert part.leaf is not None
            yield part, part.leaf

    def findings(self, code: str) -> Iterator[Finding]:
        """What binding noticed under a code."""
        return (finding for finding in self.bound.findings if finding.code == code)

    @staticmethod
    def common(one: Part, other: Part) -> Part:
        """The innermost part around both."""
        part = one
        while not part.first <= other.first < part.last or part is one or part is other:
            assert part.up is not None
            part = part.up
        return part

    # ------------------------------------------------------------------ keys
    @cached_property
    def writes(self) -> dict[Part, dict[str, list[Part]]]:
        """For each pipeline (embedded ones too): its keys and the steps or subgraphs that write them."""
        out: dict[Part, dict[str, list[Part]]] = {}
        self._collect(self.root, out)
        return out

    def _collect(self, scope: Part, out: dict[Part, dict[str, list[Part]]]) -> None:
        keys: dict[str, list[Part]] = {}
        for part in self._members(scope):
            if part.leaf is not None:
                for key, _ in part.leaf.step.outputs:
                    keys.setdefault(key, []).append(part)
            elif part.kind == "subgraph" and isinstance(part.flow, Subgraph):
                self._collect(part, out)
                for key, _ in published(scope.schema, part.flow, out[part]):
                    keys.setdefault(key, []).append(part)
            else:
                for key in own_keys(part):
                    keys.setdefault(key, []).append(part)
        out[scope] = keys

    def _members(self, part: Part) -> Iterator[Part]:
        """The steps and embedded pipelines of one pipeline, in listed order, and what writes keys besides its steps."""
        for inner in part.parts:
            if inner.kind in ("step", "subgraph"):
                yield inner
                continue
            if own_keys(inner):
                yield inner
            yield from self._members(inner)

    def writes_within(self, part: Part) -> set[str]:
        """The keys of the pipeline around it that a part writes."""
        if part.leaf is not None:
            return {key for key, _ in part.leaf.step.outputs}
        if part.kind == "subgraph" and isinstance(part.flow, Subgraph) and part.up is not None:
            return {key for key, _ in published(part.up.scope.schema, part.flow, self.writes[part])}
        return set(own_keys(part)).union(*(self.writes_within(inner) for inner in part.parts))

    # ------------------------------------------------------------------ values
    @cached_property
    def _frames(self) -> list[Frame]:
        regions = (node for node in self.bound.nodes() if isinstance(node, Region))
        return [self.bound.root, *(body for node in regions for body in node.bodies)]

    @cached_property
    def _outside(self) -> dict[Version, Version]:
        return {inner: outer for frame in self._frames for outer, inner in frame.imports.items()}

    @cached_property
    def _exports(self) -> dict[Version, list[Version]]:
        out: dict[Version, list[Version]] = {}
        for node in self.bound.nodes():
            if isinstance(node, Region):
                for export in node.exports:
                    out.setdefault(export.outer, []).extend(version for _, version, _ in export.candidates)
                for older, outer in node.seeds:
                    out.setdefault(outer, []).extend([] if older is None else [older])
                for outer, inner in node.partial:
                    out.setdefault(outer, []).extend(inner)
        return out

    def origin(self, version: Version) -> Version:
        """The version itself, where this one is only its import into a frame."""
        while version in self._outside:
            version = self._outside[version]
        return version

    def sources(self, version: Version) -> set[Version]:
        """The versions, as steps wrote them or inputs gave them, that a value comes from, through reducers and blocks."""
        found: set[Version] = set()
        todo, seen = [version], set[Version]()
        while todo:
            one = self.origin(todo.pop())
            if one in seen:
                continue
            seen.add(one)
            if isinstance(one.maker, Merge):
                todo += [*one.maker.deltas, *([one.maker.base] if one.maker.base else [])]
            elif one in self._exports:
                todo += self._exports[one]
            else:
                found.add(one)
        return found

    def makers(self, version: Version) -> set[Leaf]:
        """The steps that a value comes from."""
        return {one.maker for one in self.sources(version) if isinstance(one.maker, Leaf)}

    @cached_property
    def needs(self) -> dict[Leaf, set[Leaf]]:
        """For each step, the steps whose values it reads."""
        out: dict[Leaf, set[Leaf]] = {}
        for _, leaf in self.leaves():
            versions = [read.version for read in leaf.reads if read.version is not None]
            versions += [read.version for read in leaf.opaque or () if read.version is not None]
            out[leaf] = set[Leaf]().union(*(self.makers(v) for v in versions))
        return out

    def used(self, version: Version) -> bool:
        """Whether anybody reads the value, or it is in the final state."""
        if version.readers or version in self.finals:
            return True
        inside = (frame.imports[version] for frame in self._frames if version in frame.imports)
        outside = (outer for outer, candidates in self._exports.items() if version in candidates)
        return any(self.used(v) for v in inside) or any(self.used(v) for v in outside)

    @cached_property
    def finals(self) -> set[Version]:
        """The versions in the final state, and those that they come from."""
        kept = set(self.bound.root.finals.values())
        return kept.union(*(self.sources(version) for version in kept))

    # ------------------------------------------------------------------ reads of a sibling's key
    @cached_property
    def sibling_reads(self) -> list[SiblingRead]:
        """All reads of a key that another branch of a block around the step writes."""
        out: dict[SiblingRead, None] = {}
        for part, leaf in self.leaves():
            blocks = [p for p in part.around() if p.kind == "parallel"]
            for read in leaf.reads if blocks else ():
                own = self.makers(read.version) if read.version is not None else set[Leaf]()
                for block in blocks:
                    branch = block.child_with(part.first)
                    if read.key is None or any(
                        branch.first <= self.part_of[maker].first < branch.last for maker in own
                    ):
                        break  # from its own branch, so from no sibling of a wider one either
                    out.update(dict.fromkeys(self._siblings(part, read.key, block, branch, older=bool(own))))
        return list(out)

    def _siblings(
        self, part: Part, key: str, block: Part, branch: Part, *, older: bool
    ) -> Iterator[SiblingRead]:
        name = key_outside(part, key, block.scope)
        field = block.scope.schema.fields.get(name or "")
        if name is None or (field is not None and field.reducer is not None):
            return
        for writer in self.writes[block.scope].get(name, ()):
            if block.first <= writer.first < block.last and not branch.first <= writer.first < branch.last:
                yield SiblingRead(part, writer, name, block, older=older)
                return

    def reads_sibling(self, reader: str, key: str) -> bool:
        """Whether E203 tells of this read already."""
        return any(s.reader.path == reader and s.key == key for s in self.sibling_reads)


def key_outside(part: Part, key: str, scope: Part) -> str | None:
    """What a key that a step reads is called in a pipeline around its own; None if it does not come from there."""
    inner = part.scope
    while inner is not scope:
        if not isinstance(inner.flow, Subgraph) or inner.up is None:
            return None
        if inner.flow.inputs is not None:
            source = dict(inner.flow.inputs).get(key)
            if isinstance(source, Optional):
                source = source.key
            if not isinstance(source, str):
                return None
            key = source
        inner = inner.up.scope
    return key


def own_keys(part: Part) -> tuple[str, ...]:
    """The keys that a part writes itself, besides those of the steps in it."""
    flow = part.flow
    if isinstance(flow, MapReduce) and part.kind == "map" and flow.reduce is None:
        return tuple(key for key, _ in flow.outputs)
    if isinstance(flow, Try) and flow.error_state is not None:
        return (flow.error_state,)
    return ()


def published(schema: Schema, flow: Subgraph, written: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The keys that an embedded pipeline writes outside: ``(ours, its own)``."""
    if flow.outputs is not None:
        return flow.outputs
    return tuple((key, key) for key in written if not schema.declared or key in schema.fields)


def type_name(schema: Schema) -> str:
    """What a person calls the state type."""
    return getattr(schema.type, "__name__", "the state type")


def definition_of(scope: Part) -> Definition:
    """The definition of a pipeline, embedded or not."""
    found = scope.flow.definition if isinstance(scope.flow, Subgraph) else scope.flow
    assert isinstance(found, Definition)
    return found


def returned(component: Component) -> Any:
    """What calling (and awaiting) a component gives, or ``UNKNOWN``."""
    annotation = component.returns
    if typing.get_origin(annotation) in (collections.abc.Awaitable, collections.abc.Coroutine):
        annotation = typing.get_args(annotation)[-1]
    return None if annotation is type(None) else annotation
