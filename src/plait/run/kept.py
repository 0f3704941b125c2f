"""Whole results that are kept: what happens around a run of a pipeline that has a cache."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from plait.core.flow import Definition
from plait.core.plan.model import NOT_YET, Missing
from plait.core.schedule.events import CacheHit
from plait.core.whole import Whole, cached_pipeline
from plait.errors import DefinitionError
from plait.run.caching import Keep, fly_here, keeper, keeper_later, landed
from plait.run.drive import Run
from plait.run.finish import check_state, collected, final_values
from plait.run.flights import Lead, leads, turn
from plait.run.serial import SerialRun
from plait.typing import Hit


def kept(cache: object, definition: Definition, where: str) -> Kept | None:
    """The cache of a pipeline.

    Raises:
        DefinitionError: for a wrong argument, or a pipeline that can't have one.
    """
    found = cached_pipeline(cache.cached if isinstance(cache, Kept) else cache, definition, where)
    return None if found is None else Kept(found)


class Kept:
    """Makes the runs of one pipeline, or takes their results from where they are kept."""

    __slots__ = ("cached",)

    def __init__(self, cached: Whole) -> None:
        self.cached = cached

    def refuse_breakpoints(self) -> NoReturn:
        """Whoever wants to stop in the middle wants no result from a cache."""
        raise DefinitionError(
            "a pipeline with a cache can't stop before or after steps: a result from the cache has none. "
            "Give its steps the caches"
        )

    async def execute(self, run: Run) -> None:
        """Make a run, or take its result."""
        await _execute(run, self.cached)

    def execute_here(self, run: SerialRun) -> None:
        """Make a serial run, or take its result."""
        _execute_here(run, self.cached)


def _inputs(run: Run) -> dict[str, Any]:
    named = dict(run.extras)
    for key, (slot, _, _) in run.plan.inputs.items():
        value = run.root.values[slot]
        if value.__class__ is not Missing:
            named[key] = value
    return named


def _settings(run: Run, cached: Whole) -> dict[str, Any]:
    """The settings that the steps of a pipeline read, as far as this run gives them."""
    given = {**run.context, **run.config}
    return {key: given[key] for key in cached.settings if key in given}


def _state(run: Run) -> dict[str, Any] | None:
    """The state of a run that may be kept: one that succeeded, without a failure that a block collected."""
    if run.outcome != "succeeded" or run.outer_cancel is not None or (run.has_trouble and collected(run)):
        return None
    state = final_values(run)
    bound = run.plan.bound
    if bound is not None and bound.definition.schema.declared:
        check_state(run, state)
    return state


def _ended(run: Run, keep: Keep, hit: Hit) -> None:
    """Let a run that was not made look like the one whose result it has."""
    state = keep.taken(hit.value)
    values, written = run.root.values, dict(run.program.finals)
    for key, slot in written.items():
        values[slot] = state.get(key, NOT_YET)
    run.extras = {key: value for key, value in state.items() if key not in written}
    run.log.append(CacheHit(run.clock(), -1, 0))
    run.outcome, run.ended = "succeeded", run.clock()
    if run.teller is not None:
        run.teller.run_started()
        run.teller.run_finished("succeeded")


async def _execute(run: Run, cached: Whole) -> None:
    """Make a run, or take its result from where it is kept."""
    loop = run.loop = asyncio.get_running_loop()
    run.clock = getattr(loop, "plait_clock", run.clock)
    run.started = run.clock()
    keep = await keeper_later(cached, _inputs(run), cached.label, None, _settings(run, cached))
    place = (id(keep.store), keep.key)
    if keep.store is None or leads(place):
        await run.execute()
        return
    try:
        async with asyncio.timeout(run.deadline):
            told = await turn(place)
    except TimeoutError:
        run.outcome, run.ended = "deadline", run.clock()
        return
    if not isinstance(told, Lead):
        _ended(run, keep, told)
        return
    with told.flying():
        hit = await keep.look_later(None)
        if hit is None:
            if run.deadline is not None:  # the wait was part of it
                run.deadline = max(run.deadline - (run.clock() - run.started), 1e-9)
            await run.execute()
            state = _state(run)
            if state is not None:
                await keep.later(None, state)
    if landed(told, keep, hit) is not None:
        assert hit is not None
        _ended(run, keep, hit)


def _execute_here(run: SerialRun, cached: Whole) -> None:
    """Make a serial run, or take its result from where it is kept."""
    run.started = run.clock()
    keep = keeper(cached, _inputs(run), cached.label, settings=_settings(run, cached))

    def make() -> None:
        run.execute_serially()
        state = _state(run)
        if state is not None:
            keep.now(state)

    hit = fly_here(keep, make)
    if hit is not None:
        _ended(run, keep, hit)
