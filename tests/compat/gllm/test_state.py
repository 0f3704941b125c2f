"""What of a state is copied, and what is found in it."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from plait.compat.gllm._state import MISSING, REST, dumped, follow, isolated, visible


def test_lists_dicts_and_sets_are_copied_and_other_objects_are_shared():
    class Thing:
        pass

    thing = Thing()
    value = {
        "list": [1, [2, {"deep": {3}}]],
        "thing": thing,
        "pair": ([4], thing),
        "plain": (1, 2),
        "flat": [5, 6],
    }
    made = isolated(value, {})
    assert made == value
    assert made["thing"] is made["pair"][1] is thing
    assert made["plain"] is value["plain"]
    for path in (["list"], ["list", 1], ["list", 1, 1], ["list", 1, 1, "deep"], ["pair", 0], ["flat"]):
        old: Any = value
        new: Any = made
        for part in path:
            old, new = old[part], new[part]
        assert old is not new


def test_one_object_has_one_copy_and_circles_end():
    shared = [1]
    ring: list[Any] = [shared, shared]
    ring.append(ring)
    made = isolated(ring, {})
    assert made[0] is made[1]
    assert made[2] is made
    assert made is not ring
    tied: Any = ([],)
    tied[0].append(tied)
    assert isolated(tied, {})[0] is not tied[0]


def test_what_was_made_in_a_branch_is_its_own():
    own = [[1]]
    memo = {id(own): (own, own)}
    assert isolated(own, memo) is own


def test_what_is_seen_of_a_state():
    values = {"a": 1, "gone": MISSING, "__plait_x": 2, REST: {"a": 0, "b": 3}}
    assert visible(values) == {"a": 1, "b": 3}


def test_missing_is_one_thing_everywhere():
    assert copy.deepcopy(MISSING) is copy.copy(MISSING) is pickle.loads(pickle.dumps(MISSING)) is MISSING
    assert repr(MISSING) == "MISSING"


def test_paths_end_where_nothing_is():
    assert follow({"a": {"b": None}}, ["a", "b"]) is None
    assert follow({"a": {"b": None}}, ["a", "c"]) is MISSING
    assert follow({"a": 1}, ["a", "real", "imag"]) == 0


def test_states_of_all_kinds():
    @dataclass
    class State:
        a: int
        b: int = 2

    assert dumped(State(1)) == dumped({"a": 1, "b": 2}) == {"a": 1, "b": 2}
    with pytest.raises(TypeError):
        dumped(3)
