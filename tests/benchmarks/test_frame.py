"""The frame of the benchmarks: shapes, targets, and what a table says about a contender that is not there."""

from __future__ import annotations

import asyncio
import json

import pytest
from benchmarks import results
from benchmarks.measure import QUICK, Outcome, build, interleave, outcome, outcomes
from benchmarks.peers import NAMES, Peer, load
from benchmarks.peers.base import NotOffered
from benchmarks.shapes import Delays, Graph, GraphNode, irregular_graph
from benchmarks.table import Case, Target, as_markdown, as_text, summary
from benchmarks.work import combine, expected_report
from benchmarks.workers import every


def test_a_graph_is_the_same_for_the_same_seed_and_scaled_to_its_bound():
    one, two = irregular_graph(3, slots=8), irregular_graph(3, slots=8)
    assert one == two
    assert one.lower_bound(8) == pytest.approx(1.0)
    assert irregular_graph(3, seconds=0.5).critical_path == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(20))
def test_no_schedule_beats_the_bound_and_more_slots_never_need_more_than_the_sum(seed):
    graph = irregular_graph(seed, size=60)
    assert graph.list_schedule(1) == pytest.approx(graph.total)
    assert graph.list_schedule(len(graph.nodes)) == pytest.approx(graph.critical_path)
    for slots in (2, 4, 8):
        assert graph.lower_bound(slots) <= graph.list_schedule(slots) + 1e-9 <= graph.total + 1e-9


def test_levels_put_every_node_after_all_it_reads():
    graph = irregular_graph(5)
    level = {node.name: i for i, nodes in enumerate(graph.levels) for node in nodes}
    assert len(level) == len(graph.nodes)
    assert all(level[name] < level[node.name] for node in graph.nodes for name in node.after)


def test_the_answer_of_a_graph_notices_swapped_inputs():
    a, b = GraphNode("a", ("start",), 0.0), GraphNode("b", ("a",), 0.0)
    right = Graph((a, b, GraphNode("c", ("a", "b"), 0.0)))
    swapped = Graph((a, b, GraphNode("c", ("b", "a"), 0.0)))
    assert right.answer == {"c": combine(combine(1), combine(combine(1)))}
    assert right.answer != swapped.answer


def test_by_hand_returns_what_everyone_must_return():
    hand = load("hand")
    graph = irregular_graph(1, size=40, seconds=0.01)
    assert asyncio.run(hand.chain(5, suspends=True)()) == 5
    assert asyncio.run(hand.fan_out(3, suspends=False)()) == [1, 1, 1]
    assert asyncio.run(hand.graph(graph, slots=4)()) == graph.answer
    run = every(hand.tutorial(Delays()), ["a", "b", "c"], at_once=2)
    assert asyncio.run(run()) == [expected_report("a"), expected_report("b"), expected_report("c")]


def test_a_target_says_holds_at_its_limit_and_short_beyond():
    assert Target(8.0).verdict(8.0) == "holds"
    assert Target(8.0).verdict(8.01) == "short"
    assert Target(0.97, "at least").verdict(0.97) == "holds"
    assert Target(0.97, "at least").verdict(0.9) == "short"
    assert Target(8.0).verdict(None) == "not measured"


def test_ratios_are_taken_round_by_round():
    found = outcome([2.0, 40.0, 6.0], [1.0, 20.0, 3.0])
    assert (found.value, found.ratio) == (6.0, 2.0)


class Absent(Peer):
    name = "absent"

    def version(self):
        return None


class Wrong(Peer):
    name = "wrong"

    def version(self):
        return "1"

    def chain(self, length, *, suspends):
        async def run():
            return length - 1

        return run


class Raising(Wrong):
    name = "raising"

    def chain(self, length, *, suspends):
        raise ValueError("a broken peer")


class Refusing(Wrong):
    name = "refusing"

    def chain(self, length, *, suspends):
        raise NotOffered("no chains here")


def test_every_contender_has_a_row_with_a_reason_when_it_has_no_figure():
    contenders = build(
        [load("hand"), Absent(), Wrong(), Raising(), Refusing()],
        lambda peer, units: peer.chain(units, suspends=False),
        lambda _peer: 10,
    )
    effort = QUICK.fewer(2)
    interleave(contenders, effort, check=lambda result, units: result == units)
    cells = outcomes(contenders, lambda _, sample: sample.seconds("wall"))
    assert cells["hand"].ratio == 1.0
    assert cells["hand"].rounds == 2
    assert cells["absent"].trouble == "not installed"
    assert cells["wrong"].trouble == "failed: AssertionError: wrong result 9"
    assert cells["raising"].trouble == "failed: ValueError: a broken peer"
    assert cells["refusing"].trouble == "not offered: no chains here"


def a_case(**cells):
    return Case(
        "M1", "a chain", "µs", "a bare await", {"hand": Outcome(1.0, 1.0), **cells}, Target(8.0), ["A note."]
    )


def test_text_shows_ratio_target_and_verdict():
    text = as_text(a_case(plait=Outcome(9.0, 9.0), gllm=Outcome(trouble="not installed")))
    assert "target ≤ 8: short" in text
    assert "gllm            not installed" in text
    assert "A note." in text


def test_a_target_without_plait_is_not_measured():
    assert a_case().verdict == "not measured"
    assert summary([a_case()]).endswith("not measured")


def test_results_survive_json_and_make_a_page_with_every_contender():
    case = a_case(plait=Outcome(7.0, 7.0), gllm=Outcome(trouble="not installed"))
    machine = {"date": "2026-01-01", "python": "CPython", "system": "Linux", "processor": "x", "cores": "2"}
    run = results.Results({**machine, "memory": "1 GiB"}, {"hand": "-"}, ["python"], [case])
    again = results.Results.from_json(json.loads(json.dumps(run.to_json())))
    assert again == run
    page = results.page([again])
    assert as_markdown([case]) in page
    assert "| hand | plait | gllm | |" in page
    assert "not installed" in page


def test_the_contenders_are_known_by_their_names():
    assert [load(name).name for name in NAMES] == list(NAMES)
