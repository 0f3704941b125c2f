"""Record 0007: values go by reference, and who rewrites a key waits for its readers."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench, Boom, run_row
from tests.decisions.reading import names, table

from plait import step

ROWS = table("0007-values", "case", "pipeline", "run as", "order", "result")


class Growing(Bench):
    """A bench with steps that change their input in place."""

    def _grow(self, name, items, fails):
        self.notes.append(("start", name))
        self.calls[name] += 1
        items.append(1)
        if self.calls[name] <= fails:
            self.notes.append(("failed", name))
            raise Boom(name)
        self.notes.append(("end", name))
        return len(items)

    def grow(self, name, *, fails=0, **options):
        async def component(items):
            return self._grow(name, items, fails)

        return step(component, ["items"], name, name=name, **options)

    def grow_in_a_thread(self, name, *, fails=0, **options):
        def component(items):
            return self._grow(name, items, fails)

        return step(component, ["items"], name, name=name, executor="thread", **options)

    def words(self):
        return {**super().words(), "grow": self.grow, "grow_in_a_thread": self.grow_in_a_thread}


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_who_shares_a_value_and_who_waits_for_whom(row):
    bench = Growing()
    run_row(row, bench, bench.words(), given="{'k': 'k0', 'items': [0]}")
