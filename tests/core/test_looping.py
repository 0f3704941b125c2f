"""``while_do``, ``map_reduce`` and ``goto``: what they take and refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from plait import (
    END,
    ConditionError,
    Config,
    DefinitionError,
    Empty,
    Group,
    InvalidPipeline,
    Keep,
    Optional,
    Pipeline,
    Retry,
    StepTimeout,
    TooManyTurns,
    Val,
    goto,
    map_reduce,
    no_op,
    step,
    while_do,
)
from plait.testing.virtual import run_virtual


def double(item: int) -> int:
    return 2 * item


def weigh(item: int, weight: int = 1) -> int:
    return item * weight


def run(flow: Any, inputs: dict[str, Any] | None = None, **options: Any) -> Any:
    return Pipeline([flow]).run(inputs or {}, **options)


# What they refuse


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: while_do([], double), r"while_do 'double': body: the list of steps is empty"),
        (lambda: while_do(no_op(), "again"), r"the condition is 'again'; it is a function or another component"),
        (lambda: while_do(no_op(), double, max_turns=0), r"while_do 'double': max_turns is 0; it is a whole number from 1"),
        (lambda: goto(None, "next"), r"goto: it needs a name, goto\('again', target\)"),  # type: ignore[arg-type]
        (lambda: goto("g", Val(3)), r"goto 'g': the target is Val\(3\); Val takes the name of a step, or END"),
        (lambda: goto("g", Val(END), allow_end=False), r"goto 'g': the target is END, and allow_end is False"),
        (lambda: goto("g", "next", ["next"]), r"goto 'g': the target is the key 'next' already; leave input_map out"),
        (lambda: map_reduce(double, "out"), r"the key comes first: map_reduce\('results', function, ...\)"),  # type: ignore[arg-type]
        (lambda: map_reduce("o", step(double, output_state="x")), r"the step for one item has an output_state; leave that out there"),
        (lambda: map_reduce("o", step(double, error_handler=Keep())), r"give it to map_reduce, or handle errors in the component"),
        (lambda: map_reduce("o", double, "sum"), r"map_reduce 'double': reduce_func is 'sum'; it is a function of the list of results"),  # type: ignore[arg-type]
        (lambda: map_reduce("o", lambda **kw: 1, name="m"), r"map_reduce 'm': say what it reads, with input_map={'argument': 'key'}"),
        (lambda: map_reduce("o", double, input_map={"itme": "xs"}), r"double has no parameter 'itme'; did you mean 'item'\?"),
        (lambda: map_reduce("o", double, max_concurrency=0), r"map_reduce 'double': max_concurrency is 0"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_with_the_cure(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()


# Loops


def test_turns_go_on_as_long_as_the_condition_holds() -> None:
    flow = while_do(
        step(double, {"item": "n"}, "n"), lambda state: state["n"] < 20, output_state="more", name="l"
    )
    assert run(flow, {"n": 3}).state == {"n": 24, "more": "false"}
    assert run(flow, {"n": 30}).state == {"n": 60, "more": "false"}


@pytest.mark.parametrize("most", [3, 4])
def test_a_loop_may_have_so_many_turns_and_no_more(most: int) -> None:
    flow = while_do(step(double, {"item": "n"}, "n"), lambda state: state["n"] < 24, max_turns=most, name="l")
    assert run(flow, {"n": 3}).state == {"n": 24}
    with pytest.raises(
        TooManyTurns, match=rf"'l#{most}/condition' wants one more turn, and max_turns is {most}"
    ):
        run(flow, {"n": 1})


def test_the_limit_holds_for_conditions_that_wait_as_well() -> None:
    async def again(n: int) -> bool:
        return n < 24

    flow = while_do(step(double, {"item": "n"}, "n"), again, max_turns=3)
    assert run(flow, {"n": 3}).state == {"n": 24}
    with pytest.raises(TooManyTurns):
        run(flow, {"n": 1})


def test_a_loop_whose_condition_is_no_answer_is_an_error() -> None:
    with pytest.raises(ConditionError, match=r"while_do 'l': the condition returned 1 \(int\)"):
        run(while_do(no_op(), lambda state: 1, name="l"))


# Maps


def test_lists_are_gone_through_together_and_all_else_is_the_same_for_every_call() -> None:
    def tell(a: int, b: str, c: list[int], d: str, e: int) -> str:
        return f"{a}{b}{c}{d}{e}"

    flow = map_reduce(
        "o",
        tell,
        input_map=["a", {"b": "letters", "c": Group("whole"), "d": Config("d"), "e": Val(9)}],
    )
    state = run(flow, {"a": [1, 2], "letters": ("x", "y"), "whole": [7]}, config={"d": "-"}).state
    assert state["o"] == ["1x[7]-9", "2y[7]-9"]


def test_parameters_are_the_keys_where_nothing_is_said_and_their_defaults_hold() -> None:
    flow = map_reduce("o", weigh)
    assert run(flow, {"item": [1, 2]}).state["o"] == [1, 2]
    assert run(flow, {"item": [1, 2], "weight": 3}).state["o"] == [3, 6]
    assert run(
        map_reduce("o", weigh, input_map={"item": "xs", "weight": Optional("w", 5)}), {"xs": [1]}
    ).state["o"] == [5]


def test_lists_of_different_length_are_refused() -> None:
    flow = map_reduce("o", weigh, name="m")
    with pytest.raises(
        ValueError, match=r"map_reduce 'm': .* 'item' has 2, 'weight' has 1; wrap one in Group"
    ):
        run(flow, {"item": [1, 2], "weight": [3]})


def test_results_are_put_together_by_a_function_that_may_wait() -> None:
    async def total(results: list[int]) -> int:
        await asyncio.sleep(0)
        return sum(results)

    for reduce in (sum, total):
        assert run(map_reduce("o", double, reduce), {"item": [1, 2, 3]}).state["o"] == 12


def test_results_may_have_several_keys() -> None:
    def ends(results: list[int]) -> dict[str, int]:
        return {"low": min(results), "high": max(results)}

    state = run(map_reduce(["low", "high"], double, ends), {"item": [3, 1, 2]}).state
    assert (state["low"], state["high"]) == (2, 6)


def test_a_step_for_one_item_brings_its_settings_and_arguments_of_the_map_win() -> None:
    async def slow(item: int) -> int:
        await asyncio.sleep(item)
        return item

    one = step(slow, {"item": "xs"}, name="wait", timeout=2)
    for flow, limit in ((map_reduce("o", one), 2), (map_reduce("o", one, timeout=5), 5)):
        assert run_virtual(Pipeline([flow]).arun({"xs": [limit - 1]})).state["o"] == [limit - 1]
        with pytest.raises(StepTimeout, match=rf"wait\[0\].* {limit} s"):
            run_virtual(Pipeline([flow]).arun({"xs": [limit + 1]}))


def test_an_item_is_tried_again_for_itself() -> None:
    tries: list[int] = []

    def flaky(item: int) -> int:
        tries.append(item)
        if item == 2 and tries.count(2) == 1:
            raise ConnectionError
        return item

    flow = map_reduce("o", flaky, retry=Retry(2, backoff=0))
    assert run(flow, {"item": [1, 2, 3]}).state["o"] == [1, 2, 3]
    assert sorted(tries) == [1, 2, 2, 3]


def test_no_more_items_run_at_once_than_allowed() -> None:
    live = most = 0

    async def watched(item: int) -> int:
        nonlocal live, most
        live += 1
        most = max(most, live)
        await asyncio.sleep(1)
        live -= 1
        return item

    for limit, wanted in ((None, 6), (2, 2)):
        most = 0
        run_virtual(
            Pipeline([map_reduce("o", watched, max_concurrency=limit)]).arun({"item": list(range(6))})
        )
        assert most == wanted


def test_a_handler_is_for_the_whole_map() -> None:
    def fail(item: int) -> int:
        if item == 2:
            raise ValueError(item)
        return item

    result = run(map_reduce("o", fail, error_handler=Empty()), {"item": [1, 2, 3]})
    assert result.state["o"] is None
    assert [failure.path for failure in result.failures] == ["fail[1]"]


# Jumps


@pytest.mark.parametrize("target", [Val("c"), "where", lambda state: "c"], ids=["fixed", "key", "component"])
def test_a_target_is_fixed_in_the_state_or_answered(target: Any) -> None:
    flows = [goto("g", target, output_state="to"), step(lambda: 1, {}, "b", name="b"), no_op("c")]
    result = Pipeline(flows).run({"where": "c"})
    assert [each.path for each in result.report.steps] == ["g", "c"]
    assert result.state == {"where": "c", "to": "c"}


def test_a_fixed_target_that_is_not_in_the_list_is_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidPipeline, match=r"E111: goto 'g' jumps to 'cc'.*did you mean 'c'\?"):
        Pipeline([goto("g", Val("cc")), no_op("c")]).run({})


@pytest.mark.parametrize("answer", ["cc", None, 3])
def test_any_other_is_an_error_when_it_is_answered(answer: Any) -> None:
    with pytest.raises(ConditionError, match="goto 'g'"):
        Pipeline([goto("g", lambda state: answer), no_op("c")]).run({})


def test_the_end_may_be_forbidden() -> None:
    with pytest.raises(ConditionError, match="and END is not allowed"):
        Pipeline([goto("g", lambda state: END, allow_end=False), no_op("c")]).run({})
