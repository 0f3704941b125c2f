"""M7: many invocations of a pipeline that does nothing: what a run costs by itself."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from benchmarks.measure import Contender, Sample, outcomes
from benchmarks.session import Session, smaller
from benchmarks.shapes import Delays
from benchmarks.table import Case, Target
from benchmarks.work import expected_report
from benchmarks.workers import Timed, timed

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "M7"
TITLE = "No-op invocations"
COUNT = 2_000
AT_ONCE = 50
RATE = Target(0.8, "at least")
P99 = Target(2.0)


def cases(session: Session) -> Iterator[Case]:
    """Invocations per second of CPU time, and the 99th percentile of their latency."""
    contenders = session.measured(
        lambda peer, units: timed(peer.tutorial(Delays()), [f"d{i}" for i in range(units)], at_once=AT_ONCE),
        session.sized(COUNT, slow=200 if session.quick else COUNT),
        check=lambda result, units: (
            isinstance(result, Timed) and result.reports == [expected_report(f"d{i}") for i in range(units)]
        ),
        rounds=7 if session.quick else 15,
        keep_results=True,
    )
    title = f"{COUNT:,} no-op invocations of the tutorial's shape, {AT_ONCE} at once"
    yield Case(
        KEY,
        title,
        "invocations per s of CPU",
        "hand",
        outcomes(contenders, lambda contender, sample: contender.units / sample.seconds("cpu")),
        RATE,
        smaller(contenders),
    )

    def p99(_contender: Contender, sample: Sample) -> float:
        return median(result.percentile(0.99) for result in sample.results if isinstance(result, Timed)) * 1e3

    yield Case(KEY, f"{title}: p99 latency", "ms wall", "hand", outcomes(contenders, p99), P99)
