"""One meaning, many orders: what runs side by side gives what the reference interpreter gives.

Random pipelines run on an event loop with a virtual clock, whose order comes from a seed: nothing sleeps, and
each example is tried with several seeds. With the default settings that is more than 500 seeds per test.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait import Pipeline, dataflow
from plait.core.flow import steps_of
from plait.errors import PipelineErrors, failures
from plait.testing.reference import Reference, admissible_states, run_reference, startable_effects
from plait.testing.strategies import Case, Part, PlannedFailure, interleaved, pipelines
from plait.testing.virtual import VirtualLoop, run_virtual

EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "110"))
SEEDS = 5
slow = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
reference = partial(run_reference, loop_factory=VirtualLoop)
seeds = st.lists(st.integers(0, 2**32 - 1), min_size=SEEDS, max_size=SEEDS, unique=True)
orders = st.sampled_from(["listed", "dataflow"])

Order = Literal["listed", "dataflow"]


def label_of(path: str) -> str:
    """The label of the step at a path, which may have the number of a turn."""
    return path.rpartition("/")[2].partition("#")[0]


class Expected:
    """What the reference says about a case."""

    def __init__(self, case: Case) -> None:
        definition = case.definition()
        case.log.reset()
        self.reference: Reference = reference(definition, case.inputs)
        self.started = Counter(case.log.started())
        case.log.reset()
        self.states = [self.reference.state]
        if case.order_dependent and not case.doomed:
            self.states = admissible_states(
                definition, case.inputs, loop_factory=VirtualLoop, before_each=case.log.reset
            )
            case.log.reset()
        self.effects = startable_effects(
            definition, case.inputs, loop_factory=VirtualLoop, before_each=case.log.reset
        )
        case.log.reset()
        parts = [s.component.given for s in steps_of(definition) if isinstance(s.component.given, Part)]
        self.can_fail = {part.label for part in parts if part.failures}


class Outcome:
    """What a run gave, and what its components did."""

    def __init__(
        self, case: Case, pipeline: Pipeline[Any, Any], seed: int | None = None, *, serial: bool = False
    ) -> None:
        case.log.reset()
        self.state: Any = None
        self.error: BaseException | None = None
        try:
            if serial:
                result = pipeline.run(case.inputs, mode="serial")
            else:
                result = run_virtual(pipeline.arun(case.inputs), seed=seed)
            self.state, found = result.state, result.failures
        except (PlannedFailure, PipelineErrors) as error:
            self.error, found = error, tuple(failures(error))
        self.failures = [(failure.path, failure.error) for failure in found]
        self.labels = [error.args[0] for _, error in self.failures]
        self.started = case.log.started()
        effects = {s.label for s in steps_of(pipeline.__plait_definition__) if s.effect}
        self.effects = [label for label in self.started if label in effects]
        self.left_running = case.log.running()


def differences(got: dict[str, Any], expected: dict[str, Any]) -> str:
    """What a reader of a failing example wants to see first."""
    absent = "(absent)"
    return "; ".join(
        f"{key}: {got.get(key, absent)!r} and not {expected.get(key, absent)!r}"
        for key in {**expected, **got}
        if got.get(key, absent) != expected.get(key, absent)
    )


def agrees(case: Case, expected: Expected, got: Outcome) -> None:
    """Whether a run is one that the reference allows."""
    assert got.left_running == [], "nothing outlives a run"
    assert {label for label in got.effects} <= {label_of(path) for path in expected.effects}, (  # noqa: C416
        "an effect started too early"
    )
    assert set(got.labels) <= expected.can_fail
    assert all(isinstance(error, PlannedFailure) for _, error in got.failures)
    if expected.reference.error is not None:
        assert got.error is not None, "the run had to fail"
        assert got.failures, "what failed is told"
        if len(got.failures) == 1:
            assert got.error is got.failures[0][1], "one failure is raised as it is"
        else:
            assert isinstance(got.error, PipelineErrors)
            assert list(got.error.exceptions) == [error for _, error in got.failures]
        return
    if got.error is not None:
        raise got.error
    assert got.state in expected.states, differences(got.state, expected.states[0])
    if not case.order_dependent:
        assert bool(got.failures) == bool(expected.reference.failures), "what was collected is told"


@pytest.mark.skipif("PLAIT_EXAMPLES" in os.environ, reason="somebody asked for another number")
def test_the_seeds_are_enough() -> None:
    assert EXAMPLES * SEEDS >= 500


@slow
@given(interleaved(), seeds, orders)
def test_any_order_of_completion_gives_the_listed_result(case: Case, tries: list[int], order: Order) -> None:
    expected = Expected(case)
    pipeline = case.pipeline(order=order)
    for seed in tries:
        agrees(case, expected, Outcome(case, pipeline, seed))


@slow
@given(pipelines(executor="inline", delays=True), seeds, orders)
def test_so_do_blocking_components_among_them(case: Case, tries: list[int], order: Order) -> None:
    expected = Expected(case)
    pipeline = case.pipeline(order=order)
    for seed in tries:
        agrees(case, expected, Outcome(case, pipeline, seed))


@slow
@given(interleaved(failures=False, retries=False, need=False), seeds, orders)
def test_every_step_runs_once(case: Case, tries: list[int], order: Order) -> None:
    expected = Expected(case)
    for seed in tries:
        got = Outcome(case, case.pipeline(order=order), seed)
        agrees(case, expected, got)
        assert Counter(got.started) == expected.started


@slow
@given(interleaved(), seeds)
def test_a_dataflow_block_gives_what_its_steps_give_as_a_list(case: Case, tries: list[int]) -> None:
    expected = Expected(case)
    pipeline = Pipeline([dataflow(case.flows)], state_type=case.state_type)
    for seed in tries:
        agrees(case, expected, Outcome(case, pipeline, seed))


@slow
@given(interleaved(), st.integers(1, 3), st.integers(0, 1000), orders)
def test_a_cap_changes_nothing_but_the_time(case: Case, cap: int, seed: int, order: Order) -> None:
    expected = Expected(case)
    got = Outcome(case, case.pipeline(order=order, max_concurrency=cap), seed)
    agrees(case, expected, got)
    now = most = 0
    for what, _ in case.log.rows:
        now += 1 if what == "start" else -1
        most = max(most, now)
    assert most <= cap


@slow
@given(pipelines())
def test_serial_mode_is_the_reference(case: Case) -> None:
    expected = Expected(case)
    got = Outcome(case, case.pipeline(), serial=True)
    agrees(case, expected, got)
    if expected.reference.error is None:
        assert got.state == expected.reference.state


@slow
@given(pipelines(failures=False, retries=False, need=False))
def test_serial_mode_runs_in_listed_order(case: Case) -> None:
    reference(case.definition(), case.inputs)
    listed = case.log.started()
    got = Outcome(case, case.pipeline(), serial=True)
    assert got.started == listed


@slow
@given(interleaved(), st.integers(0, 1000), st.floats(0, 3), orders)
def test_a_cancelled_run_leaves_nothing_behind(case: Case, seed: int, after: float, order: Order) -> None:
    import asyncio

    expected = Expected(case)
    pipeline = case.pipeline(order=order)

    async def main() -> Any:
        task = asyncio.create_task(pipeline.arun(case.inputs))
        asyncio.get_running_loop().call_later(after, task.cancel)
        try:
            return (await task).state
        except (asyncio.CancelledError, PlannedFailure, PipelineErrors) as error:
            return error

    got = run_virtual(main(), seed=seed)
    assert case.log.running() == []
    if isinstance(got, dict):
        assert got in expected.states
    effects = {s.label for s in steps_of(pipeline.__plait_definition__) if s.effect}
    assert effects & set(case.log.started()) <= {label_of(path) for path in expected.effects}
