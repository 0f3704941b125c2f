"""Values: by reference unless ``copy=`` says otherwise; parts, merges, and what a run frees."""

from __future__ import annotations

import asyncio
import gc
import operator
import weakref
from typing import Annotated, TypedDict

import pytest

from plait import Pipeline, Retry, Val, dataflow, parallel, step


class Thing:
    """Something that can be weakly referenced."""

    def __init__(self):
        self.items = []


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("as_async", [False, True])
def test_values_go_by_reference_and_copy_isolates(mode, as_async):
    def change(thing):
        thing.items.append("changed")
        return thing

    async def change_later(thing):
        return change(thing)

    work = change_later if as_async else change
    thing = Thing()
    state = (
        Pipeline([step(work, {"thing": "given"}, "made", copy=True)]).run({"given": thing}, mode=mode).state
    )
    assert thing.items == []
    assert state["given"] is thing
    assert state["made"] is not thing
    assert state["made"].items == ["changed"]
    state = Pipeline([step(work, {"thing": "given"}, "made")]).run({"given": thing}, mode=mode).state
    assert state["made"] is thing
    assert thing.items == ["changed"]


def test_copy_keeps_what_is_one_object_one_object_and_copies_constants_too():
    constant = []

    def change(a, b, c):
        c.append(1)
        return a is b

    pipeline = Pipeline([step(change, {"a": "x", "b": "x", "c": Val(constant)}, "same", copy=True)])
    for _ in range(2):
        assert pipeline.run({"x": []}).state["same"] is True
    assert constant == []


def test_a_retry_gets_the_same_references_or_fresh_copies():
    def spoils(items):
        items.append("spoiled")
        if len(seen.append(list(items)) or seen) == 1:
            raise OSError("once")

    for copy, expected in ((False, ["spoiled", "spoiled"]), (True, ["spoiled"])):
        seen = []
        retry = Retry(attempts=2, backoff=0.001)
        Pipeline([step(spoils, ["items"], copy=copy, retry=retry)]).run({"items": []})
        assert seen[1] == expected


def test_what_nobody_reads_any_more_is_freed_while_the_run_goes_on():
    alive = []

    async def make():
        thing = Thing()
        alive.append(weakref.ref(thing))
        return thing

    async def uses(thing):
        return len(thing.items)

    async def looks(n):
        gc.collect()
        return alive[0]() is None

    class State(TypedDict, total=False):
        n: int
        freed: bool
        thing: object

    steps = [
        step(make, [], "thing"),
        step(uses, output_state="n"),
        step(make, [], "thing", name="again"),
        step(looks, output_state="freed"),
    ]
    assert Pipeline(steps).run({}).state["freed"] is True


def test_a_result_does_not_keep_the_values_of_steps_in_between():
    alive = []

    def make():
        thing = Thing()
        alive.append(weakref.ref(thing))
        return thing

    pipeline = Pipeline(
        [step(make, [], "x"), step(lambda x: 1, output_state="y"), step(lambda y: 2, output_state="x")]
    )
    result = pipeline.run({})
    gc.collect()
    assert result.state == {"x": 2, "y": 1}
    assert alive[0]() is None


class Notes(TypedDict, total=False):
    notes: Annotated[list[str], operator.add]
    seen: list[str]


def wrote(name, seconds=0.0):
    async def work():
        await asyncio.sleep(seconds)
        return [name]

    return step(work, [], "notes", name=name)


@pytest.mark.parametrize("given", [{}, {"notes": ["0"]}])
def test_deltas_are_merged_in_listed_order_whoever_ends_first(given):
    block = parallel([wrote("slow", 0.02), wrote("fast"), [wrote("one"), wrote("two")]])
    state = Pipeline([block, wrote("after")], state_type=Notes).run(given).state
    assert state["notes"] == [*given.get("notes", []), "slow", "fast", "one", "two", "after"]


def test_a_branch_sees_the_base_and_its_own_only():
    look = step(list, {"iterable": "notes"}, "seen", name="look")
    steps = [wrote("base"), parallel([[wrote("a"), look], wrote("b")])]
    state = Pipeline(steps, state_type=Notes).run({}).state
    assert state == {"notes": ["base", "a", "b"], "seen": ["base", "a"]}


def test_in_dataflow_a_reader_between_two_writers_sees_the_first_only():
    look = step(list, {"iterable": "notes"}, "seen", name="look")
    state = Pipeline([dataflow([wrote("a", 0.01), look, wrote("b")])], state_type=Notes).run({}).state
    assert state == {"notes": ["a", "b"], "seen": ["a"]}


def test_a_reducer_does_not_change_what_the_caller_gave():
    mine = ["0"]
    Pipeline([wrote("a")], state_type=Notes).run({"notes": mine})
    assert mine == ["0"]


def test_a_run_that_is_over_keeps_no_value_until_the_collector_comes():
    seen = []

    async def make():
        thing = Thing()
        seen.append(weakref.ref(thing))
        return thing

    async def use(thing):
        await asyncio.sleep(0)
        return len(thing.items)

    pipeline = Pipeline([step(make, output_state="thing"), step(use, output_state="count")])

    async def main():
        assert (await pipeline.invoke({}))["count"] == 0
        return seen[-1]() is None

    asyncio.run(main())  # imports and learns what it needs
    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(main()), "the run refers to itself"
    finally:
        gc.enable()
