"""A shell that answers the pure scheduler at random: executor, admission, clock, journal, and whoever decides."""

from __future__ import annotations

import random
from typing import Any

from tests.properties.model import Model

from plait.core.plan.model import JOIN, SEGMENT, Plan
from plait.core.policy import Retry
from plait.core.schedule.commands import (
    Expired,
)
from plait.core.schedule.events import (
    CancelRequested,
    Committed,
    Event,
    Expanded,
    Failed,
    Granted,
    Quiet,
    Resumed,
    RunStarted,
    Stopped,
    Succeeded,
    Suspended,
    TimerFired,
)

TURNS = 4
"""The most turns that a loop has here."""


class Shell(Model):
    """Runs a plan against the scheduler; every choice comes from ``rng``."""

    def fits(self, task: int) -> bool:
        used = dict.fromkeys(self.capacity, 0)
        for other in [*self.held, *self.on_its_way]:
            for name, amount in self.needs(other):
                used[name] += amount
        return all(used[name] + amount <= self.capacity[name] for name, amount in self.needs(task))

    def answer(self, task: int) -> Event:
        steps = self.unit(task).steps
        first = self.resume.get(task, 0)
        told = self.told.get(task)
        if told == "stop":
            ends: list[Event] = [
                Stopped(self.at, task),
                Succeeded(self.at, task),
                Failed(self.at, task, first),
                Suspended(self.at, task, first),
            ]
            return self.rng.choice(ends)
        if told is None and self.asks and self.rng.random() < 0.2:
            return Suspended(self.at, task, self.rng.randrange(first, len(steps)))
        if told is None and self.rng.random() < 0.8:
            return Succeeded(self.at, task)
        step = self.rng.randrange(first, len(steps))
        return Failed(self.at, task, step, self.bits(task), self.waits(), self.rng.random(), self.bits(task))

    def decide(self, task: int) -> None:
        """Say which body a region opens."""
        region, turn = self.unit(task).region, self.asking[task]
        body, copies = 0, 1
        if region.kind == "choice":
            body = self.rng.randrange(-1 if region.default < 0 else 0, len(region.bodies))
        elif region.kind == "map":
            copies = self.rng.randint(0, 4)
        elif region.kind in ("rest", "gate"):
            body = self.rng.choice([0, 0, -1])
        elif turn > 1:
            body = self.rng.choice([0, -1]) if turn <= TURNS else -1
        late = task in self.late and not self.over(task)
        self.tell(Expanded(self.at, task, body, copies))
        assert not late or any(
            isinstance(c, Expired) and c.task == task for cs in self.commands[-2:] for c in cs
        )

    def run(self) -> None:
        self.tell(RunStarted(0.0, self.deadline))
        if self.deadline is not None and self.finished is None:
            assert self.timers
        while self.finished is None:
            if self.paused:
                if self.rng.random() >= self.patience:
                    self.finished = "paused"
                    break
                self.tell(Resumed(self.at, self.rng.choice(sorted(self.suspended))))
                continue
            options: list[tuple[float, Any]] = []
            for task in sorted(self.live):
                refuses = self.stubborn and task in self.told and task not in self.given_up
                options.append((0.01 if refuses else 1.0, lambda t=task: self.tell(self.answer(t))))
            for task in sorted(self.asked):
                if self.fits(task):
                    options.append((1.0, lambda t=task: self.admit(t)))
            for task in sorted(self.on_its_way):
                options.append((1.0, lambda t=task: self.grant(t)))
            for task in sorted(self.asking):
                options.append((2.0, lambda t=task: self.decide(t)))
            for task in sorted(self.suspended):
                options.append((0.1, lambda t=task: self.tell(Resumed(self.at, t))))
            if self.suspended:
                options.append((0.3, lambda: self.tell(Quiet(self.at))))
            if self.timers:
                options.append((0.7 if not self.stubborn else 3.0, self.fire))
            if self.cancelling and not self.cancelled:
                options.append((0.05, lambda: self.tell(CancelRequested(self.at))))
            if self.durable and self.committed < len(self.facts):
                options.append((1.0, self.commit))
            assert options, "never stuck"
            step = self.rng.random() * 0.2
            if not self.timers or self.at + step < min(self.timers):
                self.at += step
            self.rng.choices([o for _, o in options], [w for w, _ in options])[0]()
        for task in sorted(self.on_its_way):
            self.grant(task)
        assert not self.held, "everything is given back"

    def commit(self) -> None:
        # A commit is a fact itself; once all is stored, the journal counts its own row with it.
        self.committed = self.rng.randint(self.committed + 1, len(self.facts) + 1)
        self.tell(Committed(self.at, self.committed))

    def admit(self, task: int) -> None:
        self.asked.discard(task)
        self.on_its_way.add(task)

    def grant(self, task: int) -> None:
        self.on_its_way.discard(task)
        self.withdrawn.discard(task)
        self.held[task] = 1
        self.tell(Granted(self.at, task))

    def fire(self) -> None:
        at = min(self.timers)
        self.timers.discard(at)
        self.tell(TimerFired(max(at, self.at)))


def strew(plan: Plan, rng: random.Random, *, needs: bool, timeouts: bool) -> None:
    """Put needs, timeouts and policies here and there in a plan."""
    for unit in plan.units:
        if unit.region is not None:
            for body in unit.region.bodies:
                strew(body, rng, needs=needs, timeouts=timeouts)
            if rng.random() < 0.1:
                unit.region.retry = Retry(rng.randint(2, 3))
    if needs:
        choices = [None, None, (("gpu", 1),), (("gpu", 2),), (("gpu", 1), ("key", 1))]
        plan.needs = tuple(
            n if unit.kind != SEGMENT else (n or ()) + (extra or ()) or None
            for n, unit, extra in (
                (n, u, rng.choice(choices)) for n, u in zip(plan.needs, plan.units, strict=True)
            )
        )
    if timeouts:
        limits = [
            None if unit.kind == JOIN or rng.random() < 0.7 else rng.uniform(0.1, 2.0) for unit in plan.units
        ]
        plan.timed = tuple(limits)
        for unit, limit in zip(plan.units, limits, strict=True):
            if unit.region is not None:
                unit.region.timeout = limit
    plan.plain = tuple(
        unit.kind == SEGMENT and need is None and limit is None
        for unit, need, limit in zip(plan.units, plan.needs, plan.timed, strict=True)
    )
