"""V2: what an item of a map costs, in time and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.measure import Outcome, build, peak_memory
from benchmarks.session import beside_the_original, of_the_same_kind
from benchmarks.table import Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.base import Item
    from benchmarks.session import Session

KEY = "V2"
TITLE = "Maps beside the original"
SIZES: Final[tuple[tuple[int, Item], ...]] = (
    (1, "async"),
    (10, "async"),
    (100, "async"),
    (10_000, "async"),
    (1_000, "component"),
    (1_000, "sync"),
)
SAID: dict[Item, str] = {
    "async": "an async function",
    "component": "a component",
    "sync": "a function that may block",
}


def cases(session: Session) -> Iterator[Case]:
    """A pipeline that is one map, for each size and each kind of what it calls; then the memory of the largest."""
    for count, form in SIZES:
        yield from beside_the_original(
            session,
            KEY,
            f"map_reduce of {SAID[form]} over {count:,}",
            lambda peer, units, form=form: peer.each(units, form),  # type: ignore[misc]
            lambda _peer, count=count: count,  # type: ignore[misc]
            check=lambda result, units: result == list(range(1, units + 1)),
            per="item",
        )
    largest = max(count for count, _ in SIZES)
    contenders = build(
        of_the_same_kind(session), lambda peer, units: peer.each(units, "async"), lambda _peer: largest
    )
    peaks = {
        contender.peer.name: peak_memory(contender.run) / contender.units if contender.run else None
        for contender in contenders
    }
    hand = peaks.get("hand")
    yield Case(
        KEY,
        f"map_reduce of an async function over {largest:,}: peak memory of a run",
        "bytes per item",
        "gather",
        {
            contender.peer.name: Outcome(trouble=contender.trouble)
            if (peak := peaks[contender.peer.name]) is None
            else Outcome(peak, peak / hand if hand else None, units=contender.units, rounds=1)
            for contender in contenders
        },
    )
