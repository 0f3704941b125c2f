"""One pipeline, run in every way that there is: all of them, and the reference, have to agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from plait import InvalidPipeline, Pipeline, failures
from plait.core.report.replay import Replay
from plait.testing.reference import run_reference
from plait.testing.virtual import VirtualLoop, run_virtual


class Outcome(NamedTuple):
    """How a run ended, in any way of running it."""

    state: dict[str, Any]
    error: tuple[str, str] | None
    failures: list[str]


class Ear:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_event(self, event: Any) -> None:
        """Keep it."""
        self.events.append(event)

    def paths(self, kind: str) -> list[str]:
        """The paths of the events of one kind, in the order in which they were told."""
        return [event.path for event in self.events if type(event).__name__ == kind]


def everywhere(
    steps: Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    orders: Iterable[Any] = ("listed", "dataflow"),
    reference: bool = True,
    quick: bool = False,
    **options: Any,
) -> Outcome:
    """Run steps as a pipeline in every way; gives how they ended, which is the same for all.

    Args:
        steps: the steps. Their components have to do the same in each run.
        inputs: the inputs.
        config: the settings.
        orders: the orders in which it is run.
        reference: whether the reference interpreter is asked as well.
        quick: only two of the ways in each order.
        options: those of the pipeline.
    """
    given = dict(inputs or {})
    found: dict[str, Outcome] = {}
    for order in orders:
        if reference:
            pipeline = Pipeline(steps, order=order, **options)
            said = run_reference(pipeline, dict(given), config=config, loop_factory=VirtualLoop)
            found[f"reference, {order}"] = Outcome(
                said.state, _short(said.error), [path for path, _ in said.failures]
            )
        for check in ("edges",) if quick else ("edges", "steps"):
            pipeline = Pipeline(steps, order=order, check_types=check, **options)
            for way, run in _ways(pipeline, given, config, quick=quick):
                found[f"{way}, {order}, {check}"] = _outcome(run)
    first, expected = next((way, outcome) for way, outcome in found.items() if way[:9] != "reference")
    for way, outcome in found.items():
        told = outcome
        if way[:9] == "reference" and outcome.error and expected.error:  # which has words of its own
            told = outcome._replace(error=(outcome.error[0], expected.error[1]))
        assert told == expected, f"{way} differs from {first}"
    return expected


def _ways(
    pipeline: Pipeline[Any, Any], given: dict[str, Any], config: Any, *, quick: bool
) -> Iterable[tuple[str, Callable[[], Any]]]:
    for seed in (1,) if quick else (None, 1, 2):
        yield (
            f"arun {seed}",
            lambda seed=seed: run_virtual(pipeline.arun(dict(given), config=config), seed=seed),
        )
    yield "serial", lambda: pipeline.run(dict(given), config=config, mode="serial")
    if quick:
        return
    yield "observed", lambda: run_virtual(pipeline.arun(dict(given), config=config, observers=[Ear()]))
    yield "streamed", lambda: run_virtual(_streamed(pipeline, given, config))
    yield "run", lambda: pipeline.run(dict(given), config=config)


async def _streamed(pipeline: Pipeline[Any, Any], given: dict[str, Any], config: Any) -> Any:
    async with pipeline.astream(dict(given), config=config, mode=["events", "values"]) as stream:
        async for _ in stream:
            pass
    return stream.result


def _outcome(run: Callable[[], Any]) -> Outcome:
    try:
        result = run()
    except InvalidPipeline:
        raise
    except Exception as error:
        told = failures(error)
        return Outcome({}, _short(error), [failure.path for failure in told])
    assert result.status == "succeeded"
    replayed(result)
    return Outcome(result.state, None, [failure.path for failure in result.failures])


def _paths(report: Any) -> set[str]:
    return {step.path for step in report.steps}


def replayed(result: Any) -> None:
    """The log of a run, sent through a fresh scheduler, leads to the same end; and no frame that has ended keeps values."""
    run = result._run
    again = Replay(run.plan, grace=run.scheduler.grace)
    for _ in again.feed(run.log):
        pass
    assert again.scheduler.outcome == run.outcome
    assert again.scheduler.state == run.scheduler.state
    open_frames = {id(run.root)}
    if run.outcome == "succeeded":
        assert not run.scheduler.frames
        assert not any(frame.values for frame in run.frames if id(frame) not in open_frames)
    report = result.report
    assert report.critical_seconds <= report.wall + 1e-9
    assert set(report.critical_path) <= _paths(report)
    assert all(step.waited >= 0 for step in report.steps)


def _short(error: BaseException | None) -> tuple[str, str] | None:
    return None if error is None else (type(error).__name__, str(error))
