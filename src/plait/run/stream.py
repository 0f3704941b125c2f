"""Streams: a run's events, in order, through a bounded queue. Leaving early cancels the run."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from plait.events import Event, RunFinished
from plait.run.loops import call_soon, main_loop, wait_for

S = TypeVar("S")


class AsyncStream(Generic[S]):
    """The events of one run: ``async with pipeline.astream(inputs) as events: async for event in events: ...``.

    Attributes:
        result: the run's result, once the last event has been seen.
    """

    def __init__(self, start: Callable[[Any], Coroutine[Any, Any, S]], capacity: int) -> None:
        self._start, self._capacity = start, capacity
        self._queue: deque[Event] = deque()
        self._news: asyncio.Event | None = None
        self._space: asyncio.Event | None = None
        self._task: asyncio.Task[S] | None = None
        self._closed = False
        self.result: S | None = None

    # the observer's side
    def on_event(self, event: Event) -> None:
        """Take in an event of the run."""
        self._queue.append(event)
        assert self._news is not None
        assert self._space is not None
        self._news.set()
        if len(self._queue) >= self._capacity:
            self._space.clear()

    def room(self) -> Any:
        """What a component awaits for room: ``await current_step().emit(value)``."""
        if self._space is None or self._space.is_set() or self._closed:
            return None
        return self._space.wait()

    # the reader's side
    def _begin(self) -> None:
        if self._task is None:
            self._news, self._space = asyncio.Event(), asyncio.Event()
            self._space.set()
            self._task = asyncio.create_task(self._start(self), name="plait-stream")
            self._task.add_done_callback(lambda _: self._news.set() if self._news is not None else None)

    async def __aenter__(self) -> AsyncStream[S]:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        if self._closed:
            raise StopAsyncIteration
        self._begin()
        task, news, space = self._task, self._news, self._space
        assert task is not None
        assert news is not None
        assert space is not None
        while not self._queue:
            if task.done():
                self._closed = True
                self.result = task.result()  # raises what the run raised
                raise StopAsyncIteration
            news.clear()
            await news.wait()
        event = self._queue.popleft()
        if len(self._queue) < self._capacity:
            space.set()
        if isinstance(event, RunFinished):
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                self.result = task.result()
        return event

    def cancel(self) -> None:
        """Stop, without waiting for the end of the run."""
        self._closed = True
        if self._space is not None:
            self._space.set()
        if self._task is not None:
            self._task.cancel()

    async def aclose(self) -> None:
        """Stop: cancels the run if it still goes on, and waits for its end."""
        self.cancel()
        task = self._task
        if task is None:
            return
        if not task.done():
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: whoever left early does not want it


class Stream(Generic[S]):
    """The events of one run for plain code: ``with pipeline.stream(inputs) as events: for event in events: ...``."""

    def __init__(self, inner: AsyncStream[S]) -> None:
        self._inner = inner
        self._began = False

    def __del__(self) -> None:
        if getattr(self, "_began", False):  # a loop was left by ``break``
            call_soon(self._inner.cancel)

    @property
    def result(self) -> S | None:
        """The run's result, once the last event has been seen."""
        return self._inner.result

    def __enter__(self) -> Stream[S]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        self._began = True
        try:
            event: Event = wait_for(main_loop(), self._inner.__anext__)
        except StopAsyncIteration:
            self._began = False
            raise StopIteration from None
        except BaseException:  # the run's own error, or Ctrl-C: either way nothing goes on
            self.close()
            raise
        return event

    def close(self) -> None:
        """Stop: cancels the run if it still goes on, and waits for its end."""
        self._began = False
        wait_for(main_loop(), self._inner.aclose)
