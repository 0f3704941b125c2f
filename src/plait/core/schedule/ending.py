"""How tasks and frames end: failures and the policies that look at them, stopping, and what a frame's end means outside.

The other half of the scheduler: its state is declared here, its door is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plait.core.plan.model import Plan, RegionPlan
from plait.core.schedule.commands import Cancel, Close, Command, Expand, Expired, Release, Retrying, Withdraw
from plait.core.schedule.events import Failed
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

_OVER: Any = None

RETRY, TIMEOUT, GRACE, DEADLINE = range(4)
"""What a timer is for."""


class Ending:
    """What the scheduler does when something ends badly, is stopped, or was the last of its frame."""

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

    if TYPE_CHECKING:
        root: FrameState
        frames: dict[int, FrameState]
        state: list[int]
        attempt: list[int]
        first: list[int]
        frame_of: list[FrameState]
        grace: float
        done: bool
        cancelled: bool
        suspended: int
        _at: float
        _draw: float
        _finishing: bool
        _turns: dict[int, int]

        def _ready(self, task: int, out: list[Command]) -> None: ...
        def _succeed(self, task: int, frame: FrameState, out: list[Command]) -> None: ...
        def _set_timer(self, at: float, kind: int, task: int, attempt: int, out: list[Command]) -> None: ...
        def _finish(self, out: list[Command]) -> None: ...
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
        ) -> FrameState: ...

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
            self._set_timer(at, RETRY, task, self.attempt[task], out)

    def _fault(self, frame: FrameState, task: int, faults: list[Ended], out: list[Command]) -> None:
        """A node of this frame failed for good: what that means is the frame's policy."""
        node = task - frame.base
        branch = frame.plan.branch[node]
        frame.unfinished -= 1
        frame.faults += faults
        if frame.left is not None:
            frame.left[branch] -= 1
        frame.failed.add(branch)
        region, need = frame.region, frame.need
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
        if frame.need is None or frame.kept is not None or frame.stopping:
            return False
        kept = frame.succeeded_branches()
        if len(kept) < frame.need:
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
            self._set_timer(self._at + self.grace, GRACE, task, 1, out)

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
        n = len(frame.plan.units)  # nobody asks for its tasks any more, and a loop may have many turns
        self.frame_of[frame.base : frame.base + n] = [_OVER] * n
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
