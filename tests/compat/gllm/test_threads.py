"""Runs that stop on the way: questions, breakpoints, snapshots, going on, and going back."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest

from plait.compat.gllm.exceptions import PipelineNotImplementedError, PipelineValueError
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.pipeline.checkpoint import DataStoreSaver, InMemorySaver
from plait.compat.gllm.steps import (
    goto,
    guard,
    if_else,
    interrupt,
    no_op,
    parallel,
    pause,
    subgraph,
    terminate,
    transform,
    while_do,
)
from plait.testing.virtual import run_virtual


def write(key: str, value: Any = None, name: str | None = None) -> Any:
    """A step that writes a value, by default its key."""
    return transform(lambda _: key if value is None else value, output_state=key, name=name or key)


def read(key: str, output: str, name: str | None = None) -> Any:
    """A step that copies a key in capitals."""
    return transform(lambda d: str(d[key]).upper(), [key], output_state=output, name=name or output)


def asking(**settings: Any) -> Pipeline:
    """A pipeline that asks in the middle."""
    steps = [write("a"), interrupt("sure?", "answer", name="ask"), read("answer", "b")]
    return Pipeline(steps, checkpointer=InMemorySaver(), **settings)


async def history(pipeline: Pipeline, thread: str = "t", **wanted: Any) -> list[Any]:
    """The snapshots of a thread."""
    return [snapshot async for snapshot in pipeline.get_state_history(thread, **wanted)]


def together(main: Callable[[], Any]) -> Any:
    """Run a coroutine function on the virtual clock."""
    return run_virtual(main())


def test_a_question_stops_the_run_until_it_is_answered():
    pipeline = asking()

    async def main() -> None:
        state = await pipeline.invoke({"n": 1}, thread_id="t")
        (question,) = state.pop("__interrupt__")
        assert (state, question.value) == ({"n": 1, "a": "a"}, "sure?")
        snapshot = await pipeline.get_state("t")
        assert (snapshot.values, snapshot.next) == ({"n": 1, "a": "a"}, ("ask",))
        assert snapshot.interrupts == snapshot.tasks[0].interrupts == (question,)
        assert await pipeline.resume("t", "yes") == {"n": 1, "a": "a", "answer": "yes", "b": "YES"}
        assert (await pipeline.get_state("t")).next == ()

    together(main)


def test_an_answer_in_parts():
    pipeline = Pipeline([interrupt({"please": "both"}, ["x", "y"])], checkpointer=InMemorySaver())

    async def main() -> None:
        await pipeline.invoke({}, thread_id="t")
        with pytest.raises(PipelineValueError, match=r"wants a dict with 'x' and 'y', got 'no'"):
            await pipeline.resume("t", "no")
        assert await pipeline.resume("t", {"x": 1, "y": 2, "z": 3}) == {"x": 1, "y": 2}
        with pytest.raises(PipelineValueError, match=r"resume: thread 't' waits for no answer"):
            await pipeline.resume("t", {"x": 1, "y": 2})

    together(main)


def test_a_question_inside_blocks():
    branch = [interrupt("left?", "left", name="ask_left"), read("left", "l")]
    pipeline = Pipeline(
        [
            write("a"),
            if_else(lambda _: True, parallel([branch, write("r")], name="block"), no_op(), name="cond"),
            read("r", "b"),
        ],
        checkpointer=InMemorySaver(),
    )

    async def main() -> None:
        state = await pipeline.invoke({}, thread_id="t")
        assert [question.value for question in state["__interrupt__"]] == ["left?"]
        assert (await pipeline.get_state("t")).next == ("cond",)
        again = await pipeline.invoke(None, thread_id="t")
        assert again["__interrupt__"] == state["__interrupt__"]
        with pytest.raises(
            PipelineValueError, match=r"thread 't' waits inside 'cond', where its state can't be changed"
        ):
            await pipeline.update_state("t", {"a": 1})
        assert await pipeline.resume("t", "ok") == {"a": "a", "r": "r", "left": "ok", "l": "OK", "b": "R"}

    together(main)


def test_an_answer_that_is_a_dict_is_the_answer():
    pipeline = Pipeline([parallel([interrupt("?", ["x", "y"]), write("a")])], checkpointer=InMemorySaver())

    async def main() -> None:
        await pipeline.invoke({}, thread_id="t")
        assert await pipeline.resume("t", {"x": 1, "y": 2}) == {"a": "a", "x": 1, "y": 2}

    together(main)


def test_several_questions_are_answered_by_their_ids():
    pipeline = Pipeline(
        [parallel([interrupt("one?", "x"), interrupt("two?", "y")])], checkpointer=InMemorySaver()
    )

    async def main() -> None:
        one, two = (await pipeline.invoke({}, thread_id="t"))["__interrupt__"]
        assert (one.value, two.value) == ("one?", "two?")
        (left,) = (await pipeline.resume("t", {two.id: 2}))["__interrupt__"]
        assert left.value == "one?"
        assert await pipeline.resume("t", 1) == {"x": 1, "y": 2}

    together(main)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("whose", ["pipeline", "call"])
def test_breakpoints(where: str, whose: str) -> None:
    steps = [write("a"), pause("here"), write("b"), write("c")]
    stop: dict[str, Any] = {f"interrupt_{where}": ["here"]}
    pipeline = Pipeline(steps, checkpointer=InMemorySaver(), **(stop if whose == "pipeline" else {}))

    async def main() -> None:
        assert await pipeline.invoke({}, thread_id="t", **(stop if whose == "call" else {})) == {"a": "a"}
        assert (await pipeline.get_state("t")).next == (("here",) if where == "before" else ("b",))
        assert await pipeline.invoke(None, thread_id="t") == {"a": "a", "b": "b", "c": "c"}

    together(main)


def test_a_breakpoint_inside_a_block():
    block = parallel([[write("x"), read("x", "y")], write("z")], name="block")
    pipeline = Pipeline([write("a"), block, read("y", "b")], checkpointer=InMemorySaver())

    async def main() -> None:
        state = await pipeline.invoke({}, thread_id="t", interrupt_before=["y"])
        assert "b" not in state
        assert "y" not in state
        assert (await pipeline.get_state("t")).next == ("block",)
        assert (await pipeline.invoke(None, thread_id="t"))["b"] == "X"

    together(main)


def test_breakpoints_at_all_steps():
    pipeline = Pipeline([write("a"), write("b")], checkpointer=InMemorySaver())

    async def main() -> None:
        assert await pipeline.invoke({}, thread_id="t", interrupt_after="*") == {"a": "a"}
        assert await pipeline.invoke(None, thread_id="t", interrupt_after="*") == {"a": "a", "b": "b"}

    together(main)


def test_a_run_that_could_never_go_on_is_refused():
    with pytest.raises(PipelineValueError, match=r"the pipeline has an interrupt and no checkpointer"):
        run_virtual(Pipeline([parallel([interrupt("?")])]).invoke({}))
    child = Pipeline([interrupt("?")])
    with pytest.raises(PipelineValueError, match=r"an interrupt and no checkpointer"):
        run_virtual(Pipeline([subgraph(child)]).invoke({}))
    with pytest.raises(PipelineValueError, match=r"the pipeline has a breakpoint and no checkpointer"):
        run_virtual(Pipeline([write("a")]).invoke({}, interrupt_before=["a"]))
    with pytest.raises(PipelineValueError, match=r"no step is named 'aa', to stop there; did you mean 'a'\?"):
        run_virtual(asking().invoke({}, thread_id="t", interrupt_before=["aa"]))


def test_what_needs_a_checkpointer_says_so():
    pipeline = Pipeline([write("a")])

    async def main() -> None:
        for call in (pipeline.get_state("t"), pipeline.update_state("t", {}), pipeline.resume("t", 1)):
            with pytest.raises(PipelineValueError, match="this pipeline has no checkpointer"):
                await call
        with pytest.raises(PipelineValueError, match="this pipeline has no checkpointer"):
            pipeline.fork_from("t", "c", {})
        with pytest.raises(PipelineValueError, match="this pipeline has no checkpointer"):
            await history(pipeline)

    together(main)
    with pytest.raises(PipelineNotImplementedError, match="is not built yet"):
        DataStoreSaver(object())
    with pytest.raises(PipelineValueError, match="checkpointer is 3"):
        run_virtual(Pipeline([write("a")], checkpointer=3).invoke({}))


def test_the_snapshots_of_a_thread():
    pipeline = asking()

    async def main() -> None:
        await pipeline.invoke({"n": 1}, thread_id="t")
        await pipeline.resume("t", "yes")
        snapshots = await history(pipeline)
        assert [(s.next, s.metadata["source"], s.metadata["step"]) for s in snapshots] == [
            ((), "loop", 3),
            (("b",), "loop", 2),
            (("ask",), "loop", 1),
            (("a",), "loop", 0),
            (("__start__",), "input", -1),
        ]
        assert [len(s.values) for s in snapshots] == [4, 3, 2, 1, 0]
        assert snapshots[1].metadata["writes"] == {"ask": {"answer": "yes"}}
        assert snapshots[1].parent_config == snapshots[2].config
        assert [s.config for s in await history(pipeline, limit=2)] == [s.config for s in snapshots[:2]]
        assert await history(pipeline, history_filter={"source": "input"}) == snapshots[4:]
        assert await history(pipeline, before=snapshots[2].config) == snapshots[3:]
        with pytest.raises(PipelineValueError, match="limit is 0"):
            await history(pipeline, limit=0)
        with pytest.raises(PipelineValueError, match="thread_id is ''"):
            await history(pipeline, "")
        assert (await pipeline.get_state("never")).values == {}

    together(main)


def test_going_on_with_a_changed_state():
    pipeline = asking()

    async def main() -> None:
        await pipeline.invoke({}, thread_id="t")
        config = await pipeline.update_state("t", {"a": "changed"})
        assert config["configurable"]["thread_id"] == "t"
        assert (await pipeline.get_state("t")).values == {"a": "changed"}
        assert (await pipeline.resume("t", "x"))["a"] == "changed"

    together(main)


def test_a_change_in_the_name_of_a_step_goes_on_after_it():
    pipeline = asking()

    async def main() -> None:
        await pipeline.invoke({}, thread_id="t")
        await pipeline.update_state("t", {"answer": "by hand"}, as_node="ask")
        assert await pipeline.invoke(None, thread_id="t") == {"a": "a", "answer": "by hand", "b": "BY HAND"}
        with pytest.raises(
            PipelineValueError, match=r"as_node: no step is named 'aks'; did you mean 'ask'\?"
        ):
            await pipeline.update_state("t", {}, as_node="aks")

    together(main)


def test_going_back_to_a_snapshot():
    pipeline = asking()

    async def main() -> None:
        await pipeline.invoke({"n": 1}, thread_id="t")
        await pipeline.resume("t", "yes")
        snapshots = await history(pipeline)
        config = pipeline.fork_from(
            "t", snapshots[1].config["configurable"]["checkpoint_id"], {"answer": "no"}
        )
        assert await pipeline.invoke(None, config=config) == {"n": 1, "a": "a", "answer": "no", "b": "NO"}
        config = pipeline.fork_from("t", snapshots[2].config["configurable"]["checkpoint_id"], {"n": 2})
        assert "__interrupt__" in await pipeline.invoke(None, config=config)
        assert (await pipeline.resume("t", "maybe"))["b"] == "MAYBE"
        with pytest.raises(PipelineValueError, match=r"thread 't' has no checkpoint 'x'"):
            pipeline.fork_from("t", "x", {})

    together(main)


def test_a_thread_remembers_between_runs():
    class State(TypedDict, total=False):
        n: int
        said: Annotated[list[str], operator.add]

    pipeline = Pipeline(
        [transform(lambda d: [f"seen {len(d['said'])}"], ["said"], output_state="said")],
        state_type=State,
        checkpointer=InMemorySaver(),
    )

    async def main() -> None:
        await pipeline.invoke({"said": ["hi"], "n": 1}, thread_id="t")
        state = await pipeline.invoke({"said": ["again"]}, thread_id="t")
        assert state == {"n": 1, "said": ["hi", "seen 1", "again", "seen 3"]}
        assert (await pipeline.invoke({"said": []}, thread_id="other"))["said"] == ["seen 0"]
        assert (await pipeline.invoke({"said": []}))["said"] == ["seen 0"]
        with pytest.raises(PipelineValueError, match="never ran, so there is nothing to go on with"):
            await pipeline.invoke(None, thread_id="new")

    together(main)


def test_pipelines_share_the_threads_of_a_checkpointer():
    saver = InMemorySaver()
    one, two = Pipeline([write("a")], checkpointer=saver), Pipeline([read("a", "b")], checkpointer=saver)

    async def main() -> None:
        await one.invoke({}, thread_id="t")
        assert await two.invoke({}, thread_id="t") == {"a": "a", "b": "A"}

    together(main)


def test_jumps_loops_ends_and_fallbacks_are_as_without_threads():
    count = transform(lambda d: d["n"] + 1, ["n"], output_state="n", name="count")
    jumping = [
        count,
        goto("again", lambda d: "count" if d["n"] < 3 else "END", ["n"], "went"),
        write("never"),
    ]
    looping = [
        while_do(transform(lambda d: d["n"] + 1, ["n"], output_state="n"), lambda s: s["n"] < 4),
        write("after"),
    ]
    ending = [write("a"), guard(lambda _: False, no_op(), write("why")), write("never")]
    inside = [write("a"), if_else(lambda _: True, terminate(), no_op()), write("never")]
    failing = [write("a"), transform(lambda _: 1 // 0, output_state="b"), write("never")]
    expected = [
        (jumping, {"n": 3, "went": "END"}),
        (looping, {"n": 4, "after": "after"}),
        (ending, {"n": 0, "a": "a", "why": "why"}),
        (inside, {"n": 0, "a": "a"}),
        (failing, {"n": 0, "a": "a", "saved": "saved"}),
    ]
    for steps, state in expected:
        for saver in (None, InMemorySaver()):
            pipeline = Pipeline(
                steps, checkpointer=saver, fallback=write("saved"), catch=(ZeroDivisionError,)
            )
            assert run_virtual(pipeline.invoke({"n": 0})) == state


def test_an_error_leaves_the_last_snapshot_to_go_on_from():
    broken = [True]

    def may_fail(_: Any) -> str:
        if broken[0]:
            raise ConnectionError("gone")
        return "ok"

    pipeline = Pipeline(
        [write("a"), transform(may_fail, output_state="b", name="b")], checkpointer=InMemorySaver()
    )

    async def main() -> None:
        with pytest.raises(ConnectionError):
            await pipeline.invoke({}, thread_id="t")
        assert (await pipeline.get_state("t")).next == ("b",)
        broken[0] = False
        assert await pipeline.invoke(None, thread_id="t") == {"a": "a", "b": "ok"}

    together(main)


def test_what_is_left_out_is_left_out_of_threads():
    pipeline = asking()
    pipeline.exclusions.exclude("ask", "b")
    assert run_virtual(pipeline.invoke({}, thread_id="t")) == {"a": "a"}


def test_outputs_and_snapshots_of_a_thread():
    pipeline = Pipeline(
        [write("a"), parallel([write("b"), write("c")], name="block")], checkpointer=InMemorySaver()
    )
    state = run_virtual(pipeline.invoke({}, thread_id="t", include_outputs_from={"a", "block"}))
    assert state["__step_outputs__"] == {"a": [{"a": "a"}], "block": [{"b": "b", "c": "c"}]}


def test_an_object_with_an_answer_is_one():
    class Command:
        def __init__(self, resume: Any) -> None:
            self.resume = resume

    pipeline = asking()

    async def main() -> None:
        await pipeline.invoke({}, thread_id="t")
        assert (await pipeline.invoke(Command("yes"), thread_id="t"))["b"] == "YES"

    together(main)
    with pytest.raises(PipelineValueError, match="there is nothing to resume without a checkpointer"):
        run_virtual(Pipeline([write("a")]).invoke(Command("yes")))
