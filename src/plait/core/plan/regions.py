"""Binding what decides while it runs: choices, loops, maps, handlers, and what follows a possible end.

All of them become regions with bodies (``plait.core.plan.bodies``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plait.core.condition import TURN, limited
from plait.core.control import ERROR_KEY, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Flow, Parallel, Subgraph
from plait.core.handlers import ErrorHandler
from plait.core.handling import handler_step
from plait.core.plan.bodies import Bodies, Walk
from plait.core.plan.bound import Block, Export, Frame, Leaf, Node, Read, Region, Version
from plait.core.plan.naming import Names, default_subgraph_name, is_single
from plait.core.plan.place import At, Nodes
from plait.core.plan.scope import Env, Found, Scope
from plait.core.plan.writes import keys_written, surely_ends
from plait.core.schema import Schema
from plait.core.step import Step


class Regions(Bodies):
    """The part of the binder for choices, loops, maps and handlers."""

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

    @staticmethod
    def _hidden_out(region: Region, key: str, version: Version) -> Version:
        """Hand out of a region what is no key of the state: an answer, or that somebody has jumped."""
        made = region.frame.version(key, region, origin="block", presence="maybe")
        region.exports.append(Export(made, [(0, version, version.frame)]))
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
        ending = tuple(surely_ends(branch) for _, branch in flow.branches)
        self._open_bodies(region, at, walks, certain=flow.total, ending=ending)
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

            def ask(where: At) -> tuple[Leaf, Version]:
                return self._decider(step, f"{path}/condition", where, turn)

            there = inside.with_(path=path, before=before)
            # A body that has ended the pipeline is not asked for another turn.
            node, decider = self._unless_ended(there, ask) if len(inside.exits) > mark else ask(there)
            last.append(decider)
            return (node,)

        keys = {**keys_written(flow.body), **keys_written(flow.condition)}
        mark = len(self._needed)
        self._open_bodies(region, at, [walk], certain=True, carried=tuple(keys))
        self._may_be_lost(region, mark)
        (decider,) = last
        region.decider = self._hidden_out(region, f"~{path}", decider)
        self.bound.blocks.append(Block(path, "loop", flow, (tuple(region.nodes),)))
        return (region,)

    def _may_be_lost(self, region: Region, mark: int) -> None:
        """Find what a turn needs and the turn before it may have lost."""
        lossy = {
            export.outer
            for export in region.exports
            if export.outer.presence == "always"
            and any(v.presence == "maybe" for _, v, _ in export.candidates)
        }
        for version, path, argument, key in self._needed[mark:] if lossy else ():
            if _outside(version, region.frame) in lossy:
                self._find("E104", path, key=key, argument=argument, maker=region.path)

    def _unless_ended(self, at: At, decide: Callable[[At], tuple[Leaf, Version]]) -> tuple[Node, Version]:
        """Ask a condition, or for a target, only if the pipeline has not been ended before."""
        region = Region(at.frame, f"{at.path}/rest" if at.path else "rest", at.branch, kind="rest")
        region.flags = list(at.exits)
        answers: list[Version] = []

        def walk(inside: At) -> Nodes:
            leaf, answer = decide(inside)
            answers.append(answer)
            return (leaf,)

        self._open_bodies(region, at, [walk], certain=False)
        return region, self._hidden_out(region, answers[0].key, answers[0])

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
            return self._stop_after(leaf, there)

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
            if not at.sealed:
                return self._parts_listed(flow.body.parts, there)
            there = there.with_(before=self._settle(there))
            block = Region(at.frame, f"{path}/try" if path else "try", at.branch)
            return self._region(block, there, lambda inside: self._parts_listed(flow.body.parts, inside))
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
                flow,
                handler,
                step_path,
                at,
                lambda inside: self._stop_after(self._leaf(flow, step_path, inside), inside),
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


def _outside(version: Version | None, frame: Frame) -> Version | None:
    """The version of a frame that a version in it, however deep, stands for."""
    while version is not None and version.frame is not frame:
        version = next((outer for outer, inner in version.frame.imports.items() if inner is version), None)
    return version


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
