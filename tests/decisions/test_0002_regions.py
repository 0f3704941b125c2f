"""Record 0002: a region with a policy of its own is atomic."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

ROWS = table("0002-regions-with-a-policy", "case", "pipeline", "run as", "starts", "order", "result")


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_region_gives_its_values_once_at_its_end(row):
    bench = Bench()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")
