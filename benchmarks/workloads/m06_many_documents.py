"""M6: many documents through the tutorial's shape: the throughput of steps that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measure import outcomes
from benchmarks.session import Session, smaller
from benchmarks.shapes import Delays
from benchmarks.table import Case, Target
from benchmarks.work import expected_report
from benchmarks.workers import every

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peer
    from benchmarks.peers.base import Run

KEY = "M6"
TITLE = "Many documents through the tutorial's shape"
COUNT = 1_000
AT_ONCE = 100
SECONDS = 0.005
TARGET = Target(0.97, "at least")


def cases(session: Session) -> Iterator[Case]:
    """Documents per second against hand-written workers; a library's own map where it has one."""
    delays = Delays.equal(SECONDS)

    def make(peer: Peer, units: int) -> Run:
        documents = [f"d{i}" for i in range(units)]
        return peer.documents(delays, documents, at_once=AT_ONCE) or every(
            peer.tutorial(delays), documents, at_once=AT_ONCE
        )

    contenders = session.measured(
        make,
        session.sized(COUNT, slow=200 if session.quick else COUNT),
        check=lambda result, units: result == [expected_report(f"d{i}") for i in range(units)],
        rounds=5 if session.quick else 11,
        sleeps=True,
    )
    title = f"{COUNT:,} documents, {SECONDS * 1000:g} ms steps, {AT_ONCE} at once"
    yield Case(
        KEY,
        title,
        "documents per s",
        "hand",
        outcomes(contenders, lambda contender, sample: contender.units / sample.wall),
        TARGET,
        smaller(contenders),
    )
    yield Case(
        KEY,
        title,
        "µs CPU per document",
        "hand",
        outcomes(contenders, lambda contender, sample: sample.cpu / contender.units * 1e6),
    )
