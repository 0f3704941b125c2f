"""Record 0003: Missing is a value of the plan, not a stale one."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

ROWS = table("0003-missing", "case", "pipeline", "run as", "result")


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_what_is_missing_is_never_the_old_value(row):
    bench = Bench()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")
