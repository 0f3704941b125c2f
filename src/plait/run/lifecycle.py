"""The life of components: ``setup()`` once per process before first use, ``teardown()`` or ``aclose()`` once at the end.

Whoever comes first sets a component up, all others wait for it, on whatever loop they are. A set-up that fails
fails only those who waited; the next use tries again.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from plait.context import CURRENT, Cursor
from plait.core.component import Component
from plait.executors.job import Job
from plait.executors.thread import thread_pool

if TYPE_CHECKING:
    from plait.core.plan.model import PlannedStep
    from plait.core.step import Step


class _Entry:
    __slots__ = ("component", "future", "loop", "ready", "users")

    def __init__(self, component: Component) -> None:
        self.component = component
        self.future: Future[None] | None = None
        self.ready = False
        self.users = 0
        self.loop: asyncio.AbstractEventLoop | None = None


_entries: dict[int, _Entry] = {}
_lock = threading.Lock()


def has_life(component: Component | None) -> bool:
    """Whether a component has something to set up or to tear down."""
    return component is not None and (component.setup is not None or component.teardown is not None)


def is_ready(component: Component) -> bool:
    """Whether the component can be called at once."""
    entry = _entries.get(id(component.given))
    return entry is not None and entry.ready


def wants_setup(step: PlannedStep) -> bool:
    """Whether a step's component must be set up here before it is called; worker processes set up their own."""
    component = step.component
    return component is not None and not step.remote and has_life(component) and not is_ready(component)


async def ensure(component: Component, *, here: bool = False) -> None:
    """Set the component up unless it is, or wait for whoever is doing it.

    Args:
        component: the component.
        here: call a blocking ``setup`` in this very thread (serial mode), not in one of the pool.

    Raises:
        Exception: what its ``setup`` raised, with a note that names the component.
    """
    while True:
        with _lock:
            entry = _entries.get(id(component.given))
            if entry is None:
                entry = _entries[id(component.given)] = _Entry(component)
            if entry.ready:
                return
            future, mine = entry.future, entry.future is None
            if future is None:
                future = entry.future = Future()
        if mine:
            await _set_up(entry, future, here=here)
            return
        await asyncio.shield(asyncio.wrap_future(_settled(future)))
        # ready, failed or given up by the one who began: look again


def _settled(future: Future[None]) -> Future[None]:
    """A future that ends when the other does, however that ends."""
    out: Future[None] = Future()
    future.add_done_callback(lambda _: out.set_result(None))
    return out


async def _set_up(entry: _Entry, future: Future[None], *, here: bool) -> None:
    component = entry.component
    try:
        if component.setup is not None:
            await _call(component.setup, f"setup of {component.name}", entry, here=here)
        entry.ready = True
        entry.loop = asyncio.get_running_loop()
    except Exception as error:
        error.add_note(f"in setup() of the component {component.name!r}")
        raise
    finally:
        entry.future = None
        future.set_result(None)


async def _call(
    method: Callable[[], Any], name: str, entry: _Entry | None = None, *, here: bool = False
) -> None:
    if inspect.iscoroutinefunction(method):
        await method()
        return
    if here:
        outcome = method()
        if inspect.isawaitable(outcome):
            await outcome
        return

    def call() -> Any:
        outcome = method()
        if entry is not None and not inspect.isawaitable(outcome):
            entry.ready = True  # even if whoever wanted it was cancelled meanwhile
        return outcome

    job = Job(call, name, contextvars.copy_context())
    # A step that waits for this must be waited for when it is cancelled, as it is while a thread works for it.
    cursor = CURRENT.get()
    mine = isinstance(cursor, Cursor) and cursor.job is None
    if mine:
        cursor.job = job
    try:
        outcome = await thread_pool().execute(job)
    finally:
        if mine:
            cursor.job = None
    if inspect.isawaitable(outcome):
        await outcome


def living_here(steps: Iterable[Step[..., Any]]) -> list[Component]:
    """The components of steps that run in this process; worker processes set up their own."""
    return [step.component for step in steps if step.executor != "process"]


async def warm(components: Iterable[Component]) -> None:
    """Set up several components side by side and count a user for each (``async with pipeline:``)."""
    unique = {id(c.given): c for c in components if has_life(c)}
    if not unique:
        return
    results = await asyncio.gather(*(ensure(c) for c in unique.values()), return_exceptions=True)
    with _lock:
        for key in unique:
            entry = _entries.get(key)
            if entry is not None:
                entry.users += 1
    errors = [r for r in results if isinstance(r, BaseException)]
    if errors:
        await cool(unique.values())
        raise errors[0]


async def cool(components: Iterable[Component]) -> None:
    """Count a user less for each, and tear down those that nobody uses any more."""
    ending = []
    with _lock:
        for key in {id(c.given) for c in components}:
            entry = _entries.get(key)
            if entry is None:
                continue
            entry.users -= 1
            if entry.users <= 0:
                del _entries[key]
                ending.append(entry)
    await _tear_down(ending)


async def tear_down_all() -> None:
    """Tear down every component that was set up in this process."""
    with _lock:
        ending = list(_entries.values())
        _entries.clear()
    await _tear_down(ending)


async def tear_down_on(loop: asyncio.AbstractEventLoop) -> None:
    """Tear down what was set up on a loop that is about to be closed: clients made there die with it."""
    with _lock:
        keys = [key for key, entry in _entries.items() if entry.loop is loop]
        ending = [_entries.pop(key) for key in keys]
    await _tear_down(ending)


async def _tear_down(entries: list[_Entry]) -> None:
    errors: list[Exception] = []
    for entry in reversed(entries):
        method = entry.component.teardown
        if method is None or not entry.ready:
            continue
        try:
            await _call(method, f"teardown of {entry.component.name}")
        except Exception as error:  # noqa: BLE001  (the others are torn down all the same)
            error.add_note(f"in teardown of the component {entry.component.name!r}")
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup("several components could not be torn down", errors)


def any_alive() -> bool:
    """Whether anything waits for its teardown."""
    return bool(_entries)
