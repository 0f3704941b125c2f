"""Single flight: of equal calls at the same time one is made, in this process, whatever loops and threads they are on.

    first            leads: makes the call ──▶ lands: its value goes to all who wait
    others           wait                  ──▶ leaves (it failed, was cancelled, could not be kept): the next one leads

Nobody inherits another one's error: who waited behind a call that failed makes it again, one at a time. A call that would
wait for itself, because it was started by the very call that leads, does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, TypeAlias

from plait.run.loops import making_room
from plait.typing import Hit

Place: TypeAlias = "tuple[int, str]"
"""A store (its id; it outlives its flights) and a key."""

_lock = threading.Lock()
_waiting: dict[Place, deque[Future[Hit | None]]] = {}
_led: contextvars.ContextVar[frozenset[Place]] = contextvars.ContextVar("plait_led", default=frozenset())


class Lead:
    """The turn of one call at a place. Whoever has it must land or leave; only the first of either counts."""

    __slots__ = ("_place", "over")

    def __init__(self, place: Place) -> None:
        self._place, self.over = place, False

    def land(self, value: Any) -> None:
        """The value is there, and kept: all who wait have it."""
        with _lock:
            if self.over:
                return
            self.over = True
            waiting = [each for each in _waiting.pop(self._place) if each.set_running_or_notify_cancel()]
        for each in waiting:
            each.set_result(Hit(value))

    def leave(self) -> None:
        """There is no value for the others: the next of them has its turn."""
        with _lock:
            if self.over:
                return
            self.over = True
            waiting = _waiting[self._place]
            following = None
            while waiting:
                following = waiting.popleft()
                if following.set_running_or_notify_cancel():
                    break
                following = None
            if following is None:
                del _waiting[self._place]
        if following is not None:
            following.set_result(None)

    @contextlib.contextmanager
    def flying(self) -> Iterator[None]:
        """While the call is made: what it starts does not wait for it; if it raises, the turn is over."""
        token = _led.set(_led.get() | {self._place})
        try:
            yield
        except BaseException:
            self.leave()
            raise
        finally:
            with contextlib.suppress(ValueError):  # closed from outside, in another context
                _led.reset(token)


def _queue(place: Place) -> Lead | Future[Hit | None]:
    with _lock:
        queue = _waiting.get(place)
        if queue is None:
            _waiting[place] = deque()
            return Lead(place)
        mine: Future[Hit | None] = Future()
        queue.append(mine)
        return mine


def _give_up(place: Place, mine: Future[Hit | None]) -> None:
    """Who waited is cancelled; if its turn had come at that moment, the next one has it."""
    if not mine.cancel() and mine.result() is None:
        Lead(place).leave()


def leads(place: Place) -> bool:
    """Whether this very call was started by the one that leads there."""
    return place in _led.get()


async def turn(place: Place) -> Lead | Hit:
    """Wait until it is this call's turn, or somebody else's value is there."""
    mine = _queue(place)
    if isinstance(mine, Lead):
        return mine
    try:
        told = await asyncio.wrap_future(mine)
    except BaseException:
        _give_up(place, mine)
        raise
    return Lead(place) if told is None else told


def turn_here(place: Place) -> Lead | Hit | None:
    """The same in plain code. None: not to wait, for it would hold up a loop on which the call may be under way."""
    mine = _queue(place)
    if isinstance(mine, Lead):
        return mine
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        _give_up(place, mine)
        return None
    try:
        with making_room():
            told = mine.result()
    except BaseException:
        _give_up(place, mine)
        raise
    return Lead(place) if told is None else told
