"""Admission: one ledger for the whole process, over all runs, loops and threads.

A run asks (``Acquire``) and is told (``Granted``); the decision is the pure ledger's, this module adds the lock
and the waking. What a run holds while it calls a nested run is lent to the nested one, so nesting neither
multiplies a limit nor waits for itself.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Protocol

from plait.core.policy import whole
from plait.core.schedule.ledger import Ledger
from plait.errors import DefinitionError


class Limit:
    """How much there is of a resource.

    Args:
        concurrency: how many can be held at once.
    """

    __slots__ = ("concurrency",)

    def __init__(self, concurrency: int) -> None:
        checked = whole(concurrency, "Limit(concurrency)", "")
        if checked is None:
            raise DefinitionError("Limit(concurrency) needs a whole number from 1")
        self.concurrency = checked

    def __repr__(self) -> str:
        return f"Limit(concurrency={self.concurrency})"


def usable_cores() -> int:
    """The cores this process may use (its affinity, not the machine's count)."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this platform
        return os.cpu_count() or 1


_ids = itertools.count(1)


class Limits(Mapping[str, Limit]):
    """Named amounts that steps share: ``Limits({"openai": 8, "gpu": Limit(concurrency=1)})``.

    Everything that uses the same ``Limits`` object shares its amounts: steps, nested pipelines, items of a map
    and runs side by side. ``cpu`` is predefined as the number of usable cores.

    Args:
        resources: name -> a whole number, or a ``Limit``.

    Raises:
        DefinitionError: for anything else.
    """

    def __init__(self, resources: Mapping[str, int | Limit] | None = None) -> None:
        found: dict[str, Limit] = {"cpu": Limit(usable_cores())}
        if resources is not None and not isinstance(resources, Mapping):
            raise DefinitionError(f"Limits: {resources!r} is no mapping; write Limits({{'gpu': 1}})")
        for name, amount in (resources or {}).items():
            if not isinstance(name, str) or not name or name[0] in "#!":
                raise DefinitionError(f"Limits: {name!r} is not a resource name")
            if isinstance(amount, Limit):
                found[name] = amount
            else:
                checked = whole(amount, f"Limits: {name!r}", "")
                if checked is None:
                    raise DefinitionError(f"Limits: {name!r} is None; give a whole number or a Limit")
                found[name] = Limit(checked)
        self._limits = found
        self.id = next(_ids)
        self._declared = False

    def __getitem__(self, name: str) -> Limit:
        return self._limits[name]

    def __iter__(self) -> Any:
        return iter(self._limits)

    def __len__(self) -> int:
        return len(self._limits)

    def __repr__(self) -> str:
        return f"Limits({ {name: limit.concurrency for name, limit in self._limits.items()} })"

    def declare(self) -> None:
        """Make the amounts known to the process's admission (done at the first run that uses them)."""
        if not self._declared:
            admission.declare({(self.id, name): limit.concurrency for name, limit in self._limits.items()})
            self._declared = True


class Ticket(Protocol):
    """Whoever asks: told through its own loop when a request that had to wait is granted."""

    run: Any
    task: int

    def loop_call(self) -> None:
        """Tell the run of the grant, from whatever thread."""


class Admission:
    """The process's ledger behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ledger: Ledger[Any] = Ledger()
        self._borrowers: dict[Hashable, int] = {}

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

    def withdraw(self, ticket: Ticket) -> list[Ticket]:
        """Stop waiting; if it had been granted already, it is given back, and those granted by that are returned."""
        with self._lock:
            if ticket in self._ledger.held:
                return self._ledger.release(ticket)
            self._ledger.withdraw(ticket)
            return []

    def release(self, ticket: Ticket) -> list[Ticket]:
        """Give back; tells who was granted by that (the caller wakes them, each on its own loop)."""
        with self._lock:
            return self._ledger.release(ticket)

    def snapshot(self) -> dict[Hashable, tuple[int, int]]:
        """Name -> (free, capacity), for people and tests."""
        with self._lock:
            return {
                name: (self._ledger.free[name], capacity) for name, capacity in self._ledger.capacity.items()
            }


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
