"""Binding what decides while it runs: choices, loops, maps, handlers, jumps, and what follows a possible end.

All of them become regions with bodies: frames of which some are opened, once, several times or not at all. A region
reads the versions that were there before it and makes new ones, so what surrounds it need not know what it decides.

    a key that a body may write    the older version is its seed: what it is if no body writes it
    a key in a loop                the seed and what a turn writes have one slot: the next turn reads it there
    a key in a ``try``             what the steps before the failing one wrote goes there, for the handler
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from plait.core.condition import TURN, Condition, limited
from plait.core.control import ERROR_KEY, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Flow, Parallel, Subgraph
from plait.core.handlers import ErrorHandler
from plait.core.handling import handler_step
from plait.core.looping import END
from plait.core.names import did_you_mean, listing
from plait.core.plan.bound import Block, Export, Frame, Leaf, Merge, Node, Read, Region, Version
from plait.core.plan.conflicts import leaves_of, rewritten_in
from plait.core.plan.naming import Names, default_subgraph_name, is_single
from plait.core.plan.place import At, Nodes
from plait.core.plan.scope import Deltas, Env, Found, Scope, depend
from plait.core.plan.writes import keys_surely_written, keys_written
from plait.core.schema import Schema
from plait.core.step import Step
from plait.errors import ConditionError

if TYPE_CHECKING:
    from plait.core.plan.bound import Bound

Walk: TypeAlias = "Callable[[At], Nodes]"


class Bodies:
    """The half of the binder that makes regions with bodies."""

    if TYPE_CHECKING:
        bound: Bound

        def _leaf(self, step: Step[..., Any], path: str, at: At, reading: At | None = None) -> Leaf: ...
        def _walk_plain(self, flow: Flow, at: At) -> Nodes: ...
        def _walk(self, flow: Flow, at: At) -> Nodes: ...
        def _parts_listed(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _parts_by_data(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _settle(self, at: At) -> Nodes: ...
        def _names(self, parts: tuple[Flow, ...], path: str) -> Names: ...
        def _cap(self, path: str, limit: int | None, caps: tuple[int, ...]) -> tuple[int, ...]: ...
        def _fold_pending(self, at: At) -> None: ...
        def _folder(self, at: At) -> Any: ...
        def _after_readers(self, node: Node, version: Version) -> None: ...
        def _gate_region(self, region: Region, listed: list[Node]) -> None: ...
        def _find(self, code: str, *paths: str, **data: Any) -> None: ...

    def _region_of(self, flow: Choice | Loop | MapReduce | Try | Goto, at: At) -> Nodes:
        if isinstance(flow, Choice):
            return self._choice(flow, at)
        if isinstance(flow, Loop):
            return self._loop(flow, at)
        if isinstance(flow, MapReduce):
            return self._map(flow, at)
        assert isinstance(flow, Try), flow  # a list sees to its jumps
        return self._try(flow, at)

    # ------------------------------------------------------------------ conditions and choices
    def _decider(
        self, step: Step[..., Any], path: str, at: At, turn: Version | None = None
    ) -> tuple[Leaf, Version]:
        """Bind a condition; its answer has a version even if no key takes it."""
        leaf = self._leaf(step, path, at)
        if turn is not None:
            leaf.reads.append(Read(TURN, TURN, at.frame.local(turn)))
        if leaf.writes:
            return leaf, leaf.writes[0]
        return leaf, self._hidden(leaf, at)

    @staticmethod
    def _hidden(leaf: Leaf, at: At) -> Version:
        """A version for a result that is no key of the state."""
        made = at.frame.version(f"~{leaf.path}", leaf, origin="step")
        leaf.writes.append(made)
        return made

    def _choice(self, flow: Choice, at: At) -> Nodes:
        at = at.with_(before=self._settle(at))
        path = at.names.take()
        leaf, decider = self._decider(flow.condition, f"{path}/condition", at)
        region = Region(at.frame, path, at.branch, kind="choice", bodies=len(flow.branches))
        region.decider = decider
        region.cases = {key: i for i, (key, _) in enumerate(flow.branches) if key != flow.default}
        if flow.default is not None:
            region.default = len(flow.branches) - 1
        region.wait_for(leaf, "it decides which branch runs")
        walks = [self._branch_walk(key, branch, path) for key, branch in flow.branches]
        total = {"if_else": 2, "toggle": 2, "guard": 2}.get(flow.kind, len(flow.branches))
        self._open_bodies(region, at, walks, certain=len(flow.branches) == total)
        self.bound.blocks.append(Block(path, "choice", flow, (tuple(region.nodes),)))
        return (region,)

    def _branch_walk(self, key: str, branch: Chain, path: str) -> Walk:
        def walk(at: At) -> Nodes:
            if is_single(branch, key):
                names = Names.of([(key, key, None)], path)
                return self._walk(branch.parts[0], at.with_(names=names, path=path))
            inside = f"{path}/{key}"
            return self._parts_listed(
                branch.parts, at.with_(names=self._names(branch.parts, inside), path=inside, data=False)
            )

        return walk

    # ------------------------------------------------------------------ what ends a pipeline
    def _terminate(self, leaf: Leaf, at: At) -> None:
        at.exits.append(self._hidden(leaf, at))

    def _rest(self, parts: tuple[Flow, ...], at: At, flags: list[Version], *, by_data: bool = False) -> Nodes:
        """What is listed after a part that may end the pipeline: it runs unless that has happened."""
        at = at.with_(before=self._settle(at))
        region = Region(at.frame, f"{at.path}/rest" if at.path else "rest", at.branch, kind="rest")
        region.flags = list(flags)
        walk = self._parts_by_data if by_data else self._parts_listed
        self._open_bodies(region, at, [lambda inside: walk(parts, inside)], certain=False, sealed=at.sealed)
        return (region,)

    # ------------------------------------------------------------------ loops
    def _loop(self, flow: Loop, at: At) -> Nodes:
        at = at.with_(before=self._settle(at))
        path = at.names.take()
        region = Region(at.frame, path, at.branch, kind="loop")
        region.max_turns = flow.max_turns
        last: list[Version] = []

        def walk(inside: At) -> Nodes:
            names = self._names(flow.body.parts, path)
            mark = len(inside.exits)
            before = self._parts_listed(flow.body.parts, inside.with_(names=names, path=path, data=False))
            step = flow.condition
            turn: Version | None = None
            if flow.max_turns is not None:
                step = limited(step, path, flow.max_turns)
                turn = inside.frame.version("~turn", None, origin="item")
                region.items.append(("turn", turn))
            if len(inside.exits) > mark:  # a body that has ended the pipeline is not asked for another turn
                return self._asked_unless(step, path, inside.with_(before=before), turn, last)
            leaf, decider = self._decider(step, f"{path}/condition", inside.with_(before=before), turn)
            last.append(decider)
            return (leaf,)

        keys = {**keys_written(flow.body), **keys_written(flow.condition)}
        self._open_bodies(region, at, [walk], certain=True, carried=tuple(keys))
        (decider,) = last
        outer = at.frame.version(f"~{path}", region, origin="block", presence="maybe")
        region.exports.append(Export(outer, [(0, decider, region.inner)]))
        region.decider = outer
        self.bound.blocks.append(Block(path, "loop", flow, (tuple(region.nodes),)))
        return (region,)

    def _asked_unless(
        self, step: Step[..., Any], path: str, at: At, turn: Version | None, last: list[Version]
    ) -> Nodes:
        """Ask a loop's condition only if the body has not ended the pipeline."""
        region = Region(at.frame, f"{path}/rest", at.branch, kind="rest")
        region.flags = list(at.exits)
        inner: list[Version] = []

        def walk(inside: At) -> Nodes:
            leaf, decider = self._decider(step, f"{path}/condition", inside, turn)
            inner.append(decider)
            return (leaf,)

        self._open_bodies(region, at, [walk], certain=False)
        outer = at.frame.version(f"~{path}", region, origin="block", presence="maybe")
        region.exports.append(Export(outer, [(0, inner[0], region.inner)]))
        last.append(outer)
        return (region,)

    # ------------------------------------------------------------------ maps
    def _map(self, flow: MapReduce, at: At) -> Nodes:
        at = at.with_(before=self._settle(at))
        path = at.names.take()
        fan_out = self._leaf(flow.fan_out, f"{path}/fan_out", at)
        region = Region(at.frame, path, at.branch, kind="map")
        region.decider = self._hidden(fan_out, at)
        region.wait_for(fan_out, "it goes through what that takes apart")
        scope = Scope(Schema(None, "none", {}), path, lambda key, _: Found(items[key]))
        items = {
            argument: region.inner.version(argument, None, origin="item")
            for argument, _ in flow.each.inputs or ()
        }
        region.items = list(items.items())
        results: list[Version] = []

        def walk(inside: At) -> Nodes:
            caps = self._cap(path, flow.max_concurrency, inside.caps)
            there = inside.with_(env=Env(scope, region.inner), caps=caps)
            leaf = self._leaf(flow.each, path, there)
            results.append(self._hidden(leaf, there))
            return (leaf,)

        self._open_bodies(region, at, [walk], certain=True)
        made: Nodes = (region,)
        if flow.reduce is None:
            key = flow.outputs[0][0]
            outer = at.frame.version(key, region, origin="block", annotation=list)
            region.writes.append(outer)
            at.env.write(key, outer)
            at.env.scope.written.setdefault(key, path)
            self._declared(key, path, at)
        else:
            outer = at.frame.version(f"~{path}", region, origin="block", annotation=list)
            made = (self._reduce(flow.reduce, f"{path}/reduce", outer, at.with_(before=(region,))),)
        region.gathers = (results[0], outer)
        self.bound.blocks.append(Block(path, "map", flow, ((fan_out, region, *made),)))
        return made

    def _declared(self, key: str, path: str, at: At) -> None:
        schema = at.env.scope.schema
        if schema.declared and key not in schema.fields:
            self._find("E101", path, key=key, writes=True, known=tuple(schema.fields))

    def _reduce(self, step: Step[..., Any], path: str, results: Version, at: At) -> Leaf:
        scope = Scope(Schema(None, "none", {}), path, lambda _key, _optional: Found(results))
        leaf = self._leaf(step, path, at, reading=at.with_(env=Env(scope, at.frame)))
        for before in at.before:
            leaf.wait_for(before, "it puts the results together")
        return leaf

    # ------------------------------------------------------------------ handlers
    def _try(self, flow: Try, at: At) -> Nodes:
        path = at.path
        names = at.names
        if flow.name is not None:
            path = names.take()
            names = self._names((flow.body, *([flow.handler] if flow.handler is not None else [])), path)
        there = at.with_(names=names, path=path)
        if flow.handler is None:  # nobody handles anything
            return self._parts_listed(flow.body.parts, there)
        handler = flow.handler
        return self._tried(
            there,
            f"{path}/try" if path else "try",
            lambda inside: self._parts_listed(flow.body.parts, inside),
            lambda inside: self._parts_listed(handler.parts, inside),
            keys=tuple(keys_written(flow.body)),
            catch=flow.catch,
            error_state=flow.error_state,
            flow=flow,
        )

    def _handled(self, flow: Flow, handler: ErrorHandler, at: At) -> Nodes:
        """A step or block with an error handler: tried, and the handler is one step."""
        if isinstance(flow, Step):
            step_path = at.names.take()
            return self._with_handler(
                flow, handler, step_path, at, lambda inside: (self._leaf(flow, step_path, inside),)
            )
        named = label_of(flow)
        label = named or type(flow).__name__.lower()
        path = f"{at.path}/{label}" if at.path else label
        return self._with_handler(
            flow, handler, path, at, lambda inside: self._walk_plain(flow, inside), transparent=named is None
        )

    def _with_handler(
        self, flow: Flow, handler: ErrorHandler, path: str, at: At, walk: Walk, *, transparent: bool = False
    ) -> Nodes:
        keys = tuple(keys_written(flow))
        step = handler_step(handler, flow, keys)
        return self._tried(
            at,
            path,
            walk,
            lambda inside: (
                self._leaf(step, inside.names.take() if transparent else f"{path}/error_handler", inside),
            ),
            keys=keys,
            catch=handler.catch,
            error_state=None,
            flow=flow,
        )

    def _tried(
        self,
        at: At,
        path: str,
        body: Walk,
        handler: Walk,
        *,
        keys: tuple[str, ...],
        catch: tuple[type[BaseException], ...],
        error_state: str | None,
        flow: Flow,
    ) -> Nodes:
        at = at.with_(before=self._settle(at))
        region = Region(at.frame, path, at.branch, kind="try", bodies=2)
        region.catch = catch
        cause = region.bodies[1].version(ERROR_KEY, None, origin="item")
        region.items.append(("cause", cause))

        def handle(inside: At) -> Nodes:
            if error_state is not None:
                text = inside.frame.version(error_state, None, origin="item", annotation=str)
                region.items.append(("text", text))
                inside.env.write(error_state, text)
                inside.env.scope.written.setdefault(error_state, path)
                self._declared(error_state, path, inside)
            return handler(inside.with_(cause=cause, sealed=False))

        self._open_bodies(region, at, [body, handle], certain=True, kept=keys, sealed=True)
        self.bound.blocks.append(Block(path, "try", flow, (tuple(region.nodes),)))
        return (region,)

    # ------------------------------------------------------------------ jumps
    def _jumps(self, parts: tuple[Flow, ...], at: At) -> Nodes:
        """A list with jumps: a loop over its segments, of which each turn does those from its target on."""
        named = {name: i for i, part in enumerate(parts) if (name := label_of(part)) is not None}
        targets: set[int] = set()
        for part in parts:
            if isinstance(part, Goto) and part.fixed is not None:
                if part.fixed in named:
                    targets.add(named[part.fixed])
                elif part.fixed != END:
                    self._find("E111", part.name, target=part.fixed, known=tuple(named))
            elif isinstance(part, Goto):
                targets.update(named.values())
        gotos = [i for i, part in enumerate(parts) if isinstance(part, Goto)]
        first = min([*targets, *gotos])
        starts = sorted(
            {first, *(t for t in targets if t >= first), *(i + 1 for i in gotos if i + 1 < len(parts))}
        )
        before = self._parts_listed(parts[:first], at) if first else at.before
        at = at.with_(before=before)
        at = at.with_(before=self._settle(at))
        segments = [parts[s:e] for s, e in zip(starts, [*starts[1:], len(parts)], strict=True)]
        entry = {
            name: max(j for j, s in enumerate(starts) if s <= i) for name, i in named.items() if i in targets
        }
        region = Region(at.frame, f"{at.path}/jumps" if at.path else "jumps", at.branch, kind="jumps")
        region.cases = entry
        known = tuple(entry)
        flags: list[Version] = []
        sure = _surely_written(segments, entry)

        def walk(inside: At) -> Nodes:
            pc = inside.frame.version("~start", None, origin="item")
            region.items.append(("start", pc))
            jumped: list[Version] = []
            before: Nodes = ()
            for number, segment in enumerate(segments):
                for key, version in inside.env.seen.items():
                    if isinstance(version, Version) and key in carried:
                        version.presence = "always" if key in sure[number] or at_start(key) else "maybe"
                before = self._segment(number, segment, pc, jumped, known, inside.with_(before=before))
            flags.extend(jumped)
            for key, version in inside.env.seen.items():
                if isinstance(version, Version) and key in carried:
                    version.presence = "always" if key in sure[-1] or at_start(key) else "maybe"
            return before

        def at_start(key: str) -> bool:
            old = self._older(key, at)
            return old is not None and old.presence == "always"

        carried = tuple({key: None for part in parts[first:] for key in keys_written(part)})
        self._open_bodies(region, at, [walk], certain=True, carried=carried)
        for flag in flags:
            outer = at.frame.version("~jump", region, origin="block", presence="maybe")
            region.exports.append(Export(outer, [(0, flag, region.inner)]))
            region.flags.append(outer)
        ended = at.frame.version("~ended", region, origin="block", presence="maybe")
        region.writes.append(ended)
        region.decider = ended  # which the shell sets when a jump went to END
        if any(isinstance(part, Goto) and part.fixed in (None, END) for part in parts):
            at.exits.append(ended)
        return (region,)

    def _segment(
        self,
        number: int,
        segment: tuple[Flow, ...],
        start: Version,
        jumped: list[Version],
        known: tuple[str, ...],
        at: At,
    ) -> Nodes:
        at = at.with_(before=self._settle(at))
        region = Region(
            at.frame, f"{at.path}/from {number}" if at.path else f"from {number}", at.branch, kind="gate"
        )
        region.number, region.decider = number, start
        region.flags = [*jumped, *at.exits]
        inner: list[Version] = []

        def walk(inside: At) -> Nodes:
            plain = segment[:-1] if isinstance(segment[-1], Goto) else segment
            mark = len(inside.exits)
            before = self._parts_listed(plain, inside) if plain else ()
            last = segment[-1]
            if isinstance(last, Goto):
                there = inside.with_(before=before)
                if len(inside.exits) > mark:
                    made: list[Version] = []
                    node = self._jump_unless(last, known, there, made)
                    inner.extend(made)
                    return (node,)
                leaf, version = self._target(last, known, there)
                inner.append(version)
                return (leaf,)
            return before

        self._open_bodies(region, at, [walk], certain=False)
        for version in inner:
            outer = at.frame.version("~jump", region, origin="block", presence="maybe")
            region.exports.append(Export(outer, [(0, version, region.inner)]))
            jumped.append(outer)
        return (region,)

    def _jump_unless(self, flow: Goto, known: tuple[str, ...], at: At, made: list[Version]) -> Node:
        region = Region(at.frame, f"{at.path}/rest" if at.path else "rest", at.branch, kind="rest")
        region.flags = list(at.exits)
        inner: list[Version] = []

        def walk(inside: At) -> Nodes:
            leaf, version = self._target(flow, known, inside)
            inner.append(version)
            return (leaf,)

        self._open_bodies(region, at, [walk], certain=False)
        outer = at.frame.version("~jump", region, origin="block", presence="maybe")
        region.exports.append(Export(outer, [(0, inner[0], region.inner)]))
        made.append(outer)
        return region

    def _target(self, flow: Goto, known: tuple[str, ...], at: At) -> tuple[Leaf, Version]:
        path = at.names.take()
        component = flow.target.component
        assert isinstance(component, Condition)
        checked = component.again(component.given)
        checked.verdict = _Member(component.verdict, f"goto {flow.name!r}", known, allow_end=flow.allow_end)
        outputs = flow.target.outputs[0][0] if flow.target.outputs else None
        step = flow.target.replace(output_state=outputs)
        step.component = checked
        return self._decider(step, path, at)

    # ------------------------------------------------------------------ opening bodies
    def _open_bodies(
        self,
        region: Region,
        at: At,
        walks: Sequence[Walk],
        *,
        certain: bool,
        carried: tuple[str, ...] = (),
        kept: tuple[str, ...] = (),
        sealed: bool = False,
    ) -> None:
        """Walk the bodies of a region, each in its frame, and publish what they write.

        Args:
            region: the region.
            at: where it stands.
            walks: what walks each body.
            certain: one of the bodies surely runs.
            carried: keys of which a turn reads what the turn before it wrote.
            kept: keys of which a handler reads what was written before the failure.
            sealed: blocks in it have frames of their own, and what is written before a failure gets out.
        """
        for other in at.before:
            region.wait_for(other, "declared order")
        entries = {key: self._entry(region, key, at) for key in (*carried, *kept)}
        view = at.env.branch()
        sums: dict[str, Version] = {}
        if carried:
            sums = self._sums(region, carried, at)
        ends: list[Env] = []
        starts: list[dict[str, Version | Deltas]] = []
        flags: list[tuple[Frame, Version]] = []
        partial: dict[str, list[Version]] = {}
        for number, (body, walk) in enumerate(zip(region.bodies, walks, strict=True)):
            env = view.branch(body)
            if region.kind == "try" and number == 1:
                self._hand_over(region, env, partial, at)
            if carried or number == 1:
                env.seen.update({key: entry for key, entry in entries.items() if entry is not None})
            for key, total in sums.items():
                entry = env.seen.get(key)
                if not isinstance(entry, Deltas):
                    entry = env.seen[key] = _deltas(env, key)
                entry.own.append(total)
            start = dict(env.seen)
            counts = {key: len(entry.own) for key, entry in start.items() if isinstance(entry, Deltas)}
            there = at.with_(
                frame=body, env=env, before=(), branch=0, listed=[], exits=[], sealed=sealed and number == 0
            )
            walk(there)
            self._fold_pending(there)
            flags += [(body, flag) for flag in there.exits]
            ends.append(env)
            starts.append(start)
            self._deltas_out(region, env, counts, body, at, sums, sealed=sealed and number == 0)
            if sealed and number == 0:
                partial = _written_in_order(body, env)
        for key, entry in entries.items():  # an input may have become required since
            old = self._older(key, at) if entry is not None else None
            if entry is not None and old is not None and old.presence == "always":
                entry.presence = "always"
        self._publish_bodies(region, at, starts, ends, entries, partial, certain=certain)
        for body, flag in flags:
            outer = at.frame.version("~exit", region, origin="block", presence="maybe")
            region.exports.append(Export(outer, [(0, flag, body)]))
            at.exits.append(outer)
            if region.kind in ("loop", "jumps"):
                region.flags.append(outer)
        self._tie(region, at)

    def _entry(self, region: Region, key: str, at: At) -> Version | None:
        """The version that a body reads of a key that an earlier body, or turn, may have written."""
        field = at.env.scope.field(key)
        if field is not None and field.reducer is not None:
            return None
        old = self._older(key, at)
        presence = old.presence if old is not None else "maybe"
        made = region.frame.version(
            key, region, origin="block", presence=presence, annotation=old.annotation if old else Any
        )
        region.seeds.append((old, made))
        if region.kind in ("loop", "jumps"):  # what the first turn reads is what was there before
            made.seed = old
        return made

    def _older(self, key: str, at: At) -> Version | None:
        """The version of a key in front of a region, if there can be one."""
        found = at.env.look_up(key, optional=True, fold=self._folder(at))
        return found.version if found is not None else None

    def _sums(self, region: Region, carried: tuple[str, ...], at: At) -> dict[str, Version]:
        """For each key with a reducer: where the deltas of all turns are collected."""
        out: dict[str, Version] = {}
        for key in carried:
            field = at.env.scope.field(key)
            if field is not None and field.reducer is not None:
                out[key] = region.frame.version(
                    key, region, origin="block", presence="maybe", annotation=field.annotation
                )
                region.sums.append(out[key])
        return out

    def _hand_over(self, region: Region, env: Env, partial: dict[str, list[Version]], at: At) -> None:
        """Let the handler see the deltas that were written before the failure."""
        for export in region.exports:
            key = export.outer.key
            field = at.env.scope.field(key)
            if field is not None and field.reducer is not None:
                env.write(key, export.outer)
        for key, versions in partial.items():
            entry = next((outer for old, outer in region.seeds if outer.key == key), None)
            if entry is not None:
                region.partial.append((entry, versions))

    def _deltas_out(
        self,
        region: Region,
        env: Env,
        counts: dict[str, int],
        body: Frame,
        at: At,
        sums: dict[str, Version],
        *,
        sealed: bool,
    ) -> None:
        """Hand out what was written to keys with a reducer: each delta by itself, or all of a loop's together."""
        for key, entry in env.seen.items():
            if not isinstance(entry, Deltas):
                continue
            fresh = entry.own[counts.get(key, 0) :]
            total = sums.get(key)
            for delta in fresh:
                if total is not None:
                    region.exports.append(Export(total, [(0, delta, body)], appends=True))
                    continue
                outer = region.frame.version(
                    key, region, origin="block", presence="maybe", annotation=delta.annotation
                )
                region.writes.append(outer)
                region.exports.append(Export(outer, [(0, delta, body)]))
                if sealed:
                    region.partial.append((outer, [delta]))
                at.env.write(key, outer)
            if total is not None and fresh:
                region.writes.append(total)
                at.env.write(key, total)

    def _publish_bodies(
        self,
        region: Region,
        at: At,
        starts: list[dict[str, Version | Deltas]],
        ends: list[Env],
        entries: dict[str, Version | None],
        partial: dict[str, list[Version]],
        *,
        certain: bool,
    ) -> None:
        """Make new versions of the keys that some body writes."""
        changed: dict[str, None] = {}
        for start, env in zip(starts, ends, strict=True):
            changed.update(
                (key, None)
                for key, entry in env.seen.items()
                if not isinstance(entry, Deltas) and entry is not start.get(key)
            )
        for key in changed:
            old = self._older(key, at)
            before = old.presence if old is not None else "maybe"
            candidates: list[tuple[int, Version, Frame]] = []
            outcomes: set[str] = set() if certain else {before}
            for env, body in zip(ends, region.bodies, strict=True):
                entry = env.seen.get(key)
                if isinstance(entry, Version) and (
                    entry.frame is body or (entry is entries.get(key) and body is not region.inner)
                ):
                    candidates.append((0, entry, body))
                    outcomes.add(entry.presence)
                else:
                    outcomes.add(before)
            sure = outcomes == {"always"}
            annotations = {id(v.annotation): v.annotation for _, v, _ in candidates}
            outer = region.frame.version(
                key,
                region,
                origin="block",
                presence="always" if sure else "maybe",
                annotation=next(iter(annotations.values())) if len(annotations) == 1 else Any,
            )
            region.writes.append(outer)
            region.exports.append(Export(outer, candidates))
            entry_version = entries.get(key)
            if region.kind in ("loop", "jumps") and entry_version is not None:
                region.exports.append(Export(entry_version, candidates))
            if old is not None and region.kind not in ("loop", "jumps"):
                region.seeds.append((old, outer))
            if region.kind == "rest" and key in partial:
                region.partial.append((outer, partial[key]))
            at.env.write(key, outer)

    def _tie(self, region: Region, at: At) -> None:
        """Make the region wait for what it looks at and what is read in it."""
        replaced: set[Version] = set()
        if at.data:
            replaced = set().union(*(rewritten_in(body) for body in region.bodies))
        imported = {outer: inner for body in region.bodies for outer, inner in body.imports.items()}
        for outer, inner in imported.items():
            local = at.frame.local(outer)
            if local.maker is region:
                continue
            if inner in replaced:
                self._after_readers(region, local)
            if at.data or isinstance(local.maker, Merge):
                depend(region, local, f"reads {outer.key!r} inside")
            else:
                local.readers.append(region)
        for version in region.asked():
            if version.maker is region:
                continue
            depend(region, version, f"looks at {version.key!r}" if version.key[0] != "~" else "it decides")
        if at.data and any(leaf.step.effect for leaf in leaves_of((region,))):
            self._gate_region(region, at.listed)
        at.listed.append(region)


def _deltas(env: Env, key: str) -> Deltas:
    base = env._input(key, optional=True)  # noqa: SLF001  (its own module's half)
    return Deltas(base.version if base is not None else None)


def _written_in_order(body: Frame, env: Env) -> dict[str, list[Version]]:
    """The versions of each key that the parts of a body make, in listed order."""
    out: dict[str, list[Version]] = {}
    for node in body.nodes:
        for version in node.writes:
            if version.key[0] != "~" and not isinstance(node, Merge):
                field = env.scope.field(version.key)
                if field is None or field.reducer is None:
                    out.setdefault(version.key, []).append(version)
    return out


def _surely_written(segments: Sequence[tuple[Flow, ...]], entry: dict[str, int]) -> list[set[str]]:
    """The keys that are surely written before each segment of a list with jumps, and (last) after all of them.

    The usual forward must-analysis over the graph of segments (Kildall, 1973).
    """
    end = len(segments)
    into: list[set[int]] = [set() for _ in range(end + 1)]
    for number, segment in enumerate(segments):
        last = segment[-1]
        if not isinstance(last, Goto):
            into[number + 1].add(number)
        elif last.fixed is None:
            for target in (*entry.values(), end):
                into[target].add(number)
        else:
            into[entry.get(last.fixed, end)].add(number)
    own = [set[str]().union(*(keys_surely_written(part) for part in segment)) for segment in segments]
    everything = set[str]().union(*own)
    sure = [set[str](), *(set(everything) for _ in range(end))]
    changed = True
    while changed:
        changed = False
        for number in range(1, end + 1):
            found = [sure[before] | own[before] for before in into[number]]
            now = set.intersection(*found) if found else set[str]()
            if now != sure[number]:
                sure[number], changed = now, True
    return sure


def label_of(part: Flow) -> str | None:
    """What a member of a list is called by a ``goto``."""
    if isinstance(part, Step):
        return part.name or part.component.name
    if isinstance(part, (Choice, Loop)):
        return part.name or part.condition.label
    if isinstance(part, MapReduce):
        return part.name or part.each.label
    if isinstance(part, Subgraph):
        return part.name or default_subgraph_name(part.definition)
    if isinstance(part, (Parallel, Dataflow, Try, Goto)):
        return part.name
    return None


class _Member:
    """The verdict of a ``goto`` in its list."""

    __slots__ = ("allow_end", "known", "verdict", "where")

    def __init__(self, verdict: Any, where: str, known: tuple[str, ...], *, allow_end: bool) -> None:
        self.verdict, self.where, self.known, self.allow_end = verdict, where, known, allow_end

    def __call__(self, answer: Any) -> str:
        name: str = self.verdict(answer)
        if name in self.known or (name == END and self.allow_end):
            return name
        raise ConditionError(
            f"{self.where}: {name!r} is no step of its list; it has {listing(self.known)}"
            f"{'' if self.allow_end else ', and END is not allowed'}{did_you_mean(name, self.known)}"
        )
