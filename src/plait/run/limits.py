"""Admission: one ledger for the whole process, over all runs, loops and threads. It counts in thousandths.

A run asks (``Acquire``) and is told (``Granted``); the decision is the pure ledger's, this module adds the lock
and the waking. What a run holds while it calls a nested run is lent to the nested one, so nesting neither
multiplies a limit nor waits for itself.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from plait.core.amounts import MEMORY, size_of
from plait.core.policy import whole
from plait.core.schedule.ledger import Ledger, Need
from plait.errors import DefinitionError
from plait.run.machine import usable_cores, usable_memory

if TYPE_CHECKING:
    from plait.core.schedule.rates import Spend, Spent
    from plait.run.alarm import Alarms


class Limit:
    """How much there is of a resource, or how often it may be asked; at least one of these is given.

    Args:
        concurrency: how much can be held at once.
        rpm: requests per minute. A step that asks for 1 of the resource makes one request per attempt.
        tpm: tokens per minute. What an attempt will use is estimated from what the last ones have told by
            ``current_step().charge(tokens=...)``.
    """

    __slots__ = ("concurrency", "rpm", "tpm")

    def __init__(
        self, concurrency: int | None = None, rpm: int | None = None, tpm: int | None = None
    ) -> None:
        self.concurrency = whole(concurrency, "Limit(concurrency)")
        self.rpm = whole(rpm, "Limit(rpm)")
        self.tpm = whole(tpm, "Limit(tpm)")
        if concurrency is None and rpm is None and tpm is None:
            raise DefinitionError("Limit() limits nothing; give concurrency, rpm or tpm")

    @property
    def most(self) -> int | None:
        """The most that one step may ask for; None if any amount will do."""
        known = [limit for limit in (self.concurrency, self.rpm) if limit is not None]
        return min(known) if known else None

    def __repr__(self) -> str:
        given = [(name, getattr(self, name)) for name in self.__slots__]
        return f"Limit({', '.join(f'{name}={value}' for name, value in given if value is not None)})"


_ids = itertools.count(1)


class Limits(Mapping[str, Limit]):
    """Named amounts that steps share: ``Limits({"openai": Limit(concurrency=8, rpm=60), "gpu": 1})``.

    Everything that uses the same ``Limits`` object shares its amounts: steps, nested pipelines, items of a map
    and runs side by side. ``cpu`` is predefined as the number of usable cores, and ``memory`` as the bytes of usable
    memory where they are known.

    Args:
        resources: name -> a whole number, or a ``Limit``; for ``memory`` also a size such as ``"8 GB"``.

    Raises:
        DefinitionError: for anything else.
    """

    def __init__(self, resources: Mapping[str, int | str | Limit] | None = None) -> None:
        found: dict[str, Limit] = {}
        if resources is not None and not isinstance(resources, Mapping):
            raise DefinitionError(f"Limits: {resources!r} is no mapping; write Limits({{'gpu': 1}})")
        for name, amount in (resources or {}).items():
            if not isinstance(name, str) or not name or name[0] in "#!":
                raise DefinitionError(f"Limits: {name!r} is not a resource name")
            if isinstance(amount, Limit):
                found[name] = amount
            elif amount is None:
                raise DefinitionError(f"Limits: {name!r} is None; give a whole number or a Limit")
            elif name == MEMORY:
                found[name] = Limit(size_of(amount, f"Limits: {name!r} is {amount!r}"))
            else:
                whole(amount, f"Limits: {name!r}", "")
                found[name] = Limit(amount)  # type: ignore[arg-type]  # it is one
        self._given = tuple(found)
        predefined = {"cpu": usable_cores(), MEMORY: None if MEMORY in found else usable_memory()}
        self._limits = {n: Limit(amount) for n, amount in predefined.items() if amount is not None} | found
        self.id = next(_ids)
        self.rated = frozenset(
            n for n, limit in found.items() if limit.rpm is not None or limit.tpm is not None
        )
        """The resources that have a rate."""
        self._declared = False

    def __getitem__(self, name: str) -> Limit:
        return self._limits[name]

    def __iter__(self) -> Any:
        return iter(self._limits)

    def __len__(self) -> int:
        return len(self._limits)

    def __repr__(self) -> str:
        given = {name: self._limits[name] for name in self._given}
        return (
            f"Limits({ {n: limit if n in self.rated else limit.concurrency for n, limit in given.items()} })"
        )

    def declare(self) -> None:
        """Make the amounts known to the process's admission (done at the first run that uses them)."""
        if not self._declared:
            limits = self._limits.items()
            admission.declare(
                {
                    (self.id, n): limit.concurrency * 1000
                    for n, limit in limits
                    if limit.concurrency is not None
                }
            )
            for name in self.rated:
                admission.declare_rates((self.id, name), self._limits[name])
            self._declared = True


class Ticket(Protocol):
    """Whoever asks: told through its own loop when a request that had to wait is granted."""

    run: Any
    task: int
    rated: bool

    def loop_call(self) -> None:
        """Tell the run of the grant, from whatever thread."""


class Admission:
    """The process's ledger behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ledger: Ledger[Any] = Ledger()
        self._borrowers: dict[Hashable, int] = {}

    @cached_property
    def _alarms(self) -> Alarms:
        """Made with the first rate, under the lock; before, nobody waits for time to pass."""
        from plait.run.alarm import Alarms  # most programs have no rates

        return Alarms(self._lock, self._ledger, tell)

    def declare(self, amounts: Mapping[Hashable, int]) -> None:
        """Make amounts known; what is in use stays in use."""
        with self._lock:
            for name, capacity in amounts.items():
                self._ledger.declare(name, capacity)

    def lend(self, name: Hashable, capacity: int) -> None:
        """Make known what a step lends to the runs it starts: one amount for all of them together."""
        with self._lock:
            self._ledger.declare(name, capacity)  # again is no harm: what is in use stays in use
            self._borrowers[name] = self._borrowers.get(name, 0) + 1

    def give_back(self, names: Iterable[Hashable]) -> None:
        """A run that borrowed is over; the last one forgets what was lent."""
        with self._lock:
            for name in names:
                self._borrowers[name] -= 1
                if not self._borrowers[name]:
                    del self._borrowers[name]
                    self._ledger.forget((name,))

    def declare_new(self, name: Hashable, capacity: int) -> None:
        """Make one amount known unless it is."""
        with self._lock:
            if name not in self._ledger.capacity:
                self._ledger.declare(name, capacity)

    def forget(self, names: Iterable[Hashable]) -> None:
        """Drop a run's own amounts."""
        with self._lock:
            self._ledger.forget(names)

    def request(self, ticket: Ticket, need: tuple[tuple[Hashable, int], ...], rank: float) -> bool:
        """Ask; True if granted at once, else whoever releases tells the ticket later."""
        with self._lock:
            return self._ledger.request(ticket, need, rank)

    def request_rated(
        self,
        ticket: Ticket,
        need: Need,
        spend: Spend,
        rank: float,
        loop: Any,
        clock: Callable[[], float],
    ) -> bool:
        """The same for a request with rates to pass. If it must wait, its loop looks again when time may let it through."""
        with self._lock:
            now = self._alarms.time(clock)
            here, others = self._ledger.request_rated(ticket, need, spend, now, rank)
            if not here:
                self._alarms.join(ticket, loop, clock)
            late = self._alarms.after(others)
        tell(others)
        self._alarms.set(late)
        return here

    def withdraw(self, ticket: Ticket) -> list[Ticket]:
        """Stop waiting; if it had been granted already, it is given back, and those granted by that are returned."""
        with self._lock:
            ledger = self._ledger
            timed = ledger.rated or ticket in ledger.spent
            now = self._alarms.time() if timed else 0.0
            if ticket in ledger.held:
                granted = ledger.release(ticket, now, unused=True)
            else:
                granted = ledger.withdraw(ticket, now)
            late = self._alarms.after((*granted, ticket)) if timed else ()
        if late:
            self._alarms.set(late)
        return granted

    def release(self, ticket: Ticket) -> list[Ticket]:
        """Give back; tells who was granted by that (the caller wakes them, each on its own loop)."""
        with self._lock:
            ledger = self._ledger
            if not ledger.rated:  # so no time has to be asked for
                return ledger.release(ticket)
            granted = ledger.release(ticket, self._alarms.time())
            late = self._alarms.after(granted)
        self._alarms.set(late)
        return granted

    def calm(self, loop: Any) -> None:
        """Called on a loop when one of its requests waits no more: the last one takes the loop's timer with it."""
        self._alarms.calm(loop)

    def declare_rates(self, name: Hashable, limit: Limit) -> None:
        """Make the rates of a resource known."""
        from plait.core.schedule.rates import Meter  # most programs have no rates

        with self._lock:
            _ = self._alarms  # made here: its first use may be in two threads at once
            self._ledger.meters[name] = Meter(None if limit.rpm is None else limit.rpm * 1000, limit.tpm)

    def spent(self, ticket: Ticket) -> Mapping[Hashable, Spent]:
        """What an attempt, which holds something, has used of rates; what it charges goes there."""
        with self._lock:
            return self._ledger.spent.get(ticket, {})

    def charge(self, spent: Spent, tokens: int) -> None:
        """Hear of tokens that an attempt really used, from whatever thread."""
        with self._lock:
            spent.meter.charge(spent, tokens)

    def snapshot(self) -> dict[Hashable, tuple[int, int]]:
        """Name -> (free, capacity), for people and tests."""
        with self._lock:
            return {
                name: (self._ledger.free[name], capacity) for name, capacity in self._ledger.capacity.items()
            }


def tell(granted: Iterable[Ticket]) -> None:
    """Tell those who were granted, each through its own loop."""
    for ticket in granted:
        ticket.loop_call()


admission = Admission()

_default: Limits | None = None


def default_limits() -> Limits:
    """The limits that a pipeline without its own uses: those of ``set_limits``, or else of the settings."""
    global _default  # noqa: PLW0603  (process-wide by design)
    if _default is None:
        from plait.settings import settings  # not by `import plait`: no limits, no settings

        _default = Limits(settings().limits)
    return _default


def set_limits(limits: Limits) -> None:
    """Make these the limits of every pipeline in the process that has none of its own."""
    global _default  # noqa: PLW0603  (process-wide by design)
    if not isinstance(limits, Limits):
        raise DefinitionError(f"set_limits({limits!r}): give a Limits(...)")
    _default = limits
