"""M4: whether a branch among 10,000 costs what a branch among 100 costs, in time and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import Outcome, outcome, outcomes, peak_memory
from benchmarks.session import Session, smaller
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "M4"
TITLE = "Fan-out of 10,000"
WIDTH = 10_000
NARROW = 100
TIME = Target(1.3)
MEMORY = Target(1.0)


def cases(session: Session) -> Iterator[Case]:
    """Each contender against itself at 100 branches; then the peak of a run against gather's."""
    # Both widths are contenders of one interleaved run, so the machine's drift falls on both.
    measured = session.pairs(
        lambda peer, units: peer.fan_out(units, suspends=False),
        lambda _peer: NARROW,
        session.sized(WIDTH, slow=200 if session.quick else 1_000),
        check=lambda result, units: result == [1] * units,
    )
    cells: dict[str, Outcome] = {}
    for narrow, broad in measured:
        if broad.samples and narrow.samples:
            cells[broad.peer.name] = outcome(
                [sample.cpu / sample.runs / broad.units * 1e6 for sample in broad.samples],
                [sample.cpu / sample.runs / narrow.units * 1e6 for sample in narrow.samples],
                broad.units,
            )
        else:
            cells[broad.peer.name] = Outcome(trouble=broad.trouble or narrow.trouble or "not measured")
    broad_ones = [broad for _, broad in measured]
    title = f"fan-out of {WIDTH:,} trivial async branches"
    yield Case(KEY, title, "µs CPU per branch", f"itself at {NARROW}", cells, TIME, smaller(broad_ones))
    against_hand = outcomes(
        broad_ones, lambda contender, sample: sample.cpu / sample.runs / contender.units * 1e6
    )
    yield Case(KEY, title, "µs CPU per branch", "gather", against_hand)

    peaks = {
        contender.peer.name: peak_memory(contender.run) / contender.units if contender.run else None
        for contender in broad_ones
    }
    hand = peaks.get("hand")
    yield Case(
        KEY,
        f"{title}: peak memory of a run",
        "bytes per branch",
        "gather",
        {
            contender.peer.name: Outcome(trouble=contender.trouble)
            if (peak := peaks[contender.peer.name]) is None
            else Outcome(peak, peak / hand if hand else None, units=contender.units, rounds=1)
            for contender in broad_ones
        },
        MEMORY,
    )
