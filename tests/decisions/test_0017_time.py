"""Record 0017: what timeouts and deadlines count."""

from __future__ import annotations

import pytest
from tests.decisions.reading import names, table
from tests.decisions.stopping import outcome, seconds, steps_of_cell
from tests.run.bench import Bench, run

ROWS = table("0017-time", "case", "pipeline", "deadline", "a begins", "after", "ends as")


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_time_is_counted_as_the_row_says(row, seed):
    bench = Bench()
    got = run(steps_of_cell(bench, row["pipeline"]), seed=seed, deadline=seconds(row["deadline"]))
    assert bench.when("a", "began") == [float(word) for word in row["a begins"].split()]
    assert got.took == seconds(row["after"])
    assert outcome(got) == row["ends as"]
