"""V3: what a turn of a loop costs: a step and the condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from benchmarks.peers.base import Asked
from benchmarks.session import beside_the_original

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session
    from benchmarks.table import Case

KEY = "V3"
TITLE = "Loops beside the original"


def cases(session: Session) -> Iterator[Case]:
    """Ten turns, about as many as the original makes before its limit on steps is raised; then many."""
    for turns in (10, 1_000):
        for asked in get_args(Asked):
            said = "an async condition" if asked == "async" else "a plain function of the state"
            yield from beside_the_original(
                session,
                KEY,
                f"while_do of {turns:,} turns with {said}, a step in each",
                lambda peer, units, asked=asked: peer.turns(units, asked),  # type: ignore[misc]
                session.sized(turns, slow=min(turns, 100)),
                check=lambda result, units: result == units,
                per="turn",
            )
