"""The regions of a run: which body is opened, with what in its slots, and what gets out at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.core.plan.model import NOT_YET
from plait.core.schedule.commands import Open
from plait.core.schedule.events import Expanded
from plait.run.values import (
    Frame,
    decide,
    export,
    export_partial,
    fill_config,
    gather,
    last_jump,
    seed,
)

if TYPE_CHECKING:
    from plait.core.plan.model import RegionPlan
    from plait.run.drive import Run


_GONE: list[Any] = []
"""The values of a frame that has ended: what it does not hand out is kept no longer (a loop may have many turns)."""


def answer(run: Run, task: int, turn: int) -> Expanded:
    """Decide for a region: the values of its decider and flags are in place."""
    region, outer = run.region_of(task), run.frames[task]
    if turn == 1:
        seed(region, outer.values)
    body, count = decide(region, outer.values, turn)
    if region.kind == "map" and not count:
        gather(region, (), outer.values)
    return Expanded(run.clock(), task, body, count)


def opened(run: Run, command: Open) -> None:
    """Make the frames of a region's body: as many as there are copies of it."""
    outer = run.frames[command.task]
    node = command.task - outer.base
    region = outer.plan.units[node].region
    program = outer.program.inner[node][command.body]
    plan = program.plan
    if region.kind == "try":
        if command.body == 0:
            seed(region, outer.values)
        else:
            body, run.trouble.body = run.trouble.body, None
            assert body is not None  # the one that has just failed
            export_partial(region, body.values, outer.values)
            body.values = _GONE
    width = len(plan.units)
    if region.kind == "map":
        _open_copies(run, command, outer, region, program)
        return
    inner = Frame(program, command.base, outer, region, command.turn)
    for source, target in plan.imports:
        inner.values[target] = outer.values[source]
    if plan.config:
        fill_config(plan, inner.values, run.config, run.context)
    for name, slot in region.items:
        _fill(run, command, outer, region, inner, name, slot)
    run.frames += [inner] * width


def _open_copies(run: Run, command: Open, outer: Frame, region: RegionPlan, program: Any) -> None:
    items = outer.values[region.decider]
    plan, frames = program.plan, run.frames
    width = len(plan.units)
    columns = [(slot, items.columns[name]) for name, slot in region.items if name in items.columns]
    common = [(slot, items.common[name]) for name, slot in region.items if name in items.common]
    common += [(target, outer.values[source]) for source, target in plan.imports]
    base = command.base
    for i in range(command.count):
        inner = Frame(program, base, outer, region, i)
        values = inner.values
        for slot, value in common:
            values[slot] = value
        for slot, column in columns:
            values[slot] = column[i]
        if plan.config:
            fill_config(plan, values, run.config, run.context)
        if width == 1:
            frames.append(inner)
        else:
            frames += [inner] * width
        base += width


def _fill(
    run: Run, command: Open, outer: Frame, region: RegionPlan, inner: Frame, name: str, slot: int
) -> None:
    """Put what only a run can know in its slot."""
    if name == "turn":
        inner.values[slot] = command.turn
    elif name == "start":
        inner.values[slot] = _start(region, outer, command.turn)
    elif command.body == 1:
        error = _cause(run, command)
        inner.values[slot] = str(error) if name == "text" else error


def _start(region: RegionPlan, outer: Frame, turn: int) -> int:
    """The segment from which a list with jumps goes on."""
    if turn == 1:
        return 0
    last = last_jump(region, outer.values)
    assert last is not None
    return region.cases[last[1]]


def _cause(run: Run, command: Open) -> BaseException:
    """The exception that a handler is opened for."""
    from plait.errors import PipelineErrors
    from plait.run.finish import failures_of, leaf_of

    if len(command.causes) == 1:
        fault = command.causes[0]
        return run.trouble.errors[fault.task, fault.step, fault.attempt]
    found = failures_of(run, list(command.causes))
    return PipelineErrors(f"{len(found)} steps failed", [leaf_of(failure) for failure in found])


def closed(run: Run, base: int, kept: tuple[int, ...] | None) -> None:
    """Publish what a body hands out."""
    inner: Frame = run.frames[base]
    outer, region = inner.outer, inner.region
    assert outer is not None
    assert region is not None
    if run.teller is not None:
        run.teller.closed(base, kept)
    if run.has_trouble and run.trouble.body is not None:  # no handler took what it had failed of
        run.trouble.body.values, run.trouble.body = _GONE, None
    if region.kind == "map":
        _close_copies(run, base, inner, region, kept)
        return
    if kept is not None:
        export(inner.plan, inner.values, outer.values, kept)
    elif region.kind == "try":
        _keep_for_handler(run, inner, outer, region)
        return
    elif region.partial:
        export_partial(region, inner.values, outer.values)
    elif region.kind == "loop":  # as a step that failed: what its turns wrote is not there
        for entry in inner.plan.exports:
            outer.values[entry.slot] = NOT_YET
    inner.values = _GONE


def _keep_for_handler(run: Run, inner: Frame, outer: Frame, region: RegionPlan) -> None:
    """A body failed: its handler, if one opens now, is to see what was written. One that fails itself leaves nothing."""
    if inner.plan is region.bodies[0]:
        run.trouble.body = inner
        return
    for slot, _ in region.partial:
        outer.values[slot] = NOT_YET
    inner.values = _GONE


def _close_copies(
    run: Run, base: int, first: Frame, region: RegionPlan, kept: tuple[int, ...] | None
) -> None:
    outer, frames, width = first.outer, run.frames, len(first.plan.units)
    assert outer is not None
    if kept is not None:
        gather(region, frames[base : base + width * len(kept) : width], outer.values)
    at = base
    while at < len(frames) and frames[at].region is region and frames[at].outer is outer:
        frames[at].values = _GONE
        at += width
