"""Replay: the facts of a log, sent through a fresh scheduler, give the same decisions again.

The report and the replay tests stand on this; nothing of the live run is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from plait.core.plan.model import Label, Plan, PlannedStep, Unit, label_of
from plait.core.schedule.commands import Command, Open
from plait.core.schedule.scheduler import Scheduler


class Moment(NamedTuple):
    """One entry of the log as it was taken in: the row or fact, and what the scheduler said to it."""

    row: Any
    commands: list[Command]


class Site(NamedTuple):
    """Where a task belongs: the plan of its frame, its node there, and the task of the region around it (-1: none).

    ``label`` tells what the places there are called in this run; None: as in the plan.
    """

    plan: Plan
    node: int
    base: int
    outer: int
    label: Label | None = None

    def path(self, planned: str) -> str:
        """What a step or region is called in this run."""
        return planned if self.label is None else self.label.path(planned)

    @property
    def unit(self) -> Unit:
        """The task's unit."""
        return self.plan.units[self.node]


class Replay:
    """A log going through a scheduler.

    Attributes:
        sites: where each task belongs, filled as regions open.
    """

    def __init__(self, plan: Plan, *, grace: float = 5.0) -> None:
        self.scheduler = Scheduler(plan, grace=grace)
        self.sites: list[Site] = [Site(plan, i, 0, -1) for i in range(len(plan.units))]

    def feed(self, log: Iterable[Any]) -> Iterator[Moment]:
        """Take in the log, row by row."""
        for row in log:
            commands: list[Command] = []
            if type(row) is tuple:
                task, k, ended = row[0], row[1], row[3]
                if k == len(self.sites[task].unit.steps) - 1:
                    commands = self.scheduler.succeeded(task, ended)
            else:
                commands = self.scheduler.handle(row)
            for command in commands:
                if isinstance(command, Open):
                    self._open(command)
            yield Moment(row, commands)

    def _open(self, command: Open) -> None:
        site = self.sites[command.task]
        region = site.unit.region
        assert region is not None
        assert len(self.sites) == command.base
        plan = region.bodies[command.body]
        width = len(plan.units)
        path = site.path(region.path)
        for copy in range(command.count):
            label = label_of(region, path, site.label, command.turn, copy)
            base = command.base + copy * width
            self.sites += [Site(plan, i, base, command.task, label) for i in range(width)]

    def step(self, task: int, k: int) -> PlannedStep:
        """The k-th step of a task."""
        return self.sites[task].unit.steps[k]
