"""Other components in a definition: names and paths stay, and so does everything else that is said there."""

from __future__ import annotations

from typing import Any

import pytest

from plait.core.branching import guard, if_else, switch
from plait.core.flow import Chain, Definition, Flow, as_parts, dataflow, parallel, parts_of, subgraph
from plait.core.handlers import Empty, Fallback, Keep
from plait.core.handling import try_catch
from plait.core.inputs import Val
from plait.core.looping import goto, map_reduce, while_do
from plait.core.plan.rewrite import replace_components
from plait.core.schema import read_schema
from plait.core.step import step
from plait.errors import DefinitionError
from plait.testing.reference import run_reference


class Holder:
    def __init__(self, *steps: Any, name: str | None = None) -> None:
        self.__plait_definition__ = define(*steps, name=name)


def define(*steps: Any, name: str | None = None) -> Definition:
    schema = read_schema(None)
    return Definition(
        as_parts(list(steps), "Pipeline"),
        order="listed",
        schema=schema,
        schema_in=schema,
        name=name,
        max_concurrency=None,
    )


def work(x: int) -> int:
    return x + 1


def fail(x: int) -> int:
    raise ValueError(x)


def small(x: int) -> bool:
    return x < 3


def moderate(x: int) -> bool:
    return x < 9


def everything() -> Definition:
    """One of each, with default names wherever there can be some."""
    child = Holder(step(work, None, "x"), if_else(small, step(work, None, "x")), name="child")
    return define(
        if_else(small, step(work, None, "x"), [step(work, None, "x"), step(work, None, "y")]),
        while_do(step(work, None, "x"), small, name="loop"),
        while_do([step(work, None, "x")], small, output_state="more"),
        map_reduce("all", work, input_map={"x": "x"}),
        try_catch([step(fail, None, "z")], fallback=[step(work, None, "z")], caught_exception_state="why"),
        try_catch([step(fail, None, "z")], fallback=step(work, None, "z"), name="careful"),
        step(fail, None, "w", name="kept", error_handler=Keep()),
        parallel({"a": step(fail, None, "v"), "b": [step(work, None, "u")]}, error_handler=Empty()),
        dataflow([step(fail, None, "t")], name="flow", error_handler=Fallback(lambda error: {"t": 0})),
        subgraph(child, error_handler=Empty()),
        guard(
            moderate, switch(small, {"true": step(work, None, "s"), "false": step(work, None, "s")}), name="g"
        ),
        goto("over", Val("end")),
        step(work, None, "r", name="between"),
        step(work, None, "q", name="end"),
    )


def kinds(flow: Flow | Definition) -> list[str]:
    return [type(flow).__name__] + [kind for part in parts_of(flow) for kind in kinds(part)]


def replaced(replacements: dict[str, Any]) -> Definition:
    old = everything()
    return replace_components(old, replacements, list(replacements))


@pytest.mark.parametrize("x", [0, 1, 20])
def test_without_a_replacement_all_stays_as_it_was(x: int) -> None:
    old, new = everything(), replaced({})
    assert kinds(new) == kinds(old)
    before, after = run_reference(old, {"x": x}), run_reference(new, {"x": x})
    assert after.executed == before.executed
    assert after.state == before.state
    assert [path for path, _ in after.failures] == [path for path, _ in before.failures]
    again = run_reference(replace_components(new, {}, []), {"x": x})
    assert again.executed == before.executed


def test_the_paths_of_other_components_stay_the_same() -> None:
    class Other:
        def __call__(self, x: int) -> int:
            return x + 1

    paths = run_reference(everything(), {"x": 0}).executed
    plain = [path for path in paths if "small" not in path and "#" not in path and "[" not in path]
    new = replaced(
        dict.fromkeys([p for p in plain if p.rpartition("/")[2] in ("work", "work:y", "true")], Other())
    )
    assert run_reference(new, {"x": 0}).executed == paths


class TestEachKind:
    def test_a_condition(self) -> None:
        found = run_reference(replaced({"small/condition": lambda x: False}), {"x": 0})
        assert "small/true" not in found.executed
        assert found.executed[1:3] == ["small/false/work", "small/false/work:y"]

    def test_a_branch_of_one_step(self) -> None:
        assert run_reference(replaced({"small/true": lambda x: x + 40}), {"x": 0}).state["all"] == [43]

    def test_the_condition_of_a_loop_and_its_body(self) -> None:
        new = replaced({"loop/work": lambda x: x + 10, "loop/condition": lambda x: x < 25})
        assert run_reference(new, {"x": 0}).executed.count("loop#2/work") == 1
        assert "loop#4/work" not in run_reference(new, {"x": 0}).executed

    def test_what_is_called_for_each_item(self) -> None:
        assert run_reference(replaced({"work": lambda x: "item"}), {"x": 0}).state["all"] == ["item"]

    def test_what_is_tried_and_what_is_done_then(self) -> None:
        found = run_reference(
            replaced({"fail": lambda x: "well", "careful/work": lambda x: "handled"}), {"x": 0}
        )
        assert "why" not in found.state
        assert found.state["z"] == "handled"

    @pytest.mark.parametrize(
        ("path", "key", "value"),
        [
            ("kept/error_handler", "w", "new"),
            ("error_handler", "v", {"v": "new"}),
            ("flow/error_handler", "t", {"t": "new"}),
        ],
    )
    def test_what_an_error_handler_does(self, path: str, key: str, value: Any) -> None:
        seen: list[BaseException] = []

        def instead(error: BaseException) -> Any:
            seen.append(error)
            return value

        found = run_reference(replaced({path: instead}), {"x": 0})
        assert [type(error) for error in seen] == [ValueError]
        assert found.state[key] == "new"

    def test_the_target_of_a_goto_is_no_longer_fixed(self) -> None:
        found = run_reference(replaced({"over": lambda value: "between"}), {"x": 0})
        assert found.executed[-3:] == ["over", "between", "end"]


def test_a_path_that_nothing_has_is_refused() -> None:
    with pytest.raises(DefinitionError, match="did you mean 'small/condition'"):
        replace_components(everything(), {"small/conditon": work}, ["small/condition"])


def test_a_chain_stays_one() -> None:
    new = replace_components(define(Chain((step(work, None, "x"),))), {"work": lambda x: 7}, ["work"])
    assert run_reference(new, {"x": 0}).state == {"x": 7}
