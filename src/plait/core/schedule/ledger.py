"""Who holds what: named amounts, all or nothing, never above capacity. Pure; a shell puts a lock around it.

Requests that don't fit wait in one queue per kind of need, the longest remaining path first (n2's pools: no
scanning past tasks that can't start). Nothing is held while waiting, so there is no deadlock by hold-and-wait.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T", bound=Hashable)
Need: TypeAlias = "tuple[tuple[Hashable, int], ...]"


class Ledger(Generic[T]):
    """Amounts held by tickets of the caller's own type.

    Attributes:
        capacity: the amount that exists of each name.
        free: the amount that nobody holds.
    """

    __slots__ = ("_order", "_queues", "_waiting", "capacity", "free", "held")

    def __init__(self) -> None:
        self.capacity: dict[Hashable, int] = {}
        self.free: dict[Hashable, int] = {}
        self.held: dict[T, Need] = {}
        self._queues: dict[Need, list[tuple[float, int, T]]] = {}
        self._waiting: dict[T, Need] = {}
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
        self._order += 1
        self._waiting[ticket] = need
        heapq.heappush(self._queues.setdefault(need, []), (-rank, self._order, ticket))
        return False

    def withdraw(self, ticket: T) -> None:
        """Stop waiting; the place in the queue is skipped when it is reached."""
        self._waiting.pop(ticket, None)

    def release(self, ticket: T) -> list[T]:
        """Give back what a ticket holds; tells who was granted by that, highest rank first."""
        for name, amount in self.held.pop(ticket):
            self.free[name] += amount
        return self._grant() if self._waiting else []

    def _take(self, ticket: T, need: Need) -> None:
        for name, amount in need:
            self.free[name] -= amount
        self.held[ticket] = need

    def _grant(self) -> list[T]:
        granted: list[T] = []
        heads = [
            (queue[0][0], queue[0][1], need) for need, queue in self._queues.items() if self._prune(queue)
        ]
        heapq.heapify(heads)
        while heads:
            _, _, need = heapq.heappop(heads)
            if not self.fits(need):
                continue  # nothing of this kind can start until something else ends
            queue = self._queues[need]
            ticket = heapq.heappop(queue)[2]
            del self._waiting[ticket]
            self._take(ticket, need)
            granted.append(ticket)
            if self._prune(queue):
                heapq.heappush(heads, (queue[0][0], queue[0][1], need))
        for need in [n for n, q in self._queues.items() if not q]:
            del self._queues[need]
        return granted

    def _prune(self, queue: list[tuple[float, int, T]]) -> bool:
        while queue and queue[0][2] not in self._waiting:
            heapq.heappop(queue)
        return bool(queue)

    def waiting(self) -> list[T]:
        """The tickets that wait."""
        return list(self._waiting)
