"""Blocking components in threads: a pool that grows with the work and belongs to the process.

    caller's loop                         worker threads (daemon, idle ones wait in line)
    execute(job) ──▶ queue ────────────▶  job.context.run(job.call)
         ▲                                      │
         └──── loop.call_soon_threadsafe ◀──────┘

A thread can't be stopped. When ``execute`` is cancelled it marks the job, waits until the call has really
ended, and only then raises ``CancelledError``: so nothing of a run is left behind. With ``abandon`` it answers
``Abandoned`` at once; the thread works on, and what it returns is void.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plait.executors.job import Abandoned, Job
from plait.settings import Settings, settings

IDLE_SECONDS = 10.0
MAX_THREADS = Settings().threads


class _Work:
    """One job on its way: its answer, and whom to wake."""

    __slots__ = ("answer", "done", "error", "job", "loop", "waiter")

    def __init__(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        self.job, self.loop = job, loop
        self.answer: Any = None
        self.error: BaseException | None = None
        self.done = False
        self.waiter: asyncio.Future[None] | None = None

    def ended(self) -> None:
        """On the loop: the call has ended."""
        self.done = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class ThreadExecutor:
    """A pool of daemon threads that grows on demand.

    Args:
        max_threads: the most threads that work at once; those that wait inside a nested run don't count, so
            nesting can't dead-lock the pool.
    """

    name = "thread"

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self.max_threads = max_threads
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._queue: deque[_Work] = deque()
        self._threads = 0
        self._idle = 0
        self._blocked = 0
        self._number = 0
        self._closed = False

    async def execute(self, job: Job) -> Any:
        """Run a job in a thread; returns its result, or ``Abandoned``, or raises what it raised.

        Returns only when the call has truly ended, or ``Abandoned``.
        """
        loop = asyncio.get_running_loop()
        work = _Work(job, loop)
        self._submit(work)
        # A loop with a clock of its own (plait.testing.virtual) lets it stand while a thread works.
        tell = getattr(loop, "plait_thread", None)
        if tell is not None:
            tell(1)
        cancelled: asyncio.CancelledError | None = None
        try:
            while not work.done:
                work.waiter = loop.create_future()
                try:
                    await work.waiter
                except asyncio.CancelledError as error:
                    job.cancelled = True
                    if (stop := job.stop) is not None:
                        stop()
                    if self._withdraw(work):
                        raise  # it never began
                    if job.abandon:
                        return Abandoned(job)
                    cancelled = error
            work.waiter = None
            if cancelled is not None:
                raise cancelled
            if work.error is not None:
                raise work.error
            return work.answer
        finally:
            # The error's traceback leads back here: without this, a cycle would keep the values alive.
            work.error = cancelled = None
            if tell is not None:
                tell(-1)

    def _submit(self, work: _Work) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("plait.shutdown() was called; no new work can start")
            self._queue.append(work)
            if self._idle >= len(self._queue):
                self._wake.notify()
                return
            if self._threads - self._blocked >= self.max_threads:
                return
            self._threads += 1
            self._number += 1
            name = f"plait-thread-{self._number}"
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _withdraw(self, work: _Work) -> bool:
        """Take a job back that no thread has begun; False if one has."""
        with self._lock:
            try:
                self._queue.remove(work)
            except ValueError:
                return False
            return True

    def _serve(self) -> None:
        while True:
            with self._lock:
                while not self._queue:
                    if self._closed:
                        self._threads -= 1
                        return
                    self._idle += 1
                    came = self._wake.wait(IDLE_SECONDS)
                    self._idle -= 1
                    if not came and not self._queue:
                        self._threads -= 1
                        return
                work = self._queue.popleft()
            self._run(work)
            del work

    @staticmethod
    def _run(work: _Work) -> None:
        job = work.job
        try:
            if not job.cancelled:
                work.answer = job.context.run(job.call)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the waiting strand must hear of it)
            work.error = error
        try:
            work.loop.call_soon_threadsafe(work.ended)
        except RuntimeError:  # the loop is closed: the job was abandoned and nobody listens any more
            return

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """Mark the calling thread as waiting for a nested run, so that others may work in its place."""
        with self._lock:
            self._blocked += 1
            name = None
            if self._queue and self._threads - self._blocked < self.max_threads:
                self._threads += 1
                self._number += 1
                name = f"plait-thread-{self._number}"
        if name is not None:
            threading.Thread(target=self._serve, name=name, daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._blocked -= 1

    def close(self) -> None:
        """Let idle threads end; running calls end by themselves."""
        with self._lock:
            self._closed = True
            self._wake.notify_all()


_pool: ThreadExecutor | None = None
_pool_lock = threading.Lock()


def thread_pool() -> ThreadExecutor:
    """The process's own pool, made at its first use."""
    global _pool  # noqa: PLW0603  (one pool per process is the point)
    if _pool is None or _pool._closed:  # noqa: SLF001
        with _pool_lock:
            if _pool is None or _pool._closed:  # noqa: SLF001
                _pool = ThreadExecutor(settings().threads)
    return _pool


def close_thread_pool() -> None:
    """End the idle threads of the process's pool; the next use makes a new one."""
    if _pool is not None:
        _pool.close()
