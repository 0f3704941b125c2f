"""The scheduler: a pure state machine. Facts in, commands out; no clock, no I/O, no threads, no values.

                 ┌────────────── backing off ◀─────────────┐
                 ▼                                          │ (a policy tries again)
    waiting ──▶ acquiring ──▶ running ──▶ succeeded         │
       │            │            ├──────▶ failed ───────────┘
       │            │            ├──▶ expiring ──▶ failed        (its timeout passed)
       ▼            ▼            └──▶ stopping ──▶ cancelled     (its frame stops)
    skipped     cancelled

Rule 1: state changes only inside ``handle`` and ``succeeded``, which are the same door: a fact comes in.
Rule 2: a started task is answered exactly once: by ``Succeeded``, ``Failed`` or ``Stopped``.
Rule 3: a frame ends once, when nothing of it runs any more; only then does the region around it go on.
Rule 4: what ends first is only what the facts say; there is no order here but rank and listed order.
"""

from __future__ import annotations

import heapq
from typing import Final

from plait.core.plan.model import JOIN, REGION, Plan, RegionPlan
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Command,
    Expand,
    Expired,
    Finish,
    GiveUp,
    Open,
    Outcome,
    Release,
    Start,
    Wake,
)
from plait.core.schedule.ending import (
    ACQUIRING,
    BACKING_OFF,
    DEADLINE,
    EXPIRING,
    GATED,
    GRACE,
    RETRY,
    RUNNING,
    STATE_NAMES,
    STOPPING,
    SUCCEEDED,
    SUSPENDED,
    TIMEOUT,
    WAITING,
    Ending,
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
from plait.core.schedule.frame import Fault, FrameState

REDELIVERIES: Final = 8
"""How often cancellation is delivered again after the grace period before a task is given up."""
REDELIVERY_INTERVAL: Final = 0.1


class Scheduler(Ending):
    """Decides for one run; see the module's picture.

    Args:
        plan: the outermost plan.
        grace: seconds that a cancelled step has for its cleanup before it is told again.
        durable: whether effects and the end wait until the journal has stored what they stand on.
    """

    __slots__ = ()

    def __init__(self, plan: Plan, *, grace: float = 5.0, durable: bool = False) -> None:
        n = len(plan.units)
        self.root = FrameState(plan, 0, -1, None, 0)
        self.frames: dict[int, FrameState] = {}
        self.state = [WAITING] * n
        self.missing = list(plan.missing)
        self.attempt = [1] * n
        self.first = [0] * n
        self.frame_of = [self.root] * n
        self.grace = grace
        self.outcome: Outcome | None = None
        self.cancelled = self.deadline_passed = self.done = False
        self.durable = durable
        self._timers: list[tuple[float, int, int, int, int]] = []
        self._order = 0
        self._at = self._draw = 0.0
        self._facts = self._committed = 0
        self._gated: list[tuple[int, int]] = []
        self._finishing = False
        self.suspended = 0
        self._turns: dict[int, int] = {}

    # ------------------------------------------------------------------ the one door, and its short handle
    def handle(self, event: Event) -> list[Command]:
        """Take in one fact and say what to do."""
        if isinstance(event, Succeeded):
            return self.succeeded(event.task, event.at)
        self._facts += 1
        self._at = event.at
        out: list[Command] = []
        if isinstance(event, RunStarted):
            self._begin(event, out)
        elif isinstance(event, Failed):
            self._failed(event, out)
        elif isinstance(event, Granted):
            self._granted(event.task, out)
        elif isinstance(event, Stopped):
            self._stopped(event.task, out)
        elif isinstance(event, Expanded):
            self._expanded(event, out)
        elif isinstance(event, Suspended):
            self._suspend(event, out)
        elif isinstance(event, Quiet):
            self._quiet(out)
        elif isinstance(event, Resumed):
            self._resume(event.task, out)
        elif isinstance(event, TimerFired):
            self._fire(out)
        elif isinstance(event, CancelRequested):
            self._cancel_run(out)
        elif isinstance(event, Committed):
            self._commit(event.facts, out)
        return out

    def _begin(self, event: RunStarted, out: list[Command]) -> None:
        if event.deadline is not None:
            self._set_timer(event.deadline, DEADLINE, -1, 0, out)
        plan = self.root.plan
        for i in plan.roots:
            if plan.plain[i] and not self.durable:
                self.state[i] = RUNNING
                out.append(plan.starts[i])
            else:
                self._ready(i, out)

    def succeeded(self, task: int, at: float) -> list[Command]:
        """Take in that a task succeeded (``handle(Succeeded(...))`` without the object)."""
        out: list[Command] = []
        self._facts += 1
        self._at = at
        now = self.state[task]
        frame = self.frame_of[task]
        if now != RUNNING:
            assert now == STOPPING, (task, STATE_NAMES[now])
            self._stopped(task, out)
            return out
        self._succeed(task, frame, out)
        if frame.plan.needs[task - frame.base] is not None:
            # Behind the requests of those who became ready, or a task of lower rank would be given the place.
            out.insert(len(out) - self.done, Release(task))
        return out

    # ------------------------------------------------------------------ forward
    def _succeed(self, task: int, frame: FrameState, out: list[Command]) -> None:
        state = self.state
        state[task] = SUCCEEDED
        frame.unfinished -= 1
        plan = frame.plan
        base = frame.base
        if frame.left is not None:
            branch = plan.branch[task - base]
            frame.left[branch] -= 1
            if not frame.left[branch] and frame.need is not None and self._branch_done(frame, out):
                return
        followers = plan.dependents[task - base]
        if followers:
            missing = self.missing
            for k in followers:
                t = base + k
                missing[t] -= 1
                if not missing[t] and state[t] == WAITING:
                    if plan.plain[k] and not self.durable:  # nothing to decide: as _ready and _launch would
                        state[t] = RUNNING
                        out.append(Start(t) if base else plan.starts[k])
                    else:
                        self._ready(t, out)
        if not frame.unfinished:
            self._end(frame, out)

    def _ready(self, task: int, out: list[Command]) -> None:
        frame = self.frame_of[task]
        node = task - frame.base
        plan = frame.plan
        kind = plan.units[node].kind
        if kind == JOIN:
            self._succeed(task, frame, out)
            return
        if self.durable and kind != REGION and plan.effects[node] and self._committed < self._facts:
            self.state[task] = GATED
            heapq.heappush(self._gated, (self._facts, task))
            return
        if plan.needs[node] is not None:
            self.state[task] = ACQUIRING
            out.append(Acquire(task))
            return
        self._launch(task, frame, out)

    def _launch(self, task: int, frame: FrameState, out: list[Command]) -> None:
        self.state[task] = RUNNING
        plan, node = frame.plan, task - frame.base
        attempt = self.attempt[task]
        limit = plan.timed[node]
        if limit is not None:
            self._set_timer(self._at + limit, TIMEOUT, task, attempt, out)
        region = plan.units[node].region
        if region is None:
            out.append(Start(task, attempt, self.first[task]))
        elif region.asks:
            out.append(Expand(task, 1))
        else:
            self._open(task, region, out)

    def _granted(self, task: int, out: list[Command]) -> None:
        if self.state[task] != ACQUIRING:  # withdrawn while the grant was on its way
            out.append(Release(task))
            return
        self._launch(task, self.frame_of[task], out)

    def _open(
        self,
        task: int,
        region: RegionPlan,
        out: list[Command],
        *,
        body: int = 0,
        count: int = 1,
        turn: int = 1,
        causes: tuple[Fault, ...] = (),
    ) -> FrameState:
        plan = region.bodies[body].repeated(count)
        base, n = len(self.state), len(plan.units)
        outer = self.frame_of[task]
        width = n // count if count > 1 else 0
        inner = FrameState(plan, base, task, region, outer.depth + 1, body, turn, width)
        self.frames[task] = inner
        self.state += [WAITING] * n
        self.missing += plan.missing
        self.attempt += [1] * n
        self.first += [0] * n
        self.frame_of += [inner] * n
        out.append(Open(task, base, self.attempt[task], body, count, turn, causes))
        plain, state = () if self.durable else plan.plain, self.state
        if width == 1 and plain and plain[0]:  # copies of one segment: all of them start
            state[base:] = [RUNNING] * n
            out += map(Start, range(base, base + n))
            return inner
        for i in plan.roots:
            if inner.stopping or state[base + i] != WAITING:
                continue
            if plain and plain[i]:  # nothing to decide: as _ready and _launch would
                state[base + i] = RUNNING
                out.append(Start(base + i))
            else:
                self._ready(base + i, out)
        return inner

    def _expanded(self, event: Expanded, out: list[Command]) -> None:
        task = event.task
        now, outer, turn = self.state[task], self.frame_of[task], self._turns.pop(task, 1)
        if now == EXPIRING:  # its time was over while the answer was on its way
            out.append(Expired(task, self.attempt[task]))
            return
        if now != RUNNING:  # it had to stop meanwhile
            self._stopped(task, out)
            return
        region = outer.plan.units[task - outer.base].region
        assert region is not None
        if event.body < 0 or not event.copies:
            self._succeed(task, outer, out)
            return
        self._open(task, region, out, body=event.body, count=event.copies, turn=turn)

    # ------------------------------------------------------------------ waiting for an answer
    def _suspend(self, event: Suspended, out: list[Command]) -> None:
        task = event.task
        if self.state[task] != RUNNING:  # it was told to stop meanwhile
            self._stopped(task, out)
            return
        self.state[task] = SUSPENDED
        self.suspended += 1
        if event.step != self.first[task]:  # the attempts so far were those of a step before it
            self.attempt[task] = 1
        self.first[task] = event.step
        self._timers = [timer for timer in self._timers if timer[2] != TIMEOUT or timer[3] != task]
        heapq.heapify(self._timers)
        frame = self.frame_of[task]
        if frame.plan.needs[task - frame.base] is not None:
            out.append(Release(task))

    def _quiet(self, out: list[Command]) -> None:
        """Nothing runs: unless somebody is still to be started, the run is paused."""
        if self.done or not self.suspended:
            return
        for task, now in enumerate(self.state):
            if now in (ACQUIRING, BACKING_OFF, EXPIRING, STOPPING, GATED):
                return
            if now == RUNNING and task not in self.frames:
                return
        self.done, self.outcome = True, "paused"
        out.append(Finish("paused"))

    def _resume(self, task: int, out: list[Command]) -> None:
        assert self.state[task] == SUSPENDED, (task, STATE_NAMES[self.state[task]])
        if self.done and self._timers:  # nobody was to wake it while it was paused
            out.append(Wake(self._timers[0][0]))
        self.done, self.outcome = False, None
        self.suspended -= 1
        self.state[task] = WAITING
        self._ready(task, out)

    def _finish(self, out: list[Command]) -> None:
        if self.done:
            return
        if self.durable and not self.cancelled and not self.root.failed and self._committed < self._facts:
            self._finishing = True
            return
        self.done = True
        if self.cancelled:
            self.outcome = "cancelled"
        elif self.root.failed:
            self.outcome = "failed"
        else:
            self.outcome = "deadline" if self.deadline_passed else "succeeded"
        out.append(Finish(self.outcome))

    def faults(self) -> list[Fault]:
        """The failures of their own that ended the run."""
        return [ended.fault for ended in self.root.faults]

    @property
    def recorded(self) -> list[Fault]:
        """The failures that a block has kept from ending the run; those of a discarded attempt are not among them."""
        return self.root.recorded

    # ------------------------------------------------------------------ time and journal
    def _set_timer(self, at: float, kind: int, task: int, attempt: int, out: list[Command]) -> None:
        if not self._timers or at < self._timers[0][0]:
            out.append(Wake(at))
        self._order += 1
        heapq.heappush(self._timers, (at, self._order, kind, task, attempt))

    def _fire(self, out: list[Command]) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self._at:
            _, _, kind, task, attempt = heapq.heappop(timers)
            if self.done:
                continue
            if kind == DEADLINE:
                self._deadline(out)
            elif kind == RETRY:
                if self.state[task] == BACKING_OFF and self.attempt[task] == attempt:
                    self._ready(task, out)
            elif kind == TIMEOUT:
                if self.state[task] == RUNNING and self.attempt[task] == attempt:
                    self._expire(task, out)
            else:
                self._again(task, attempt, out)
        if timers:
            out.append(Wake(timers[0][0]))

    def _deadline(self, out: list[Command]) -> None:
        if self.root.stopping or self._finishing:
            return
        self.deadline_passed = True
        self.root.stopping = True
        self._stop_nodes(self.root, None, out)
        if not self.root.unfinished:
            self._end(self.root, out)

    def _expire(self, task: int, out: list[Command]) -> None:
        inner = self.frames.get(task)
        if inner is not None:
            if inner.stopping:  # how it ends is decided: it only waits for its last steps to stop
                return
            inner.expired = inner.stopping = True
            self._stop_nodes(inner, None, out)
            if not inner.unfinished:
                self._end(inner, out)
            return
        self.state[task] = EXPIRING
        frame = self.frame_of[task]
        if frame.plan.units[task - frame.base].region is not None:  # it asks, and is told with the answer
            return
        out.append(Cancel(task, "timeout"))
        self._set_timer(self._at + self.grace, GRACE, task, 1, out)

    def _again(self, task: int, times: int, out: list[Command]) -> None:
        if self.state[task] not in (STOPPING, EXPIRING):
            return
        if times > REDELIVERIES:
            out.append(GiveUp(task))
            return
        out.append(Cancel(task, "timeout" if self.state[task] == EXPIRING else "stop", times))
        self._set_timer(self._at + REDELIVERY_INTERVAL, GRACE, task, times + 1, out)

    def _commit(self, count: int, out: list[Command]) -> None:
        self._committed = max(self._committed, count)
        while self._gated and self._gated[0][0] <= self._committed:
            task = heapq.heappop(self._gated)[1]
            if self.state[task] == GATED:
                self.state[task] = WAITING
                frame = self.frame_of[task]
                if frame.plan.needs[task - frame.base] is not None:
                    self.state[task] = ACQUIRING
                    out.append(Acquire(task))
                else:
                    self._launch(task, frame, out)
        if self._finishing and self._committed >= self._facts:
            self._finishing = False
            self._finish(out)
