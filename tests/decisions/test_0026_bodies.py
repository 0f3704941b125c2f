"""Record 0026: whatever decides while it runs is a region with bodies."""

from __future__ import annotations

import ast
import typing
from pathlib import Path

import pytest
from tests.decisions.lab import Bench
from tests.decisions.reading import names, table

from plait import Pipeline
from plait.core import schedule
from plait.core.plan.bound import RegionKind
from plait.core.report.replay import Replay
from plait.core.schedule.events import Expanded
from plait.testing.virtual import run_virtual

ROWS = table("0026-bodies", "case", "pipeline", "regions", "answers")


def run_of(pipeline, given):
    """The run behind a result or an error."""
    made = []
    new = pipeline._new_run

    def kept(*options):
        made.append(new(*options))
        return made[-1]

    pipeline._new_run = kept
    pipeline.run(given, mode="serial")
    return made[0]


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_a_kind_is_lowered_to_these_regions_and_opens_these_bodies(row):
    bench = Bench()
    pipeline = Pipeline(eval(row["pipeline"], bench.words()))
    run = run_of(pipeline, {"k": "k0"})

    regions = [unit.region for unit in run.plan.units if unit.region is not None]
    shown = ", ".join(f"{region.kind} {len(region.bodies)}" for region in regions)
    assert (shown or "-") == row["regions"]

    answers = [
        str(fact.body) if fact.copies == 1 else f"{fact.body}×{fact.copies}"
        for fact in run.log
        if isinstance(fact, Expanded)
    ]
    assert (" ".join(answers) or "-") == row["answers"]

    replay = Replay(run.plan)  # which has no values and calls no condition
    for _ in replay.feed(run.log):
        pass
    assert replay.scheduler.state == run.scheduler.state
    assert replay.scheduler.outcome == "succeeded"


def test_the_scheduler_knows_no_kinds():
    kinds = set(typing.get_args(RegionKind))
    assert len(kinds) > 5
    folder = Path(schedule.__file__).parent
    found = []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in kinds:
                found.append(f"{path.name}:{node.lineno} {node.value!r}")
            if isinstance(node, ast.Attribute) and node.attr == "kind":
                owner = ast.unparse(node.value)
                if not owner.endswith("units[node]"):  # a unit: a segment, a join or a region
                    found.append(f"{path.name}:{node.lineno} {owner}.kind")
    assert found == []


def test_a_handler_sees_what_its_own_list_wrote_however_far_siblings_had_come():
    bench = Bench()
    words = bench.words()
    flows = """[pure("p", to="k"), try_catch([pure("v"), parallel([pure("x", "k", to="k", takes={}), bad("y", takes=2)])], pure("h", "k"))]"""
    seen = set()
    for takes in (1, 3):
        result = run_virtual(Pipeline(eval(flows.replace("{}", str(takes)), words)).arun({}))
        seen.add((result.state["h"], result.state["k"], *[failure.path for failure in result.failures]))
        assert ("end", "x") in bench.notes or takes == 3
    assert seen == {("h(p)", "p", "y")}


def test_pipelines_without_any_of_them_are_bound_without_them():
    import subprocess
    import sys

    code = (
        "import sys; from plait import Pipeline, step;"
        "Pipeline([step(lambda: 1, {}, 'x', name='a')], order='dataflow').run({});"
        "print([name for name in sys.modules if name.startswith('plait.core.plan.') "
        "and name.rpartition('.')[2] in ('bodies', 'regions', 'jumps', 'deciding')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
