"""What a taken branch, a turn, an item and a handler may cost, in calls: the same on every machine and under any load.

Gates are kept as those of a plain step (`test_calls_per_step.py`); beside what is named here each unit has a step that does
nothing, and its condition where it has one. Seconds, and the same beside the original, are in `benchmarks/` (V1 to V4).
"""

from __future__ import annotations

import pytest
from benchmarks.calls import Calls, per_unit
from benchmarks.peers import load

PLAIT = load("plait")


def choices(form, few=20, more=60):
    return per_unit(lambda count: PLAIT.choices(count, form), few, more)


def handled(form):
    return per_unit(lambda count: PLAIT.handled(count, form), 20, 60)


def items(form="async"):
    return per_unit(lambda count: PLAIT.each(count, form), 100, 300)


def within(counted: Calls, python: float, c: float) -> None:
    """Not above the gate, and say what was counted."""
    assert counted.python <= python, f"{counted.python} calls of Python functions; the gate is {python}"
    assert counted.c <= c, f"{counted.c} calls of C functions; the gate is {c}"


@pytest.mark.parametrize(
    ("form", "python", "c"), [("if_else, async", 45, 37), ("switch", 45, 41), ("guard", 62, 48)]
)
def test_a_branch_that_is_taken(form, python, c):
    # The condition, what it answers, the frame of the branch and its step; a guard has one frame more.
    within(choices(form), python, c)


def test_a_guard_behind_a_hundred_others_costs_what_the_first_one_costs():
    # What is listed after a guard lies inside of it, so a chain of them is as deep as it is long.
    deep, flat = choices("guard", 100, 140), choices("guard", 10, 50)
    assert deep == flat


@pytest.mark.parametrize("form", ["async", "component"])
def test_an_item_of_a_map(form):
    # The component itself, its frame, its command, and that it ended; no more than a branch of a block by much.
    within(items(form), python=6.3, c=8.3)


def test_a_turn_of_a_loop():
    # Asked by a coroutine function: a plain one goes to a thread until it has proved instant, which takes time.
    within(per_unit(lambda count: PLAIT.turns(count, "async"), 20, 60), python=45, c=38)


@pytest.mark.parametrize("form", ["try_catch", "keep"])
def test_a_step_with_a_handler_that_is_not_needed(form):
    within(handled(form), python=29, c=18)


@pytest.mark.parametrize(("form", "python", "c"), [("try_catch, caught", 94, 55), ("keep, caught", 100, 59)])
def test_a_failure_that_a_handler_takes(form, python, c):
    within(handled(form), python, c)
