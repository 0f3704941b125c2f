"""The bound pipeline: every read tied to the version it will see, every wait with its reason.

This is the planner's readable half (names and objects). The checks, ``explain`` and the drawings read it;
``lower`` turns it into the integers that a run counts with.

    Frame     a region with slots of its own: the pipeline, or a block with a policy
      Leaf      one step                    ─┐
      Merge     one fold of a reducer        ├─ nodes, in listed order
      Region    a nested frame              ─┘
    Version   one write of a key (or its input value); every write makes a new one
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from plait.core.flow import Definition, Flow
from plait.core.inputs import Config
from plait.core.policy import Retry
from plait.core.schema import ABSENT, Field
from plait.core.step import Step

Presence: TypeAlias = Literal["always", "maybe"]
Origin: TypeAlias = Literal["input", "step", "merge", "block", "value", "config", "item"]
RegionKind: TypeAlias = Literal["block", "choice", "rest", "loop", "map", "try", "gate", "jumps"]
"""What a region asks before it opens one of its bodies:

block, try     nothing: the first body opens at once (and a second one, the handler, if that fails)
choice         which body? the decider's value is the key of one
rest, gate     whether: steps behind one that may end the pipeline, or between jumps
loop, jumps    after each turn, whether there is another one
map            how many copies of the body, side by side
"""


class Version:
    """One value that a key has for a while: who makes it, who reads it, whether it is surely there."""

    __slots__ = (
        "annotation",
        "at_end",
        "comes",
        "default",
        "frame",
        "key",
        "maker",
        "origin",
        "otherwise",
        "presence",
        "readers",
        "seed",
        "slot",
        "value",
    )

    def __init__(
        self,
        key: str,
        frame: Frame,
        maker: Node | None,
        *,
        origin: Origin,
        presence: Presence = "always",
        annotation: Any = Any,
        value: Any = ABSENT,
    ) -> None:
        self.key, self.frame, self.maker = key, frame, maker
        self.origin: Origin = origin
        self.presence: Presence = presence
        """Whether it is there where the pipeline goes on, and (``at_end``) where it has been ended before."""
        self.at_end: Presence = "always"
        self.comes = True
        """Of a delta of a key with a reducer: whether it, or another one of its region, is surely written (or lost)."""
        self.annotation, self.value = annotation, value
        self.default: Any = ABSENT  # an input's default, by the state type
        self.readers: list[Node] = []
        self.seed: Version | None = None  # what it is in a loop's first turn
        self.otherwise: Version | None = None  # why it may be missing: where no body writes it, it is this
        self.slot = -1

    def __repr__(self) -> str:
        return f"<{self.key} by {self.maker.path if self.maker else self.origin}>"


class Read:
    """One argument of a step: the version it is bound to, or a value, or a run's setting.

    ``default`` is used when the version is Missing; ``omit`` leaves the argument out instead (the
    component's own default counts).
    """

    __slots__ = ("argument", "config", "default", "key", "omit", "value", "version")

    def __init__(
        self,
        argument: str,
        key: str | None,
        version: Version | None,
        *,
        value: Any = ABSENT,
        config: Config | None = None,
        default: Any = ABSENT,
        omit: bool = False,
    ) -> None:
        self.argument, self.key, self.version, self.value = argument, key, version, value
        self.config, self.default, self.omit = config, default, omit


class Node:
    """What the scheduler starts: something with a path, things it waits for, and a listed position."""

    __slots__ = ("after", "before", "branch", "caps", "frame", "index", "path", "writes")

    def __init__(self, frame: Frame, path: str, branch: int, caps: tuple[int, ...]) -> None:
        self.frame, self.path, self.branch, self.caps = frame, path, branch, caps
        self.index = len(frame.nodes)
        self.after: dict[Node, list[str]] = {}
        self.before: list[Node] = []
        self.writes: list[Version] = []
        frame.nodes.append(self)

    def wait_for(self, other: Node, reason: str) -> None:
        """Start only after ``other`` has succeeded; the reason is what ``explain`` prints."""
        if other is self:
            return
        reasons = self.after.get(other)
        if reasons is None:
            self.after[other] = [reason]
            other.before.append(self)
        elif reason not in reasons:
            reasons.append(reason)


class Leaf(Node):
    """One step of the pipeline, bound."""

    __slots__ = ("opaque", "outermost", "reads", "step")

    def __init__(
        self, frame: Frame, path: str, branch: int, caps: tuple[int, ...], step: Step[..., Any]
    ) -> None:
        super().__init__(frame, path, branch, caps)
        self.step = step
        self.reads: list[Read] = []
        self.opaque: list[Read] | None = None
        self.outermost = False
        """Whether it belongs to the pipeline that is run, and not to one embedded in it."""


class Merge(Node):
    """A fold of a reducer: base ⊕ d₁ ⊕ d₂, in listed order."""

    __slots__ = ("base", "deltas", "field")

    def __init__(
        self, frame: Frame, field: Field, branch: int, base: Version | None, deltas: list[Version]
    ) -> None:
        super().__init__(frame, f"merge {field.key}", branch, ())
        self.field, self.base, self.deltas = field, base, deltas


class Export:
    """A key that a region hands out: of the candidates the last one whose branch was kept counts.

    Attributes:
        outer: the version outside.
        candidates: ``(branch, version, body)``: who may give it.
        appends: add the value to what is there, as a further delta of a key with a reducer.
    """

    __slots__ = ("appends", "candidates", "outer")

    def __init__(
        self, outer: Version, candidates: list[tuple[int, Version, Frame]], *, appends: bool = False
    ) -> None:
        self.outer, self.candidates, self.appends = outer, candidates, appends


class Region(Node):
    """A part with slots of its own: a node outside, a frame inside, or several of which it opens one.

    Attributes:
        kind: what it asks before it opens a body.
        bodies: its frames. The second one of a ``try`` is the handler.
        exports: what it hands out.
        decider: the version outside whose value decides.
        cases: the body for each value of the decider; ``default`` for all others (-1: none).
        flags: versions outside: in a rest or loop, who ended the pipeline; in gates and jumps, who jumped.
        origins: for each flag, the segment whose jump it tells of; -1 for the end of the pipeline.
        seeds: ``(older version or None, version outside)``: what a key is if no body writes it.
        sums: versions outside that collect the deltas of all turns.
        items: ``(name, version in the body)`` of what the shell puts there when it opens.
        gathers: ``(version in the body, version outside)``: the list of all copies' values.
        partial: ``(version outside, versions inside in listed order)``: what is handed out when it fails.
        catch: the errors that the handler takes.
    """

    __slots__ = (
        "bodies",
        "cases",
        "catch",
        "decider",
        "default",
        "exports",
        "flags",
        "gathers",
        "items",
        "kind",
        "need",
        "number",
        "on_error",
        "origins",
        "partial",
        "retry",
        "seeds",
        "sums",
        "timeout",
    )

    def __init__(
        self,
        frame: Frame,
        path: str,
        branch: int,
        *,
        need: int | None = None,
        on_error: str = "cancel",
        retry: Retry | None = None,
        timeout: float | None = None,
        kind: RegionKind = "block",
        bodies: int = 1,
    ) -> None:
        super().__init__(frame, path, branch, ())
        self.bodies = [Frame(frame, path, self) for _ in range(bodies)]
        self.kind: RegionKind = kind
        self.need, self.on_error, self.retry, self.timeout = need, on_error, retry, timeout
        self.exports: list[Export] = []
        self.decider: Version | None = None
        self.cases: dict[str, int] = {}
        self.default = -1
        self.flags: list[Version] = []
        self.origins: list[int] = []
        self.seeds: list[tuple[Version | None, Version]] = []
        self.sums: list[Version] = []
        self.items: list[tuple[str, Version]] = []
        self.gathers: tuple[Version, Version] | None = None
        self.partial: list[tuple[Version, list[Version]]] = []
        self.catch: tuple[type[BaseException], ...] = ()
        self.number = 0

    @property
    def inner(self) -> Frame:
        """Its first frame, or only one."""
        return self.bodies[0]

    @property
    def nodes(self) -> list[Node]:
        """What is directly in it, in listed order."""
        return [node for body in self.bodies for node in body.nodes]

    def asked(self) -> list[Version]:
        """The versions outside that it looks at itself."""
        older = [version for version, _ in self.seeds if version is not None]
        return [*([self.decider] if self.decider else []), *self.flags, *older]


class Frame:
    """A set of slots with the nodes that fill them."""

    __slots__ = (
        "branches",
        "constants",
        "finals",
        "imports",
        "nodes",
        "parent",
        "path",
        "region",
        "versions",
    )

    def __init__(self, parent: Frame | None, path: str, region: Region | None = None) -> None:
        self.parent, self.path, self.region = parent, path, region
        self.nodes: list[Node] = []
        self.versions: list[Version] = []
        self.imports: dict[Version, Version] = {}
        self.constants: dict[Version, Version] = {}
        self.finals: dict[str, Version] = {}
        self.branches = 1

    def version(
        self,
        key: str,
        maker: Node | None,
        *,
        origin: Origin,
        presence: Presence = "always",
        annotation: Any = Any,
        value: Any = ABSENT,
    ) -> Version:
        """A new version in this frame."""
        made = Version(key, self, maker, origin=origin, presence=presence, annotation=annotation, value=value)
        made.slot = len(self.versions)
        self.versions.append(made)
        return made

    def local(self, version: Version) -> Version:
        """The version as seen in this frame: itself, or an import of it from the frame around.

        Values and settings are in place from the start, so every frame has its own copy of them.
        """
        if version.frame is self:
            return version
        if version.origin in ("value", "config"):
            fixed = self.constants.get(version)
            if fixed is None:
                fixed = self.version(
                    version.key,
                    None,
                    origin=version.origin,
                    annotation=version.annotation,
                    value=version.value,
                )
                self.constants[version] = fixed
            return fixed
        known = self.imports.get(version)
        if known is None:
            assert self.parent is not None, version
            self.parent.local(version)
            known = self.version(
                version.key,
                version.maker,
                origin=version.origin,
                presence=version.presence,
                annotation=version.annotation,
            )
            self.imports[version] = known
            known.seed, known.otherwise = version.seed, version.otherwise
        known.at_end, known.comes = version.at_end, version.comes
        known.presence = version.presence  # an input may have become required since
        return known


class Finding:
    """Something that binding noticed; the rule with this code makes the diagnostic of it."""

    __slots__ = ("code", "data", "paths")

    def __init__(self, code: str, paths: tuple[str, ...], data: dict[str, Any]) -> None:
        self.code, self.paths, self.data = code, paths, data


class Block:
    """A ``parallel`` or ``dataflow`` block as it was met, for checks and drawings."""

    __slots__ = ("flow", "kind", "members", "path")

    def __init__(self, path: str, kind: str, flow: Flow, members: tuple[tuple[Node, ...], ...]) -> None:
        self.path, self.kind, self.flow, self.members = path, kind, flow, members


class Bound:
    """A definition after binding."""

    __slots__ = ("blocks", "caps", "definition", "findings", "history", "inputs", "root", "written")

    def __init__(self, definition: Definition, root: Frame) -> None:
        self.definition, self.root = definition, root
        self.written: dict[str, str] = {}  # key of the pipeline's own state -> path of its first writer
        self.history: dict[str, list[Version]] = {}  # key of its own state -> its versions, in listed order
        self.findings: list[Finding] = []
        self.inputs: dict[str, Version] = {}
        self.blocks: list[Block] = []
        self.caps: list[tuple[str, int]] = []

    def nodes(self, frame: Frame | None = None) -> Iterator[Node]:
        """Every node, in listed order, nested frames included."""
        for node in (frame or self.root).nodes:
            yield node
            if isinstance(node, Region):
                for body in node.bodies:
                    yield from self.nodes(body)

    def leaves(self) -> Iterator[Leaf]:
        """Every step, in listed order."""
        return (node for node in self.nodes() if isinstance(node, Leaf))
