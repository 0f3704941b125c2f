"""Record 0009: who may read everything waits for everything."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench, orders_of, run_row
from tests.decisions.reading import names, table

from plait import Pipeline, step

ROWS = table("0009-opaque-readers-and-writers", "case", "pipeline", "run as", "order", "hints", "result")


class Opaque(Bench):
    """A bench with a step that takes the whole state."""

    def whole(self, name, *reads, show="", **options):
        seen = self.pure(name, to=name, **options).component.entry

        async def component(**state):
            await seen()
            return f"{show}={state[show]}" if show else " ".join(sorted(state))

        return step(component, list(reads) or None, name, name=name)

    def words(self):
        return {**super().words(), "whole": self.whole}


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_an_opaque_reader_waits_for_every_earlier_writer(row):
    bench = Opaque()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")


@pytest.mark.parametrize("row", ROWS, ids=[row["case"] for row in ROWS])
def test_the_hint_is_given_in_dataflow_only(row):
    if row["result"].startswith("refused"):
        return
    bench = Opaque()
    for order in orders_of(row["run as"]):
        flows = eval(row["pipeline"], bench.words())
        found = [d.code for d in Pipeline(flows, order=order).check() if d.code == "W208"]
        by_data = order == "dataflow" or "dataflow(" in row["pipeline"]
        assert found == ([] if row["hints"] == "-" or not by_data else [row["hints"]])
