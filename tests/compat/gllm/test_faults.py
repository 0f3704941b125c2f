"""What the original gets wrong (PARITY, part 3), row by row: refused with a clear error, or done right.

The cases under `uses/faults*.py` hold the same rows against what the original does; here each is taken further, on the
virtual clock where time matters.
"""

from __future__ import annotations

import asyncio
import contextvars
import operator
import os
import subprocess
import sys
import threading
from typing import Annotated, Any, TypedDict

import pytest
from tests.compat.gllm.running import invoke

import plait
from plait.compat.gllm.exceptions import PipelineKeyError, PipelineTypeError, PipelineValueError
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.pipeline.composer import Composer
from plait.compat.gllm.retry import RetryConfig
from plait.compat.gllm.steps import (
    KeepStepErrorHandler,
    goto,
    guard,
    if_else,
    interrupt,
    map_reduce,
    no_op,
    parallel,
    step,
    switch,
    terminate,
    toggle,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.types import CacheConfig, Val
from plait.testing.virtual import run_virtual


def took(steps: Any, **options: Any) -> float:
    """The virtual seconds of a run."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await Pipeline(steps if isinstance(steps, list) else [steps]).invoke({}, **options)
        return round(loop.time() - began, 6)

    return run_virtual(main())


def wait(seconds: float, output: str, done: list[str] | None = None) -> Any:
    """A step that takes so long."""

    async def work(_: Any) -> str:
        await asyncio.sleep(seconds)
        if done is not None:
            done.append(output)
        return output

    return transform(work, output_state=output)


def fail(error: BaseException, after: float = 0, output: str = "failed") -> Any:
    """A step that fails after a while."""

    async def work(_: Any) -> Any:
        await asyncio.sleep(after)
        raise error

    return transform(work, output_state=output)


# 3.1 Silently wrong or unsafe


def test_3_1_1_a_failing_branch_stops_the_others_before_the_error_is_raised():
    done: list[str] = []
    block = parallel([[fail(OSError("gone"), 1)], [wait(2, "a", done), wait(2, "b", done)]])

    async def main() -> int:
        with pytest.raises(OSError, match="gone"):
            await Pipeline([block]).invoke({})
        left = len(asyncio.all_tasks()) - 1
        await asyncio.sleep(10)
        return left

    assert (run_virtual(main()), done) == (0, [])


@pytest.mark.parametrize("answer", [False, "false", "FALSE"])
@pytest.mark.parametrize("kind", ["def", "async def", "component"])
def test_3_1_2_a_guard_lets_nothing_through(kind: str, answer: Any) -> None:
    async def later(_: Any) -> Any:
        return answer

    class Checker:
        async def check(self) -> Any:
            return answer

        check.__is_main__ = True  # type: ignore[attr-defined]

        async def run(self) -> Any:
            return await self.check()

    conditions: dict[str, Any] = {"def": lambda _: answer, "async def": later, "component": Checker()}
    ok, behind = transform(lambda _: 1, output_state="ok"), transform(lambda _: 1, output_state="behind")
    assert invoke([guard(conditions[kind], ok), behind], {"n": 1}) == {"n": 1}


@pytest.mark.parametrize("answer", [1, [1], None, "", 0, "yes"])
@pytest.mark.parametrize("kind", [if_else, toggle, guard])
def test_3_1_3_what_is_no_answer_chooses_no_branch(kind: Any, answer: Any) -> None:
    branches = [no_op()] if kind is toggle else [no_op(), no_op()]
    with pytest.raises(plait.ConditionError, match="it returns True or False"):
        invoke(kind(lambda _: answer, *branches))


@pytest.mark.parametrize("kind", ["if_else", "switch", "toggle", "guard", "while_do"])
def test_3_1_3_an_error_in_a_condition_is_an_error(kind: str) -> None:
    def condition(state: dict[str, Any]) -> Any:
        return state["absent"]

    ran: list[int] = []
    branch = transform(lambda _: ran.append(1), output_state="ran")
    steps: dict[str, Any] = {
        "if_else": if_else(condition, branch, branch),
        "switch": switch(condition, {"a": branch}, default=branch),
        "toggle": toggle(condition, branch),
        "guard": guard(condition, branch, branch),
        "while_do": while_do(no_op(), condition),
    }
    with pytest.raises(KeyError, match="absent"):
        invoke([steps[kind], branch])
    assert ran == []


def test_3_1_4_a_jump_jumps_once():
    ran: list[str] = []
    note = lambda name: transform(lambda _: ran.append(name), output_state=name, name=name)  # noqa: E731
    invoke([note("a"), goto("over", Val("c")), note("b"), note("c"), note("d")])
    assert ran == ["a", "c", "d"]
    ran.clear()
    invoke([note("a"), goto("back", lambda _: "a" if len(ran) < 3 else "END"), note("b")])
    assert ran == ["a", "a", "a"]
    with pytest.raises(PipelineValueError, match="nowhere"):
        invoke([goto("g", Val("nowhere")), no_op()])


def test_3_1_5_several_outputs_are_the_values_of_their_names():
    assert invoke(transform(lambda _: {"b": 1, "a": 2}, output_state=["a", "b"])) == {"a": 2, "b": 1}
    with pytest.raises(TypeError, match="a mapping without 'b'"):
        invoke(transform(lambda _: {"a": 2}, output_state=["a", "b"]))
    with pytest.raises(TypeError, match="returned 1 values for 2 keys"):
        invoke(transform(lambda _: ["x"], output_state=["a", "b"]))


@pytest.mark.parametrize("place", ["alone", "branch", "body"])
def test_3_1_6_retries_look_at_the_steps_own_error_wherever_it_stands(place: str) -> None:
    config = RetryConfig(max_retries=2, base_delay=0.01, jitter=False, retry_on_exceptions=(ConnectionError,))
    for error, wanted in ((ConnectionError("x"), 3), (ValueError("x"), 1)):
        calls: list[float] = []

        async def work(_: Any, error: Exception = error, calls: list[float] = calls) -> Any:
            calls.append(asyncio.get_running_loop().time())
            raise error

        broken = transform(work, output_state="a", retry_config=config, error_handler=KeepStepErrorHandler())
        places: dict[str, Any] = {
            "alone": broken,
            "branch": parallel([broken, no_op()]),
            "body": try_catch(broken),
        }
        invoke(places[place])
        assert len(calls) == wanted
        if wanted == 3:
            assert round(calls[2] - calls[0], 6) == 0.03


def test_3_1_7_what_would_depend_on_the_order_of_branches_is_refused():
    one, two = transform(lambda _: 1, output_state="a"), transform(lambda _: 2, output_state="a", name="two")
    with pytest.raises(PipelineValueError, match=r"E202: .* both write 'a' at the same time"):
        invoke(parallel([one, two]))
    reader = transform(lambda d: d["a"], ["a"], output_state="b", name="reader")
    with pytest.raises(PipelineValueError, match=r"E203: .*reader' reads 'a' while"):
        invoke(parallel([one, reader]), {"a": 0})


def test_3_1_8_what_merges_is_merged_once():
    class State(TypedDict, total=False):
        items: Annotated[list[int], operator.add]

    def add(n: int) -> Any:
        return transform(lambda _: [n], output_state="items")

    def broken(_: Any) -> Any:
        raise OSError("x")

    steps = [
        parallel([add(1), add(2)]),
        try_catch([add(3), transform(broken, output_state="items")], add(4)),
        parallel([[add(5), parallel([add(6), add(7)])]]),
    ]
    assert invoke(Pipeline(steps, state_type=State), {"items": [0]})["items"] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_3_1_9_what_one_branch_changes_is_its_own():
    def grow(d: dict[str, Any]) -> Any:
        d["box"]["items"].append(1)
        d["box"]["new"] = 1
        return d["box"]

    given = {"box": {"items": [0]}}
    block = parallel([transform(grow, ["box"], output_state="a"), transform(grow, ["box"], output_state="b")])
    state = invoke([block, transform(lambda d: len(d["box"]["items"]), ["box"], output_state="n")], given)
    assert state["a"] == state["b"] == {"items": [0, 1], "new": 1}
    assert (state["n"], given) == (1, {"box": {"items": [0]}})


def test_3_1_10_no_value_is_dropped():
    steps = [transform(lambda _: 1 // 0, output_state="a", error_handler=KeepStepErrorHandler())]
    assert invoke(steps, {"a": "kept", "unread": 1}) == {"a": "kept", "unread": 1}


def test_3_1_11_the_cache_of_a_step_knows_nothing_of_the_run():
    class Store:
        def __init__(self) -> None:
            self.kept: dict[str, Any] = {}

        def cache(self, key_func: Any, name: str) -> Any:
            def decorate(function: Any) -> Any:
                async def kept(*args: Any) -> Any:
                    key = f"{name} {key_func(*args)}"
                    if key not in self.kept:
                        self.kept[key] = await function(*args)
                    return self.kept[key]

                return kept

            return decorate

    calls: list[int] = []
    kept = transform(lambda _: calls.append(1), ["a"], output_state="b", cache=CacheConfig(Store()))
    invoke(kept, {"a": 1}, thread_id="one", config={"x": 1})
    invoke(kept, {"a": 1}, thread_id="two", config={"x": 2})
    assert calls == [1]


def test_3_1_12_ends_shifts_and_things_to_await():
    block = parallel(
        [[guard(lambda _: False, no_op()), transform(lambda _: 1, output_state="a")], wait(1, "b")]
    )
    assert invoke([block, transform(lambda _: 1, output_state="c")]) == {"b": "b"}
    assert invoke([parallel([terminate(), wait(1, "b")]), transform(lambda _: 1, output_state="c")]) == {
        "b": "b"
    }

    class Later:
        async def __call__(self, _: Any) -> int:
            return 7

    assert invoke(transform(Later(), output_state="a")) == {"a": 7}


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (
            lambda p: p.exclusions.exclude("blok.x"),
            r"no step has the path 'blok.x'; did you mean 'block.x'\?",
        ),
        (lambda p: run_virtual(p.invoke({}, interrupt_before=["blok"])), r"no step is named 'blok'"),
        (lambda p: run_virtual(p.invoke({}, interrupt_after=["block"])), r"a breakpoint and no checkpointer"),
        (lambda p: run_virtual((p | interrupt()).invoke({})), r"an interrupt and no checkpointer"),
        (lambda p: run_virtual(p.invoke({}, config={"max_retries": 3})), r"config has 'max_retries'"),
        (lambda p: run_virtual(p.invoke({}, include_outputs_from={"blok"})), r"no step is named 'blok'"),
    ],
)
def test_3_1_13_misuse_is_refused(use: Any, message: str) -> None:
    with pytest.raises((PipelineValueError, PipelineKeyError), match=message):
        use(Pipeline([parallel({"x": no_op(), "y": no_op()}, name="block")]))


# 3.2 Concurrency


def test_3_2_functions_that_block_run_side_by_side():
    all_there = threading.Barrier(3)

    def block(**_: Any) -> bool:
        return all_there.wait(30) >= 0

    branches = [step(block, f"k{n}") for n in range(3)]
    assert asyncio.run(Pipeline([parallel(branches)]).invoke({})) == {"k0": True, "k1": True, "k2": True}
    assert (
        asyncio.run(
            Pipeline(
                [map_reduce("out", block_item(threading.Barrier(3)), input_map={"n": Val([1, 2, 3])})]
            ).invoke({})
        )["out"]
        == [True] * 3
    )


def block_item(barrier: threading.Barrier) -> Any:
    """A function of an item that waits for the others."""
    return lambda _: barrier.wait(30) >= 0


def test_3_2_nothing_more_is_started_after_a_failure():
    done: list[str] = []
    branches = [fail(OSError("x"), 1), wait(3, "a", done), wait(1, "b", done), wait(1, "c", done)]
    with pytest.raises(OSError, match="x"):
        invoke(parallel(branches, max_concurrency=2))
    assert done == []


def test_3_2_branches_are_not_in_lockstep():
    branches = [[wait(0.1, "a"), wait(0.4, "b")], [wait(0.4, "c"), wait(0.1, "d")]]
    assert took(parallel(branches, squash=False)) == took(parallel(branches)) == 0.5


def test_3_2_one_limit_for_all_blocks_and_maps_of_a_run():
    steps = parallel([wait(1, "a"), parallel([wait(1, "b"), wait(1, "c")]), wait(1, "d")])
    assert took(steps, config={"max_concurrency": 2}) == 2
    assert took(steps) == 1


def test_3_2_there_are_timeouts_for_a_step_a_block_and_a_run():
    slow = RetryConfig(timeout=2)
    for make in (
        lambda: wait_with(slow),
        lambda: parallel([wait(5, "a")], retry_config=slow),
        lambda: try_catch(wait(5, "a"), retry_config=slow),
    ):
        with pytest.raises(TimeoutError):
            invoke(make())
    with pytest.raises(TimeoutError):
        invoke(wait(5, "a"), config={"timeout": 2})


def wait_with(config: Any) -> Any:
    """A slow step with a retry config."""

    async def work(_: Any) -> None:
        await asyncio.sleep(5)

    return transform(work, output_state="a", retry_config=config)


def test_3_2_each_branch_can_be_told_apart():
    block = parallel({"x": wait(1, "a"), "y": wait(2, "b")}, name="block")
    pipeline = Pipeline([block])
    report = run_virtual(pipeline.native.arun({})).report
    assert {s.path: round(s.work, 6) for s in report.steps} == {"block/x/work": 1, "block/y/work_2": 2}


# 3.3 Errors


def test_3_3_an_error_says_what_it_is_and_where():
    with pytest.raises(ZeroDivisionError, match="division") as caught:
        invoke(
            parallel(
                {"x": transform(lambda d: d["n"] // 0, ["n"], output_state="a", name="divide")}, name="block"
            ),
            {"n": 1},
        )
    assert caught.value.__notes__ == ["in step 'block/x/divide' of the pipeline, attempt 1, reading 'n'"]


def test_3_3_the_item_that_failed_is_named():
    with pytest.raises(ZeroDivisionError) as caught:
        invoke(
            map_reduce("out", lambda d: 1 // d["n"], input_map={"n": "ns"}, name="each"), {"ns": [1, 0, 2]}
        )
    assert [failure.path for failure in plait.failures(caught.value)] == ["each[1]"]


def test_3_3_a_key_that_was_given_is_never_called_missing():
    steps = step(lambda document: document, {"document": "input_document"}, "text")
    assert invoke(steps, {"input_document": "x"})["text"] == "x"
    with pytest.raises(
        PipelineKeyError, match=r"reads the key 'input_document'.*did you mean 'input_documents'\?"
    ):
        invoke(steps, {"input_documents": "x"})


def test_3_3_what_is_no_step_is_refused_where_it_is_written():
    for make in (
        lambda: Pipeline([len]),
        lambda: parallel([len]),
        lambda: if_else(len, len, no_op()),
        lambda: Pipeline([no_op()]) | "x",
    ):
        with pytest.raises(PipelineTypeError, match="is not a pipeline step"):
            make()


def test_3_3_an_exit_in_a_branch_ends_the_run_cleanly():
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    async def leave(_: Any) -> Any:
        variable.set(1)
        raise SystemExit(3)

    block = parallel([transform(leave, output_state="a"), wait(5, "b")])
    with pytest.raises(SystemExit, match="3"):
        asyncio.run(Pipeline([block]).invoke({}))


# 3.4 Composition


def test_3_4_what_could_not_be_put_together_can():
    add = transform(lambda d: d["n"] + 1, ["n"], output_state="n")
    child = Pipeline([add])
    nested = parallel(
        [parallel([wait(1, "a"), wait(1, "b")], squash=False), [while_do(add, lambda s: s["n"] < 20)]],
        squash=False,
    )
    assert invoke([nested, *[add] * 40, child, child], {"n": 0}) == {"n": 62, "a": "a", "b": "b"}


def test_3_4_the_composers_transform_takes_its_output_in_third_place():
    pipeline = Composer().transform(lambda d: d["k"] + 1, ["k"], "out").done()
    assert invoke(pipeline, {"k": 1}) == {"k": 1, "out": 2}
    assert invoke(transform(lambda d: d["k"] + 1, ["k"], "out"), {"k": 1}) == {"k": 1, "out": 2}


def test_3_4_names_and_pictures_are_the_same_in_every_process():
    code = """
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.steps import *
steps = [parallel({"x": no_op(), "y": [no_op(), no_op()]}), parallel([copy("a", "b"), copy("b2", "c")]), transform(len, ["a"], output_state="d")]
pipeline = Pipeline(steps)
print(list(pipeline._paths()), pipeline.get_mermaid_diagram())
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert "parallel_2" in said.pop()


def test_3_4_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    invoke([transform(lambda _: 1, output_state="a"), parallel([no_op()])])
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
