"""When to look again: one timer per loop on which a request waits for time to pass.

Any decision may move the moment at which the first waiting request fits. So after each one all loops with such
requests that would look too late are told, and each of them looks for everybody: a loop that is busy, or gone,
keeps nobody on other loops waiting. All that is shared is changed under admission's lock; a timer is touched
only on its own loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from plait.core.schedule.ledger import Ledger
from plait.core.schedule.rates import Steady

if TYPE_CHECKING:
    import asyncio

_NEVER = float("inf")
_LEAST = 1e-6
"""Seconds. A clock may be a rounding error short of the moment: then it needs another step that moves it at all."""


class _Alarm:
    """The timer of one loop."""

    __slots__ = ("at", "clock", "handle", "loop", "waiting")

    def __init__(self, loop: Any, clock: Callable[[], float]) -> None:
        self.loop, self.clock = loop, clock
        self.handle: asyncio.TimerHandle | None = None
        self.waiting = 0
        self.at = _NEVER
        """When it rings, or has been told to."""


class Alarms:
    """The timers of all loops; the methods that say so are called under the lock."""

    def __init__(
        self, lock: threading.Lock, ledger: Ledger[Any], tell: Callable[[Iterable[Any]], None]
    ) -> None:
        self._lock, self._ledger, self._tell = lock, ledger, tell
        self._steady = Steady()
        self._clock: Callable[[], float] | None = None
        self._loops: dict[Any, _Alarm] = {}
        self._tickets: dict[Any, _Alarm] = {}

    def time(self, clock: Callable[[], float] | None = None) -> float:
        """Under the lock: the time, by this clock or by the one that was asked last."""
        if clock is not None:
            self._clock = clock
        if self._clock is None:
            return self._steady.now
        return self._steady.read(self._clock(), self._clock)

    def join(self, ticket: Any, loop: Any, clock: Callable[[], float]) -> None:
        """Under the lock: a request of this loop waits."""
        alarm = self._loops.get(loop)
        if alarm is None:
            alarm = self._loops[loop] = _Alarm(loop, clock)
        alarm.waiting += 1
        self._tickets[ticket] = alarm

    def after(self, left: Iterable[Any]) -> list[_Alarm]:
        """Under the lock, after a decision: these wait no more. Tells which loops would look too late."""
        for ticket in left:
            alarm = self._tickets.pop(ticket, None)
            if alarm is not None:
                alarm.waiting -= 1
        at = self._ledger.next_at
        late = [alarm for alarm in self._loops.values() if alarm.waiting and at < alarm.at]
        for alarm in late:
            alarm.at = at
        return late

    def set(self, late: Iterable[_Alarm]) -> None:
        """Not under the lock: have these loops look at the moment that ``after`` found."""
        for alarm in late:
            import asyncio  # whoever has a loop has loaded it; `plait --help` has not

            try:
                running: Any = asyncio.get_running_loop()
            except RuntimeError:
                running = None
            if running is alarm.loop:
                self._arm(alarm)
                continue
            try:
                alarm.loop.call_soon_threadsafe(self._arm, alarm)
            except RuntimeError:  # it was closed: nobody waits there
                with self._lock:
                    self._loops.pop(alarm.loop, None)

    def calm(self, loop: Any) -> None:
        """On the loop: take its timer away if nobody there waits."""
        with self._lock:
            alarm = self._loops.get(loop)
            if alarm is None or alarm.waiting:
                return
            del self._loops[loop]
        if alarm.handle is not None:
            alarm.handle.cancel()
            alarm.handle = None

    def _arm(self, alarm: _Alarm) -> None:
        """On the loop: set the timer, unless nobody waits there any more."""
        if alarm.handle is not None:
            alarm.handle.cancel()
            alarm.handle = None
        with self._lock:
            if self._loops.get(alarm.loop) is not alarm:
                return
            delay = alarm.at - self.time(alarm.clock)
        if delay < _NEVER:
            alarm.handle = alarm.loop.call_later(max(delay, _LEAST), self._ring, alarm)

    def _ring(self, alarm: _Alarm) -> None:
        alarm.handle = None
        with self._lock:
            alarm.at = _NEVER
            granted = self._ledger.look(self.time(alarm.clock))
            late = self.after(granted)
        self.set(late)
        self._tell(granted)
