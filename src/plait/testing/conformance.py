"""Proof for people who write an executor, an observer or a store: each promise is tried, and what breaks it is named.

    async def test_my_executor():
        await check_executor(MyExecutor)

    check_observer(MyObserver)

    check_cache_store(MyStore)

An executor has one method, ``async execute(job)``. It calls ``job.call()`` in ``job.context`` and returns what that
returns, or raises what it raises, and only when the call has truly ended. When it is cancelled it sets
``job.cancelled``, waits for the call, and raises ``CancelledError``; with ``job.abandon`` it may answer ``Abandoned``
at once instead.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from plait import events
from plait.executors.job import Abandoned, Job
from plait.testing._stores import check_cache_store

__all__ = ["check_cache_store", "check_executor", "check_observer"]

PATIENCE = 10.0
"""Seconds after which something counts as hanging."""

HUGE = 16 * 1024 * 1024
"""Bytes of the huge value."""

MANY = 64
"""Jobs at once."""

_WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


async def check_executor(make: Callable[[], Any]) -> None:
    """Prove that an executor keeps what Plait relies on.

    Args:
        make: makes a fresh executor; called once for each promise. If what it makes has ``close()``, that is called
            at the end of each, and awaited where it asks for it.

    Raises:
        AssertionError: naming the promise that does not hold, and what happened instead.
    """
    for promise, trial in _EXECUTOR:
        executor = make()
        try:
            await asyncio.wait_for(trial(executor.execute), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{promise}: it took longer than {PATIENCE:g} s") from None
        except AssertionError as error:
            raise AssertionError(f"{promise}: {error}") from error
        finally:
            close = getattr(executor, "close", None)
            if close is not None:
                closing = close()
                if inspect.isawaitable(closing):
                    await closing


Execute = Callable[[Job], Awaitable[Any]]


def _job(call: Callable[[], Any], *, abandon: bool = False) -> Job:
    return Job(call, "conformance", contextvars.copy_context(), abandon=abandon)


def _same(found: object, wanted: object, what: str) -> None:
    if found is not wanted:
        raise AssertionError(f"{what} is {_short(found)}, not the very object")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."


async def _success(execute: Execute) -> None:
    for value in (object(), None, False, [], asyncio.CancelledError()):
        _same(await execute(_job(partial(_give, value))), value, "the answer")


def _give(value: Any) -> Any:
    return value


async def _failure(execute: Execute) -> None:
    error = ValueError("conformance")
    cause = KeyError("cause")

    def fails() -> None:
        raise error from cause

    await _raises(execute(_job(fails)), error)
    if error.__cause__ is not cause:
        raise AssertionError(f"the error's cause is {error.__cause__!r}, not {cause!r}")
    if "fails" not in [entry.name for entry in traceback.extract_tb(error.__traceback__)]:
        raise AssertionError("the traceback does not lead to the line that raised")


async def _raises(running: Awaitable[Any], error: BaseException) -> None:
    try:
        answer = await running
    except BaseException as raised:
        task = asyncio.current_task()
        if raised is not error and task is not None and task.cancelling():
            raise  # our patience is at its end
        _same(raised, error, "what was raised")
    else:
        raise AssertionError(f"it answered {_short(answer)} instead of raising {error!r}")


async def _base_exception(execute: Execute) -> None:
    for kind in (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
        error = kind("conformance")

        def fails(error: BaseException = error) -> None:
            raise error

        await _raises(execute(_job(fails)), error)
    _same(await execute(_job(lambda: None)), None, "the answer of the next job")


async def _huge(execute: Execute) -> None:
    value = bytearray(HUGE)
    answer = await execute(_job(lambda: value))
    if len(answer) != HUGE:
        raise AssertionError(f"{HUGE} bytes came back as {len(answer)}")


async def _context(execute: Execute) -> None:
    token = _WORD.set("outside")
    try:
        seen = await execute(_job(_word_and_change_it))
    finally:
        _WORD.reset(token)
    if seen != "outside":
        raise AssertionError(f"the call saw {seen!r}, not the value of the job's context")
    if _WORD.get() != "none":
        raise AssertionError("what the call set is seen by the caller")
    seen = await execute(_job(_word_and_change_it))
    if seen != "none":
        raise AssertionError(f"a later call saw {seen!r}, which an earlier one had set")


def _word_and_change_it() -> str:
    word = _WORD.get()
    _WORD.set("inside")
    return word


class _Gate:
    """A call that says when it has begun, and ends when it is told to."""

    def __init__(self) -> None:
        self.began, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        self.go.wait(PATIENCE * 2)
        self.ended.set()
        return "late"

    async def until_it_began(self) -> None:
        await _until(self.began)


async def _until(event: threading.Event) -> None:
    """Wait for a thread, without one of our own."""
    until = time.monotonic() + PATIENCE
    while not event.is_set() and time.monotonic() < until:  # noqa: ASYNC110  (a thread sets it)
        await asyncio.sleep(0.001)


async def _does_not_block(execute: Execute) -> None:
    gate = _Gate()
    loop = asyncio.get_running_loop()
    beat = loop.call_later(0.01, gate.go.set)
    stood_still = threading.Event()

    def free() -> None:
        stood_still.set()  # first: the call goes on at once, and this thread may still be alive by then
        gate.go.set()

    stuck = threading.Timer(PATIENCE / 10, free)
    stuck.start()
    try:
        await execute(_job(gate))
        if beat.when() > loop.time():
            raise AssertionError("the call ended before it was told to")
        if stood_still.is_set():
            raise AssertionError("the event loop stood still while the call ran")
    finally:
        stuck.cancel()
        gate.go.set()


async def _cancelled(execute: Execute) -> None:
    gate = _Gate()
    job = _job(gate)
    task = asyncio.ensure_future(execute(job))
    try:
        await gate.until_it_began()
        for _ in range(3):  # as Plait does when a step does not stop
            task.cancel()
            await asyncio.sleep(0.02)
        if task.done():
            raise AssertionError("it ended while the call was still running")
        if not job.cancelled:
            raise AssertionError("job.cancelled was not set, so a call that would stop by itself can't know")
        gate.go.set()
        await asyncio.wait([task])
        if not gate.ended.is_set():
            raise AssertionError("it ended before the call had")
        if not task.cancelled():
            answer = task.exception() or task.result()
            raise AssertionError(f"it gave {_short(answer)}; a job that was cancelled raises CancelledError")
    finally:
        gate.go.set()
        await _settle(task)


async def _abandoned(execute: Execute) -> None:
    gate = _Gate()
    job = _job(gate, abandon=True)
    task = asyncio.ensure_future(execute(job))
    try:
        await gate.until_it_began()
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE / 10)
        if not task.done():
            raise AssertionError("a job that may be abandoned was waited for")
        if task.cancelled() or task.exception() is not None or not isinstance(task.result(), Abandoned):
            raise AssertionError("it did not answer Abandoned, although the call still runs")
        if not job.cancelled:
            raise AssertionError("job.cancelled was not set")
        _same(task.result().job, job, "the job of the answer")
    finally:
        gate.go.set()
        await _settle(task)
        if gate.began.is_set():
            await _until(gate.ended)
    _same(await execute(_job(lambda: None)), None, "the answer of the next job")


async def _settle(task: asyncio.Future[Any]) -> None:
    await asyncio.wait([task], timeout=PATIENCE / 2)
    if task.done() and not task.cancelled():
        task.exception()


async def _many(execute: Execute) -> None:
    calls = [0] * MANY

    def call(n: int) -> int:
        calls[n] += 1
        if n % 8 == 7:
            raise ValueError(n)
        return n

    jobs = [execute(_job(partial(call, n))) for n in range(MANY)]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    for n, answer in enumerate(answers):
        right = isinstance(answer, ValueError) and answer.args == (n,) if n % 8 == 7 else answer == n
        if not right:
            raise AssertionError(f"job {n} of {MANY} was answered {_short(answer)}")
    if calls != [1] * MANY:
        raise AssertionError(f"the jobs were called {sorted(set(calls))} times, not once each")


async def _one_of_many_cancelled(execute: Execute) -> None:
    gates = [_Gate() for _ in range(2)]
    tasks = [asyncio.ensure_future(execute(_job(gate))) for gate in gates]
    try:
        for gate in gates:
            await gate.until_it_began()
        tasks[0].cancel()
        await asyncio.sleep(0.02)
        gates[1].go.set()
        await asyncio.wait([tasks[1]])
        if tasks[1].cancelled() or tasks[1].exception() is not None or tasks[1].result() != "late":
            raise AssertionError("cancelling one job changed the answer of another")
    finally:
        for gate, task in zip(gates, tasks, strict=True):
            gate.go.set()
            await _settle(task)


_EXECUTOR: tuple[tuple[str, Callable[[Execute], Awaitable[None]]], ...] = (
    ("a job that succeeds gives its own object", _success),
    ("a job that fails raises its own object", _failure),
    ("a BaseException comes out and harms nobody", _base_exception),
    ("a huge value comes through", _huge),
    ("a call sees the job's context variables, and only they", _context),
    ("the event loop goes on while a call runs", _does_not_block),
    ("a cancelled job is answered when its call has truly ended", _cancelled),
    ("a job that may be abandoned is answered at once", _abandoned),
    ("many jobs at once get their own answers, once each", _many),
    ("cancelling one job leaves the others alone", _one_of_many_cancelled),
)


def check_observer(make: Callable[[], Any]) -> None:
    """Prove that an observer takes every event of every kind, and that a run is not harmed by one that breaks.

    The observer gets a whole run: a step that succeeds and emits, one that is tried again, and one that fails; its events
    come in order, beside an observer that raises each time and must be removed and logged once.

    Args:
        make: makes a fresh observer, an object with ``on_event(event)``.

    Raises:
        AssertionError: naming the event at which the observer raised, or the promise that does not hold.
    """
    from plait.run.tell import Teller

    events_ = _one_of_each()
    observer = make()
    for event in events_:
        try:
            observer.on_event(event)
        except Exception as error:
            raise AssertionError(
                f"it raised {error!r} at {type(event).__name__}: such an observer is removed"
            ) from error

    seen: list[Any] = []
    broken, records = _Broken(), _Records()
    inner = make()
    teller = Teller(None, [broken, _Before(inner, seen)])  # type: ignore[arg-type]  # `tell` needs no run
    logger = logging.getLogger("plait")
    logger.addHandler(records)
    try:
        for event in events_:
            teller.tell(event)
    finally:
        logger.removeHandler(records)
    if [event is wanted for event, wanted in zip(seen, events_, strict=False)] != [True] * len(events_):
        raise AssertionError("the events did not come in order, each once")
    if broken.calls != 1 or len(records.found) != 1:
        raise AssertionError(
            f"one that raises was called {broken.calls} times and logged {len(records.found)} times"
        )


def _one_of_each() -> list[Any]:
    run, path, error = "conformance", "block/step", ValueError("conformance")
    return [
        events.RunStarted(run, 0.0),
        events.StepStarted(run, 0.1, path, 1),
        events.Emitted(run, 0.2, path, 1, object()),
        events.StepFailed(run, 0.3, path, 1, error, will_retry=True),
        events.AttemptDiscarded(run, 0.3, path, 1),
        events.StepStarted(run, 0.4, path, 2),
        events.LoopBlocked(run, 0.6, path, 0.2, "stack", "cure"),
        events.Emitted(run, 0.7, path, 2, None),
        events.StepFinished(run, 0.8, path, 2, 0.4),
        events.StepStarted(run, 0.8, "other", 1),
        events.StepFailed(run, 0.9, "other", 1, error, will_retry=False),
        events.AttemptDiscarded(run, 0.9, "other", 1),
        events.RunFinished(run, 1.0, "failed"),
    ]


class _Broken:
    """An observer that always raises."""

    def __init__(self) -> None:
        self.calls = 0

    def on_event(self, event: Any) -> None:
        self.calls += 1
        raise RuntimeError(f"broken on purpose, at {type(event).__name__}")


class _Before:
    """Notes an event and hands it on."""

    def __init__(self, observer: Any, seen: list[Any]) -> None:
        self.observer, self.seen = observer, seen

    def on_event(self, event: Any) -> None:
        self.seen.append(event)
        self.observer.on_event(event)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)
