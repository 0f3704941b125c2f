"""Telling observers what happens. An observer can't break a run: one that raises is removed and logged once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from plait import events
from plait.context import Cursor
from plait.core.plan.model import PlannedStep

if TYPE_CHECKING:
    from plait.run.drive import Run
    from plait.run.watchdog import Stall

logger = logging.getLogger("plait")


class Teller:
    """The observers of one run. All of them are called on the run's loop, in order."""

    def __init__(self, run: Run, observers: Iterable[Any]) -> None:
        self.run = run
        self.observers = list(observers)
        self.rooms = [o.room for o in self.observers if hasattr(o, "room")]

    def tell(self, event: events.Event) -> None:
        """Hand one event to every observer."""
        for observer in self.observers:
            try:
                observer.on_event(event)
            except Exception:
                self.observers = [o for o in self.observers if o is not observer]
                logger.exception(
                    "an observer raised and was removed", extra={"observer": type(observer).__name__}
                )

    def _at(self, time: float | None = None) -> float:
        return (self.run.clock() if time is None else time) - self.run.started

    def run_started(self) -> None:
        """The run began."""
        self.tell(events.RunStarted(self.run.run_id, 0.0))

    def run_finished(self, outcome: str) -> None:
        """The run is over."""
        self.tell(events.RunFinished(self.run.run_id, self._at(), outcome))
        self.observers = []  # whatever a thread that was left behind still emits, this was the last event

    def step_started(self, step: PlannedStep, attempt: int, time: float) -> None:
        """An attempt began."""
        if step.merge is None:
            self.tell(events.StepStarted(self.run.run_id, self._at(time), step.path, attempt))

    def step_finished(self, step: PlannedStep, attempt: int, time: float) -> None:
        """An attempt succeeded."""
        if step.merge is None:
            row = self.run.log[-1]
            self.tell(
                events.StepFinished(self.run.run_id, self._at(time), step.path, attempt, row[3] - row[2])
            )

    def step_failed(
        self, step: PlannedStep, attempt: int, error: BaseException, time: float, *, will_retry: bool
    ) -> None:
        """An attempt failed; what it emitted is void."""
        self.tell(events.StepFailed(self.run.run_id, self._at(time), step.path, attempt, error, will_retry))
        self.tell(events.AttemptDiscarded(self.run.run_id, self._at(time), step.path, attempt))

    def discarded(self, step: PlannedStep, attempt: int) -> None:
        """An attempt was cancelled; what it emitted is void."""
        self.tell(events.AttemptDiscarded(self.run.run_id, self._at(), step.path, attempt))

    def emitted(self, cursor: Cursor, step: PlannedStep, attempt: int, value: Any) -> None:
        """A component emitted a value, on the loop or in a thread."""
        event = events.Emitted(self.run.run_id, self._at(), step.path, attempt, value)
        if self.run.loop is None or _on(self.run.loop):  # a serial run has no loop, and one thread at a time
            self._tell_emitted(cursor, event)
        else:
            self.run.loop.call_soon_threadsafe(self._tell_emitted, cursor, event)

    def _tell_emitted(self, cursor: Cursor, event: events.Emitted) -> None:
        if not cursor.fenced and not cursor.abandoned:  # nothing it does counts any more
            self.tell(event)

    def stalled(self, stall: Stall) -> None:
        """The watchdog saw a blocked loop (told from its thread)."""
        event = events.LoopBlocked(
            self.run.run_id, self._at(), stall.path, stall.seconds, stall.stack, stall.cure
        )
        self.run.loop.call_soon_threadsafe(self.tell, event)

    def room(self) -> Any:
        """Something to await for room in a stream that is full, or None."""
        for room in self.rooms:
            waiting = room()
            if waiting is not None:
                return waiting
        return None


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
