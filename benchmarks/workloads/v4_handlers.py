"""V4: what it costs to be ready for an error, and to have one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.session import beside_the_original

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.peers.base import Handled
    from benchmarks.session import Session
    from benchmarks.table import Case

KEY = "V4"
TITLE = "Handlers beside the original"
LENGTH = 100
FORMS: Final[tuple[tuple[Handled, str, int], ...]] = (
    ("try_catch", "steps in a try_catch, none fails", 1),
    ("try_catch, caught", "steps in a try_catch, each fails and another one runs instead", 1),
    ("keep", "steps whose errors are kept away, none fails", 1),
    ("keep, caught", "steps whose errors are kept away, each fails", 0),
)


def cases(session: Session) -> Iterator[Case]:
    """A chain of 100 steps, each with a handler of its own."""
    for form, said, each in FORMS:
        yield from beside_the_original(
            session,
            KEY,
            f"chain of {LENGTH} {said}",
            lambda peer, units, form=form: peer.handled(units, form),  # type: ignore[misc]
            lambda _peer: LENGTH,
            check=lambda result, units, each=each: result == units * each,  # type: ignore[misc]
            per="step",
        )
