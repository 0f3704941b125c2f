"""Whatever the pipeline: each mode is a view of the same run, in the same order, and the last state is the result's."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.properties.test_equivalence import orders, slow

from plait import events
from plait.errors import PipelineErrors
from plait.run.modes import Mode
from plait.testing.strategies import Case, PlannedFailure, interleaved
from plait.testing.virtual import run_virtual

MODES: list[Mode] = ["events", "updates", "values", "custom"]


def followed(case: Case, order: Any, seed: int) -> tuple[list[tuple[str, Any]], dict[str, Any] | None]:
    """The items of a run, and its final state; None where it had to fail."""
    pipeline = case.pipeline(order=order)
    case.log.reset()

    async def main() -> tuple[list[tuple[str, Any]], dict[str, Any] | None]:
        seen = []
        async with pipeline.astream(case.inputs, mode=MODES) as stream:
            try:
                async for item in stream:
                    seen.append(item)
            except (PlannedFailure, PipelineErrors):
                return seen, None
        assert stream.result is not None
        return seen, stream.result.state

    return run_virtual(main(), seed=seed)


@slow
@given(interleaved(), st.integers(0, 2**32 - 1), orders)
def test_every_mode_is_a_view_of_the_same_run(case: Case, seed: int, order: Any) -> None:
    seen, state = followed(case, order, seed)
    by_mode: dict[str, list[Any]] = {mode: [item for m, item in seen if m == mode] for mode in MODES}
    told = by_mode["events"]
    assert isinstance(told[0], events.RunStarted)
    assert isinstance(told[-1], events.RunFinished)
    assert seen[-1] == ("events", told[-1]), "nothing comes after the end"

    # A step's update comes right behind the word that it has finished.
    assert [e.path for e in told if isinstance(e, events.StepFinished)] == [
        path for update in by_mode["updates"] for path in update
    ]
    for (_, event), (mode, _) in itertools.pairwise(seen):
        if isinstance(event, events.StepFinished):
            assert mode == "updates"

    # The state begins with the inputs, takes in what steps wrote, and ends as the result.
    assert by_mode["values"][0].items() >= case.inputs.items()
    if state is not None:
        last = by_mode["values"][-1]
        assert last == state
        assert all(last[key] is state[key] for key in state), "by reference"

    # Each attempt is told from its start to its end, once.
    open_attempts: set[str] = set()
    for event in told:
        match event:
            case events.StepStarted(path=path):
                assert path not in open_attempts
                open_attempts.add(path)
            case events.StepFinished(path=path) | events.StepFailed(path=path):
                open_attempts.remove(path)
            case events.AttemptDiscarded(path=path):
                open_attempts.discard(path)
            case _:
                pass
    assert not open_attempts
