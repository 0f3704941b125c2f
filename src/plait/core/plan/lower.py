"""Lowering: the bound pipeline becomes integers. Chains are fused into segments, wide joins get a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plait.core.component import UNKNOWN
from plait.core.plan.bound import Bound, Frame, Leaf, Merge, Node, Region, Version
from plait.core.plan.model import (
    JOIN,
    REGION,
    SEGMENT,
    Arg,
    Export,
    Needs,
    Plan,
    PlannedStep,
    RegionPlan,
    Unit,
)
from plait.core.schedule.commands import Start
from plait.core.schema import ABSENT
from plait.core.typecheck import Flat, flat

_WIDE = 4


def lower(bound: Bound, *, fuse: bool = True, durations: Mapping[str, float] | None = None) -> Plan:
    """Make the plan of a bound pipeline that has no errors.

    Args:
        bound: the pipeline after binding.
        fuse: whether chains become one segment; streaming and serial runs want each step by itself.
        durations: known seconds per step path, for the ranks; a step without one counts as 1.
    """
    _settle(bound.root)
    lowering = _Lowering(bound, fuse=fuse, durations=durations or {})
    plan = lowering.frame(bound.root)
    plan.name, plan.bound = bound.definition.name, bound
    plan.steps = tuple(lowering.steps)
    plan.caps = tuple(bound.caps)
    plan.inputs = {
        key: (
            version.slot,
            None if version.default is ABSENT else version.default,
            version.presence == "always" and version.default is ABSENT,
        )
        for key, version in bound.inputs.items()
    }
    plan.finals = tuple((key, version.slot) for key, version in bound.root.finals.items())
    return plan


def _settle(frame: Frame) -> None:
    """Give every value that a region hands out a place inside it, before slots are counted."""
    for node in frame.nodes:
        if isinstance(node, Region):
            for export in node.exports:
                for _, version, body in export.candidates:
                    body.local(version)
            for body in node.bodies:
                _settle(body)


class _Lowering:
    def __init__(self, bound: Bound, *, fuse: bool, durations: Mapping[str, float]) -> None:
        self.bound, self.fuse, self.durations = bound, fuse, durations
        self.steps: list[PlannedStep] = []
        self.pauses = any(leaf.step.kind in ("interrupt", "pause") for leaf in bound.leaves())
        self._slots: dict[int, int] = {}
        self._consts: dict[int, list[tuple[int, Any]]] = {}
        self._config: dict[int, list[Any]] = {}

    # ------------------------------------------------------------------ one frame
    def frame(self, frame: Frame) -> Plan:
        key = id(frame)
        self._slots[key] = len(frame.versions)
        self._consts[key] = [(v.slot, v.value) for v in frame.versions if v.origin == "value"]
        self._config[key] = [(v.slot, v.value, frame.path) for v in frame.versions if v.origin == "config"]
        planned: dict[Node, Unit] = {node: self._unit(node) for node in frame.nodes}
        groups = self._segments(frame, planned)
        plan = Plan()
        self._graph(plan, groups, planned)
        plan.branches = frame.branches
        plan.imports = tuple(
            (outer.slot if outer.frame is frame.parent else self._outer(frame, outer), inner.slot)
            for outer, inner in frame.imports.items()
        )
        self._lifetimes(plan, frame, groups, planned)
        plan.slots = self._slots[key]
        plan.consts, plan.config = tuple(self._consts[key]), tuple(self._config[key])
        return plan

    @staticmethod
    def _outer(frame: Frame, version: Version) -> int:
        assert frame.parent is not None
        return frame.parent.local(version).slot

    def _unit(self, node: Node) -> Unit:
        if isinstance(node, Leaf):
            return Unit(SEGMENT, node.path, (self._step(node),))
        if isinstance(node, Merge):
            return Unit(SEGMENT, node.path, (self._merge(node),))
        assert isinstance(node, Region)
        bodies = tuple(self.frame(body) for body in node.bodies)
        for plan, body in zip(bodies, node.bodies, strict=True):
            plan.exports = tuple(
                Export(
                    export.outer.slot,
                    tuple((b, body.local(v).slot) for b, v, where in export.candidates if where is body),
                    appends=export.appends,
                )
                for export in node.exports
                if any(where is body for _, _, where in export.candidates)
            )
        return Unit(REGION, node.path, (), self._region(node, bodies))

    @staticmethod
    def _region(node: Region, bodies: tuple[Plan, ...]) -> RegionPlan:
        made = RegionPlan(
            node.path, bodies, node.need, node.on_error, node.retry, node.timeout, kind=node.kind
        )
        made.decider = node.decider.slot if node.decider is not None else -1
        made.cases, made.default, made.number = node.cases, node.default, node.number
        made.flags = tuple(version.slot for version in node.flags)
        made.origins = (*node.origins, *[-1] * (len(node.flags) - len(node.origins)))
        made.seeds = tuple((old.slot if old is not None else -1, new.slot) for old, new in node.seeds)
        made.sums = tuple(version.slot for version in node.sums)
        made.items = tuple((name, version.slot) for name, version in node.items)
        if node.gathers is not None:
            made.gathers = node.gathers[0].slot, node.gathers[1].slot
        made.partial = tuple((outer.slot, tuple(v.slot for v in inner)) for outer, inner in node.partial)
        made.catch = node.catch
        return made

    # ------------------------------------------------------------------ steps
    def _slot(self, frame: Frame) -> int:
        self._slots[id(frame)] += 1
        return self._slots[id(frame)] - 1

    def _const(self, frame: Frame, value: Any) -> int:
        slot = self._slot(frame)
        self._consts[id(frame)].append((slot, value))
        return slot

    def _step(self, leaf: Leaf) -> PlannedStep:
        step, component = leaf.step, leaf.step.component
        made = self._blank(leaf.path)
        made.kind = step.kind
        made.component, made.entry, made.is_async = component, component.entry, component.kind == "async"
        made.remote = step.executor == "process"
        if made.remote:  # a thread waits for it, whatever it is there
            made.is_async = False
            made.threads = max(1, int(step.resources.get("cpu", 1)))
            memory = step.resources.get("memory")
            made.memory = None if memory is None else int(memory)
        made.where = "loop" if made.is_async or step.executor == "inline" else "thread"
        made.learnable = (
            made.where == "thread"
            and step.executor is None
            and step.cache is None
            and step.timeout is None
            and step.exclusive is None
            and not step.resources
            and not step.abandon
            and component.setup is None
            and component.teardown is None
        )
        made.args = self._args(leaf)
        made.slots = tuple(a.slot for a in made.args)
        made.opaque, made.outermost = None, leaf.outermost
        if leaf.opaque is not None:
            made.opaque = tuple(
                (r.argument, r.version.slot, r.default) for r in leaf.opaque if r.version is not None
            )
        made.simple = (
            made.opaque is None
            and component.context_param is None
            and component.emitter_param is None
            and not component.single
            and all(a.positional and not a.omit and a.default is ABSENT for a in made.args)
        )
        made.outputs = tuple(v.slot for v in leaf.writes)
        made.keys = tuple(key for key, _ in step.outputs)
        made.parts = None
        if step.outputs and step.outputs[0][1] is not None:
            made.parts = tuple(part or key for key, part in step.outputs)
        made.out_flat = self._out_flat(leaf)
        made.effect, made.copy, made.retry, made.timeout = step.effect, step.copy, step.retry, step.timeout
        made.abandon, made.idempotent = step.abandon, step.idempotent
        if step.cache is not None:
            step.cache.planned(leaf.path, step.effect)
            made.cache = step.cache
        return made

    def _blank(self, path: str) -> PlannedStep:
        made = PlannedStep()
        made.path, made.index, made.kind = path, len(self.steps), "merge"
        made.component, made.merge, made.opaque, made.cache = None, None, None, None
        made.frees, made.drops = (), ()
        made.retry = made.timeout = None
        made.remote, made.threads, made.memory = False, 1, None
        made.effect = made.copy = made.abandon = made.idempotent = made.learnable = made.outermost = False
        self.steps.append(made)
        return made

    def _out_flat(self, leaf: Leaf) -> Flat:
        component, step = leaf.step.component, leaf.step
        if len(step.outputs) != 1 or step.outputs[0][1] is not None:
            return None
        field_type = leaf.writes[0].annotation
        found = flat(field_type)
        if found is None and component.returns is not UNKNOWN:
            found = flat(component.returns)
        return found

    def _args(self, leaf: Leaf) -> tuple[Arg, ...]:
        component, frame = leaf.step.component, leaf.frame
        order = {p.name: i for i, p in enumerate(component.params)}
        reads = sorted(leaf.reads, key=lambda r: order.get(r.argument, len(order)))
        out: list[Arg] = []
        in_order = component.known and not component.single
        for i, read in enumerate(reads):
            param = component.param(read.argument)
            if read.config is not None:
                slot = self._slot(frame)
                self._config[id(frame)].append((slot, read.config, leaf.path))
                arg_default, omit = ABSENT, False
            elif read.version is not None:
                slot, arg_default, omit = read.version.slot, read.default, read.omit
                if read.version.presence == "always" and read.version.origin != "block":
                    arg_default, omit = ABSENT, False
            elif read.value is not ABSENT:
                slot, arg_default, omit = self._const(frame, read.value), ABSENT, False
            elif read.default is not ABSENT:
                slot, arg_default, omit = self._const(frame, read.default), ABSENT, False
            else:
                continue  # never there, and the component has a default of its own
            in_order = (
                in_order
                and param is not None
                and not param.keyword_only
                and order.get(read.argument) == len(out) == i
            )
            positional = in_order and not omit
            in_order = in_order and not omit
            if param is not None and param.positional_only:
                positional = True
            out.append(
                Arg(
                    read.argument,
                    slot,
                    arg_default,
                    flat(param.annotation) if param and param.annotation is not UNKNOWN else None,
                    read.key or read.argument,
                    positional=positional,
                    omit=omit,
                )
            )
        return tuple(out)

    def _merge(self, node: Merge) -> PlannedStep:
        made = self._blank(node.path)
        made.entry, made.is_async, made.where = node.field.reducer or _no_reducer, False, "loop"
        base = node.base.slot if node.base is not None else -1
        made.merge = (
            node.field,
            base,
            tuple(d.slot for d in node.deltas),
            tuple(_writer(d) for d in node.deltas),
        )
        made.slots = tuple(s for s in (base, *made.merge[2]) if s >= 0)
        made.args, made.simple, made.out_flat = (), False, None
        made.outputs, made.keys, made.parts = (node.writes[0].slot,), (node.field.key,), None
        return made

    def _needs(self, node: Node) -> Needs | None:
        if not isinstance(node, Leaf):
            return None
        step = node.step
        needs: list[tuple[str, float]] = [(f"#{cap}", 1) for cap in node.caps]
        if step.exclusive is not None:
            # True: this component, wherever it stands; the object outlives the plan, so its id stays its own.
            name = step.exclusive if isinstance(step.exclusive, str) else f"@{id(step.component.given):x}"
            needs.append((f"!{name}", 1))
        needs += sorted(step.resources.items())
        return tuple(needs) or None

    # ------------------------------------------------------------------ the graph of units
    def _segments(self, frame: Frame, planned: dict[Node, Unit]) -> list[list[Node]]:
        """Maximal chains whose links are the only ones on both sides and that may run as one."""
        groups: list[list[Node]] = []
        inner: set[Node] = set()
        for node in frame.nodes:
            if node in inner:
                continue
            group = [node]
            while self.fuse and self._fusible(group[-1], planned):
                follower = group[-1].before[0]
                inner.add(follower)
                group.append(follower)
            groups.append(group)
        return groups

    def _fusible(self, node: Node, planned: dict[Node, Unit]) -> bool:
        if len(node.before) != 1:
            return False
        follower = node.before[0]
        if len(follower.after) != 1 or follower.branch != node.branch or follower.frame is not node.frame:
            return False
        for n in (node, follower):
            unit = planned[n]
            if (
                unit.kind != SEGMENT
                or self._needs(n) is not None
                or unit.steps[0].timeout is not None
                or unit.steps[0].abandon
            ):
                return False
        one, other = planned[node].steps[0], planned[follower].steps[0]
        # An effect has a gate, and no gate lies inside a segment; what asks for answers is called again by itself.
        if one.where != other.where or other.effect:
            return False
        if one.where == "thread":
            # A fused chain runs in one thread; learning, set-up and copies are per step, so keep those apart.
            return all(
                s.learnable
                and not s.copy
                and s.component is not None
                and s.component.context_param is None
                and s.component.emitter_param is None
                for s in (one, other)
            )
        return True

    def _graph(self, plan: Plan, groups: list[list[Node]], planned: dict[Node, Unit]) -> None:
        number = {node: i for i, group in enumerate(groups) for node in group}
        units = [self._fused(group, planned) for group in groups]
        waits = [tuple(sorted({number[n] for n in group[0].after})) for group in groups]
        needs = [self._needs(group[0]) for group in groups]
        branch = [group[0].branch for group in groups]
        self._add_joins(units, waits, needs, branch)
        dependents: list[list[int]] = [[] for _ in units]
        for i, before in enumerate(waits):
            for j in before:
                dependents[j].append(i)
        cost = [self._cost(unit) for unit in units]
        rank = _ranks(cost, waits, dependents)
        plan.units, plan.needs, plan.branch = tuple(units), tuple(needs), tuple(branch)
        plan.missing = tuple(len(w) for w in waits)
        plan.rank, plan.cost = tuple(rank), tuple(cost)
        plan.dependents = tuple(tuple(sorted(d, key=lambda i: (-rank[i], i))) for d in dependents)
        plan.roots = tuple(sorted((i for i, w in enumerate(waits) if not w), key=lambda i: (-rank[i], i)))
        plan.timed = tuple(
            unit.steps[0].timeout if unit.kind == SEGMENT else unit.region.timeout if unit.region else None
            for unit in units
        )
        plan.plain = tuple(
            u.kind == SEGMENT and n is None and t is None
            for u, n, t in zip(units, plan.needs, plan.timed, strict=True)
        )
        plan.starts = tuple(Start(i) for i in range(len(units)))
        plan.effects = tuple(any(s.effect for s in unit.steps) for unit in units)

    @staticmethod
    def _fused(group: list[Node], planned: dict[Node, Unit]) -> Unit:
        first = planned[group[0]]
        if len(group) == 1:
            return first
        return Unit(SEGMENT, first.path, tuple(s for n in group for s in planned[n].steps))

    @staticmethod
    def _add_joins(
        units: list[Unit], waits: list[tuple[int, ...]], needs: list[Needs | None], branch: list[int]
    ) -> None:
        """Where many wait for the same many, let a join node stand between: n + m links instead of n × m."""
        shared: dict[tuple[int, ...], list[int]] = {}
        for i, before in enumerate(waits):
            if len(before) > 1:
                shared.setdefault(before, []).append(i)
        for before, after in shared.items():
            if len(after) > 1 and len(before) * len(after) > _WIDE * _WIDE:
                units.append(Unit(JOIN, ""))
                waits.append(before)
                needs.append(None)
                branch.append(branch[after[0]])
                for i in after:
                    waits[i] = (len(units) - 1,)

    def _cost(self, unit: Unit) -> float:
        if unit.kind == JOIN:
            return 0.0
        if unit.region is not None:
            bodies = unit.region.bodies
            return max((plan.rank[i] for plan in bodies for i in plan.roots), default=0.0)
        return sum(0.0 if s.merge else self.durations.get(s.path, 1.0) for s in unit.steps)

    # ------------------------------------------------------------------ life of slots
    def _lifetimes(
        self, plan: Plan, frame: Frame, groups: list[list[Node]], planned: dict[Node, Unit]
    ) -> None:
        """Which slots end with which step: those of overwritten versions, after their last reader."""
        keep = {v.slot for v in frame.finals.values()}
        if frame is self.bound.root and self.pauses:  # the state of a paused run shows what there is so far
            keep.update(v.slot for found in self.bound.history.values() for v in found if v.frame is frame)
            keep.update(v.slot for v in self.bound.inputs.values())
        if frame.region is not None:
            region = frame.region
            keep.update(
                frame.local(v).slot for e in region.exports for _, v, where in e.candidates if where is frame
            )
            keep.update(v.slot for _, inner in region.partial for v in inner if v.frame is frame)
            if region.gathers is not None:
                keep.add(region.gathers[0].slot)
            keep.update(v.slot for v in frame.imports.values())
        keep.update(slot for slot, _ in self._consts[id(frame)])
        keep.update(entry[0] for entry in self._config[id(frame)])
        readers: dict[int, list[PlannedStep | None]] = {}
        for group in groups:
            for node in group:
                unit = planned[node]
                for step in unit.steps:
                    for slot in {*step.slots, *(s for _, s, _ in step.opaque or ())}:
                        readers.setdefault(slot, []).append(step)
                if unit.region is not None:
                    assert isinstance(node, Region)
                    inside = {slot for plan in unit.region.bodies for slot, _ in plan.imports}
                    for slot in {*inside, *(v.slot for v in node.asked())}:
                        readers.setdefault(slot, []).append(None)
        counted = []
        for slot, steps in readers.items():
            if slot in keep or None in steps:
                continue
            if len(steps) == 1 and steps[0] is not None:
                steps[0].frees += (slot,)
                continue
            counted.append((slot, len(steps)))
            for reader in steps:
                if reader is not None:
                    reader.drops += (slot,)
        plan.counted = tuple(counted)


def _writer(version: Version) -> str:
    """The path of the step that wrote a delta, through the regions that handed it out."""
    while isinstance(version.maker, Region):
        found = next(
            (v for e in version.maker.exports if e.outer is version for _, v, _ in e.candidates), None
        )
        if found is None:
            break
        version = found
    return version.maker.path if version.maker is not None else version.key


def _no_reducer(_old: Any, new: Any) -> Any:
    return new


def _ranks(cost: list[float], waits: list[tuple[int, ...]], dependents: list[list[int]]) -> list[float]:
    """The longest remaining path from each unit to the end, itself included (HEFT's upward rank)."""
    rank = [0.0] * len(cost)
    left = [len(d) for d in dependents]
    ready = [i for i, n in enumerate(left) if not n]
    while ready:
        i = ready.pop()
        rank[i] = cost[i] + max((rank[j] for j in dependents[i]), default=0.0)
        for j in waits[i]:
            left[j] -= 1
            if not left[j]:
                ready.append(j)
    return rank
