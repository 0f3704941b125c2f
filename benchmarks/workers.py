"""Many calls with a bound, for contenders without a map of their own: workers over one iterator."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers.base import Analyse, Run


def every(analyse: Analyse, documents: Sequence[str], *, at_once: int) -> Run:
    """The reports of *documents* in input order, *at_once* of them in flight."""

    async def run() -> list[str]:
        reports = [""] * len(documents)
        todo = iter(enumerate(documents))

        async def worker() -> None:
            for i, document in todo:
                reports[i] = await analyse(document)

        await asyncio.gather(*[worker() for _ in range(at_once)])
        return reports

    return run


@dataclass(frozen=True, slots=True)
class Timed:
    """The reports, and how long each call took."""

    reports: list[str]
    seconds: list[float]

    def percentile(self, share: float) -> float:
        """The latency that *share* of the calls did not exceed."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(analyse: Analyse, documents: Sequence[str], *, at_once: int) -> Run:
    """As `every`, with the latency of each call."""

    async def run() -> Timed:
        reports = [""] * len(documents)
        seconds = [0.0] * len(documents)
        todo = iter(enumerate(documents))

        async def worker() -> None:
            for i, document in todo:
                began = perf_counter()
                reports[i] = await analyse(document)
                seconds[i] = perf_counter() - began

        await asyncio.gather(*[worker() for _ in range(at_once)])
        return Timed(reports, seconds)

    return run
