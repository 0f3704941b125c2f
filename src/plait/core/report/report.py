"""The report of a run: which step when, what the time went into, and how much faster it could be.

A pure fold of plan and log. ``work`` is what the steps took themselves; the critical path is the chain of
dependent steps with the most work: no number of workers makes the run shorter than that (Kelley and Walker,
"Critical-Path Planning and Scheduling", 1959).

Steps that compute in threads hold each other up: they take turns at Python's lock, or at too few cores. Then their
own times grow, and the sum of them would praise the run for it. What a step would have taken alone lies between
its CPU time, which nobody can share, and what it took; ``hold_up`` estimates it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from plait.core.plan.model import JOIN, Plan, PlannedStep
from plait.core.report.races import RaceReport, Races
from plait.core.report.replay import Replay
from plait.core.schedule.commands import Close, Open, Start
from plait.core.schedule.events import CacheHit, Failed, Stopped

_TURN = 10
"""How much longer than it computes a step may wait for its turn, for each other one. Who gives the lock back after
half a millisecond waits up to 5 ms for it, Python's switch interval; one that computes still less waits for
something else, such as a network."""

_BUSY = 0.6
"""The share of a time that steps beside each other computed, from which on the lock counts as taken throughout: the
rest is what other programs on the machine took of the cores."""

_NOTABLE = 0.05
"""The share of the work from which on it is told that steps held each other up."""


class StepReport:
    """One step as it went.

    Attributes:
        path: the step's path.
        start, end: seconds since the run's start, of its last attempt.
        work: seconds that the last attempt took.
        waited: seconds between the moment its inputs were there and its start (limits, threads, the loop).
        retried: seconds that failed attempts and the waits between them took.
        cpu: CPU seconds, for steps in threads; None where it was not measured.
        attempts: how many attempts there were.
        outcome: ``"succeeded"``, ``"failed"`` or ``"cancelled"``.
        cached: whether its result came from a cache, or from an equal call that was under way.
    """

    __slots__ = (
        "_held",
        "attempts",
        "cached",
        "cpu",
        "end",
        "outcome",
        "path",
        "retried",
        "start",
        "waited",
        "work",
    )

    def __init__(self, path: str, start: float, end: float) -> None:
        self.path, self.start, self.end = path, start, end
        self.work = end - start
        self.waited = self.retried = self._held = 0.0
        self.cpu: float | None = None
        self.attempts = 1
        self.outcome = "succeeded"
        self.cached = False

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in sorted(self.__slots__) if name[0] != "_"}

    @property
    def _alone(self) -> float:
        """What it would have taken with nothing beside it, as far as that is known."""
        return self.work - self._held

    def __repr__(self) -> str:
        return f"<{self.path} {self.start:.3f}–{self.end:.3f} {self.outcome}>"


class Report:
    """What a run did with its time.

    Attributes:
        name: the pipeline's name, or None.
        run_id: the run's id.
        outcome: how the run ended.
        steps: the steps that started, in listed order.
        wall: seconds from start to end.
        work: what one-after-another would have taken: the sum of the steps' work, without the time, estimated, in
            which steps that compute held each other up.
        critical_path: the paths of the steps on the critical path.
        critical_seconds: its work; no schedule is shorter.
        unstopped: paths of steps that ignored cancellation.
        cached: whether the whole result came from the pipeline's cache: then no step started.
        races: how each ``race`` (or ``parallel`` with ``need=1``) ended; ``str`` of one is a sentence.
    """

    def __init__(
        self,
        *,
        name: str | None,
        run_id: str,
        outcome: str,
        steps: Sequence[StepReport],
        wall: float,
        critical: Sequence[str],
        critical_seconds: float,
        cached: bool = False,
        races: Sequence[RaceReport] = (),
    ) -> None:
        self.races = tuple(races)
        self.name, self.run_id, self.outcome, self.steps, self.wall = (
            name,
            run_id,
            outcome,
            tuple(steps),
            wall,
        )
        self._held = sum(s._held for s in steps)  # noqa: SLF001  (the report's own)
        self.work = sum(s.work for s in steps if s.outcome == "succeeded") - self._held
        self.critical_path, self.critical_seconds = tuple(critical), critical_seconds
        self.cached = cached

    @property
    def speedup(self) -> float:
        """How many times faster than one-after-another the run was."""
        return self.work / self.wall if self.wall > 0 else 1.0

    @property
    def speedup_possible(self) -> float:
        """The most that any number of workers could have made of it."""
        return self.work / self.critical_seconds if self.critical_seconds > 0 else 1.0

    def step(self, path: str) -> StepReport:
        """The report of one step.

        Raises:
            KeyError: when no step of that path ran.
        """
        for found in self.steps:
            if found.path == path:
                return found
        raise KeyError(path)

    def bound(self) -> str:
        """What limits the gain, in a sentence; one more says if steps held each other up."""
        return " ".join(self._bounds())

    def _bounds(self) -> list[str]:
        if self.cached:
            return ["The whole result came from the pipeline's cache."]
        if not self.steps or self.work <= 0:
            return ["Nothing took time."]
        bounds = [self._shape()]
        if self._held:
            bounds.append(
                f"Steps that compute waited for each other, at Python's lock or for a core: about {self._held:.3g} s of their time. That is no gain, so one after another is an estimate without it."
            )
        return bounds

    def _shape(self) -> str:
        slowest = max(self.steps, key=lambda s: s._alone)  # noqa: SLF001
        share = slowest._alone / self.work  # noqa: SLF001
        if len(self.steps) == 1:
            return f"There is nothing that could run beside {slowest.path}, the only step."
        beside = len(self.steps) > len(self.critical_path)
        if self.speedup_possible < 1.05 and not (beside and share > 0.5):
            return f"The steps depend on each other one after another: there is nothing to gain from running them side by side ({slowest.path} is {share:.0%} of the work)."
        if slowest.path in self.critical_path and share > 0.5:
            return f"{slowest.path} alone is {share:.0%} of the work: side by side the run can be {self.speedup_possible:.2f} times as fast at most, however many workers there are."
        return f"The critical path {' → '.join(self.critical_path)} takes {self.critical_seconds:.3g} s: the run can be {self.speedup_possible:.2f} times as fast as one after another at most."

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "run_id": self.run_id,
            "outcome": self.outcome,
            "cached": self.cached,
            "wall": self.wall,
            "work": self.work,
            "critical_path": list(self.critical_path),
            "critical_seconds": self.critical_seconds,
            "speedup": self.speedup,
            "speedup_possible": self.speedup_possible,
            "bound": self.bound(),
            "races": [race.to_dict() for race in self.races],
            "steps": [s.to_dict() for s in self.steps],
        }

    def to_text(self, width: int = 80) -> str:
        """The timeline and the figures, for a terminal."""
        from plait.core.report.text import render

        return render(self, width)

    def __repr__(self) -> str:
        return f"<report {self.name or 'pipeline'}: {self.wall:.3f} s wall, {self.work:.3f} s work, {self.outcome}>"

    def __str__(self) -> str:
        return self.to_text()


def build(
    plan: Plan, log: Iterable[Any], *, started: float, ended: float, outcome: str, run_id: str
) -> Report:
    """Fold a run's log into its report."""
    fold = _Fold(plan, started)
    fold.take(log)
    hold_up(list(fold.found.values()))
    path, seconds = fold.critical()
    return Report(
        name=plan.name,
        run_id=run_id,
        outcome=outcome,
        steps=fold.steps(),
        wall=ended - started,
        critical=path,
        critical_seconds=seconds,
        cached=fold.whole,
        races=fold.races.ended(),
    )


def hold_up(steps: Sequence[StepReport]) -> None:
    """Estimate how long each step waited for others that computed, as far as CPU times tell.

    A step waited for others no longer than it was off its core, and no longer than they were on theirs meanwhile
    (a step's CPU time counts as evenly spread). Where both are possible, waiting for a network and waiting for the
    lock, the estimate takes the lock: rather too small a gain than one that is none.
    """
    known = [s for s in steps if s.outcome == "succeeded" and s.cpu is not None and s.work > 0]
    changes: dict[float, tuple[float, int]] = {}
    for s in known:
        rate = min(1.0, (s.cpu or 0.0) / s.work)
        for at, sign in ((s.start, 1), (s.end, -1)):
            before = changes.get(at, (0.0, 0))
            changes[at] = before[0] + sign * rate, before[1] + sign
    # At each start and end, up to then: the seconds computed by all, those by one that computes all the time, and
    # the seconds of all.
    sums: dict[float, tuple[float, float, float]] = {}
    by_all = by_one = lasted = rate = 0.0
    count, last = 0, 0.0
    for at in sorted(changes):
        stretch = 1 / rate if count > 1 and _BUSY <= rate < 1 else 1.0
        by_all += rate * stretch * (at - last)
        by_one += stretch * (at - last)
        lasted += count * (at - last)
        sums[at] = by_all, by_one, lasted
        rate, count, last = rate + changes[at][0], count + changes[at][1], at
    held = {}
    for s in known:
        by_all, by_one, lasted = (now - then for now, then in zip(sums[s.end], sums[s.start], strict=True))
        cpu = min(s.cpu or 0.0, s.work)
        computed = by_all - by_one * cpu / s.work
        turns = _TURN * cpu * max(1.0, lasted / s.work - 1)
        held[s] = max(0.0, min(s.work - cpu, computed, turns))
    if sum(held.values()) >= _NOTABLE * sum(s.work for s in steps if s.outcome == "succeeded"):
        for s, seconds in held.items():
            s._held = seconds  # noqa: SLF001  (the report's own)


def _base_of(opened: Open) -> int:
    return opened.base


class _Fold:
    def __init__(self, plan: Plan, started: float) -> None:
        self.started = started
        self.replay = Replay(plan)
        self.plan = plan
        self.found: dict[tuple[int, int], StepReport] = {}
        self.index: dict[tuple[int, int], tuple[int, ...]] = {}
        self._waits: dict[int, list[list[int]]] = {}
        self._began: dict[int, float] = {}
        self._opened: dict[int, list[Open]] = {}
        self._places: dict[tuple[int, int], tuple[int, ...]] = {}
        self._hits: set[tuple[int, int]] = set()
        self._hedges: set[tuple[int, int]] = set()
        """The waits before second attempts, which are no work."""
        self.races = Races(self.replay)
        self.whole = False

    def take(self, log: Iterable[Any]) -> None:
        for row, commands in self.replay.feed(log):
            if type(row) is tuple:
                self._row(row)
                at = row[3]
            else:
                at = row.at
                if isinstance(row, (Failed, Stopped)):
                    self._ended_badly(row)
                elif isinstance(row, CacheHit):
                    self._hits.add((row.task, row.step))
                    self.whole = self.whole or row.task < 0
            for command in commands:
                if isinstance(command, Start):
                    self._began[command.task] = at
                if isinstance(command, Open):
                    self._opened.setdefault(command.task, []).append(command)
                if isinstance(command, (Start, Open, Close)):
                    self.races.take(command)

    def _row(self, row: Any) -> None:
        task, k, began, ended = row[:4]
        step = self.replay.step(task, k)
        if step.merge is not None:
            return
        report = self._report(task, k, step, began, ended)
        report.outcome = "succeeded"
        report.cpu = row[4] if len(row) > 4 else None
        if step.kind == "hedge":
            self.races.waited(task)

    def _report(self, task: int, k: int, step: PlannedStep, began: float, ended: float) -> StepReport:
        known = self.found.get((task, k))
        report = StepReport(
            self.replay.sites[task].path(step.path), began - self.started, ended - self.started
        )
        if known is not None:
            report.attempts = known.attempts + 1
            report.retried = known.retried + report.start - known.start
        report.cached = (task, k) in self._hits  # said right before; another attempt says so anew
        self._hits.discard((task, k))
        self.found[task, k] = report
        if step.kind == "hedge":
            self._hedges.add((task, k))
        self.index[task, k] = (*self._around(task), step.index)
        return report

    def _around(self, task: int) -> tuple[int, ...]:
        """Where the frame of a task stands in listed order: turns and copies of a body come one after another."""
        site = self.replay.sites[task]
        if site.outer < 0:
            return ()
        known = self._places.get((site.outer, site.base))
        if known is None:
            region = self.replay.sites[site.outer].unit.region
            assert region is not None
            known = (*self._around(site.outer), region.first_index, site.base)
            self._places[site.outer, site.base] = known
        return known

    def _ended_badly(self, event: Failed | Stopped) -> None:
        k = event.step if isinstance(event, Failed) else self._reached(event.task)
        unit = self.replay.sites[event.task].unit
        if unit.region is not None or k >= len(unit.steps) or unit.steps[k].merge is not None:
            return
        before = self.found.get((event.task, k - 1))
        began = before.end + self.started if before is not None else self._began.get(event.task, event.at)
        report = self._report(event.task, k, unit.steps[k], min(began, event.at), event.at)
        report.outcome = "failed" if isinstance(event, Failed) else "cancelled"

    def _reached(self, task: int) -> int:
        k = 0
        while (task, k) in self.found and self.found[task, k].outcome == "succeeded":
            k += 1
        return k

    def steps(self) -> list[StepReport]:
        """All that started, in listed order, with their waits filled in."""
        for key, report in self.found.items():
            ready = max((self.found[p].end for p in self._before(*key) if p in self.found), default=0.0)
            report.waited = max(0.0, report.start - ready - report.retried)
        shown = self.found.keys() - self._hedges
        return [self.found[key] for key in sorted(shown, key=lambda key: (self.index[key], key))]

    def _before(self, task: int, k: int) -> list[tuple[int, int]]:
        """The steps that this one had to wait for, as far as they ran."""
        if k > 0:
            return self._real(task, k - 1)
        site = self.replay.sites[task]
        out: list[tuple[int, int]] = []
        nodes = self._waits_of(site.plan)[site.node]
        for node in nodes:
            out += self._exits(site.base + node)
        if not nodes and site.outer >= 0:
            return self._entry(site.outer, site.base)
        return out

    def _entry(self, task: int, base: int) -> list[tuple[int, int]]:
        """What the first steps in a region's body had to wait for: the body before it, or what is before the region."""
        opened = self._opened[task]
        at = bisect_right(opened, base, key=_base_of) - 1  # a loop has opened many
        if at > 0 and opened[at - 1].attempt == opened[at].attempt:
            return self._ends(task, opened[at - 1])
        return self._before(task, 0)

    def _exits(self, task: int) -> list[tuple[int, int]]:
        """The last steps of a task, whatever it is."""
        unit = self.replay.sites[task].unit
        if unit.kind == JOIN:
            return self._before(task, 0)
        if unit.region is not None:
            opened = self._opened.get(task)
            return self._ends(task, opened[-1]) if opened else self._before(task, 0)
        return self._real(task, len(unit.steps) - 1)

    def _ends(self, task: int, opened: Open) -> list[tuple[int, int]]:
        """The last steps of a region's body, or of all its copies."""
        region = self.replay.sites[task].unit.region
        assert region is not None
        plan = region.bodies[opened.body]
        width = len(plan.units)
        return [
            key
            for copy in range(opened.count)
            for node in range(width)
            if not plan.dependents[node]
            for key in self._exits(opened.base + copy * width + node)
        ]

    def _real(self, task: int, k: int) -> list[tuple[int, int]]:
        """A step; for a merge, which is no work of the user's, what stands before it."""
        return [(task, k)] if self.replay.step(task, k).merge is None else self._before(task, k)

    def _waits_of(self, plan: Plan) -> list[list[int]]:
        known = self._waits.get(id(plan))
        if known is None:
            known = self._waits[id(plan)] = [[] for _ in plan.units]
            for node, followers in enumerate(plan.dependents):
                for follower in followers:
                    known[follower].append(node)
        return known

    def critical(self) -> tuple[list[str], float]:
        """The chain of dependent steps with the most work, and how much that is."""
        best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
        for key in sorted(
            (k for k in self.found if self.found[k].outcome == "succeeded"),
            key=lambda k: (self.found[k].end, self.index[k]),
        ):
            before = [p for p in self._before(*key) if p in best]
            previous = max(before, key=lambda p: best[p][0], default=None)
            own = 0.0 if key in self._hedges else self.found[key]._alone  # noqa: SLF001
            best[key] = own + (best[previous][0] if previous is not None else 0.0), previous
        if not best:
            return [], 0.0
        at: tuple[int, int] | None = max(best, key=lambda k: best[k][0])
        assert at is not None
        seconds = best[at][0]
        path: list[str] = []
        while at is not None:
            if at not in self._hedges:
                path.append(self.found[at].path)
            at = best[at][1]
        return path[::-1], seconds
