"""Binding: one walk over the definition that ties every read to a version and every wait to a reason.

    listed    each part waits for the part before it
    dataflow  each part waits for the makers of what it reads; an effect for all that is listed before it

A region with a policy of its own is walked in a frame of its own (SEMANTICS 2); all else dissolves into the
frame around it. Nothing is refused here: what looks wrong is recorded as a ``Finding`` for the rules.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plait.core.component import UNKNOWN
from plait.core.control import ERROR_KEY, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph, decides
from plait.core.plan.bound import (
    Block,
    Bound,
    Export,
    Frame,
    Leaf,
    Merge,
    Node,
    Read,
    Region,
    Version,
)
from plait.core.plan.conflicts import Branch, conflicts, leaves_of, rewritten, rewritten_in
from plait.core.plan.embedding import Embedding
from plait.core.plan.naming import Names, branch_members, is_single
from plait.core.plan.place import At, Nodes, at_end_of, branch_of, presence_of
from plait.core.plan.reads import as_version
from plait.core.plan.scope import Deltas, Env, Found, Scope, depend, merge_node
from plait.core.schema import ABSENT, Field
from plait.core.step import Step

if TYPE_CHECKING:
    from plait.core.handlers import ErrorHandler
    from plait.core.plan.breakpoints import Breakpoints


def bind(definition: Definition, breakpoints: Breakpoints | None = None) -> Bound:
    """Bind a pipeline's definition; findings are collected, not raised."""
    kind = Binder
    if decides(definition):
        from plait.core.plan.deciding import DecidingBinder

        kind = DecidingBinder
    return kind(definition, breakpoints).bound


class Binder(Embedding):
    """Binds what runs in any case; ``DecidingBinder`` knows the rest as well, and is loaded for pipelines that have some."""

    if TYPE_CHECKING:

        def _region_of(self, flow: Choice | Loop | MapReduce | Try | Goto, at: At) -> Nodes: ...
        def _handled(self, flow: Flow, handler: ErrorHandler, at: At) -> Nodes: ...
        def _terminate(self, leaf: Leaf, at: At) -> None: ...
        def _jumps(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _rest(
            self, parts: tuple[Flow, ...], at: At, flags: list[Version], *, by_data: bool = False
        ) -> Nodes: ...

    def __init__(self, definition: Definition, breakpoints: Breakpoints | None) -> None:
        self._breakpoints = breakpoints
        self.root = Frame(None, "")
        self.bound = Bound(definition, self.root)
        scope = self._outermost = Scope(definition.schema, "", self._root_input)
        self.bound.written, self.bound.history = scope.written, scope.history
        self._opaque = []
        self._readers_of_all: list[Leaf] = []
        """Opaque readers of the outermost pipeline: they read every input, whoever asks for it later."""
        self._asked = []
        self._asking = None
        self._needed = []
        env = Env(scope, self.root)
        caps = self._cap("pipeline", definition.max_concurrency, ())
        names = self._names(definition.body, "")
        self._body(definition, At(self.root, env, names, "", caps=caps))
        for key in list(env.seen):
            found = env.look_up(key, optional=True, fold=lambda f, d: merge_node(self.root, f, 0, d))
            if found is not None and found.version is not None:
                self.root.finals[key] = found.version
        for key, version in self.bound.inputs.items():
            self.root.finals.setdefault(key, version)
        self._complete_opaque()

    def _complete_opaque(self) -> None:
        """An opaque reader sees every input, also one that only a later step asks for by name."""
        for reads, scope, frame, known in self._opaque:
            for key, found in scope.inputs.items():
                if key not in known:
                    version = frame.local(as_version(key, found, frame))
                    reads.append(Read(key, key, version, default=found.default))

    # ------------------------------------------------------------------ small helpers
    def _names(self, parts: tuple[Flow, ...], path: str) -> Names:
        return self._clashes(Names(parts, path), path)

    def _clashes(self, names: Names, path: str) -> Names:
        for clash in names.clashes:
            self._find("E110", f"{path}/{clash}" if path else clash, name=clash, inside=path)
        return names

    def _cap(self, path: str, limit: int | None, caps: tuple[int, ...]) -> tuple[int, ...]:
        if limit is None:
            return caps
        self.bound.caps.append((path, limit))
        return (*caps, len(self.bound.caps) - 1)

    def _root_input(self, key: str, optional: bool) -> Found | None:
        definition = self.bound.definition
        field = definition.schema.fields.get(key) or definition.schema_in.fields.get(key)
        declared = definition.schema.declared or definition.schema_in.declared
        known = self.bound.inputs.get(key)
        if known is None:
            if declared and field is None:
                return None
            if definition.schema_in.declared and key not in definition.schema_in.fields and not optional:
                return None
            known = self.root.version(
                key, None, origin="input", presence="maybe", annotation=field.annotation if field else Any
            )
            self.bound.inputs[key] = known
            self._default(known, field)
        if not optional and known.presence == "maybe" and known.default is ABSENT:
            known.presence = "always"
        return Found(known)

    def _default(self, version: Version, field: Field | None) -> None:
        if field is not None and (field.default is not ABSENT or field.default_factory is not None):
            version.default = field
            version.presence = "always"

    # ------------------------------------------------------------------ the walk
    def _body(self, definition: Definition, at: At) -> Nodes:
        if definition.order == "dataflow":
            return self._parts_by_data(definition.body, at)
        return self._parts_listed(definition.body, at)

    def _walk(self, flow: Flow, at: At) -> Nodes:
        handler = None if isinstance(flow, (Chain, Choice, Loop, Try, Goto)) else flow.error_handler
        return self._walk_plain(flow, at) if handler is None else self._handled(flow, handler, at)

    def _walk_plain(self, flow: Flow, at: At) -> Nodes:
        if isinstance(flow, Step):
            leaf = self._leaf(flow, at.names.take(), at)
            if flow.kind == "terminate":
                self._terminate(leaf, at)
            return self._stop_after(leaf, at)
        if isinstance(flow, Chain):
            return self._parts_listed(flow.parts, at)
        if isinstance(flow, Parallel):
            return self._parallel(flow, at)
        if isinstance(flow, Dataflow):
            return self._dataflow(flow, at)
        if isinstance(flow, Subgraph):
            return self._subgraph(flow, at)
        return self._region_of(flow, at)

    def _parts_listed(self, parts: tuple[Flow, ...], at: At) -> Nodes:
        if any(isinstance(part, Goto) for part in parts):
            return self._jumps(parts, at)
        before = at.before
        for i, part in enumerate(parts):
            mark = len(at.exits)
            before = self._walk(part, at.with_(before=before)) or before
            if len(at.exits) > mark and i + 1 < len(parts):
                return self._rest(parts[i + 1 :], at.with_(before=before), at.exits[mark:])
        return before

    def _parts_by_data(self, parts: tuple[Flow, ...], at: At) -> Nodes:
        if any(isinstance(part, Goto) for part in parts):
            return self._jumps(parts, at.with_(data=False))
        inside = at.with_(data=True, listed=at.listed if at.data else [])
        first = len(at.frame.nodes)
        for i, part in enumerate(parts):
            mark, made = len(at.exits), len(at.frame.nodes)
            ends = self._walk(part, inside)
            if len(at.exits) > mark and i + 1 < len(parts):
                self._rest(parts[i + 1 :], inside, at.exits[mark:], by_data=True)
                break
            if any(
                leaf.step.kind in ("interrupt", "pause") for leaf in leaves_of(at.frame.nodes[made:])
            ):  # nothing listed after it starts before it is answered
                inside = inside.with_(before=ends)
        nodes = at.frame.nodes[first:]
        return tuple(n for n in nodes if not any(s.index >= first for s in n.before)) or at.before

    def _leaf(self, step: Step[..., Any], path: str, at: At, reading: At | None = None) -> Leaf:
        stops = self._breakpoints
        if stops is not None and path in stops.before:
            from plait.core.kinds import pause

            at = at.with_(before=(self._bound_leaf(pause("before"), f"{path}:before", at),))
            reading = None if reading is None else reading.with_(before=at.before)
        return self._bound_leaf(step, path, at, reading)

    def _stop_after(self, leaf: Leaf, at: At) -> Nodes:
        """A step, and a pause behind it if somebody wants one."""
        stops = self._breakpoints
        if stops is None or leaf.path not in stops.after:
            return (leaf,)
        from plait.core.kinds import pause

        return (self._bound_leaf(pause("after"), f"{leaf.path}:after", at.with_(before=(leaf,))),)

    def _bound_leaf(self, step: Step[..., Any], path: str, at: At, reading: At | None = None) -> Leaf:
        merges = len(at.frame.nodes)
        reads, opaque = self._reads(step, path, reading or at)
        if step.kind == "handler" and step.component.takes_any and at.cause is not None:
            reads.append(Read(ERROR_KEY, ERROR_KEY, at.frame.local(at.cause)))
        caps = () if step.kind == "hedge" else at.caps  # it only waits, and what waits holds nothing
        leaf = Leaf(at.frame, path, at.branch, caps, step)
        leaf.reads, leaf.opaque = reads, opaque
        leaf.outermost = at.env.scope is self._outermost
        if opaque is not None and leaf.outermost:
            self._readers_of_all.append(leaf)
        before = at.before
        for node in at.frame.nodes[merges : leaf.index]:  # folds that this step's reads asked for
            node.branch = at.branch
            for other in at.before:
                node.wait_for(other, "declared order")
            before = ()
        for other in before:
            leaf.wait_for(other, "declared order")
        for read in reads:
            if read.version is not None:
                self._depend(leaf, read.version, read.key or read.argument, at)
        for read in opaque or ():
            if read.version is not None:
                self._depend(leaf, read.version, read.argument, at)
        if at.data:
            self._rewriting(leaf)
            if step.effect:
                self._gate(leaf, at.listed)
        self._writes(leaf, at)
        at.listed.append(leaf)
        return leaf

    def _depend(self, leaf: Leaf, version: Version, key: str, at: At) -> None:
        maker = version.maker
        if at.data or (maker is not None and not isinstance(maker, (Leaf, Region))):
            depend(leaf, version, f"reads {key!r}")
            return
        version.readers.append(leaf)
        if maker in leaf.after:
            leaf.wait_for(maker, f"reads {key!r}")

    def _gate(self, leaf: Leaf, listed: list[Node]) -> None:
        for other in listed:
            if other.frame is leaf.frame and other is not leaf and not any(s in listed for s in other.before):
                leaf.wait_for(other, "an effect waits for all that is listed before it")

    def _rewriting(self, leaf: Leaf) -> None:
        """A component may change in place what it reads, so a step that rewrites a key comes after earlier readers."""
        for version in rewritten(leaf):
            self._after_readers(leaf, version)

    def _after_readers(self, node: Node, version: Version) -> None:
        readers = list(version.readers)
        if version.origin == "input":
            readers += filter(None, (self._ancestor(leaf, node.frame) for leaf in self._readers_of_all))
        for other in readers:
            # Not for a sibling: branches are independent, and one that has failed would never let us go on.
            if other.frame is node.frame and other.branch == node.branch and other.index < node.index:
                node.wait_for(other, f"rewrites {version.key!r}, which it reads")

    def _ancestor(self, node: Node, frame: Frame) -> Node | None:
        """The node of this frame that a node is, or is inside of."""
        found: Node | None = node
        while found is not None and found.frame is not frame:
            found = found.frame.region
        return found

    def _writes(self, leaf: Leaf, at: At) -> None:
        step = leaf.step
        for key, part in step.outputs:
            field = at.env.scope.field(key)
            if field is None and at.env.scope.schema.declared:
                self._find("E101", leaf.path, key=key, writes=True, known=tuple(at.env.scope.schema.fields))
            annotation = field.annotation if field else (step.component.returns if part is None else Any)
            version = at.frame.version(
                key, leaf, origin="step", annotation=Any if annotation is UNKNOWN else annotation
            )
            leaf.writes.append(version)
            at.env.write(key, version)
            at.env.scope.written.setdefault(key, leaf.path)

    # ------------------------------------------------------------------ blocks
    def _settle(self, at: At) -> Nodes:
        """Fold what is pending before branches start from it; gives what the branches wait for."""
        first = len(at.frame.nodes)
        self._fold_pending(at)
        made = tuple(at.frame.nodes[first:])
        for node in made:
            for other in at.before:
                node.wait_for(other, "declared order")
        return made or at.before

    def _open(self, flow: Parallel | Dataflow, at: At) -> tuple[Names, str]:
        if flow.name is None:
            return at.names, at.path
        path = at.names.take()
        if isinstance(flow, Dataflow):
            return self._names(flow.parts, path), path
        return self._clashes(Names.of(list(branch_members(flow)), path), path), path

    def _parallel(self, block: Parallel, at: At) -> Nodes:
        before = self._settle(at)
        names, path = self._open(block, at)
        label = path if block.name else (f"{path}/parallel" if path else "parallel")
        caps = self._cap(label, block.max_concurrency, at.caps)
        at = at.with_(names=names, path=path, caps=caps, before=before)
        if block.atomic or at.sealed:
            need = None if block.need == "all" else int(block.need)
            region = Region(
                at.frame,
                label,
                at.branch,
                need=need,
                on_error=block.on_error,
                retry=block.retry,
                timeout=block.timeout,
            )
            return self._region(
                region, at, lambda inside: self._branches(block, inside, label, region), in_branches=True
            )
        return self._branches(block, at, label, None)

    def _branches(self, block: Parallel, at: At, label: str, region: Region | None) -> Nodes:
        ends: list[Node] = []
        members: list[Nodes] = []
        envs: list[Env] = []
        listed: list[Node] = []
        asked = [len(self._asked)]
        for i, (name, branch) in enumerate(block.branches):
            env = at.env.branch()
            first = len(at.frame.nodes)
            inside = at.with_(env=env, listed=list(at.listed), branch=i if region else at.branch)
            if name is not None and not is_single(branch, name):
                path = at.names.take()
                inside = inside.with_(names=self._names(branch.parts, path), path=path)
            end = self._walk(branch, inside)
            if region is not None:
                self._fold_pending(inside)
            ends += [n for n in end if n not in ends]
            members.append(tuple(at.frame.nodes[first:]))
            listed += [n for n in inside.listed if n not in at.listed] if at.data else []
            envs.append(env)
            asked.append(len(self._asked))
        at.listed.extend(listed)
        if region is not None:
            at.frame.branches = len(block.branches)
        self.bound.blocks.append(Block(label, "parallel", block, tuple(members)))
        between = [self._asked[first:last] for first, last in itertools.pairwise(asked)]
        written = [Branch(nodes, env, asks) for nodes, env, asks in zip(members, envs, between, strict=True)]
        self.bound.findings += conflicts(block, label, at.env, written)
        self._join_branches(at, envs, region)
        return tuple(ends) or at.before

    def _fold_pending(self, at: At) -> None:
        """Plan the folds of what was written to keys with a reducer and not yet read.

        At the end of a branch or region with a policy that is still inside, so a reducer that raises is the writer's failure,
        under that policy. What gets out are the deltas themselves; they are folded again, in listed order, where somebody
        reads the key.
        """
        for key, entry in list(at.env.seen.items()):
            if isinstance(entry, Deltas) and entry.folded < len(entry.own):
                at.env.look_up(key, optional=True, fold=self._folder(at))

    def _join_branches(self, at: At, envs: list[Env], region: Region | None) -> None:
        """Make the branches' writes visible after the block, in listed order."""
        start = dict(at.env.seen)
        for i, env in enumerate(envs):
            for key, entry in env.seen.items():
                if isinstance(entry, Deltas):
                    for delta in entry.own:
                        at.env.write(key, delta)
                elif entry is not start.get(key):
                    if region is not None:
                        self._candidate(region, key, i, entry)
                    at.env.seen[key] = entry

    def _candidate(self, region: Region, key: str, branch: int, version: Version) -> None:
        for export in region.exports:
            if export.outer.key == key:
                export.candidates.append((branch, version, region.inner))
                return
        outer = region.frame.version(key, region, origin="block", annotation=version.annotation)
        region.writes.append(outer)
        region.exports.append(Export(outer, [(branch, version, region.inner)]))

    def _dataflow(self, block: Dataflow, at: At) -> Nodes:
        before = self._settle(at)
        names, path = self._open(block, at)
        label = path if block.name else (f"{path}/dataflow" if path else "dataflow")
        at = at.with_(
            names=names, path=path, caps=self._cap(label, block.max_concurrency, at.caps), before=before
        )
        if block.atomic or at.sealed:
            region = Region(
                at.frame,
                label,
                at.branch,
                need=None,
                on_error="cancel",
                retry=block.retry,
                timeout=block.timeout,
            )
            return self._region(region, at, lambda inside: self._parts_by_data(block.parts, inside))
        first = len(at.frame.nodes)
        out = self._parts_by_data(block.parts, at)
        self.bound.blocks.append(Block(label, "dataflow", block, (tuple(at.frame.nodes[first:]),)))
        return out

    # ------------------------------------------------------------------ regions and subgraphs
    def _region(
        self, region: Region, at: At, walk: Callable[[At], Nodes], *, in_branches: bool = False
    ) -> Nodes:
        """Walk a region with a policy in its own frame and publish what it keeps."""
        for other in at.before:
            region.wait_for(other, "declared order")
        env = at.env.branch(region.inner)
        start = dict(env.seen)
        there = at.with_(frame=region.inner, env=env, before=(), branch=0, listed=[], exits=[], sealed=False)
        walk(there)
        if not in_branches:  # those of a block have tried their own
            self._fold_pending(there)
        for key, entry in env.seen.items():
            if isinstance(entry, Deltas):
                for delta in entry.own:
                    self._export(region, at, key, delta, [(branch_of(delta, region), delta, region.inner)])
            elif entry is not start.get(key):
                made = next((export for export in region.exports if export.outer.key == key), None)
                if made is None:
                    self._export(region, at, key, entry, [(branch_of(entry, region), entry, region.inner)])
                else:
                    made.outer.presence = presence_of(region, made.candidates)
                    made.outer.at_end = at_end_of(made.candidates)
                    at.env.write(key, made.outer)
        for flag in there.exits:
            ended = region.frame.version(flag.key, region, origin="block", presence="maybe")
            region.exports.append(Export(ended, [(branch_of(flag, region), flag, region.inner)]))
            at.exits.append(ended)
        replaced = rewritten_in(region.inner) if at.data else set()
        for imported, inside in region.inner.imports.items():
            local = at.frame.local(imported)
            if inside in replaced:
                self._after_readers(region, local)
            if at.data or isinstance(
                local.maker, Merge
            ):  # a fold that was asked for inside is listed nowhere
                depend(region, local, f"reads {imported.key!r} inside")
            else:
                local.readers.append(region)
        if at.data and any(leaf.step.effect for leaf in leaves_of((region,))):
            self._gate_region(region, at.listed)
        at.listed.append(region)
        return (region,)

    def _gate_region(self, region: Region, listed: list[Node]) -> None:
        for other in listed:
            if other.frame is region.frame and not any(s in listed for s in other.before):
                region.wait_for(other, "an effect inside waits for all that is listed before it")

    def _export(
        self,
        region: Region,
        at: At,
        key: str,
        inner: Version,
        candidates: list[tuple[int, Version, Frame]],
    ) -> None:
        outer = region.frame.version(
            key,
            region,
            origin="block",
            presence=presence_of(region, candidates),
            annotation=inner.annotation,
        )
        outer.at_end = at_end_of(candidates)
        outer.comes = any(version.comes for _, version, _ in candidates)
        region.writes.append(outer)
        region.exports.append(Export(outer, candidates))
        at.env.write(key, outer)
