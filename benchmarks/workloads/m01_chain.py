"""M1: what a step costs: a chain of trivial steps, each checked, traced and ready to retry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M1"
TITLE = "Chain of trivial async steps"
LENGTH = 1_000
TARGET = Target(8.0)


def cases(session: Session) -> Iterator[Case]:
    """One case: microseconds per step over microseconds per bare `await`."""
    yield session.overhead(
        KEY,
        f"chain of {LENGTH:,} trivial async steps, checked, traced, retry-capable",
        lambda peer, units: peer.chain(units, suspends=False),
        session.sized(LENGTH, slow=100 if session.quick else LENGTH),
        check=lambda result, units: result == units,
        per="step",
        baseline="a bare await",
        target=TARGET,
        notes=["Peers run as they come: none of them checks types at every step."],
    )
