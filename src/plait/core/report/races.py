"""How the races of a run ended: who won, who was cancelled, how often a second attempt started and won."""

from __future__ import annotations

from typing import Any

from plait.core.plan.model import Plan, RegionPlan, Unit
from plait.core.report.replay import Replay
from plait.core.schedule.commands import Close, Open, Start
from plait.core.schedule.frame import FrameState


class RaceReport:
    """A block of which the first success counts (``race``, or ``need=1``), as it went.

    Attributes:
        path: the block's path.
        runs: how often it was run: once, unless it was tried again or stands in a loop.
        wins: how often which branch won, by its path; who never won is not there.
        cancelled: how many branches had begun and were stopped because another one had won, or because all was stopped.
        hedged: whether its branches have second attempts.
        hedges: how many second attempts started.
        hedges_won: how many of them won.
    """

    __slots__ = ("cancelled", "hedged", "hedges", "hedges_won", "path", "runs", "wins")

    def __init__(self, path: str, *, hedged: bool) -> None:
        self.path, self.hedged = path, hedged
        self.runs = self.cancelled = self.hedges = self.hedges_won = 0
        self.wins: dict[str, int] = {}

    def __str__(self) -> str:
        """Who won, who was cancelled, and what came of the second attempts."""
        if not self.wins:
            races = "the race" if self.runs == 1 else f"{self.runs} races"
            said = f"No branch of {self.path} won {races}"
        else:
            first, *rest = sorted(self.wins.items(), key=lambda item: -item[1])
            races = "the race" if self.runs == 1 else f"{first[1]} of {self.runs} races"
            said = ", ".join([f"{first[0]} won {races}", *(f"{path} {count}" for path, count in rest)])
        if self.cancelled:
            said += f"; {self.cancelled} {'branch was' if self.cancelled == 1 else 'branches were'} cancelled"
        if self.hedged:
            said += f". Second attempts: {self.hedges} started, {self.hedges_won} won"
        return f"{said}."

    def __repr__(self) -> str:
        return f"<race {self.path}: {self.wins}>"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class Races:
    """Collects what the report says of races, as a log goes by."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._known: dict[int, RaceReport] = {}
        self._second: dict[int, frozenset[int]] = {}
        self._frames: dict[int, FrameState] = {}
        self._begun: set[tuple[int, int]] = set()
        """The branches in which something of the user's has begun: the frame's first task, and the number."""

    def ended(self) -> tuple[RaceReport, ...]:
        """Those that have ended, in the order in which they began; in a paused run some have not."""
        return tuple(race for race in self._known.values() if race.runs)

    def waited(self, task: int) -> None:
        """The wait before a second attempt is over: it starts."""
        site = self._replay.sites[task]
        self._begun.add((site.base, site.plan.branch[site.node]))
        race = self._race(site.outer)
        if race is not None:
            race.hedges += 1

    def take(self, command: Start | Open | Close) -> None:
        """What a command means for a race."""
        site = self._replay.sites[command.task]
        if not isinstance(command, Close):
            frame = self._frames.get(site.base) if site.outer >= 0 else None
            if frame is not None and site.plan.branch[site.node] not in self._hedges(site.plan):
                self._begun.add((site.base, site.plan.branch[site.node]))
        if isinstance(command, Open):
            inner = self._replay.scheduler.frames.get(command.task)
            race = self._race(command.task)
            if race is not None and inner is not None:
                self._frames[command.base] = inner
        elif isinstance(command, Close):
            frame = self._frames.pop(command.base, None)
            race = self._race(command.task)
            if race is not None and frame is not None:
                self._close(race, frame, command)

    def _close(self, race: RaceReport, frame: FrameState, command: Close) -> None:
        region = frame.region
        assert region is not None
        race.runs += 1
        for branch in range(frame.plan.branches):
            if command.kept is not None and branch in command.kept:
                path = _path(region, frame.plan, branch)
                race.wins[path] = race.wins.get(path, 0) + 1
                race.hedges_won += branch in self._hedges(frame.plan)
            elif branch not in frame.failed:
                race.cancelled += (command.base, branch) in self._begun
            self._begun.discard((command.base, branch))

    def _race(self, task: int) -> RaceReport | None:
        region = self._replay.sites[task].unit.region
        if region is None or region.need != 1:
            return None
        known = self._known.get(id(region))
        if known is None:
            (plan,) = region.bodies
            known = self._known[id(region)] = RaceReport(region.path, hedged=bool(self._hedges(plan)))
        return known

    def _hedges(self, plan: Plan) -> frozenset[int]:
        """The branches that are second attempts: they begin with a wait."""
        known = self._second.get(id(plan))
        if known is None:
            known = self._second[id(plan)] = frozenset(
                branch
                for unit, branch in zip(plan.units, plan.branch, strict=True)
                if unit.steps and unit.steps[0].kind == "hedge"
            )
        return known


def _path(region: RegionPlan, plan: Plan, branch: int) -> str:
    """What a branch is called: by its name, or by that of the first step or block in it."""
    for unit, there in zip(plan.units, plan.branch, strict=True):
        first = _first(unit) if there == branch else None
        if first is not None:
            named = first.startswith(f"{region.path}/")
            depth = region.path.count("/") + named  # a block without a name is no level
            return "/".join(first.split("/")[: depth + 1])
    return region.path


def _first(unit: Unit) -> str | None:
    """The path of the first step in a unit; folds of reducers are none of the user's."""
    inside = () if unit.region is None else unit.region.bodies[0].units
    own = (step.path for step in unit.steps if step.merge is None)
    return next((path for path in (*own, *map(_first, inside)) if path is not None), None)
