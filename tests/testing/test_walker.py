"""What the reference interpreter says about flows that decide something while they run."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest

from plait.core.branching import guard, if_else, switch, toggle
from plait.core.flow import Definition, as_parts, dataflow, parallel, subgraph
from plait.core.handlers import Empty, Fallback, Keep
from plait.core.handling import try_catch
from plait.core.inputs import Config, Group, Optional, Val
from plait.core.kinds import interrupt, log, pause, terminate
from plait.core.looping import END, goto, map_reduce, while_do
from plait.core.policy import Retry
from plait.core.schema import read_schema
from plait.core.step import step
from plait.errors import ConditionError, InputError, OutputError, PipelineErrors, TooManyTurns
from plait.testing.reference import Reference, run_reference, startable_effects


class Notes(TypedDict, total=False):
    notes: Annotated[list[Any], operator.add]
    a: Any
    b: Any


class Holder:
    def __init__(self, definition: Definition) -> None:
        self.__plait_definition__ = definition


def define(*steps: Any, state_type: Any = None, name: str | None = None) -> Definition:
    return Definition(
        as_parts(list(steps), "Pipeline"),
        order="listed",
        schema=read_schema(state_type),
        schema_in=read_schema(None),
        name=name,
        max_concurrency=None,
    )


def pipeline(*steps: Any, **options: Any) -> Holder:
    return Holder(define(*steps, **options))


def run(*steps: Any, inputs: Any = None, state_type: Any = None, **options: Any) -> Reference:
    return run_reference(define(*steps, state_type=state_type), inputs, **options)


def const(value: Any) -> Callable[[], Any]:
    return lambda: value


def write(key: str, value: Any, **options: Any) -> Any:
    return step(const(value), {}, key, name=options.pop("name", f"write_{key}"), **options)


def add(key: str, **options: Any) -> Any:
    """One more in a key."""
    return step(
        lambda value: value + 1, {"value": key}, key, name=options.pop("name", f"add_{key}"), **options
    )


def note(text: str) -> Any:
    return write("notes", [text], name=f"note_{text}")


def broken(error: BaseException, key: Any = None, **options: Any) -> Any:
    def fail() -> None:
        raise error

    return step(fail, {}, key, **{"name": "broken", "effect": False, **options})


def yes() -> bool:
    return True


def no() -> bool:
    return False


def paths(found: list[tuple[str, BaseException]]) -> list[str]:
    return [path for path, _ in found]


BOOM, BANG = ValueError("boom"), KeyError("bang")


class TestChoices:
    def test_the_condition_is_asked_and_only_its_branch_runs(self) -> None:
        found = run(
            if_else(lambda s: s["n"] > 1, [write("a", 1)], [write("b", 2)], name="big"), inputs={"n": 2}
        )
        assert found.state == {"n": 2, "a": 1}
        assert found.executed == ["big/condition", "big/true/write_a"]

    def test_a_branch_of_one_step_without_a_name_gives_it_its_key_as_a_name(self) -> None:
        found = run(if_else(yes, step(const(1), {}, "a"), name="c"))
        assert found.executed == ["c/condition", "c/true"]

    def test_the_level_has_the_name_of_the_condition(self) -> None:
        found = run(
            if_else(yes, write("a", 1), output_state="x"),
            if_else(yes, write("b", 1), output_state="y"),
        )
        assert found.executed == [
            "yes/condition",
            "yes/true/write_a",
            "yes:y/condition",
            "yes:y/true/write_b",
        ]

    def test_the_answer_is_written_before_the_branch_runs(self) -> None:
        found = run(if_else(yes, step(lambda why: why, ["why"], "a", name="s"), output_state="why"))
        assert found.state == {"why": "true", "a": "true"}

    @pytest.mark.parametrize(("given", "kept"), [({}, {}), ({"a": "old"}, {"a": "old"})])
    def test_an_untaken_branch_leaves_what_was_there(self, given: Any, kept: Any) -> None:
        assert run(if_else(no, write("a", 1)), inputs=given).state == kept

    def test_a_switch_takes_the_branch_of_the_answer_or_the_default(self) -> None:
        def pick(which: str) -> str:
            return which

        flow = switch(pick, {"x": write("a", 1)}, "answer", default=write("b", 2), name="s")
        assert run(flow, inputs={"which": "x"}).state == {"which": "x", "answer": "x", "a": 1}
        other = run(flow, inputs={"which": "y"})
        assert other.state == {"which": "y", "answer": "y", "b": 2}
        assert other.executed == ["s/condition", "s/otherwise/write_b"]

    def test_an_answer_that_chooses_nothing_fails_the_run(self) -> None:
        found = run(switch(const("zebra"), {"x": write("a", 1)}, name="s"))
        assert isinstance(found.error, ConditionError)
        assert paths(found.failures) == ["s/condition"]

    def test_a_condition_that_raises_fails_the_run(self) -> None:
        def wrong() -> bool:
            raise BOOM

        found = run(if_else(wrong, write("a", 1), write("b", 1)))
        assert found.error is BOOM
        assert found.executed == ["wrong/condition"]

    def test_a_toggle_asks_a_key_or_a_setting(self) -> None:
        assert run(toggle("fast", write("a", 1))).state == {}
        assert run(toggle("fast", write("a", 1)), inputs={"fast": [1]}).state == {"fast": [1], "a": 1}
        flow = toggle(Config("fast", False), write("a", 1), "why")
        assert run(flow, config={"fast": True}).state == {"a": 1, "why": "true"}

    def test_a_branch_gives_the_deltas_of_a_reducer(self) -> None:
        found = run(note("1"), if_else(yes, [note("2"), note("3")]), note("4"), state_type=Notes)
        assert found.state == {"notes": ["1", "2", "3", "4"]}

    def test_of_a_choice_that_fails_nothing_is_seen(self) -> None:
        flow = try_catch(
            [write("a", 1), if_else(yes, [write("b", 2), broken(BOOM)], output_state="why")],
            fallback=step(lambda **state: sorted(state), None, "seen", name="handler"),
        )
        assert run(flow).state == {"a": 1, "seen": ["a"]}

    def test_a_setting_that_a_condition_needs_is_asked_for_before_anything_runs(self) -> None:
        found = run(write("a", 1), toggle(Config("fast"), write("b", 1)))
        assert isinstance(found.error, InputError)
        assert found.executed == []

    def test_a_key_that_a_branch_may_write_is_still_an_input(self) -> None:
        reader = step(lambda a: a, {"a": Optional("a", "absent")}, "b", name="reader")
        child = pipeline(if_else(no, write("a", "new")), reader, name="child")
        assert run(subgraph(child), inputs={"a": "old"}).state == {"a": "old", "b": "old"}
        assert run(subgraph(child)).state == {"b": "absent"}

    def test_a_key_that_every_branch_writes_is_none(self) -> None:
        reader = step(lambda a: a, ["a"], "b", name="reader")
        found = run(if_else(no, write("a", 1), write("a", 2)), reader)
        assert found.state == {"a": 2, "b": 2}


class TestTheEnd:
    def test_what_is_listed_after_a_terminate_does_not_run(self) -> None:
        found = run(write("a", 1), terminate(), write("a", 2), write("b", 2))
        assert found.state == {"a": 1}
        assert found.executed == ["write_a", "terminate"]

    def test_a_guard_that_fails_ends_the_pipeline_after_its_branch(self) -> None:
        def flow(condition: Any) -> list[Any]:
            return [guard(condition, write("b", "ok"), write("b", "bad"), "why", name="g"), write("c", 1)]

        assert run(*flow(yes)).state == {"why": "success", "b": "ok", "c": 1}
        failed = run(*flow(no))
        assert failed.state == {"why": "failure", "b": "bad"}
        assert failed.executed == ["g/condition", "g/failure/write_b", "g/failure/terminate"]

    def test_in_a_branch_its_rest_does_not_run_and_siblings_finish(self) -> None:
        found = run(
            parallel([[write("a", 1), terminate(), write("a", 2)], [write("b", 1), write("c", 1)]]),
            write("d", 1),
        )
        assert found.state == {"a": 1, "b": 1, "c": 1}

    def test_a_branch_that_loses_ends_nothing(self) -> None:
        block = parallel([[write("a", 1)], [terminate()]], need=1)
        assert run(block, write("d", 1)).state == {"a": 1, "d": 1}

    def test_in_an_embedded_pipeline_only_that_one_ends(self) -> None:
        child = pipeline(write("a", 1), terminate(), write("b", 1), name="child")
        assert run(subgraph(child), write("c", 1), inputs={"b": "old"}).state == {"a": 1, "b": "old", "c": 1}

    def test_in_a_loop_there_is_no_further_turn(self) -> None:
        body = [add("n"), if_else(lambda s: s["n"] == 2, terminate(), name="enough")]
        found = run(while_do(body, yes, name="loop"), write("a", 1), inputs={"n": 0})
        assert found.state == {"n": 2}
        assert found.executed[-1] == "loop#2/enough/true/terminate"

    def test_in_a_body_that_is_tried_it_is_no_error(self) -> None:
        found = run(try_catch([write("a", 1), terminate()], fallback=write("a", 2)), write("b", 1))
        assert found.state == {"a": 1}
        assert found.failures == []


class TestLoops:
    def test_each_turn_works_on_what_the_one_before_it_wrote(self) -> None:
        flow = while_do([add("n")], lambda s: s["n"] < 3, output_state="more", name="loop")
        found = run(flow, inputs={"n": 0})
        assert found.state == {"n": 3, "more": "false"}
        assert found.executed == [
            f"loop#{turn}/{name}" for turn in (1, 2, 3) for name in ("add_n", "condition")
        ]

    def test_the_body_is_done_at_least_once(self) -> None:
        assert run(while_do([write("a", 1)], no)).state == {"a": 1}

    def test_loops_in_loops_count_their_own_turns(self) -> None:
        inner = while_do([add("n")], lambda s: s["n"] % 2 == 1, name="inner")
        found = run(while_do([add("m"), inner], lambda s: s["m"] < 2, name="outer"), inputs={"n": 0, "m": 0})
        assert found.state == {"n": 4, "m": 2}
        assert [path for path in found.executed if "add_n" in path] == [
            "outer#1/inner#1/add_n",
            "outer#1/inner#2/add_n",
            "outer#2/inner#1/add_n",
            "outer#2/inner#2/add_n",
        ]

    def test_one_turn_too_many_is_an_error_of_the_condition(self) -> None:
        found = run(while_do([add("n")], yes, name="loop", max_turns=2), inputs={"n": 0})
        assert isinstance(found.error, TooManyTurns)
        assert paths(found.failures) == ["loop#2/condition"]
        assert len(found.executed) == 4

    def test_of_a_loop_that_fails_nothing_is_seen(self) -> None:
        body = [add("n"), if_else(lambda s: s["n"] == 2, broken(BOOM), name="c")]
        found = run(try_catch([while_do(body, yes, name="loop")], fallback=write("a", 1)), inputs={"n": 0})
        assert found.state == {"n": 0, "a": 1}
        assert paths(found.failures) == ["loop#2/c/true/broken"]

    def test_a_reducer_gets_the_deltas_of_all_turns(self) -> None:
        flow = while_do([note("x")], lambda s: len(s["notes"]) < 3, name="loop")
        assert run(note("0"), flow, state_type=Notes).state == {"notes": ["0", "x", "x"]}

    def test_failures_of_turns_are_told_in_their_order(self) -> None:
        body = [
            add("n"),
            parallel([broken(BOOM, name="one")], on_error="collect"),
            broken(BANG, name="two", error_handler=Keep()),
        ]
        found = run(while_do(body, lambda s: s["n"] < 2, name="loop"), inputs={"n": 0})
        assert paths(found.failures) == ["loop#1/one", "loop#1/two", "loop#2/one", "loop#2/two"]

    def test_another_attempt_of_the_block_around_begins_with_the_first_turn(self) -> None:
        calls: list[int] = []

        def body(n: int) -> int:
            calls.append(n)
            if len(calls) == 2:
                raise BOOM
            return n + 1

        loop = while_do([step(body, ["n"], "n")], lambda s: s["n"] < 2)
        found = run(parallel([loop], retry=Retry(2, backoff=0)), inputs={"n": 0})
        assert calls == [0, 1, 0, 1]
        assert found.state == {"n": 2}


def double(x: int, by: int = 2) -> int:
    return x * by


class TestMaps:
    def test_each_item_is_called_in_order_and_has_its_path(self) -> None:
        found = run(map_reduce("out", double, input_map={"x": "xs"}), inputs={"xs": [1, 2, 3]})
        assert found.state == {"xs": [1, 2, 3], "out": [2, 4, 6]}
        assert found.executed == ["double[0]", "double[1]", "double[2]"]

    def test_lists_are_gone_through_together_and_all_else_is_the_same(self) -> None:
        sources: dict[str, Any] = {"x": "xs", "y": "ys", "all_of": Group("xs"), "z": Val(0)}
        flow = map_reduce("out", lambda x, y, all_of, z: (x, y, all_of, z), input_map=sources, name="m")
        found = run(flow, inputs={"xs": [1, 2], "ys": (3, 4)})
        assert found.state["out"] == [(1, 3, [1, 2], 0), (2, 4, [1, 2], 0)]

    def test_lists_of_different_lengths_fail_the_step(self) -> None:
        found = run(
            map_reduce("out", lambda x, y: x, input_map={"x": "xs", "y": "ys"}, name="m"),
            inputs={"xs": [1], "ys": []},
        )
        assert isinstance(found.error, ValueError)
        assert paths(found.failures) == ["m"]

    def test_no_items_are_no_calls(self) -> None:
        found = run(map_reduce("out", double, sum, {"x": "xs"}), inputs={"xs": []})
        assert found.state["out"] == 0
        assert found.executed == ["double/reduce"]

    def test_without_a_list_there_is_one_call(self) -> None:
        assert run(map_reduce("out", double, input_map={"x": "n"}), inputs={"n": 4}).state["out"] == [8]

    def test_the_results_are_put_together_and_split_like_those_of_a_step(self) -> None:
        flow = map_reduce(["low", "high"], double, lambda found: (min(found), max(found)), {"x": "xs"})
        found = run(flow, inputs={"xs": [1, 5]})
        assert (found.state["low"], found.state["high"]) == (2, 10)
        wrong = run(map_reduce(["low", "high"], double, sum, {"x": "xs"}), inputs={"xs": [1]})
        assert isinstance(wrong.error, OutputError)
        assert paths(wrong.failures) == ["double/reduce"]

    def test_the_first_item_that_fails_fails_the_step(self) -> None:
        found = run(
            map_reduce("out", lambda x: 1 // x, input_map={"x": "xs"}, name="m"), inputs={"xs": [1, 0, 0]}
        )
        assert isinstance(found.error, ZeroDivisionError)
        assert paths(found.failures) == ["m[1]"]
        assert found.state == {}

    def test_an_item_is_tried_again(self) -> None:
        calls: list[int] = []

        def once(x: int) -> int:
            calls.append(x)
            if calls == [1, 2]:
                raise BOOM
            return x

        found = run(
            map_reduce("out", once, input_map={"x": "xs"}, retry=Retry(2, backoff=0)), inputs={"xs": [1, 2]}
        )
        assert found.state["out"] == [1, 2]
        assert found.executed == ["once[0]", "once[1]", "once[1]"]

    def test_a_handler_replaces_the_result(self) -> None:
        flow = map_reduce(
            "out",
            lambda x: 1 // x,
            input_map={"x": "xs"},
            name="m",
            error_handler=Fallback(lambda e: {"out": str(e)}),
        )
        found = run(flow, inputs={"xs": [0]})
        assert found.state["out"].startswith("integer")
        assert found.executed == ["m[0]", "m/error_handler"]
        assert paths(found.failures) == ["m[0]"]

    def test_async_components_and_functions_of_the_results_are_awaited(self) -> None:
        async def later(x: int) -> int:
            return x + 1

        async def total(results: list[int]) -> int:
            return sum(results)

        assert run(map_reduce("out", later, total, {"x": "xs"}), inputs={"xs": [1, 2]}).state["out"] == 5


class TestHandlers:
    def test_a_handler_sees_what_the_parts_before_the_failing_one_wrote(self) -> None:
        flow = try_catch(
            [write("a", "new"), write("b", 1), [write("c", 1), broken(BOOM)], write("d", 1)],
            fallback=step(lambda **state: dict(state), None, "seen", name="handler"),
        )
        found = run(flow, inputs={"a": "old"})
        assert found.state == {"a": "new", "b": 1, "c": 1, "seen": {"a": "new", "b": 1, "c": 1}}
        assert paths(found.failures) == ["broken"]

    @pytest.mark.parametrize(
        "block",
        [
            parallel([[write("b", 1), broken(BOOM)]]),
            dataflow([write("b", 1), broken(BOOM)]),
            subgraph(pipeline(write("b", 1), broken(BOOM), name="child"), output_state=["b"]),
            while_do([write("b", 1), broken(BOOM)], no),
            try_catch([write("b", 1), broken(BOOM)]),
            try_catch([write("b", 1), broken(BOOM)], fallback=[write("b", 2), broken(BANG, name="again")]),
        ],
        ids=["parallel", "dataflow", "subgraph", "loop", "try", "handler"],
    )
    def test_of_a_block_that_fails_it_sees_nothing(self, block: Any) -> None:
        found = run(try_catch([write("a", 1), block], fallback=write("c", 1)), inputs={"b": "old"})
        assert found.error is None
        assert found.state == {"a": 1, "b": "old", "c": 1}

    def test_the_text_of_the_error_takes_its_key(self) -> None:
        reader = step(lambda why: why.upper(), ["why"], "a", name="reader")
        flow = try_catch(broken(BOOM), reader, caught_exception_state="why")
        assert run(flow).state == {"why": "boom", "a": "BOOM"}
        assert run(try_catch(write("b", 1), reader, caught_exception_state="why")).state == {"b": 1}

    def test_an_error_that_does_not_match_is_raised(self) -> None:
        found = run(try_catch(broken(BOOM), write("a", 1), catch=KeyError))
        assert found.error is BOOM
        assert run(try_catch(broken(BANG), write("a", 1), catch=(KeyError, OSError))).state == {"a": 1}

    def test_without_a_handler_it_is_raised(self) -> None:
        assert run(try_catch([broken(BOOM)])).error is BOOM

    def test_of_a_group_that_matches_in_part_the_rest_is_raised(self) -> None:
        both = parallel([broken(BOOM, name="x"), broken(BANG, name="y")], on_error="finish")
        assert run(try_catch(both, write("a", 1), catch=ValueError)).error is BANG
        flow = try_catch(try_catch(both, write("a", 1), catch=ValueError), write("b", 1), catch=KeyError)
        found = run(flow)
        assert found.state == {"b": 1}
        assert paths(found.failures) == ["x", "y"]

    def test_a_group_that_matches_is_one_error_for_the_handler(self) -> None:
        seen: list[Any] = []
        fallback = Fallback(seen.append)
        run(
            parallel(
                [broken(BOOM, name="x"), broken(BANG, name="y")], on_error="finish", error_handler=fallback
            )
        )
        assert isinstance(seen[0], PipelineErrors)
        assert seen[0].exceptions == (BOOM, BANG)

    def test_a_handler_that_fails_fails_the_whole(self) -> None:
        found = run(try_catch(broken(BOOM), broken(BANG, name="handler")))
        assert found.error is BANG
        assert paths(found.failures) == ["handler"]

    def test_a_name_is_a_level_of_paths(self) -> None:
        found = run(try_catch([broken(BOOM)], [write("a", 1)], name="careful"))
        assert found.executed == ["careful/broken", "careful/write_a"]

    def test_without_one_body_and_handler_share_the_names_around(self) -> None:
        def work() -> int:
            return 1

        found = run(
            step(work, None, "x"), try_catch([step(work, None, "y"), broken(BOOM)], step(work, None, "z"))
        )
        assert found.executed == ["work", "work:y", "broken", "work:z"]

    def test_effects_of_a_handler_start_only_after_an_error(self) -> None:
        alarm = step(lambda: None, {}, None, name="alarm")
        assert startable_effects(define(try_catch(write("a", 1), alarm))) == set()
        assert startable_effects(define(try_catch(broken(BOOM), alarm))) == {"alarm"}


class TestErrorHandlersOfSteps:
    def test_keep_leaves_the_keys_as_they_were(self) -> None:
        flow = [
            broken(BOOM, "a", error_handler=Keep()),
            broken(BOOM, "b", name="other", error_handler=Keep()),
        ]
        found = run(*flow, inputs={"a": "old"})
        assert found.state == {"a": "old"}
        assert paths(found.failures) == ["broken", "other"]
        assert found.executed == ["broken", "broken/error_handler", "other", "other/error_handler"]

    def test_empty_writes_none(self) -> None:
        found = run(broken(BOOM, ["a", "b"], error_handler=Empty()), inputs={"a": "old"})
        assert found.state == {"a": None, "b": None}

    def test_a_fallback_gives_what_the_step_would_have_given(self) -> None:
        one = broken(BOOM, "a", error_handler=Fallback(lambda error, state: (str(error), state["x"])))
        assert run(one, inputs={"x": 1}).state == {"x": 1, "a": ("boom", 1)}
        two = broken(BOOM, ["a", "b"], error_handler=Fallback(lambda error: (1, 2)))
        assert run(two).state == {"a": 1, "b": 2}

    def test_a_fallback_may_be_async(self) -> None:
        async def later(error: BaseException) -> str:
            return str(error)

        assert run(broken(BOOM, "a", error_handler=Fallback(later))).state == {"a": "boom"}

    def test_a_fallback_gets_the_exception_itself_beside_a_key_of_that_name(self) -> None:
        seen: list[Any] = []

        def look(error: BaseException, state: dict[str, Any]) -> int:
            seen.append((error, sorted(state)))
            return 1

        run(broken(BOOM, "a", error_handler=Fallback(look)), inputs={"error": "mine", "x": 1})
        assert seen == [(BOOM, ["error", "x"])]

    def test_it_comes_after_the_last_attempt(self) -> None:
        found = run(broken(BOOM, "a", retry=Retry(2, backoff=0), error_handler=Empty()))
        assert found.executed == ["broken", "broken", "broken/error_handler"]

    def test_an_error_that_does_not_match_is_raised(self) -> None:
        assert run(broken(BOOM, "a", error_handler=Keep(catch=KeyError))).error is BOOM

    def test_a_block_keeps_what_it_had_or_takes_what_the_fallback_gives(self) -> None:
        def block(handler: Any) -> Any:
            return parallel([[write("a", 1), broken(BOOM)], write("b", 1)], name="p", error_handler=handler)

        given = {"a": "old"}
        assert run(block(Keep()), inputs=given).state == {"a": "old"}
        assert run(block(Empty()), inputs=given).state == {"a": None, "b": None}
        found = run(block(Fallback(lambda error: {"b": 2})), inputs=given)
        assert found.state == {"a": "old", "b": 2}
        assert found.executed == ["p/write_a", "p/broken", "p/error_handler"]

    def test_a_fallback_of_a_block_gives_a_mapping(self) -> None:
        found = run(dataflow([broken(BOOM, "a")], error_handler=Fallback(lambda error: 5)))
        assert isinstance(found.error, OutputError)
        assert paths(found.failures) == ["error_handler"]

    def test_a_pipeline_that_is_embedded_has_one_as_well(self) -> None:
        child = pipeline(write("a", 1), broken(BOOM, "b"), name="child")
        found = run(subgraph(child, error_handler=Empty()))
        assert found.state == {"a": None, "b": None}
        assert found.executed[-1] == "child/error_handler"


class TestJumps:
    def test_forward_leaves_out_what_is_between(self) -> None:
        found = run(
            goto("skip", Val("there")), write("a", 1), write("b", 1, name="there"), inputs={"a": "old"}
        )
        assert found.state == {"a": "old", "b": 1}
        assert found.executed == ["skip", "there"]

    def test_backward_does_it_again(self) -> None:
        found = run(
            add("n"),
            goto("again", lambda s: "add_n" if s["n"] < 3 else "done", output_state="where"),
            write("a", 1, name="done"),
            inputs={"n": 0},
        )
        assert found.state == {"n": 3, "where": "done", "a": 1}
        assert found.executed == ["add_n", "again", "add_n#2", "again#2", "add_n#3", "again#3", "done#3"]

    def test_end_ends_the_pipeline_where_it_is_allowed(self) -> None:
        assert run(goto("stop", Val(END)), write("a", 1)).state == {}
        found = run(goto("stop", const(END), allow_end=False), write("a", 1))
        assert isinstance(found.error, ConditionError)
        assert paths(found.failures) == ["stop"]

    def test_the_target_may_be_in_a_key(self) -> None:
        flow = [goto("go", "where"), write("a", 1), write("b", 1)]
        assert run(*flow, inputs={"where": "write_b"}).state == {"where": "write_b", "b": 1}

    def test_blocks_can_be_named_and_what_is_in_them_can_not(self) -> None:
        flow = [
            goto("go", "where"),
            write("a", 1),
            parallel([write("b", 1)], name="block"),
            if_else(yes, write("c", 1), name="pick"),
        ]
        assert run(*flow, inputs={"where": "block"}).executed == [
            "go",
            "block/write_b",
            "pick/condition",
            "pick/true/write_c",
        ]
        assert run(*flow, inputs={"where": "pick"}).executed == ["go", "pick/condition", "pick/true/write_c"]
        wrong = run(*flow, inputs={"where": "write_b"})
        assert isinstance(wrong.error, ConditionError)
        assert "'write_a', 'block'" in str(wrong.error)

    def test_in_a_branch_it_jumps_in_that_branch(self) -> None:
        branch = [goto("go", Val("last")), write("a", 1), write("b", 1, name="last")]
        assert run(parallel([branch, write("c", 1)]), write("d", 1)).state == {"b": 1, "c": 1, "d": 1}
        outside = run(write("a", 1, name="first"), if_else(yes, [goto("go", Val("first"))]))
        assert isinstance(outside.error, ConditionError)


class TestPauses:
    def test_the_answer_is_the_value_of_the_step(self) -> None:
        found = run(
            interrupt("Publish?", "ok"),
            pause("wait"),
            write("a", 1),
            answers={"interrupt": True, "wait": None},
        )
        assert found.state == {"ok": True, "a": 1}
        assert found.paused is None

    def test_an_answer_of_several_parts_is_split(self) -> None:
        found = run(interrupt("?", ["a", "b"], name="ask"), answers={"ask": {"a": 1, "b": 2}})
        assert found.state == {"a": 1, "b": 2}

    def test_without_an_answer_it_says_where_it_waits(self) -> None:
        flow = while_do([try_catch([write("a", 1), pause("wait")], write("a", 2))], no, name="loop")
        found = run(flow, log("after"))
        assert found.paused == "loop#1/wait"
        assert found.error is None
        assert found.state == {}
        assert found.emitted == []
