"""M5: an irregular graph of 200 steps with heavy-tailed durations, as data flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import outcomes
from benchmarks.shapes import irregular_graph
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M5"
TITLE = "Irregular graph as data flow"
SIZE = 200
SLOTS = 8
FREE = Target(1.005)
LIMITED = Target(1.01)
SEEDS = (0, 1, 9)
"""Seeds whose work per slot exceeds their critical path, so that the limit binds."""


def cases(session: Session) -> Iterator[Case]:
    """Without a limit against data flow written by hand; with one against what no schedule can beat."""
    seconds = 0.5 if session.quick else 1.0
    rounds = 3 if session.quick else 7
    graph = irregular_graph(1, size=SIZE, seconds=seconds)
    contenders = session.measured(
        lambda peer, _units: peer.graph(graph),
        lambda _peer: SIZE,
        check=lambda result, _units: result == graph.answer,
        rounds=rounds,
        sleeps=True,
        precise=True,
    )
    title = f"{SIZE} steps, {len(graph.levels)} levels, critical path {seconds:g} s"
    yield Case(
        KEY, title, "s wall", "data flow by hand", outcomes(contenders, lambda _, sample: sample.wall), FREE
    )
    yield Case(
        KEY,
        title,
        "s wall",
        "the critical path",
        outcomes(contenders, lambda _, sample: sample.wall, baseline=seconds),
    )

    for seed in SEEDS[:1] if session.quick else SEEDS:
        limited = irregular_graph(seed, size=SIZE, seconds=seconds, slots=SLOTS)
        contenders = session.measured(
            lambda peer, _units, graph=limited: peer.graph(graph, slots=SLOTS),  # type: ignore[misc]
            lambda _peer: SIZE,
            check=lambda result, _units, graph=limited: result == graph.answer,  # type: ignore[misc]
            rounds=5,
            sleeps=True,
            precise=True,
        )
        bound = limited.lower_bound(SLOTS)
        note = (
            f"Seed {seed}: bound {bound:.3f} s, critical path {limited.critical_path:.3f} s, work per slot "
            f"{limited.total / SLOTS:.3f} s; longest-way-first without any overhead reaches "
            f"{limited.list_schedule(SLOTS) / bound:.4f}. By hand is a semaphore: first come, first served."
        )
        yield Case(
            KEY,
            f"{SIZE} steps in {SLOTS} slots, seed {seed}, durations known",
            "s wall",
            "the lower bound",
            outcomes(contenders, lambda _, sample: sample.wall, baseline=bound),
            LIMITED,
            [note],
        )
