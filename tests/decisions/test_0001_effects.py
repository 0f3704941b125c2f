"""Record 0001: an effect starts only when every step listed before it has succeeded."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

ROWS = table("0001-effects", "case", "pipeline", "run as", "effects", "order", "result")


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_an_effect_waits_for_what_is_listed_before_it(row):
    bench = Bench()
    run_row(row, bench, bench.words())
