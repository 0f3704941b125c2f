"""Many inputs: items side by side, lazily, in input order, each with its own result or error."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

from plait.core.names import listing
from plait.errors import PauseError
from plait.run.loops import call_soon, main_loop, wait_for
from plait.run.machine import usable_cores

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

        inputs ──▶ taken while there is a place ──▶ a Task each ──▶ queue, in input order ──▶ reader

    Lists and the like are read as places become free, other iterables by a feeder, so that neither a slow source
    nor a slow reader holds up what is in flight.
    """

    def __init__(
        self,
        run: Callable[[Any], Coroutine[Any, Any, S]],
        inputs: Iterable[Any] | AsyncIterable[Any],
        *,
        max_concurrency: int | None,
        collect: bool,
        threaded: bool = False,
    ) -> None:
        self._run, self._collect = run, collect
        self._limit = max_concurrency or default_concurrency()
        self._ahead = self._limit + max(self._limit, _AHEAD)
        self._async: AsyncIterator[Any] | None = None
        self._sync: Iterator[Any] | None = None
        self._reader: _Reader | None = None
        if isinstance(inputs, AsyncIterable):
            self._async = aiter(inputs)
        elif threaded and type(inputs) not in _AT_HAND:
            self._reader = _Reader(self, iter(inputs))
        else:
            self._sync = iter(inputs)
        self._queue: deque[asyncio.Task[Item[S]]] = deque()
        self._running = 0
        self._count = 0
        self._handed = 0
        self._exhausted = self._closed = self._ended = False
        self._pull_error: BaseException | None = None
        self._changed: asyncio.Future[None] | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._place: asyncio.Future[None] | None = None

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
            self._fill()
            if self._queue and self._queue[0].done():
                break
            if not self._queue and self._exhausted:
                self._closed = True
                if self._pull_error is not None:
                    raise self._pull_error
                raise StopAsyncIteration
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed
        item = self._queue.popleft().result()
        self._fill()
        if self._is_raised(item):
            assert item.error is not None
            raise item.error
        return item

    async def several(self) -> list[Item[S]]:
        """The next item, and those behind it that are ready as well: one hop between threads for all of them."""
        self._handed = 0
        found = [await self.__anext__()]
        while self._queue and self._queue[0].done() and not self._closed:
            item = self._queue[0].result()
            if self._is_raised(item):
                break
            self._queue.popleft()
            found.append(item)
        self._handed = len(found) - 1  # they are not read yet, so they still take a place
        self._fill()
        return found

    def _is_raised(self, item: Item[S]) -> bool:
        return item.error is not None and not (self._collect and isinstance(item.error, Exception))

    # taking inputs
    def _places(self) -> int:
        """How many inputs may be taken now."""
        if self._exhausted:
            return 0
        return min(self._limit - self._running, self._ahead - len(self._queue) - self._handed)

    def _fill(self) -> None:
        """There may be places: take inputs, or wake whoever does."""
        if self._sync is not None:
            while self._places() > 0:
                try:
                    given = next(self._sync)
                except StopIteration:
                    self._end(None)
                except Exception as error:  # noqa: BLE001  (raised in its place: after the items before it)
                    self._end(error)
                else:
                    self._launch(given)
        elif self._reader is not None:
            self._reader.allow(self._places())
        elif self._feeder is None:
            if not self._exhausted:
                self._feeder = asyncio.get_running_loop().create_task(self._feed(), name="plait-inputs")
        elif self._place is not None and not self._place.done() and self._places() > 0:
            self._place.set_result(None)

    async def _feed(self) -> None:
        """Take inputs from an async iterable for as long as there are any."""
        assert self._async is not None
        while not self._exhausted:
            if self._places() <= 0:
                self._place = asyncio.get_running_loop().create_future()
                await self._place
                continue
            try:
                given = await anext(self._async)
            except StopAsyncIteration:
                self._end(None)
            except Exception as error:  # noqa: BLE001  (raised in its place)
                self._end(error)
            else:
                self._launch(given)

    def _end(self, error: BaseException | None) -> None:
        """There are no more inputs, or there was an error in taking them."""
        self._exhausted, self._pull_error = True, error
        self._tell()

    def _launch(self, given: Any) -> None:
        if self._closed or self._ended:
            return  # it was read for nobody
        self._running += 1
        self._queue.append(asyncio.get_running_loop().create_task(self._one(self._count, given)))
        self._count += 1
        self._tell()

    def _end_with(self, index: int) -> None:
        """The error of this item will be raised in its place: nothing behind it is wanted any more."""
        self._exhausted = self._ended = True
        head = self._count - len(self._queue)
        for task in list(self._queue)[max(0, index + 1 - head) :]:
            task.cancel()

    def _tell(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def _one(self, index: int, given: Any) -> Item[S]:
        try:
            result = await self._run(given)
            if pauses := getattr(
                result, "pauses", ()
            ):  # nobody could answer: who reads a map has no run to go on with
                raise PauseError(
                    f"it waits for an answer at {listing(pause.id for pause in pauses)}, and a map can't wait for answers; "
                    f"run such an input by itself, with run() or arun(), and resume() that"
                )
            return Item(index, given, result, None)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  (an error stays with its item)
            error.add_note(f"in item {index} of the map")
            if not (self._collect and isinstance(error, Exception)):
                self._end_with(index)
            return Item(index, given, None, error)
        finally:
            self._running -= 1
            if not self._closed:
                self._fill()  # the next item starts now, not only when the reader asks
            self._tell()

    def cancel(self) -> None:
        """Stop, without waiting for the end of what is in flight."""
        self._closed = self._exhausted = True
        for task in self._queue:
            task.cancel()
        if self._feeder is not None:
            self._feeder.cancel()
        if self._reader is not None:
            self._reader.close()
        self._tell()

    async def aclose(self) -> None:
        """Stop: cancels the items in flight and waits for their end."""
        self.cancel()
        waiting: list[asyncio.Future[Any]] = [task for task in self._queue if not task.done()]
        self._queue.clear()
        if self._feeder is not None and self._feeder is not asyncio.current_task():
            waiting.append(self._feeder)
        if self._reader is not None and self._reader.ended is not None:
            waiting.append(asyncio.wrap_future(self._reader.ended))
        if waiting:
            await asyncio.wait(waiting)


_AT_HAND = (list, tuple, range, dict, set, frozenset, deque)
"""What is in memory already, so that reading it never blocks."""


class _Reader:
    """Reads the inputs of a sync map in a thread of its own: a generator may block, or use another map.

    loop                              thread
    allow(places) ──▶ permits ──────▶ next(inputs), once per permit
    map._launch   ◀── call_soon_threadsafe ◀──┘
    """

    def __init__(self, owner: AsyncMap[Any], inputs: Iterator[Any]) -> None:
        self._owner, self._inputs = owner, inputs
        self._permits = threading.Semaphore(0)
        self._pending = 0
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.ended: concurrent.futures.Future[None] | None = None

    def allow(self, places: int) -> None:
        """On the loop: so many inputs may be taken, those included that were allowed before."""
        more = places - self._pending
        if self._closed or more <= 0:
            return
        self._pending += more
        self._permits.release(more)
        if self.ended is None:
            self._loop, self.ended = asyncio.get_running_loop(), concurrent.futures.Future()
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(self._read,), name="plait-inputs", daemon=True).start()

    def close(self) -> None:
        """On the loop: no more of them."""
        if not self._closed:
            self._closed = True
            self._permits.release()

    def _read(self) -> None:
        loop, ended = self._loop, self.ended
        assert loop is not None
        assert ended is not None
        try:
            while True:
                self._permits.acquire()
                if self._closed:
                    return
                try:
                    given = next(self._inputs)
                except StopIteration:
                    loop.call_soon_threadsafe(self._owner._end, None)  # noqa: SLF001
                    return
                except Exception as error:  # noqa: BLE001  (raised in its place)
                    loop.call_soon_threadsafe(self._owner._end, error)  # noqa: SLF001
                    return
                loop.call_soon_threadsafe(self._came, given)
        except RuntimeError:  # the loop was closed meanwhile
            return
        finally:
            ended.set_result(None)

    def _came(self, given: Any) -> None:
        self._pending -= 1
        self._owner._launch(given)  # noqa: SLF001


class Map(Generic[S]):
    """The items of a map for plain code: ``for item in pipeline.map(inputs): ...``; also a context manager."""

    def __init__(self, inner: AsyncMap[S]) -> None:
        self._inner = inner
        self._ready: deque[Item[S]] = deque()
        self._began = False

    def __del__(self) -> None:
        if getattr(self, "_began", False):  # a loop was left by ``break``
            call_soon(self._inner.cancel)

    def __enter__(self) -> Map[S]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Item[S]]:
        return self

    def __next__(self) -> Item[S]:
        if self._ready:
            return self._ready.popleft()
        self._began = True
        try:
            self._ready.extend(wait_for(main_loop(), self._inner.several))
        except StopAsyncIteration:
            self._began = False
            raise StopIteration from None
        return self._ready.popleft()

    def close(self) -> None:
        """Stop: cancels the items in flight and waits for their end."""
        self._began = False
        self._ready.clear()
        wait_for(main_loop(), self._inner.aclose)
