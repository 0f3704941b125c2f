"""What the scheduler keeps of one frame while it runs: its counters, its failures, how it will end."""

from __future__ import annotations

from plait.core.plan.model import Plan, RegionPlan
from plait.core.value import Value


class Fault(Value):
    """A failure of its own: the task, which of its steps, which attempt. ``step`` is -1 for a region's timeout."""

    __slots__ = __match_args__ = ("task", "step", "attempt")

    def __init__(self, task: int, step: int, attempt: int) -> None:
        self.task, self.step, self.attempt = task, step, attempt


class Ended:
    """A failure on its way outwards: which policies around it match, and what they were asked to wait.

    Bit 0 of ``matches`` and ``catches`` and the first of ``waits`` are those of the next region around it.
    """

    __slots__ = ("catches", "fault", "matches", "waits")

    def __init__(self, fault: Fault, matches: int, waits: tuple[float | None, ...], catches: int) -> None:
        self.fault, self.matches, self.waits, self.catches = fault, matches, waits, catches

    def outwards(self) -> Ended:
        """The same, one region further out."""
        return Ended(self.fault, self.matches >> 1, self.waits[1:], self.catches >> 1)


class FrameState:
    """One frame while it runs: the counters of its plan, and how it will end."""

    __slots__ = (
        "base",
        "body",
        "depth",
        "expired",
        "failed",
        "faults",
        "kept",
        "left",
        "need",
        "plan",
        "recorded",
        "region",
        "stopping",
        "task",
        "turn",
        "unfinished",
        "width",
    )

    def __init__(
        self,
        plan: Plan,
        base: int,
        task: int,
        region: RegionPlan | None,
        depth: int,
        body: int = 0,
        turn: int = 1,
        width: int = 0,
    ) -> None:
        self.body, self.turn = body, turn
        self.width = width  # of one copy, where the plan is that of several; else 0
        self.plan, self.base, self.task, self.region, self.depth = plan, base, task, region, depth
        self.unfinished = len(plan.units)
        self.stopping = False
        self.expired = False
        self.failed: set[int] = set()
        self.faults: list[Ended] = []
        self.recorded: list[Fault] = []
        self.kept: tuple[int, ...] | None = None
        self.left: list[int] | None = None
        self.need: int | None = None
        if region is not None:
            self.need = region.need
            if width == 1:  # many copies of one task
                self.left = [1] * plan.branches
            else:
                self.left = [0] * plan.branches
                for b in plan.branch:
                    self.left[b] += 1

    def succeeded_branches(self) -> tuple[int, ...]:
        """The branches all of whose nodes succeeded, in listed order."""
        assert self.left is not None
        return tuple(b for b, n in enumerate(self.left) if not n and b not in self.failed)
