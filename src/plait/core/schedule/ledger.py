"""Who holds what: named amounts, all or nothing, never above capacity. Pure; a shell puts a lock around it.

Requests that don't fit wait in one queue per kind of need, the longest remaining path first (n2's pools: no
scanning past tasks that can't start). Nothing is held while waiting, so there is no deadlock by hold-and-wait.

A request may have rates to pass as well. Time, not a release, lets such a one through, so after every decision
``next_at`` says when to ask again. One that a rate holds up keeps those behind it from taking what it waits for
(else one for much would starve), and nobody else.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from plait.core.schedule.rates import Meter, Spend, Spent

T = TypeVar("T", bound=Hashable)
_NEVER = float("inf")
Need: TypeAlias = "tuple[tuple[Hashable, int], ...]"
Kind: TypeAlias = "tuple[Need, Spend]"


class Ledger(Generic[T]):
    """Amounts held by tickets of the caller's own type.

    Attributes:
        capacity: the amount that exists of each name.
        free: the amount that nobody holds.
        meters: the rates that were declared.
        spent: what those who hold something have used of rates.
        rated: how many wait that have a rate to pass.
        next_at: when the first of those that only a rate holds up would fit; infinity if there is none.
    """

    __slots__ = (
        "_order",
        "_queues",
        "_waiting",
        "capacity",
        "free",
        "held",
        "meters",
        "next_at",
        "rated",
        "spent",
    )

    def __init__(self) -> None:
        self.capacity: dict[Hashable, int] = {}
        self.free: dict[Hashable, int] = {}
        self.held: dict[T, Need] = {}
        self.meters: dict[Hashable, Meter] = {}
        self.spent: dict[T, dict[Hashable, Spent]] = {}
        self.rated, self.next_at = 0, _NEVER
        self._queues: dict[Kind, list[tuple[float, int, T]]] = {}
        self._waiting: dict[T, Kind] = {}
        self._order = 0

    def declare(self, name: Hashable, capacity: int) -> None:
        """Say how much there is of a name; an amount in use is kept when it changes."""
        used = self.capacity.get(name, 0) - self.free.get(name, 0)
        self.capacity[name] = capacity
        self.free[name] = capacity - used

    def forget(self, names: Iterable[Hashable]) -> None:
        """Drop names that nobody will ask for again."""
        for name in names:
            self.capacity.pop(name, None)
            self.free.pop(name, None)

    def fits(self, need: Need) -> bool:
        """Whether all of it is free now."""
        free = self.free
        return all(free[name] >= amount for name, amount in need)

    def request(self, ticket: T, need: Need, rank: float = 0.0) -> bool:
        """Take all of ``need`` at once, or queue for it; True if it was granted."""
        if self.fits(need):
            self._take(ticket, need)
            return True
        self._queue(ticket, (need, ()), rank)
        return False

    def request_rated(
        self, ticket: T, need: Need, spend: Spend, now: float, rank: float = 0.0
    ) -> tuple[bool, list[T]]:
        """The same for one that has rates to pass; tells also which others were granted, as time has passed."""
        if (
            not self.rated
            and self.fits(need)
            and all(self.meters[m].earliest(n, now) <= now for m, n in spend)
        ):
            self._take(ticket, need)
            self._spend(ticket, spend, now)
            return True, []
        self._queue(ticket, (need, spend), rank)
        self.rated += 1
        granted = self._grant(now)
        if ticket not in self.held:
            return False, granted
        granted.remove(ticket)
        return True, granted

    def _queue(self, ticket: T, kind: Kind, rank: float) -> None:
        self._order += 1
        self._waiting[ticket] = kind
        heapq.heappush(self._queues.setdefault(kind, []), (-rank, self._order, ticket))

    def withdraw(self, ticket: T, now: float = 0.0) -> list[T]:
        """Stop waiting; the place in the queue is skipped when it is reached. Tells who was granted by that."""
        kind = self._waiting.pop(ticket, None)
        if kind is None or not kind[1]:
            return []
        self.rated -= 1
        return self._grant(now)  # it may have kept others from a rate

    def release(self, ticket: T, now: float = 0.0, *, unused: bool = False) -> list[T]:
        """Give back what a ticket holds; tells who was granted by that, highest rank first.

        Args:
            ticket: whose.
            now: the time, needed if rates are asked for.
            unused: nothing was done with it, so it counts for no rate.
        """
        for name, amount in self.held.pop(ticket):
            self.free[name] += amount
        if self.spent:
            for spent in self.spent.pop(ticket, {}).values():
                spent.meter.undo(spent) if unused else spent.meter.settle(spent)
        return self._grant(now) if self._waiting else []

    def look(self, now: float) -> list[T]:
        """Time has passed; tells who was granted by that."""
        return self._grant(now)

    def _take(self, ticket: T, need: Need) -> None:
        for name, amount in need:
            self.free[name] -= amount
        self.held[ticket] = need

    def _spend(self, ticket: T, spend: Spend, now: float) -> None:
        self.spent[ticket] = {name: self.meters[name].spend(amount, now) for name, amount in spend}

    def _affords(self, spend: Spend, now: float, shut: set[Hashable]) -> bool:
        """Whether the rates let a request through; if not, those behind it may not take what it waits for."""
        if not shut.isdisjoint(name for name, _ in spend):
            return False
        at = now
        for name, amount in spend:
            earliest = self.meters[name].earliest(amount, now)
            if earliest > now:
                shut.add(name)
                at = max(at, earliest)
        if at <= now:
            return True
        self.next_at = min(self.next_at, at)
        return False

    def _grant(self, now: float) -> list[T]:
        granted: list[T] = []
        shut: set[Hashable] = set()
        self.next_at = _NEVER
        heads = [
            (queue[0][0], queue[0][1], kind) for kind, queue in self._queues.items() if self._prune(queue)
        ]
        heapq.heapify(heads)
        while heads:
            _, _, kind = heapq.heappop(heads)
            need, spend = kind
            if not self.fits(need):
                continue  # nothing of this kind can start until something else ends
            if spend and not self._affords(spend, now, shut):
                continue
            queue = self._queues[kind]
            ticket = heapq.heappop(queue)[2]
            del self._waiting[ticket]
            self._take(ticket, need)
            if spend:
                self.rated -= 1
                self._spend(ticket, spend, now)
            granted.append(ticket)
            if self._prune(queue):
                heapq.heappush(heads, (queue[0][0], queue[0][1], kind))
        for kind in [k for k, q in self._queues.items() if not q]:
            del self._queues[kind]
        return granted

    def _prune(self, queue: list[tuple[float, int, T]]) -> bool:
        while queue and queue[0][2] not in self._waiting:
            heapq.heappop(queue)
        return bool(queue)

    def waiting(self) -> list[T]:
        """The tickets that wait."""
        return list(self._waiting)
