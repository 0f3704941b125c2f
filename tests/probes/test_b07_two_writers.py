"""B7 and K10: two writers of one key are refused, 500 of 500; 500 clean pipelines give no false alarm."""

from __future__ import annotations

import asyncio
import operator
import random
from typing import Annotated, TypedDict

import pytest

from plait import InvalidPipeline, Pipeline, dataflow, parallel, step, subgraph
from plait.testing.virtual import run_virtual

CASES = 500


def writes(key, name):
    return step(lambda text: text, ["text"], key, name=name)


def passes_on(key, name):
    """A step that hands a key through unchanged."""
    return step(lambda **given: given[key], [key], key, name=name)


def branch(draw, number, last):
    """A branch of a few steps with keys of its own, one of them perhaps deep inside; its last step is given."""
    steps = [writes(f"k{number}_{i}", f"s{number}_{i}") for i in range(draw.randint(0, 3))]
    steps.insert(draw.randint(0, len(steps)), last)
    way = draw.choice(["list", "parallel", "dataflow", "pipeline"])
    if way == "list":
        return steps
    if way == "parallel":
        return parallel(steps, name=f"p{number}")
    if way == "dataflow":
        return dataflow(steps, name=f"d{number}")
    return subgraph(Pipeline(steps), name=f"g{number}")


def conflict(seed):
    draw = random.Random(seed)
    many = draw.randint(2, 5)
    first, second = draw.sample(range(many), 2)
    branches = [
        branch(draw, n, writes("mood" if n in (first, second) else f"own{n}", f"w{n}")) for n in range(many)
    ]
    return Pipeline([writes("before", "before"), parallel(branches, name="block")])


def clean(seed):
    """As much the same as possible: one key handed through, rewritten after each other, written once per branch."""
    draw = random.Random(seed)
    many = draw.randint(2, 5)
    branches = [branch(draw, n, writes(f"own{n}", f"w{n}")) for n in range(many)]
    lucky = draw.randrange(many)
    branches[lucky] = [passes_on("mood", "handed"), branches[lucky], passes_on("mood", "handed_again")]
    after = [passes_on(f"own{(lucky + 1) % many}", "after"), writes("mood", "rewrites")]
    return Pipeline([writes("mood", "before"), parallel(branches, name="block"), *after])


def test_five_hundred_conflicts_are_refused_and_name_both_writers():
    for seed in range(CASES):
        with pytest.raises(InvalidPipeline) as caught:
            conflict(seed).run({"text": "x"})
        found = [d for d in caught.value.diagnostics if d.code == "E202"]
        assert [d.key for d in found] == ["mood"], f"seed {seed}"
        assert len(found[0].paths) == 2, f"seed {seed}"


def test_five_hundred_clean_pipelines_give_no_alarm_and_keep_what_is_handed_through():
    for seed in range(CASES):
        pipeline = clean(seed)
        assert not [d for d in pipeline.check() if d.code.startswith("E")], f"seed {seed}"
        if seed % 25 == 0:
            assert pipeline.run({"text": "x"}).state["mood"] == "x"


class State(TypedDict, total=False):
    text: str
    notes: Annotated[list[str], operator.add]


def notes(name):
    async def work():
        await asyncio.sleep(0)
        return [name]

    return step(work, [], "notes", name=name)


def test_with_a_merge_rule_the_result_is_the_same_for_every_order():
    pipeline = Pipeline(parallel([notes(f"n{i}") for i in range(4)]), state_type=State)
    expected = {"notes": ["n0", "n1", "n2", "n3"]}
    for seed in range(1000):
        assert run_virtual(pipeline.arun({}), seed=seed).state == expected, f"seed {seed}"
