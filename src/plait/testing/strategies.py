"""Hypothesis strategies that draw valid pipelines, to test whatever claims to run one.

    pipelines()    any valid pipeline, with matching inputs
    interleaved()  the same with async components that sleep: for a loop with a virtual clock

What decides something (a condition, a counter of turns) does so by what it was given, so a case has one result.
Every component computes a text out of its own label and what it was given, so a value that came from a wrong
version, a wrong branch or a wrong default shows in the final state:

    >>> Part("s2", CallLog())(a="s1()", b="x")
    's2(a=s1(), b=x)'
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypedDict

from plait.core.flow import Chain, Definition, Flow, Order, dataflow, parallel, subgraph
from plait.core.handlers import ErrorHandler
from plait.core.inputs import Optional, Source, Val
from plait.core.policy import Retry
from plait.core.step import step
from plait.errors import extra
from plait.testing._cases import AsyncPart, CallLog, Case, Part, PlannedFailure, define
from plait.testing._reading import ends, reads
from plait.testing.reference import run_reference
from plait.testing.virtual import VirtualLoop

try:
    from hypothesis import strategies as st

    from plait.testing._deciding import Deciding
    from plait.testing._drawing import FOREVER, Keys, Options, Place, Presence, key_names
except ImportError as missing:
    raise extra("hypothesis", "test", "plait.testing.strategies") from missing

__all__ = ["AsyncPart", "CallLog", "Case", "Part", "PlannedFailure", "interleaved", "pipelines"]


def pipelines(
    *,
    max_steps: int = 12,
    max_depth: int = 4,
    failures: bool = True,
    effects: bool = True,
    need: bool = True,
    reducers: bool = True,
    optional: bool = True,
    retries: bool = True,
    subgraphs: bool = True,
    choices: bool = True,
    loops: bool = True,
    maps: bool = True,
    tries: bool = True,
    exits: bool = True,
    gotos: bool = True,
    kinds: Sequence[Literal["def", "async"]] = ("def", "async"),
    delays: bool = False,
    executor: Literal["inline", "thread"] | None = None,
) -> st.SearchStrategy[Case]:
    """Draw valid pipelines with matching inputs, as a ``Case``.

    Args:
        max_steps: the most steps, embedded pipelines included.
        max_depth: how deep blocks are nested at most.
        failures: let steps fail for good: with a block around them that absorbs it, and without.
        effects: draw effects.
        need: draw blocks with ``need=n``, whose result may depend on the order of completion.
        reducers: draw keys with a reducer (then there is a state type).
        optional: draw reads of keys that may be absent.
        retries: let steps and blocks fail at first, and try them again.
        subgraphs: embed pipelines.
        choices: draw ``if_else``, ``switch`` and ``toggle``.
        loops: draw ``while_do``; each ends after a few turns.
        maps: draw ``map_reduce``.
        tries: draw ``try_catch`` and error handlers.
        exits: let pipelines end early, with ``guard``, ``terminate`` and ``goto``.
        gotos: draw jumps, over some steps and back.
        kinds: which components to draw.
        delays: let async components sleep for different times.
        executor: where ``def`` components run.
    """
    options = Options(
        max_steps,
        max_depth,
        failures,
        effects,
        need,
        reducers,
        optional,
        retries,
        subgraphs,
        choices,
        loops,
        maps,
        tries,
        exits,
        gotos,
        tuple(kinds),
        delays,
        executor,
    )
    return _cases(options)


def interleaved(**options: Any) -> st.SearchStrategy[Case]:
    """Draw pipelines of async components that sleep for drawn times; takes the options of ``pipelines``."""
    return pipelines(**{"kinds": ("async",), "delays": True, **options})


class _Embedded:
    def __init__(self, definition: Definition) -> None:
        self.__plait_definition__ = definition


@st.composite
def _cases(draw: st.DrawFn, options: Options) -> Case:
    return _Builder(draw, options).case()


class _Builder(Deciding):
    """Draws one case, from the outside in; it keeps the rules that the checks enforce."""

    def __init__(self, draw: st.DrawFn, options: Options) -> None:
        super().__init__(draw, options)
        self.order_dependent = False
        self.deciding: list[str] = []

    def case(self) -> Case:
        used: list[str] = []

        def names() -> Iterator[str]:
            for name in key_names():
                used.append(name)
                yield name

        inputs: dict[str, Any] = {f"i{c}": f"given_{c}" for c in "abc"[: self.draw(st.integers(1, 3))]}
        merged = ("ra", "rb")[: self.draw(st.integers(0, 2))] if self.options.reducers else ()
        self.lists.update(merged)
        keys = Keys(names(), dict.fromkeys(inputs, "always"), set(inputs))
        for key in merged:
            if self.chance(2):
                inputs[key] = ["base"]
                keys.known[key] = "always"
        if self.options.failures:
            self.dooms = self.draw(st.sampled_from([0, 0, 1, 2]))
        planned = self.dooms
        kinds = self.deciding = self.deciding_kinds() if not self.chance(4) else []
        if kinds and planned:  # what fails for good may be in a branch that depends on who won
            self.options = replace(self.options, need=False)
        flows = [self.first(keys)] if kinds or self.options.tries else []
        flows += self.chain(keys, Place(self.options.max_depth, reducers=merged), 1, 6)
        again = sorted(keys.written.keys() - self.counters)
        if self.chance(4) and again:  # of a key that is written later, unless a branch is not taken
            inputs.setdefault(self.pick(again), "initial")
        state_type = None
        if merged or self.chance(3):
            hints: dict[str, Any] = dict.fromkeys([*inputs, *used], Any)
            hints.update(dict.fromkeys(merged, Annotated[list[str], operator.add]))
            for key in merged:
                if inputs.get(key) == "initial":
                    inputs[key] = ["base"]
            make: Any = TypedDict
            state_type = make("State", hints, total=False)
        doomed = self.dooms < planned
        if doomed and kinds:  # unless it is where the run does not come
            definition = define(flows, "listed", state_type)
            doomed = run_reference(definition, inputs, loop_factory=VirtualLoop).error is not None
            self.log.reset()
        return Case(flows, inputs, state_type, self.log, self.order_dependent, doomed)

    def first(self, keys: Keys) -> Flow:
        """A step that needs all inputs; what is rewritten on some ways only is then there on the others."""
        key = next(keys.names)
        is_async = self.is_async()
        part = (AsyncPart if is_async else Part)(self.label(), self.log, delay=self.delay(is_async))
        sources = {f"x{i}": given for i, given in enumerate(sorted(keys.known))}
        keys.write(key, "always")
        executor = None if is_async else self.options.executor
        return step(part, sources, key, name=part.label, executor=executor)

    def deciding_kinds(self) -> list[str]:
        """The kinds of flows that decide something, as often as they are to be drawn."""
        options = self.options
        kinds = ["choice"] * 2 * options.choices + ["loop"] * options.loops + ["map"] * options.maps
        kinds += ["tried"] * options.tries + ["shielded"] * (options.tries and options.failures)
        kinds += ["guard"] * options.exits + ["jump"] * options.gotos
        return kinds

    # Compositions

    def chain(
        self, keys: Keys, place: Place, least: int, most: int, *, fail_at: int | None = None
    ) -> list[Flow]:
        flows: list[Flow] = []
        before, earlier, written = keys.fork(), keys.written, dict[str, Presence]()
        for i in range(self.draw(st.integers(least, most))):
            keys.written = {}
            if i == fail_at:
                flows.append(self.step(keys, place, failures=FOREVER))
            elif i >= least and self.left <= 0:
                break
            else:
                late = any(map(ends, flows))
                flows.append(self.flow(keys, place))
                if late:  # if it ended before, that is seen outside of this list
                    written.update({k: p if before.sure(k) else "maybe" for k, p in keys.written.items()})
                    continue
            written.update(keys.written)
        keys.known.update(written)
        keys.written = {**earlier, **written}
        return flows

    def flow(self, keys: Keys, place: Place) -> Flow:
        kinds = ["step"] * 5
        if place.depth > 0 and self.left > 1:
            kinds += ["list", "dataflow", "parallel", "parallel", "parallel"]
            if self.options.subgraphs:
                kinds += ["subgraph"]
            kinds += self.deciding
        kind = self.pick(kinds)
        if kind == "step":
            return self.step(keys, place)
        inner = replace(place, depth=place.depth - 1)
        if kind in self.deciding:
            draw: Callable[[Keys, Place], Flow] = getattr(self, kind)
            flow = draw(keys, inner)
        else:
            flow = self.block(kind, keys, inner)
        if place.block_retry:
            self.flaky = 0  # nobody took it, and outside of the block nothing tries again
        return flow

    def block(self, kind: str, keys: Keys, inner: Place) -> Flow:
        match kind:
            case "list":
                return Chain(tuple(self.chain(keys, inner, 1, 3)))
            case "dataflow":
                retry, inner = self.block_retry(inner)
                return dataflow(
                    self.chain(keys, inner, 1, 4),
                    name=self.block_name(),
                    retry=retry,
                    max_concurrency=self.pick([None, None, 1, 2]),
                )
            case "parallel":
                return self.parallel(keys, inner)
            case _:
                return (
                    self.explicit_subgraph(keys, inner)
                    if self.chance(2)
                    else self.implicit_subgraph(keys, inner)
                )

    def shielded(self, keys: Keys, place: Place) -> Flow:
        """A block with an error handler."""
        before, fork = self.breaking, keys.fork(set(place.reducers))
        name = f"b{next(self._blocks)}"
        side = self.chance(2)
        inner = replace(place, reducers=(), opaque=place.opaque and not side, absorbed=True)
        flows = self.chain(fork, inner, 1, 3)
        self.breaking = before
        counts = not self.counters.isdisjoint(fork.written)  # nobody else may write a counter
        outputs = self.some(sorted(fork.written.keys() - self.counters), 3)
        handler: ErrorHandler = self.handler(name, place, tuple(outputs), whole=True, empty=not counts)
        self.settle(keys, [fork, keys.fork()])
        return (
            parallel([flows], name=name, error_handler=handler)
            if side
            else dataflow(flows, name=name, error_handler=handler)
        )

    def block_retry(self, place: Place) -> tuple[Retry | None, Place]:
        """Perhaps a retry of a whole block, with one step in it that fails at first."""
        if not (self.options.retries and place.block_retry and self.chance(4)):
            return None, place
        self.flaky = self.draw(st.integers(0, 2))
        # Inside, failures of two steps that count their calls would make the result depend on the order.
        return Retry(3, backoff=0, jitter=0), replace(place, need=False, block_retry=False)

    def parallel(self, keys: Keys, place: Place) -> Flow:
        total = self.draw(st.integers(1, 4))
        on_error = self.pick(
            ["cancel", "cancel", "finish", "collect"] if self.options.failures else ["cancel", "finish"]
        )
        needed: int | Literal["all"] = "all"
        if self.options.need and place.need and self.chance(4):
            needed = self.draw(st.integers(1, total))
            self.order_dependent = True
        retry: Retry | None = None
        if needed == "all":
            retry, place = self.block_retry(place)
        elif needed != total or on_error == "collect":
            place = replace(place, doom=False, absorbed=False, block_retry=False)
        # A key that existed before may be rewritten in one branch, and then is none of the others' business.
        shared = keys.own - set(place.reducers) - self.counters
        owner = {key: self.draw(st.integers(0, total - 1)) for key in self.some(sorted(shared), 2)}
        frozen = shared - owner.keys()
        common = None
        if needed != "all" and self.chance(2):
            common = next(keys.names)
        spare = total - needed if needed != "all" else 0
        branches: list[list[Flow]] = []
        forks: list[Keys] = []
        for i in range(total):
            fork = keys.fork({key for key, who in owner.items() if who != i} | set(place.reducers))
            fork.own -= frozen
            inner = replace(
                place, opaque=False, absorbed=place.absorbed or (on_error == "collect" and needed == "all")
            )
            fails = spare > 0 and self.options.failures and self.chance(3)
            spare -= fails
            flows = self.chain(fork, inner, 1, 3, fail_at=0 if fails else None)
            if common is not None:
                late = any(map(ends, flows))
                flows.append(self.step(fork, replace(inner, reducers=()), output=common))
                if late:
                    fork.write(common, "maybe")
            branches.append(flows)
            forks.append(fork)
        self.join(keys, forks, on_error, needed, place.reducers)
        given: Any = [branch[0] if len(branch) == 1 and self.chance(2) else branch for branch in branches]
        if self.chance(2):
            number = next(self._blocks)  # branches of unnamed blocks share the list around them
            given = dict(
                zip(
                    (f"left{number}", f"right{number}", f"front{number}", f"back{number}"),
                    given,
                    strict=False,
                )
            )
        return parallel(
            given,
            name=self.block_name(),
            need=needed,
            on_error=on_error,
            retry=retry,
            max_concurrency=self.pick([None, None, 1, 2]),
        )

    def join(
        self, keys: Keys, forks: list[Keys], on_error: str, needed: object, reducers: tuple[str, ...]
    ) -> None:
        """What is known after a block."""
        for key in {key: None for fork in forks for key in fork.written}:
            found = [fork.written.get(key) for fork in forks]
            if needed != "all":
                certain = all(p == "always" for p in found) and on_error != "collect"
            else:
                certain = on_error != "collect" and "maybe" not in found
            if key in reducers and keys.known.get(key) == "always":
                certain = True
            keys.write(key, "always" if certain else "maybe")

    def implicit_subgraph(self, keys: Keys, place: Place) -> Flow:
        """An embedded pipeline without maps: keys have the same names inside and outside."""
        chosen = set(
            self.some(
                [k for k, p in sorted(keys.known.items()) if p == "always" and k not in place.reducers], 3
            )
        )
        retry, place = self.block_retry(place)
        child = keys.fork(set(keys.known) - chosen)
        flows = self.chain(child, replace(place, reducers=(), opaque=False), 1, 3)
        for key, presence in child.written.items():
            keys.write(key, presence)
        return subgraph(
            _Embedded(define(flows, self.order(), None)), name=f"b{next(self._blocks)}", retry=retry
        )

    def explicit_subgraph(self, keys: Keys, place: Place) -> Flow:
        """An embedded pipeline with maps; its keys are named like ours on purpose."""
        retry, place = self.block_retry(place)
        names = key_names()
        inputs: dict[str, Source] = {}
        for ours in self.some(sorted(keys.known), 3):
            inputs[theirs := next(names)] = ours if keys.sure(ours) else Optional(ours, "absent")
            self.lists.update([theirs] if ours in self.lists else [])
        if self.chance(4):
            inputs[next(names)] = Val("constant")
        child = Keys(names, dict.fromkeys(inputs, "always"), set(inputs))
        flows = self.chain(child, replace(place, reducers=(), opaque=True), 1, 3)
        outputs: dict[str, str] = {}
        for theirs in self.some(sorted(child.written), 2):
            # What may not be written there has a key of its own here, so that nobody need say what is left of it.
            sure = child.written[theirs] == "always"
            ours = self.new_key(keys, place, taken=outputs) if sure else next(keys.names)
            outputs[ours] = theirs
            self.lists.update([ours] if theirs in self.lists else [])
        for ours, theirs in outputs.items():
            keys.write(ours, child.written[theirs])
        definition = define(flows, self.order(), None)
        wanted = reads(definition)  # an input that nobody reads is refused
        inputs = {key: source for key, source in inputs.items() if key in wanted}
        if (
            not outputs and child.written
        ):  # without a map everything comes out, under names that are not ours to write
            theirs = min(child.written)
            outputs[ours := next(keys.names)] = theirs
            keys.write(ours, child.written[theirs])
            self.lists.update([ours] if theirs in self.lists else [])
        return subgraph(
            _Embedded(definition), inputs, outputs or None, name=f"b{next(self._blocks)}", retry=retry
        )

    def order(self) -> Order:
        return "dataflow" if self.chance(3) else "listed"
