"""Under a binding limit the longest remaining path goes first: the makespan is that of a perfect list schedule.

On a virtual clock nothing costs time, so the figure is exact and no load can disturb it (M5 of the benchmarks).
"""

from __future__ import annotations

import asyncio

import pytest
from benchmarks.peers.plait import Plait
from benchmarks.shapes import irregular_graph

from plait.testing.virtual import VirtualLoop

SLOTS = 8


def makespan(graph) -> float:
    call = Plait().graph(graph, slots=SLOTS)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await call() == graph.answer
        return loop.time() - began

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(None)) as runner:
        return runner.run(main())


@pytest.mark.parametrize("seed", range(40))
def test_a_binding_limit_costs_no_more_than_the_best_list_schedule(seed: int) -> None:
    graph = irregular_graph(seed, size=200, seconds=1.0, slots=SLOTS)
    assert makespan(graph) == pytest.approx(graph.list_schedule(SLOTS), rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 9])
def test_that_is_within_one_percent_of_what_no_schedule_can_beat(seed: int) -> None:
    graph = irregular_graph(seed, size=200, seconds=1.0, slots=SLOTS)
    assert makespan(graph) <= 1.01 * graph.lower_bound(SLOTS)
