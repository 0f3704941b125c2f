"""How steps are drawn: what they read and write, how they fail, and what is known of the state where they stand."""

from __future__ import annotations

import inspect
import itertools
import keyword
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from hypothesis import strategies as st

from plait.core.flow import Flow
from plait.core.handlers import Empty, ErrorHandler, Fallback, Keep
from plait.core.inputs import Optional, Source, Val
from plait.core.policy import Retry
from plait.core.step import Step, step
from plait.testing._cases import AsyncPart, CallLog, Part, PlannedFailure
from plait.testing._deciders import AsyncCaught, Caught, CaughtWithState

Presence: TypeAlias = Literal["always", "maybe"]
DELAYS = (0.0, 0.0, 0.01, 0.05, 0.2, 1.0)
FOREVER = float("inf")


@dataclass(frozen=True)
class Options:
    """What to draw; see ``pipelines``."""

    max_steps: int
    max_depth: int
    failures: bool
    effects: bool
    need: bool
    reducers: bool
    optional: bool
    retries: bool
    subgraphs: bool
    choices: bool
    loops: bool
    maps: bool
    tries: bool
    exits: bool
    gotos: bool
    kinds: tuple[str, ...]
    delays: bool
    executor: Literal["inline", "thread"] | None


@dataclass(frozen=True)
class Place:
    """What may be written where we are."""

    depth: int
    opaque: bool = True  # a reader of the whole state: not beside siblings
    absorbed: bool = False  # a failure here is collected or handled
    doom: bool = True  # a failure here may end the run
    need: bool = True
    block_retry: bool = True
    reducers: tuple[str, ...] = ()


@dataclass
class Keys:
    """What is known of the state at one point of listed order."""

    names: Iterator[str]
    known: dict[str, Presence] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # keys that may be written again here
    written: dict[str, Presence] = field(default_factory=dict)

    def fork(self, without: set[str] | frozenset[str] = frozenset()) -> Keys:
        return Keys(self.names, {k: p for k, p in self.known.items() if k not in without}, self.own - without)

    def write(self, key: str, presence: Presence) -> None:
        self.known[key] = self.written[key] = presence
        self.own.add(key)

    def sure(self, key: str) -> bool:
        return self.known.get(key) == "always"


def key_names() -> Iterator[str]:
    # Two letters each: no two are near enough to be taken for a misspelling of each other.
    for first, second in itertools.product("klmnopqstuvwxyz", "abcdefghijklmnopqrstuvwxyz"):
        if not keyword.iskeyword(first + second):
            yield first + second


class Steps:
    """Draws steps; it keeps the rules that the checks enforce."""

    def __init__(self, draw: st.DrawFn, options: Options) -> None:
        self.draw, self.options, self.log = draw, options, CallLog()
        self.left = options.max_steps
        self.dooms = 0
        self.flaky = 0
        self.breaking = 0
        """How many of the steps drawn so far can fail in a way that is seen outside of them."""
        self.lists: set[str] = set()
        """Keys whose values may be lists, which a map would go through."""
        self.counters: set[str] = set()
        """Keys that nobody else may write."""
        self._labels = itertools.count(1)
        self._blocks = itertools.count(1)

    def chain(
        self, keys: Keys, place: Place, least: int, most: int, *, fail_at: int | None = None
    ) -> list[Flow]:
        raise NotImplementedError

    # Drawing

    def chance(self, one_in: int) -> bool:
        # Hypothesis shrinks towards 0, so towards the simpler pipeline.
        return self.draw(st.integers(0, one_in - 1)) == one_in - 1

    def pick(self, items: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(items)))

    def some(self, items: Sequence[str], most: int) -> list[str]:
        if not items:
            return []
        return self.draw(st.lists(st.sampled_from(list(items)), max_size=most, unique=True))

    def is_async(self) -> bool:
        return bool(self.pick(self.options.kinds) == "async")

    def delay(self, is_async: bool) -> float:
        return self.pick(DELAYS) if self.options.delays and is_async else 0.0

    def label(self) -> str:
        self.left -= 1
        return f"s{next(self._labels)}"

    def block_name(self) -> str | None:
        return f"b{next(self._blocks)}" if self.chance(2) else None

    # Steps

    def new_key(self, keys: Keys, place: Place, taken: Any = ()) -> str:
        """A fresh key, or one to write again."""
        again = sorted(keys.own - set(taken) - set(place.reducers) - self.counters)
        return self.pick(again) if again and self.chance(3) else next(keys.names)

    def step(
        self, keys: Keys, place: Place, *, failures: float | None = None, output: str | None = None
    ) -> Step[..., Any]:
        label = self.label()
        inputs, shape = self.reads(keys, place)
        outputs, delta = ([output], False) if output is not None else self.writes(keys, place)
        handled = failures is None and self.options.tries and self.options.failures and self.chance(12)
        retry: Retry | None = None
        before = self.breaking
        if failures is None:
            failures, retry = self.trouble(replace(place, absorbed=True) if handled else place)
        is_async = self.is_async()
        part = (AsyncPart if is_async else Part)(
            label,
            self.log,
            outputs=tuple(outputs) if len(outputs) > 1 else None,
            delta=delta,
            failures=failures,
            delay=self.delay(is_async),
        )
        if shape is not None:
            part.__signature__ = shape  # inspect reads it, so parameter names are the keys
        handler: ErrorHandler | None = None
        if handled:
            self.breaking = before
            handler = self.handler(label, place, tuple(outputs), delta=delta, whole=False)
        output_state: Any = None if not outputs else outputs[0] if len(outputs) == 1 else list(outputs)
        for key in outputs:
            certain = not isinstance(handler, Keep) or keys.sure(key)
            keys.write(key, "always" if certain else "maybe")
        return step(
            part,
            inputs,
            output_state,
            name=label,
            effect=(True if self.options.effects and self.chance(6) else None) if outputs else True,
            retry=retry,
            copy=self.chance(8),
            executor=None if is_async else self.options.executor,
            error_handler=handler,
        )

    def handler(
        self,
        label: str,
        place: Place,
        outputs: tuple[str, ...],
        *,
        delta: bool = False,
        whole: bool,
        empty: bool = True,
    ) -> ErrorHandler:
        """What to do after a failure.

        Args:
            label: whose failure it is.
            place: where that stands.
            outputs: the keys to give.
            delta: they have a reducer.
            whole: the fallback gives a mapping, also for one key, and may leave keys out.
            empty: None may be written to all keys.
        """
        kind = self.pick(["keep", "fallback"] + (["empty"] if empty and not delta else []))
        if kind == "keep":
            return Keep()
        if kind == "empty":
            return Empty(catch=self.pick([Exception, PlannedFailure]))
        given = outputs if whole or len(outputs) > 1 else None
        settings: dict[str, Any] = {"outputs": given, "delta": delta, "tells": not whole}
        if self.is_async():
            return Fallback(AsyncCaught(f"{label}_caught", self.log, delay=self.delay(True), **settings))
        kinds = [Caught, CaughtWithState] if place.opaque else [Caught]
        return Fallback(self.pick(kinds)(f"{label}_caught", self.log, **settings))

    def trouble(self, place: Place) -> tuple[float, Retry | None]:
        """How often the step fails, and how often it is tried again."""
        if self.flaky and self.chance(2):
            failures, self.flaky = self.flaky, 0
            self.breaking += 1
            return failures, None
        if self.options.failures and place.absorbed and self.chance(4):
            self.breaking += 1
            return FOREVER, self.retry(2)
        if self.dooms and place.doom and not place.absorbed and self.chance(4):
            self.dooms -= 1
            self.breaking += 1
            return FOREVER, self.retry(2)
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

    def writes(self, keys: Keys, place: Place) -> tuple[list[str], bool]:
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

    def reads(
        self, keys: Keys, place: Place, *, opaque: bool = True
    ) -> tuple[dict[str, Source] | None, inspect.Signature | None]:
        """What the step takes: by an input map, by parameter names, or everything."""
        if opaque and place.opaque and self.chance(10):
            return None, None
        sure = [key for key, presence in sorted(keys.known.items()) if presence == "always"]
        unsure = [key for key in sorted(keys.known) if key not in sure] if self.options.optional else []
        chosen, defaulted = self.some(sure, 3), self.some(unsure, 2)
        if self.chance(3):
            named = inspect.Parameter.KEYWORD_ONLY
            params = [inspect.Parameter(key, named, annotation=object) for key in chosen]
            params += [
                inspect.Parameter(key, named, default="absent", annotation=object) for key in defaulted
            ]
            return None, inspect.Signature(params)
        inputs: dict[str, Source] = {f"x{i}": key for i, key in enumerate(chosen)}
        inputs.update({f"y{i}": Optional(key, "absent") for i, key in enumerate(defaulted)})
        if chosen and self.chance(6):
            inputs["z"] = Optional(chosen[0], "absent")
        if self.chance(8):
            inputs["v"] = Val("constant")
        return inputs, None
