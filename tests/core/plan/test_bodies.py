"""What is surely there after something that decides, and what has to be given for that."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from tests.run.agreement import everywhere

from plait import Keep, Pipeline, Val, goto, guard, if_else, step, try_catch, while_do
from plait.errors import InputError, InvalidPipeline


class Given(TypedDict):
    a: int


def put(key: str, value: int = 1) -> Any:
    return step(lambda: value, {}, key, name=f"put_{key}")


def bad(key: str | None = None, **options: Any) -> Any:
    return step(lambda: 1 / 0, {}, key, name="bad", effect=False, **options)


def no() -> bool:
    return False


READ = step(lambda a: a + 10, ["a"], "read", name="read")

LEAVES: dict[str, tuple[list[Any], int]] = {
    "a choice": ([if_else(no, put("a"))], 10),
    "a guard": ([guard(lambda: True, put("a"))], 11),
    "a kept failure": ([bad("a", error_handler=Keep())], 10),
    "a handled failure": ([try_catch([bad(), put("a")], put("h"))], 10),
    "a failure behind the write": ([try_catch([put("a"), bad()], put("h"))], 11),
    "a jump": ([goto("over", Val("read")), put("a")], 10),
    "a choice in a loop": ([while_do(if_else(no, put("a")), no)], 10),
    "a choice in a choice": ([if_else(lambda: True, if_else(no, put("a")), name="outer")], 10),
    "a choice after a loop": ([while_do(put("b"), no), if_else(no, put("a"), name="choice")], 10),
}


@pytest.mark.parametrize("what", LEAVES)
def test_a_key_that_the_input_type_requires_is_there_whatever_is_chosen(what):
    steps, read = LEAVES[what]
    ended = everywhere([*steps, READ], {"a": 0}, input_type=Given)
    assert ended.error is None
    assert ended.state["read"] == read
    with pytest.raises(InputError, match="the input 'a' is missing"):
        Pipeline([*steps, READ], input_type=Given).run({})  # type: ignore[typeddict-item]


def test_behind_a_guard_only_the_way_on_counts():
    steps, _ = LEAVES["a guard"]
    assert Pipeline([*steps, READ]).run({}).state == {"a": 1, "read": 11}


@pytest.mark.parametrize("what", [name for name in LEAVES if "loop" not in name and name != "a guard"])
def test_without_such_a_type_a_branch_that_was_forgotten_asks_for_no_input(what):
    with pytest.raises(InvalidPipeline, match="E104: 'read' reads 'a', which may be missing"):
        Pipeline([*LEAVES[what][0], READ]).run({"a": 0})
