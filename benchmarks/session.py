"""What a workload gets to work with, and the one comparison that most of them make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from benchmarks.measure import (
    FULL,
    QUICK,
    Check,
    Clock,
    Contender,
    Effort,
    Sample,
    build,
    interleave,
    outcomes,
)
from benchmarks.table import Case, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.peers import Peer
    from benchmarks.peers.base import Run


class Workload(Protocol):
    """A module under `benchmarks.workloads`."""

    KEY: str
    TITLE: str

    def cases(self, session: Session) -> Iterator[Case]:
        """Measure, and yield each comparison when it is done."""


@dataclass(frozen=True, slots=True)
class Session:
    """The contenders of this run and how much time it may take."""

    peers: Sequence[Peer]
    quick: bool
    effort: Effort = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "effort", QUICK if self.quick else FULL)

    def sized(self, full: int, *, slow: int) -> Callable[[Peer], int]:
        """How many units a contender gets: *slow* for those that would take minutes."""
        return lambda peer: slow if peer.slow else full

    def measured(
        self,
        make: Callable[[Peer, int], Run],
        units: Callable[[Peer], int],
        *,
        check: Check,
        rounds: int | None = None,
        sleeps: bool = False,
        precise: bool = False,
        keep_results: bool = False,
    ) -> list[Contender]:
        """Build the shape for every contender and sample them in turn."""
        contenders = build(self.peers, make, units)
        effort = self.effort if rounds is None else self.effort.fewer(rounds)
        interleave(contenders, effort, check=check, sleeps=sleeps, precise=precise, keep_results=keep_results)
        return contenders

    def pairs(
        self,
        make: Callable[[Peer, int], Run],
        one: Callable[[Peer], int],
        other: Callable[[Peer], int],
        *,
        check: Check,
    ) -> list[tuple[Contender, Contender]]:
        """Every contender in two sizes, sampled one after the other in each round."""
        pairs = list(zip(build(self.peers, make, one), build(self.peers, make, other), strict=True))
        interleave([contender for pair in pairs for contender in pair], self.effort, check=check)
        return pairs

    def overhead(
        self,
        key: str,
        title: str,
        make: Callable[[Peer, int], Run],
        units: Callable[[Peer], int],
        *,
        check: Check,
        per: str,
        baseline: str,
        target: Target | None,
        clock: Clock = "cpu",
        notes: Sequence[str] = (),
    ) -> Case:
        """Microseconds per unit against the same work by hand."""
        contenders = self.measured(make, units, check=check)
        cells = outcomes(contenders, lambda contender, sample: sample.seconds(clock) / contender.units * 1e6)
        unit = f"µs {'CPU' if clock == 'cpu' else 'wall'} per {per}"
        return Case(key, title, unit, baseline, cells, target, [*notes, *smaller(contenders)])


OF_THE_SAME_KIND = ("hand", "plait", "gllm")
TWENTIETH = Target(0.05)
"""Of what a step of the original costs."""


def of_the_same_kind(session: Session) -> list[Peer]:
    """Those that have the kinds of steps of the original, and what one would write by hand."""
    return [peer for peer in session.peers if peer.name in OF_THE_SAME_KIND]


def beside_the_original(
    session: Session,
    key: str,
    title: str,
    make: Callable[[Peer, int], Run],
    units: Callable[[Peer], int],
    *,
    check: Check,
    per: str,
) -> Iterator[Case]:
    """Two comparisons of the same samples: with gllm-pipeline, whose kinds of steps these are, and with work by hand.

    The others are left out: they have these kinds under other names and with other meanings, so the work would differ.
    """
    session = Session(of_the_same_kind(session), quick=session.quick)
    contenders = session.measured(make, units, check=check)

    def each(contender: Contender, sample: Sample) -> float:
        return sample.seconds("cpu") / contender.units * 1e6

    unit = f"µs CPU per {per}"
    notes = smaller(contenders)
    yield Case(key, title, unit, "gllm", outcomes(contenders, each, baseline="gllm"), TWENTIETH, notes)
    yield Case(key, title, unit, "hand", outcomes(contenders, each))


def smaller(contenders: Sequence[Contender]) -> list[str]:
    """A note on contenders that got a smaller size."""
    full = max((contender.units for contender in contenders), default=0)
    less = [
        f"{contender.peer.name} {contender.units:,}" for contender in contenders if contender.units < full
    ]
    return [f"Smaller size, figures still per unit: {', '.join(less)}."] if less else []
