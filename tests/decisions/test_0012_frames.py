"""Record 0012: each instance of a body has a frame of its own, and frees what nobody reads any more."""

from __future__ import annotations

import asyncio
import weakref

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

from plait import Optional, Pipeline, Retry, dataflow, parallel, step
from plait.testing.virtual import run_virtual

ROWS = table(
    "0012-frames-of-loops-and-maps", "case", "pipeline", "run as", "starts", "paths", "order", "result"
)


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_turn_an_item_and_a_jump_mean_what_the_record_says(row):
    bench = Bench()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")


class Large:
    """Stands for a value worth freeing."""

    def __init__(self, born):
        born.append(weakref.ref(self))


def alive(born):
    # No gc.collect() here: counting references has to be enough, and collecting would block the loop.
    return [i for i, value in enumerate(born) if value() is not None]


def chain_over(born, seen, steps, **options):
    """Steps that each read and rewrite one large key, and note which versions were alive when they began."""

    def rewriting(i):
        async def component(doc):
            del doc
            seen.append(alive(born))
            return Large(born)

        return step(component, ["doc"], "doc", name=f"s{i}", **options)

    return [rewriting(i) for i in range(steps)]


@pytest.mark.parametrize("fused", [True, False])
def test_a_chain_over_one_large_key_holds_two_versions_not_all(fused):
    born, seen = [], []
    options = {} if fused else {"resources": {"cpu": 1}}  # what needs admission stays a segment of its own
    pipeline = Pipeline(chain_over(born, seen, 6, **options))
    result = run_virtual(pipeline.arun({"doc": "given"}))
    assert [len(found) for found in seen] == [0, 1, 1, 1, 1, 1]
    assert alive(born) == [5]
    assert result.state["doc"] is born[5]()


def test_a_version_is_kept_until_its_last_reader_has_run():
    born, seen = [], []

    async def make():
        return Large(born)

    async def quick(doc):
        return 1

    async def slow(doc, b):
        await asyncio.sleep(5)
        seen.append(alive(born))
        return isinstance(doc, Large)

    async def rewrite():
        return "small"

    async def late(c):
        seen.append(alive(born))

    flows = [
        step(make, {}, "doc"),
        step(quick, ["doc"], "b"),
        step(slow, ["doc", "b"], "c"),
        step(rewrite, {}, "doc"),
        step(late, ["c"]),
    ]
    for order in ("listed", "dataflow"):
        born.clear()
        seen.clear()
        result = run_virtual(Pipeline(flows, order=order).arun({}))
        assert seen == [[0], []], order
        assert result.state == {"doc": "small", "b": 1, "c": True}


def test_runs_of_one_pipeline_at_the_same_time_share_nothing():
    async def first(n):
        await asyncio.sleep(10 - n)
        return [n]

    async def second(items, n):
        await asyncio.sleep(n)
        return [*items, n]

    pipeline = Pipeline([step(first, ["n"], "items"), step(second, ["items", "n"], "items")])

    async def main():
        return await asyncio.gather(*(pipeline.arun({"n": n}) for n in range(8)))

    assert [result.state["items"] for result in run_virtual(main())] == [[n, n] for n in range(8)]


def test_attempts_of_a_region_share_nothing_also_when_one_was_cut_off():
    seen = []

    async def extend(items):
        seen.append(list(items))
        return [*items, len(seen)]

    async def fail_once(items):
        if len(seen) == 1:
            raise ConnectionError
        return "done"

    async def never(items):
        await asyncio.sleep(1000 if len(seen) == 1 else 1)
        return "late"

    block = dataflow(
        [
            step(extend, ["items"], "items"),
            parallel([step(fail_once, ["items"], "a"), step(never, ["items"], "b")]),
        ],
        retry=Retry(2, backoff=0),
    )
    pipeline = Pipeline([block, step(lambda a=None: a, {"a": Optional("a")}, "c", name="after")])
    state = run_virtual(pipeline.arun({"items": [0]})).state
    assert seen == [[0], [0]]
    assert state == {"items": [0, 2], "a": "done", "b": "late", "c": "done"}
