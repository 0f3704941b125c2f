"""Telling observers what happens. An observer can't break a run: one that raises is removed and logged once.

    on the loop        ──────────────────────────▶ tell ──▶ every observer, in order
    in a thread        ──▶ inbox ──▶ (the loop) ──▶  ▲

There is one order: whoever tells something on the loop takes in first what threads have sent before. So nothing that an
attempt emits comes after its end, whatever thread it came from.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plait import events
from plait.context import Cursor
from plait.core.plan.model import PlannedStep

if TYPE_CHECKING:
    from plait.run.drive import Run
    from plait.run.values import Frame
    from plait.run.watchdog import Stall

logger = logging.getLogger("plait")

_LOOK: Final = 0.05
"""Seconds between two looks of a thread that waits for room, whether it is to stop; room is noticed at once."""


class Follower:
    """An observer that can be full, and that may have asked for what steps write. All but ``crowded`` on the loop."""

    asks_values = False

    def begins(self, run: Run) -> None:
        """The run has its inputs."""

    def wrote(self, path: str, step: PlannedStep, written: Mapping[str, Any]) -> None:
        """A step has finished, and written these keys; the path is the one that it has in this run."""

    def ends(self, run: Run, outcome: str) -> None:
        """Nothing more is written."""

    def room(self) -> Awaitable[Any] | None:
        """Something to await for room, or None."""
        return None

    def crowded(self, coming: int) -> bool:  # noqa: ARG002
        """Whether it is full, with as many values still on their way. Called from threads."""
        return False

    def hold(self, held: Held) -> bool:  # noqa: ARG002
        """Keep a waiting thread until there is room; False if there is."""
        return False


class Held:
    """A thread that waits for room in a stream, or until its step is told to stop."""

    __slots__ = ("_counted", "_free", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._free, self._counted = loop, threading.Event(), False

    def wait(self, stopped: Callable[[], bool]) -> None:
        """In the thread: wait."""
        while not self._free.wait(_LOOK):
            if stopped():
                with suppress(RuntimeError):  # the loop is closed: nobody counts any more
                    self._loop.call_soon_threadsafe(self.let_go)
                return

    def keep(self) -> None:
        """On the loop: it waits. A loop with a clock of its own may go on meanwhile."""
        if self._free.is_set():  # it has left already
            return
        tell = getattr(self._loop, "plait_thread", None)
        if tell is not None:
            self._counted = True
            tell(-1)

    def let_go(self) -> None:
        """On the loop: it goes on."""
        if self._counted:
            self._counted = False
            getattr(self._loop, "plait_thread")(1)  # noqa: B009  (a loop of asyncio's has none)
        self._free.set()


class _Done(NamedTuple):
    """A step that has finished inside a block: which attempt, and in which of the block's branches."""

    step: PlannedStep
    attempt: int
    branch: int


class Teller:
    """The observers of one run. All of them are called on the run's loop, in order."""

    def __init__(self, run: Run, observers: Iterable[Any]) -> None:
        self.run = run
        self.observers = list(observers)
        self._followers = [o for o in self.observers if isinstance(o, Follower)]
        self._readers = [f for f in self._followers if f.asks_values]
        self._inbox: deque[tuple[Cursor | None, events.Event, Held | None]] = deque()
        self._woken = False
        self._void: set[tuple[str, int]] = set()
        """The attempts that are void: what somebody left behind by one still emits comes too late."""
        self._finished: dict[int, list[_Done]] = {}
        """Of each block that is going on (its frame), the steps in it that have finished."""
        self._over = False

    def tell(self, event: events.Event) -> None:
        """Hand one event to every observer, after all that threads have sent before."""
        if self._inbox:
            self._take_in()
        self._hand(event)

    def _hand(self, event: events.Event) -> None:
        for observer in self.observers:
            try:
                observer.on_event(event)
            except Exception as error:  # noqa: BLE001  (whatever it is: the run goes on)
                self._remove(observer, error)

    def _remove(self, observer: Any, error: Exception) -> None:
        for group in ("observers", "_followers", "_readers"):  # never in place: somebody may walk through it
            setattr(self, group, [o for o in getattr(self, group) if o is not observer])
        logger.error(
            "an observer raised and was removed",
            exc_info=error,
            extra={"observer": type(observer).__name__},
        )

    def _at(self, time: float | None = None) -> float:
        return (self.run.clock() if time is None else time) - self.run.started

    # ------------------------------------------------------------------ the run and its attempts
    def run_started(self) -> None:
        """The run began, or goes on after a pause."""
        at = self.run.ended - self.run.started if self._over else 0.0
        self._over = False
        self.tell(events.RunStarted(self.run.run_id, at))
        self._read(lambda reader: reader.begins(self.run))

    def run_finished(self, outcome: str) -> None:
        """The run is over, or paused: then its streams end, and observers will hear of what follows."""
        if self._inbox:
            self._take_in()
        self._read(lambda reader: reader.ends(self.run, outcome))
        self._hand(events.RunFinished(self.run.run_id, self._at(), outcome))
        self._over = True  # whatever a thread that was left behind still emits, this was the last event
        self.observers = [o for o in self.observers if outcome == "paused" and o not in self._followers]
        self._followers, self._readers = [], []
        while self._inbox:
            self._let_go(self._inbox.popleft()[2])

    def step_started(self, step: PlannedStep, attempt: int, time: float) -> None:
        """An attempt began."""
        if step.merge is None:
            self._void.discard((step.path, attempt))  # in a block that is tried again: a fresh one
            self.tell(events.StepStarted(self.run.run_id, self._at(time), step.path, attempt))

    def step_finished(self, step: PlannedStep, attempt: int, time: float) -> None:
        """An attempt succeeded."""
        row = self.run.log[-1]
        if step.merge is None:
            self.tell(
                events.StepFinished(self.run.run_id, self._at(time), step.path, attempt, row[3] - row[2])
            )
        frame = self.run.frames[row[0]]
        node = row[0] - frame.base
        if frame.outer is not None and step.merge is None:
            done = _Done(step, attempt, frame.plan.branch[node])
            self._finished.setdefault(id(frame), []).append(done)
        if self._readers:
            planned = frame.plan.units[node].steps[row[1]]
            written = {
                k: frame.values[slot] for k, slot in zip(planned.keys, planned.outputs, strict=False)
            }  # what decides has an output without a key
            self._read(lambda reader: reader.wrote(step.path, planned, written))

    def step_failed(
        self, step: PlannedStep, attempt: int, error: BaseException, time: float, *, will_retry: bool
    ) -> None:
        """An attempt failed; what it emitted is void."""
        self.tell(events.StepFailed(self.run.run_id, self._at(time), step.path, attempt, error, will_retry))
        self._discard(step, attempt, time)

    def discarded(self, step: PlannedStep, attempt: int) -> None:
        """An attempt was cancelled; what it emitted is void."""
        self._discard(step, attempt, None)

    def _discard(self, step: PlannedStep, attempt: int, time: float | None) -> None:
        self.tell(events.AttemptDiscarded(self.run.run_id, self._at(time), step.path, attempt))
        self._void.add((step.path, attempt))

    def closed(self, base: int, kept: tuple[int, ...] | None) -> None:
        """A block has ended: what was done in it is void, but for the branches that are kept.

        Args:
            base: its first task.
            kept: the branches whose values get out; None if it failed.
        """
        frames = self.run.frames
        inner: Frame = frames[base]
        region, outer = inner.region, inner.outer
        copies = getattr(region, "kind", None) == "map"  # many frames, each with one branch
        kept_on: list[_Done] = []
        while base < len(frames) and frames[base].region is region and frames[base].outer is outer:
            for done in self._finished.pop(id(frames[base]), ()):
                if kept is None or not (copies or done.branch in kept):
                    self._discard(done.step, done.attempt, None)
                else:
                    kept_on.append(done)
            base += len(frames[base].plan.units)
        if kept_on and outer is not None and outer.outer is not None:
            node = next(i for i, unit in enumerate(outer.plan.units) if unit.region is region)
            branch = outer.plan.branch[node]
            self._finished.setdefault(id(outer), []).extend(d._replace(branch=branch) for d in kept_on)

    def _read(self, hand: Callable[[Follower], None]) -> None:
        for reader in self._readers:
            try:
                hand(reader)
            except Exception as error:  # noqa: BLE001  (whatever it is: the run goes on)
                self._remove(reader, error)

    # ------------------------------------------------------------------ what comes from anywhere
    def emitted(self, cursor: Cursor, step: PlannedStep, attempt: int, value: Any) -> None:
        """A component emitted a value, on the loop or in a thread."""
        if self._over:
            return
        event = events.Emitted(self.run.run_id, self._at(), step.path, attempt, value)
        loop = self.run.loop
        if loop is None or _on(loop):  # a serial run has no loop, and one thread at a time
            if self._inbox:
                self._take_in()
            self._tell_emitted(cursor, event)
            return
        held = None
        # Only the thread of a blocking step is made to wait: below an async one the loop itself may wait for a thread.
        waits = cursor.job is not None and not cursor.stopped
        if waits and any(f.crowded(len(self._inbox)) for f in self._followers):
            held = Held(loop)
        self._send_in(cursor, event, held)
        if held is not None:
            held.wait(lambda: cursor.stopped or cursor.abandoned or cursor.fenced or self._over)

    def _tell_emitted(self, cursor: Cursor, event: events.Emitted) -> None:
        if cursor.fenced or cursor.abandoned:  # nothing it does counts any more
            return
        if self._void and (event.path, event.attempt) in self._void:
            return
        self._hand(event)

    def stalled(self, stall: Stall) -> None:
        """The watchdog saw a blocked loop (told from its thread)."""
        event = events.LoopBlocked(
            self.run.run_id, self._at(), stall.path, stall.seconds, stall.stack, stall.cure
        )
        self._send_in(None, event, None)

    def _send_in(self, cursor: Cursor | None, event: events.Event, held: Held | None) -> None:
        """From another thread: leave an event for the loop to take in."""
        self._inbox.append((cursor, event, held))
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed: the run has ended long ago
                self.run.loop.call_soon_threadsafe(self._take_in)

    def _take_in(self) -> None:
        """On the loop: tell what threads have sent so far; who sends more from now on wakes the loop again."""
        self._woken = False
        for _ in range(len(self._inbox)):
            if not self._inbox:  # an observer that emits has led here as well
                return
            cursor, event, held = self._inbox.popleft()
            if cursor is not None and isinstance(event, events.Emitted):
                self._tell_emitted(cursor, event)
            elif not self._over:
                self._hand(event)
            if held is not None and not any(f.hold(held) for f in self._followers):
                held.let_go()

    @staticmethod
    def _let_go(held: Held | None) -> None:
        if held is not None:
            held.let_go()

    def room(self) -> Awaitable[Any] | None:
        """Something to await for room in a stream that is full, or None."""
        if not self._followers or not _on(self.run.loop):  # a thread has waited in ``emit`` itself
            return None
        for follower in self._followers:
            waiting = follower.room()
            if waiting is not None:
                return waiting
        return None


def _on(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
