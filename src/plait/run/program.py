"""Programs: what the drive loop executes, compiled from a plan once and kept with it.

For each unit a row per step with all that the inner loop needs, unpacked in one go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from plait.context import Loading, unguarded
from plait.core.plan.model import REGION, Plan, PlannedStep, Unit
from plait.core.typecheck import Flat
from plait.run.adaptive import Learned
from plait.run.lifecycle import has_life
from plait.run.values import template

# step, fast call or None, its one input slot or -1, all input slots, flat type of the one input,
# output slot or -1, flat type of the output, whether slots are freed
Row: TypeAlias = "tuple[PlannedStep, Callable[..., Any] | None, int, tuple[int, ...], Flat, int, Flat, bool]"


class Block:
    """One unit, ready to run.

    Attributes:
        rows: its steps.
        threaded: all steps are blocking ones that go to a thread together.
        owned: must run in a Task of ours: it has a timeout, or can't be left to the caller's own Task.
    """

    __slots__ = ("owned", "rows", "threaded")

    def __init__(self, rows: tuple[Row, ...], *, threaded: bool, owned: bool) -> None:
        self.rows, self.threaded, self.owned = rows, threaded, owned


class Program:
    """A plan's executable half; shared by all runs of a pipeline."""

    __slots__ = ("blocks", "check_types", "finals", "inner", "learned", "needs", "plan", "template")

    def __init__(self, plan: Plan, *, check_types: bool, learned: dict[int, Learned]) -> None:
        self.plan, self.check_types = plan, check_types
        self.learned = learned
        self.template = template(plan)
        self.finals = tuple(sorted(plan.finals, key=lambda final: final[0] not in plan.inputs))
        """The keys of the final state with their slots: inputs first, as people read them."""
        self.blocks: tuple[Block, ...] = tuple(
            _block(unit, learned, check_types=check_types) for unit in plan.units
        )
        self.inner: dict[int, tuple[Program, ...]] = {
            node: tuple(
                Program(body, check_types=check_types, learned=learned) for body in unit.region.bodies
            )
            for node, unit in enumerate(plan.units)
            if unit.kind == REGION and unit.region is not None
        }
        self.needs: bool = (
            bool(plan.caps)
            or any(n is not None for n in plan.needs)
            or any(p.needs for bodies in self.inner.values() for p in bodies)
        )
        """Whether any step needs admission."""


def program_of(plan: Plan, *, check_types: bool) -> Program:
    """The compiled program of a plan, made once."""
    if Loading.script is not None:
        raise unguarded(Loading.script)
    found = plan.programs.get(check_types)
    if found is None:
        learned = plan.programs.setdefault("learned", {})
        found = plan.programs[check_types] = Program(plan, check_types=check_types, learned=learned)
    made: Program = found
    return made


def _block(unit: Unit, learned: dict[int, Learned], *, check_types: bool) -> Block:
    rows = tuple(_row(step, check_types=check_types) for step in unit.steps)
    for step in unit.steps:
        if step.learnable:
            learned.setdefault(step.index, Learned())
    if any(step.remote for step in unit.steps):
        from plait.executors.process import supported

        supported()
    threaded = bool(unit.steps) and all(s.where == "thread" and s.merge is None for s in unit.steps)
    owned = any(s.timeout is not None or s.where == "thread" for s in unit.steps)
    return Block(rows, threaded=threaded, owned=owned)


def _row(step: PlannedStep, *, check_types: bool) -> Row:
    fast = (
        step.simple
        and step.is_async
        and step.merge is None
        and step.parts is None
        and len(step.outputs) <= 1
        and not step.copy
        and step.cache is None
        and not has_life(step.component)
    )
    one = step.slots[0] if fast and len(step.slots) == 1 else -1
    flat_in: Flat = step.args[0].flat if check_types and one >= 0 else None
    if check_types and one < 0 and any(a.flat for a in step.args):
        fast = False
    return (
        step,
        step.entry if fast else None,
        one,
        step.slots,
        flat_in,
        step.outputs[0] if step.outputs else -1,
        step.out_flat if check_types else None,
        bool(step.frees or step.drops),
    )
