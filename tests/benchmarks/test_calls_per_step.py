"""What a step may cost, in calls: the same on every machine and under any load.

Each gate is what was counted when it was set, plus a small slack. A count that grows means that every step of every
run got dearer: find out why, and if it has to be, raise the gate in the same commit and say what it buys. A count
that shrank by more than the slack should lower its gate. Seconds are in `benchmarks/`.
"""

from __future__ import annotations

import sys

import pytest
from benchmarks.calls import Calls, count, per_unit
from benchmarks.peers import load
from benchmarks.shapes import Delays

EAGER = sys.version_info >= (3, 12)
"""Tasks may start at once, without a turn of the loop."""

PLAIT, HAND = load("plait"), load("hand")


def within(counted: Calls, python: float, c: float) -> None:
    """Not above the gate, and say what was counted."""
    assert counted.python <= python, f"{counted.python} calls of Python functions; the gate is {python}"
    assert counted.c <= c, f"{counted.c} calls of C functions; the gate is {c}"


def chain(peer, *, suspends=False):
    return per_unit(lambda length: peer.chain(length, suspends=suspends), 100, 300)


def fan_out(peer, *, suspends=False):
    return per_unit(lambda width: peer.fan_out(width, suspends=suspends), 100, 300)


def test_a_step_of_a_chain_checked_traced_and_ready_to_retry():
    # The component itself; two checks, a look at the clock, a row of the log.
    within(chain(PLAIT), python=2.2, c=4.2)


def test_a_step_that_suspends_adds_little_to_the_turn_of_the_loop():
    by_hand, counted = chain(HAND, suspends=True), chain(PLAIT, suspends=True)
    within(Calls(counted.python - by_hand.python, counted.c - by_hand.c), python=4.3, c=4.3)


def test_a_branch_that_never_suspends_needs_no_task_of_its_own():
    by_hand, counted = fan_out(HAND), fan_out(PLAIT)
    within(counted, python=3.3, c=6.3)
    assert counted.python + counted.c < 0.3 * (by_hand.python + by_hand.c)


def test_a_branch_that_suspends_makes_fewer_calls_than_gather():
    by_hand, counted = fan_out(HAND, suspends=True), fan_out(PLAIT, suspends=True)
    within(counted, python=22, c=15.5)
    assert counted.python + counted.c < 0.8 * (by_hand.python + by_hand.c)


def test_a_run_of_three_steps():
    within(count(PLAIT.chain(3, suspends=False)), python=45, c=52)


def test_a_run_of_the_tutorial():
    analyse = PLAIT.tutorial(Delays())
    counted = count(lambda: analyse("document"))
    within(counted, *((65, 80) if EAGER else (105, 107)))


@pytest.mark.parametrize("suspends", [False, True])
def test_counts_are_the_same_each_time(suspends):
    assert chain(PLAIT, suspends=suspends) == chain(PLAIT, suspends=suspends)


def test_a_call_more_per_step_is_seen(monkeypatch):
    """The gates have teeth: one more call in every step goes through none of them."""
    from benchmarks import work

    before = chain(PLAIT)

    async def inner(x: int) -> int:
        return x + 1

    async def inc(x: int) -> int:
        return await inner(x)

    monkeypatch.setattr(work, "inc", inc)
    assert chain(PLAIT).python == before.python + 1
