"""M10: branches in processes that read one large array."""

from __future__ import annotations

from importlib import import_module, util
from typing import TYPE_CHECKING, Any, cast

from benchmarks.measure import Sample, outcomes
from benchmarks.peers.processes import PEERS
from benchmarks.session import Session
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers import Peer
    from benchmarks.peers.base import Run

KEY = "M10"
TITLE = "A large array read in processes"
BRANCHES = 4
BYTES = 100_000_000
FIRST = Target(1.05)
AGAIN = Target(0.9)
COPIES = Target(1)


def cases(session: Session) -> Iterator[Case]:
    """Makespan with an array that was never sent and with one that was, and the copies that were read."""
    if util.find_spec("numpy") is None:
        return
    numpy: Any = import_module("numpy")
    size = BYTES // 10 if session.quick else BYTES
    array = numpy.arange(size // 8, dtype="float64")
    right = float(array.sum())
    few = 5 if session.quick else 9
    session = Session(PEERS, quick=session.quick)

    def measured(*, fresh: bool) -> list[Any]:
        def make(peer: Peer, _units: int) -> Run:
            (one,) = (each for each in PEERS if each is peer)
            return one.array_readers(array, BRANCHES, fresh=fresh)

        def check(result: object, units: int) -> bool:
            return [found for found, _ in cast("list[tuple[float, str]]", result)] == [right] * units

        return session.measured(
            make, lambda _peer: BRANCHES, check=check, rounds=few, sleeps=True, keep_results=True
        )

    shape = f"{BRANCHES} branches that sum an array of {size // 1_000_000} MB"
    limit = "one copy by hand, mapped by forks"
    first, again = measured(fresh=True), measured(fresh=False)
    yield Case(
        KEY,
        f"{shape}, first use",
        "s wall",
        limit,
        outcomes(first, lambda _contender, sample: sample.wall),
        FIRST,
        ["By hand: memory without a name, written once, mapped by bare forks. Pools are warm."],
    )
    yield Case(
        KEY, f"{shape}, used again", "s wall", limit, outcomes(again, lambda _c, sample: sample.wall), AGAIN
    )
    yield Case(
        KEY,
        f"{shape}: copies that they read",
        "copies",
        "one",
        outcomes(first, lambda _contender, sample: float(copies(sample)), baseline=1.0),
        COPIES,
    )


def copies(sample: Sample) -> int:
    """In how many places the branches of a run found the array."""
    (result,) = sample.results
    return len({where for _, where in cast("list[tuple[float, str]]", result)})
