"""V1: what a choice costs: its condition, the branch that it takes, and the step in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from benchmarks.peers.base import Form
from benchmarks.session import beside_the_original

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.session import Session
    from benchmarks.table import Case

KEY = "V1"
TITLE = "Choices beside the original"
LENGTH = 100
SAID: dict[Form, str] = {
    "if_else, async": "if_else with an async condition",
    "if_else, sync": "if_else with a plain function of the state",
    "switch": "switch of five branches",
    "toggle": "toggle by a key",
    "guard": "guard that lets through",
}


def cases(session: Session) -> Iterator[Case]:
    """A chain of 100 choices of each form."""
    for form in get_args(Form):
        yield from beside_the_original(
            session,
            KEY,
            f"chain of {LENGTH} x {SAID[form]}, and a step",
            lambda peer, units, form=form: peer.choices(units, form),  # type: ignore[misc]
            lambda _peer: LENGTH,
            check=lambda result, units: result == units,
            per="choice",
        )
