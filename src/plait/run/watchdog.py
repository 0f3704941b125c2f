"""The watchdog: notices an event loop that a step blocks, and names the step while it happens.

One daemon thread for all loops with active runs. It asks each loop for a sign of life; a loop that gives none
for 100 ms (``stall_after`` of the settings) is looked at from outside: the strand whose frame is on its stack says which step it is in. The frame's
locals are not looked at: until Python 3.12 that leaves copies of them behind, which keep values alive.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any, Final

from plait.settings import Settings, settings

INTERVAL: Final = 0.05
THRESHOLD: Final = Settings().stall_after
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


class Watched:
    """One event loop: the runs that are active on it, and when it was asked for a sign of life."""

    __slots__ = ("asked", "loop", "runs", "thread", "told")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.runs: dict[Any, None] = {}  # a dict: in and out of it without a call
        self.asked: float | None = None
        self.told = False

    def beat(self) -> None:
        """On the loop: a sign of life."""
        self.asked, self.told = None, False


class Watchdog:
    """Watches the loops of active runs. ``code`` is the strand's code object, known by its frame."""

    def __init__(self, code: CodeType) -> None:
        self._code = code
        self._loops: dict[int, Watched] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._awake = False
        self._thread: threading.Thread | None = None
        self._threshold, self._interval = THRESHOLD, INTERVAL

    def enter(self, loop: asyncio.AbstractEventLoop, run: Any) -> Watched:
        """A run begins on this loop; when it ends it takes itself out of ``runs``."""
        watched = self._loops.get(id(loop))
        if watched is None or watched.loop is not loop:
            with self._lock:
                watched = self._loops[id(loop)] = Watched(loop)
        watched.runs[run] = None
        if not self._awake:
            self._rouse()
        return watched

    def _rouse(self) -> None:
        with self._lock:
            self._awake = True
            self._wake.set()
            if self._thread is None:
                self._threshold = settings().stall_after
                self._interval = min(INTERVAL, self._threshold / 2)
                self._thread = threading.Thread(target=self._watch, name="plait-watchdog", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        idle = 0
        while True:
            time.sleep(self._interval)
            busy = False
            for key, watched in list(self._loops.items()):
                if watched.loop.is_closed():
                    with self._lock:
                        if self._loops.get(key) is watched:  # another loop may have its id by now
                            del self._loops[key]
                elif watched.runs:
                    busy = True
                    self._look(watched)
            idle = 0 if busy else idle + 1
            if idle > _LINGER:
                with self._lock:
                    self._awake = False
                    self._wake.clear()
                if not any(
                    w.runs for w in list(self._loops.values())
                ):  # a run that began meanwhile has seen us awake
                    self._wake.wait()
                self._awake = True
                idle = 0

    def _look(self, watched: Watched) -> None:
        now = time.perf_counter()
        asked = watched.asked  # read once: the loop may answer between two looks
        if asked is None:
            watched.asked = now
            with suppress(RuntimeError):  # closed meanwhile
                watched.loop.call_soon_threadsafe(watched.beat)
            return
        silent = now - asked
        if silent < self._threshold or watched.told:
            return
        frame = sys._current_frames().get(watched.thread)  # noqa: SLF001  (the documented way to look at another thread)
        found = self._find(frame, list(watched.runs), silent)
        if found is None:
            return
        run, stall = found
        watched.told = True
        with suppress(RuntimeError):  # its loop was closed meanwhile
            run.stalled(stall)
        logger.warning("%s", stall, extra={"step": stall.path})

    def _find(self, frame: FrameType | None, runs: list[Any], silent: float) -> tuple[Any, Stall] | None:
        innermost = frame
        while frame is not None:
            if frame.f_code is self._code:
                for cursor in (c for run in runs for c in (*list(run.strands), run.lead)):
                    if cursor is None or cursor.coroutine is None or cursor.coroutine.cr_frame is not frame:
                        continue
                    step = cursor.step  # read once: the strand may go on between two looks
                    if step is not None:
                        stack = "".join(traceback.format_stack(innermost, limit=12))
                        return cursor.run, Stall(step.path, silent, stack)
            frame = frame.f_back
        return None
