"""Record 0005: how a step is stopped, and what wins."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.decisions.reading import names, table
from tests.decisions.stopping import outcome, seconds, steps_of_cell
from tests.run.bench import Bench, Ended, ended

from plait import Pipeline, StepWouldNotStop
from plait.testing.virtual import run_virtual

ROWS = table(
    "0005-tasks-and-stopping", "case", "pipeline", "grace", "from outside", "a does", "after", "ends as"
)


async def run_row(bench, pipeline, outside):
    loop = asyncio.get_running_loop()
    began = loop.time()
    if outside == "-":
        return await ended(pipeline)
    try:
        if outside == "timeout":
            async with asyncio.timeout(1):
                await pipeline.arun({})
        else:
            assert outside == "cancel"
            task = asyncio.create_task(pipeline.arun({}))
            loop.call_later(1, task.cancel)
            await task
    except BaseException as error:
        assert asyncio.current_task().cancelling() == 0
        return Ended(round(loop.time() - began, 6), None, error, ())
    raise AssertionError("it ended without an error")


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_step_is_stopped_as_the_row_says(row, seed):
    bench = Bench()
    pipeline = Pipeline(steps_of_cell(bench, row["pipeline"]), grace=float(row["grace"]))
    got = run_virtual(run_row(bench, pipeline, row["from outside"]), seed=seed)

    wanted = re.sub(r"(\w+)×(\d+)", lambda m: " ".join([m[1]] * int(m[2])), row["a does"])
    assert bench.did("a") == wanted.split()
    assert bench.did("a2") == []
    assert got.took == seconds(row["after"])

    said, noted, what = row["ends as"].partition(", ")[0], *row["ends as"].partition(", ")[1:]
    assert outcome(got) == said
    if what.startswith("listed"):
        assert [type(f.error) for f in got.failures] == [StepWouldNotStop]
    elif noted:
        sign = {"StepWouldNotStop": "ignored cancellation", "OSError": "OSError: dirty"}[
            what.removeprefix("noted ")
        ]
        assert any(sign in note for note in got.notes)
    elif got.error is not None:
        assert not any("cancel" in note for note in got.notes)
