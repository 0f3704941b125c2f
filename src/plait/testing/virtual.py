"""An event loop on which time is a number: nothing sleeps, and the order of what is ready comes from a seed.

ready callbacks?  ── yes ──▶ run them, in an order drawn from the seed
     │ no
a thread at work? ── yes ──▶ wait for it; the clock stands (for a step's thread only so long: see below)
     │ no
a timer?          ── yes ──▶ put the clock to its time
     │ no
Deadlock

A step in a thread may itself wait for the clock, as one does that blocks until its timeout has passed. So when such a
thread has worked for ``patience`` real seconds and a timer is set, time goes on.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlock(RuntimeError):
    """Everything waits, and nothing that could wake anything is left."""


class _Clock(selectors.DefaultSelector):  # type: ignore[misc, valid-type, unused-ignore]
    """A selector that puts the clock forward instead of waiting."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self.now, self.patience, self.waited = 0.0, patience, 0.0
        self.threads = 0
        """Threads that are waited for as long as it takes."""
        self.steps = 0
        """Threads of steps, which may wait for the clock."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if self.threads or (self.steps and timeout is None):
            return super().select(None)
        if self.steps and (ready := self._wait()):
            return ready
        if timeout is not None:
            self.now += timeout
            self.waited = 0.0
            return []
        # A thread that the loop does not know of may still call in.
        if ready := self._wait():
            return ready
        raise Deadlock("nothing is ready, no timer is set and no thread is at work")

    def _wait(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for real, as long as there is patience.

        Somebody may call in again and again and change nothing (a watchdog), so what counts is the waiting since the
        clock last moved.
        """
        while self.waited < self.patience:
            began = time.perf_counter()
            ready = super().select(self.patience - self.waited)
            self.waited += time.perf_counter() - began
            if ready:
                return ready
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with a virtual clock and a seeded order: hours pass in microseconds, and a seed repeats exactly.

    Functions given to ``run_in_executor`` and blocking components of a pipeline run in real threads, and the clock
    stands while they do. Other threads are not known to the loop. A run measures itself with this clock too, so
    timeouts, pauses between attempts, deadlines and the report are all in virtual seconds.

    Args:
        seed: gives the order in which ready callbacks run; None keeps asyncio's own order.
        patience: real seconds in all to wait, while the clock stands, for threads that are not known before a deadlock
            is declared, and for a step's thread before a timer that is set may fire.

    >>> async def day():
    ...     await asyncio.sleep(86400)
    ...     return asyncio.get_running_loop().time()
    >>> run_virtual(day(), seed=1)
    86400.0
    """

    def __init__(self, seed: int | None = None, *, patience: float = 0.5) -> None:
        self._clock = _Clock(patience)
        self._order = None if seed is None else random.Random(seed)
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds on the virtual clock; it starts at 0."""
        return self._clock.now

    def plait_clock(self) -> float:
        """The clock that a run on this loop measures itself with."""
        return self._clock.now

    def plait_thread(self, change: int) -> None:
        """Hear of a step's thread: 1 when it begins to work, -1 when it has ended or is left alone."""
        self._clock.steps += change

    def run_in_executor(  # type: ignore[override, unused-ignore]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Run a function in a thread; the clock stands until it is done."""
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)  # type: ignore[arg-type, unused-ignore]
        self._clock.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: object) -> None:
        self._clock.threads -= 1

    async def shutdown_default_executor(self, *timeout: float | None, **options: float | None) -> None:
        """Wait for the threads of ``run_in_executor`` to end; the clock stands until they have.

        asyncio joins them in one more thread, and since 3.12 under a timeout: on a clock that jumped it would be
        over at once. What that timeout is called, and whether there is one, is asyncio's affair.
        """
        with self._standing():
            await super().shutdown_default_executor(*timeout, **options)

    @contextmanager
    def _standing(self) -> Iterator[None]:
        self._clock.threads += 1
        try:
            yield
        finally:
            self._clock.threads -= 1

    def _run_once(self) -> None:
        # The queue of ready callbacks is private to asyncio, but it has been this deque since 3.4, and there is
        # no public way to see it.
        ready: Any = getattr(self, "_ready")  # noqa: B009
        if self._order is not None and len(ready) > 1:
            handles = list(ready)
            self._order.shuffle(handles)
            ready.clear()
            ready.extend(handles)
        getattr(super(), "_run_once")()  # noqa: B009


def run_virtual(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Run a coroutine to its end on a fresh ``VirtualLoop``.

    Raises:
        Deadlock: when it waits for something that can't happen any more.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        return runner.run(main)
