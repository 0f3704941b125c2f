"""What a run gives back: the final state, where the time went, and, if it is paused, how to go on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, cast

from plait.core.names import listing
from plait.core.plan.model import as_planned
from plait.errors import Failure, PauseError
from plait.run.options import NO_ANSWERS

if TYPE_CHECKING:
    from plait.core.report.report import Report
    from plait.run.drive import Run
    from plait.run.pausing import Pause

StateT = TypeVar("StateT")


class Result(Generic[StateT]):
    """What a run gives back.

    Attributes:
        state: the final state: a dict, or an instance of the pipeline's state type. Of a paused run, what there is of it.
        failures: failures that were collected or handled instead of raised, in listed order.
        pauses: where a paused run waits for answers, in listed order; else empty.
    """

    __slots__ = ("_again", "_report", "_run", "failures", "pauses", "state")

    def __init__(
        self,
        state: StateT,
        run: Run,
        failures: Sequence[Failure],
        again: Callable[[Run, Sequence[int]], Coroutine[Any, Any, Result[StateT]]] | None = None,
    ) -> None:
        self.state = state
        self.failures = tuple(failures)
        self.pauses: tuple[Pause, ...] = ()
        if run.outcome == "paused" and run.pauses is not None:
            self.pauses = tuple(sorted(run.pauses.open.values(), key=lambda pause: pause.place))
        self._run, self._again = run, again
        self._report: Report | None = None

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._run.run_id

    @property
    def status(self) -> Literal["succeeded", "paused"]:
        """Whether the run has ended or waits for answers."""
        return "paused" if self.pauses else "succeeded"

    @property
    def report(self) -> Report:
        """Where the time went: timeline, critical path, speed-up (made when first asked for)."""
        if self._report is None:
            self._report = report_of(self._run)
        return self._report

    async def aresume(self, answers: Any = NO_ANSWERS) -> Result[StateT]:
        """Go on with a paused run; see ``resume``."""
        resumed = self._claim(answers)
        return self._serially(resumed) or await self._go_on(resumed)

    def resume(self, answers: Any = NO_ANSWERS) -> Result[StateT]:
        """Go on with a paused run: ``result.resume({"approve": True})``, or ``result.resume(True)`` if it waits for one answer.

        Questions that get no answer stay open; the run pauses again once nothing else can go on. Each question is
        answered once: whoever comes second gets an error, even at the same time.

        Args:
            answers: ``{id or token of a pause: answer}``; the answer itself, if there is one question and the answer is no mapping. Nothing, if all
                that it waits for is the word to go on.

        Returns:
            A result as from ``run``, once more paused or final.

        Raises:
            PauseError: the run is not paused, the question is not one of its own, or it was answered before.
        """
        from plait.run.loops import run_sync

        resumed = self._claim(answers)
        return self._serially(resumed) or run_sync(lambda: self._go_on(resumed))

    def _claim(self, answers: Any) -> list[int]:
        if not self.pauses or self._run.pauses is None:
            raise PauseError("the run is not paused: there is nothing to go on with")
        return [pause.task for pause in self._run.pauses.claim(self.pauses, answers)]

    def _serially(self, resumed: list[int]) -> Result[StateT] | None:
        """Go on in serial mode, in this thread, if the run began in it."""
        from plait.run.serial import SerialRun

        if not isinstance(self._run, SerialRun):
            return None
        self._run.execute_serially(resumed)
        return cast("Result[StateT]", self._run.result_of())

    async def _go_on(self, resumed: list[int]) -> Result[StateT]:
        assert self._again is not None
        return await self._again(self._run, resumed)

    def __repr__(self) -> str:
        from plait.core.report.text import seconds as show

        run, state = self._run, self.state
        what = ", ".join(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        name = f" of {run.plan.name!r}" if run.plan.name else ""
        failed = f"; failed: {', '.join(f.path for f in self.failures)}" if self.failures else ""
        paused = f"; waits at: {', '.join(p.id for p in self.pauses)}" if self.pauses else ""
        return f"<result{name} in {show(run.ended - run.started)}: {what or 'no keys'}{failed}{paused}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return {"text/plain": f"{self!r}\n{self.report.to_text()}"}


def report_of(run: Run) -> Report:
    """Fold a run's log into its report."""
    from plait.core.report.report import build

    return build(
        run.plan, run.log, started=run.started, ended=run.ended, outcome=run.outcome, run_id=run.run_id
    )


def planned_work(report: Report) -> dict[str, float]:
    """The seconds of work of each step as it was planned: the mean over turns and items."""
    found: dict[str, list[float]] = {}
    for step in report.steps:
        found.setdefault(as_planned(step.path), []).append(step.work)
    return {path: sum(works) / len(works) for path, works in found.items()}


def not_with_invoke(result: Result[Any]) -> PauseError:
    """The error for a run that pauses where there is nobody to answer."""
    return PauseError(
        f"the run is paused at {listing(pause.id for pause in result.pauses)}, and invoke() gives only the final state; use "
        f"result = await pipeline.arun(...), then await result.aresume(answers)"
    )
