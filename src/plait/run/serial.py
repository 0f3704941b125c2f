"""Serial mode: the same plan, one step at a time in the calling thread, in listed order. For pdb, and for proof.

Blocking components are called right here; async ones run on a private loop, one after another. Limits can't bind
when nothing overlaps, so every request is granted; a timeout applies to async components only.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from plait.context import CURRENT, Cursor, Suspend
from plait.core.component import Component
from plait.core.plan.model import PlannedStep
from plait.core.schedule.commands import Acquire, Cancel, Command, GiveUp, Release, Start, Wake, Withdraw
from plait.core.schedule.events import Granted, RunStarted, Stopped, TimerFired
from plait.errors import StepTimeout
from plait.run.drive import Run
from plait.run.failing import failed
from plait.run.lifecycle import ensure, wants_setup
from plait.run.loops import run_sync
from plait.run.pausing import go_on, look_for_quiet, suspended
from plait.run.values import Frame, arguments, check_arguments, check_result, fill_config, fold, placed, put


class SerialRun(Run):
    """A run without any concurrency."""

    result_of: Callable[[], Any]
    """Makes the result of it, for those who go on with it after a pause."""

    def execute_serially(self, resumed: Sequence[int] = ()) -> None:
        """Run to the end, here and now; ``resumed`` are the tasks with which a paused run goes on."""
        self._ready: list[tuple[int, int, Start]] = []
        self._runner: asyncio.Runner | None = None
        self._wake_at: float | None = None
        fill_config(self.plan, self.root.values, self.config, self.context)
        if not resumed:
            self.started = self.clock()
        if self.teller is not None:
            self.teller.run_started()
        token = CURRENT.set(None)
        try:
            if resumed:
                self._queue(go_on(self, resumed))
            else:
                limit = None if self.deadline is None else self.started + self.deadline
                self._queue(self.handle(RunStarted(self.started, limit)))
            while not self.finished:
                self._next()
        finally:
            CURRENT.reset(token)
            self.ended = self.clock()
            if self._runner is not None:
                self._runner.close()
            if self.teller is not None:
                self.teller.run_finished(self.outcome)

    def _next(self) -> None:
        now = self.clock()
        if self._wake_at is not None and (now >= self._wake_at or not self._ready):
            if now < self._wake_at:
                time.sleep(self._wake_at - now)
            at, self._wake_at = self._wake_at, None
            self._queue(self.handle(TimerFired(max(self.clock(), at))))
            return
        if not self._ready:
            self._queue(look_for_quiet(self))
            return
        self._one(heapq.heappop(self._ready)[2])

    def _queue(self, commands: list[Command]) -> None:
        self.act(commands)
        for each in self.todo:
            frame = self.frames[each.task]
            index = frame.plan.units[each.task - frame.base].steps[each.step].index
            heapq.heappush(self._ready, (index, each.task, each))
        self.todo.clear()

    def _do(self, command: Command, commands: list[Command]) -> None:
        match command:
            case Acquire(task):
                commands += self.handle(Granted(self.clock(), task))
            case Cancel(task):
                if any(
                    start.task == task for _, _, start in self._ready
                ):  # told to start, but its turn had not come
                    self._ready = [entry for entry in self._ready if entry[1] != task]
                    heapq.heapify(self._ready)
                    commands += self.handle(Stopped(self.clock(), task))
            case Release() | Withdraw() | GiveUp():
                return  # nothing is held, and nothing runs that could be given up
            case Wake(at):
                self._wake_at = at if self._wake_at is None else min(at, self._wake_at)
            case _:
                super()._do(command, commands)

    def _one(self, start: Start) -> None:
        task, attempt, first = start.task, start.attempt, start.step
        frame = self.frames[task]
        cursor = Cursor(self, task)
        steps = frame.plan.units[task - frame.base].steps
        cursor.attempt, cursor.first = attempt, steps[first]
        CURRENT.set(cursor)
        ended = self.clock()
        for k in range(first, len(steps)):
            step = cursor.step = steps[k]
            began = self.clock()
            if self.teller is not None:
                self.teller.step_started(placed(frame, step), attempt if k == first else 1, began)
            try:
                self._call(cursor, step, frame)
            except Suspend as error:
                self._queue(suspended(self, cursor, frame, task, step, error, self.clock()))
                return
            except BaseException as error:  # noqa: BLE001  (whatever a step raises is a fact about the step)
                self._queue(failed(self, cursor, frame, task, first, step, error, self.clock()))
                return
            frame.drop(step)
            ended = self.clock()
            self.log.append((task, k, began, ended))
            if self.teller is not None:
                self.teller.step_finished(placed(frame, step), attempt if k == first else 1, ended)
        CURRENT.set(None)
        self._queue(self.scheduler.succeeded(task, ended))

    def _call(self, cursor: Cursor, step: PlannedStep, frame: Frame) -> None:
        values = frame.values
        if step.merge is not None:
            values[step.outputs[0]] = fold(step, values)
            return
        if step.cache is not None:
            from plait.run.caching import call_cached_here

            call_cached_here(self, cursor, step, frame, lambda: self._call_uncached(cursor, step, frame))
            return
        self._call_uncached(cursor, step, frame)

    def _call_uncached(self, cursor: Cursor, step: PlannedStep, frame: Frame) -> Any:
        values = frame.values
        component = step.component
        assert component is not None
        if wants_setup(step):
            self._set_up(component)
        args, kwargs = arguments(step, values, self.extras, lambda: self.step_context(cursor))
        if frame.program.check_types:
            check_arguments(step, values)
        if step.remote:
            from plait.run.remote import call_remote

            result, _ = call_remote(self, cursor, step, None, args, kwargs)
        else:
            result = step.entry(*args, **kwargs)
        if step.is_async or inspect.isawaitable(result):
            result = self._await(result, step)
        if frame.program.check_types:
            check_result(step, result)
        put(step, values, result)
        return result

    def _set_up(self, component: Component) -> None:
        """Set a component up in this thread; only an async ``setup`` may need another one."""
        setting_up = ensure(component, here=True)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._await(setting_up, None)
            return
        if inspect.iscoroutinefunction(component.setup):
            self._await(setting_up, None)
            return
        try:
            setting_up.send(None)  # a blocking one ends at once, without a loop
        except StopIteration:
            return
        setting_up.close()  # another thread is at it: wait for that one
        self._await(ensure(component, here=True), None)

    def _await(self, awaitable: Awaitable[Any], step: PlannedStep | None) -> Any:
        limit = None if step is None else step.timeout

        async def waited() -> Any:
            try:
                return await asyncio.wait_for(awaitable, limit)
            except TimeoutError as error:
                if step is None or limit is None or not _expired(error):
                    raise
                raise StepTimeout(f"step {step.path!r} took longer than its timeout of {limit:g} s") from None

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            if self._runner is None:
                self._runner = asyncio.Runner()  # which lets a step clean up on Ctrl-C
            return self._runner.run(waited(), context=contextvars.copy_context())
        return run_sync(waited)  # this thread's own loop is busy (a notebook): another one serves


def _expired(error: BaseException) -> bool:
    """Whether ``wait_for`` itself raised (it does so from its own cancellation), not the component."""
    return isinstance(error.__cause__, asyncio.CancelledError)
