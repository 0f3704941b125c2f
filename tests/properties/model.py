"""What the pure scheduler may say: worked out from the plan and the facts alone, and compared with every command.

It believes nothing: what may start, what must have stopped, how each region ends, which body is next, and whether
all that is left waits for answers.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.properties.frames import Frame, Opening, Trouble

from plait.core.plan.model import JOIN, REGION, SEGMENT, Plan
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Close,
    Command,
    Expand,
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
    Event,
    Expanded,
    Failed,
    Quiet,
    Resumed,
    Stopped,
    Succeeded,
    Suspended,
    TimerFired,
)
from plait.core.schedule.frame import Fault
from plait.core.schedule.scheduler import REDELIVERIES, Scheduler

GRACE = 5.0


class Model:
    """Checks every command of a scheduler against what the facts so far allow."""

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
        self.at = self.draw = 0.0
        self.facts: list[Event] = []
        self.commands: list[list[Command]] = []
        self.rest: list[Command] = []
        """What was said in the same answer behind the command that is obeyed."""
        self.root = Frame(plan, 0, None, None, -1, Opening())
        self.frame_of: dict[int, Frame] = dict.fromkeys(range(len(plan.units)), self.root)
        self.begun: dict[int, float] = {}
        """Region -> when its attempt began."""
        self.open: dict[int, Frame] = {}
        self.opening: dict[int, Opening] = {}
        self.asking: dict[int, int] = {}
        """Region -> the turn for which it asks."""
        self.turning: dict[int, int] = {}
        self.late: set[int] = set()
        """Regions whose time passed while they asked."""
        self.suspended: set[int] = set()
        self.paused = False
        self.live: dict[int, tuple[float, int]] = {}
        self.told: dict[int, str] = {}
        self.times_told: dict[int, int] = {}
        self.given_up: set[int] = set()
        self.asked: set[int] = set()
        self.on_its_way: set[int] = set()
        self.withdrawn: set[int] = set()
        self.held: dict[int, int] = {}
        self.attempt: dict[tuple[int, int], int] = {}
        self.region_attempt: dict[int, int] = {}
        self.resume: dict[int, int] = {}
        self.backing: dict[int, float] = {}
        self.timers: set[float] = set()
        self.expired: list[int] = []
        self.cancelling, self.cancelled, self.deadline = cancel, False, deadline
        self.finished: str | None = None
        self.committed = 0
        self.stubborn = rng.random() < 0.2
        self.asks = rng.random() < 0.3
        self.patience = rng.choice([0.0, 0.8, 1.0])
        """How likely the answers come that a paused run waits for."""
        self.capacity = self._capacities(plan)

    # ---------------------------------------------------------------- the plan

    def _capacities(self, plan: Plan) -> dict[str, int]:
        out: dict[str, int] = {}
        for needs in plan.needs:
            for name, amount in needs or ():
                out[name] = max(out.get(name, 1), amount, self.rng.randint(1, 3))
        for unit in plan.units:
            for body in unit.region.bodies if unit.region is not None else ():
                for name, amount in self._capacities(body).items():
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

    def over(self, task: int) -> bool:
        """Whether a task has to stop, or may not start any more."""
        return self.stopped(self.frame_of[task]) or self.dead(task)

    # ---------------------------------------------------------------- one fact

    def tell(self, event: Event) -> None:
        self.at = max(self.at, event.at)
        if isinstance(event, TimerFired):
            self.time_passes()
        if isinstance(event, CancelRequested):
            self.cancelled = True
        pauses = isinstance(event, Quiet) and self.quiet()
        if isinstance(event, Expanded):
            self.expanded(event)
        elif isinstance(event, Resumed):
            self.suspended.discard(event.task)
            self.paused = False
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
        if isinstance(event, Quiet):
            assert commands == ([Finish("paused")] if pauses else []), "a pause is when nothing else is left"
        if isinstance(event, Failed) and self.unit(event.task).kind == REGION:
            self.late.discard(event.task)
            if self.over(event.task):
                self.begun.pop(event.task)
            else:
                self.draw = event.draw
                fault = Fault(event.task, -1, self.region_attempt[event.task])
                trouble = Trouble(fault, event.matches, event.waits, event.catches)
                self.region_failed(event.task, [trouble], [], commands)
        elif isinstance(event, (Succeeded, Failed, Stopped, Suspended)):
            self.answered(event, commands)
        for i, command in enumerate(commands):
            self.rest = commands[i + 1 :]
            self.obey(command)
        assert not self.opening, "what is decided is opened at once"
        assert not self.turning, "after a turn it is asked for another one"
        while self.expired:
            task = self.expired.pop(0)
            bits, catches = self.bits(task), self.bits(task)
            self.tell(Failed(self.at, task, -1, bits, self.waits(), self.rng.random(), catches))
        self.suspended = {task for task in self.suspended if not self.over(task)}
        self.look()

    def time_passes(self) -> None:
        for task, since in sorted(self.begun.items(), key=lambda item: item[1]):
            limit = self.unit(task).region.timeout
            if limit is None or since + limit > self.at or self.over(task):
                continue
            frame = self.open.get(task)
            if frame is None:
                self.late.add(task)
            elif not frame.stopped:
                frame.expired = frame.stopped = True
        if self.deadline is not None and self.at >= self.deadline and not self.root.stopped:
            self.root.stopped = True

    def expanded(self, event: Expanded) -> None:
        task, outer = event.task, self.frame_of[event.task]
        turn = self.asking.pop(task)
        if self.over(task):
            del self.begun[task]
        elif task in self.late:
            pass  # its timeout has to be told now, which ``obey`` takes note of, and ``look`` misses
        elif event.body < 0 or not event.copies:
            del self.begun[task]
            outer.finish(task - outer.base)
        else:
            self.opening[task] = Opening(event.body, event.copies, turn)

    def answered(self, event: Succeeded | Failed | Stopped | Suspended, commands: list[Command]) -> None:
        task = event.task
        frame = self.frame_of[task]
        node = task - frame.base
        del self.live[task]
        told = self.told.pop(task, None)
        self.given_up.discard(task)
        # Commands are tuples, so Release(1) == Acquire(1): compare types first.
        releases = [c for c in commands if isinstance(c, Release) and c.task == task]
        assert len(releases) == bool(self.needs(task)), "what ended gives back what it held"
        again = [c for c in commands if isinstance(c, Retrying) and c.task == task]
        if told == "stop" or isinstance(event, Stopped) or self.over(task):
            assert not again, "nothing is tried again after it was stopped"
            return
        if isinstance(event, Succeeded):
            frame.finish(node)
            return
        if isinstance(event, Suspended):
            assert all(c == Release(task) for c in commands), "who waits for an answer asks for nothing else"
            self.suspended.add(task)
            self.resume[task] = event.step
            return
        self.draw = event.draw
        step = self.unit(task).steps[event.step]
        tried = self.attempt[task, event.step] = self.attempt.get((task, event.step), 0) + 1
        if step.retry is not None and event.matches & 1 and tried < step.retry.attempts:
            assert len(again) == 1, "a policy tries again"
            assert again[0].attempt == tried + 1
            wait = event.waits[0] if event.waits else None
            wait = step.retry.delay(tried, event.draw) if wait is None else wait
            assert again[0].at == pytest.approx(self.at + wait)
            self.resume[task] = event.step
            return
        assert not again, "no policy tries again"
        trouble = Trouble(Fault(task, event.step, tried), event.matches, event.waits, event.catches)
        frame.fail(node, [trouble.outwards()])

    def obey(self, command: Command) -> None:
        match command:
            case Start(task, attempt, step):
                self.begins(task)
                assert self.unit(task).kind == SEGMENT
                assert step == self.resume.get(task, 0), "it goes on with the step that failed or asked"
                assert attempt == self.attempt.get((task, step), 0) + 1
                assert (task in self.held) == bool(self.needs(task)), "what it needs is granted first"
                self.live[task] = (self.at, attempt)
            case Acquire(task):
                self.begins(task)
                assert self.needs(task)
                assert task not in self.asked | self.on_its_way | self.held.keys()
                self.asked.add(task)
            case Withdraw(task):
                assert task in self.asked | self.on_its_way
                assert self.over(task)
                if task in self.on_its_way:
                    self.withdrawn.add(task)
                self.asked.discard(task)
            case Release(task):
                del self.held[task]
            case Cancel(task, cause, again):
                self.cancel(task, cause, again)
            case GiveUp(task):
                assert task in self.told
                assert self.times_told[task] == REDELIVERIES
                self.given_up.add(task)
            case Wake(at):
                self.timers.add(at)
            case Expand(task, turn):
                if turn == 1:
                    self.region_begins(task)
                else:
                    assert turn == self.turning.pop(task), "turns come one after another"
                assert self.unit(task).region.asks
                assert task not in self.open
                assert task not in self.asking
                self.asking[task] = turn
            case Open():
                self.opened(command)
            case Close(task, base, kept):
                self.close(self.open.pop(task), base, kept)
            case Expired(task, attempt):
                assert task in self.begun
                assert attempt == self.region_attempt[task]
                self.expired.append(task)  # to be answered with its failure, checked there
            case Retrying(task, _, _, at):
                self.backing[task] = at  # the rest is checked where the failure came in
            case Finish(outcome):
                self.finish(outcome)

    def begins(self, task: int) -> None:
        """What holds for whatever starts, a step, a region, or a wish for what it needs."""
        frame = self.frame_of[task]
        self.backing.pop(task, None)
        assert task not in self.live, "never twice at once"
        assert task not in self.begun, "never twice at once"
        assert task not in self.suspended, "nobody goes on without an answer"
        assert frame.may_start(task - frame.base), "never early"
        assert task - frame.base not in frame.done, "never again after success"
        assert not self.stopped(frame), "nothing starts after a stop"
        assert not self.dead(task), "nothing starts in a failed branch"

    def region_begins(self, task: int) -> None:
        self.begins(task)
        self.begun[task] = self.at
        self.region_attempt[task] = self.region_attempt.get(task, 0) + 1

    def cancel(self, task: int, cause: str, again: int) -> None:
        assert task in self.live
        frame = self.frame_of[task]
        if cause == "timeout":
            limit = frame.plan.timed[task - frame.base]
            assert limit is not None
            assert self.at >= self.live[task][0] + limit
        else:
            assert self.over(task), "nothing is stopped without reason"
        assert again == (0 if task not in self.told else self.times_told[task] + 1)
        self.told[task] = "timeout" if cause == self.told.get(task, "timeout") == "timeout" else "stop"
        self.times_told[task] = again

    def opened(self, command: Open) -> None:
        task, base = command.task, command.base
        outer, region = self.frame_of[task], self.unit(task).region
        assert task not in self.open
        expected = self.opening.pop(task, None)
        if expected is None:
            assert not region.asks, "who asks opens nothing unasked"
            self.region_begins(task)
            expected = Opening()
        assert (command.body, command.count, command.turn, command.causes) == expected[:4]
        assert not self.over(task), "no region opens after a stop"
        assert command.attempt == self.region_attempt[task]
        plan = region.bodies[command.body].repeated(command.count)
        frame = self.open[task] = Frame(plan, base, region, outer, task, expected)
        for i in range(len(plan.units)):
            assert base + i not in self.frame_of, "each body that is opened has a fresh frame"
            self.frame_of[base + i] = frame

    def close(self, frame: Frame, base: int, kept: tuple[int, ...] | None) -> None:
        task, outer, region = frame.task, frame.outer, frame.region
        assert outer is not None
        assert region is not None
        assert base == frame.base
        assert not [t for t in {**self.live, **self.begun} if self.inside(t, frame)], (
            "a region ends when nothing of it runs any more"
        )
        if self.over(task):
            assert kept is None
            assert not [c for c in self.rest if isinstance(c, Retrying) and c.task == task]
            del self.begun[task]
            return
        assert kept == frame.verdict(), "need and on_error decide what is kept"
        if kept is not None:
            outer.recorded += [*frame.recorded, *(trouble.fault for trouble in frame.troubles)]
            if region.again:
                self.turning[task] = frame.turn + 1
            else:
                del self.begun[task]
                outer.finish(task - outer.base)
            return
        if frame.expired:
            assert [c.task for c in self.rest if isinstance(c, Expired)].count(task) == 1
            assert not [c for c in self.rest if isinstance(c, Retrying) and c.task == task], (
                "first the policies are asked about the timeout"
            )
            return
        taken = (
            [t.fault for t in frame.troubles if t.catches & 1] if region.handles and not frame.body else []
        )
        if taken and len(taken) == len(frame.troubles):
            self.opening[task] = Opening(1, 1, 1, tuple(taken), (*frame.recorded, *taken))
            return
        left = [t for t in frame.troubles if t.fault not in taken]
        self.region_failed(task, left, [*frame.recorded, *taken], self.rest)

    def region_failed(
        self, task: int, troubles: list[Trouble], recorded: list[Fault], commands: list[Command]
    ) -> None:
        outer, tried = self.frame_of[task], self.region_attempt[task]
        del self.begun[task]
        again = [c for c in commands if isinstance(c, Retrying) and c.task == task]
        retry = self.unit(task).region.retry
        if retry is not None and all(t.matches & 1 for t in troubles) and tried < retry.attempts:
            assert len(again) == 1, "a policy tries all of it again"
            asked = [t.waits[0] for t in troubles if t.waits and t.waits[0] is not None]
            wait = max(asked) if asked else retry.delay(tried, self.draw)
            assert again[0].at == pytest.approx(self.at + wait)
            assert again[0].attempt == tried + 1
            return
        assert not again
        outer.recorded += recorded
        outer.fail(task - outer.base, [trouble.outwards() for trouble in troubles])

    def finish(self, outcome: str) -> None:
        assert self.finished is None, "a run ends once"
        assert not self.live, "nothing outlives a run"
        assert not self.asked
        assert not self.asking
        if outcome == "paused":  # whether it may be is for who said Quiet
            self.paused = True
            self.timers.clear()  # nobody wakes a run that is paused: what it needs it has to ask for again
            return
        assert not self.open
        assert not self.begun
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
        assert self.scheduler.faults() == [trouble.fault for trouble in self.root.troubles]
        assert self.scheduler.recorded == self.root.recorded
        self.finished = outcome

    # ---------------------------------------------------------------- between two facts

    def look(self) -> None:
        """What must hold between any two facts."""
        used: dict[str, int] = {}
        for task in self.held:
            for name, amount in self.needs(task):
                used[name] = used.get(name, 0) + amount
        assert all(amount <= self.capacity[name] for name, amount in used.items()), "never above capacity"
        if self.finished is not None or self.paused:
            return
        assert min(self.timers, default=float("inf")) <= self.due(), "somebody wakes it in time"
        if self.durable and self.committed < len(self.facts):
            return
        assert self.live or self.asked or self.on_its_way or self.timers or self.asking or self.suspended, (
            "never stuck"
        )
        assert not self.idle(), "nothing is idle without reason"

    def due(self) -> float:
        """When something is to happen by itself."""
        times = [float("inf")]
        for task, (since, _) in self.live.items():
            frame = self.frame_of[task]
            limit = frame.plan.timed[task - frame.base]
            if limit is not None and task not in self.told:
                times.append(since + limit)
        for task, since in self.begun.items():
            limit = self.unit(task).region.timeout
            inner = self.open.get(task)
            if limit is not None and task not in self.late and not self.over(task):
                times += [since + limit] if inner is None or not inner.stopped else []
        for task, at in self.backing.items():
            waits_for_journal = self.durable and at <= self.at
            times += [] if waits_for_journal or self.over(task) else [at]
        if self.deadline is not None and not self.root.stopped and not self.cancelled:
            times.append(self.deadline)
        return min(times)

    def idle(self) -> list[str]:
        """What may start and is not under way: only the journal can be a reason for that."""
        found = []
        under_way = self.live.keys() | self.begun.keys() | self.asked | self.on_its_way | self.suspended
        under_way |= self.backing.keys()
        for frame in [self.root, *self.open.values()]:
            if self.stopped(frame):
                continue
            for node, unit in enumerate(frame.plan.units):
                task = frame.base + node
                if task in under_way or node in frame.done or unit.kind == JOIN or not frame.may_start(node):
                    continue
                if not self.dead(task):
                    found.append(unit.path)
        return found

    def quiet(self) -> bool:
        """Whether some wait for answers, and nothing else is left."""
        if self.paused or not self.suspended or self.idle():
            return False
        if any(not self.over(task) for task in self.backing):
            return False
        return not (self.live or self.asked or self.on_its_way - self.withdrawn or self.asking)

    def bits(self, task: int) -> int:
        """The answers of all policies around a task, its own included."""
        width = self.frame_of[task].depth + 2
        return self.rng.choice([0, (1 << width) - 1, self.rng.getrandbits(width)])

    def waits(self) -> tuple[float | None, ...]:
        return self.rng.choice([(), (), (0.0,), (self.rng.random(),), (None, self.rng.random())])
