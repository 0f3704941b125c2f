"""When steps fail: what is raised, what handlers do, how often it is tried again, and what is kept."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any

import pytest
from tests.compat.gllm.running import invoke

import plait
from plait.compat.gllm.exceptions import (
    BasePipelineError,
    PipelineErrorGroup,
    PipelineRuntimeError,
    PipelineTypeError,
    PipelineValueError,
    as_pipeline_error,
)
from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.retry import RetryConfig
from plait.compat.gllm.steps import (
    EmptyStepErrorHandler,
    FallbackStepErrorHandler,
    KeepStepErrorHandler,
    RaiseStepErrorHandler,
    goto,
    if_else,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    transform,
    try_catch,
)
from plait.compat.gllm.steps.step_error_handler import BaseStepErrorHandler
from plait.compat.gllm.types import CacheConfig, Val
from plait.testing.virtual import run_virtual


class Failing:
    """Fails so many times, with errors in turn."""

    def __init__(self, *errors: BaseException, then: Any = "ok") -> None:
        self.errors: list[Any] = list(errors)
        self.then, self.calls = then, 0

    def __call__(self, _: Any = None) -> Any:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.then


def failing(*errors: BaseException, output: str = "out", **settings: Any) -> Any:
    """A step that fails so many times."""
    return transform(Failing(*errors), output_state=output, **settings)


# What is raised


def test_an_error_is_of_its_own_class_and_of_the_librarys():
    original = ConnectionError("gone")
    with pytest.raises(ConnectionError) as caught:
        invoke(failing(original, name="fetch"))
    error = caught.value
    assert isinstance(error, PipelineRuntimeError)
    assert error.__cause__ is original
    assert (str(error), error.message, error.code) == ("gone", "gone", "GLLM-PIPE-RUNTIME")
    assert [(failure.path, failure.error) for failure in plait.failures(error)] == [("fetch", original)]
    with pytest.raises(PipelineRuntimeError):
        invoke(failing(ConnectionError("gone")))


def test_several_errors_come_together():
    native = plait.Pipeline(
        [
            plait.parallel(
                [
                    plait.step(Failing(ConnectionError("a")), [], "a", name="a"),
                    plait.step(Failing(ValueError("b")), [], "b", name="b"),
                ],
                on_error="finish",
            )
        ]
    )
    with pytest.raises(plait.PipelineErrors) as caught:
        run_virtual(native.arun({}))
    error = as_pipeline_error(caught.value)
    assert isinstance(error, PipelineErrorGroup)
    assert isinstance(error, PipelineRuntimeError)
    assert (error.message, error.report) == (caught.value.message, caught.value.report)
    assert [type(e) for e in error.exceptions] == [ConnectionError, ValueError]
    assert [failure.path for failure in plait.failures(error)] == ["a", "b"]
    matching, rest = error.split(OSError)
    assert isinstance(matching, plait.PipelineErrors)
    assert isinstance(rest, plait.PipelineErrors)


def test_what_a_function_left_to_await_is_closed_when_its_branch_is_cancelled():
    opened = threading.Event()

    async def later() -> int:
        return 1

    def leave_it(_: Any) -> Any:
        opened.wait(30)
        return later()

    async def fail(_: Any) -> Any:
        asyncio.get_running_loop().call_later(0.05, opened.set)
        raise ConnectionError("gone")

    block = parallel([transform(leave_it, output_state="a"), transform(fail, output_state="b")])
    with pytest.raises(ConnectionError):
        asyncio.run(Pipeline([block]).invoke({}))


class Mine(Exception):
    """With a way of its own to be made."""

    def __init__(self, what: str, *, code: int) -> None:
        super().__init__(f"{what} ({code})")
        self.what, self.number = what, code


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("k"),
        OSError(2, "no such file", "name"),
        UnicodeDecodeError("utf-8", b"a", 0, 1, "why"),
        ImportError("i", name="n"),
        StopAsyncIteration(3),
        Mine("what", code=4),
        plait.StepTimeout("late"),
    ],
)
def test_the_class_of_both_holds_all_that_the_error_holds(error: Exception) -> None:
    made: Any = as_pipeline_error(error)
    assert isinstance(made, type(error))
    assert isinstance(made, PipelineRuntimeError)
    assert (str(made), repr(made), made.args, made.__dict__) == (
        str(error),
        repr(error),
        error.args,
        vars(error),
    )
    for name in ("filename", "name", "what", "number"):
        assert getattr(made, name, None) == getattr(error, name, None)
    assert as_pipeline_error(made) is made


def test_errors_of_both_classes_can_be_sent_elsewhere():
    made = pickle.loads(pickle.dumps(as_pipeline_error(ValueError("x"))))
    assert (type(made).__name__, str(made)) == ("ValueError", "x")
    assert isinstance(made, BasePipelineError)


def test_an_error_that_can_not_be_mixed_stays_what_it_is():
    class Odd(ValueError, OSError):
        __slots__ = ()

    assert isinstance(as_pipeline_error(Odd("x")), Odd)
    assert isinstance(as_pipeline_error(asyncio.CancelledError()), asyncio.CancelledError)


def test_a_mistake_in_the_pipeline_is_a_value_error_of_the_library():
    with pytest.raises(PipelineValueError, match="E202") as caught:
        invoke(parallel([failing(), failing()]))
    assert isinstance(caught.value, plait.InvalidPipeline)
    assert [d.code for d in caught.value.diagnostics if d.is_error] == ["E202"]


# Handlers


def test_the_four_handlers():
    def run(handler: Any) -> dict[str, Any]:
        return invoke(
            [failing(OSError("x"), error_handler=handler), transform(lambda _: 1, output_state="after")],
            {"out": "old"},
        )

    assert run(KeepStepErrorHandler()) == {"out": "old", "after": 1}
    assert run(EmptyStepErrorHandler("out")) == {"out": None, "after": 1}
    assert run(EmptyStepErrorHandler(["out", "more"])) == {"out": None, "more": None, "after": 1}
    assert run(FallbackStepErrorHandler(lambda *_: {"out": "new", "flag": True})) == {
        "out": "new",
        "flag": True,
        "after": 1,
    }
    assert run(FallbackStepErrorHandler(lambda *_: None)) == {"out": "old", "after": 1}
    with pytest.raises(OSError, match="x"):
        run(RaiseStepErrorHandler())


def test_what_a_fallback_is_told():
    told: list[Any] = []

    async def fallback(error: BaseException, state: Any, runtime: Any, context: Any) -> Any:
        told.extend([error, state, runtime.context, context])
        return {"out": "later"}

    original = OSError("x")
    steps = [
        transform(lambda _: 1, output_state="a"),
        failing(original, name="bad", error_handler=FallbackStepErrorHandler(fallback)),
    ]
    assert invoke(steps, {"n": 0}, config={"k": 2})["out"] == "later"
    error, state, values, context = told
    assert (error, state, values) == (original, {"n": 0, "a": 1}, {"k": 2})
    assert (context.step_name, context.step_type, context.exception, context.state) == (
        "bad",
        "StateOperatorStep",
        original,
        state,
    )


def test_a_handler_of_ones_own(caplog: pytest.LogCaptureFixture) -> None:
    class Mine(BaseStepErrorHandler):
        def _handle(self, error: BaseException, state: Any, runtime: Any, context: Any) -> Any:
            return {"out": f"{context.step_name}: {error}"}

    assert invoke(failing(OSError("x"), name="bad", error_handler=Mine()))["out"] == "bad: x"
    assert [record.getMessage() for record in caplog.records] == ["step bad failed with OSError"]
    with pytest.raises(PipelineTypeError, match=r"FallbackStepErrorHandler\(3\)"):
        FallbackStepErrorHandler(3)  # type: ignore[arg-type]


def test_a_handler_beside_others_writes_what_its_step_writes():
    def block(update: dict[str, Any]) -> Any:
        handler = FallbackStepErrorHandler(lambda *_: update)
        return parallel(
            [
                failing(OSError("x"), name="bad", error_handler=handler),
                transform(lambda _: 1, output_state="b"),
            ]
        )

    assert invoke(block({"out": 2})) == {"out": 2, "b": 1}
    with pytest.raises(
        PipelineRuntimeError,
        match=r"the error handler of step 'bad' wrote 'flag'.*only what the step writes: 'out'",
    ):
        invoke(block({"flag": 1}))


def test_handlers_of_every_kind_of_step():
    keep = KeepStepErrorHandler()
    bad = failing(OSError("x"), OSError("y"), OSError("z"))
    child = Pipeline([failing(OSError("x"), OSError("y"))])
    steps = [
        parallel([bad], error_handler=keep),
        if_else(Failing(OSError("x")), no_op(), no_op(), error_handler=keep),
        map_reduce("out", Failing(OSError("x")), input_map={"a": Val([1])}, error_handler=keep),
        subgraph(child, error_handler=keep),
        try_catch(bad, error_handler=keep),
        step(Failing(OSError("x")), "out", error_handler=EmptyStepErrorHandler("out")),
    ]
    assert invoke(steps, {"n": 1}) == {"n": 1, "out": None}


def test_a_jump_to_a_step_with_a_handler():
    steps = [
        goto("over", Val("bad")),
        transform(lambda _: 1, output_state="skipped"),
        failing(OSError("x"), name="bad", error_handler=KeepStepErrorHandler()),
    ]
    assert invoke(steps, {"n": 1}) == {"n": 1}


# Trying again


def test_as_many_attempts_as_retries_and_one():
    again = RetryConfig(max_retries=2, base_delay=1, jitter=False)

    async def main(errors: int) -> tuple[Any, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        work = Failing(*[OSError(str(n)) for n in range(errors)])

        async def attempt(_: Any) -> Any:
            return work()

        state = await Pipeline([transform(attempt, output_state="out", retry_config=again)]).invoke({})
        return state["out"], loop.time() - began

    assert run_virtual(main(2)) == ("ok", 3.0)
    with pytest.raises(OSError, match="2"):
        run_virtual(main(3))


def test_the_longest_wait():
    config = RetryConfig(max_retries=4, base_delay=1, max_delay=2, jitter=False)

    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        work = Failing(*[OSError(str(n)) for n in range(4)])

        async def attempt(_: Any) -> Any:
            return work()

        await Pipeline([transform(attempt, output_state="out", retry_config=config)]).invoke({})
        return loop.time() - began

    assert run_virtual(main()) == 1 + 2 + 2 + 2
    with pytest.raises(PipelineValueError, match="max_delay=1 is below base_delay=2"):
        RetryConfig(base_delay=2, max_delay=1)


@pytest.mark.parametrize(
    ("config", "error", "calls"),
    [
        (RetryConfig(max_retries=1, base_delay=0), OSError(), 2),
        (
            RetryConfig(max_retries=1, base_delay=0, retry_on_exceptions=(ConnectionError,)),
            ConnectionError(),
            2,
        ),
        (RetryConfig(max_retries=1, base_delay=0, retry_on_exceptions=(ConnectionError,)), ValueError(), 1),
        (RetryConfig(max_retries=1, base_delay=0), TimeoutError(), 1),
        (RetryConfig(max_retries=1, base_delay=0, non_retryable_exceptions=(ValueError,)), TimeoutError(), 2),
        (RetryConfig(max_retries=1, base_delay=0, non_retryable_exceptions=(ValueError,)), ValueError(), 1),
        (RetryConfig(), OSError(), 1),
    ],
)
def test_which_errors_are_tried_again(config: Any, error: Exception, calls: int) -> None:
    work = Failing(error)
    handler = KeepStepErrorHandler()
    invoke(transform(work, output_state="out", retry_config=config, error_handler=handler))
    assert work.calls == calls


def test_a_timeout_holds_for_each_attempt():
    times: list[float] = []

    async def slow(_: Any) -> Any:
        times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(10)

    config = RetryConfig(max_retries=1, base_delay=0, timeout=2, non_retryable_exceptions=())
    with pytest.raises(TimeoutError):
        invoke(transform(slow, output_state="out", retry_config=config))
    assert times[1] - times[0] == 2


def test_errors_are_translated_before_they_are_compared():
    def translate(error: Exception) -> Exception:
        return ConnectionError("busy") if isinstance(error, ValueError) else error

    config = RetryConfig(
        max_retries=1, base_delay=0, retry_on_exceptions=(ConnectionError,), error_translators=[translate]
    )
    work = Failing(ValueError("429"), ValueError("429"))
    with pytest.raises(ConnectionError, match="busy") as caught:
        invoke(transform(work, output_state="out", retry_config=config))
    assert work.calls == 2
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_blocks_are_tried_again_as_a_whole():
    again = RetryConfig(max_retries=1, base_delay=0)
    first, second = Failing(), Failing(OSError("x"))
    body = [transform(first, output_state="a"), transform(second, output_state="b")]
    for block in (
        parallel([body], retry_config=again),
        try_catch(body, retry_config=again),
        subgraph(Pipeline(body), retry_config=again),
    ):
        first.calls, second.errors = 0, [OSError("x")]
        assert invoke(block) == {"a": "ok", "b": "ok"}
        assert first.calls == 2


def test_only_the_item_that_failed_is_tried_again():
    calls: list[int] = []

    async def work(d: dict[str, Any]) -> int:
        calls.append(d["n"])
        if calls.count(2) == 1 and d["n"] == 2:
            raise OSError("x")
        return int(d["n"])

    again = RetryConfig(max_retries=1, base_delay=0)
    assert invoke(map_reduce("out", work, sum, {"n": "ns"}, again), {"ns": [1, 2, 3]})["out"] == 6
    assert sorted(calls) == [1, 2, 2, 3]


def test_a_condition_is_asked_again():
    asked = Failing(OSError("x"), then=True)
    invoke(if_else(asked, no_op(), no_op(), retry_config=RetryConfig(max_retries=1, base_delay=0)))
    assert asked.calls == 2


# What is kept


class Store:
    """Keeps results in a dict, as gllm_datastore's caches do: by a decorator."""

    def __init__(self, *, holds: type = object) -> None:
        self.kept: dict[tuple[str, str], Any] = {}
        self.holds = holds

    def cache(self, key_func: Any = None, name: str = "") -> Any:
        def decorate(function: Any) -> Any:
            async def kept(*args: Any, **kwargs: Any) -> Any:
                key = (name, key_func(*args, **kwargs))
                if key not in self.kept:
                    result = await function(*args, **kwargs)
                    if not isinstance(result, self.holds):
                        raise TypeError("can't hold this")
                    self.kept[key] = result
                return self.kept[key]

            return kept

        return decorate


def test_equal_inputs_are_computed_once():
    store, work = Store(), Failing()
    kept = transform(work, ["a", "k"], output_state="out", name="work", cache=CacheConfig(store))
    for config in ({"k": 1}, {"k": 1, "other": 2}, {"k": 1}):
        assert invoke(kept, {"a": {"x": [1]}, "unread": config}, config=config)["out"] == "ok"
    assert work.calls == 1
    invoke(kept, {"a": 2}, config={"k": 1})
    assert work.calls == 2
    assert {name for name, _ in store.kept} == {"step_work"}
    assert kept.is_cache_enabled


def test_equal_calls_at_the_same_time_run_once():
    calls: list[int] = []

    async def slow(_: Any) -> str:
        calls.append(1)
        await asyncio.sleep(1)
        return "ok"

    pipeline = Pipeline([transform(slow, ["a"], output_state="out", cache=CacheConfig(Store()))])

    async def main() -> list[Any]:
        return list(await asyncio.gather(*(pipeline.invoke({"a": 1}) for _ in range(5))))

    assert [state["out"] for state in run_virtual(main())] == ["ok"] * 5
    assert calls == [1]


def test_a_failure_is_not_kept_and_is_everybodys():
    work = Failing(OSError("x"))

    async def slow(_: Any) -> Any:
        await asyncio.sleep(1)
        return work()

    pipeline = Pipeline([transform(slow, ["a"], output_state="out", cache=CacheConfig(Store()))])

    async def main() -> list[Any]:
        return list(
            await asyncio.gather(*(pipeline.invoke({"a": 1}) for _ in range(2)), return_exceptions=True)
        )

    assert [type(e).__name__ for e in run_virtual(main())] == ["OSError", "OSError"]
    assert invoke(pipeline, {"a": 1})["out"] == "ok"


def test_what_the_store_can_not_hold_is_given_all_the_same():
    kept = transform(lambda _: {1}, ["a"], output_state="out", cache=CacheConfig(Store(holds=str)))
    assert invoke(kept, {"a": 1})["out"] == {1}


def test_inputs_without_a_stable_form_are_not_kept():
    work = Failing()
    kept = transform(work, ["a"], output_state="out", cache=CacheConfig(Store()))
    invoke(kept, {"a": object()})
    invoke(kept, {"a": object()})
    assert work.calls == 2


@pytest.mark.parametrize(
    "key_func",
    [
        lambda state: str(state["a"]),
        lambda state, runtime, config=None: str(state["a"]),
        lambda state, runtime, config, **_: str(state["a"]),
        lambda *args: str(args[0]["a"]),
    ],
)
def test_a_key_function_takes_what_it_wants(key_func: Any) -> None:
    store = Store()
    invoke(
        transform(lambda _: 1, ["a", "b"], output_state="out", cache=CacheConfig(store, "mine", key_func)),
        {"a": 5, "b": 6},
    )
    assert list(store.kept) == [("mine", "5")]


def test_a_whole_pipeline_is_kept():
    store, work = Store(), Failing()
    pipeline = Pipeline([transform(work, ["a"], output_state="out")], name="p", cache=CacheConfig(store))
    for _ in range(2):
        assert invoke(pipeline, {"a": 1}) == {"a": 1, "out": "ok"}
    invoke(pipeline, {"a": 1}, config={"k": 1})
    assert work.calls == 2
    assert {name for name, _ in store.kept} == {"pipeline_p"}
    by_query = Pipeline(
        [transform(work, ["a"], output_state="out")], cache=CacheConfig(store, "q", lambda x: str(x["a"]))
    )
    invoke(by_query, {"a": 7})
    assert ("q", "7") in store.kept


def test_an_embedded_pipeline_keeps_its_own_results():
    store, work = Store(), Failing()
    child = Pipeline([transform(work, ["a"], output_state="out")], name="child", cache=CacheConfig(store))
    outer = Pipeline([child, subgraph(child, {"again": "out", "none": "absent"}, {"a": "a"})])
    for _ in range(2):
        assert invoke(outer, {"a": 1}) == {"a": 1, "out": "ok", "again": "ok", "none": None}
    assert work.calls == 1
    assert invoke(outer, {}, config={"a": 2})["out"] == "ok"
    assert work.calls == 2


def test_a_cache_where_there_can_be_none():
    kept = CacheConfig(Store())
    for make in (
        lambda: parallel([no_op()], cache=kept),
        lambda: try_catch(no_op(), cache=kept),
        lambda: subgraph(Pipeline([no_op()]), cache=kept),
        lambda: map_reduce("a", len, cache=kept),
        lambda: Pipeline([no_op("a")], cache=kept, interrupt_before="a"),
    ):
        with pytest.raises(PipelineValueError, match="cache"):
            make()
    with pytest.raises(PipelineValueError, match="leave the breakpoints or the pipeline's cache out"):
        invoke(Pipeline([no_op("a")], cache=kept, checkpointer=Store()), interrupt_before=["a"])
    with pytest.raises(PipelineTypeError, match=r"a store has a method cache"):
        CacheConfig(3)
