"""Pipelines: names, what is left out, state types, what is told of a run, and how they are put together."""

from __future__ import annotations

import operator
import subprocess
import sys
from typing import Annotated, Any, TypedDict

import pytest
from tests.compat.gllm.running import invoke

import plait
from plait.compat.gllm.exceptions import (
    PipelineKeyError,
    PipelineSchemaError,
    PipelineTypeError,
    PipelineValueError,
)
from plait.compat.gllm.pipeline import Pipeline, RAGState
from plait.compat.gllm.steps import (
    copy,
    if_else,
    no_op,
    parallel,
    subgraph,
    switch,
    toggle,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.types import PipelineInvocation
from plait.testing.virtual import run_virtual


def put(key: str, value: Any = None, name: str | None = None) -> Any:
    """A step that writes a value, by default its key."""
    return transform(lambda _: key if value is None else value, output_state=key, name=name)


def paths(pipeline: Pipeline) -> list[str]:
    """The native paths of its steps."""
    return [leaf.path for leaf in pipeline.native._bound().leaves()]


# Names


def test_steps_without_a_name_get_numbers_that_stay():
    def make() -> Pipeline:
        return Pipeline(
            [
                if_else(lambda _: True, no_op(), no_op()),
                if_else(lambda _: True, [no_op()], parallel([no_op(), put("a")])),
                parallel([copy("a", "b"), copy("b", "c")], name="no_op_2"),
                put("x"),
            ]
        )

    assert list(make()._paths()) == list(make()._paths())
    assert [p for p in make()._paths() if "." not in p] == ["if_else", "if_else_2", "no_op_2", "transform_2"]
    assert [p for p in make()._paths() if "no_op" in p.rpartition(".")[2]] == [
        "if_else.true.no_op",
        "if_else.false.no_op_3",
        "if_else_2.true.no_op_4",
        "if_else_2.false.parallel.0.no_op_5",
        "no_op_2",
    ]


def test_one_step_or_pipeline_in_several_places():
    add = transform(lambda d: d["n"] + 1, ["n"], output_state="n", name="add")
    child = Pipeline([add, add], name="child")
    pipeline = Pipeline([add, add, child, subgraph(child, name="again"), child])
    assert invoke(pipeline, {"n": 0})["n"] == 8
    assert [p for p in pipeline._paths() if "." not in p] == ["add", "add_2", "child", "again", "child_2"]


def test_two_steps_with_one_chosen_name_in_a_list_are_refused():
    with pytest.raises(ValueError, match=r"E110: two steps are named 'a'"):
        invoke([put("x", name="a"), put("y", name="a")])


# What is left out


def make_pipeline() -> Pipeline:
    child = Pipeline([put("c1", name="first"), put("c2", name="second")], name="child")
    return Pipeline(
        [
            put("a", name="alone"),
            parallel(
                {"x": put("x", name="in_x"), "y": [put("y", name="in_y"), put("z", name="in_z")]},
                name="block",
            ),
            parallel([put("l0"), put("l1")], name="list"),
            if_else(lambda _: True, put("t"), put("f"), name="cond", output_state="answer"),
            switch(
                lambda _: "one", {"one": put("one"), "two": put("two")}, default=put("other"), name="switch"
            ),
            toggle(lambda _: True, put("on"), name="toggle"),
            while_do([put("w1", name="w1"), put("w2", name="w2")], lambda _: False, name="loop"),
            try_catch([put("b1", name="b1"), put("b2", name="b2")], name="try"),
            subgraph(child),
        ],
        name="all",
    )


ALL = {"a", "x", "y", "z", "l0", "l1", "t", "answer", "one", "on", "w1", "w2", "b1", "b2", "c1", "c2"}


@pytest.mark.parametrize(
    ("path", "gone", "instead"),
    [
        ("alone", {"a"}, {}),
        ("block", {"x", "y", "z"}, {}),
        ("block.x", {"x"}, {}),
        ("block.x.in_x", {"x"}, {}),
        ("block.y", {"y", "z"}, {}),
        ("block.y.in_z", {"z"}, {}),
        ("list.0", {"l0"}, {}),
        ("cond", {"t", "answer"}, {}),
        ("cond.true", {"t"}, {"f"}),
        ("cond.false", set(), {}),
        ("switch.one", {"one"}, {"other"}),
        ("switch.two", set(), {}),
        ("toggle.true", {"on"}, {}),
        ("loop.w1", {"w1"}, {}),
        ("try.b1", {"b1"}, {}),
        ("child", {"c1", "c2"}, {}),
        ("child.second", {"c2"}, {}),
    ],
)
def test_what_is_left_out_does_not_run(path: str, gone: set[str], instead: set[str]) -> None:
    pipeline = make_pipeline()
    assert set(invoke(pipeline)) == ALL
    pipeline.exclusions.exclude(path)
    assert set(invoke(pipeline)) == (ALL - gone) | set(instead)
    pipeline.exclusions.clear()
    assert set(invoke(pipeline)) == ALL


def test_exclude_replaces_and_include_takes_back():
    exclusions = make_pipeline().exclusions
    exclusions.exclude("alone", "block.x")
    assert (exclusions.get_current_exclusions(), exclusions.list_excluded()) == (
        ["alone", "block.x"],
        ["alone"],
    )
    exclusions.exclude("block.y", "cond.true")
    exclusions.include("block.y")
    assert exclusions.get_current_exclusions() == ["cond.true"]


def test_an_unknown_path_is_refused_with_the_nearest():
    for call in ("exclude", "include"):
        with pytest.raises(
            PipelineValueError, match=rf"{call}: no step has the path 'block.z'; did you mean 'block.[xy]'\?"
        ):
            getattr(make_pipeline().exclusions, call)("block.z")


def test_all_of_a_pipeline_may_be_left_out():
    pipeline = Pipeline([put("a", name="a"), if_else(lambda _: True, put("b"), put("c"), name="c")])
    pipeline.exclusions.exclude("a", "c.true", "c.false")
    assert invoke(pipeline, {"n": 1}) == {"n": 1}


# State types


class Merging(TypedDict, total=False):
    n: int
    log: Annotated[list[str], operator.add]


def test_keys_that_merge():
    say = lambda text: transform(lambda _: [text], output_state="log")  # noqa: E731
    steps = [
        say("a"),
        parallel([say("b"), [say("c"), say("d")]]),
        try_catch(say("e")),
        if_else(lambda _: True, say("f"), say("x")),
    ]
    pipeline = Pipeline(steps, state_type=Merging)
    assert invoke(pipeline, {"log": ["0"]})["log"] == ["0", "a", "b", "c", "d", "e", "f"]
    assert invoke(pipeline, {"n": 1, "other": 2}) == {
        "n": 1,
        "other": 2,
        "log": ["a", "b", "c", "d", "e", "f"],
    }
    outer = Pipeline([say("z"), subgraph(Pipeline([say("y")], state_type=Merging))], state_type=Merging)
    assert invoke(outer)["log"] == ["z", "y"]


def test_a_step_that_does_not_say_what_it_writes_merges_once():
    class Own(BasePipelineStep):
        async def execute(self, state: Any, runtime: Any, config: Any = None) -> Any:
            return {"log": [f"seen {len(state['log'])}"], "new": 1}

    say = transform(lambda _: ["a"], output_state="log")
    assert invoke(Pipeline([say, Own("own"), Own("own2")], state_type=Merging), {"n": 1}) == {
        "n": 1,
        "log": ["a", "seen 1", "seen 2"],
        "new": 1,
    }


def test_no_state_type_is_needed_and_one_can_be_set_later():
    pipeline = Pipeline([put("anything", [1])])
    assert (pipeline.state_type, invoke(pipeline, {"else": 1})) == (RAGState, {"else": 1, "anything": [1]})
    pipeline.state_type = TypedDict("State", {"anything": Annotated[list[int], operator.add]})  # type: ignore[operator]
    assert invoke(pipeline, {"anything": [0]}) == {"anything": [0, 1]}
    with pytest.raises(PipelineTypeError, match="state_type is 3"):
        pipeline.state_type = 3


def test_a_key_that_the_state_type_lacks_is_refused_where_it_is_written():
    class State(TypedDict, total=False):
        answer: str

    with pytest.raises(
        PipelineValueError,
        match=r"step 'transform' writes 'anwser', which is no key of State; did you mean 'answer'\?",
    ):
        invoke(Pipeline([put("anwser")], state_type=State))
    assert invoke(Pipeline([put("answer")], state_type=State), {"other": 1})["other"] == 1


def test_a_pydantic_state_gives_defaults_and_takes_only_what_it_likes():
    pydantic = pytest.importorskip("pydantic")

    class State(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        n: int
        words: list[str] = []  # noqa: RUF012  (pydantic copies it)
        m: int | None = None

    pipeline = Pipeline(
        [
            transform(lambda d: d["words"] + ["x"], ["words"], output_state="words"),
            transform(lambda d: str(d["n"] + 1), ["n"], output_state="m"),
        ],
        state_type=State,
    )
    assert invoke(pipeline, State(n=1)) == {"n": 1, "words": ["x"], "m": 2}
    assert invoke(pipeline, {"n": 1})["m"] == 2
    with pytest.raises(PipelineValueError, match=r"the state's 'm' is str, which State refuses"):
        invoke(Pipeline([put("m", "no number")], state_type=State), {"n": 1})


def test_the_output_type_is_what_is_given_back():
    class Out(TypedDict, total=False):
        a: str

    assert invoke(Pipeline([put("a"), put("b")], output_type=Out), {"c": 1}) == {"a": "a"}


def test_inference_that_must_be_sure_refuses_what_does_not_say():
    class Own(BasePipelineStep):
        async def execute(self, state: Any, runtime: Any, config: Any = None) -> Any: ...

    with pytest.raises(PipelineSchemaError, match=r"infer_schema=True, and step 'own' does not say"):
        Pipeline([put("a"), Own("own")], infer_schema=True)
    assert invoke(Pipeline([put("a")], infer_schema=True)) == {"a": "a"}


def test_what_is_no_state_is_refused():
    with pytest.raises(PipelineTypeError, match=r"the initial state is int; it is a dict"):
        invoke(Pipeline([no_op()]), 3)
    assert invoke(Pipeline([no_op()]), None) == {}


# What config means


def test_names_that_are_taken_are_refused():
    with pytest.raises(PipelineValueError, match=r"config can't have 'langgraph_x'"):
        invoke(no_op(), config={"langgraph_x": 1})
    with pytest.raises(PipelineTypeError, match=r"context is 3; it is a dict"):
        invoke(no_op(), context=3)


def test_a_timeout_is_for_the_whole_run_unless_a_step_reads_it():
    import asyncio

    async def slow(d: dict[str, Any]) -> Any:
        await asyncio.sleep(10)
        return d

    with pytest.raises(TimeoutError):
        invoke(transform(slow, output_state="a"), config={"timeout": 5})
    assert invoke(transform(slow, ["timeout"], output_state="a"), config={"timeout": 5})["a"] == {
        "timeout": 5
    }
    with pytest.raises(PipelineValueError, match=r"timeout='soon'"):
        invoke(no_op(), config={"timeout": "soon"})


def test_retries_for_a_whole_run_are_refused():
    with pytest.raises(
        PipelineValueError, match=r"config has 'max_retries', which no step reads.*retry_config="
    ):
        invoke(no_op(), config={"timeout": 30, "max_retries": 3})
    assert invoke(
        transform(lambda d: d["max_retries"], ["max_retries"], output_state="a"), config={"max_retries": 3}
    ) == {"a": 3}


def test_runs_at_the_same_time_do_not_mix():
    import asyncio

    async def later(d: dict[str, Any]) -> Any:
        await asyncio.sleep(d["n"] % 3)
        return (d["n"], d["k"], d["m"])

    block = parallel([transform(later, ["n", "k", "m"], output_state="a"), no_op()])
    pipeline = Pipeline([block, if_else(lambda s: s["k"] % 2 == 0, put("even"), put("odd"))])

    async def one(n: int) -> dict[str, Any]:
        return await pipeline.invoke(
            {"n": n}, config={"k": n + 1}, context={"m": -n}, include_outputs_from={"no_op"}
        )

    async def main() -> list[Any]:
        return list(await asyncio.gather(*(one(n) for n in range(30))))

    for n, state in enumerate(run_virtual(main())):
        word = "even" if n % 2 else "odd"
        assert state == {"n": n, "a": (n, n + 1, -n), word: word, "__step_outputs__": {"no_op": [None]}}


# What is told of a run


def test_the_updates_of_steps_by_name():
    pipeline = Pipeline(
        [
            put("a", name="plain"),
            parallel({"x": put("x", name="in_x"), "y": put("y")}, name="block"),
            if_else(
                lambda _: True,
                put("t", name="taken"),
                put("f", name="untaken"),
                name="cond",
                output_state="answer",
            ),
            while_do(
                transform(lambda d: d.get("n", 0) + 1, ["n"], output_state="n", name="turn"),
                lambda s: s["n"] < 3,
                name="loop",
            ),
            no_op("nothing"),
        ]
    )
    names = {"plain", "block", "in_x", "cond", "taken", "untaken", "turn"}
    state = invoke(pipeline, {"n": 0}, include_outputs_from=names)
    assert state["__step_outputs__"] == {
        "plain": [{"a": "a"}],
        "block": [{"x": "x", "y": "y"}],
        "in_x": [{"x": "x"}],
        "cond": [{"answer": "true"}],
        "taken": [{"t": "t"}],
        "turn": [{"n": 1}, {"n": 2}, {"n": 3}],
    }
    with pytest.raises(
        PipelineKeyError, match=r"include_outputs_from: no step is named 'plane'; did you mean 'plain'\?"
    ):
        invoke(pipeline, {"n": 0}, include_outputs_from={"plane"})


def test_the_log_of_states():
    logs = invoke(
        [put("a", name="first"), parallel([put("b", name="second")])], {"n": 0}, config={"debug_state": True}
    )["__state_logs__"]
    assert [(log["type"], log["payload"]["name"]) for log in logs][:4] == [
        ("task", "first"),
        ("task_result", "first"),
        ("task", "second"),
        ("task_result", "second"),
    ]
    assert logs[0]["payload"]["input"] == {"n": 0}
    assert logs[3]["payload"]["result"] == {"b": "b"}


def test_tracing_prints_what_each_step_did(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = Pipeline([put("a", name="first")])
    pipeline.enable_debug_tracing()
    invoke(pipeline, {"n": 0})
    assert (
        capsys.readouterr().out
        == "[first] state_before={'n': 0} state_after={'n': 0, 'a': 'a'} duration=0ms\n"
    )
    pipeline.disable_debug_tracing()
    invoke(pipeline)
    assert capsys.readouterr().out == ""


def test_a_pipeline_can_be_checked_before_it_runs():
    Pipeline([put("a")]).build_graph()
    clash = Pipeline([parallel([put("a"), put("a")])])
    assert [d.code for d in clash.check() if d.is_error] == ["E202"]
    with pytest.raises(PipelineValueError, match="E202"):
        clash.build_graph()
    with pytest.raises(AttributeError, match="there is no LangGraph graph"):
        _ = clash.graph


def test_the_native_pipeline_runs_by_itself():
    pipeline = Pipeline([transform(lambda d: d["a"] + d["k"], ["a", "k"], output_state="b")], name="a/b")
    result = run_virtual(pipeline.native.arun({"a": 1}, config={"k": 2}))
    assert (result.state, pipeline.native.name) == ({"a": 1, "b": 3}, "a-b")


# As a tool


def test_a_tool_needs_gllm_core():
    try:
        import gllm_core  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError:
        with pytest.raises(
            plait.MissingExtra, match="as_tool makes a tool of gllm_core, which is not installed"
        ):
            Pipeline([put("a")]).as_tool()
    else:
        assert Pipeline([transform(len, ["a"], output_state="b")], name="x").as_tool().name == "x"


def test_what_a_tools_transform_makes():
    assert PipelineInvocation({"a": 1}).config is None
    with pytest.raises(PipelineValueError, match="input is 3; it is a dict"):
        PipelineInvocation(3)  # type: ignore[arg-type]
    with pytest.raises(PipelineValueError, match="an input_schema needs an input_transform"):
        Pipeline([put("a")]).as_tool(input_schema=dict)


# What is imported


def test_nothing_of_the_original_is_needed_or_loaded():
    code = """
import sys
from plait.compat.gllm import alias, constants, exceptions, retry, types
from plait.compat.gllm.exclusions import ExclusionManager, ExclusionSet
from plait.compat.gllm.pipeline import Pipeline, RAGState
from plait.compat.gllm.pipeline.checkpoint import CheckpointSaverError, InMemorySaver, MemorySaver
from plait.compat.gllm.pipeline.checkpoint.exceptions import CheckpointIdMismatchError
from plait.compat.gllm.pipeline.composer import Composer
from plait.compat.gllm.pipeline.states import RAGState
from plait.compat.gllm.router import RuleBasedRouter, SimilarityBasedRouter
from plait.compat.gllm.steps import *
from plait.compat.gllm.steps.branching_step import BranchingStep
from plait.compat.gllm.steps.composite_step import BaseCompositeStep
from plait.compat.gllm.steps.conditional_step import DEFAULT_BRANCH
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.steps.step_error_handler.step_error_handler import BaseStepErrorHandler
from plait.compat.gllm.steps.step_error_handler.keep_step_error_handler import KeepStepErrorHandler
from plait.compat.gllm.utils import ErrorContext, HasInputsMixin, execute_callable
from plait.compat.gllm.utils.schema_inference import PipelineSchemaError
from plait.compat.gllm.utils.typing_compat import TypedDict
import asyncio
print(asyncio.run(Pipeline([no_op()]).invoke({"a": 1})))
found = {name.split(".")[0] for name in sys.modules}
print(sorted(found & {"gllm_core", "gllm_pipeline", "langgraph", "langchain_core", "pydantic", "torch", "opentelemetry"}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{'a': 1}", "[]"]


def test_the_model_of_the_state_needs_pydantic():
    pytest.importorskip("pydantic")
    from plait.compat.gllm.pipeline import RAGStateModel

    made: Any = RAGStateModel
    assert (
        invoke(
            Pipeline(
                [transform(lambda d: d["user_query"], ["user_query"], output_state="response")],
                state_type=made,
            ),
            made(user_query="hi"),
        )["response"]
        == "hi"
    )
