"""What holds for every run of the real engine, whatever the pipeline: the invariants of ARCHITECTURE.md.

Those that are about the source are in test_architecture.py, those about the pure scheduler in properties/.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import itertools
import json
import logging
import os
import threading
import types
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plait
from plait import Pipeline, PipelineErrors, Retry, StepTimeout, failures, parallel, step
from plait.core.report.replay import Replay
from plait.core.report.report import build
from plait.core.schedule import events as facts
from plait.core.schedule.commands import Start
from plait.core.schedule.events import Failed, Stopped
from plait.core.schedule.scheduler import Scheduler
from plait.events import StepFailed
from plait.testing.strategies import Case, PlannedFailure, interleaved
from plait.testing.virtual import run_virtual

PACKAGE = Path(plait.__file__).resolve().parent
EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "60"))
some = settings(
    max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
seeds = st.integers(0, 2**32 - 1)
orders = st.sampled_from(["listed", "dataflow"])


def run_of(pipeline: Pipeline[Any, Any], inputs: Any, seed: int) -> Any:
    """The run behind a result or an error: its plan, its log and how it ended."""
    made: list[Any] = []
    new = pipeline._new_run

    def kept(*given: Any) -> Any:
        made.append(new(*given))
        return made[-1]

    pipeline._new_run = kept  # type: ignore[method-assign]
    try:
        run_virtual(pipeline.arun(inputs), seed=seed)
    except (PlannedFailure, PipelineErrors):
        pass
    finally:
        del pipeline._new_run
    return made[0]


# The scheduler


def test_the_scheduler_has_one_door_with_two_handles() -> None:
    public = {name for name in vars(Scheduler) if not name.startswith("_")}
    assert {name for name in public if callable(getattr(Scheduler, name))} == {
        "handle",
        "succeeded",
        "faults",
    }


def test_nobody_else_writes_to_the_scheduler() -> None:
    def chain(node: ast.expr) -> list[str]:
        names = []
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            names.append(node.attr if isinstance(node, ast.Attribute) else "[]")
            node = node.value
        return [*names, node.id] if isinstance(node, ast.Name) else names

    guilty = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            targets: list[ast.expr] = []
            if isinstance(node, (ast.Assign, ast.Delete)):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
                targets = [node.target]
            # `self.scheduler = ...` makes one; `self.scheduler.state[3] = ...` would change one.
            guilty += [f"{path.name}:{t.lineno}" for t in targets if "scheduler" in chain(t)[1:]]
    assert not guilty


def test_facts_have_no_room_for_a_users_value() -> None:
    kinds = [
        kind
        for kind in vars(facts).values()
        if isinstance(kind, type) and kind.__module__ == facts.__name__ and "at" in kind.__annotations__
    ]
    assert len(kinds) >= 8
    plain = {
        "float",
        "int",
        "str",
        "bool",
        "float | None",
        "int | None",
        "str | None",
        "tuple[float | None, ...]",
    }
    for kind in kinds:
        for name, annotation in kind.__annotations__.items():
            shown = (
                annotation
                if isinstance(annotation, str)
                else str(annotation)
                if isinstance(annotation, types.GenericAlias)
                else getattr(annotation, "__name__", str(annotation))
            )
            assert shown in plain, f"{kind.__name__}.{name}: {shown}"


class Secret:
    """A value that must not be seen."""


def test_the_log_of_a_run_holds_numbers_and_words_only() -> None:
    tried: list[int] = []

    async def make() -> Secret:
        return Secret()

    async def use(secret: Secret) -> Secret:
        tried.append(1)
        if len(tried) == 1:
            raise PlannedFailure("once")
        return secret

    def blocks(secret: Secret) -> Secret:
        return secret

    pipeline = Pipeline(
        [
            step(make, [], "secret"),
            parallel(
                [
                    step(use, ["secret"], "a", retry=Retry(2), timeout=5.0),
                    step(blocks, ["secret"], "b", resources={"cpu": 1}),
                ],
                retry=Retry(2),
            ),
        ]
    )
    run = run_of(pipeline, {}, 1)
    assert run.outcome == "succeeded"
    for row in run.log:
        for value in itertools.chain.from_iterable(v if type(v) is tuple else (v,) for v in row):
            assert value is None or type(value) in {int, float, str, bool}, row


@some
@given(interleaved(), seeds, orders)
def test_every_start_is_answered_exactly_once(case: Case, seed: int, order: Any) -> None:
    run = run_of(case.pipeline(order=order), case.inputs, seed)
    replay = Replay(run.plan)
    started: Counter[int] = Counter()
    answered: Counter[int] = Counter()
    for row, commands in replay.feed(run.log):
        if type(row) is tuple:
            if row[1] == len(replay.sites[row[0]].unit.steps) - 1:
                answered[row[0]] += 1
        elif isinstance(row, (Failed, Stopped)):
            answered[row.task] += 1
        assert all(answered[task] <= started[task] for task in answered), (
            "nothing is answered before it starts"
        )
        started.update(c.task for c in commands if isinstance(c, Start))
    assert started == answered
    assert replay.scheduler.outcome == run.outcome


@some
@given(interleaved(), seeds, orders)
def test_the_log_of_a_run_gives_the_same_decisions_again(case: Case, seed: int, order: Any) -> None:
    run = run_of(case.pipeline(order=order), case.inputs, seed)
    replay = Replay(run.plan)
    for _ in replay.feed(run.log):
        pass
    live = run.scheduler
    assert replay.scheduler.state == live.state
    assert replay.scheduler.faults() == live.faults()
    assert replay.scheduler.recorded == live.recorded


@some
@given(interleaved(), seeds, orders)
def test_the_report_can_be_made_again_from_the_log_and_the_pipeline_alone(
    case: Case, seed: int, order: Any
) -> None:
    run = run_of(case.pipeline(order=order), case.inputs, seed)
    how = {"started": run.started, "ended": run.ended, "outcome": run.outcome, "run_id": "r"}
    first = build(run.plan, run.log, **how).to_dict()
    # Another process has the pipeline's text, and the log as it came back from a file.
    kinds = {kind.__name__: kind for kind in vars(facts).values() if isinstance(kind, type)}
    stored = json.dumps([[None if type(row) is tuple else type(row).__name__, list(row)] for row in run.log])
    log = [tuple(row) if kind is None else kinds[kind](*row) for kind, row in json.loads(stored)]
    plan = case.pipeline(order=order)._plan(fused=True)
    assert build(plan, log, **how).to_dict() == first


# Steps and values


def test_a_step_receives_only_what_it_reads_and_changes_only_what_it_writes() -> None:
    received: list[Mapping[str, Any]] = []

    async def greedy(**everything: Any) -> dict[str, int]:
        received.append(everything)
        return {"mine": 1, "other": 2, "secret": 3}

    async def look(mine: int) -> int:
        return mine

    pipeline = Pipeline(
        [
            step(greedy, {"text": "text"}, {"mine": "mine"}),
            step(greedy, {"word": "text"}, ["other"]),
            step(look, ["mine"], "seen"),
        ]
    )
    result = run_virtual(pipeline.arun({"text": "abc", "secret": "kept"}), seed=3)
    assert received == [{"text": "abc"}, {"word": "abc"}]
    assert result.state == {"text": "abc", "secret": "kept", "mine": 1, "other": 2, "seen": 1}


@some
@given(interleaved(), seeds, orders)
def test_a_run_leaves_no_task_and_no_component_behind(case: Case, seed: int, order: Any) -> None:
    case.log.reset()
    pipeline = case.pipeline(order=order)

    async def main() -> set[asyncio.Task[Any]]:
        with contextlib.suppress(PlannedFailure, PipelineErrors):
            await pipeline.arun(case.inputs)
        me = asyncio.current_task()
        return {task for task in asyncio.all_tasks() if task is not me and not task.done()}

    assert run_virtual(main(), seed=seed) == set()
    assert case.log.running() == []


def test_our_own_cancels_are_taken_back_before_anybody_else_looks() -> None:
    seen: list[int] = []

    class Looks:
        def on_event(self, event: Any) -> None:
            if isinstance(event, StepFailed):
                task = asyncio.current_task()
                assert task is not None
                seen.append(task.cancelling())

    async def late() -> None:
        await asyncio.sleep(100)

    pipeline = Pipeline([step(late, timeout=1.0, retry=Retry(2, backoff=1.0))])
    with pytest.raises(StepTimeout):
        run_virtual(pipeline.arun({}, observers=[Looks()]), seed=1)
    assert seen == [0, 0]


def test_what_an_abandoned_attempt_returns_late_does_not_replace_what_the_next_one_returned() -> None:
    calls: list[int] = []
    gate = threading.Event()

    def answer() -> str:
        calls.append(1)
        if len(calls) > 1:
            return "new"
        assert gate.wait(20)
        return "old"

    async def let_it_return(answer: str) -> str:
        gate.set()
        for _ in range(20):  # for real: the thread puts its result away after the component has returned
            await asyncio.sleep(0.01)
        return answer

    pipeline = Pipeline(
        [
            step(
                answer, [], "answer", timeout=0.05, abandon=True, idempotent=True, retry=Retry(2, backoff=0)
            ),
            step(let_it_return, ["answer"], "first"),
            step(lambda answer: answer, ["answer"], "second", name="look"),
        ]
    )
    assert pipeline.run({}).state == {"answer": "new", "first": "new", "second": "new"}


def test_a_chain_in_a_thread_ends_with_the_step_it_is_in_when_it_is_cancelled() -> None:
    inside, gate = threading.Event(), threading.Event()
    called: list[str] = []

    def first() -> int:
        inside.set()
        assert gate.wait(20)
        called.append("first")
        return 1

    def second(n: int) -> int:
        called.append("second")
        return n

    pipeline = Pipeline([step(first, [], "n"), step(second, ["n"], "m")])
    assert len(pipeline.plan().units) == 1, "both are one job of a thread"

    async def main() -> None:
        task = asyncio.create_task(pipeline.arun({}))
        await asyncio.to_thread(inside.wait, 20)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, gate.set)  # for real: the job has to hear of it
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert called == ["first"]


# Observers


class Breaks:
    def __init__(self, after: int) -> None:
        self.left, self.seen = after, 0

    def on_event(self, event: Any) -> None:
        self.seen += 1
        self.left -= 1
        if self.left < 0:
            raise RuntimeError("an observer's own fault")


@pytest.mark.parametrize("after", range(6))
@pytest.mark.parametrize("fails", [False, True])
def test_an_observer_that_raises_is_removed_and_logged_once(
    after: int, fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def one(text: str) -> str:
        if fails:
            raise PlannedFailure("as planned")
        return text

    class Listens:
        def __init__(self) -> None:
            self.names: list[str] = []

        def on_event(self, event: Any) -> None:
            self.names.append(type(event).__name__)

    pipeline = Pipeline([step(one, ["text"], "a"), step(lambda a: a, ["a"], "b", name="two")])
    breaks, listens, alone = Breaks(after), Listens(), Listens()

    def outcome(*observers: Any) -> Any:
        try:
            return run_virtual(pipeline.arun({"text": "abc"}, observers=observers), seed=1).state
        except PlannedFailure as error:
            return [failure.path for failure in failures(error)]

    with caplog.at_level(logging.ERROR, logger="plait"):
        assert outcome(breaks, listens) == outcome(alone)
    assert listens.names == alone.names, "the others hear everything"
    told = [record for record in caplog.records if "observer" in record.getMessage()]
    broke = after < len(alone.names)
    assert len(told) == (1 if broke else 0)
    assert breaks.seen == min(after + 1, len(alone.names)), "one that raised hears no more"
