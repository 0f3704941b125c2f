"""What is done after failures: whose errors are taken, what is stopped and cleaned up before, and what is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.run.agreement import Ear, everywhere
from tests.run.bench import Bench, run

from plait import (
    Empty,
    Fallback,
    Keep,
    Optional,
    Pipeline,
    PipelineErrors,
    Raise,
    Retry,
    Val,
    failures,
    if_else,
    map_reduce,
    parallel,
    step,
    subgraph,
    try_catch,
    while_do,
)
from plait.errors import StepCancelled, StepTimeout
from plait.testing.virtual import run_virtual

SEEDS = [None, 1, 2]
MODES = ["parallel", "serial"]


def put(key: str, value: Any = 1, name: str | None = None, **options: Any) -> Any:
    async def work() -> Any:
        return value

    return step(work, {}, key, name=name or key, **options)


def raises(error: BaseException, key: str | None = None, name: str = "bad", **options: Any) -> Any:
    def work() -> Any:
        raise error

    return step(work, {}, key, name=name, effect=False, **options)


class Own(BaseException):
    """An error that is no Exception."""


# Which errors are taken


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, Own])
def test_what_is_no_exception_passes_by_handlers_that_do_not_name_it(kind, mode):
    def caught(*steps: Any) -> BaseException:
        with pytest.raises(kind) as found:
            Pipeline([*steps, put("after")]).run({}, mode=mode)
        return found.value

    assert [f.path for f in failures(caught(try_catch(raises(kind()), put("h"))))] == ["bad"]
    assert [f.path for f in failures(caught(raises(kind(), "x", error_handler=Keep())))] == ["bad"]

    def call(*_: Any) -> Any:
        raise kind

    assert [f.path for f in failures(caught(if_else(call, put("b"), name="choice")))] == ["choice/condition"]
    assert [
        f.path
        for f in failures(
            caught(map_reduce("r", lambda x: call(x, None), input_map={"x": Val([1])}, name="each"))
        )
    ] == ["each[0]"]
    assert [f.path for f in failures(caught(raises(ValueError(), "x", error_handler=Fallback(call))))] == [
        "bad/error_handler"
    ]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Own])
def test_what_is_no_exception_is_taken_by_who_names_it(kind, mode):
    result = Pipeline([try_catch(raises(kind()), put("h"), kind)]).run({}, mode=mode)
    assert result.state == {"h": 1}
    assert [type(f.error) for f in result.failures] == [kind]
    kept = Pipeline([raises(kind(), "x", error_handler=Empty(catch=BaseException))]).run({}, mode=mode)
    assert kept.state == {"x": None}


@pytest.mark.parametrize("mode", MODES)
def test_a_cancellation_that_nobody_asked_for_is_a_failure_like_any_other(mode):
    async def work() -> None:
        raise asyncio.CancelledError

    own = step(work, {}, "x", name="own")
    with pytest.raises(StepCancelled, match="'own' raised CancelledError although nobody"):
        Pipeline([try_catch(own, put("h"))]).run({}, mode=mode)
    assert Pipeline([try_catch(own, put("h"), asyncio.CancelledError)]).run({}, mode=mode).state == {"h": 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cancellation_from_outside_is_taken_by_nobody(seed):
    bench = Bench()
    pipeline = Pipeline([try_catch(bench.ok("a", 5.0), put("h"), BaseException), put("after")])

    async def main() -> None:
        task = asyncio.ensure_future(pipeline.arun({}))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main(), seed=seed)
    assert bench.did("a") == ["began", "cancelled"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_that_its_block_stops_does_not_wake_its_handler(seed):
    bench = Bench()
    ended = run(
        [
            parallel(
                [
                    [try_catch(bench.ok("a", 5.0, cleanup=1.0), bench.ok("h"), BaseException)],
                    bench.bad("b", 1.0),
                ]
            )
        ],
        seed=seed,
    )
    assert ended.paths == ["b"]
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert bench.did("h") == []
    assert ended.took == 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_handler_can_be_stopped_itself(seed):
    bench = Bench()
    ended = run(
        [parallel([[try_catch(bench.bad("a", 0.5), bench.ok("h", 5.0, cleanup=1.0))], bench.bad("b", 1.0)])],
        seed=seed,
    )
    assert ended.paths == ["b"]
    assert bench.did("h") == ["began", "cancelled", "cleaned"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_handler_waits_until_all_of_the_body_has_ended(seed):
    bench = Bench()
    ended = run(
        [try_catch(parallel([bench.bad("a", 1.0), bench.ok("b", 9.0, cleanup=2.0)]), bench.ok("h"))],
        seed=seed,
    )
    assert ended.error is None
    assert bench.when("h", "began") == [3.0]
    assert ended.paths == ["a"]


@pytest.mark.parametrize("seed", SEEDS)
def test_retries_come_before_handlers(seed):
    bench = Bench()
    ended = run(
        [
            bench.bad("a", 1.0, retry=Retry(3, backoff=1, jitter=0), error_handler=Empty()),
            bench.bad("b", 1.0, times=1, retry=Retry(3, backoff=1, jitter=0), error_handler=Empty()),
        ],
        seed=seed,
    )
    assert bench.did("a") == ["began", "failed"] * 3
    assert ended.state == {"a": None, "b": "b"}
    assert [(f.path, f.attempt) for f in ended.failures] == [("a", 3)]


@pytest.mark.parametrize("seed", SEEDS)
def test_timeouts_are_errors_like_others(seed):
    bench = Bench()
    ended = run(
        [
            bench.ok("a", 9.0, timeout=1.0, error_handler=Empty(catch=TimeoutError)),
            try_catch(
                parallel([bench.ok("b", 9.0)], timeout=1.0, name="block"),
                step(lambda text: text, ["text"], "h"),
                StepTimeout,
                "text",
            ),
        ],
        seed=seed,
    )
    assert ended.state == {
        "a": None,
        "h": "'block' took longer than its timeout of 1 s",
        "text": "'block' took longer than its timeout of 1 s",
    }
    assert ended.paths == ["a", "block"]
    assert ended.took == 2.0


# What is told


def test_a_failure_that_was_handled_is_told_and_ends_nothing():
    ear = Ear()
    error = ValueError("why")
    pipeline = Pipeline([try_catch([put("a"), raises(error)], put("h"), name="tried"), put("b")])
    result = pipeline.run({}, observers=[ear])
    (failure,) = result.failures
    assert (failure.path, failure.attempt, failure.error) == ("tried/bad", 1, error)
    assert "failed: tried/bad" in repr(result)
    assert ear.paths("StepFailed") == ["tried/bad"]
    assert result.report.step("tried/bad").outcome == "failed"
    assert result.report.outcome == "succeeded"
    assert [s.path for s in result.report.steps] == ["tried/a", "tried/bad", "tried/h", "b"]


def test_what_one_attempt_at_a_block_had_handled_is_forgotten_by_the_next():
    bench = Bench()
    handled = try_catch(bench.bad("a", 1.0), put("h"))
    ended = run([parallel([[handled, bench.bad("b", 1.0, times=1)]], retry=Retry(2, backoff=0))])
    assert ended.error is None
    assert ended.paths == ["a"]


def test_a_note_names_the_state_that_was_read_and_nothing_of_the_engine():
    def broken(error: Exception, state: dict[str, Any]) -> Any:
        raise KeyError("k")

    pipeline = Pipeline([raises(ValueError(), "x", error_handler=Fallback(broken))], name="p")
    with pytest.raises(KeyError) as caught:
        pipeline.run({})
    assert caught.value.__notes__ == ["in step 'bad/error_handler' of pipeline 'p', attempt 1"]


def test_all_errors_of_a_group_are_named_to_the_handler():
    seen: list[BaseException] = []

    def look(error: BaseException) -> dict[str, Any]:
        seen.append(error)
        return {}

    block = parallel(
        [raises(ValueError("v"), "x", "v"), raises(KeyError("k"), "y", "k")],
        on_error="finish",
        name="block",
        error_handler=Fallback(look),
    )
    result = Pipeline([block]).run({})
    (error,) = seen
    assert isinstance(error, PipelineErrors)
    assert [type(leaf) for leaf in error.exceptions] == [ValueError, KeyError]
    assert [f.path for f in result.failures] == ["block/v", "block/k"]


# What comes of it


@pytest.mark.parametrize(
    ("handler", "state"),
    [
        (Keep(), {"a": 0, "b": 0}),
        (Empty(), {"a": None, "b": 0, "x": None}),
        (Fallback(lambda error: {"x": str(error)}), {"a": 0, "b": 0, "x": "v"}),
        (Fallback(lambda error, state: {"x": sorted(state)}), {"a": 0, "b": 0, "x": ["a", "b"]}),
        (Fallback(lambda error: {}), {"a": 0, "b": 0}),
    ],
)
def test_handlers_of_blocks(handler, state):
    steps = [
        put("a", 0, "first"),
        put("b", 0),
        parallel([put("a", 1), raises(ValueError("v"), "x")], name="block", error_handler=handler),
    ]
    ended = everywhere(steps, orders=["listed"])
    assert ended.state == state
    assert ended.failures == ["block/bad"]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            {"xx": 5},
            "'block/error_handler' returned a mapping with 'xx', which is none of the keys that it stands in for",
        ),
        (5, "'block/error_handler' returned int for the keys 'a' and 'x'"),
        ((1, 2, 3), "'block/error_handler' returned 3 values for 2 keys"),
    ],
)
def test_a_fallback_of_a_block_gives_its_keys(answer, why):
    steps = [
        parallel(
            [put("a"), raises(ValueError(), "x")], name="block", error_handler=Fallback(lambda error: answer)
        )
    ]
    ended = everywhere(steps, reference=answer != {"xx": 5})  # which takes a name that nobody asked for
    assert ended.error is not None
    assert why in ended.error[1]
    assert ended.failures == ["block/error_handler"]


def test_a_fallback_of_a_step_gives_what_the_step_would_have_given():
    async def later(error: Exception) -> tuple[int, str]:
        return 1, str(error)

    two = raises(ValueError("v"), None).replace(output_state=["a", "b"], error_handler=Fallback(later))
    assert everywhere([two]).state == {"a": 1, "b": "v"}
    some = raises(ValueError("v"), None).replace(
        output_state=["a", "b"], error_handler=Fallback(lambda error: {"b": 2})
    )
    assert everywhere([put("a", "old"), some]).state == {"a": "old", "b": 2}


@pytest.mark.parametrize("handler", [Raise(), Keep(catch=KeyError), Empty(catch=(KeyError, OSError))])
def test_an_error_that_a_handler_does_not_take_is_raised(handler):
    ended = everywhere([raises(ValueError("v"), "x", error_handler=handler), put("b")])
    assert ended.error == ("ValueError", "v")
    assert ended.failures == ["bad"]


def test_a_handled_block_that_collects_needs_no_handler():
    block = parallel(
        [put("a"), raises(ValueError("v"), "x")], on_error="collect", name="block", error_handler=Empty()
    )
    ended = everywhere([block])
    assert ended.state == {"a": 1}
    assert ended.failures == ["block/bad"]


def test_two_handled_uses_of_one_embedded_pipeline():
    child = subgraph(
        Pipeline([put("a"), raises(ValueError("v"), "b")]), {}, {"x": "b"}, error_handler=Empty()
    )
    ended = everywhere(
        [parallel({"one": [child, put("p")], "two": [put("q"), while_do(put("r"), lambda s: False)]}), child]
    )
    assert ended.state == {"x": None, "p": 1, "q": 1, "r": 1}
    assert ended.failures == ["one/pipeline/bad", "pipeline/bad"]


def test_a_handler_in_each_turn_sees_that_turn():
    async def more(n: int) -> int:
        return n + 1

    def odd(n: int) -> int:
        if n % 2:
            raise ValueError(n)
        return n * 10

    turn = [
        step(more, {"n": Optional("n", 0)}, "n", name="more"),
        step(odd, ["n"], "x", name="odd", error_handler=Fallback(lambda error, state: -state["n"])),
        step(lambda x, xs: [*xs, x], {"x": "x", "xs": Optional("xs", [])}, "xs", name="keep"),
    ]
    ended = everywhere([while_do(turn, step(lambda n: n < 4, ["n"]), name="loop")], {"n": 0})
    assert ended.state["xs"] == [-1, 20, -3, 40]
    assert ended.failures == ["loop#1/odd", "loop#3/odd"]
