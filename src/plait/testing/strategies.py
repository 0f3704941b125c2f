"""Hypothesis strategies that draw valid pipelines, to test whatever claims to run one.

    pipelines()    any valid pipeline, with matching inputs
    interleaved()  the same with async components that sleep: for a loop with a virtual clock

Every component computes a text out of its own label and what it was given, so a value that came from a wrong
version, a wrong branch or a wrong default shows in the final state:

    >>> Part("s2", CallLog())(a="s1()", b="x")
    's2(a=s1(), b=x)'
"""

from __future__ import annotations

import inspect
import itertools
import keyword
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, TypeAlias, TypedDict

from plait.core.flow import Chain, Definition, Flow, Order, dataflow, parallel, subgraph
from plait.core.inputs import Optional, Source, Val
from plait.core.policy import Retry
from plait.core.step import step
from plait.errors import extra
from plait.testing._cases import AsyncPart, CallLog, Case, Part, PlannedFailure, define
from plait.testing._reading import reads

try:
    from hypothesis import strategies as st
except ImportError as missing:
    raise extra("hypothesis", "test", "plait.testing.strategies") from missing

__all__ = ["AsyncPart", "CallLog", "Case", "Part", "PlannedFailure", "interleaved", "pipelines"]

Presence: TypeAlias = Literal["always", "maybe"]
DELAYS = (0.0, 0.0, 0.01, 0.05, 0.2, 1.0)


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
        kinds: which components to draw.
        delays: let async components sleep for different times.
        executor: where ``def`` components run.
    """
    options = _Options(
        max_steps,
        max_depth,
        failures,
        effects,
        need,
        reducers,
        optional,
        retries,
        subgraphs,
        tuple(kinds),
        delays,
        executor,
    )
    return _cases(options)


def interleaved(**options: Any) -> st.SearchStrategy[Case]:
    """Draw pipelines of async components that sleep for drawn times; takes the options of ``pipelines``."""
    return pipelines(**{"kinds": ("async",), "delays": True, **options})


@dataclass(frozen=True)
class _Options:
    max_steps: int
    max_depth: int
    failures: bool
    effects: bool
    need: bool
    reducers: bool
    optional: bool
    retries: bool
    subgraphs: bool
    kinds: tuple[str, ...]
    delays: bool
    executor: Literal["inline", "thread"] | None


@dataclass(frozen=True)
class _Place:
    """What may be written where we are."""

    depth: int
    opaque: bool = True  # a reader of the whole state: not beside siblings
    absorbed: bool = False  # a failure here is collected
    doom: bool = True  # a failure here may end the run
    need: bool = True
    block_retry: bool = True
    reducers: tuple[str, ...] = ()


@dataclass
class _Keys:
    """What is known of the state at one point of listed order."""

    names: Iterator[str]
    known: dict[str, Presence] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # keys that may be written again here
    written: dict[str, Presence] = field(default_factory=dict)

    def fork(self, without: set[str]) -> _Keys:
        return _Keys(
            self.names, {k: p for k, p in self.known.items() if k not in without}, self.own - without
        )

    def write(self, key: str, presence: Presence) -> None:
        self.known[key] = self.written[key] = presence
        self.own.add(key)


def _names() -> Iterator[str]:
    # Two letters each: no two are near enough to be taken for a misspelling of each other.
    for first, second in itertools.product("klmnopqstuvwxyz", "abcdefghijklmnopqrstuvwxyz"):
        if not keyword.iskeyword(first + second):
            yield first + second


class _Embedded:
    def __init__(self, definition: Definition) -> None:
        self.__plait_definition__ = definition


@st.composite
def _cases(draw: st.DrawFn, options: _Options) -> Case:
    return _Builder(draw, options).case()


class _Builder:
    """Draws one case, from the outside in; it keeps the rules that the checks enforce."""

    def __init__(self, draw: st.DrawFn, options: _Options) -> None:
        self.draw, self.options, self.log = draw, options, CallLog()
        self.left = options.max_steps
        self.dooms = 0
        self.flaky = 0
        self.order_dependent = False
        self._labels = itertools.count(1)
        self._blocks = itertools.count(1)

    def chance(self, one_in: int) -> bool:
        # Hypothesis shrinks towards 0, so towards the simpler pipeline.
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def pick(self, items: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(items)))

    def some(self, items: Sequence[str], most: int) -> list[str]:
        if not items:
            return []
        return self.draw(st.lists(st.sampled_from(list(items)), max_size=most, unique=True))

    def case(self) -> Case:
        used: list[str] = []

        def names() -> Iterator[str]:
            for name in _names():
                used.append(name)
                yield name

        inputs: dict[str, Any] = {f"i{c}": f"given_{c}" for c in "abc"[: self.draw(st.integers(1, 3))]}
        merged = ("ra", "rb")[: self.draw(st.integers(0, 2))] if self.options.reducers else ()
        keys = _Keys(names(), dict.fromkeys(inputs, "always"), set(inputs))
        for key in merged:
            if self.chance(2):
                inputs[key] = ["base"]
                keys.known[key] = "always"
        if self.options.failures:
            self.dooms = self.draw(st.sampled_from([0, 0, 1, 2]))
        planned = self.dooms
        flows = self.chain(keys, _Place(self.options.max_depth, reducers=merged), 1, 6)
        if self.chance(4) and keys.written:
            inputs.setdefault(
                self.pick(sorted(keys.written)), "initial"
            )  # of a key that is written later: it changes nothing
        state_type = None
        if merged or self.chance(3):
            hints: dict[str, Any] = dict.fromkeys([*inputs, *used], Any)
            hints.update(dict.fromkeys(merged, Annotated[list[str], operator.add]))
            for key in merged:
                if inputs.get(key) == "initial":
                    inputs[key] = ["base"]
            make: Any = TypedDict
            state_type = make("State", hints, total=False)
        return Case(flows, inputs, state_type, self.log, self.order_dependent, self.dooms < planned)

    # Compositions

    def chain(
        self, keys: _Keys, place: _Place, least: int, most: int, *, fail_at: int | None = None
    ) -> list[Flow]:
        flows: list[Flow] = []
        for i in range(self.draw(st.integers(least, most))):
            if i == fail_at:
                flows.append(self.step(keys, place, failures=float("inf")))
            elif i >= least and self.left <= 0:
                break
            else:
                flows.append(self.flow(keys, place))
        return flows

    def flow(self, keys: _Keys, place: _Place) -> Flow:
        kinds = ["step"] * 5
        if place.depth > 0 and self.left > 1:
            kinds += ["list", "dataflow", "parallel", "parallel", "parallel"]
            if self.options.subgraphs:
                kinds += ["subgraph"]
        kind = self.pick(kinds)
        if kind == "step":
            return self.step(keys, place)
        flow = self.block(kind, keys, replace(place, depth=place.depth - 1))
        if place.block_retry:
            self.flaky = 0  # nobody took it, and outside of the block nothing tries again
        return flow

    def block(self, kind: str, keys: _Keys, inner: _Place) -> Flow:
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

    def block_name(self) -> str | None:
        return f"b{next(self._blocks)}" if self.chance(2) else None

    def block_retry(self, place: _Place) -> tuple[Retry | None, _Place]:
        """Perhaps a retry of a whole block, with one step in it that fails at first."""
        if not (self.options.retries and place.block_retry and self.chance(4)):
            return None, place
        self.flaky = self.draw(st.integers(0, 2))
        # Inside, failures of two steps that count their calls would make the result depend on the order.
        return Retry(3, backoff=0, jitter=0), replace(place, need=False, block_retry=False)

    def parallel(self, keys: _Keys, place: _Place) -> Flow:
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
        shared = keys.own - set(place.reducers)
        owner = {key: self.draw(st.integers(0, total - 1)) for key in self.some(sorted(shared), 2)}
        frozen = shared - owner.keys()
        common = None
        if needed != "all" and self.chance(2):
            common = next(keys.names)
        spare = total - needed if needed != "all" else 0
        branches: list[list[Flow]] = []
        forks: list[_Keys] = []
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
                flows.append(self.step(fork, replace(inner, reducers=()), output=common))
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
        self, keys: _Keys, forks: list[_Keys], on_error: str, needed: object, reducers: tuple[str, ...]
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

    def implicit_subgraph(self, keys: _Keys, place: _Place) -> Flow:
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

    def explicit_subgraph(self, keys: _Keys, place: _Place) -> Flow:
        """An embedded pipeline with maps; its keys are named like ours on purpose."""
        retry, place = self.block_retry(place)
        names = _names()
        inputs: dict[str, Source] = {}
        for ours in self.some(sorted(keys.known), 3):
            inputs[next(names)] = ours if keys.known[ours] == "always" else Optional(ours, "absent")
        if self.chance(4):
            inputs[next(names)] = Val("constant")
        child = _Keys(names, dict.fromkeys(inputs, "always"), set(inputs))
        flows = self.chain(child, replace(place, reducers=(), opaque=True), 1, 3)
        outputs: dict[str, str] = {}
        for theirs in self.some(sorted(child.written), 2):
            ours = self.new_key(keys, place, taken=outputs)
            outputs[ours] = theirs
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
        return subgraph(
            _Embedded(definition), inputs, outputs or None, name=f"b{next(self._blocks)}", retry=retry
        )

    def order(self) -> Order:
        return "dataflow" if self.chance(3) else "listed"

    # Steps

    def new_key(self, keys: _Keys, place: _Place, taken: Any = ()) -> str:
        """A fresh key, or one to write again."""
        again = sorted(keys.own - set(taken) - set(place.reducers))
        return self.pick(again) if again and self.chance(3) else next(keys.names)

    def step(
        self, keys: _Keys, place: _Place, *, failures: float | None = None, output: str | None = None
    ) -> Flow:
        self.left -= 1
        label = f"s{next(self._labels)}"
        inputs, shape = self.reads(keys, place)
        outputs, delta = ([output], False) if output is not None else self.writes(keys, place)
        retry: Retry | None = None
        if failures is None:
            failures, retry = self.trouble(place)
        is_async = self.pick(self.options.kinds) == "async"
        part = (AsyncPart if is_async else Part)(
            label,
            self.log,
            outputs=tuple(outputs) if len(outputs) > 1 else None,
            delta=delta,
            failures=failures,
            delay=self.pick(DELAYS) if self.options.delays and is_async else 0.0,
        )
        if shape is not None:
            part.__signature__ = shape  # inspect reads it, so parameter names are the keys
        output_state: Any = None if not outputs else outputs[0] if len(outputs) == 1 else list(outputs)
        for key in outputs:
            keys.write(key, "always")
        return step(
            part,
            inputs,
            output_state,
            name=label,
            effect=(True if self.options.effects and self.chance(6) else None) if outputs else True,
            retry=retry,
            copy=self.chance(8),
            executor=None if is_async else self.options.executor,
        )

    def trouble(self, place: _Place) -> tuple[float, Retry | None]:
        """How often the step fails, and how often it is tried again."""
        if self.flaky and self.chance(2):
            failures, self.flaky = self.flaky, 0
            return failures, None
        if self.options.failures and place.absorbed and self.chance(4):
            return float("inf"), self.retry(2)
        if self.dooms and place.doom and not place.absorbed and self.chance(4):
            self.dooms -= 1
            return float("inf"), self.retry(2)
        if self.options.retries and self.chance(6):
            failures = self.draw(st.integers(1, 2))
            return failures, Retry(failures + 1, backoff=0, jitter=0)
        return 0, None

    def retry(self, attempts: int) -> Retry | None:
        return (
            Retry(attempts, backoff=0, jitter=0, on=PlannedFailure)
            if self.options.retries and self.chance(2)
            else None
        )

    def writes(self, keys: _Keys, place: _Place) -> tuple[list[str], bool]:
        kind = self.pick(
            ["one"] * 6
            + ["several"]
            + (["none"] if self.options.effects else [])
            + (["delta"] * 2 if place.reducers else [])
        )
        if kind == "none":
            return [], False
        if kind == "delta":
            return [self.pick(place.reducers)], True
        out: list[str] = []
        for _ in range(1 if kind == "one" else self.draw(st.integers(2, 3))):
            out.append(self.new_key(keys, place, taken=out))
        return out, False

    def reads(self, keys: _Keys, place: _Place) -> tuple[dict[str, Source] | None, inspect.Signature | None]:
        """What the step takes: by an input map, by parameter names, or everything."""
        if place.opaque and self.chance(10):
            return None, None
        sure = [key for key, presence in sorted(keys.known.items()) if presence == "always"]
        unsure = [key for key in sorted(keys.known) if key not in sure] if self.options.optional else []
        chosen, defaulted = self.some(sure, 3), self.some(unsure, 2)
        if self.chance(3):
            params = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in chosen]
            params += [
                inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default="absent") for key in defaulted
            ]
            return None, inspect.Signature(params)
        inputs: dict[str, Source] = {f"x{i}": key for i, key in enumerate(chosen)}
        inputs.update({f"y{i}": Optional(key, "absent") for i, key in enumerate(defaulted)})
        if chosen and self.chance(6):
            inputs["z"] = Optional(chosen[0], "absent")
        if self.chance(8):
            inputs["v"] = Val("constant")
        return inputs, None
