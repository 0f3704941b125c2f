"""Record 0003: Missing is a value of the plan, not a stale one."""

from __future__ import annotations

import pytest
from tests.decisions.defects import marked
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import table

ROWS = table("0003-missing", "case", "pipeline", "run as", "result")
DEFECTS: dict[str, str] = {}


@pytest.mark.parametrize("row", marked(ROWS, DEFECTS))
def test_what_is_missing_is_never_the_old_value(row):
    bench = Bench()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")
