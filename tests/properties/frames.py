"""What the model of a run keeps of each frame: who failed, who succeeded, how it has to end."""

from __future__ import annotations

from typing import NamedTuple

from plait.core.plan.model import JOIN, Plan, RegionPlan
from plait.core.schedule.frame import Fault


class Trouble(NamedTuple):
    """A failure and the answers of the policies around it, from the next region on."""

    fault: Fault
    matches: int
    waits: tuple[float | None, ...]
    catches: int

    def outwards(self) -> Trouble:
        return Trouble(self.fault, self.matches >> 1, self.waits[1:], self.catches >> 1)


class Frame:
    """What the shell knows of one frame: who failed, who succeeded, whether it has to stop."""

    def __init__(
        self,
        plan: Plan,
        base: int,
        region: RegionPlan | None,
        outer: Frame | None,
        task: int,
        opening: Opening,
    ) -> None:
        self.plan, self.base, self.region, self.outer, self.task = plan, base, region, outer, task
        self.body, self.turn = opening.body, opening.turn
        self.depth: int = outer.depth + 1 if outer is not None else 0
        self.before: list[list[int]] = [[] for _ in plan.units]
        for i, dependents in enumerate(plan.dependents):
            for j in dependents:
                self.before[j].append(i)
        self.done: set[int] = set()
        self.failed: dict[int, None] = {}
        self.troubles: list[Trouble] = []
        self.recorded: list[Fault] = list(opening.recorded)
        self.stopped = self.expired = False
        self.kept: tuple[int, ...] | None = None

    def finish(self, node: int) -> None:
        """A node succeeded; joins follow by themselves."""
        self.done.add(node)
        for j in self.plan.dependents[node]:
            if self.plan.units[j].kind == JOIN and j not in self.done and self.may_start(j):
                self.finish(j)
        if (
            self.region is not None
            and self.region.need is not None
            and self.kept is None
            and not self.stopped
        ):
            winners = self.winners()
            if len(winners) >= self.region.need:
                self.kept, self.stopped = winners, True

    def may_start(self, node: int) -> bool:
        return all(i in self.done for i in self.before[node])

    def winners(self) -> tuple[int, ...]:
        nodes = range(len(self.plan.units))
        return tuple(
            b
            for b in range(self.plan.branches)
            if all(n in self.done for n in nodes if self.plan.branch[n] == b)
        )

    def fail(self, node: int, troubles: list[Trouble]) -> None:
        self.failed[self.plan.branch[node]] = None
        self.troubles += troubles
        region = self.region
        if region is None or (
            region.on_error == "cancel"
            and self.plan.branches - len(self.failed) < (region.need or self.plan.branches)
        ):
            self.stopped = True

    def verdict(self) -> tuple[int, ...] | None:
        assert self.region is not None
        if self.expired:
            return None
        if self.kept is not None:
            return self.kept
        if not self.failed:
            return tuple(range(self.plan.branches))
        return self.winners() if self.region.on_error == "collect" else None


class Opening(NamedTuple):
    """Which frame a region has to open now."""

    body: int = 0
    copies: int = 1
    turn: int = 1
    causes: tuple[Fault, ...] = ()
    recorded: tuple[Fault, ...] = ()
    """What the body before it leaves in the records."""
