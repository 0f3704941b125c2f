"""What runs several times, or not to its end: map_reduce, while_do, try_catch, goto (PARITY 1.3)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import put
from tests.compat.gllm.playing import case


@case()
async def case_map_over_one_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="squares",
                map_func=lib.noted("square", lambda s: s["n"] ** 2),
                input_map={"n": "numbers"},
                name="squares",
            )
        ],
        state_type=lib.state(numbers=list, squares=list),
    )
    return await pipeline.invoke({"numbers": [3, 1, 2]})


@case()
async def case_map_over_two_lists_together(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="products",
                map_func=lambda s: s["a"] * s["b"],
                input_map=["a", "b"],
                name="products",
            )
        ],
        state_type=lib.state(a=list, b=tuple, products=list),
    )
    return await pipeline.invoke({"a": [1, 2, 3], "b": (4, 5, 6)})


@case()
async def case_map_over_unequal_lists_is_refused(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="products",
                map_func=lambda s: s["a"] * s["b"],
                input_map=["a", "b"],
                name="products",
            )
        ],
        state_type=lib.state(a=list, b=list, products=list),
    )
    return await pipeline.invoke({"a": [1, 2, 3], "b": [4, 5]})


@case()
async def case_map_broadcasts_what_is_no_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out",
                map_func=lambda s: s["n"] * s["by"],
                input_map={"n": "numbers", "by": "by"},
                name="scale",
            )
        ],
        state_type=lib.state(numbers=list, by=int, out=list),
    )
    return await pipeline.invoke({"numbers": [1, 2], "by": 10})


@case()
async def case_map_keeps_a_group_whole(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out",
                map_func=lambda s: [s["n"] in s["known"], len(s["more"])],
                input_map={
                    "n": "numbers",
                    "known": lib.Group("known"),
                    "more": lib.Group(lib.Val([7, 8, 9])),
                },
                name="look_up",
            )
        ],
        state_type=lib.state(numbers=list, known=list, out=list),
    )
    return await pipeline.invoke({"numbers": [1, 2, 3], "known": [2]})


@case()
async def case_map_fans_out_over_a_fixed_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out",
                map_func=lambda s: f"{s['word']}{s['n']}",
                input_map={"word": "word", "n": lib.Val([1, 2])},
                name="number",
            )
        ],
        state_type=lib.state(word=str, out=list),
    )
    return await pipeline.invoke({"word": "a"})


@case()
async def case_map_of_no_list_is_one_call(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out",
                map_func=lib.noted("one", lambda s: s["n"] + 1),
                input_map={"n": "n"},
                name="one",
            )
        ],
        state_type=lib.state(n=int, out=list),
    )
    return await pipeline.invoke({"n": 1})


@case()
async def case_map_of_an_empty_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out",
                map_func=lib.noted("one", lambda s: s["n"] + 1),
                input_map={"n": "n"},
                name="one",
            )
        ],
        state_type=lib.state(n=list, out=list),
    )
    return await pipeline.invoke({"n": []})


@case()
async def case_map_with_a_component_and_a_reducer(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="total",
                map_func=lib.parts.Double(),
                reduce_func=lib.noted("sum", sum),
                input_map={"x": "numbers"},
                name="total",
                max_concurrency=2,
            )
        ],
        state_type=lib.state(numbers=list, total=int),
    )
    return await pipeline.invoke({"numbers": [1, 2, 3]})


@case()
async def case_map_with_async_functions(lib: Any) -> Any:
    async def later(inputs: dict[str, Any]) -> int:
        lib.note("later")
        return int(inputs["x"]) + 1

    async def joined(results: list[int]) -> str:
        lib.note("joined")
        return "+".join(map(str, results))

    pipeline = lib.Pipeline(
        [
            lib.map_reduce(
                output_state="out", map_func=later, reduce_func=joined, input_map={"x": "xs"}, name="m"
            )
        ],
        state_type=lib.state(xs=list, out=str),
    )
    return await pipeline.invoke({"xs": [1, 2, 3]})


@case()
async def case_map_class_without_threads(lib: Any) -> Any:
    import threading

    here = threading.get_ident()
    pipeline = lib.Pipeline(
        [
            lib.MapReduceStep(
                "m",
                output_state="out",
                map_func=lambda s: threading.get_ident() == here,
                input_map={"x": "xs"},
                use_thread=False,
            )
        ],
        state_type=lib.state(xs=list, out=list),
    )
    return await pipeline.invoke({"xs": [1, 2]})


@case()
async def case_a_failing_item_fails_the_map(lib: Any) -> Any:
    def third(inputs: dict[str, Any]) -> float:
        return 1 / inputs["x"]

    pipeline = lib.Pipeline(
        [lib.map_reduce(output_state="out", map_func=third, input_map={"x": "xs"}, name="m")],
        state_type=lib.state(xs=list, out=list),
    )
    return await pipeline.invoke({"xs": [1, 0]})


def _counting(lib: Any, condition: Any, **options: Any) -> Any:
    body = lib.transform(
        lib.noted("count", lambda s: s["n"] + 1), input_map={"n": "n"}, output_state="n", name="count"
    )
    start = put(lib, "start", 0, "n")
    return lib.Pipeline(
        [start, lib.while_do(body, condition, name="loop", **options)],
        state_type=lib.state(n=int, limit=int, went_on=str),
    )


@case()
async def case_while_do_runs_its_body_at_least_once(lib: Any) -> Any:
    return await _counting(lib, lambda s: s["n"] < 0).invoke({"limit": 1})


@case()
async def case_while_do_until_a_limit(lib: Any) -> Any:
    return await _counting(lib, lambda s: s["n"] < s["limit"]).invoke({"limit": 4})


@case()
async def case_while_do_by_a_word(lib: Any) -> Any:
    return await _counting(lib, lambda s: "true" if s["n"] < 3 else "false").invoke({"limit": 4})


@case()
async def case_while_do_with_an_input_map(lib: Any) -> Any:
    pipeline = _counting(lib, lambda s: s["count"] < s["most"], input_map={"count": "n", "most": lib.Val(2)})
    return await pipeline.invoke({"limit": 4})


@case()
async def case_while_do_with_another_answer_is_refused(lib: Any) -> Any:
    return await _counting(lib, lambda _: "perhaps").invoke({"limit": 4})


@case()
async def case_while_do_with_a_list_as_body(lib: Any) -> Any:
    body = [
        lib.transform(lib.noted("add", lambda s: s["n"] + 1), ["n"], output_state="n", name="add"),
        lib.transform(lib.noted("double", lambda s: s["n"] * 2), ["n"], output_state="n", name="double"),
    ]
    pipeline = lib.Pipeline(
        [put(lib, "start", 0, "n"), lib.while_do(body, lambda s: s["n"] < 10, name="loop")],
        state_type=lib.state(n=int, limit=int),
    )
    return await pipeline.invoke({"limit": 1})


def _failing(lib: Any, error: Exception | None = None) -> Any:
    return lib.step(
        lib.parts.Fail(error or ConnectionError("no route"), "fail"),
        output_state="out",
        input_map={"x": "x"},
        name="fail",
    )


@case()
async def case_try_catch_without_an_error(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.try_catch(put(lib, "body", "B"), put(lib, "fallback", "F"), name="try")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_try_catch_takes_the_fallback(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.try_catch(_failing(lib), put(lib, "fallback", "F"), catch=(ConnectionError,), name="try")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_try_catch_of_another_error_raises(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.try_catch(_failing(lib), put(lib, "fallback", "F"), catch=(KeyError,), name="try")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_try_catch_without_a_fallback_raises(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.try_catch(_failing(lib), name="try")], state_type=lib.state(x=int, out=str))
    return await pipeline.invoke({"x": 1})


@case()
async def case_try_catch_keeps_what_came_before_the_error(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.try_catch(
                [put(lib, "first", 7, "first"), _failing(lib)],
                lib.transform(
                    lib.noted("fallback", lambda s: s["first"] + 1), ["first"], output_state="out", name="f"
                ),
                name="try",
            )
        ],
        state_type=lib.state(x=int, first=int, out=int),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_try_catch_tells_what_it_caught(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.try_catch(_failing(lib), put(lib, "fallback", "F"), caught_exception_state="why", name="try")],
        state_type=lib.state(x=int, out=str, why=object),
    )
    state = await pipeline.invoke({"x": 1})
    return state | {"why": "why" in state and state["why"] is not None}


@case()
async def case_the_last_step_jumps_back(lib: Any) -> Any:
    count = lib.transform(
        lib.noted("count", lambda s: s["n"] + 1), input_map={"n": "n"}, output_state="n", name="count"
    )
    jump = lib.goto("again", lambda s: "count" if s["n"] < 3 else "END", input_map={"n": "n"})
    pipeline = lib.Pipeline([put(lib, "start", 0, "n"), count, jump], state_type=lib.state(n=int, limit=int))
    return await pipeline.invoke({"limit": 1})
