"""Learning which blocking components are instant: those run inline, without the hop to a thread and back.

Only for plain functions without a timeout, exclusivity or chosen executor. Promoted after 50 calls in a row
under 50 µs; the first inline call over 1 ms sends a component back to threads for good. Each switch is a fact
of the run that saw it.
"""

from __future__ import annotations

from typing import Final

CALLS: Final = 50
FAST: Final = 50e-6
SLOW: Final = 1e-3


class Learned:
    """What is known of one step of one pipeline."""

    __slots__ = ("banned", "fast", "inline")

    def __init__(self) -> None:
        self.fast = 0
        self.inline = False
        self.banned = False

    def saw(self, seconds: float) -> str | None:
        """Take in the duration of a call; returns ``"inline"`` or ``"thread"`` when that changes where it runs."""
        if self.inline:
            if seconds > SLOW:
                self.inline, self.banned = False, True
                return "thread"
            return None
        if self.banned:
            return None
        if seconds >= FAST:
            self.fast = 0
            return None
        self.fast += 1
        if self.fast >= CALLS:
            self.inline = True
            return "inline"
        return None
