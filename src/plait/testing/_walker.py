"""The reference interpreter proper: one method for each kind of flow, in listed order, one step at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from plait.core.control import END, ERROR_KEY, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Parallel, Subgraph
from plait.core.looping import Items
from plait.core.names import did_you_mean, listing
from plait.core.policy import Retry
from plait.core.step import Step
from plait.errors import ConditionError, InvalidPipeline, PipelineErrors, TooManyTurns
from plait.testing._calling import Caller, outputs
from plait.testing._frame import MISSING, Failure, Frame, Place
from plait.testing._reading import defaults, reads, taken, writes
from plait.testing._tree import Node


class Trace:
    """What a walk tells besides the state."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.effects: list[str] = []
        self.recorded: list[tuple[Place, BaseException]] = []


class Walker:
    """Walks a tree of nodes. Methods that do a flow answer whether the pipeline ends there."""

    def __init__(
        self,
        definition: Definition,
        caller: Caller,
        trace: Trace,
        choose: Callable[[int], int] | None,
    ) -> None:
        self.definition, self.caller, self.trace, self.choose = definition, caller, trace, choose
        self._outside: tuple[int, ...] = ()
        self._written, self._here = "", ""
        """The path of the loop around, as written, and what stands for it in this turn."""
        self._again = ""
        """The number of the turn in a list with jumps, which stands behind the next name."""
        self._caught: list[BaseException] = []

    def place(self, node: Node) -> Place:
        rest = node.path[len(self._written) :]
        if self._again:
            name, slash, more = rest.lstrip("/").partition("/")
            rest = f"{'/' if self._here else ''}{name}{self._again}{slash}{more}"
        return Place((*self._outside, node.index), self._here + rest)

    @contextmanager
    def _around(self, outside: tuple[int, ...], written: str, here: str, again: str) -> Iterator[None]:
        before = self._outside, self._written, self._here, self._again
        self._outside, self._written, self._here, self._again = outside, written, here, again
        try:
            yield
        finally:
            self._outside, self._written, self._here, self._again = before

    def _turn(self, node: Node, turn: int) -> AbstractContextManager[None]:
        place = self.place(node)
        return self._around((*place.order, turn), node.path, f"{place.path}#{turn}", "")

    def _list_again(self, node: Node, turn: int) -> AbstractContextManager[None]:
        """In a list that a jump has gone back in, the names of its members have the turn's number."""
        if turn == 1:
            return nullcontext()
        here = self._here + node.path[len(self._written) :]
        return self._around((*self._outside, node.index, turn), node.path, here, f"#{turn}")

    # Lists

    def chain(self, node: Node, frame: Frame) -> bool:
        at, turn = 0, 1
        while at < len(node.kids):
            kid = node.kids[at]
            with self._list_again(node, turn):
                if isinstance(kid.flow, Goto):
                    target = self.jump(kid, kid.flow, node, frame)
                    if target is None:
                        return True
                    turn += target <= at
                    at = target
                    continue
                if self.member(kid, frame):
                    return True
            at += 1
        return False

    def jump(self, node: Node, flow: Goto, around: Node, frame: Frame) -> int | None:
        """The number of the member where it goes on, or None for the end of the pipeline."""
        name = self.step(node.kids[0], flow.target, frame)
        if name == END and flow.allow_end:
            return None
        names = {kid.name: i for i, kid in enumerate(around.kids) if kid.name is not None}
        if name in names:
            return names[name]
        error = ConditionError(
            f"goto {flow.name!r}: there is no {name!r} in its list; it has {listing(names)}{did_you_mean(name, names)}"
        )
        raise Failure([(self.place(node), error)])

    def member(self, node: Node, frame: Frame) -> bool:
        if node.handler is None:
            return self.plain(node, frame)
        handler = getattr(node.flow, "error_handler")  # noqa: B009  (each kind that has one calls it so)
        return self.tried(node, node.handler, handler.catch, None, frame, self.plain)

    def plain(self, node: Node, frame: Frame) -> bool:
        """A member of a list without its error handler."""
        flow = node.flow
        if isinstance(flow, Step):
            self.step(node, flow, frame)
            return flow.kind == "terminate"
        if isinstance(flow, Chain):
            return self.chain(
                node, frame
            )  # a list is no block: what it did before a failure counts for a handler
        if isinstance(flow, MapReduce):
            return self.map_reduce(node, flow, frame)
        if isinstance(flow, Parallel):
            return self.attempts(node, flow.retry, frame, self.parallel)
        if isinstance(flow, Subgraph):
            return self.attempts(node, flow.retry, frame, self.subgraph)
        if isinstance(flow, Dataflow):
            return self.attempts(node, flow.retry, frame, self.chain)
        if isinstance(flow, Choice):
            return self.attempts(node, None, frame, self.choice)
        if isinstance(flow, Loop):
            return self.attempts(node, None, frame, self.loop)
        assert isinstance(flow, Try)
        handler = node.kids[1] if len(node.kids) > 1 else None
        return self.tried(
            node,
            handler,
            flow.catch,
            flow.error_state,
            frame,
            lambda n, inside: self.member(n.kids[0], inside),
        )

    # Blocks

    def attempts(
        self, node: Node, retry: Retry | None, frame: Frame, body: Callable[[Node, Frame], bool]
    ) -> bool:
        """Each attempt has a fresh frame; what it recorded goes with it."""
        left = retry.attempts if retry is not None else 1
        while True:
            left -= 1
            fork, mark = frame.fork(), len(self.trace.recorded)
            try:
                ended = body(node, fork)
                frame.merge(fork)
            except Failure as failure:
                if retry is None or left == 0 or not all(_again(retry, error) for _, error in failure.found):
                    raise
                del self.trace.recorded[mark:]
            else:
                return ended

    def parallel(self, node: Node, frame: Frame) -> bool:
        flow = node.flow
        assert isinstance(flow, Parallel)
        total = len(node.kids)
        need = total if flow.need == "all" else flow.need
        forks: dict[Node, Frame] = {}
        ended: set[Node] = set()
        failed: list[tuple[Place, BaseException]] = []
        lost = 0
        for branch in node.kids:
            if self.choose is None and (
                (flow.need != "all" and len(forks) == need)
                or (lost > total - need and flow.on_error == "cancel")
            ):
                break
            fork = frame.fork()
            try:
                if self.chain(branch, fork):
                    ended.add(branch)
                forks[branch] = fork
            except Failure as failure:
                failed += failure.found
                lost += 1
        if len(forks) < need and flow.on_error != "collect":
            raise Failure(failed)
        self.trace.recorded += failed
        if flow.need != "all" and len(forks) > need:
            assert self.choose is not None
            options = list(itertools.combinations(forks, need))
            forks = {branch: forks[branch] for branch in options[self.choose(len(options))]}
        for branch in node.kids:
            if branch not in forks:
                self.lose(branch, frame)
        for branch, fork in list(forks.items()):
            try:
                frame.merge(fork)
            except Failure as failure:
                if flow.on_error != "collect":
                    raise
                self.trace.recorded += failure.found
                self.lose(branch, frame)
                del forks[branch]
        return not ended.isdisjoint(forks)

    def lose(self, branch: Node, frame: Frame) -> None:
        for key in writes(branch.flow):
            frame.write(self.place(branch), key, MISSING)

    def subgraph(self, node: Node, frame: Frame) -> bool:
        flow = node.flow
        assert isinstance(flow, Subgraph)
        wanted = reads(flow.definition)
        sources = dict(flow.inputs) if flow.inputs is not None else {key: key for key in wanted}
        given = {}
        for key, source in sources.items():
            value = self.caller.value(source, frame)
            if value is not MISSING:
                given[key] = value
            elif wanted.get(key, False):
                raise InvalidPipeline(f"{self.place(node).path!r} reads {source!r}, which may be absent")
        inner = Frame(flow.definition.schema, {**defaults(flow.definition.schema), **given})
        self.chain(node, inner)  # if it ends early, only it ends
        for ours, theirs in taken(flow):
            if theirs not in inner.values:  # it was never written: an untaken branch, or it ended before
                continue
            written = [(self.place(node), ours, inner.values[theirs])]
            if frame.reducer(ours) is not None and inner.reducer(theirs) is not None:
                written = [(maker, ours, delta) for maker, key, delta in inner.log if key == theirs]
            frame.take(written)
        return False

    def choice(self, node: Node, frame: Frame) -> bool:
        flow = node.flow
        assert isinstance(flow, Choice)
        condition, *branches = node.kids
        key = self.step(condition, flow.condition, frame)
        chosen = {key: branch for (key, _), branch in zip(flow.branches, branches, strict=True)}
        branch = chosen.get(key) if key in chosen or flow.default is None else chosen[flow.default]
        return branch is not None and self.attempts(branch, None, frame, self.chain)

    def loop(self, node: Node, frame: Frame) -> bool:
        flow = node.flow
        assert isinstance(flow, Loop)
        body, condition = node.kids
        for turn in itertools.count(1):
            with self._turn(node, turn):
                if self.chain(body, frame):
                    return True
                if self.step(condition, flow.condition, frame) != "true":
                    break
                if turn == flow.max_turns:
                    error = TooManyTurns(
                        f"{self.place(condition).path!r} wants one more turn, and max_turns is {turn}"
                    )
                    raise Failure([(self.place(condition), error)])
        return False

    def map_reduce(self, node: Node, flow: MapReduce, frame: Frame) -> bool:
        place = self.place(node)
        items = self.call(
            place, flow.fan_out, self.caller.arguments(place.path, flow.fan_out, frame), told=False
        )
        assert isinstance(items, Items)
        results = []
        for i in range(len(items)):
            given = {**items.common, **{name: column[i] for name, column in items.columns.items()}}
            results.append(self.call(Place((*place.order, i), f"{place.path}[{i}]"), flow.each, given))
        result: Any = results
        if flow.reduce is not None:
            result = self.call(Place(place.order, f"{place.path}/reduce"), flow.reduce, {"results": results})
        self.put(place, flow.outputs, result, frame)
        return False

    def tried(
        self,
        node: Node,
        handler: Node | None,
        catch: tuple[type[BaseException], ...],
        error_state: str | None,
        frame: Frame,
        body: Callable[[Node, Frame], bool],
    ) -> bool:
        """A body, and its handler after a failure: with what the parts before the failing one wrote."""
        fork = frame.fork()
        try:
            ended = body(node, fork)
        except Failure as failure:
            if handler is None:
                raise
            matched = [(place, error) for place, error in failure.found if isinstance(error, catch)]
            rest = [(place, error) for place, error in failure.found if not isinstance(error, catch)]
            self.trace.recorded += matched
            if rest:
                raise Failure(rest) from failure
            error = error_of(self.definition, matched)
            if error_state is not None:
                fork.take([(self.place(node), error_state, str(error))])
            self._caught.append(error)
            try:
                ended = self.member(handler, fork)
            finally:
                self._caught.pop()
        frame.merge(fork)
        return ended

    # Steps

    def step(self, node: Node, step: Step[..., Any], frame: Frame) -> Any:
        """Call a step and write what it gives; its result."""
        place = self.place(node)
        arguments = self.caller.arguments(place.path, step, frame)
        if step.kind == "handler" and step.inputs is None:
            arguments[ERROR_KEY] = self._caught[-1]
        result = self.call(place, step, arguments)
        self.put(place, step.outputs, result, frame, some=step.kind == "handler")
        return result

    def call(
        self, place: Place, step: Step[..., Any], arguments: Mapping[str, Any], *, told: bool = True
    ) -> Any:
        for attempt in itertools.count(1):
            if told:
                self.trace.executed.append(place.path)
            if step.effect:
                self.trace.effects.append(place.path)
            try:
                result = self.caller.call(place.path, step, arguments, attempt)
                outputs(place.path, step.outputs, result, some=step.kind == "handler")
            except (
                Exception,
                asyncio.CancelledError,
            ) as error:  # a cancellation that nobody asked for is a failure
                if step.retry is None or attempt == step.retry.attempts or not _again(step.retry, error):
                    raise Failure([(place, error)]) from error
            else:
                return result
        return None

    def put(
        self,
        place: Place,
        pairs: tuple[tuple[str, str | None], ...],
        result: Any,
        frame: Frame,
        *,
        some: bool = False,
    ) -> None:
        """Write the keys of a result, all or nothing."""
        try:
            found = outputs(place.path, pairs, result, some=some)
        except Exception as error:
            raise Failure([(place, error)]) from error
        frame.take([(place, key, value) for key, value in found.items()])


def error_of(definition: Definition, found: list[tuple[Place, BaseException]]) -> BaseException:
    """What is raised for failures: the error itself if it is one, a group in listed order if they are several."""
    errors = [error for _, error in sorted(found, key=lambda item: item[0].order)]
    if len(errors) == 1:
        return errors[0]
    message = f"{len(errors)} steps of {definition.name or 'the pipeline'} failed"
    plain = [e for e in errors if isinstance(e, Exception)]
    return (
        PipelineErrors(message, plain) if len(plain) == len(errors) else BaseExceptionGroup(message, errors)
    )


def _again(retry: Retry, error: BaseException) -> bool:
    answer = retry.matches(error)
    return answer is not False and answer is not None
