"""Results that are kept: what happens around the call of a step that has a cache.

    key of the arguments ──▶ turn (run.flights) ──▶ in the store?  yes ──▶ put away, a fact CacheHit in the log
                                  │                                no  ──▶ call, keep, put away
                                  └ somebody else's value ──▶ put away, CacheHit

The same for a step on the loop, in a thread and in serial mode; a store that blocks is called in a thread. A hit sets no
component up and calls nothing. Whatever a store raises is logged and fails nothing.
"""

from __future__ import annotations

import contextvars
import copy
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from plait.context import Cursor
from plait.core.cached import Cached, Unkept
from plait.core.digest import TooLarge, name_of
from plait.core.plan.model import PlannedStep
from plait.core.schedule.events import CacheHit
from plait.executors.job import Job
from plait.executors.thread import thread_pool
from plait.run.call import call_threaded, call_uncached
from plait.run.flights import Lead, leads, turn, turn_here
from plait.run.program import Row
from plait.run.values import Frame, arguments, check_arguments, check_result, put
from plait.stores.memory_cache import MemoryCache
from plait.typing import CacheStore, Hit

if TYPE_CHECKING:
    from plait.run.drive import Run

T = TypeVar("T")

logger = logging.getLogger("plait")

_AT_ONCE: Final = 1 << 16
"""About how many bytes of arguments are digested on the event loop; more of them in a thread."""

_shared: MemoryCache | None = None
_lock = threading.Lock()


def store_of(cached: Cached) -> CacheStore:
    """The store of a cache; the process's own if the user named none."""
    global _shared  # noqa: PLW0603  (one per process by design)
    given = cached.policy.store
    if given is not None:
        return given
    with _lock:
        if _shared is None:
            _shared = MemoryCache()
        return _shared


def _blocks(store: CacheStore) -> bool:
    return bool(getattr(store, "blocking", True))


def _tell(cached: Cached, path: str, why: str, **extra: str) -> None:
    """Say once why results of a step are not kept. Types and names only, never a value."""
    if cached.tells(why):
        logger.warning(
            "the cache of %r is passed by: %s",
            path,
            why,
            extra={"step": path, "cache": cached.label, **extra},
        )


async def _in_thread(cursor: Cursor | None, call: Callable[[], T], name: str) -> T:
    """Call something that takes long in a thread; its step counts as busy there."""
    job = Job(call, name, contextvars.copy_context())
    mine = cursor is not None and cursor.job is None
    if mine:
        cursor.job = job  # type: ignore[union-attr]  # mine says so
    try:
        answer: T = await thread_pool().execute(job)
        return answer
    finally:
        if mine:
            cursor.job = None  # type: ignore[union-attr]


class Keep:
    """Keeps the result of one call, if it can be kept.

    Attributes:
        kept: what the others get: the value, or the copy of it; None as long as there is nothing for them.
    """

    __slots__ = ("cached", "kept", "key", "path", "store")

    def __init__(self, cached: Cached, store: CacheStore | None, key: str, path: str) -> None:
        self.cached, self.store, self.key, self.path = cached, store, key, path
        self.kept: Hit | None = None

    def now(self, value: Any) -> None:
        """Keep it, right here."""
        if self.store is None:
            return
        kind = type(value)
        if hasattr(kind, "__next__") or hasattr(kind, "__anext__") or inspect.isawaitable(value):
            why = f"a {name_of(kind)} is used up by whoever reads it first; return a list"
            _tell(self.cached, self.path, why, type=name_of(kind))
            return
        if self.cached.policy.copy:
            try:
                value = copy.deepcopy(value)
            except Exception as error:  # noqa: BLE001  (the result is good all the same)
                why = (
                    f"a {name_of(kind)} can't be copied ({type(error).__name__}), and its cache has copy=True"
                )
                _tell(self.cached, self.path, why, type=name_of(kind))
                return
        try:
            self.store.set(self.key, value, self.cached.policy.ttl)
        except Exception as error:  # noqa: BLE001  (a store fails no run)
            self._broken("set", error, type=name_of(kind))
        self.kept = Hit(value)

    async def later(self, cursor: Cursor | None, value: Any) -> None:
        """Keep it, and don't block the loop meanwhile."""
        if self.store is not None and (_blocks(self.store) or self.cached.policy.copy):
            await _in_thread(cursor, lambda: self.now(value), f"cache of {self.path}")
        else:
            self.now(value)

    def look(self) -> Hit | None:
        """What the store has."""
        assert self.store is not None
        try:
            return self.store.get(self.key)
        except Exception as error:  # noqa: BLE001  (a store fails no run)
            self._broken("get", error)
            return None

    def at_once(self) -> Hit | None:
        """What a store has that does not block: most hits are over here, without a turn."""
        return None if self.store is None or _blocks(self.store) else self.look()

    async def look_later(self, cursor: Cursor | None) -> Hit | None:
        """What the store has, and don't block the loop meanwhile."""
        assert self.store is not None
        if _blocks(self.store):
            return await _in_thread(cursor, self.look, f"cache of {self.path}")
        return self.look()

    def taken(self, value: Any) -> Any:
        """The value as one caller gets it."""
        return copy.deepcopy(value) if self.cached.policy.copy else value

    def _broken(self, method: str, error: Exception, **extra: str) -> None:
        kind = type(error).__name__
        _tell(self.cached, self.path, f"{method}() of its store raised {kind}", error=kind, **extra)


# ---------------------------------------------------------------------- keys


def _named(step: PlannedStep, frame: Frame, extras: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names."""
    args, kwargs = arguments(step, frame.values, extras, None)
    component = step.component
    assert component is not None
    names = ["its input"] if component.single else [arg.name for arg in step.args if arg.positional]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def keeper(
    cached: Cached,
    named: Mapping[str, Any],
    path: str,
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Keep:
    """What keeps the result of a call with these arguments; nothing does if one of them can't be digested."""
    store = store_of(cached)
    try:
        return Keep(cached, store, cached.key(named, settings, limit=limit), path)
    except Unkept as unkept:
        why = f"{unkept.argument} is a {unkept.kind}, which can't be digested; cache=Cache(key=...) can say what stands for it"
        _tell(cached, path, why, argument=unkept.argument, type=unkept.kind)
        return Keep(cached, None, "", path)


async def keeper_later(
    cached: Cached,
    named: Mapping[str, Any],
    path: str,
    cursor: Cursor | None,
    settings: Mapping[str, Any] | None = None,
) -> Keep:
    """The same on the loop, which large arguments don't hold up."""
    try:
        return keeper(cached, named, path, _AT_ONCE, settings)
    except TooLarge:
        return await _in_thread(
            cursor, lambda: keeper(cached, named, path, None, settings), f"cache of {path}"
        )


# ---------------------------------------------------------------------- around a call


async def _fly(keep: Keep, cursor: Cursor | None, make: Callable[[], Awaitable[None]]) -> Hit | None:
    """Make the call, unless its result is there or on its way: then give that."""
    place = (id(keep.store), keep.key)
    if keep.store is None or leads(place):
        await make()
        return None
    told = await turn(place)
    if not isinstance(told, Lead):
        return told
    with told.flying():
        hit = await keep.look_later(cursor)
        if hit is None:
            await make()
    return landed(told, keep, hit)


def landed(lead: Lead, keep: Keep, hit: Hit | None) -> Hit | None:
    """The turn is over: what was found, or has been kept, goes to those who wait."""
    there = hit or keep.kept
    if there is None:
        lead.leave()
    else:
        lead.land(there.value)
    return hit


def _found(run: Run, cursor: Cursor, step: PlannedStep, frame: Frame, keep: Keep, hit: Hit) -> None:
    """Put away what came from elsewhere, like a result of its own."""
    if frame.program.check_types:
        check_result(step, hit.value)
    put(step, frame.values, keep.taken(hit.value))
    k = frame.plan.units[cursor.task - frame.base].steps.index(step)
    run.handle(CacheHit(run.clock(), cursor.task, k))


async def call_cached(run: Run, cursor: Cursor, step: PlannedStep, frame: Frame) -> None:
    """Call a step on the loop, or take its result from where it is kept."""
    assert step.cache is not None
    if frame.program.check_types:
        check_arguments(step, frame.values)
    keep = await keeper_later(step.cache, _named(step, frame, run.extras), step.path, cursor)
    hit = keep.at_once()
    if hit is None:

        async def make() -> None:
            await keep.later(cursor, await call_uncached(run, cursor, step, frame))

        hit = await _fly(keep, cursor, make)
    if hit is not None:
        _found(run, cursor, step, frame, keep, hit)


async def call_cached_in_thread(
    run: Run, cursor: Cursor, frame: Frame, rows: tuple[Row, ...], first: int
) -> None:
    """Call a blocking step in a thread, or take its result from where it is kept, without a thread."""
    step = rows[0][0]
    assert step.cache is not None
    began = run.clock()
    if frame.program.check_types:
        check_arguments(step, frame.values)
    keep = await keeper_later(step.cache, _named(step, frame, run.extras), step.path, cursor)
    hit = keep.at_once() or await _fly(
        keep, cursor, lambda: call_threaded(run, cursor, frame, rows, first, keep)
    )
    if hit is not None:
        _found(run, cursor, step, frame, keep, hit)
        frame.drop(step)
        run.log.append((cursor.task, first, began, run.clock()))


def call_cached_here(
    run: Run, cursor: Cursor, step: PlannedStep, frame: Frame, call: Callable[[], Any]
) -> None:
    """Call a step in this very thread (serial mode), or take its result from where it is kept."""
    assert step.cache is not None
    if frame.program.check_types:
        check_arguments(step, frame.values)
    keep = keeper(step.cache, _named(step, frame, run.extras), step.path)
    hit = fly_here(keep, lambda: keep.now(call()))
    if hit is not None:
        _found(run, cursor, step, frame, keep, hit)


def fly_here(keep: Keep, make: Callable[[], None]) -> Hit | None:
    """Make the call in this thread, unless its result is there or on its way: then give that."""
    place = (id(keep.store), keep.key)
    if keep.store is None or leads(place):
        make()
        return None
    told = turn_here(place)
    if isinstance(told, Hit):
        return told
    if told is None:
        hit = keep.look()
        if hit is None:
            make()
        return hit
    with told.flying():
        hit = keep.look()
        if hit is None:
            make()
    return landed(told, keep, hit)
