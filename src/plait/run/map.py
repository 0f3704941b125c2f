"""Many inputs: items side by side, lazily, in input order, each with its own result or error."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from plait.run.limits import usable_cores
from plait.run.loops import main_loop, wait_for

S = TypeVar("S")

_AHEAD = 16
"""Finished items that may wait for a slow one before them, at least."""


class Item(Generic[S]):
    """One input of a map and what became of it.

    Attributes:
        index: its place among the inputs, from 0.
        input: the input itself.
        result: the run's result, or None if it failed.
        error: what the run raised, or None.
    """

    __slots__ = ("error", "index", "input", "result")

    def __init__(self, index: int, given: Any, result: S | None, error: BaseException | None) -> None:
        self.index, self.input, self.result, self.error = index, given, result, error

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.error is None

    def __repr__(self) -> str:
        return f"<item {self.index}: {'ok' if self.ok else repr(self.error)}>"


def default_concurrency() -> int:
    """How many items are in flight when nobody says: enough to overlap waits, few enough for real work."""
    return min(32, 4 * usable_cores())


class AsyncMap(Generic[S]):
    """The items of a map: ``async with pipeline.amap(inputs) as items: async for item in items: ...``.

    Lazy: an input is taken when there is a place for it. Leaving early cancels what is in flight.
    """

    def __init__(
        self,
        run: Callable[[Any], Coroutine[Any, Any, S]],
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        max_concurrency: int | None,
        collect: bool,
    ) -> None:
        self._run, self._collect = run, collect
        self._limit = max_concurrency or default_concurrency()
        self._ahead = self._limit + max(self._limit, _AHEAD)
        self._async: AsyncIterator[Any] | None = aiter(inputs) if isinstance(inputs, AsyncIterable) else None
        self._sync: Iterator[Any] | None = None if isinstance(inputs, AsyncIterable) else iter(inputs)
        self._queue: deque[asyncio.Task[Item[S]]] = deque()
        self._running = 0
        self._count = 0
        self._exhausted = self._closed = False
        self._pull_error: BaseException | None = None
        self._changed: asyncio.Future[None] | None = None

    async def __aenter__(self) -> AsyncMap[S]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Item[S]]:
        return self

    async def __anext__(self) -> Item[S]:
        if self._closed:
            raise StopAsyncIteration
        try:
            return await self._following()
        except BaseException:
            await self.aclose()
            raise

    async def _following(self) -> Item[S]:
        while True:
            if self._async is not None:
                await self._fill_async()
            else:
                self._fill()
            if not self._queue:
                self._closed = True
                if self._pull_error is not None:
                    raise self._pull_error
                raise StopAsyncIteration
            head = self._queue[0]
            if not head.done():
                self._changed = asyncio.get_running_loop().create_future()
                await self._changed
                continue
            self._queue.popleft()
            item = head.result()
            if item.error is not None and not (self._collect and isinstance(item.error, Exception)):
                raise item.error
            return item

    def _places(self) -> bool:
        return not self._exhausted and self._running < self._limit and len(self._queue) < self._ahead

    def _fill(self) -> None:
        assert self._sync is not None
        while self._places():
            try:
                given = next(self._sync)
            except StopIteration:
                self._exhausted = True
            except Exception as error:  # noqa: BLE001  (raised in its place: after the items before it)
                self._exhausted, self._pull_error = True, error
            else:
                self._launch(given)

    async def _fill_async(self) -> None:
        assert self._async is not None
        while self._places() and (not self._queue or not self._queue[0].done()):
            try:
                given = await anext(self._async)
            except StopAsyncIteration:
                self._exhausted = True
            except Exception as error:  # noqa: BLE001  (raised in its place)
                self._exhausted, self._pull_error = True, error
            else:
                self._launch(given)

    def _launch(self, given: Any) -> None:
        self._running += 1
        self._queue.append(asyncio.get_running_loop().create_task(self._one(self._count, given)))
        self._count += 1

    async def _one(self, index: int, given: Any) -> Item[S]:
        try:
            return Item(index, given, await self._run(given), None)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (an error stays with its item)
            error.add_note(f"in item {index} of the map")
            return Item(index, given, None, error)
        finally:
            self._running -= 1
            if self._sync is not None and not self._closed:
                self._fill()  # the next item starts now, not only when the reader asks
            if self._changed is not None and not self._changed.done():
                self._changed.set_result(None)

    async def aclose(self) -> None:
        """Stop: cancels the items in flight and waits for their end."""
        self._closed = self._exhausted = True
        waiting = [task for task in self._queue if not task.done()]
        self._queue.clear()
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)


class Map(Generic[S]):
    """The items of a map for plain code: ``for item in pipeline.map(inputs): ...``; also a context manager."""

    def __init__(self, inner: AsyncMap[S]) -> None:
        self._inner = inner

    def __enter__(self) -> Map[S]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item[S]]:
        return self

    def __next__(self) -> Item[S]:
        try:
            item: Item[S] = wait_for(main_loop(), self._inner.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None
        return item

    def close(self) -> None:
        """Stop: cancels the items in flight and waits for their end."""
        wait_for(main_loop(), self._inner.aclose)
