"""The strategies draw what they promise: valid pipelines of every shape, with inputs that fit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from plait.core.control import Choice, Goto, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph, parts_of, steps_of
from plait.core.step import Step
from plait.testing._deciders import Whole
from plait.testing.reference import admissible_states, run_reference, startable_effects
from plait.testing.strategies import AsyncPart, CallLog, Case, Part, PlannedFailure, interleaved, pipelines
from plait.testing.virtual import VirtualLoop

slow = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=False
)
reference = partial(run_reference, loop_factory=VirtualLoop)


def flows_of(flow: Flow | Definition) -> list[Flow]:
    """A flow and everything in it."""
    own = [] if isinstance(flow, Definition) else [flow]
    return own + [f for part in parts_of(flow) for f in flows_of(part)]


PLAIN: dict[str, Any] = dict.fromkeys(("choices", "loops", "maps", "tries", "exits", "gotos"), False)


@slow
@given(pipelines())
def test_drawn_pipelines_fit_their_inputs_and_fail_only_as_planned(case: Case) -> None:
    run = reference(case.definition(), case.inputs)
    assert (run.error is not None) == case.doomed
    for _, error in run.failures:
        assert isinstance(error, PlannedFailure)
    assert case.log.running() == []
    # What is not a component of the case (terminate, Keep(), a fixed target) is not in its log.
    assert len(case.log.started()) <= len(run.executed)


@settings(slow, max_examples=40)
@given(pipelines(**PLAIN))
def test_every_attempt_at_a_step_is_in_the_log(case: Case) -> None:
    run = reference(case.definition(), case.inputs)
    assert case.log.started() == [path.rpartition("/")[2] for path in run.executed]


@slow
@given(pipelines(failures=False))
def test_without_failures_every_run_succeeds(case: Case) -> None:
    run = reference(case.definition(), case.inputs)
    assert run.error is None
    assert run.failures == []


@slow
@given(pipelines())
def test_a_run_repeats_exactly(case: Case) -> None:
    first = reference(case.definition(), case.inputs)
    rows = list(case.log.rows)
    case.log.reset()
    again = reference(case.definition("dataflow"), case.inputs)
    assert again.state == first.state
    assert again.executed == first.executed
    assert case.log.rows == rows


@settings(slow, max_examples=40)
@given(pipelines(max_steps=8))
def test_the_listed_result_is_admissible_and_the_only_one_without_need(case: Case) -> None:
    run = reference(case.definition(), case.inputs)
    case.log.reset()
    states = admissible_states(
        case.definition(), case.inputs, loop_factory=VirtualLoop, before_each=case.log.reset
    )
    if run.error is None:
        assert run.state in states
        assert len(states) == 1 or case.order_dependent
    else:
        assert states == []


@slow
@given(pipelines())
def test_the_effects_of_listed_order_are_startable(case: Case) -> None:
    run = reference(case.definition(), case.inputs)
    case.log.reset()
    startable = startable_effects(
        case.definition(), case.inputs, loop_factory=VirtualLoop, before_each=case.log.reset
    )
    assert set(run.effects) <= startable


@slow
@given(
    pipelines(
        need=False,
        effects=False,
        reducers=False,
        subgraphs=False,
        retries=False,
        optional=False,
        kinds=["def"],
        executor="inline",
        **PLAIN,
        max_steps=5,
        max_depth=2,
    )
)
def test_what_is_turned_off_is_not_drawn(case: Case) -> None:
    def depth(flow: Flow) -> int:
        if isinstance(flow, Step):
            return 0
        assert not isinstance(flow, Subgraph)
        parts = [b for _, b in flow.branches] if isinstance(flow, Parallel) else flow.parts
        # The chain that holds a branch is no nesting of the user's.
        return (0 if isinstance(flow, Chain) and len(parts) == 1 else 1) + max(map(depth, parts))

    for flow in flows_of(case.definition()):
        if isinstance(flow, Parallel):
            assert flow.need == "all"
            assert flow.retry is None
        if isinstance(flow, Step):
            assert not flow.effect
            assert flow.retry is None
            assert flow.executor == "inline"
            assert type(flow.component.given) is Part
    assert max(map(depth, case.flows)) <= 4  # two blocks, each with a list in it


def count_shapes(case: Case, seen: Counter[str]) -> None:
    run = reference(case.definition(), case.inputs)
    flows = flows_of(case.definition())
    seen["doomed"] += case.doomed
    seen["collected failures"] += run.error is None and bool(run.failures)
    seen["typed"] += case.state_type is not None
    seen["reducer"] += any(isinstance(v, list) for v in run.state.values())
    for flow in flows:
        seen[type(flow).__name__] += 1
        if isinstance(flow, Parallel):
            seen[f"need {'n' if flow.need != 'all' else 'all'}, {flow.on_error}"] += 1
            seen["named branches"] += flow.branches[0][0] is not None
        if isinstance(flow, (Parallel, Dataflow, Subgraph)):
            seen[f"retry of {type(flow).__name__}"] += flow.retry is not None
        if isinstance(flow, Choice):
            seen[flow.kind] += 1
            seen["answer kept"] += bool(flow.condition.outputs)
            seen["whole state"] += isinstance(flow.condition.component.given, Whole)
        if isinstance(flow, Try):
            seen["handler"] += flow.handler is not None
            seen["text of the error"] += flow.error_state is not None
            seen["named try"] += flow.name is not None
        if isinstance(flow, MapReduce):
            seen["map with a reduce"] += flow.reduce is not None
            seen["map of a list in the state"] += any(
                isinstance(s, str) and s in ("ra", "rb") for _, s in flow.fan_out.inputs or ()
            )
        if isinstance(flow, Goto):
            seen["fixed target"] += flow.fixed is not None
            seen["goto the end"] += flow.allow_end
        handler = getattr(flow, "error_handler", None)
        if handler is not None:
            seen[f"{type(handler).__name__} of {type(flow).__name__}"] += 1
        if isinstance(flow, Step):
            seen["terminate"] += flow.kind == "terminate"
            seen["async"] += isinstance(flow.component.given, AsyncPart)
            seen["effect"] += flow.effect
            seen["retry"] += flow.retry is not None
            seen["opaque"] += flow.keys_read is None
            seen["by parameter names"] += flow.inputs is None and flow.keys_read is not None
            seen["several outputs"] += len(flow.outputs) > 1
            seen["copy"] += flow.copy
    executed = Counter(run.executed)
    seen["second turn"] += any("#2/" in path for path in run.executed)
    seen["jump back"] += any(n > 1 for path, n in executed.items() if path.rpartition("/")[2].startswith("g"))
    seen["items"] += any(path.endswith("[2]") for path in run.executed)
    seen["handled"] += run.error is None and any("caught" in label for label in case.log.started())
    seen["ended early"] += any("terminate" in path or "/t" in path for path in run.executed)
    seen["tried again"] += any(n > 1 for n in executed.values())


def test_every_shape_is_drawn() -> None:
    seen: Counter[str] = Counter()

    @settings(slow, max_examples=500, phases=[Phase.generate], derandomize=True)
    @given(pipelines())
    def look(case: Case) -> None:
        count_shapes(case, seen)

    look()
    wanted = [
        *(
            "Step",
            "Chain",
            "Parallel",
            "Dataflow",
            "Subgraph",
            "async",
            "effect",
            "retry",
            "opaque",
            "by parameter names",
            "several outputs",
        ),
        *(f"need {n}, {e}" for n in ("all", "n") for e in ("cancel", "finish", "collect")),
        *("doomed", "collected failures", "typed", "reducer", "named branches", "tried again", "copy"),
        *(f"retry of {kind}" for kind in ("Parallel", "Dataflow", "Subgraph")),
        *("Choice", "if_else", "switch", "toggle", "guard", "answer kept", "whole state", "terminate"),
        *("Loop", "second turn", "MapReduce", "items", "map with a reduce", "map of a list in the state"),
        *("Try", "handler", "text of the error", "named try", "handled", "ended early"),
        *(
            f"{handler} of {kind}"
            for handler in ("Keep", "Empty", "Fallback")
            for kind in ("Step", "Parallel", "Dataflow")
        ),
        *("Goto", "fixed target", "goto the end", "jump back"),
    ]
    assert {name: seen[name] for name in wanted if seen[name] < 3} == {}


@slow
@given(interleaved())
def test_interleaved_pipelines_are_async_and_sleep(case: Case) -> None:
    for s in steps_of(case.definition()):
        assert isinstance(s.component.given, AsyncPart) or not isinstance(s.component.given, Part)
    assert (reference(case.definition(), case.inputs).error is not None) == case.doomed


def test_a_case_prints_as_the_pipeline_it_is() -> None:
    texts: list[str] = []

    @settings(slow, max_examples=60, phases=[Phase.generate], derandomize=True)
    @given(pipelines())
    def look(case: Case) -> None:
        texts.append(repr(case))
        assert all(
            s.label in texts[-1] for s in steps_of(case.definition()) if isinstance(s.component.given, Part)
        )

    look()
    for word in (
        "parallel(",
        "dataflow(",
        "subgraph(",
        "fails=",
        "retry=",
        "if_else(",
        "while_do(",
        "map_reduce(",
        "try_catch(",
        "goto(",
        "case0: ",
        "handler: ",
    ):
        assert any(word in text for text in texts)


def test_a_wrong_input_shows_in_the_value() -> None:
    part = Part("s1", CallLog())
    assert part(x="a") != part(x="b") != part(y="b")
    assert part(x="a" * 200) != part(x="a" * 199 + "b")
    assert Part("s1", CallLog(), outputs=("a", "b"))() == {"a": "s1().a", "b": "s1().b"}
    assert Part("s1", CallLog(), delta=True)() == ["s1()"]


def test_a_planned_failure_counts_its_calls() -> None:
    log = CallLog()
    part = Part("s1", log, failures=1)
    with pytest.raises(PlannedFailure):
        part()
    assert part() == "s1()"
    assert log.rows == [("start", "s1"), ("failed", "s1"), ("start", "s1"), ("end", "s1")]
    log.reset()
    with pytest.raises(PlannedFailure):
        part()


def test_a_cancelled_call_is_noted() -> None:
    log = CallLog()

    async def main() -> None:
        task = asyncio.create_task(AsyncPart("s1", log, delay=5)())
        await asyncio.sleep(1)
        assert log.running() == ["s1"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
    assert log.rows == [("start", "s1"), ("cancelled", "s1")]


def test_without_hypothesis_the_error_names_the_extra() -> None:
    code = "import sys; sys.modules['hypothesis'] = None\ntry:\n    import plait.testing.strategies\nexcept ImportError as e:\n    print(type(e).__name__, e)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("MissingExtra")
    assert "pip install 'plait[test]'" in out
