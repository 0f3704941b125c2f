"""Effects in runs that fail, at random: none starts that listed order would not have started."""

from __future__ import annotations

import random

import pytest
from tests.run.bench import Bench, run

from plait import step


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("order", ["listed", "dataflow"])
def test_no_effect_starts_behind_a_failure(seed, order):
    bench = Bench()
    random_ = random.Random(seed)
    kinds = [random_.choice(["ok", "ok", "effect"]) for _ in range(8)]
    broken = random_.randrange(8)
    kinds[broken] = "bad"

    def effect(name):
        async def act():
            bench.note(name, "acted")

        return step(act, name=name)

    steps = []
    for n, kind in enumerate(kinds):
        takes = random_.choice([0, 1, 2, 5])
        make = {"ok": bench.ok, "bad": bench.bad}.get(kind)
        steps.append(effect(f"s{n}") if make is None else make(f"s{n}", takes))
    got = run(steps, order=order, seed=seed)
    assert got.paths == [f"s{broken}"]
    acted = {note.name for note in bench.notes if note.what == "acted"}
    before = {f"s{n}" for n in range(broken) if kinds[n] == "effect"}
    assert acted <= before
    if order == "listed":
        assert acted == before
