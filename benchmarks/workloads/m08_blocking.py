"""M8: plain `def` components that block, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import outcomes
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M8"
TITLE = "Blocking components in parallel"
SECONDS = (0.2, 0.3, 0.4, 0.5)

TARGET = Target(1.005)


def cases(session: Session) -> Iterator[Case]:
    """The makespan over the longest component."""
    contenders = session.measured(
        lambda peer, _units: peer.blocking(SECONDS),
        lambda _peer: len(SECONDS),
        check=lambda result, units: result == [1] * units,
        rounds=5 if session.quick else 9,
        sleeps=True,
        precise=True,
    )
    yield Case(
        KEY,
        f"blocking components of {', '.join(map(str, SECONDS))} s in parallel",
        "s wall",
        "the longest component",
        outcomes(contenders, lambda _contender, sample: sample.wall, baseline=max(SECONDS)),
        TARGET,
    )
