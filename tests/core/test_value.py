"""Values: what the scheduler's commands have in common."""

from __future__ import annotations

import pytest

from plait.core.schedule.commands import Acquire, Cancel, Release, Retrying, Start


def test_values_with_equal_parts_are_equal_and_count_once():
    assert Start(3, attempt=2) == Start(3, 2, 0)
    assert Start(3) != Start(4)
    assert len({Start(3), Start(3, 1), Start(4)}) == 2


def test_the_same_parts_in_another_kind_are_something_else():
    assert Acquire(1) != Release(1)
    assert Acquire(1) != (1,)
    assert len({Acquire(1), Release(1)}) == 2


def test_a_value_is_printed_as_it_is_made():
    command = Retrying(3, 1, attempt=2, at=0.5)
    assert repr(command) == "Retrying(task=3, step=1, attempt=2, at=0.5)"
    assert eval(repr(command)) == command


def test_a_value_is_taken_apart_in_the_order_of_its_parts():
    match Cancel(7, "timeout"):
        case Cancel(task, cause, again):
            parts = (task, cause, again)
        case _:
            parts = None
    assert parts == (7, "timeout", 0)


def test_a_value_has_no_further_parts():
    with pytest.raises(AttributeError):
        Start(1).when = 2.0  # type: ignore[attr-defined]
