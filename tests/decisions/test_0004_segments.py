"""Record 0004: the unit of scheduling is a segment, a chain fused at plan time."""

from __future__ import annotations

import pytest
from tests.decisions.lab import Bench
from tests.decisions.reading import names, table

from plait import Pipeline, step
from plait.core.plan.bind import bind
from plait.core.plan.lower import lower
from plait.core.plan.model import SEGMENT
from plait.testing.reference import run_reference
from plait.testing.virtual import VirtualLoop, run_virtual

ROWS = table("0004-segments", "case", "pipeline", "order", "segments")


def block(name, **options):
    """A blocking step."""

    def component():
        return name

    return step(component, {}, name, name=name, **options)


def made(row):
    bench = Bench()
    flows = eval(row["pipeline"], {**bench.words(), "block": block})
    return bench, Pipeline(flows, order=row["order"])


def segments(plan):
    """The segments of a plan, in listed order, with those inside of regions."""
    found = []
    for unit in plan.units:
        if unit.kind == SEGMENT:
            found.append(" ".join(each.path.rpartition("/")[2] for each in unit.steps))
        elif unit.region is not None:
            found += segments(unit.region.plan)
    return found


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_chain_with_nothing_to_decide_is_one_segment(row):
    _, pipeline = made(row)
    assert ", ".join(segments(pipeline.plan())) == row["segments"]


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_without_fusing_every_step_is_a_segment(row):
    _, pipeline = made(row)
    plan = lower(bind(pipeline.__plait_definition__), fuse=False)
    assert segments(plan) == row["segments"].replace(",", "").split()


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_fusing_changes_no_result_and_hides_no_step(row):
    bench, pipeline = made(row)
    expected = run_reference(pipeline, {}, loop_factory=VirtualLoop)
    assert expected.error is None
    for way in ("fused", "fused, seed 1", "serial"):
        bench.reset()
        if way == "serial":
            result = pipeline.run({}, mode="serial")
        else:
            result = run_virtual(pipeline.arun({}), seed=1 if "seed" in way else None)
        assert result.state == expected.state, way
        rows = {each.path.rpartition("/")[2]: each for each in result.report.steps}
        assert set(rows) == set(expected.state), way
        assert all(each.outcome == "succeeded" and each.start <= each.end for each in rows.values()), way


def test_a_retry_inside_a_segment_goes_on_at_the_step_that_failed():
    bench = Bench()
    flows = eval(
        '[pure("a"), pure("b", "a", fails=2, retry=Retry(3, backoff=4, jitter=0, factor=1)), pure("c", "b")]',
        bench.words(),
    )
    pipeline = Pipeline(flows)
    assert segments(pipeline.plan()) == ["a b c"]
    result = run_virtual(pipeline.arun({}))
    assert dict(bench.calls) == {"a": 1, "b": 3, "c": 1}
    assert [each.attempts for each in result.report.steps] == [1, 3, 1]
