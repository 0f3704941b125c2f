"""Property tests of the pure scheduler: random plans, and a shell that answers at random.

The shell below plays executor, admission and clock. It believes nothing: from the plan and the facts alone it
works out what may start, what must have stopped and how each region ends, and compares that with every command.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plait.core.plan.bind import bind
from plait.core.plan.lower import lower
from plait.core.plan.model import JOIN, REGION, SEGMENT, Plan, RegionPlan
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Close,
    Command,
    Expired,
    Finish,
    GiveUp,
    Open,
    Release,
    Retrying,
    Start,
    Wake,
    Withdraw,
)
from plait.core.schedule.events import (
    CancelRequested,
    Committed,
    Event,
    Failed,
    Granted,
    RunStarted,
    Stopped,
    Succeeded,
    TimerFired,
)
from plait.core.schedule.scheduler import REDELIVERIES, Scheduler
from plait.testing.strategies import Case, pipelines

EXAMPLES = int(os.environ.get("PLAIT_EXAMPLES", "200"))
slow = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=False,
)
GRACE = 5.0


class Frame:
    """What the shell knows of one frame: who failed, who succeeded, whether it has to stop."""

    def __init__(
        self,
        plan: Plan,
        base: int,
        region: RegionPlan | None,
        outer: Frame | None,
        task: int,
        at: float,
        depth: int,
    ) -> None:
        self.plan, self.base, self.region, self.outer, self.task, self.opened, self.depth = (
            plan,
            base,
            region,
            outer,
            task,
            at,
            depth,
        )
        self.before: list[list[int]] = [[] for _ in plan.units]
        for i, dependents in enumerate(plan.dependents):
            for j in dependents:
                self.before[j].append(i)
        self.done: set[int] = set()
        self.failed: dict[int, None] = {}
        self.bits: list[int] = []
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

    def fail(self, node: int, bits: list[int]) -> None:
        self.failed[self.plan.branch[node]] = None
        self.bits += bits
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


class Shell:
    """Runs a plan against the scheduler; every choice comes from ``rng``."""

    def __init__(
        self,
        plan: Plan,
        rng: random.Random,
        *,
        cancel: bool = False,
        deadline: float | None = None,
        durable: bool = False,
    ) -> None:
        self.plan, self.rng, self.durable = plan, rng, durable
        self.scheduler = Scheduler(plan, grace=GRACE, durable=durable)
        self.at = 0.0
        self.facts: list[Event] = []
        self.commands: list[list[Command]] = []
        self.root = Frame(plan, 0, None, None, -1, 0.0, 0)
        self.frame_of: dict[int, Frame] = dict.fromkeys(range(len(plan.units)), self.root)
        self.open: dict[int, Frame] = {}
        self.live: dict[int, tuple[float, int]] = {}
        self.told: dict[int, str] = {}
        self.times_told: dict[int, int] = {}
        self.given_up: set[int] = set()
        self.asked: set[int] = set()
        self.on_its_way: set[int] = set()
        self.held: dict[int, int] = {}
        self.attempt: dict[tuple[int, int], int] = {}
        self.region_attempt: dict[int, int] = {}
        self.resume: dict[int, int] = {}
        self.timers: set[float] = set()
        self.expired: list[int] = []
        self.cancelling, self.cancelled, self.deadline = cancel, False, deadline
        self.finished: str | None = None
        self.committed = 0
        self.stubborn = rng.random() < 0.2
        self.capacity = self._capacities(plan)

    # ---------------------------------------------------------------- the plan

    def _capacities(self, plan: Plan) -> dict[str, int]:
        out: dict[str, int] = {}
        for needs in plan.needs:
            for name, amount in needs or ():
                out[name] = max(out.get(name, 1), amount, self.rng.randint(1, 3))
        for unit in plan.units:
            if unit.region is not None:
                for name, amount in self._capacities(unit.region.plan).items():
                    out[name] = max(out.get(name, 0), amount)
        for i, (_, most) in enumerate(plan.caps):
            out[f"#{i}"] = most
        return out

    def unit(self, task: int) -> Any:
        frame = self.frame_of[task]
        return frame.plan.units[task - frame.base]

    def needs(self, task: int) -> tuple[tuple[str, int], ...]:
        frame = self.frame_of[task]
        return frame.plan.needs[task - frame.base] or ()

    def stopped(self, frame: Frame | None) -> bool:
        while frame is not None:
            if frame.stopped:
                return True
            frame = frame.outer
        return self.cancelled

    def inside(self, task: int, frame: Frame) -> bool:
        found: Frame | None = self.frame_of[task]
        while found is not None and found is not frame:
            found = found.outer
        return found is frame

    def dead(self, task: int) -> bool:
        """Whether the task's own branch, or one around it, has failed."""
        frame: Frame | None = self.frame_of[task]
        while frame is not None:
            if frame.plan.branch[task - frame.base] in frame.failed:
                return True
            task, frame = frame.task, frame.outer
        return False

    # ---------------------------------------------------------------- one fact

    def tell(self, event: Event) -> None:
        self.at = max(self.at, event.at)
        if isinstance(event, TimerFired):
            for frame in sorted(self.open.values(), key=lambda f: f.opened):
                limit = frame.region.timeout if frame.region else None
                if limit is not None and frame.opened + limit <= self.at and not self.stopped(frame):
                    frame.expired = frame.stopped = True
            if self.deadline is not None and self.at >= self.deadline and not self.root.stopped:
                self.root.stopped = True
        if isinstance(event, CancelRequested):
            self.cancelled = True
        self.facts.append(event)
        commands = (
            self.scheduler.succeeded(event.task, event.at)
            if isinstance(event, Succeeded) and self.rng.random() < 0.5
            else self.scheduler.handle(event)
        )
        self.commands.append(commands)
        assert self.finished is None or all(isinstance(c, (Release, Wake)) for c in commands), (
            "after the end there is nothing to do"
        )
        if isinstance(event, Failed) and self.unit(event.task).kind == REGION:
            if not (self.stopped(self.frame_of[event.task]) or self.dead(event.task)):
                again = [c for c in commands if isinstance(c, Retrying) and c.task == event.task]
                self.region_failed(event.task, [event.matches], again)
        elif isinstance(event, (Succeeded, Failed, Stopped)):
            self.answered(event, commands)
        for command in commands:
            self.obey(command)
        while self.expired:
            task = self.expired.pop(0)
            bits = self.rng.getrandbits(self.frame_of[task].depth + 2)
            self.tell(Failed(self.at, task, -1, bits, (), self.rng.random()))
        self.look()

    def answered(self, event: Succeeded | Failed | Stopped, commands: list[Command]) -> None:
        task = event.task
        frame = self.frame_of[task]
        node = task - frame.base
        del self.live[task]
        told = self.told.pop(task, None)
        self.given_up.discard(task)
        # Commands are tuples, so Release(1) == Acquire(1): compare types first.
        releases = [c for c in commands if isinstance(c, Release) and c.task == task]
        assert len(releases) == bool(self.needs(task)), "what ended gives back what it held"
        if told == "stop" or isinstance(event, Stopped) or self.stopped(frame) or self.dead(task):
            assert not any(isinstance(c, Retrying) and c.task == task for c in commands), (
                "nothing is tried again after it was stopped"
            )
            return
        if isinstance(event, Succeeded):
            frame.finish(node)
            return
        step = self.unit(task).steps[event.step]
        tried = self.attempt[task, event.step] = self.attempt.get((task, event.step), 0) + 1
        again = [c for c in commands if isinstance(c, Retrying) and c.task == task]
        if step.retry is not None and event.matches & 1 and tried < step.retry.attempts:
            assert len(again) == 1, "a policy tries again"
            assert again[0].attempt == tried + 1
            wait = event.waits[0] if event.waits else None
            wait = step.retry.delay(tried, event.draw) if wait is None else wait
            assert again[0].at == pytest.approx(self.at + wait)
            self.resume[task] = event.step
            return
        assert not again, "no policy tries again"
        frame.fail(node, [event.matches >> 1])

    def obey(self, command: Command) -> None:
        match command:
            case Start(task, attempt, step):
                frame = self.frame_of[task]
                assert task not in self.live, "never twice at once"
                assert frame.may_start(task - frame.base), "never early"
                assert task - frame.base not in frame.done, "never again after success"
                assert not self.stopped(frame), "nothing starts after a stop"
                assert not self.dead(task), "nothing starts in a failed branch"
                assert self.unit(task).kind == SEGMENT
                assert step == self.resume.get(task, 0), "a retry goes on with the step that failed"
                assert attempt == self.attempt.get((task, step), 0) + 1
                assert (task in self.held) == bool(self.needs(task)), "what it needs is granted first"
                self.live[task] = (self.at, attempt)
            case Acquire(task):
                assert self.needs(task)
                assert task not in self.asked | self.on_its_way | self.held.keys() | self.live.keys()
                assert not self.stopped(self.frame_of[task])
                self.asked.add(task)
            case Withdraw(task):
                assert task in self.asked | self.on_its_way
                self.asked.discard(task)
            case Release(task):
                del self.held[task]
            case Cancel(task, cause, again):
                assert task in self.live
                frame = self.frame_of[task]
                if cause == "timeout":
                    limit = frame.plan.timed[task - frame.base]
                    assert limit is not None
                    assert self.at >= self.live[task][0] + limit
                else:
                    assert self.stopped(frame) or self.dead(task), "nothing is stopped without reason"
                assert again == (0 if task not in self.told else self.times_told[task] + 1)
                self.told[task] = (
                    "timeout"
                    if cause == "timeout" and self.told.get(task, "timeout") == "timeout"
                    else "stop"
                )
                self.times_told[task] = again
            case GiveUp(task):
                assert task in self.told
                assert self.times_told[task] == REDELIVERIES
                self.given_up.add(task)
            case Wake(at):
                self.timers.add(at)
            case Open(task, base, attempt):
                outer = self.frame_of[task]
                region = outer.plan.units[task - outer.base].region
                assert region is not None
                assert task not in self.open
                assert outer.may_start(task - outer.base), "never early"
                assert not self.stopped(outer), "no region opens after a stop"
                assert attempt == self.region_attempt.get(task, 0) + 1
                self.region_attempt[task] = attempt
                frame = Frame(region.plan, base, region, outer, task, self.at, outer.depth + 1)
                self.open[task] = frame
                for i in range(len(region.plan.units)):
                    assert base + i not in self.frame_of, "each attempt has a fresh frame"
                    self.frame_of[base + i] = frame
            case Close(task, base, kept):
                self.close(self.open.pop(task), base, kept)
            case Expired(task, attempt):
                assert attempt == self.region_attempt[task]
                self.expired.append(task)  # to be answered with its failure, checked there
            case Retrying():
                pass  # checked where the failure came in
            case Finish(outcome):
                self.finish(outcome)

    def close(self, frame: Frame, base: int, kept: tuple[int, ...] | None) -> None:
        task, outer, region = frame.task, frame.outer, frame.region
        assert outer is not None
        assert region is not None
        assert base == frame.base
        assert not [t for t in self.live if self.inside(t, frame)], (
            "a region ends when nothing of it runs any more"
        )
        commands = self.commands[-1]
        rest = commands[
            next(i for i, c in enumerate(commands) if isinstance(c, Close) and c.task == task) + 1 :
        ]
        again = [c for c in rest if isinstance(c, Retrying) and c.task == task]
        if self.stopped(outer) or self.dead(task):
            assert kept is None
            assert not again
            return
        assert kept == frame.verdict(), "need and on_error decide what is kept"
        if kept is not None:
            assert not again
            outer.finish(task - outer.base)
            return
        if frame.expired:
            assert [c.task for c in rest if isinstance(c, Expired)].count(task) == 1
            assert not again, "first the policies are asked about the timeout"
            return
        self.region_failed(task, frame.bits, again)

    def region_failed(self, task: int, bits: list[int], again: list[Retrying]) -> None:
        outer = self.frame_of[task]
        retry = self.unit(task).region.retry
        if retry is not None and all(b & 1 for b in bits) and self.region_attempt[task] < retry.attempts:
            assert len(again) == 1
            return
        assert not again
        outer.fail(task - outer.base, [b >> 1 for b in bits])

    def finish(self, outcome: str) -> None:
        assert self.finished is None, "a run ends once"
        assert not self.live, "nothing outlives a run"
        assert not self.open
        assert not self.asked
        late = self.deadline is not None and self.root.stopped and not self.root.failed
        expected = (
            "cancelled"
            if self.cancelled
            else "failed"
            if self.root.failed
            else "deadline"
            if late
            else "succeeded"
        )
        assert outcome == expected
        if outcome == "succeeded":
            assert len(self.root.done) == len(self.plan.units), "success means all of it"
        assert bool(self.scheduler.faults()) == bool(self.root.failed)
        self.finished = outcome

    def look(self) -> None:
        """What must hold between any two facts."""
        used: dict[str, int] = {}
        for task in self.held:
            for name, amount in self.needs(task):
                used[name] = used.get(name, 0) + amount
        assert all(amount <= self.capacity[name] for name, amount in used.items()), "never above capacity"
        if self.finished is not None:
            return
        waits_for_journal = self.durable and self.committed < len(self.facts)
        assert self.live or self.asked or self.on_its_way or self.timers or waits_for_journal, "never stuck"
        if waits_for_journal:
            return
        for frame in [self.root, *self.open.values()]:
            if self.stopped(frame):
                continue
            for node, unit in enumerate(frame.plan.units):
                task = frame.base + node
                if node in frame.done or unit.kind == JOIN or not frame.may_start(node) or self.dead(task):
                    continue
                busy = task in self.live or task in self.open or task in self.asked or task in self.on_its_way
                assert busy or self.backing_off(task), f"{unit.path} is idle without reason"

    def backing_off(self, task: int) -> bool:
        last = next(
            (c for cs in reversed(self.commands) for c in cs if isinstance(c, Retrying) and c.task == task),
            None,
        )
        return last is not None and last.at >= self.at

    # ---------------------------------------------------------------- chance

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
            return self.rng.choice(
                [
                    Stopped(self.at, task),
                    Stopped(self.at, task),
                    Succeeded(self.at, task),
                    Failed(self.at, task, first),
                ]
            )
        if told is None and self.rng.random() < 0.8:
            return Succeeded(self.at, task)
        step = self.rng.randrange(first, len(steps))
        matches = self.rng.getrandbits(self.frame_of[task].depth + 1)
        waits = self.rng.choice([(), (), (0.0,), (self.rng.random(),), (None, self.rng.random())])
        if step != first:
            self.attempt.pop((task, step), None)
        return Failed(self.at, task, step, matches, waits, self.rng.random())

    def run(self) -> None:
        self.tell(RunStarted(0.0, self.deadline))
        if self.deadline is not None and self.finished is None:
            assert self.timers
        while self.finished is None:
            options: list[tuple[float, Any]] = []
            for task in sorted(self.live):
                refuses = self.stubborn and task in self.told and task not in self.given_up
                options.append((0.01 if refuses else 1.0, lambda t=task: self.tell(self.answer(t))))
            for task in sorted(self.asked):
                if self.fits(task):
                    options.append((1.0, lambda t=task: (self.asked.discard(t), self.on_its_way.add(t))))
            for task in sorted(self.on_its_way):
                options.append((1.0, lambda t=task: self.grant(t)))
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

    def grant(self, task: int) -> None:
        self.on_its_way.discard(task)
        self.held[task] = 1
        self.tell(Granted(self.at, task))

    def fire(self) -> None:
        at = min(self.timers)
        self.timers.discard(at)
        self.tell(TimerFired(max(at, self.at)))


def plan_of(case: Case, rng: random.Random, order: Any, *, fuse: bool) -> Plan:
    """A plan with needs and timeouts strewn over it."""
    bound = bind(case.definition(order))
    assert [f for f in bound.findings if f.code.startswith("E")] == []
    plan = lower(bound, fuse=fuse)
    strew(plan, rng, needs=rng.random() < 0.5, timeouts=rng.random() < 0.3)
    return plan


def strew(plan: Plan, rng: random.Random, *, needs: bool, timeouts: bool) -> None:
    for unit in plan.units:
        if unit.region is not None:
            for body in unit.region.bodies:
                strew(body, rng, needs=needs, timeouts=timeouts)
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


UNDECIDED = dict.fromkeys(("choices", "loops", "maps", "tries", "exits", "gotos"), False)
seeds = st.integers(0, 2**32 - 1)


@slow
@given(pipelines(max_steps=16, **UNDECIDED), seeds, st.sampled_from(["listed", "dataflow"]), st.booleans())
def test_any_run_keeps_the_invariants(case: Case, seed: int, order: str, fuse: bool) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, order, fuse=fuse), rng)
    shell.run()


@slow
@given(pipelines(max_steps=16, **UNDECIDED), seeds, st.sampled_from(["listed", "dataflow"]))
def test_a_run_that_is_cancelled_keeps_them(case: Case, seed: int, order: str) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, order, fuse=True), rng, cancel=True)
    shell.run()


@slow
@given(pipelines(max_steps=16, **UNDECIDED), seeds)
def test_a_run_with_a_deadline_keeps_them(case: Case, seed: int) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, "dataflow", fuse=True), rng, deadline=rng.uniform(0.1, 3.0))
    shell.run()


@slow
@given(pipelines(max_steps=16, **UNDECIDED), seeds)
def test_a_durable_run_keeps_them(case: Case, seed: int) -> None:
    rng = random.Random(seed)
    shell = Shell(plan_of(case, rng, "dataflow", fuse=True), rng, durable=True)
    shell.run()


@slow
@given(pipelines(max_steps=16, **UNDECIDED), seeds, st.booleans())
def test_replaying_the_facts_reproduces_the_decisions(case: Case, seed: int, cancel: bool) -> None:
    rng = random.Random(seed)
    plan = plan_of(case, rng, "dataflow", fuse=True)
    shell = Shell(plan, rng, cancel=cancel)
    shell.run()
    again = Scheduler(plan, grace=GRACE)
    assert [[(type(c), c) for c in again.handle(fact)] for fact in shell.facts] == [
        [(type(c), c) for c in commands] for commands in shell.commands
    ]
    assert again.state == shell.scheduler.state
    assert again.outcome == shell.finished
    assert again.faults() == shell.scheduler.faults()
    assert again.recorded == shell.scheduler.recorded


@slow
@given(pipelines(max_steps=16, **UNDECIDED))
def test_of_what_can_start_the_longest_path_starts_first(case: Case) -> None:
    plan = lower(bind(case.definition("dataflow")))
    first = [
        c.task
        for c in Scheduler(plan).handle(RunStarted(0.0))
        if isinstance(c, (Start, Acquire, Open)) and c.task < len(plan.units)
    ]
    ranks = [plan.rank[task] for task in first]
    assert ranks == sorted(ranks, reverse=True)
    for i, dependents in enumerate(plan.dependents):
        assert plan.rank[i] == pytest.approx(
            plan.cost[i] + max((plan.rank[j] for j in dependents), default=0.0)
        )
        if plan.units[i].kind == REGION:
            assert plan.cost[i] > 0 or not any(u.steps for u in plan.units[i].region.plan.units)  # type: ignore[union-attr]
