"""Names in one list: what each kind of flow adds, and in which order the names are handed out."""

from __future__ import annotations

from typing import Any

import pytest

from plait.core.branching import guard, if_else, switch, toggle
from plait.core.flow import Chain, dataflow, parallel, subgraph
from plait.core.handlers import Fallback, Keep
from plait.core.handling import try_catch
from plait.core.inputs import Val
from plait.core.kinds import terminate
from plait.core.looping import goto, map_reduce, while_do
from plait.core.plan.naming import Names, branch_names, loop_members
from plait.core.step import step
from plait.pipeline import Pipeline


def work(text: str) -> str:
    return text


def is_long(text: str) -> bool:
    return len(text) > 3


def names(*parts: Any, path: str = "") -> list[str]:
    return Names(tuple(parts), path).names


class TestWhatAFlowIsCalledInItsList:
    @pytest.mark.parametrize(
        ("flow", "name"),
        [
            (if_else(is_long, [step(work, output_state="a")]), "is_long"),
            (if_else(is_long, [step(work, output_state="a")], name="length"), "length"),
            (switch(is_long, {"true": step(work, output_state="a")}), "is_long"),
            (toggle("fast", [step(work, output_state="a")]), "fast"),
            (guard(is_long), "is_long"),
            (while_do(step(work, output_state="text"), is_long), "is_long"),
            (while_do(step(work, output_state="text"), is_long, name="refine"), "refine"),
            (map_reduce("a", work, input_map={"text": "texts"}), "work"),
            (map_reduce("a", work, input_map={"text": "texts"}, name="all"), "all"),
            (goto("again", Val("work")), "again"),
            (try_catch(step(work, output_state="a"), name="careful"), "careful"),
            (step(work, output_state="a", error_handler=Keep()), "work"),
            (parallel([step(work, output_state="a")], name="side", error_handler=Keep()), "side"),
        ],
    )
    def test_it_is_one_member_with_the_name_that_was_chosen_or_that_of_its_component(
        self, flow: Any, name: str
    ) -> None:
        assert names(flow) == [name]

    def test_a_second_one_is_told_apart_by_its_key(self) -> None:
        assert names(
            if_else(is_long, step(work, output_state="a"), output_state="first"),
            if_else(is_long, step(work, output_state="a"), output_state="second"),
            while_do(step(work, output_state="text"), is_long, output_state="third"),
            map_reduce("b", work, input_map={"text": "texts"}),
            map_reduce("c", work, input_map={"text": "texts"}),
        ) == ["is_long", "is_long:second", "is_long:third", "work", "work:c"]

    def test_without_a_key_the_second_one_is_a_clash(self) -> None:
        found = Names((guard(is_long), guard(is_long)), "")
        assert found.clashes == ["is_long"]

    def test_a_try_without_a_name_adds_its_body_and_its_handler_to_the_list_around_it(self) -> None:
        flow = try_catch(
            [step(work, output_state="a"), if_else(is_long, step(work, output_state="b"))],
            fallback=[step(work, output_state="c")],
        )
        assert names(step(work, output_state="x"), flow) == ["work", "work:a", "is_long", "work:c"]

    def test_only_a_block_without_a_name_puts_its_handler_into_the_list_around_it(self) -> None:
        inside = step(work, output_state="a")
        child = Pipeline([inside], name="child")
        handler = Fallback(lambda error: {"a": str(error)})
        assert names(parallel([inside], error_handler=handler)) == ["work", "error_handler"]
        assert names(dataflow([inside], error_handler=handler)) == ["work", "error_handler"]
        assert names(dataflow([inside], name="d", error_handler=handler)) == ["d"]
        assert names(subgraph(child, error_handler=handler)) == ["child"]


class TestTheLevelsThatFlowsOpen:
    def test_a_choice_hands_out_its_condition_first_and_then_a_name_for_each_branch(self) -> None:
        flow = switch(is_long, {"a": step(work, output_state="x"), "b": [terminate(), terminate("t")]})
        level = Names.of(list(branch_names(flow)), "pick")
        assert [level.take() for _ in range(3)] == ["pick/condition", "pick/a", "pick/b"]

    def test_a_branch_that_is_called_like_the_condition_is_a_clash(self) -> None:
        flow = switch(is_long, {"condition": step(work, output_state="x")})
        assert Names.of(list(branch_names(flow)), "pick").clashes == ["condition"]

    def test_a_loop_hands_out_its_body_and_then_its_condition(self) -> None:
        flow = while_do(
            Chain((step(work, output_state="x"), step(work, output_state="y"))), is_long, name="refine"
        )
        level = Names.of(list(loop_members(flow)), "refine")
        assert [level.take() for _ in range(3)] == ["refine/work", "refine/work:y", "refine/condition"]
