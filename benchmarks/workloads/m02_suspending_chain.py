"""M2: a chain of steps that suspend, as real ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import outcomes
from benchmarks.session import Session, smaller
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "M2"
TITLE = "Chain of steps that suspend"
LENGTH = 1_000
TARGET = Target(1.15)


def cases(session: Session) -> Iterator[Case]:
    """The same samples by both clocks; nothing ever waits here, so they should agree on a quiet machine."""
    contenders = session.measured(
        lambda peer, units: peer.chain(units, suspends=True),
        session.sized(LENGTH, slow=100 if session.quick else LENGTH),
        check=lambda result, units: result == units,
    )
    title = f"chain of {LENGTH:,} steps that suspend once"
    yield Case(
        KEY,
        title,
        "µs CPU per step",
        "hand",
        outcomes(contenders, lambda contender, sample: sample.cpu / sample.runs / contender.units * 1e6),
        TARGET,
        smaller(contenders),
    )
    yield Case(
        KEY,
        title,
        "µs wall per step",
        "hand",
        outcomes(contenders, lambda contender, sample: sample.wall / sample.runs / contender.units * 1e6),
    )
