"""M12: four branches that read one large value: nothing should copy or scan it on the way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from benchmarks.table import Case, Target
from benchmarks.work import make_rows, reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session

KEY = "M12"
TITLE = "Branches that read a large state"
TARGET = Target(1.2)


def cases(session: Session) -> Iterator[Case]:
    """Branches that look at little of it show what the library adds; ones that read it all, what that means."""
    variants = (
        [(20_000, False), (5_000, True)]
        if session.quick
        else [(20_000, False), (200_000, False), (20_000, True)]
    )
    for count, whole in variants:
        rows = make_rows(count)
        answer: list[int] = [asyncio.run(reader(group, whole=whole)(rows)) for group in range(4)]
        yield session.overhead(
            KEY,
            f"4 branches that read {'all' if whole else 'two places'} of a list of {count:,} dicts",
            lambda peer, _units, rows=rows, whole=whole: peer.readers(rows, whole=whole),  # type: ignore[misc]
            lambda _peer: 1,
            check=lambda result, _units, answer=answer: result == answer,  # type: ignore[misc]
            per="run",
            baseline="hand",
            target=TARGET,
        )
