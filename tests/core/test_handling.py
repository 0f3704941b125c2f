"""``try_catch`` and the handlers: what they take and refuse, and what they are called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plait import (
    DefinitionError,
    Empty,
    ErrorHandler,
    Fallback,
    Keep,
    Pipeline,
    Raise,
    Retry,
    dataflow,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    try_catch,
)


def fail(*args: Any, **kwargs: Any) -> Any:
    raise ConnectionError("no answer")


def failing(key: str = "x", **options: Any) -> Any:
    return step(fail, {}, key, name="f", **options)


def three(a: Any, b: Any, c: Any) -> None: ...


# What they refuse


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: try_catch([]), r"try_catch: body: the list of steps is empty"),
        (lambda: try_catch(no_op(), []), r"try_catch: fallback: the list of steps is empty"),
        (lambda: try_catch(no_op(), fail), r"try_catch: fallback: fail is not a step yet; write step\(fail, ...\)"),
        (lambda: try_catch(no_op(), no_op(), "ValueError"), r"try_catch: catch is 'ValueError'; it is an exception class, or a tuple of them"),  # type: ignore[arg-type]
        (lambda: try_catch(no_op(), no_op(), ()), r"try_catch: catch is \(\)"),
        (lambda: try_catch(no_op(), no_op(), ValueError, ["e"]), r"caught_exception_state is \['e'\]; it is one key"),  # type: ignore[arg-type]
        (lambda: Keep(catch=int), r"Keep: catch is <class 'int'>; it is an exception class"),  # type: ignore[arg-type]
        (lambda: Fallback("x"), r"Fallback\('x'\): it takes a function of the error, or of the error and the state"),  # type: ignore[arg-type]
        (lambda: failing(error_handler=Keep), r"error_handler is the class Keep; write Keep\(...\)"),
        (lambda: failing(error_handler="keep"), r"error_handler is 'keep'; it is Raise\(\), Keep\(\), Empty\(\) or Fallback\(function\)"),
        (lambda: Pipeline([failing(error_handler=Fallback(three))]).plan(), r"Fallback: the function takes the error, or the error and the state"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_with_the_cure(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        make()


# Handlers


@pytest.mark.parametrize("handler", [None, Raise()], ids=["none", "Raise"])
def test_without_a_handler_the_run_fails(handler: ErrorHandler | None) -> None:
    with pytest.raises(ConnectionError):
        Pipeline([failing(error_handler=handler)]).run({})


async def later(error: BaseException) -> str:
    return f"later: {error}"


@pytest.mark.parametrize(
    ("handler", "value"),
    [
        (Keep(), "old"),
        (Empty(), None),
        (Fallback(lambda error: f"told: {error}"), "told: no answer"),
        (Fallback(lambda error, state: sorted(state)), ["k", "x"]),
        (Fallback(later), "later: no answer"),
    ],
    ids=["Keep", "Empty", "Fallback", "with the state", "async"],
)
def test_a_handler_of_a_step_gives_its_key(handler: ErrorHandler, value: Any) -> None:
    flows = [step(lambda: "old", {}, "x", name="old"), failing(error_handler=handler)]
    result = Pipeline(flows).run({"k": 1})
    assert result.state["x"] == value
    assert [(failure.path, str(failure.error)) for failure in result.failures] == [("f", "no answer")]


@pytest.mark.parametrize("handler", [Keep, Empty], ids=lambda handler: handler.__name__)
def test_it_takes_only_what_it_is_for(handler: Any) -> None:
    assert Pipeline([failing(error_handler=handler(catch=(KeyError, OSError)))]).run({}).failures
    with pytest.raises(ConnectionError):
        Pipeline([failing(error_handler=handler(catch=KeyError))]).run({})


BLOCKS: dict[str, Callable[[ErrorHandler], Any]] = {
    "parallel": lambda handler: parallel(
        [failing(), step(lambda: 1, {}, "y", name="g")], error_handler=handler
    ),
    "dataflow": lambda handler: dataflow(
        [failing(), step(lambda: 1, {}, "y", name="g")], error_handler=handler
    ),
    "subgraph": lambda handler: subgraph(
        Pipeline([step(lambda: 1, {}, "y", name="g"), failing()]),
        None,
        ["x", "y"],
        name="s",
        error_handler=handler,
    ),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_handler_of_a_block_is_for_all_its_keys(block: str) -> None:
    assert Pipeline([BLOCKS[block](Empty())]).run({}).state == {"x": None, "y": None}
    made = Fallback(lambda error: {"x": "made", "y": str(error)})
    assert Pipeline([BLOCKS[block](made)]).run({}).state == {"x": "made", "y": "no answer"}
    old = [step(lambda: (1, 2), {}, ["x", "y"], name="old"), BLOCKS[block](Keep())]
    assert Pipeline(old).run({}).state == {"x": 1, "y": 2}


def test_a_map_is_a_block_for_its_handler() -> None:
    flow = map_reduce(
        "o", fail, input_map={"item": "xs"}, name="m", error_handler=Fallback(lambda error: {"o": "none"})
    )
    assert Pipeline([flow]).run({"xs": [1, 2]}).state["o"] == "none"


def test_retries_come_first() -> None:
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        raise ConnectionError

    handled = step(
        flaky, {}, "x", retry=Retry(3, backoff=0), error_handler=Fallback(lambda error: len(tries))
    )
    assert Pipeline([handled]).run({}).state == {"x": 3}


# try_catch


def test_the_text_of_the_error_is_in_the_state_for_the_fallback_and_later_steps() -> None:
    told = step(lambda why: f"because {why}", output_state="x", name="tell")
    flows = [
        try_catch(failing(), told, caught_exception_state="why"),
        step(lambda x: x.upper(), output_state="y", name="y"),
    ]
    assert Pipeline(flows).run({}).state == {
        "why": "no answer",
        "x": "because no answer",
        "y": "BECAUSE NO ANSWER",
    }


def test_without_an_error_there_is_no_text() -> None:
    flow = try_catch(step(lambda: 1, {}, "x", name="f"), no_op(), caught_exception_state="why")
    result = Pipeline([flow]).run({})
    assert result.state == {"x": 1}
    assert not result.failures


def test_a_name_adds_a_level_to_paths_and_none_adds_none() -> None:
    for name, prefix in ((None, ""), ("t", "t/")):
        result = Pipeline([try_catch([no_op("a"), failing()], no_op("h"), name=name)]).run({})
        assert [each.path for each in result.report.steps] == [f"{prefix}a", f"{prefix}f", f"{prefix}h"]


def test_what_the_fallback_raises_is_raised() -> None:
    def worse() -> None:
        raise KeyError("worse")

    with pytest.raises(KeyError, match="worse"):
        Pipeline([try_catch(failing(), step(worse, {}, "x"))]).run({})


def test_the_fallback_of_a_pipeline_is_for_all_of_its_steps() -> None:
    stand_in = step(lambda k: f"instead of {k}", output_state="x", name="stand_in")
    pipeline = Pipeline([no_op("a"), failing()], fallback=stand_in, catch=ConnectionError)
    result = pipeline.run({"k": "k"})
    assert result.state == {"k": "k", "x": "instead of k"}
    assert [each.path for each in result.report.steps] == ["a", "f", "stand_in"]
    with pytest.raises(ConnectionError):
        Pipeline([failing()], fallback=stand_in, catch=KeyError).run({"k": "k"})
