"""Where a limit binds, a run is exactly as long as "longest remaining way first" without any overhead.

The graphs are those of the workload M5; the clock is virtual, so what is compared is decisions and nothing else.
"""

from __future__ import annotations

import pytest
from benchmarks import work
from benchmarks.shapes import START, irregular_graph

from plait import Limits, Pipeline, step
from plait.testing.virtual import run_virtual

SLOTS = 8


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("by", ["limits", "max_concurrency"])
def test_a_place_goes_to_the_longest_remaining_way(seed, by):
    graph = irregular_graph(seed, size=120, seconds=1.0, slots=SLOTS)
    more = {"resources": {"slot": 1}} if by == "limits" else {}
    pipeline = Pipeline(
        [
            step(
                work.graph_step(node.seconds, len(node.inputs)),
                dict(zip(work.ARGUMENTS, node.inputs, strict=False)),
                node.name,
                name=node.name,
                **more,
            )
            for node in graph.nodes
        ],
        order="dataflow",
        limits=Limits({"slot": SLOTS}) if by == "limits" else None,
        max_concurrency=SLOTS if by == "max_concurrency" else None,
    ).with_durations({node.name: node.seconds for node in graph.nodes})
    report = run_virtual(pipeline.arun({START: 1})).report
    assert report.wall == pytest.approx(graph.list_schedule(SLOTS))
