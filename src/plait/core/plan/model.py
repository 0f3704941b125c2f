"""The plan: what a run counts with. Integer slots, integer nodes, everything decided early.

Plan        one frame: slots, nodes, counters, ranks; regions hold the plan of their inside
Unit        what is started at once: a segment (a fused chain of steps), a region, or a join
PlannedStep one step: its component, the slots it takes and fills, its policies
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from plait.core.component import Component
from plait.core.inputs import Config
from plait.core.plan.bound import Bound, RegionKind
from plait.core.policy import Retry
from plait.core.schedule.commands import Start
from plait.core.schema import Field
from plait.core.typecheck import Flat

if TYPE_CHECKING:
    from plait.core.cached import Cached

SEGMENT: Final = 0
REGION: Final = 1
JOIN: Final = 2

Needs: TypeAlias = "tuple[tuple[str, float], ...]"
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


class Label(NamedTuple):
    """What the places in a frame are called in one run.

    ``planned`` is the path up to there in the plan, ``called`` in the run (``refine`` and ``refine#2``); ``turn`` is put behind
    the next name, where a list with jumps has no name of its own (``draft#2``).
    """

    planned: str
    called: str
    turn: str = ""

    def path(self, planned: str) -> str:
        """What a place is called."""
        rest = planned[len(self.planned) :]
        if self.turn:
            name, slash, more = rest.lstrip("/").partition("/")
            rest = f"{'/' if self.called else ''}{name}{self.turn}{slash}{more}"
        return self.called + rest


def as_planned(called: str) -> str:
    """The path in the plan of a step that a run calls ``refine#2/draft`` or ``summarize[3]``."""
    import re  # few runs need it, and a pattern is compiled for longer than a first run takes to bind

    return re.sub(r"#\d+(?=/|$)|\[\d+\](?=/|$)", "", called)


def label_of(region: RegionPlan, called: str, outer: Label | None, turn: int, copy: int) -> Label | None:
    """The label of a frame of a region; ``called`` is what the region itself is called."""
    if region.kind == "loop":
        return Label(region.path, f"{called}#{turn}")
    if region.kind == "map":
        return Label(region.path, f"{called}[{copy}]")
    if region.kind == "jumps" and turn > 1:
        return Label(region.path.rpartition("/")[0], called.rpartition("/")[0], f"#{turn}")
    return outer


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
        "cache",
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
        "kind",
        "learnable",
        "memory",
        "merge",
        "opaque",
        "out_flat",
        "outermost",
        "outputs",
        "parts",
        "path",
        "remote",
        "retry",
        "simple",
        "slots",
        "threads",
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
    kind: str
    out_flat: Flat
    effect: bool
    copy: bool
    retry: Retry | None
    timeout: float | None
    abandon: bool
    idempotent: bool
    remote: bool
    """Whether the component runs in a worker process."""
    threads: int
    """How many threads its numeric libraries may use there."""
    memory: int | None
    """How many bytes it may take there."""
    merge: tuple[Field, int, tuple[int, ...], tuple[str, ...]] | None
    """A reducer's fold: the field, the base slot (-1: none), the delta slots, and who wrote each."""
    cache: Cached | None
    """Where its results are kept, if they are."""
    frees: tuple[int, ...]
    """Slots that nobody reads after this step."""
    drops: tuple[int, ...]
    """Slots of which this step is one of several readers."""

    def __repr__(self) -> str:
        return f"<planned {self.path}>"


class RegionPlan:
    """A nested frame, or several of which it opens one: their plans, and the policy of their node.

    Attributes:
        bodies: the plan of each frame; the second one of a ``try`` is the handler.
        kind: what it asks before it opens a body (``plait.core.plan.bound.RegionKind``).
        asks, again: whether the shell is asked which body to open, and once more after each turn.
        decider: the slot outside that decides, or -1.
        cases, default: the body for each value of it, and for all others (-1: none).
        flags: slots outside: who has ended the pipeline, or jumped.
        origins: for each of them, the segment of the jump; -1 for the end of the pipeline.
        seeds: ``(slot, slot)`` outside: copied when it opens for the first time.
        sums: slots outside that collect deltas.
        items: ``(name, slot)`` inside of what the shell fills in.
        gathers: ``(slot inside, slot outside)`` of a map's results, or None.
        partial: ``(slot outside, slots inside)``: handed out when it fails.
        catch: the errors that its handler takes.
        number: which segment a gate leads to.
    """

    __slots__ = (
        "_first",
        "again",
        "asks",
        "bodies",
        "cases",
        "catch",
        "decider",
        "default",
        "flags",
        "gathers",
        "items",
        "kind",
        "need",
        "number",
        "on_error",
        "origins",
        "partial",
        "path",
        "retry",
        "seeds",
        "sums",
        "timeout",
    )

    def __init__(
        self,
        path: str,
        bodies: tuple[Plan, ...],
        need: int | None = None,
        on_error: str = "cancel",
        retry: Retry | None = None,
        timeout: float | None = None,
        kind: RegionKind = "block",
    ) -> None:
        self.path, self.bodies, self.need, self.on_error = path, bodies, need, on_error
        self.retry, self.timeout = retry, timeout
        self.kind: RegionKind = kind
        self.asks = kind not in ("block", "try")
        self.again = kind in ("loop", "jumps")
        self.decider, self.default, self.number = -1, -1, 0
        self.cases: dict[str, int] = {}
        self.flags: tuple[int, ...] = ()
        self.origins: tuple[int, ...] = ()
        self.seeds: tuple[tuple[int, int], ...] = ()
        self.sums: tuple[int, ...] = ()
        self.items: tuple[tuple[str, int], ...] = ()
        self.gathers: tuple[int, int] | None = None
        self.partial: tuple[tuple[int, tuple[int, ...]], ...] = ()
        self.catch: tuple[type[BaseException], ...] = ()
        self._first = -1

    @property
    def plan(self) -> Plan:
        """The plan of its first frame, or only one."""
        return self.bodies[0]

    @property
    def handles(self) -> bool:
        """Whether its second body is a handler of the first one's failure."""
        return self.kind == "try"

    @property
    def first_index(self) -> int:
        """The number of its first step, in listed order."""
        if self._first < 0:
            numbers = [
                unit.region.first_index if unit.region is not None else unit.steps[0].index
                for body in self.bodies
                for unit in body.units
                if unit.steps or unit.region is not None
            ]
            self._first = min(numbers, default=0)
        return self._first

    def __repr__(self) -> str:
        return f"<{self.kind} {self.path}>"


class Unit(NamedTuple):
    """What the scheduler starts as one task."""

    kind: int
    path: str
    steps: tuple[PlannedStep, ...] = ()
    region: RegionPlan | None = None


class Export:
    """How a region's value gets out: of the candidates (branch, inner slot) the last one kept counts."""

    __slots__ = ("appends", "candidates", "slot")

    def __init__(self, slot: int, candidates: tuple[tuple[int, int], ...], *, appends: bool = False) -> None:
        self.slot, self.candidates, self.appends = slot, candidates, appends


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

    def repeated(self, count: int) -> Plan:
        """This plan, so many times side by side: as a scheduler counts it, each copy being a branch."""
        if count == 1:
            return self
        n = len(self.units)
        made = Plan()
        made.units, made.missing, made.rank = self.units * count, self.missing * count, self.rank * count
        made.cost, made.needs, made.timed = self.cost * count, self.needs * count, self.timed * count
        made.effects, made.plain = self.effects * count, self.plain * count
        made.branches = count
        if n == 1:
            made.branch = made.roots = tuple(range(count))
            made.dependents = ((),) * count
            return made
        made.branch = tuple(i for i in range(count) for _ in range(n))
        made.roots = tuple(i * n + root for i in range(count) for root in self.roots)
        made.dependents = tuple(
            tuple(i * n + j for j in followers) for i in range(count) for followers in self.dependents
        )
        return made

    def explain(self, step: str) -> str:
        """Say in sentences what a step waits for, and why: ``plan.explain("report_generator")``."""
        from plait.core.plan.explain import explain

        assert self.bound is not None
        return explain(self.bound, step)

    def __repr__(self) -> str:
        return f"<plan of {self.name or 'pipeline'}: {len(self.steps)} steps>"
