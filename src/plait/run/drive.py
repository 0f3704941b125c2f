"""The drive loop: carries out what the scheduler says, one asyncio Task per strand.

A strand runs a segment, tells the scheduler, and goes on with the highest-ranked task that this made ready; only
further ones get Tasks of their own (eager on Python 3.12+). So a chain needs no Task at all: the caller's own
Task leads, up to the first fork, as long as nothing has a timeout, a deadline or a thread to wait for.

Who may cancel what: ``Cancel`` is delivered to our Tasks only and counted, and exactly those are uncancelled. A
``CancelledError`` that nobody asked for is the step's failure; one that came from outside stops the run and wins.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from plait.context import CURRENT, Cursor, StepContext
from plait.core.plan.model import PlannedStep, RegionPlan
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Close,
    Command,
    Expand,
    Expired,
    Finish,
    GiveUp,
    Open,
    Release,
    Retrying,
    Start,
    Wake,
    Withdraw,
)
from plait.core.schedule.events import (
    CancelRequested,
    Event,
    Granted,
    RunStarted,
    Switched,
    TimerFired,
)
from plait.core.schedule.scheduler import Scheduler
from plait.run.call import call_slow, call_threaded, context_of
from plait.run.program import Program
from plait.run.values import Frame, check_arguments, check_result, fill_config, placed
from plait.run.watchdog import Stall, Watchdog

if TYPE_CHECKING:
    from plait.run.admit import Admitted
    from plait.run.pausing import Pauses
    from plait.run.tell import Teller
    from plait.run.trouble import Trouble

logger = logging.getLogger("plait")

_EagerTask: Any = asyncio.Task  # ``eager_start`` came with 3.12

EAGER: Final = hasattr(asyncio, "eager_task_factory")

_LONG: Final = 0.05
"""Seconds. Behind a step in the caller's own Task that took longer we ask at once whether that was cancelled, behind
quicker ones only at the end of the segment: asking costs as much as a step."""

_BATCH: Final = 256
"""The most Tasks that are made in one go."""


@functools.cache  # (an import that finds its module loaded takes longer than a step)
def _more(name: str) -> Any:
    """What only some runs need is loaded by the first that does: those that fail or stop, open regions, or pause."""
    return import_module(f"plait.run.{name}")


class Run:
    """One run of a plan: frames of values, strands, timers. Made and used on one event loop."""

    __slots__ = (
        "_baseline",
        "_bug",
        "_done",
        "_index",
        "_leader",
        "_ramp",
        "_starting",
        "_timer",
        "_timer_at",
        "_trouble",
        "admitted",
        "called_off",
        "clock",
        "config",
        "context",
        "deadline",
        "dropped",
        "ended",
        "extras",
        "finished",
        "frames",
        "lead",
        "leading",
        "log",
        "loop",
        "make_id",
        "outcome",
        "outer_cancel",
        "outer_cursor",
        "pauses",
        "plan",
        "program",
        "root",
        "scheduler",
        "started",
        "strands",
        "teller",
        "todo",
    )

    def __init__(
        self,
        program: Program,
        *,
        run_id: Callable[[], str],
        config: Mapping[str, Any],
        context: Mapping[str, Any],
        limits: Any,
        grace: float = 5.0,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        plan = self.plan = program.plan
        self.program, self.config, self.context = program, config, context
        self.scheduler = Scheduler(plan, grace=grace)
        self.root = root = Frame(program, 0, None, None)
        self.frames: list[Any] = [root] * len(plan.units)
        self.extras: Mapping[str, Any] = {}
        self.log: list[Any] = []
        self.finished = self._starting = False
        self.outcome = ""
        self.started = self.ended = self._timer_at = 0.0
        self.clock, self.deadline, self.make_id = clock, deadline, run_id
        self.teller: Teller | None = None
        if observers:
            from plait.run.tell import Teller

            self.teller = Teller(self, observers)
        self.admitted: Admitted | None = None
        if program.needs:
            from plait.run.admit import Admitted

            self.admitted = Admitted(self, limits)
        self.loop: Any = None
        self.outer_cancel: asyncio.CancelledError | None = None
        self.outer_cursor: Cursor | None = None
        self._trouble: Trouble | None = None
        self.pauses: Pauses | None = None
        self.strands: set[Cursor] = set()
        self.todo: deque[Start] = deque()
        self._ramp = 1
        self._done: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._baseline = 0
        self._bug: BaseException | None = None
        self.called_off = 0
        """How many Tasks were cancelled before their first turn, and have yet to take it."""
        self._leader: asyncio.Task[Any] | None = None
        self.lead: Cursor | None = None
        self.leading = -1
        self._index: dict[int, Cursor] | None = None
        self.dropped: set[int] = set()

    @property
    def trouble(self) -> Trouble:
        """What went wrong so far."""
        if self._trouble is None:
            from plait.run.trouble import Trouble

            self._trouble = Trouble()
        return self._trouble

    @property
    def has_trouble(self) -> bool:
        """Whether anything went wrong, even if the run succeeded."""
        return self._trouble is not None

    # ------------------------------------------------------------------ the whole of it
    async def execute(self, resumed: Sequence[int] = ()) -> None:
        """Run to the end: afterwards nothing of the run runs any more, and ``outcome`` tells how it ended.

        Args:
            resumed: the tasks with which a paused run goes on.
        """
        loop = self.loop = asyncio.get_running_loop()
        # Timers are the loop's: one with a clock of its own (plait.testing.virtual) measures the run as well.
        self.clock = getattr(loop, "plait_clock", self.clock)
        fill_config(self.plan, self.root.values, self.config, self.context)
        cursor = Cursor(self, 0)
        outer = CURRENT.get()
        self.outer_cursor = outer if isinstance(outer, Cursor) else None
        if self.admitted is not None:
            self.admitted.open(self.outer_cursor)
        if self.outer_cursor is not None:
            self.outer_cursor.nested = {*(self.outer_cursor.nested or ()), self}
        me = self._leader = asyncio.current_task(loop)
        if me is not None:
            self._baseline = me.cancelling()
            # Asked to stop, but not yet told: the next await raises it, and it is for us. (No public way to see it.)
            if getattr(me, "_must_cancel", False):
                self._baseline -= 1
        watched = WATCHDOG.enter(loop, self)
        if not resumed:
            self.started = self.clock()
        if self.teller is not None:
            self.teller.run_started()
        token = CURRENT.set(cursor)
        try:
            if resumed:
                self.act(_more("pausing").go_on(self, resumed))
            else:
                limit = None if self.deadline is None else self.started + self.deadline
                self.act(self.handle(RunStarted(self.started, limit)))
            todo = self.todo
            if len(todo) == 1 and self.deadline is None and self._can_lead(todo[0]):
                self.lead = cursor
                cursor.coroutine = self._strand(cursor, todo.popleft(), lead=True)
                await cursor.coroutine
                self.leading = -1
            elif todo:
                self._start_more()
            if self.scheduler.suspended:
                self.act(_more("pausing").look_for_quiet(self))
            if not self.finished or self.called_off:
                await self._wait()
            if self._bug is not None:
                raise self._bug
        except GeneratorExit:  # closed from outside, as a step that would not stop: the strands go, too
            _more("failing").close_all(self)
            raise
        finally:
            try:  # noqa: SIM105  (three calls fewer, for every run)
                CURRENT.reset(token)
            except ValueError:  # closed from outside, in another context
                pass
            if self.outer_cursor is not None:
                self.outer_cursor.nested -= {self}
            del watched.runs[self]
            self.lead = (
                None  # its cursor knows the run: together they would wait for the collector, with all values
            )
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self.admitted is not None:
                self.admitted.close()
            self.ended = self.clock()
            if self.teller is not None:
                self.teller.run_finished(self.outcome)

    async def _wait(self) -> None:
        while not self.finished or self.called_off:
            done: asyncio.Future[None] = self.loop.create_future()
            self._done = done
            try:
                await done
            except asyncio.CancelledError as error:
                self._cancel_from_outside(error)
        self._done = None

    def _cancel_from_outside(self, error: asyncio.CancelledError) -> None:
        self._go(self.stop_from_outside(error))

    def stop_from_outside(self, error: asyncio.CancelledError) -> list[Command]:
        """The caller's Task was cancelled: the run stops, and raises that in the end."""
        self.outer_cancel = error
        return [] if self.finished else self.handle(CancelRequested(self.clock()))

    def handle(self, event: Event) -> list[Command]:
        """Log a fact and let the scheduler decide."""
        self.log.append(event)
        return self.scheduler.handle(event)

    def _can_lead(self, start: Start) -> bool:
        frame = self.frames[start.task]
        if frame.program.blocks[start.task - frame.base].owned:
            return False
        if not frame.may_be_led:
            return False
        # What waits for admission may start, and fail, while the caller's own Task is busy: that can't be cancelled.
        return self.admitted is None or not self.admitted.waiting

    def leader_told(self) -> bool:
        """Whether the caller's own Task was cancelled since the run began."""
        return self._leader is not None and self._leader.cancelling() > self._baseline

    # ------------------------------------------------------------------ strands
    async def _strand(self, cursor: Cursor, start: Start, lead: bool = False) -> None:
        task, attempt, first = start.task, start.attempt, start.step
        now, log, frames, todo = self.clock, self.log.append, self.frames, self.todo
        scheduler, teller = self.scheduler, self.teller
        if not lead:
            CURRENT.set(cursor)
        k, step, long = first, None, _LONG if lead else math.inf
        try:
            while True:
                frame = frames[task]
                block = frame.program.blocks[task - frame.base]
                values = frame.values
                rows = block.rows if not first else block.rows[first:]
                cursor.task, cursor.attempt, cursor.first = task, attempt, rows[0][0]
                if lead:
                    self.leading = task
                k = first
                t0 = now()
                if teller is not None:
                    teller.step_started(placed(frame, rows[0][0]), attempt, t0)
                try:
                    if block.threaded:
                        await call_threaded(self, cursor, frame, rows, first)
                        t0 = self.log[-1][3]
                    else:
                        for step, fn, one, slots, flat_in, out, flat_out, frees in rows:
                            cursor.step = step
                            if fn is None:
                                await call_slow(self, cursor, step, frame)
                            else:
                                if one >= 0:
                                    value = values[one]
                                    if flat_in is not None and not isinstance(value, flat_in):
                                        check_arguments(step, values)
                                    value = await fn(value)
                                else:
                                    value = await fn(*[values[s] for s in slots])
                                if flat_out is not None and not isinstance(value, flat_out):
                                    check_result(step, value)
                                if cursor.stopped:  # it went on all the same: what it returns is void
                                    raise asyncio.CancelledError
                                if out >= 0:
                                    values[out] = value
                                value = None
                            if frees:
                                frame.drop(step)
                            t1 = now()
                            if t1 - t0 > long and self.leader_told():
                                raise asyncio.CancelledError  # the step ignored it; the run does not
                            log((task, k, t0, t1))
                            t0 = t1
                            k += 1
                except BaseException as error:  # (whatever a step raises is a fact about the step)
                    if cursor.fenced:
                        break
                    if isinstance(error, GeneratorExit) and self._closed_from_outside(cursor):
                        raise
                    commands = _more("failing").ended_badly(
                        self, cursor, frame, task, first, cursor.step or rows[0][0], error, lead=lead
                    )
                else:
                    if cursor.fenced:
                        break
                    if teller is not None:
                        teller.step_finished(placed(frame, cursor.step), attempt, t0)
                    commands = scheduler.succeeded(task, t0)
                    if lead and self.leader_told():  # the step ignored it; the run does not
                        commands += self.stop_from_outside(asyncio.CancelledError())
                if not cursor.abandoned:  # its thread may still ask where it is
                    cursor.step = None
                if commands:
                    self.act(commands)
                if not todo:
                    break
                if cursor.cancels:  # this Task was told to stop: what follows starts in another one
                    self._start_soon()
                    break
                following = todo.popleft()
                if lead and (todo or not self._can_lead(following)):
                    todo.appendleft(following)
                    self._start_more()
                    break
                if todo and not self._starting:
                    self._start_soon()
                if self.dropped and following.task in self.dropped:
                    todo.appendleft(following)
                    alive = self._undropped()
                    if alive is None:
                        break
                    following = alive
                task, attempt, first = following.task, following.attempt, following.step
            if not lead:
                self.strands.discard(cursor)
                cursor.atask = None
                if self.scheduler.suspended:
                    self.act(_more("pausing").look_for_quiet(self))
        except GeneratorExit:
            raise  # closed from outside: nobody is left to tell
        except BaseException as bug:
            self._broken(bug)
            if lead:
                raise

    @staticmethod
    def _closed_from_outside(cursor: Cursor) -> bool:
        """Whether ``GeneratorExit`` came from somebody who closes our coroutine, and not from the step in it."""
        try:
            running = asyncio.current_task()
        except RuntimeError:
            return True
        return running is None or (cursor.atask is not None and running is not cursor.atask)

    def _undropped(self) -> Start | None:
        """The next task on the list that was not called off meanwhile."""
        while self.todo:
            start = self.todo.popleft()
            if start.task not in self.dropped:
                return start
            self.dropped.remove(start.task)
        return None

    def _start_soon(self) -> None:
        """Look at the list again as soon as the loop gets the word: whoever is busy now may suspend."""
        if not self._starting:
            self._starting = True
            self.loop.call_soon(self._start_more)

    def _start_more(self) -> None:
        """Give what is on the list Tasks of its own.

        A strand that ends without ever suspending takes the next from the list itself, so a fan-out of instant
        branches needs one Task, not one each. Eager Tasks (3.12+) tell at once whether they suspend; before
        that, Tasks are made one, two, four … at a time, as long as those before have not emptied the list.
        """
        todo, loop = self.todo, self.loop
        self._starting = True
        made = 0
        while todo and (EAGER or made < self._ramp):
            start = self._undropped() if self.dropped else todo.popleft()
            if start is None:
                break
            cursor = Cursor(self, start.task)
            self.strands.add(cursor)
            made += 1
            coroutine = cursor.coroutine = self._strand(cursor, start)
            if EAGER:
                task = _EagerTask(coroutine, loop=loop, eager_start=True)
                if not task.done():
                    cursor.atask = task
            else:  # the constructor itself: create_task only adds a look at factories meant for others' tasks
                cursor.atask = asyncio.Task(coroutine, loop=loop, name="plait-strand")
        if todo:
            self._ramp = min(self._ramp * 2, _BATCH)
            loop.call_soon(self._start_more)
        else:
            self._starting, self._ramp = False, 1

    def _go(self, commands: list[Command]) -> None:
        """Carry out commands from outside of a strand."""
        self.act(commands)
        if self.todo:
            self._start_more()

    # ------------------------------------------------------------------ acting
    def act(self, commands: list[Command]) -> None:
        """Carry out commands; what is to start goes on the list, in the scheduler's order."""
        self._index = None
        try:
            for command in commands:  # grows while it is walked: a grant at once leads to more
                kind = type(command)
                if kind is Start:
                    self.todo.append(command)  # type: ignore[arg-type]  # kind says so
                elif kind is Finish:
                    self._finish(command.outcome)  # type: ignore[union-attr]
                else:
                    self._do(command, commands)
        except Exception as bug:
            self._broken(bug)
            raise

    def _broken(self, bug: BaseException) -> None:
        """Ours, not a step's: the caller must hear of it rather than wait for ever."""
        if self._bug is None and not self.finished:
            self._bug = bug
            self._finish("failed")
            for cursor in self.strands:
                if cursor.atask is not None:
                    cursor.atask.cancel()

    def _do(self, command: Command, commands: list[Command]) -> None:
        match command:
            case Acquire(task):
                assert self.admitted is not None
                if self.admitted.acquire(task):
                    commands += self.handle(Granted(self.clock(), task))
            case Release(task):
                assert self.admitted is not None
                for granted in self.admitted.release(task):
                    commands += self.handle(Granted(self.clock(), granted))
            case Expand(task, turn):
                commands += self.handle(_more("opening").answer(self, task, turn))
            case Open():
                _more("opening").opened(self, command)
            case Close(_, base, kept):
                _more("opening").closed(self, base, kept)
            case Withdraw(task):
                assert self.admitted is not None
                self.admitted.withdraw(task)
            case Wake(at):
                self._wake(at)
            case Cancel(task, cause):
                commands += _more("failing").cancel(self, task, cause)
            case GiveUp(task):
                commands += _more("failing").give_up(self, task)
            case Expired(task, attempt):
                commands += _more("failing").expired(self, task, attempt)
            case Retrying(task, step, attempt):
                self.trouble.errors.pop((task, step, attempt - 1), None)
            case Start() | Finish():
                raise AssertionError(command)  # act has seen to these

    def _finish(self, outcome: str) -> None:
        self.finished, self.outcome = True, outcome
        self.let_go()

    def let_go(self) -> None:
        """Wake up whoever waits for the end."""
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def granted(self, task: int) -> None:
        """Admission calls this on the run's loop, some time after a request that had to wait."""
        self._go(self.handle(Granted(self.clock(), task)))

    def region_of(self, task: int) -> RegionPlan:
        """The region that a task is."""
        frame = self.frames[task]
        region: RegionPlan = frame.plan.units[task - frame.base].region
        return region

    def _wake(self, at: float) -> None:
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_later(max(0.0, at - self.clock()), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        if not self.finished:
            self._go(self.handle(TimerFired(max(self.clock(), self._timer_at))))

    # ------------------------------------------------------------------ for those who stop it, ask it and watch it
    def strand_of(self, task: int) -> Cursor | None:
        """The strand that is at a task, if it has begun."""
        if self._index is None:
            self._index = {cursor.task: cursor for cursor in self.strands}
        return self._index.get(task)

    def forget(self, cursor: Cursor) -> None:
        """A strand ended, or is given up."""
        self.strands.discard(cursor)
        self._index = None

    def waits_for_thread(self) -> bool:
        """Whether a thread works for one of its steps, which nobody can stop."""
        return any(waits_for_thread(cursor) for cursor in self.strands)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.make_id()

    def step_context(self, cursor: Cursor) -> StepContext:
        """The context of the step a strand is in."""
        return context_of(self, cursor)

    def switched(self, step: PlannedStep, where: str) -> None:
        """A component was promoted to inline or sent back to threads: a fact of this run."""
        self.handle(Switched(self.clock(), step.index, where))

    def stalled(self, stall: Stall) -> None:
        """The watchdog saw a step of this run block the loop (told from its thread)."""
        if self.teller is not None:
            self.teller.stalled(stall)


def waits_for_thread(cursor: Cursor) -> bool:
    """Whether a strand waits for a thread, its own or that of a run that its step has started."""
    return cursor.job is not None or any(run.waits_for_thread() for run in cursor.nested or ())


WATCHDOG: Final = Watchdog(Run._strand.__code__)  # noqa: SLF001  (the frame that the watchdog looks for)
