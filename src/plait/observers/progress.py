"""Progress of a run, or of many: a live view on a terminal, plain lines elsewhere, nothing in CI.

    events of the run's loop ──▶ counters and lines (``_lock``: a few dictionary operations)
                                     │ ten times a second, by a thread of its own
                                     ▼
                                  the stream (``_turn``: held while writing, and never by ``on_event``)

A terminal that takes no output (Ctrl-S, a slow connection) therefore does not hold up the steps.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Literal, Self, TextIO, TypeAlias

from plait.events import AttemptDiscarded, LoopBlocked, RunFinished, StepFailed, StepFinished, StepStarted
from plait.settings import settings

Mode: TypeAlias = Literal["auto", "plain", "none"]

_PAINT_EVERY: Final = 0.1
_TELL_EVERY: Final = 5.0
_LINES: Final = 200  # a pipeline of thousands of steps is counted, not listed
_RUNNING: Final = 8
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_SPINNER_ASCII: Final = "|/-\\"
_MARKS: Final = {"ok": ("✓", "+", "green"), "again": ("↻", "~", "yellow"), "failed": ("✗", "x", "red")}
_COLORS: Final[Mapping[str, str]] = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}
_CONTROL: Final = dict.fromkeys((*range(32), *range(127, 160)), "�")


def is_live(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a line on this stream can be drawn again: a terminal that is not a dumb one."""
    return (
        _isatty(stream)
        and environ.get("TERM") != "dumb"
        and (os.name != "nt" or bool(environ.get("WT_SESSION")))
    )


def has_color(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to use colours here: ``NO_COLOR`` forbids, ``FORCE_COLOR`` asks, else a terminal has them."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or is_live(stream, environ)


def style(text: str, name: str, *, color: bool) -> str:
    """Text in one of the few styles that the command line uses."""
    return f"\x1b[{_COLORS[name]}m{text}\x1b[0m" if color else text


class Progress:
    """An observer that shows a run (or the runs of a map) as it goes on.

    >>> import io
    >>> from plait.events import StepFinished, StepStarted
    >>> out = io.StringIO()
    >>> with Progress(out, environ={}) as progress:
    ...     progress.on_event(StepStarted("r1", 0.0, "extract", 1))
    ...     progress.on_event(StepFinished("r1", 0.25, "extract", 1, 0.25))
    >>> print(out.getvalue().rstrip())
    extract: finished in 250 ms

    Args:
        stream: where to show it; standard error by default.
        mode: ``"auto"`` is live on a terminal, plain lines elsewhere and nothing when ``CI`` is set;
            ``"plain"`` and ``"none"`` are what they say; default: the setting ``progress``, which is ``"auto"``.
        items: for a map, how many items there are; None for one run.
        environ: the environment variables that decide (``CI``, ``NO_COLOR``, ``FORCE_COLOR``, ``TERM``).
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        mode: Mode | None = None,
        items: int | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._stream = stream or sys.stderr
        mode = mode or settings().progress
        self._live = mode == "auto" and is_live(self._stream, environ) and not environ.get("CI")
        self._plain = not self._live and (mode == "plain" or (mode == "auto" and not environ.get("CI")))
        self._color = has_color(self._stream, environ)
        self._unicode = "utf" in (getattr(self._stream, "encoding", None) or "utf-8").lower()
        self._items = items
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._running: dict[tuple[str, str], float] = {}
        self._lines: list[str] = []
        self._blocking: set[str] = set()
        self._listed = self._finished = self._retried = 0
        self._taken = self._taken_failed = self._over = self._over_failed = 0
        self._drawn = self._frame = 0
        self._told = 0
        self._tell_at = 0.0
        self._began = time.monotonic()

    @property
    def shows(self) -> bool:
        """Whether it shows anything; if not, a run need not tell it."""
        return self._live or self._plain

    @property
    def width(self) -> int:
        """How many columns there are; 80 where there is no terminal."""
        return self._size()[0]

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._tell_at = self._began + _TELL_EVERY
        if self.shows:
            self._thread = threading.Thread(target=self._paint_on, name="plait-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and leave the terminal as it was: nothing of the live view stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.shows:
            with self._turn, suppress(OSError, ValueError):
                self._write(self._erased() + self._taken_lines())
        self._live = self._plain = False

    def on_event(self, event: object) -> None:
        """Take an event of a run; called on the run's loop."""
        if self.shows:
            with self._lock:
                self._take(event)

    def item_done(self, *, ok: bool) -> None:
        """Count an item of a map whose result has been taken."""
        with self._lock:
            self._taken += 1
            self._taken_failed += not ok

    def print(self, text: str, stream: TextIO | None = None) -> None:
        """Print something for good, here or on another stream, without disturbing the live view."""
        with self._turn:
            if self.shows:
                with suppress(OSError, ValueError):
                    self._write(self._erased() + self._taken_lines())
            out = stream or self._stream
            out.write(_writable(text + "\n", out))
            out.flush()

    # -- on the run's loop, with the lock held ------------------------------------------------------------

    def _take(self, event: object) -> None:
        match event:
            case StepStarted():
                self._running[event.run_id, event.path] = time.monotonic()
            case StepFinished():
                self._running.pop((event.run_id, event.path), None)
                self._finished += 1
                if self._items is None:
                    self._list("ok", event.path, f"finished in {seconds(event.seconds)}")
            case StepFailed():
                self._running.pop((event.run_id, event.path), None)
                self._retried += event.will_retry
                if (
                    self._items is None
                ):  # of many items the counts are wanted; an item's own result says the rest
                    again = f"attempt {event.attempt} failed, trying again" if event.will_retry else "failed"
                    self._list(
                        "again" if event.will_retry else "failed",
                        event.path,
                        f"{again}: {_error(event.error)}",
                    )
            case AttemptDiscarded():
                self._running.pop((event.run_id, event.path), None)
            case LoopBlocked() if event.path not in self._blocking:
                self._blocking.add(event.path)
                self._list(
                    "again", event.path, f"blocks the event loop since {seconds(event.seconds)}: {event.cure}"
                )
            case RunFinished():
                self._over += 1
                self._over_failed += event.outcome in ("failed", "deadline")
                for key in [key for key in self._running if key[0] == event.run_id]:
                    del self._running[key]
            case _:
                return

    def _list(self, kind: Literal["ok", "again", "failed"], path: str, text: str) -> None:
        if kind == "ok":
            self._listed += 1
            if self._listed > _LINES:
                if self._listed == _LINES + 1:
                    self._lines.append("further steps are counted, not listed")
                return
        path = path.translate(_CONTROL)
        if self._plain:
            self._lines.append(f"{path}: {text}")
            return
        mark, ascii_mark, color = _MARKS[kind]
        mark = style(mark if self._unicode else ascii_mark, color, color=self._color)
        room = max(20, self._size()[0] - 4)
        self._lines.append(f"  {mark} " + fit(f"{path}  {text.removeprefix('finished in ')}", room))

    # -- on the painter's thread, or with its turn --------------------------------------------------------

    def _paint_on(self) -> None:
        while not self._stop.wait(_PAINT_EVERY):
            with self._turn:
                try:
                    self._paint()
                except (OSError, ValueError):  # the terminal is gone; the run goes on
                    self._live = self._plain = False
                    return

    def _paint(self) -> None:
        if self._plain:
            if self._items is not None and time.monotonic() >= self._tell_at:
                self._tell_at = time.monotonic() + _TELL_EVERY
                with self._lock:
                    self._tell()
            self._write(self._taken_lines())
            return
        self._frame += 1
        width, height = self._size()
        text = self._erased() + self._taken_lines()
        with self._lock:
            rows = [fit(row, width - 1) for row in self._rows(min(_RUNNING, height - 4))]
        self._drawn = len(rows)
        self._write(
            text
            + "".join(f"{style(row, 'dim', color=self._color) if i else row}\n" for i, row in enumerate(rows))
        )

    def _tell(self) -> None:
        done = self._done()
        if done != self._told:
            self._told = done
            self._lines.append(self._counts())

    def _write(self, text: str) -> None:
        if text:
            self._stream.write(_writable(text, self._stream))
            self._stream.flush()

    def _erased(self) -> str:
        drawn, self._drawn = self._drawn, 0
        return f"\r\x1b[{drawn}A\x1b[J" if drawn else ""  # \r: a terminal echoes ^C into our line

    def _taken_lines(self) -> str:
        with self._lock:
            lines, self._lines = self._lines, []
        return "".join(f"{line}\n" for line in lines)

    def _rows(self, most: int) -> list[str]:
        frames = _SPINNER if self._unicode else _SPINNER_ASCII
        spinner = frames[self._frame % len(frames)]
        now = time.monotonic()
        if self._items is not None:
            busy = Counter(path for _, path in self._running)
            shown = sorted(busy.items(), key=lambda pair: (-pair[1], pair[0]))[:_RUNNING]
            steps = ", ".join(f"{path.translate(_CONTROL)} {count}" for path, count in shown)
            return [f"{spinner} {self._counts()}", *([f"    running: {steps}"] if steps else [])]
        steps_word = "step" if self._finished == 1 else "steps"
        head = f"{spinner} {self._finished} {steps_word} finished, {len(self._running)} running, {seconds(now - self._began)}"
        oldest = sorted(self._running.items(), key=lambda pair: pair[1])
        rows = [
            f"    {path.translate(_CONTROL)}  {seconds(now - since)}"
            for (_, path), since in oldest[: max(0, most)]
        ]
        more = [f"    and {len(oldest) - len(rows)} more"] if len(oldest) > len(rows) else []
        return [head, *rows, *more]

    def _done(self) -> int:
        # Results are taken in input order, so a slow item holds back those after it, whose runs are over.
        return max(self._taken, self._over)

    def _counts(self) -> str:
        done, items = self._done(), self._items or 1
        elapsed = max(time.monotonic() - self._began, 1e-9)
        bar = ""
        if self._live:
            cells = min(20, round(20 * done / items))
            bar = (
                "█" * cells + "░" * (20 - cells) if self._unicode else "#" * cells + "." * (20 - cells)
            ) + " "
        wrong = max(self._taken_failed, self._over_failed)
        failed = f", {wrong} failed" if wrong else ""
        retried = f", {self._retried} retried" if self._retried else ""
        rate = f", {done / elapsed:.1f} a second" if done else ""
        return f"{bar}{done} of {items} items{failed}{retried}{rate}, {seconds(elapsed)}"

    def _size(self) -> tuple[int, int]:
        try:
            columns, lines = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError, AttributeError):
            return 80, 24
        return columns or 80, lines or 24


def seconds(value: float) -> str:
    """A duration as a person says it.

    >>> seconds(0.0002), seconds(0.0042), seconds(1.5), seconds(75)
    ('< 1 ms', '4 ms', '1.5 s', '1 min 15 s')
    """
    if value < 0.001:
        return "< 1 ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _error(error: BaseException) -> str:
    text = " ".join(str(error).translate(_CONTROL | {10: " ", 9: " "}).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


def fit(text: str, width: int) -> str:
    """Cut text to so many columns; a Chinese character takes two."""
    used = 0
    for index, char in enumerate(text):
        used += 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if used > width:
            return text[: max(0, index - 1)] + "…"
    return text


def _writable(text: str, stream: TextIO) -> str:
    """What the stream's encoding lacks, and halves of characters, become escapes instead of an error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _isatty(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False
