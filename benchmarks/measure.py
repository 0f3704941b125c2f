"""How things are measured: side by side in one process, A B A B, and compared round by round.

A machine that others use as well drifts from second to second. So every round runs every contender once
after the other, a ratio is taken within its round, and the median of these ratios is what counts.
"""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Literal, TypeAlias

from benchmarks.peers.base import NotOffered, Peer, Run

Clock: TypeAlias = Literal["cpu", "wall"]
Check: TypeAlias = Callable[[object, int], bool]
"""Whether a result is the right one, for a contender with that many units."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed stretch: *runs* runs of one contender."""

    wall: float
    cpu: float
    runs: int
    results: tuple[object, ...] = ()

    def seconds(self, clock: Clock) -> float:
        """Seconds of one run."""
        return (self.wall if clock == "wall" else self.cpu) / self.runs


@dataclass(slots=True)
class Contender:
    """A peer with its shape built, or the reason why there is none."""

    peer: Peer
    run: Run | None = None
    units: int = 1
    trouble: str | None = None
    repeats: int = 1
    settled: bool = False
    """Nothing more is to be measured."""
    samples: list[Sample] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much time measuring may take."""

    rounds: int
    least: float
    """Seconds that a sample of an overhead workload lasts at least."""
    budget: float
    """Seconds after which a slow contender sits out the remaining rounds (never before *minimum*)."""
    minimum: int
    patience: float
    """Seconds of a first run after which a slow contender is not run again: that run is its figure."""

    def fewer(self, rounds: int) -> Effort:
        """The same with at most *rounds* rounds, for workloads that mostly sleep."""
        return replace(self, rounds=min(self.rounds, rounds))


QUICK = Effort(rounds=7, least=0.02, budget=0.5, minimum=1, patience=0.3)
FULL = Effort(rounds=21, least=0.06, budget=12.0, minimum=3, patience=20.0)


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop whose timers are not rounded up to whole milliseconds, as epoll's are.

    A makespan is compared with a sum of durations to half a percent; a rounding of half a millisecond
    per step would be most of the difference, for every contender alike.
    """
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def build(
    peers: Sequence[Peer],
    make: Callable[[Peer, int], Run],
    units: Callable[[Peer], int],
) -> list[Contender]:
    """Build the shape for every peer; what cannot be built says why."""
    contenders = []
    for peer in peers:
        contender = Contender(peer, units=units(peer))
        contenders.append(contender)
        if peer.version() is None:
            contender.trouble = "not installed"
            continue
        try:
            os.environ.update(peer.environment)
            peer.prepare()
            contender.run = make(peer, contender.units)
        except NotOffered as reason:
            contender.trouble = f"not offered: {reason}"
        except Exception as error:  # noqa: BLE001 - a peer's failure is a row in the table, not the end of the run
            contender.trouble = _failed(error)
    return contenders


def _failed(error: Exception) -> str:
    first = str(error).splitlines()[0] if str(error) else ""
    return f"failed: {type(error).__name__}: {first[:80]}"


def interleave(
    contenders: Sequence[Contender],
    effort: Effort,
    *,
    check: Check,
    sleeps: bool = False,
    precise: bool = False,
    keep_results: bool = False,
) -> None:
    """Sample every contender in turn, round after round. What returns a wrong result is not measured.

    The first run of each is not a sample: it is where a library plans and fills its caches. With *sleeps* a
    sample is a single run: its length is given by the workload, not by the machine. With *precise* timers fire
    in time, for workloads that are compared with a sum of durations.
    """
    with asyncio.Runner(loop_factory=precise_loop if precise else None) as runner:
        for contender in contenders:
            if contender.run is None:
                continue
            try:
                first = runner.run(_sample(contender.run, 1, keep=True))
                if not check(first.results[0], contender.units):
                    raise AssertionError(f"wrong result {str(first.results[0])[:60]}")
                if contender.peer.slow and first.wall > effort.patience:
                    contender.samples.append(first)
                    contender.settled = True
                elif not sleeps and first.wall < 10 * effort.least:
                    sample = runner.run(_sample(contender.run, 1, keep=False))
                    contender.repeats = max(1, ceil(effort.least / max(sample.wall, 1e-7)))
            except Exception as error:  # noqa: BLE001 - as above
                contender.run = None
                contender.trouble = _failed(error)
        gc.collect()
        gc.freeze()  # what libraries keep in memory must not make the others' collections slower
        try:
            for _ in range(effort.rounds):
                for contender in contenders:
                    spent = sum(sample.wall for sample in contender.samples)
                    enough = len(contender.samples) >= effort.minimum and spent > effort.budget
                    if contender.run is None or contender.settled or enough:
                        continue
                    gc.collect()
                    contender.samples.append(
                        runner.run(_sample(contender.run, contender.repeats, keep=keep_results))
                    )
        finally:
            gc.unfreeze()


async def _sample(run: Run, repeats: int, *, keep: bool) -> Sample:
    results: list[object] = []
    wall, cpu = time.perf_counter(), time.process_time()
    if keep:
        for _ in range(repeats):
            results.append(await run())  # noqa: PERF401 - the same loop in both cases, as it is timed
    else:
        for _ in range(repeats):
            await run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(wall, cpu, repeats, tuple(results))


def peak_memory(run: Run) -> int:
    """The most bytes that one run holds at once beyond what was held before it."""

    async def twice() -> int:
        await run()
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            result = await run()
            peak = tracemalloc.get_traced_memory()[1]
            del result
            return peak - before
        finally:
            tracemalloc.stop()

    return asyncio.run(twice())


@dataclass(frozen=True, slots=True)
class Outcome:
    """One cell of a table: what one contender reached, and that over the baseline."""

    value: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    rounds: int = 0
    units: int = 1
    trouble: str | None = None


def outcomes(
    contenders: Sequence[Contender],
    value: Callable[[Contender, Sample], float],
    *,
    baseline: str | float = "hand",
) -> dict[str, Outcome]:
    """Fold the samples of every contender into one outcome each.

    *baseline* is the name of the contender that counts as 1, whose value of the same round divides, or a number.
    """
    by_name = {contender.peer.name: contender for contender in contenders}
    found: dict[str, Outcome] = {}
    for contender in contenders:
        values = [value(contender, sample) for sample in contender.samples]
        if not values:
            found[contender.peer.name] = Outcome(
                trouble=contender.trouble or "not measured", units=contender.units
            )
            continue
        if isinstance(baseline, str):
            base = by_name.get(baseline)
            bases = [value(base, sample) for sample in base.samples] if base else []
        else:
            bases = [baseline] * len(values)
        found[contender.peer.name] = outcome(values, bases, contender.units)
    return found


def outcome(values: Sequence[float], bases: Sequence[float], units: int = 1) -> Outcome:
    """Medians of *values* and of their ratios to *bases*, round by round."""
    ratios = sorted(a / b for a, b in zip(values, bases, strict=False) if b)
    low, high = _quartiles(ratios)
    return Outcome(
        value=statistics.median(values),
        ratio=statistics.median(ratios) if ratios else None,
        low=low,
        high=high,
        rounds=len(values),
        units=units,
    )


def _quartiles(ordered: Sequence[float]) -> tuple[float | None, float | None]:
    if len(ordered) < 2:
        return (None, None)
    first, _, third = statistics.quantiles(ordered, n=4, method="inclusive")
    return (first, third)
