"""Property tests of the pure scheduler: random plans, and a shell that answers at random (see ``shell.py``)."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.model import GRACE
from tests.properties.shell import Shell, strew

from plait.core.plan.bind import bind
from plait.core.plan.lower import lower
from plait.core.plan.model import REGION, Plan
from plait.core.schedule.commands import Acquire, Expand, Open, Start
from plait.core.schedule.events import RunStarted
from plait.core.schedule.scheduler import Scheduler
from plait.testing.strategies import Case, pipelines

EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "200"))
slow = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=False,
)


def plan_of(case: Case, rng: random.Random, order: Any, *, fuse: bool) -> Plan:
    """A plan with needs and timeouts strewn over it."""
    plan = lower(bind(case.definition(order)), fuse=fuse)
    strew(plan, rng, needs=rng.random() < 0.5, timeouts=rng.random() < 0.3)
    return plan


seeds = st.integers(0, 2**32 - 1)


@slow
@given(pipelines(max_steps=16), seeds, st.sampled_from(["listed", "dataflow"]), st.booleans())
def test_any_run_keeps_the_invariants(case: Case, seed: int, order: str, fuse: bool) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, order, fuse=fuse), rng)
    shell.run()


@slow
@given(pipelines(max_steps=16), seeds, st.sampled_from(["listed", "dataflow"]))
def test_a_run_that_is_cancelled_keeps_them(case: Case, seed: int, order: str) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, order, fuse=True), rng, cancel=True)
    shell.run()


@slow
@given(pipelines(max_steps=16), seeds)
def test_a_run_with_a_deadline_keeps_them(case: Case, seed: int) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, "dataflow", fuse=True), rng, deadline=rng.uniform(0.1, 3.0))
    shell.run()


@slow
@given(pipelines(max_steps=16), seeds)
def test_a_durable_run_keeps_them(case: Case, seed: int) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, "dataflow", fuse=True), rng, durable=True)
    shell.run()


@slow
@given(pipelines(max_steps=16), seeds, st.booleans())
def test_replaying_the_facts_reproduces_the_decisions(case: Case, seed: int, cancel: bool) -> None:
    rng = random.Random(seed)
    plan = plan_of(case, rng, "dataflow", fuse=True)
    shell = Shell(plan, rng, cancel=cancel)
    shell.run()
    again = Scheduler(plan, grace=GRACE)
    assert [[(type(c), c) for c in again.handle(fact)] for fact in shell.facts] == [
        [(type(c), c) for c in commands] for commands in shell.commands
    ]
    assert again.state == shell.scheduler.state
    assert again.outcome == shell.finished
    assert again.faults() == shell.scheduler.faults()
    assert again.recorded == shell.scheduler.recorded


@slow
@given(pipelines(max_steps=16))
def test_of_what_can_start_the_longest_path_starts_first(case: Case) -> None:
    plan = lower(bind(case.definition("dataflow")))
    first = [
        c.task
        for c in Scheduler(plan).handle(RunStarted(0.0))
        if isinstance(c, (Start, Acquire, Expand, Open)) and c.task < len(plan.units)
    ]
    ranks = [plan.rank[task] for task in first]
    assert ranks == sorted(ranks, reverse=True)
    for i, dependents in enumerate(plan.dependents):
        assert plan.rank[i] == pytest.approx(
            plan.cost[i] + max((plan.rank[j] for j in dependents), default=0.0)
        )
        if plan.units[i].kind == REGION:
            assert plan.cost[i] > 0 or not any(u.steps for u in plan.units[i].region.plan.units)  # type: ignore[union-attr]
