"""The watchdog: notices an event loop that a step blocks, and names the step while it happens.

One daemon thread for all loops with active runs. It asks each loop for a sign of life; a loop that gives none
for 100 ms is looked at from outside: the strand's frame on its stack says which step it is in.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

INTERVAL: Final = 0.05
THRESHOLD: Final = 0.1
_LINGER: Final = 20
"""Rounds without any run after which the thread goes to sleep."""

logger = logging.getLogger("plait")


class Stall:
    """A moment in which a step blocked the event loop.

    Attributes:
        path: the step's path.
        seconds: how long the loop had been silent when it was noticed.
        stack: where the step was, innermost line last.
    """

    __slots__ = ("path", "seconds", "stack")

    def __init__(self, path: str, seconds: float, stack: str) -> None:
        self.path, self.seconds, self.stack = path, seconds, stack

    @property
    def cure(self) -> str:
        """What to do about it."""
        return f"make {self.path!r} a plain def (it then runs in a thread), or await what blocks"

    def __str__(self) -> str:
        return f"step {self.path!r} blocks the event loop: nothing else of the process could go on for {self.seconds:.2f} s; {self.cure}"


class _Watched:
    __slots__ = ("asked", "loop", "runs", "thread", "told")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.runs: dict[int, Callable[[Stall], None]] = {}
        self.asked: float | None = None
        self.told = False

    def beat(self) -> None:
        """On the loop: a sign of life."""
        self.asked, self.told = None, False


class Watchdog:
    """Watches the loops of active runs. ``code`` is the strand's code object, known by its frame."""

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._loops: dict[int, _Watched] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._alive = False

    def enter(self, loop: asyncio.AbstractEventLoop, run: Any, tell: Callable[[Stall], None]) -> None:
        """A run begins on this loop."""
        watched = self._loops.get(id(loop))
        if watched is None or watched.loop is not loop:
            with self._lock:
                watched = self._loops[id(loop)] = _Watched(loop)
        watched.runs[id(run)] = tell
        if not self._alive or not self._wake.is_set():
            self._rouse()

    def leave(self, loop: asyncio.AbstractEventLoop, run: Any) -> None:
        """A run has ended."""
        watched = self._loops.get(id(loop))
        if watched is not None:
            watched.runs.pop(id(run), None)

    def _rouse(self) -> None:
        with self._lock:
            self._wake.set()
            if not self._alive:
                self._alive = True
                threading.Thread(target=self._watch, name="plait-watchdog", daemon=True).start()

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(INTERVAL)
            busy = False
            for key, watched in list(self._loops.items()):
                if watched.runs:
                    busy = True
                    self._look(watched)
                elif watched.loop.is_closed():
                    with self._lock:
                        self._loops.pop(key, None)
            idle = 0 if busy else idle + 1
            if idle > _LINGER:
                self._loops.clear()
                self._wake.clear()
                self._wake.wait()
                idle = 0

    def _look(self, watched: _Watched) -> None:
        now = time.perf_counter()
        if watched.asked is None:
            watched.asked = now
            try:
                watched.loop.call_soon_threadsafe(watched.beat)
            except RuntimeError:  # closed meanwhile
                watched.runs.clear()
            return
        silent = now - watched.asked
        if silent < THRESHOLD or watched.told:
            return
        stall = self._find(sys._current_frames().get(watched.thread), silent)  # noqa: SLF001  (the documented way to look at another thread)
        if stall is None:
            return
        watched.told = True
        for tell in list(watched.runs.values()):
            tell(stall)
        logger.warning("%s", stall, extra={"step": stall.path})

    def _find(self, frame: FrameType | None, silent: float) -> Stall | None:
        innermost = frame
        while frame is not None:
            if frame.f_code is self._code:
                cursor = frame.f_locals.get("cursor")
                step = getattr(cursor, "step", None)
                if step is not None:
                    stack = "".join(traceback.format_stack(innermost, limit=12))
                    return Stall(step.path, silent, stack)
            frame = frame.f_back
        return None
