"""How flows are drawn that decide something while they run: choices, loops, maps, handlers, ends and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from plait.core.branching import guard, if_else, switch, toggle
from plait.core.control import END
from plait.core.flow import Chain, Flow
from plait.core.handling import try_catch
from plait.core.inputs import Group, Optional, Val
from plait.core.kinds import no_op, terminate
from plait.core.looping import goto, map_reduce, while_do
from plait.core.step import Step, step
from plait.testing._cases import AsyncPart, Part, PlannedFailure
from plait.testing._deciders import (
    Asked,
    AsyncAsked,
    AsyncCount,
    AsyncGather,
    AsyncWhole,
    Count,
    Gather,
    Whole,
)
from plait.testing._drawing import Keys, Place, Steps
from plait.testing._reading import ends

ANYTHING = (Exception, PlannedFailure, (KeyError, PlannedFailure))
YES, NO = (True, "true", "True"), (False, "false", "FALSE")


class Deciding(Steps):
    """Draws flows that decide something."""

    # Conditions

    def condition(
        self,
        keys: Keys,
        place: Place,
        answers: Sequence[Any],
        *,
        counter: str | None = None,
        stop: Any = False,
    ) -> Step[..., Any]:
        """A step whose answer follows from what it reads; with a counter, one that stops after some turns."""
        label = self.label()
        is_async = self.is_async()
        settings: dict[str, Any] = {"answers": answers, "stop": stop, "delay": self.delay(is_async)}
        if counter is None:
            settings["failures"], retry = self.trouble(place)
        else:  # it must not fail for good
            settings["failures"], retry = self.trouble(replace(place, absorbed=False, doom=False))
            settings["turns"] = self.draw(st.integers(1, 3))
        executor = None if is_async else self.options.executor
        if counter is None and place.opaque and self.chance(6):
            whole = (AsyncWhole if is_async else Whole)(label, self.log, **settings)
            return step(whole, name=label, retry=retry, executor=executor)
        part = (AsyncAsked if is_async else Asked)(label, self.log, **settings)
        inputs, shape = self.reads(keys, place, opaque=False)
        if counter is not None:
            if inputs is None:
                inputs = {}
            inputs["n"] = counter
        elif shape is not None:
            part.__signature__ = shape
        return step(part, inputs, name=label, retry=retry, executor=executor)

    def answer_key(self, keys: Keys, place: Place, *, late: bool = False) -> str | None:
        """Perhaps a key for the answer, which is written before a branch runs; late, if the pipeline may end before."""
        if not self.chance(3):
            return None
        key = self.new_key(keys, place)
        keys.write(key, "always" if keys.sure(key) or not late else "maybe")
        return key

    def count(self, keys: Keys) -> tuple[Step[..., Any], str]:
        """A step that counts how often it was reached, and its key."""
        counter = next(keys.names)
        self.counters.add(counter)
        label = self.label()
        is_async = self.is_async()
        part = (AsyncCount if is_async else Count)(label, self.log, delay=self.delay(is_async))
        keys.write(counter, "always")
        executor = None if is_async else self.options.executor
        return step(part, {"n": Optional(counter, 0)}, counter, name=label, executor=executor), counter

    def settle(self, keys: Keys, ways: list[Keys]) -> None:
        """What is known after one of several ways was taken."""
        for key in {key: None for way in ways for key in way.written}:
            keys.write(key, "always" if all(way.sure(key) for way in ways) else "maybe")

    # Choices

    def choice(self, keys: Keys, place: Place) -> Flow:
        kind = self.pick(["if_else", "if_else", "switch", "toggle"])
        name = f"c{next(self._blocks)}"
        if kind == "toggle" and self.chance(2):
            key = self.pick(sorted(set(keys.known) - set(place.reducers)) or ["unknown"])
            output = self.answer_key(keys, place)
            branch = self.branches(keys, place, 1, total=False)
            return toggle(key, branch[0], output, name=name)
        wide = self.draw(st.integers(1, 3)) if kind == "switch" else 0
        cases = [f"case{i}" for i in range(wide)]
        fallback = kind == "switch" and self.chance(2)
        answers = [*cases, *(["other"] if fallback else [])] if wide else [self.pick(YES), self.pick(NO)]
        condition = self.condition(keys, place, answers)
        output = self.answer_key(keys, place)
        if kind == "switch":
            drawn = self.branches(keys, place, wide + fallback, total=True)
            default = drawn.pop() if fallback else None
            return switch(condition, dict(zip(cases, drawn, strict=True)), output, default, name=name)
        if kind == "toggle":
            return toggle(condition, self.branches(keys, place, 1, total=False)[0], output, name=name)
        both = self.chance(2)
        drawn = self.branches(keys, place, 1 + both, total=both)
        return if_else(condition, drawn[0], drawn[1] if both else None, output, name=name)

    def branches(self, keys: Keys, place: Place, count: int, *, total: bool) -> list[list[Flow]]:
        """Branches of which one runs, or none of them if they are not all there are."""
        ways: list[Keys] = []
        drawn: list[list[Flow]] = []
        for _ in range(count):
            ways.append(keys.fork())
            drawn.append(self.chain(ways[-1], place, 1, 3))
            if self.options.exits and self.chance(10):
                drawn[-1].append(terminate(f"t{next(self._blocks)}"))
        self.settle(keys, ways if total else [*ways, keys.fork()])
        return drawn

    def guard(self, keys: Keys, place: Place) -> Flow:
        """A guard that holds more often than not."""
        condition = self.condition(keys, place, [True, True, True, False])
        output = self.answer_key(keys, place)
        ways = [keys.fork(), keys.fork()]
        drawn = [self.chain(way, place, 1, 2) if self.chance(2) else None for way in ways]
        self.settle(keys, ways)
        return guard(condition, drawn[0], drawn[1], output, name=f"c{next(self._blocks)}")

    # Loops, maps

    def loop(self, keys: Keys, place: Place) -> Flow:
        """A body with a counter in it, so that it ends; a key may go from one turn to the next."""
        counting, counter = self.count(keys)
        if self.options.optional and self.chance(2):
            carried = next(keys.names)
            keys.known[carried] = "maybe"
            keys.own.add(carried)
        place = replace(place, need=False)  # each turn would be another choice of winners
        before = [key for key in keys.known if keys.sure(key)]
        body = [counting, *self.chain(keys, place, 1, 3)]
        assume(all(map(keys.sure, before)))  # what a turn may lose, the next one must not count on
        condition = self.condition(keys, place, [True, True, "false"], counter=counter)
        output = self.answer_key(keys, place, late=any(map(ends, body)))
        given = condition.component.given
        assert isinstance(given, Asked)
        return while_do(
            body,
            condition,
            output_state=output,
            name=f"l{next(self._blocks)}",
            max_turns=given.turns if self.chance(3) else None,
        )

    def map(self, keys: Keys, place: Place) -> Flow:
        label = self.label()
        columns: dict[str, Any] = {}
        lists = sorted(key for key in keys.known if key in self.lists and keys.sure(key))
        if lists and self.chance(2):
            columns["item"] = self.pick(lists)
        else:
            length = self.draw(st.integers(0, 3))
            for name in ("item", "other")[: self.draw(st.integers(1, 2))]:
                columns[name] = Val([f"{name}{i}" for i in range(length)])
        inputs, _ = self.reads(keys, place, opaque=False)
        sources: dict[str, Any] = {}
        for argument, source in (inputs or {}).items():
            key = source.key if isinstance(source, Optional) else source
            sources[argument] = Group(source) if key in self.lists else source
        sources.update(columns)
        kind = self.pick(["list", "reduced", "several"] + (["delta"] if place.reducers else []))
        outputs = [self.pick(place.reducers)] if kind == "delta" else [self.new_key(keys, place)]
        if kind == "several":
            outputs.append(self.new_key(keys, place, taken=outputs))
        before = self.breaking
        handled = self.options.tries and self.options.failures and kind != "delta" and self.chance(6)
        failures, retry = self.trouble(replace(place, absorbed=True) if handled else place)
        is_async = self.is_async()
        part = (AsyncPart if is_async else Part)(
            label, self.log, failures=failures, delay=self.delay(is_async)
        )
        reduce: Any = None
        if kind in ("reduced", "several"):
            is_later = self.is_async()
            reduce = (AsyncGather if is_later else Gather)(
                f"{label}_reduced",
                self.log,
                outputs=tuple(outputs) if kind == "several" else None,
                delay=self.delay(is_later),
            )
        else:
            self.lists.update(outputs)
        handler = None
        sure = dict.fromkeys(outputs, True)
        if handled:
            self.breaking = before
            handler = self.handler(label, place, tuple(outputs), whole=True)
            sure = {key: keys.sure(key) for key in outputs}
        for key in outputs:
            keys.write(key, "always" if sure[key] else "maybe")
        return map_reduce(
            outputs if kind == "several" else outputs[0],
            part,
            reduce,
            sources,
            name=label,
            retry=retry,
            max_concurrency=self.pick([None, 1, 2]),
            executor=None if is_async else self.options.executor,
            error_handler=handler,
        )

    # Handlers

    def tried(self, keys: Keys, place: Place) -> Flow:
        handles = self.options.failures and not self.chance(4)
        inner = replace(place, absorbed=True) if handles else place
        before = self.breaking
        body_keys = keys.fork()
        body = self.chain(body_keys, inner, 1, 4)
        catch = self.pick(ANYTHING)
        if not handles:  # nobody is there, or it is not for errors of this kind
            fallback: list[Flow] | None = None
            ways = [body_keys]
            if self.chance(2):
                ways.append(self.after_failure(keys, body_keys))
                fallback, catch = self.chain(ways[1], place, 1, 2), LookupError
            self.settle(keys, ways)
            return try_catch(body, fallback, catch, name=self.block_name())
        alone, self.breaking = self.breaking - before <= 1, before
        handler_keys = self.after_failure(keys, body_keys)
        told = None
        if alone and self.chance(2):  # of one error the text is the same in every order
            told = self.new_key(keys, place)
            handler_keys.write(told, "always")
        fallback = self.chain(handler_keys, place, 1, 2)
        self.settle(keys, [body_keys, handler_keys])
        return try_catch(body, fallback, catch, told, name=self.block_name())

    @staticmethod
    def after_failure(keys: Keys, body_keys: Keys) -> Keys:
        """What a handler knows: of what the body writes, nothing is sure."""
        handler_keys = keys.fork()
        for key in body_keys.written:
            if not keys.sure(key):
                handler_keys.known[key] = "maybe"
            handler_keys.own.add(key)
        return handler_keys

    # Jumps

    def jump(self, keys: Keys, place: Place) -> Flow:
        """A list with a jump in it: over some steps, or back to a step that counts."""
        name = f"g{next(self._blocks)}"
        if self.chance(2):
            counting, counter = self.count(keys)
            place = replace(place, need=False)
            before = [key for key in keys.known if keys.sure(key)]
            again = [counting, *self.chain(keys, place, 0, 2)]
            assume(all(map(keys.sure, before)))
            after = f"n{next(self._blocks)}"
            condition = self.condition(keys, place, [counting.label], counter=counter, stop=after)
            output = self.answer_key(keys, place, late=any(map(ends, again)))
            back = goto(name, condition, output_state=output, allow_end=False)
            return Chain((*again, back, no_op(after)))
        names = [END] if self.options.exits and self.chance(4) else []
        fixed = self.chance(4)
        asked = None if fixed else self.condition(keys, place, names)
        output = self.answer_key(keys, place)
        skipped_keys = keys.fork()
        first = self.step(skipped_keys, place)
        self.settle(keys, [skipped_keys, keys.fork()])
        ways = [keys.fork(), keys.fork()]
        last = self.step(ways[0], place)
        self.settle(keys, ways)  # that a jump always arrives somewhere is more than a plan need know
        if asked is None:
            over = goto(name, Val(last.label), output_state=output, allow_end=False)
        else:
            given = asked.component.given
            assert isinstance(given, Asked)
            given.answers += [first.label, last.label, last.label]
            over = goto(name, asked, output_state=output, allow_end=END in names)
        return Chain((over, first, last))  # a second step between would not know whether the first was done
