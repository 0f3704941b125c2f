"""A run's side of admission: its tickets, its own caps, and what it borrows from the step that started it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from plait.context import Cursor
from plait.run.limits import Limits, admission

if TYPE_CHECKING:
    from plait.run.drive import Run

_run_numbers = itertools.count(1)


class RunTicket:
    """One request of one task of one run."""

    __slots__ = ("need", "run", "task", "void")

    def __init__(self, run: Run, task: int, need: tuple[tuple[Hashable, int], ...]) -> None:
        self.run, self.task, self.need = run, task, need
        self.void = False

    def loop_call(self) -> None:
        """Tell the run on its own loop, from whatever thread."""
        loop = self.run.loop
        try:
            running: Any = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        call: Callable[..., Any] = loop.call_soon if running is loop else loop.call_soon_threadsafe
        try:
            call(self._tell)
        except RuntimeError:  # its loop was closed: nobody will use the grant
            for other in admission.release(self):
                other.loop_call()

    def _tell(self) -> None:
        admitted = self.run.admitted
        if not self.void and admitted is not None:
            admitted.waiting.discard(self.task)
            self.run.granted(self.task)


class Admitted:
    """What a run holds and waits for. Names in needs: ``#0`` a cap of this run, ``!x`` exclusive, else a resource."""

    def __init__(self, run: Run, limits: Limits) -> None:
        self.run, self.limits = run, limits
        self.number = next(_run_numbers)
        self._tickets: dict[int, RunTicket] = {}
        self.waiting: set[int] = set()
        """Tasks whose requests had to wait."""
        self._own: list[Hashable] = []
        self._lent: list[Hashable] = []
        self._borrowed: dict[Hashable, tuple[Hashable, int]] = {}
        """What the steps around this run hold -> the key and the amount they lend."""

    def open(self, outer: Cursor | None) -> None:
        """Declare the run's caps, and find what it may borrow from the steps around it."""
        limits, plan = self.limits, self.run.plan
        limits.declare()
        caps: dict[Hashable, int] = {
            ("cap", self.number, i): capacity for i, (_, capacity) in enumerate(plan.caps)
        }
        self._own.extend(caps)
        admission.declare(caps)
        while outer is not None:
            admitted = outer.run.admitted
            if admitted is not None:
                for whole, amount in admitted.holding(outer.task).items():
                    if whole not in self._borrowed:  # the nearest step around lends
                        key = ("lent", admitted.number, outer.task, whole)
                        self._borrowed[whole] = key, amount
                        self._lent.append(key)
                        admission.lend(key, amount)
            outer = outer.run.outer_cursor

    def holding(self, task: int) -> dict[Hashable, int]:
        """What a task holds and can lend: an amount is known by its ``Limits``, an exclusive name by itself."""
        ticket = self._tickets.get(task)
        if ticket is None:
            return {}
        frame = self.run.frames[task]
        needs = frame.plan.needs[task - frame.base] or ()
        return {self._whole(name): amount for name, amount in needs if name[0] != "#"}

    def _whole(self, name: str) -> Hashable:
        return name if name[0] == "!" else (self.limits.id, name)

    def _key(self, name: str, amount: int) -> tuple[Hashable, int]:
        if name[0] == "#":
            return ("cap", self.number, int(name[1:])), amount
        whole = self._whole(name)
        lent = self._borrowed.get(whole)
        if lent is not None:
            return lent[0], min(amount, lent[1])
        if name[0] == "!":
            admission.declare_new(name, 1)
        return whole, amount

    def acquire(self, task: int) -> bool:
        """Ask for what a task needs; True if it has it now."""
        frame = self.run.frames[task]
        node = task - frame.base
        need = tuple(self._key(name, amount) for name, amount in frame.plan.needs[node])
        ticket = RunTicket(self.run, task, need)
        self._tickets[task] = ticket
        granted = admission.request(ticket, need, frame.plan.rank[node])
        if not granted:
            self.waiting.add(task)
        return granted

    def release(self, task: int) -> list[int]:
        """Give back what a task held; tells which of this run's tasks were granted by that."""
        mine: list[int] = []
        held = self._tickets.pop(task, None)
        if held is None:  # granted while its withdrawal was on the way, which has given it back
            return mine
        for ticket in admission.release(held):
            if ticket.run is self.run:
                mine.append(ticket.task)
                self.waiting.discard(ticket.task)
            else:
                ticket.loop_call()
        return mine

    def withdraw(self, task: int) -> None:
        """Forget a request; if it was granted meanwhile, give it back."""
        ticket = self._tickets.pop(task)
        ticket.void = True
        self.waiting.discard(task)
        for other in admission.withdraw(ticket):
            other.loop_call()

    def close(self) -> None:
        """Forget the run's own names."""
        admission.forget(self._own)
        admission.give_back(self._lent)
