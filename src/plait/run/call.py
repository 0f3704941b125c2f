"""Calls that the drive loop's short path does not know: threads, set-up, copies, merges, odd arguments."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plait.context import Cursor, StepContext
from plait.core.plan.model import PlannedStep
from plait.executors.job import Abandoned, Job, Killed
from plait.executors.thread import thread_pool
from plait.run.lifecycle import ensure, wants_setup
from plait.run.program import Row
from plait.run.values import arguments, check_arguments, check_result, fold, placed, put

if TYPE_CHECKING:
    from plait.run.caching import Keep
    from plait.run.drive import Run
    from plait.run.values import Frame


async def call_slow(run: Run, cursor: Cursor, step: PlannedStep, frame: Frame) -> None:
    """Call one step on the loop, with everything that may come with it, and put its result away."""
    values = frame.values
    if step.merge is not None:
        values[step.outputs[0]] = fold(step, values)
        return
    if step.cache is not None:
        await _caching().call_cached(run, cursor, step, frame)
        return
    await call_uncached(run, cursor, step, frame)


async def call_uncached(run: Run, cursor: Cursor, step: PlannedStep, frame: Frame) -> Any:
    """Call the component itself; its result is put away, and returned."""
    values = frame.values
    component = step.component
    assert component is not None
    if wants_setup(step):
        await ensure(component)
    args, kwargs = arguments(step, values, run.extras, lambda: run.step_context(cursor))
    if frame.program.check_types:
        check_arguments(step, values)
    result = step.entry(*args, **kwargs)
    if step.is_async or inspect.isawaitable(result):
        result = await result
        if cursor.stopped:  # it went on all the same: what it returns is void
            raise asyncio.CancelledError
    if frame.program.check_types:
        check_result(step, result)
    put(step, values, result)
    return result


def _remote() -> Any:
    """What only steps in processes need is loaded by the first of them."""
    from plait.run import remote

    return remote


def _caching() -> Any:
    """What only steps with a cache need is loaded by the first of them."""
    from plait.run import caching

    return caching


async def call_threaded(
    run: Run, cursor: Cursor, frame: Frame, rows: tuple[Row, ...], first: int, keep: Keep | None = None
) -> None:
    """Call a chain of blocking steps in one thread, or inline once all of them have proved instant.

    A step with a cache is alone in its chain; ``keep`` takes its result, in the thread.
    """
    step = rows[0][0]
    cursor.step = step
    if keep is None and step.cache is not None:
        await _caching().call_cached_in_thread(run, cursor, frame, rows, first)
        return
    component = step.component
    assert component is not None
    if wants_setup(step):
        await ensure(component)
    k = first
    while True:
        rest = rows[k - first :]
        learned = [frame.program.learned.get(row[0].index) for row in rest]
        inline = all(entry is not None and entry.inline for entry in learned)
        values = frame.values if not step.abandon else frame.values.copy()
        chain = _Chain(run, cursor, frame, values, rest, keep)
        if inline:
            contextvars.copy_context().run(chain)
        else:
            job = Job(chain, f"step {step.path}", contextvars.copy_context(), abandon=step.abandon)
            chain.job = cursor.job = job
            answer = None
            try:
                answer = await thread_pool().execute(job)
            except asyncio.CancelledError:
                if chain.error is None:
                    if inspect.iscoroutine(chain.pending):
                        chain.pending.close()  # nobody will await it any more
                    raise
                # what it raised meanwhile must not be lost: _settle raises it
            finally:
                cursor.job = None
                if not isinstance(
                    answer, Abandoned
                ):  # a chain that is left behind still looks whether to stop
                    chain.job = None
            if isinstance(answer, Abandoned):
                cursor.abandoned = True
                raise asyncio.CancelledError
            if step.abandon:
                for slot in step.outputs:
                    frame.values[slot] = values[slot]
        k = _settle(run, frame, cursor, chain, k)
        if chain.pending is not None:  # a plain def gave an awaitable: it belongs on the loop
            pending, chain.pending = chain.pending, None
            began = run.clock()
            late = rest[len(chain.rows)][0]
            result = await pending
            if cursor.stopped:
                raise asyncio.CancelledError
            if frame.program.check_types:
                check_result(late, result)
            put(late, frame.values, result)
            if keep is not None:
                await keep.later(cursor, result)
            frame.drop(late)
            run.log.append((cursor.task, k, began, run.clock()))
            k += 1
        if k - first >= len(rows):
            return


def _settle(run: Run, frame: Frame, cursor: Cursor, chain: _Chain, k: int) -> int:
    """Log what a chain did, learn from it, and raise what it raised."""
    for step, t0, t1, cpu in chain.rows:
        learned = frame.program.learned.get(step.index)
        if learned is not None and run.clock is time.perf_counter:  # on a virtual clock all is instant
            switched = learned.saw(t1 - t0)
            if switched is not None:
                run.switched(step, switched)
        run.log.append((cursor.task, k, t0, t1, cpu))
        frame.drop(step)
        k += 1
    error, chain.error = chain.error, None
    if error is not None:
        raise error
    return k


class _Chain:
    """The job of a thread: the steps one after another, until one fails or the job is told to stop."""

    __slots__ = ("cursor", "error", "frame", "job", "keep", "pending", "rows", "run", "steps", "values")

    def __init__(
        self,
        run: Run,
        cursor: Cursor,
        frame: Frame,
        values: list[Any],
        rows: tuple[Row, ...],
        keep: Keep | None,
    ) -> None:
        self.keep = keep
        self.run, self.cursor, self.frame, self.values = run, cursor, frame, values
        self.steps = [row[0] for row in rows]
        self.rows: list[tuple[PlannedStep, float, float, float]] = []
        self.error: BaseException | None = None
        self.pending: Any = None
        self.job: Job | None = None

    def __call__(self) -> None:
        run, cursor, values, check = self.run, self.cursor, self.values, self.frame.program.check_types
        clock, job = run.clock, self.job
        for step in self.steps:
            if job is not None and job.cancelled:
                return
            if job is None or not job.abandon:
                cursor.step = step
            began, cpu = clock(), time.thread_time()
            try:
                args, kwargs = arguments(step, values, run.extras, lambda: run.step_context(cursor))
                if check:
                    check_arguments(step, values)
                if step.remote:
                    result, spent = _remote().call_remote(run, cursor, step, job, args, kwargs)
                    cpu -= spent
                else:
                    result = step.entry(*args, **kwargs)
                if inspect.iscoroutine(result) or (not _plain(result) and inspect.isawaitable(result)):
                    self.pending = result
                    return
                if check:
                    check_result(step, result)
                put(step, values, result)
                if self.keep is not None and (job is None or not job.cancelled):
                    self.keep.now(result)
            except Killed:
                return  # whoever told it to stop knows why
            except BaseException as error:  # noqa: BLE001  (carried to the strand, with the steps that succeeded before it)
                self.error = error
                return
            self.rows.append((step, began, clock(), time.thread_time() - cpu))


_PLAIN = (str, int, float, bool, list, dict, tuple, set, type(None), bytes)


def _plain(value: Any) -> bool:
    return type(value) in _PLAIN


def context_of(run: Run, cursor: Cursor) -> StepContext:
    """What the step that a strand is in can know of its run."""
    step = cursor.step
    attempt = cursor.attempt if step is cursor.first else 1
    began = run.clock()
    teller = run.teller
    frame = run.frames[cursor.task]
    told, path = placed(frame, step), frame.path(step.path)

    def charge(tokens: int, resource: str | None) -> None:
        _charging(run, cursor, path)(tokens, resource)

    return StepContext(
        run_id=run.run_id,
        path=path,
        attempt=attempt,
        config=run.config,
        deadline=lambda: _left(run, step, began),
        cancelled=lambda: cursor.stopped,
        emit=None if teller is None else lambda value: teller.emitted(cursor, told, attempt, value),
        room=None if teller is None else teller.room,
        interrupt=lambda message: _ask(run, cursor, step, attempt, message),
        # What it holds is known now; later, an abandoned thread would find what another attempt holds.
        charge=charge if frame.plan.needs[cursor.task - frame.base] is None else _charging(run, cursor, path),
    )


def _charging(run: Run, cursor: Cursor, path: str) -> Callable[[int, str | None], None]:
    from plait.run.admit import charging  # only runs that need admission load it otherwise

    return charging(run, cursor, path)


def _ask(run: Run, cursor: Cursor, step: PlannedStep, attempt: int, message: Any) -> Any:
    from plait.run.pausing import ask

    return ask(run, cursor, step, attempt, message)


def _left(run: Run, step: PlannedStep, began: float) -> float | None:
    now = run.clock()
    ends = [] if step.timeout is None else [began + step.timeout]
    if run.deadline is not None:
        ends.append(run.started + run.deadline)
    return max(0.0, min(ends) - now) if ends else None
