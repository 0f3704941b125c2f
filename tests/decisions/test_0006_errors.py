"""Record 0006: what a failing run raises."""

from __future__ import annotations

import re

import pytest
from tests.decisions.reading import names, table
from tests.decisions.stopping import steps_of_cell
from tests.run.bench import Bench, ended

from plait import Pipeline, PipelineErrors, failures
from plait.testing.virtual import run_virtual

ROWS = table("0006-errors", "case", "pipeline", "raised", "failures", "noted")


class Watched(Bench):
    """Remembers the very objects that its components raise."""

    def __init__(self):
        super().__init__()
        self.raised = []

    def bad(self, name, after=1.0, error=None, **options):
        error = ValueError(name) if error is None else error
        self.raised.append(error)
        return super().bad(name, after, error, **options)


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_failing_run_raises_what_the_row_says(row, seed):
    bench = Watched()
    pipeline = Pipeline(steps_of_cell(bench, row["pipeline"]), name="p")

    async def main():  # looked at inside: a Task that raises an interrupt would stop the loop
        return await ended(pipeline)

    got = run_virtual(main(), seed=seed)
    assert " ".join(got.paths) == row["failures"]
    if row["raised"] == "-":
        assert got.error is None
        return

    group = re.fullmatch(r"PipelineErrors\((.*)\)", row["raised"])
    if group:
        assert type(got.error) is PipelineErrors
        assert got.error.report is failures(got.error).report
    leaves = got.error.exceptions if group else [got.error]
    for leaf, wanted in zip(leaves, (group[1] if group else row["raised"]).split(), strict=True):
        assert type(leaf).__name__ == wanted.removesuffix("!")
        assert any(leaf is error for error in bench.raised) is wanted.endswith("!")
    if row["noted"] != "-":
        assert row["noted"] in got.notes
    assert failures(got.error).report.outcome == "failed"
