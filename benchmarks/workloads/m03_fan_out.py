"""M3: what a branch costs against `asyncio.gather`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M3"
TITLE = "Fan-out against gather"
TRIVIAL = Target(0.45) if sys.version_info >= (3, 12) else Target(1.0)
"""From 3.12 on a Task may start at once, and a branch that never suspends needs no turn of the loop."""
SUSPENDING = Target(1.1)


def cases(session: Session) -> Iterator[Case]:
    """100 and 1,000 branches, trivial ones and ones that suspend."""
    for width in (100, 1_000):
        for suspends in (False, True):
            kind = "suspending" if suspends else "trivial"

            yield session.overhead(
                KEY,
                f"fan-out of {width:,} {kind} async branches",
                lambda peer, units, suspends=suspends: peer.fan_out(units, suspends=suspends),  # type: ignore[misc]
                session.sized(width, slow=100 if session.quick else width),
                check=lambda result, units: result == [1] * units,
                per="branch",
                baseline="gather",
                target=SUSPENDING if suspends else TRIVIAL,
            )
