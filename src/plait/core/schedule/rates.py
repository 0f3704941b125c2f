"""How often per minute: an exact log of the last minute per limit, and the time at which a request fits. Pure.

An entry counts from the moment it was made until a minute later, so no stretch of a minute ever holds more than
the limit, and what the limit allows can be used to the last request. What was really used is known only
afterwards: it takes the place of the estimate at the entry's own time, which may leave the log over-full. That
delays the next request, and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Final, TypeAlias

MINUTE: Final = 60.0
"""Seconds that an entry counts."""

_REMEMBERED: Final = 20
"""Uses from which the next one is estimated."""

Spend: TypeAlias = "tuple[tuple[Hashable, int], ...]"
"""(name of a meter, thousandths of requests) of each meter that a request has to pass."""


class Steady:
    """A clock that never goes back: a step back, or another clock, counts as no time passed.

    >>> steady = Steady()
    >>> [steady.read(now) for now in (100.0, 101.0, 50.0, 52.0)]
    [0.0, 1.0, 1.0, 3.0]
    """

    __slots__ = ("_shift", "_source", "now")

    def __init__(self) -> None:
        self.now = 0.0
        """The latest reading."""
        self._shift: float | None = None
        self._source: object = None

    def read(self, now: float, source: object = None) -> float:
        """The steady time at which a clock says ``now``; ``source`` tells clocks apart."""
        if self._shift is None or source != self._source or now + self._shift < self.now:
            self._shift, self._source = self.now - now, source
        self.now = max(self.now, now + self._shift)
        return self.now


class Entry:
    """One use of a limit: when, and how much."""

    __slots__ = ("amount", "at", "counts")

    def __init__(self, at: float, amount: int) -> None:
        self.at, self.amount, self.counts = at, amount, True


class Window:
    """What was used of one limit during the last minute. Times come in order; ``Steady`` sees to that.

    Args:
        limit: the most in a minute.
        span: the length of that minute in seconds.
    """

    __slots__ = ("_log", "limit", "span", "used")

    def __init__(self, limit: int, span: float | None = None) -> None:
        self.limit, self.span = limit, MINUTE if span is None else span
        self.used = 0
        """The sum of what counts."""
        self._log: deque[Entry] = deque()

    def earliest(self, amount: int, now: float) -> float:
        """When so much would fit if nobody asked before: ``now`` if it does already, infinity if it never will."""
        log, span = self._log, self.span
        while log and log[0].at + span <= now:
            gone = log.popleft()
            gone.counts = False
            self.used -= gone.amount
        over = self.used + amount - self.limit
        if over <= 0:
            return now
        for entry in log:
            over -= entry.amount
            if over <= 0:
                return entry.at + span
        return float("inf")

    def enter(self, amount: int, now: float) -> Entry:
        """Use so much now. Whoever asks has seen that it fits."""
        entry = Entry(now, amount)
        self._log.append(entry)
        self.used += amount
        return entry

    def correct(self, entry: Entry, amount: int) -> None:
        """Say what an entry really was: less is refunded, more is debited, both at the entry's own time."""
        if entry.counts:
            self.used += amount - entry.amount
        entry.amount = amount


class Spent:
    """What one attempt used of one meter.

    Attributes:
        meter: the meter.
        charged: the tokens that were charged so far, or None.
        settled: whether the attempt has ended, so that what comes now is added at once.
    """

    __slots__ = ("charged", "meter", "requests", "settled", "tokens")

    def __init__(self, meter: Meter, requests: Entry | None, tokens: Entry | None) -> None:
        self.meter, self.requests, self.tokens = meter, requests, tokens
        self.charged: int | None = None
        self.settled = False


class Meter:
    """Requests and tokens per minute of one resource.

    Args:
        rpm: thousandths of requests in a minute, or None.
        tpm: tokens in a minute, or None.
    """

    __slots__ = ("_sum", "_uses", "requests", "tokens")

    def __init__(self, rpm: int | None, tpm: int | None) -> None:
        self.requests = None if rpm is None else Window(rpm)
        self.tokens = None if tpm is None else Window(tpm)
        self._uses: deque[int] = deque()
        self._sum = 0

    @property
    def estimate(self) -> int:
        """The tokens of the next attempt: the mean of the last ones, and never more than could be granted at all."""
        if self.tokens is None or not self._uses:
            return 1
        return min(self.tokens.limit, max(1, -(-self._sum // len(self._uses))))

    def earliest(self, requests: int, now: float) -> float:
        """When an attempt would fit; ``now`` if it does."""
        at = now if self.requests is None else self.requests.earliest(requests, now)
        return at if self.tokens is None else max(at, self.tokens.earliest(self.estimate, now))

    def spend(self, requests: int, now: float) -> Spent:
        """Let an attempt through; it uses its requests, and tokens by estimate."""
        return Spent(
            self,
            None if self.requests is None else self.requests.enter(requests, now),
            None if self.tokens is None else self.tokens.enter(self.estimate, now),
        )

    def charge(self, spent: Spent, tokens: int) -> None:
        """Hear of tokens that an attempt really used. More than the estimate counts at once, less when it has ended.

        What is late counts as well: the thread of an attempt may have been left behind.
        """
        if self.tokens is None or spent.tokens is None:
            return
        spent.charged = (spent.charged or 0) + tokens
        if spent.settled:
            self.tokens.correct(spent.tokens, spent.tokens.amount + tokens)
        elif spent.charged > spent.tokens.amount:
            self.tokens.correct(spent.tokens, spent.charged)

    def settle(self, spent: Spent) -> None:
        """The attempt has ended: what was charged takes the place of the estimate, and teaches the next one."""
        spent.settled = True
        if spent.charged is None or self.tokens is None or spent.tokens is None:
            return
        self.tokens.correct(spent.tokens, spent.charged)
        self._uses.append(spent.charged)
        self._sum += spent.charged
        if len(self._uses) > _REMEMBERED:
            self._sum -= self._uses.popleft()

    def undo(self, spent: Spent) -> None:
        """The attempt was let through and never began: nothing was used."""
        spent.settled = True
        if self.requests is not None and spent.requests is not None:
            self.requests.correct(spent.requests, 0)
        if self.tokens is not None and spent.tokens is not None:
            self.tokens.correct(spent.tokens, 0)
