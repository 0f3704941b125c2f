"""A run's side of admission: its tickets, its own caps, and what it borrows from the step that started it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

from plait.context import Cursor
from plait.core.amounts import thousandths
from plait.core.names import did_you_mean, listing
from plait.errors import PlaitError
from plait.run.limits import Limits, admission, tell

if TYPE_CHECKING:
    from plait.core.plan.model import Needs
    from plait.core.schedule.rates import Spent
    from plait.run.drive import Run

_run_numbers = itertools.count(1)


class RunTicket:
    """One request of one task of one run."""

    __slots__ = ("need", "rated", "run", "task", "void")

    def __init__(self, run: Run, task: int, need: tuple[tuple[Hashable, int], ...]) -> None:
        self.run, self.task, self.need = run, task, need
        self.void = self.rated = False

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
            tell(admission.withdraw(self))
            if self.rated:
                admission.calm(loop)

    def _tell(self) -> None:
        if self.rated:
            admission.calm(self.run.loop)
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
        rated = self.limits.rated
        return {
            self.key_of(name): 1 if name[0] == "!" else thousandths(amount)
            for name, amount in needs
            if name[0] != "#" and (name not in rated or self.limits[name].concurrency is not None)
        }

    def key_of(self, name: str) -> Hashable:
        """How admission knows a resource or an exclusive name."""
        return name if name[0] == "!" else (self.limits.id, name)

    def _key(self, name: str, asked: float) -> tuple[Hashable, int]:
        if name[0] == "#":
            return ("cap", self.number, int(name[1:])), 1
        amount = 1 if name[0] == "!" else thousandths(asked)
        whole = self.key_of(name)
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
        needs, rated = frame.plan.needs[node], self.limits.rated
        if rated and any(name in rated for name, _ in needs):
            return self._acquire_rated(task, needs, frame.plan.rank[node])
        need = tuple(self._key(name, amount) for name, amount in needs)
        ticket = RunTicket(self.run, task, need)
        self._tickets[task] = ticket
        granted = admission.request(ticket, need, frame.plan.rank[node])
        if not granted:
            self.waiting.add(task)
        return granted

    def _acquire_rated(self, task: int, needs: Needs, rank: float) -> bool:
        """Of what has a rate, too: what is lent to this run is not asked for again, but each call is one more request."""
        limits, rated = self.limits, self.limits.rated
        need = tuple(
            self._key(name, amount)
            for name, amount in needs
            if name not in rated or limits[name].concurrency is not None
        )
        spend = tuple((self.key_of(name), thousandths(amount)) for name, amount in needs if name in rated)
        ticket = RunTicket(self.run, task, need)
        ticket.rated = True
        self._tickets[task] = ticket
        granted = admission.request_rated(ticket, need, spend, rank, self.run.loop, self.run.clock)
        if not granted:
            self.waiting.add(task)
        return granted

    def spent(self, task: int) -> Mapping[Hashable, Spent]:
        """What the attempt that runs has used of rates."""
        ticket = self._tickets.get(task)
        return admission.spent(ticket) if ticket is not None and ticket.rated else {}

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
                if ticket.rated:
                    admission.calm(self.run.loop)
            else:
                ticket.loop_call()
        return mine

    def withdraw(self, task: int) -> None:
        """Forget a request; if it was granted meanwhile, give it back."""
        ticket = self._tickets.pop(task)
        ticket.void = True
        self.waiting.discard(task)
        tell(admission.withdraw(ticket))
        if ticket.rated:
            admission.calm(self.run.loop)

    def close(self) -> None:
        """Forget the run's own names."""
        admission.forget(self._own)
        admission.give_back(self._lent)


def charging(run: Run, cursor: Cursor, path: str) -> Callable[[int, str | None], None]:
    """What ``charge`` does in the attempt that a strand is in: it takes what this very attempt holds."""
    frame, admitted = run.frames[cursor.task], run.admitted
    limits: Mapping[str, Any] = {} if admitted is None else admitted.limits
    needs = frame.plan.needs[cursor.task - frame.base] or ()
    fitting = [name for name, _ in needs if name in limits and limits[name].tpm is not None]
    spent = {} if admitted is None or cursor.fenced else admitted.spent(cursor.task)

    def charge(tokens: int, resource: str | None) -> None:
        if resource is not None and resource not in fitting:
            there = (
                f"it can charge {listing(fitting)}"
                if fitting
                else "nothing it asks for has tokens per minute"
            )
            raise PlaitError(f"step {path!r} charges {resource!r}; {there}{did_you_mean(resource, fitting)}")
        if resource is None and len(fitting) > 1:
            raise PlaitError(
                f"step {path!r} asks for {listing(fitting)}, which all have tokens per minute; "
                f"say which: charge(tokens={tokens}, resource={fitting[0]!r})"
            )
        if fitting and admitted is not None:
            used = spent.get(admitted.key_of(resource or fitting[0]))
            if used is not None:  # in serial mode nothing is asked for
                admission.charge(used, tokens)

    return charge
