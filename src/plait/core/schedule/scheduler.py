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
    Close,
    Command,
    Expand,
    Expired,
    Finish,
    GiveUp,
    Open,
    Outcome,
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
from plait.core.schedule.frame import Ended, Fault, FrameState

WAITING: Final = 0
ACQUIRING: Final = 1
RUNNING: Final = 2
BACKING_OFF: Final = 3
EXPIRING: Final = 4
STOPPING: Final = 5
GATED: Final = 6
SUCCEEDED: Final = 7
FAILED: Final = 8
CANCELLED: Final = 9
SKIPPED: Final = 10
SUSPENDED: Final = 11

STATE_NAMES: Final = (
    "waiting",
    "acquiring",
    "running",
    "backing off",
    "expiring",
    "stopping",
    "gated",
    "succeeded",
    "failed",
    "cancelled",
    "skipped",
    "suspended",
)

REDELIVERIES: Final = 8
"""How often cancellation is delivered again after the grace period before a task is given up."""
REDELIVERY_INTERVAL: Final = 0.1

_RETRY, _TIMEOUT, _GRACE, _DEADLINE = range(4)


class Scheduler:
    """Decides for one run; see the module's picture.

    Args:
        plan: the outermost plan.
        grace: seconds that a cancelled step has for its cleanup before it is told again.
        durable: whether effects and the end wait until the journal has stored what they stand on.
    """

    __slots__ = (
        "_at",
        "_committed",
        "_draw",
        "_facts",
        "_finishing",
        "_gated",
        "_order",
        "_timers",
        "_turns",
        "attempt",
        "cancelled",
        "deadline_passed",
        "done",
        "durable",
        "first",
        "frame_of",
        "frames",
        "grace",
        "missing",
        "outcome",
        "root",
        "state",
        "suspended",
    )

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
        if isinstance(event, Failed):
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
        elif isinstance(event, RunStarted):
            if event.deadline is not None:
                self._set_timer(event.deadline, _DEADLINE, -1, 0, out)
            plan = self.root.plan
            for i in plan.roots:
                if plan.plain[i] and not self.durable:
                    self.state[i] = RUNNING
                    out.append(plan.starts[i])
                else:
                    self._ready(i, out)
        return out

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
            if not frame.left[branch] and self._branch_done(frame, out):
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
            self._set_timer(self._at + limit, _TIMEOUT, task, attempt, out)
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
        for i in plan.roots:
            if not inner.stopping and self.state[base + i] == WAITING:
                self._ready(base + i, out)
        return inner

    def _expanded(self, event: Expanded, out: list[Command]) -> None:
        task = event.task
        now, outer = self.state[task], self.frame_of[task]
        if now != RUNNING:  # it had to stop while the answer was on its way
            self._stopped(task, out)
            return
        region = outer.plan.units[task - outer.base].region
        assert region is not None
        if event.body < 0 or not event.copies:
            self._succeed(task, outer, out)
            return
        turn = self._turns.pop(task, 1)
        self._open(task, region, out, body=event.body, count=event.copies, turn=turn)

    # ------------------------------------------------------------------ waiting for an answer
    def _suspend(self, event: Suspended, out: list[Command]) -> None:
        task = event.task
        if self.state[task] != RUNNING:  # it was told to stop meanwhile
            self._stopped(task, out)
            return
        self.state[task] = SUSPENDED
        self.suspended += 1
        self.first[task] = event.step
        self._timers = [timer for timer in self._timers if timer[2] != _TIMEOUT or timer[3] != task]
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
        self.done, self.outcome = False, None
        self.suspended -= 1
        self.state[task] = WAITING
        self._ready(task, out)

    # ------------------------------------------------------------------ failure
    def _failed(self, event: Failed, out: list[Command]) -> None:
        task = event.task
        frame = self.frame_of[task]
        node = task - frame.base
        was = self.state[task]
        assert was in (RUNNING, EXPIRING, STOPPING), (task, STATE_NAMES[was])
        if was == STOPPING:  # an error while it was being cancelled: the shell keeps it as a note
            self._stopped(task, out)
            return
        if frame.plan.needs[node] is not None:
            out.append(Release(task))
        self._draw = event.draw
        region = frame.plan.units[node].region
        if region is not None:
            timeout = Ended(Fault(task, -1, self.attempt[task]), event.matches, event.waits, event.catches)
            self._region_failed(task, region, [timeout], [], out)
            return
        attempt = self.attempt[task] if event.step == self.first[task] else 1
        retry = frame.plan.units[node].steps[event.step].retry
        if retry is not None and event.matches & 1 and attempt < retry.attempts:
            wait = event.waits[0] if event.waits else None
            delay = retry.delay(attempt, event.draw) if wait is None else wait
            self.first[task], self.attempt[task] = event.step, attempt + 1
            self._back_off(task, event.step, delay, out)
            return
        self.state[task] = FAILED
        ended = Ended(Fault(task, event.step, attempt), event.matches, event.waits, event.catches)
        self._fault(frame, task, [ended.outwards()], out)

    def _back_off(self, task: int, step: int, delay: float, out: list[Command]) -> None:
        at = self._at + max(0.0, delay)
        self.state[task] = BACKING_OFF
        out.append(Retrying(task, step, self.attempt[task], at))
        if delay <= 0.0:
            self._ready(task, out)
        else:
            self._set_timer(at, _RETRY, task, self.attempt[task], out)

    def _fault(self, frame: FrameState, task: int, faults: list[Ended], out: list[Command]) -> None:
        """A node of this frame failed for good: what that means is the frame's policy."""
        node = task - frame.base
        branch = frame.plan.branch[node]
        frame.unfinished -= 1
        frame.faults += faults
        if frame.left is not None:
            frame.left[branch] -= 1
        frame.failed.add(branch)
        region = frame.region
        need = region.need if region is not None else None
        if region is None:
            stop_all = True
        elif need is None:
            stop_all = region.on_error == "cancel"
        else:
            stop_all = region.on_error == "cancel" and frame.plan.branches - len(frame.failed) < need
        if stop_all:
            frame.stopping = True
            self._stop_nodes(frame, None, out)
        else:
            self._stop_nodes(frame, branch, out)
        if not frame.unfinished:
            self._end(frame, out)

    def _branch_done(self, frame: FrameState, out: list[Command]) -> bool:
        """A branch has succeeded; with ``need=n`` that may be the n-th, which ends the block."""
        region = frame.region
        if region is None or region.need is None or frame.kept is not None or frame.stopping:
            return False
        kept = frame.succeeded_branches()
        if len(kept) < region.need:
            return False
        frame.kept = kept
        frame.stopping = True
        self._stop_nodes(frame, None, out)
        if not frame.unfinished:
            self._end(frame, out)
        return True

    # ------------------------------------------------------------------ stopping
    def _stop_nodes(self, frame: FrameState, branch: int | None, out: list[Command]) -> None:
        """Stop what is not finished: all of the frame, or one branch of it."""
        base, plan, state = frame.base, frame.plan, self.state
        nodes = range(len(plan.units))
        if branch is not None and frame.width:
            nodes = range(branch * frame.width, (branch + 1) * frame.width)
        for node in nodes:
            if branch is not None and plan.branch[node] != branch:
                continue
            task = base + node
            now = state[task]
            if now in (RUNNING, EXPIRING):
                self._stop(task, plan, node, out)
            elif now in (WAITING, ACQUIRING, BACKING_OFF, GATED, SUSPENDED):
                if now == ACQUIRING:
                    out.append(Withdraw(task))
                self.suspended -= now == SUSPENDED
                state[task] = SKIPPED if now == WAITING else CANCELLED
                frame.unfinished -= 1
                if frame.left is not None:
                    frame.left[plan.branch[node]] -= 1

    def _stop(self, task: int, plan: Plan, node: int, out: list[Command]) -> None:
        already = self.state[task] == EXPIRING
        self.state[task] = STOPPING
        if plan.units[node].region is not None:
            inner = self.frames.get(task)  # None: it has expired, and its failure is on the way
            if inner is not None and not inner.stopping:
                inner.stopping = True
                self._stop_nodes(inner, None, out)
                if not inner.unfinished:
                    self._end(inner, out)
            return
        if not already:
            out.append(Cancel(task))
            self._set_timer(self._at + self.grace, _GRACE, task, 1, out)

    def _stopped(self, task: int, out: list[Command]) -> None:
        """A task that had to stop has ended, one way or another."""
        frame = self.frame_of[task]
        node = task - frame.base
        assert self.state[task] in (STOPPING, RUNNING, EXPIRING), (task, STATE_NAMES[self.state[task]])
        if frame.plan.units[node].region is None and frame.plan.needs[node] is not None:
            out.append(Release(task))
        self.state[task] = CANCELLED
        frame.unfinished -= 1
        if frame.left is not None:
            frame.left[frame.plan.branch[node]] -= 1
        if not frame.unfinished:
            self._end(frame, out)

    def _cancel_run(self, out: list[Command]) -> None:
        if self.done or self.cancelled:
            return
        self.cancelled = True
        if self._finishing:
            self._finish(out)
        elif not self.root.stopping:
            self.root.stopping = True
            self._stop_nodes(self.root, None, out)
            if not self.root.unfinished:
                self._end(self.root, out)

    # ------------------------------------------------------------------ the end of a frame
    def _end(self, frame: FrameState, out: list[Command]) -> None:
        region = frame.region
        if region is None:
            self._finish(out)
            return
        if self.frames.get(frame.task) is not frame:  # a nested end has led here already
            return
        del self.frames[frame.task]
        outer = self.frame_of[frame.task]
        task = frame.task
        if self.state[task] == STOPPING:
            out.append(Close(task, frame.base, None))
            self._stopped(task, out)
            return
        kept = self._verdict(frame, region)
        out.append(Close(task, frame.base, kept))
        if kept is not None:
            outer.recorded += frame.recorded
            outer.recorded += [ended.fault for ended in frame.faults]
            if region.again:
                self._turns[task] = frame.turn + 1
                out.append(Expand(task, frame.turn + 1))
            else:
                self._succeed(task, outer, out)
            return
        if (
            frame.expired
        ):  # the shell answers with Failed, so that policies are asked about the timeout as about any error
            self.state[task] = EXPIRING
            out.append(Expired(task, self.attempt[task]))
            return
        if region.handles and frame.body == 0:
            self._handle_failure(task, region, frame, out)
            return
        self._region_failed(task, region, frame.faults, frame.recorded, out)

    def _handle_failure(self, task: int, region: RegionPlan, frame: FrameState, out: list[Command]) -> None:
        """A body failed: open the handler if it takes all of that; else what it does not take goes on outwards."""
        taken = [ended.fault for ended in frame.faults if ended.catches & 1]
        if taken and len(taken) == len(frame.faults):
            handler = self._open(task, region, out, body=1, causes=tuple(taken))
            handler.recorded = [*frame.recorded, *taken, *handler.recorded]
            return
        rest = [ended for ended in frame.faults if not ended.catches & 1]
        self._region_failed(task, region, rest, [*frame.recorded, *taken], out)

    def _region_failed(
        self, task: int, region: RegionPlan, faults: list[Ended], recorded: list[Fault], out: list[Command]
    ) -> None:
        outer, attempt = self.frame_of[task], self.attempt[task]
        matched = bool(faults) and all(ended.matches & 1 for ended in faults)
        if region.retry is not None and matched and attempt < region.retry.attempts:
            self.attempt[task] = attempt + 1
            asked = [ended.waits[0] for ended in faults if ended.waits and ended.waits[0] is not None]
            delay = max(asked) if asked else region.retry.delay(attempt, self._draw)
            self._back_off(task, -1, delay, out)
            return
        self.state[task] = FAILED
        outer.recorded += recorded
        self._fault(outer, task, [ended.outwards() for ended in faults], out)

    @staticmethod
    def _verdict(frame: FrameState, region: RegionPlan) -> tuple[int, ...] | None:
        """The branches whose values count, or None if the region failed."""
        if frame.expired:
            return None
        if frame.kept is not None:
            return frame.kept
        if not frame.failed:
            return tuple(range(frame.plan.branches))
        if region.on_error == "collect":
            return frame.succeeded_branches()
        return None

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
            if kind == _DEADLINE:
                self._deadline(out)
            elif kind == _RETRY:
                if self.state[task] == BACKING_OFF and self.attempt[task] == attempt:
                    self._ready(task, out)
            elif kind == _TIMEOUT:
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
        out.append(Cancel(task, "timeout"))
        self._set_timer(self._at + self.grace, _GRACE, task, 1, out)

    def _again(self, task: int, times: int, out: list[Command]) -> None:
        if self.state[task] not in (STOPPING, EXPIRING):
            return
        if times > REDELIVERIES:
            out.append(GiveUp(task))
            return
        out.append(Cancel(task, "timeout" if self.state[task] == EXPIRING else "stop", times))
        self._set_timer(self._at + REDELIVERY_INTERVAL, _GRACE, task, times + 1, out)

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
