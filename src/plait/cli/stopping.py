"""Ctrl-C and SIGTERM: the first one cancels the run and waits for it, the second one leaves at once.

    first signal ──▶ the run is cancelled, its steps clean up, what has finished is written ──▶ 130 or 143
    second signal ─▶ out, without waiting for anything

asyncio would turn Ctrl-C into a cancellation by itself, but not SIGTERM, and its second Ctrl-C still waits
for threads.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

from plait.cli.problem import Exit

_CODES: Final = {"SIGINT": Exit.INTERRUPTED, "SIGTERM": Exit.TERMINATED, "SIGBREAK": Exit.INTERRUPTED}
_ONE_PRESS: Final = 0.05
"""Signals this close together are one: a terminal sends Ctrl-C to us and to our parent, which may pass it on."""


class Stopper:
    """While it is entered, signals stop what it watches.

    Attributes:
        code: the exit code that a signal asked for, or None while none came.
    """

    def __init__(self) -> None:
        self.code: Exit | None = None
        self._cancel: Callable[[], object] | None = None
        self._first = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python lets the main thread only say what a signal does
        for name in _CODES:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, cancel: Callable[[], object]) -> None:
        """Say how the work is cancelled; it is called inside a signal handler, so it must only hand over."""
        self._cancel = cancel
        if self.code is not None:
            cancel()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        now = time.monotonic()
        if self.code is not None:
            if now - self._first >= _ONE_PRESS:
                os._exit(int(self.code))
            return
        self._first = now
        self.code = _CODES[signal.Signals(number).name]
        if self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()
