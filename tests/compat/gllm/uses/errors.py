"""Errors, handlers, retries and the pipeline's own fallback (PARITY 1.5)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import xyz
from tests.compat.gllm.playing import case


def _failing(lib: Any, **options: Any) -> Any:
    return lib.step(
        lib.parts.Fail(ConnectionError("no route"), "fail"),
        output_state="y",
        input_map={"x": "x"},
        name="fail",
        **options,
    )


def _after(lib: Any) -> Any:
    return lib.step(lib.parts.Double("after"), output_state="z", input_map={"x": "x"}, name="after")


@case()
async def case_an_error_ends_the_run(lib: Any) -> Any:
    return await lib.Pipeline([_failing(lib), _after(lib)], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_handler_raise(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [_failing(lib, error_handler=lib.RaiseStepErrorHandler()), _after(lib)], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_keep(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [_failing(lib, error_handler=lib.KeepStepErrorHandler()), _after(lib)], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_keep_leaves_what_an_earlier_step_wrote(lib: Any) -> Any:
    before = lib.transform(lambda _: 5, output_state="y", name="before")
    pipeline = lib.Pipeline(
        [before, _failing(lib, error_handler=lib.KeepStepErrorHandler())], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_empty(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [_failing(lib, error_handler=lib.EmptyStepErrorHandler("y")), _after(lib)], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_empty_for_two_keys(lib: Any) -> Any:
    bad = lib.step(
        lib.parts.Fail(ValueError("no"), "fail"),
        output_state=["y", "z"],
        input_map={"x": "x"},
        name="fail",
        error_handler=lib.EmptyStepErrorHandler(["y", "z"]),
    )
    return await lib.Pipeline([bad], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_handler_fallback(lib: Any) -> Any:
    def instead(error: Any, state: Any, runtime: Any, context: Any) -> dict[str, Any]:
        lib.note("instead")
        return {"y": -state["x"]}

    pipeline = lib.Pipeline(
        [_failing(lib, error_handler=lib.FallbackStepErrorHandler(instead)), _after(lib)],
        state_type=xyz(lib),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_fallback_knows_the_step(lib: Any) -> Any:
    def instead(error: Any, state: Any, runtime: Any, context: Any) -> dict[str, Any]:
        return {"y": context.step_name}

    pipeline = lib.Pipeline(
        [_failing(lib, error_handler=lib.FallbackStepErrorHandler(instead))],
        state_type=lib.state(x=int, y=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_of_ones_own(lib: Any) -> Any:
    class Count(lib.BaseStepErrorHandler):
        def _handle(self, error: Any, state: Any, runtime: Any, context: Any) -> dict[str, Any]:
            lib.note("handled")
            return {"y": 99}

    pipeline = lib.Pipeline([_failing(lib, error_handler=Count()), _after(lib)], state_type=xyz(lib))
    return await pipeline.invoke({"x": 1})


@case()
async def case_handler_of_a_transform(lib: Any) -> Any:
    bad = lib.transform(
        lambda s: 1 // s["x"],
        ["x"],
        output_state="y",
        name="bad",
        error_handler=lib.EmptyStepErrorHandler("y"),
    )
    return await lib.Pipeline([bad], state_type=xyz(lib)).invoke({"x": 0})


@case()
async def case_handler_of_a_step_in_a_branch(lib: Any) -> Any:
    block = lib.parallel(
        [_failing(lib, error_handler=lib.EmptyStepErrorHandler("y")), _after(lib)], name="block"
    )
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_a_failing_branch_fails_the_block(lib: Any) -> Any:
    block = lib.parallel([_failing(lib)], name="block")
    return await lib.Pipeline([block, _after(lib)], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_retry_until_it_works(lib: Any) -> Any:
    flaky = lib.step(
        lib.parts.Flaky(2, OSError("busy"), "flaky"),
        output_state="y",
        input_map={"x": "x"},
        name="flaky",
        retry_config=lib.RetryConfig(max_retries=2, base_delay=0.01, max_delay=0.02, jitter=False),
    )
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_retry_until_it_gives_up(lib: Any) -> Any:
    flaky = lib.step(
        lib.parts.Flaky(5, OSError("busy"), "flaky"),
        output_state="y",
        input_map={"x": "x"},
        name="flaky",
        retry_config=lib.RetryConfig(max_retries=1, base_delay=0.01, max_delay=0.02, jitter=False),
    )
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})


@case()
async def case_no_retry_without_a_setting(lib: Any) -> Any:
    flaky = lib.step(
        lib.parts.Flaky(1, OSError("busy"), "flaky"), output_state="y", input_map={"x": "x"}, name="flaky"
    )
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})


def _with_fallback(lib: Any, **options: Any) -> Any:
    first = lib.transform(lib.noted("first", lambda _: 7), output_state="y", name="first")
    bad = lib.step(
        lib.parts.Fail(ConnectionError("no route"), "fail"),
        output_state="z",
        input_map={"x": "x"},
        name="fail",
    )
    instead = lib.transform(
        lib.noted("instead", lambda s: s["y"] + 1), ["y"], output_state="z", name="instead"
    )
    return lib.Pipeline([first, bad], state_type=xyz(lib), fallback=instead, **options)


@case()
async def case_pipeline_fallback_sees_what_was_reached(lib: Any) -> Any:
    return await _with_fallback(lib).invoke({"x": 1})


@case()
async def case_pipeline_fallback_for_this_error(lib: Any) -> Any:
    return await _with_fallback(lib, catch=(ConnectionError,)).invoke({"x": 1})


@case()
async def case_pipeline_fallback_not_for_another_error(lib: Any) -> Any:
    return await _with_fallback(lib, catch=(KeyError,)).invoke({"x": 1})


@case()
async def case_pipeline_fallback_of_several_steps(lib: Any) -> Any:
    bad = lib.step(
        lib.parts.Fail(ValueError("no"), "fail"), output_state="z", input_map={"x": "x"}, name="fail"
    )
    pipeline = lib.Pipeline(
        [bad],
        state_type=xyz(lib),
        fallback=[
            lib.step(lib.parts.Double("one"), output_state="y", input_map={"x": "x"}, name="one"),
            lib.step(lib.parts.Double("two"), output_state="z", input_map={"x": "y"}, name="two"),
        ],
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_strategies_side_by_side(lib: Any) -> Any:
    def bad(name: str, out: str, handler: Any) -> Any:
        return lib.step(
            lib.parts.Fail(ValueError(name), name),
            output_state=out,
            input_map={"x": "x"},
            name=name,
            error_handler=handler,
        )

    pipeline = lib.Pipeline(
        [
            bad("keep", "a", lib.KeepStepErrorHandler()),
            bad("empty", "b", lib.EmptyStepErrorHandler("b")),
            bad("fallback", "c", lib.FallbackStepErrorHandler(lambda *_: {"c": "instead"})),
        ],
        state_type=lib.state(x=int, a=str, b=str, c=str),
    )
    return await pipeline.invoke({"x": 1})
