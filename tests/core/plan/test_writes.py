"""Which keys a flow may write, and which it surely writes, whatever way it takes."""

from __future__ import annotations

from typing import Any

import pytest

from plait import (
    END,
    Empty,
    Keep,
    Pipeline,
    Val,
    dataflow,
    goto,
    guard,
    if_else,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    switch,
    terminate,
    toggle,
    try_catch,
    while_do,
)
from plait.core.flow import Chain, as_flow
from plait.core.plan.writes import keys_surely_written, keys_written, may_end


def w(key: str, **options: Any) -> Any:
    return step(lambda: key, {}, key, name=key, **options)


def yes(state: dict[str, Any]) -> bool:
    return True


ENDED = Pipeline([w("a"), guard(yes, output_state="g"), w("b")])
CASES: dict[str, tuple[Any, str, str]] = {
    "a step": (w("a"), "a", "a"),
    "one that may keep what was there": (w("a", error_handler=Keep()), "a", ""),
    "one that writes None instead": (w("a", error_handler=Empty()), "a", "a"),
    "a list": ([w("a"), w("b")], "a b", "a b"),
    "a block": (dataflow([w("a"), w("b")]), "a b", "a b"),
    "a block with a handler": (parallel([w("a"), w("b")], error_handler=Keep()), "a b", ""),
    "a block that collects": (parallel([w("a"), w("b")], on_error="collect"), "a b", ""),
    "a race": (parallel([w("a"), w("b")], need=1), "a b", ""),
    "a choice of two": (if_else(yes, [w("a"), w("b")], [w("b"), w("c")], "s"), "s a b c", "b s"),
    "a choice of one": (toggle(yes, w("a")), "a", ""),
    "a switch": (switch(yes, {"x": w("a"), "y": [w("a"), w("b")]}), "a b", "a"),
    "a loop": (while_do([w("a"), toggle(yes, w("b"))], yes, output_state="s"), "a b s", "a s"),
    "a map": (map_reduce(["a", "b"], yes, input_map={"state": "k"}), "a b", "a b"),
    "a try": (try_catch([w("a"), w("b")], [w("b"), w("c")], caught_exception_state="e"), "e a b c", "b"),
    "an embedded pipeline": (Pipeline([w("a"), w("b")]), "a b", "a b"),
    "what is taken of one": (subgraph(Pipeline([w("a"), w("b")]), None, {"x": "a"}), "x", "x"),
    "one that may end": (ENDED, "a g b", "a"),
    "what is taken of one that may end": (subgraph(ENDED, None, {"x": "a", "y": "b"}), "x y", "x"),
    "a list that may end the pipeline around it": ([w("a"), toggle(yes, terminate()), w("b")], "a b", "a b"),
    "a list with a jump": (
        [w("a"), goto("j", Val("n"), output_state="t"), w("b"), no_op("n")],
        "a t b",
        "a t",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_flow_writes(case: str) -> None:
    given, may, surely = CASES[case]
    flow = as_flow(given, case)
    assert set(keys_written(flow)) == set(may.split())
    assert keys_surely_written(flow) == set(surely.split())


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        (no_op(), False),
        (terminate(), True),
        ([no_op(), toggle(yes, [terminate()])], True),
        (parallel([no_op(), guard(yes)]), True),
        (goto("g", Val("a")), False),
        (goto("g", Val(END)), True),
        (goto("g", "key"), True),
        (ENDED, False),
    ],
)
def test_what_may_end_the_pipeline_around_it(given: Any, ends: bool) -> None:
    assert may_end(as_flow(given, "case")) is ends
    assert may_end(Chain((as_flow(given, "case"),))) is ends


@pytest.mark.parametrize(
    "flows",
    [
        [Pipeline([guard(lambda state: False, name="g"), w("y")], name="p"), goto("j", lambda state: "z")],
        [
            toggle(lambda state: True, [goto("i", Val("n")), w("y"), no_op("n")], name="t"),
            goto("j", lambda state: "z"),
        ],
    ],
    ids=["an end", "a jump"],
)
def test_a_key_that_an_end_or_a_jump_leaves_out_needs_a_default_in_a_list_with_jumps(flows: Any) -> None:
    pipeline = Pipeline([no_op("n"), *flows, step(lambda y: y, output_state="z", name="z")])
    assert [found.code for found in pipeline.check()] == ["E104"]
