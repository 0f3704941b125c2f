"""Where the sync verbs run: one event loop in a thread of its own, kept for the process.

``run`` and ``map`` hand their work to this loop and wait. So they work the same from a script and from a notebook
whose own loop is running, clients that a component keeps stay bound to one loop, and Ctrl-C is seen by the
waiting thread, which cancels the run and waits for its end. Called from a step on that very loop, a loop of its
own serves the nested run, or the two would wait for each other.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError as FutureCancelled
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, TypeVar

from plait.errors import PlaitError
from plait.executors.thread import close_thread_pool, thread_pool

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a daemon thread until it is closed."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            asyncio.set_event_loop(None)
            self.loop.close()

    def here(self) -> bool:
        """Whether the calling thread is the loop's own."""
        return threading.current_thread() is self._thread

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


_main: LoopThread | None = None
_lock = threading.Lock()


def main_loop() -> LoopThread:
    """The process's loop for sync verbs, made at its first use."""
    global _main  # noqa: PLW0603  (one per process by design)
    with _lock:
        if _main is None or _main.loop.is_closed():
            _main = LoopThread("plait-loop")
            atexit.register(shutdown)
        return _main


def run_sync(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from plain code, whatever loop may run here.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the work has been cancelled and has ended.
    """
    serving = main_loop()
    if not serving.here():
        return wait_for(serving, work)
    own = LoopThread("plait-loop-nested")
    try:
        return wait_for(own, work)
    finally:
        own.close()


def wait_for(serving: LoopThread, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Submit work to a loop thread and wait for it; Ctrl-C cancels it and still waits for its end."""
    if serving.here():
        raise PlaitError(
            "a sync verb was called on Plait's own loop, which it would block: in an async component use the async verb (amap, astream)"
        )
    ended = threading.Event()
    began: list[asyncio.Task[Any]] = []

    async def watched() -> tuple[T | None, BaseException | None]:
        task = asyncio.current_task()
        assert task is not None
        began.append(task)
        try:
            return await work(), None
        except (
            KeyboardInterrupt,
            SystemExit,
        ) as error:  # raised by a step: it must not end the loop's thread
            return None, error
        finally:
            ended.set()

    def stop() -> None:
        if began:
            began[0].cancel()
        else:  # its first turn comes right away
            serving.loop.call_soon(stop)

    future = asyncio.run_coroutine_threadsafe(watched(), serving.loop)
    try:
        with making_room():
            _wait_below_a_loop(future)
            value, error = future.result()
    except (KeyboardInterrupt, _Cancelled) as interrupt:
        if not ended.is_set():
            serving.loop.call_soon_threadsafe(stop)
            ended.wait()  # a second Ctrl-C ends the waiting
        if isinstance(interrupt, _Cancelled):
            raise asyncio.CancelledError from None
        raise
    except FutureCancelled:
        raise asyncio.CancelledError from None
    except RuntimeError as foreign:
        name_the_cure(foreign)
        raise
    if error is not None:
        raise error
    return value  # type: ignore[return-value]  # set whenever there is no error


class _Cancelled(Exception):
    """The Task that waits was told to stop, and can't hear of it because it waits."""


def _wait_below_a_loop(future: Future[Any]) -> None:
    """Wait where an event loop runs already.

    Raises:
        _Cancelled: ``asyncio.run`` answers the first Ctrl-C by cancelling its main Task, which is the one that stands
            still here; so it has to look.
    """
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return
    if task is None:
        return
    before = task.cancelling()
    while not future.done():
        wait([future], timeout=_LOOK)
        if task.cancelling() > before and not future.done():
            raise _Cancelled


_LOOK = 0.05
"""Seconds between two looks; the end of the work is noticed at once."""


def call_soon(call: Callable[[], object]) -> None:
    """Have something done on the loop for sync verbs, if there is one. Never waits, so it is safe in ``__del__``."""
    serving = _main
    if serving is not None:
        with suppress(RuntimeError):  # closed meanwhile
            serving.loop.call_soon_threadsafe(call)


def making_room() -> AbstractContextManager[None]:
    """While this thread waits for work that may need a thread: one of the pool is replaced meanwhile."""
    if threading.current_thread().name.startswith("plait-thread-"):
        return thread_pool().blocked()
    return nullcontext()


_FOREIGN = (
    "attached to a different loop",
    "bound to a different event loop",
    "different event loop",
    "Event loop is closed",
)


_CURE = (
    "a component holds a client that belongs to another event loop: use `await pipeline.arun(...)` on the loop where the "
    "client was made, or make the client in the component's setup()"
)


def name_the_cure(error: BaseException) -> None:
    """Recognise an object that is bound to another event loop, and say what helps."""
    if any(part in str(error) for part in _FOREIGN) and _CURE not in getattr(error, "__notes__", ()):
        error.add_note(_CURE)


def shutdown() -> None:
    """Tear down all components and end Plait's idle threads and its loop. Called by itself at exit."""
    from plait.run.lifecycle import any_alive, tear_down_all

    global _main
    atexit.unregister(shutdown)
    try:
        if any_alive():
            run_sync(tear_down_all)
    finally:
        with _lock:
            serving, _main = _main, None
        if serving is not None:
            serving.close()
        close_thread_pool()
        processes = sys.modules.get("plait.executors.process")
        if processes is not None:
            processes.close_process_pool()
