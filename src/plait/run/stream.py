"""Streams: what a run tells, in order, through a bounded queue. Leaving early cancels the run.

The queue is filled on the run's loop and read by one reader. A component that awaits ``emit``, and one that emits from a
thread of its own, goes on when fewer than ``capacity`` items wait; so no more than ``capacity`` and one for each of those
who emit at that moment are ever there. Who emits on the loop without awaiting can't be made to wait, and is not bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import suppress
from types import GenericAlias, TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypedDict

from plait.events import Event, RunFinished
from plait.run.loops import call_soon, main_loop, wait_for
from plait.run.tell import Follower, Held

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from plait.core.plan.model import PlannedStep
    from plait.run.drive import Run
    from plait.run.modes import View

    S = TypeVar("S")
    Item = TypeVar("Item", default=Event)
else:  # the default is for type checkers
    from typing import TypeVar

    S = TypeVar("S")
    Item = TypeVar("Item")


class Options(TypedDict, total=False):
    """What ``stream`` and ``astream`` take besides the inputs and the mode."""

    config: Mapping[str, Any] | None
    context: Mapping[str, Any] | None
    deadline: float | None
    capacity: int


class Queue(Follower):
    """What a run has told and nobody has read yet: the run's side of a stream."""

    def __init__(self, view: View, capacity: int) -> None:
        self.asks_values = view.asks_values
        self.finished = self.closed = False
        self.items: deque[Any] = deque()
        self.news = asyncio.Event()
        self._view, self._capacity = view, capacity
        self._space = asyncio.Event()
        self._space.set()
        self._held: list[Held] = []

    def on_event(self, event: Event) -> None:
        """Take in an event of the run."""
        self._put(self._view.of_event(event))
        self.finished = self.finished or isinstance(event, RunFinished)

    def begins(self, run: Run) -> None:
        """Take in the inputs."""
        self._put(self._view.of_start(run))

    def wrote(self, path: str, step: PlannedStep, written: Mapping[str, Any]) -> None:
        """Take in what a step wrote."""
        self._put(self._view.of_write(path, step, written))

    def ends(self, run: Run, outcome: str) -> None:
        """Take in how the state is in the end."""
        self._put(self._view.of_end(run, outcome))

    def _put(self, items: Iterable[Any]) -> None:
        before = len(self.items)
        if not self.closed:
            self.items.extend(items)
        if len(self.items) > before:
            self.news.set()
            if len(self.items) >= self._capacity:
                self._space.clear()

    def take(self) -> Any:
        """The next item; who waits for room gets it."""
        item = self.items.popleft()
        if len(self.items) < self._capacity:
            self._make_room()
        return item

    def _make_room(self) -> None:
        self._space.set()
        held, self._held = self._held, []
        for each in held:
            each.let_go()

    def close(self) -> None:
        """Nobody reads any more: nobody waits for room."""
        self.closed = True
        self._make_room()

    # who waits for room
    def room(self) -> Coroutine[Any, Any, Any] | None:
        """What a component awaits for room: ``await current_step().emit(value)``."""
        return None if self._space.is_set() or self.closed else self._space.wait()

    def crowded(self, coming: int) -> bool:
        """Whether it is full, with as many values still on their way."""
        return len(self.items) + coming >= self._capacity and not self.closed

    def hold(self, held: Held) -> bool:
        """Keep a waiting thread until there is room; False if there is."""
        if self._space.is_set() or self.closed:
            return False
        held.keep()
        self._held.append(held)
        return True


class AsyncStream(Generic[S, Item]):
    """The events of one run: ``async with pipeline.astream(inputs) as events: async for event in events: ...``.

    Attributes:
        result: the run's result, once the last item has been seen.
    """

    if not TYPE_CHECKING:  # ``AsyncStream[Result]`` stands for itself: here nothing knows the other's default
        __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, start: Callable[[Any], Coroutine[Any, Any, S]], view: View, capacity: int) -> None:
        self._start, self._view, self._capacity = start, view, capacity
        self._queue: Queue | None = None
        self._task: asyncio.Task[S] | None = None
        self._closed = False
        self.result: S | None = None

    def _begin(self) -> tuple[Queue, asyncio.Task[S]]:
        if self._queue is None or self._task is None:
            queue = self._queue = Queue(self._view, self._capacity)
            self._task = asyncio.create_task(self._start(queue), name="plait-stream")
            self._task.add_done_callback(lambda _: queue.news.set())
        return self._queue, self._task

    async def __aenter__(self) -> AsyncStream[S, Item]:
        self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Item]:
        return self

    async def __anext__(self) -> Item:
        if self._closed:
            raise StopAsyncIteration
        queue, task = self._begin()
        while not queue.items:
            if task.done():
                self._closed = True
                self.result = task.result()  # raises what the run raised
                raise StopAsyncIteration
            queue.news.clear()
            await queue.news.wait()
        item: Item = queue.take()
        if queue.finished and not queue.items:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is None:
                self.result = task.result()
        return item

    def __del__(self) -> None:
        task = getattr(self, "_task", None)
        if task is not None and not task.done():  # a loop without a block was left by ``break``
            with suppress(RuntimeError):  # its loop is closed
                task.get_loop().call_soon_threadsafe(task.cancel)

    def cancel(self) -> None:
        """Stop, without waiting for the end of the run."""
        self._closed = True
        if self._queue is not None:
            self._queue.close()
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


class Stream(Generic[S, Item]):
    """The events of one run for plain code: ``with pipeline.stream(inputs) as events: for event in events: ...``."""

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, inner: AsyncStream[S, Item]) -> None:
        self._inner = inner
        self._began = False

    def __del__(self) -> None:
        if getattr(self, "_began", False):  # a loop was left by ``break``
            call_soon(self._inner.cancel)

    @property
    def result(self) -> S | None:
        """The run's result, once the last item has been seen."""
        return self._inner.result

    def __enter__(self) -> Stream[S, Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        self._began = True
        try:
            item: Item = wait_for(main_loop(), self._inner.__anext__)
        except StopAsyncIteration:
            self._began = False
            raise StopIteration from None
        except BaseException:  # the run's own error, or Ctrl-C: either way nothing goes on
            self.close()
            raise
        return item

    def close(self) -> None:
        """Stop: cancels the run if it still goes on, and waits for its end."""
        self._began = False
        wait_for(main_loop(), self._inner.aclose)
