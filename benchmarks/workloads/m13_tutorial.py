"""M13: the tutorial's pipeline with the delays that it states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import outcomes
from benchmarks.shapes import Delays
from benchmarks.table import Case, Target
from benchmarks.work import expected_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peer
    from benchmarks.peers.base import Run
    from benchmarks.session import Session

KEY = "M13"
TITLE = "The tutorial's shape with its delays"
TARGET = Target(1.01)


def cases(session: Session) -> Iterator[Case]:
    """The makespan over the critical path: with the block written out, and as a plain list."""
    delays = Delays.stated(0.1 if session.quick else 1.0)
    for plain_list in (False, True):

        def make(peer: Peer, _units: int, *, plain_list: bool = plain_list) -> Run:
            analyse = peer.tutorial(delays, plain_list=plain_list)
            return lambda: analyse("d")

        contenders = session.measured(
            make,
            lambda _peer: 1,
            check=lambda result, _units: result == expected_report("d"),
            rounds=5,
            sleeps=True,
            precise=True,
        )
        way = "as a plain list, order derived" if plain_list else "analyses in an explicit parallel block"
        yield Case(
            KEY,
            f"tutorial's shape, critical path {delays.critical_path:g} s of {delays.total:g} s: {way}",
            "s wall",
            "the critical path",
            outcomes(contenders, lambda _contender, sample: sample.wall, baseline=delays.critical_path),
            TARGET,
            ["By hand there is no plain list: its row is the hand-written parallel form."]
            if plain_list
            else [],
        )
