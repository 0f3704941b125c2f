"""The plan: what a run counts with. Integer slots, integer nodes, everything decided early.

Plan        one frame: slots, nodes, counters, ranks; regions hold the plan of their inside
Unit        what is started at once: a segment (a fused chain of steps), a region, or a join
PlannedStep one step: its component, the slots it takes and fills, its policies
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from plait.core.component import Component
from plait.core.inputs import Config
from plait.core.plan.bound import Bound
from plait.core.policy import Retry
from plait.core.schedule.commands import Start
from plait.core.schema import Field
from plait.core.typecheck import Flat

SEGMENT: Final = 0
REGION: Final = 1
JOIN: Final = 2

Needs: TypeAlias = "tuple[tuple[str, int], ...]"
Where: TypeAlias = Literal["loop", "thread"]


class Missing:
    """A value that is not there, and why: the key was not given, or its branch failed or was cancelled."""

    __slots__ = ("cause",)

    def __init__(self, cause: str) -> None:
        self.cause = cause

    def __repr__(self) -> str:
        return f"Missing({self.cause!r})"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Final = Missing("was not given")
NOT_YET: Final = Missing("was not produced")
BRANCH_ENDED: Final = Missing("its branch failed or was cancelled")


class Arg:
    """One argument: where it comes from and how it is passed."""

    __slots__ = ("default", "flat", "key", "name", "omit", "positional", "slot")

    def __init__(
        self, name: str, slot: int, default: Any, flat: Flat, key: str, *, positional: bool, omit: bool
    ) -> None:
        self.name, self.slot, self.default, self.flat, self.key = name, slot, default, flat, key
        self.positional, self.omit = positional, omit


class PlannedStep:
    """A step, ready to be called."""

    __slots__ = (
        "abandon",
        "args",
        "component",
        "copy",
        "drops",
        "effect",
        "entry",
        "frees",
        "idempotent",
        "index",
        "is_async",
        "keys",
        "learnable",
        "merge",
        "opaque",
        "out_flat",
        "outermost",
        "outputs",
        "parts",
        "path",
        "retry",
        "simple",
        "slots",
        "timeout",
        "where",
    )

    path: str
    index: int
    """The step's number among all steps of the pipeline, in listed order (regions included)."""
    component: Component | None
    entry: Callable[..., Any]
    is_async: bool
    where: Where
    learnable: bool
    args: tuple[Arg, ...]
    slots: tuple[int, ...]
    simple: bool
    """All arguments are always there and can be passed by position: ``entry(*values)``."""
    opaque: tuple[tuple[str, int, Any], ...] | None
    """The keys that an opaque reader gets besides its arguments: key, slot, and what stands in if it is missing."""
    outermost: bool
    """Whether an opaque reader also sees the inputs that no step asks for by name."""
    outputs: tuple[int, ...]
    parts: tuple[str, ...] | None
    """The field of each output; None when one key takes the whole result (or nothing does)."""
    keys: tuple[str, ...]
    out_flat: Flat
    effect: bool
    copy: bool
    retry: Retry | None
    timeout: float | None
    abandon: bool
    idempotent: bool
    merge: tuple[Field, int, tuple[int, ...], tuple[str, ...]] | None
    """A reducer's fold: the field, the base slot (-1: none), the delta slots, and who wrote each."""
    frees: tuple[int, ...]
    """Slots that nobody reads after this step."""
    drops: tuple[int, ...]
    """Slots of which this step is one of several readers."""

    def __repr__(self) -> str:
        return f"<planned {self.path}>"


class RegionPlan(NamedTuple):
    """A nested frame: its plan, and the policy of its node."""

    path: str
    plan: Plan
    need: int | None
    on_error: str
    retry: Retry | None
    timeout: float | None


class Unit(NamedTuple):
    """What the scheduler starts as one task."""

    kind: int
    path: str
    steps: tuple[PlannedStep, ...] = ()
    region: RegionPlan | None = None


class Export:
    """How a region's value gets out: of the candidates (branch, inner slot) the last one kept counts."""

    __slots__ = ("candidates", "slot")

    def __init__(self, slot: int, candidates: tuple[tuple[int, int], ...]) -> None:
        self.slot, self.candidates = slot, candidates


class Plan:
    """One frame of a pipeline, lowered to integers."""

    __slots__ = (
        "bound",
        "branch",
        "branches",
        "caps",
        "config",
        "consts",
        "cost",
        "counted",
        "dependents",
        "effects",
        "exports",
        "finals",
        "imports",
        "inputs",
        "missing",
        "name",
        "needs",
        "plain",
        "programs",
        "rank",
        "roots",
        "slots",
        "starts",
        "steps",
        "timed",
        "units",
    )

    def __init__(self) -> None:
        self.name: str | None = None
        self.bound: Bound | None = None
        self.units: tuple[Unit, ...] = ()
        self.steps: tuple[PlannedStep, ...] = ()
        """All steps of the pipeline by index (only in the outermost plan)."""
        self.dependents: tuple[tuple[int, ...], ...] = ()
        self.missing: tuple[int, ...] = ()
        self.roots: tuple[int, ...] = ()
        self.rank: tuple[float, ...] = ()
        self.cost: tuple[float, ...] = ()
        self.needs: tuple[Needs | None, ...] = ()
        self.timed: tuple[float | None, ...] = ()
        self.effects: tuple[bool, ...] = ()
        self.plain: tuple[bool, ...] = ()
        """Segments without needs and timeout: they start without a further question."""
        self.starts: tuple[Start, ...] = ()
        """The command that starts each plain unit of the outermost frame, made in advance."""
        self.branch: tuple[int, ...] = ()
        self.branches = 1
        self.slots = 0
        self.consts: tuple[tuple[int, Any], ...] = ()
        self.config: tuple[tuple[int, Config, str], ...] = ()
        self.inputs: dict[str, tuple[int, Any, bool]] = {}
        """key -> (slot, its Field when it has a default, whether it must be given)."""
        self.finals: tuple[tuple[str, int], ...] = ()
        self.imports: tuple[tuple[int, int], ...] = ()
        """(slot outside, slot inside)."""
        self.exports: tuple[Export, ...] = ()
        self.counted: tuple[tuple[int, int], ...] = ()
        """(slot, number of readers) of the slots that are freed by counting."""
        self.caps: tuple[tuple[str, int], ...] = ()
        """(path of the block, the most at once) of each cap, numbered as ``#0``, ``#1``, … in needs."""
        self.programs: dict[Any, Any] = {}
        """What shells compile from this plan and keep with it."""

    def explain(self, step: str) -> str:
        """Say in sentences what a step waits for, and why: ``plan.explain("report_generator")``."""
        from plait.core.plan.explain import explain

        assert self.bound is not None
        return explain(self.bound, step)

    def __repr__(self) -> str:
        return f"<plan of {self.name or 'pipeline'}: {len(self.steps)} steps>"
