"""M9: branches that compute in Python, in processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import work
from benchmarks.measure import outcomes
from benchmarks.peers.processes import PEERS
from benchmarks.session import Session
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peer
    from benchmarks.peers.base import Run

KEY = "M9"
TITLE = "Computing branches in processes"
BRANCHES = 2
ROUNDS = 1_300_000
TARGET = Target(1.03)


def cases(session: Session) -> Iterator[Case]:
    """The makespan of two branches over that of two bare forks."""
    rounds = ROUNDS // 4 if session.quick else ROUNDS
    right = work.churn(rounds)

    def make(peer: Peer, _units: int) -> Run:
        (one,) = (each for each in PEERS if each is peer)
        return one.computations(rounds, BRANCHES)

    session = Session(PEERS, quick=session.quick)
    contenders = session.measured(
        make,
        lambda _peer: BRANCHES,
        check=lambda result, units: result == [right] * units,
        rounds=5 if session.quick else 9,
        sleeps=True,
    )
    yield Case(
        KEY,
        f"{BRANCHES} branches of {rounds:,} rounds of arithmetic in Python",
        "s wall",
        "bare forks",
        outcomes(contenders, lambda _contender, sample: sample.wall),
        TARGET,
        ["By hand: `os.fork` and a pipe. Pools are warm."],
    )
