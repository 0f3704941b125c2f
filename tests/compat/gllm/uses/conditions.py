"""What decides what runs: if_else, switch, toggle, guard and the class behind them (PARITY 1.3)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import put
from tests.compat.gllm.playing import case


@case()
async def case_if_else_takes_the_first_branch(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.if_else(lambda s: s["x"] > 3, put(lib, "large", "L"), put(lib, "small", "S"), name="size")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_if_else_takes_the_second_branch(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.if_else(lambda s: s["x"] > 3, put(lib, "large", "L"), put(lib, "small", "S"), name="size")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_if_else_by_a_word(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.if_else(lambda _: "True", put(lib, "yes", "Y"), put(lib, "no", "N"), name="word")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_if_else_by_a_component(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lib.parts.Answer("false", "ask"), put(lib, "yes", "Y"), put(lib, "no", "N"), name="asked"
            )
        ],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_if_else_keeps_its_decision(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lambda s: s["x"] > 3,
                put(lib, "large", "L"),
                put(lib, "small", "S"),
                output_state="was_large",
                name="size",
            )
        ],
        state_type=lib.state(x=int, out=str, was_large=str),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_if_else_with_lists_of_steps(lib: Any) -> Any:
    double = lib.parts.Double
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lambda s: s["x"] > 3,
                [
                    lib.step(double("one"), output_state="out", input_map={"x": "x"}, name="one"),
                    lib.step(double("two"), output_state="out", input_map={"x": "out"}, name="two"),
                ],
                [lib.no_op(name="nothing")],
                name="size",
            )
        ],
        state_type=lib.state(x=int, out=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_if_else_with_a_fixed_value(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lambda s: s["x"] > s["limit"],
                put(lib, "large", "L"),
                put(lib, "small", "S"),
                input_map={"x": "x", "limit": lib.Val(3)},
                name="size",
            )
        ],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_condition_sees_the_config(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lambda s: s["x"] > s["limit"], put(lib, "large", "L"), put(lib, "small", "S"), name="size"
            )
        ],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 4}, config={"limit": 10})


@case()
async def case_if_else_inside_if_else(lib: Any) -> Any:
    inner = lib.if_else(lambda s: s["x"] > 10, put(lib, "huge", "H"), put(lib, "large", "L"), name="inner")
    pipeline = lib.Pipeline(
        [lib.if_else(lambda s: s["x"] > 3, inner, put(lib, "small", "S"), name="outer")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 40})


@case()
async def case_untaken_branch_leaves_the_key_as_it_was(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            put(lib, "before", "B"),
            lib.if_else(lambda s: s["x"] > 3, put(lib, "large", "L"), lib.no_op(name="nothing"), name="size"),
        ],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


def _route(lib: Any, condition: Any, **options: Any) -> Any:
    return lib.switch(
        condition, {"news": put(lib, "news", "N"), "math": put(lib, "math", "M")}, name="route", **options
    )


@case()
async def case_switch_by_a_function(lib: Any) -> Any:
    pipeline = lib.Pipeline([_route(lib, lambda s: s["topic"])], state_type=lib.state(topic=str, out=str))
    return await pipeline.invoke({"topic": "math"})


@case()
async def case_switch_default(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [_route(lib, lambda s: s["topic"], default=put(lib, "other", "O"))],
        state_type=lib.state(topic=str, out=str),
    )
    return await pipeline.invoke({"topic": "sports"})


@case()
async def case_switch_keeps_that_nothing_matched(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [_route(lib, lambda s: s["topic"], default=put(lib, "other", "O"), output_state="route")],
        state_type=lib.state(topic=str, out=str, route=str),
    )
    return [await pipeline.invoke({"topic": topic}) for topic in ("sports", "news")]


@case()
async def case_switch_by_a_component_with_inputs(lib: Any) -> Any:
    class Router(lib.Component):
        @lib.main
        async def route(self, source: str, event_emitter: Any = None) -> str:
            lib.note("router")
            return "math" if "+" in source else "news"

    pipeline = lib.Pipeline(
        [_route(lib, Router(), input_map={"source": "topic"}, output_state="route")],
        state_type=lib.state(topic=str, out=str, route=str),
    )
    return await pipeline.invoke({"topic": "1+1"})


@case(needs="torch")
async def case_switch_by_the_keyword_router(lib: Any) -> Any:
    router = lib.router()
    rules = {
        "math": router.RouterRuleset(
            rules=[
                router.RouterRule(
                    keywords=["plus"], allow_substring=True, case_sensitive=False, alphanumeric_only=False
                )
            ],
            match_all=False,
        )
    }
    by_keyword = router.RuleBasedRouter(
        ruleset_map=rules, default_route="news", valid_routes={"math", "news"}
    )
    pipeline = lib.Pipeline(
        [_route(lib, by_keyword, input_map={"source": "topic"})], state_type=lib.state(topic=str, out=str)
    )
    first = await pipeline.invoke({"topic": "one plus one"})
    second = await pipeline.invoke({"topic": "elections"})
    return [first, second]


@case()
async def case_toggle_by_a_function(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.toggle(lambda s: s["use"], put(lib, "extra", "E"), name="toggle")],
        state_type=lib.state(use=bool, out=str),
    )
    return [await pipeline.invoke({"use": True}), await pipeline.invoke({"use": False})]


@case()
async def case_toggle_by_a_key(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.toggle("use", put(lib, "extra", "E"), name="toggle")],
        state_type=lib.state(x=int, use=object, out=str),
    )
    return [await pipeline.invoke(state | {"x": 0}) for state in ({"use": 1}, {"use": ""}, {})]


@case()
async def case_toggle_by_a_key_of_the_config(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.toggle("use", put(lib, "extra", "E"), name="toggle")], state_type=lib.state(x=int, out=str)
    )
    return await pipeline.invoke({"x": 1}, config={"use": True})


@case()
async def case_guard_passes(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.guard(
                lambda s: s["x"] > 3,
                put(lib, "ok", "K"),
                put(lib, "bad", "B"),
                output_state="g",
                name="guard",
            ),
            put(lib, "after", 1, "after"),
        ],
        state_type=lib.state(x=int, out=str, g=str, after=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_guard_that_fails_ends_the_pipeline(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.guard(
                lambda s: s["x"] > 3,
                put(lib, "ok", "K"),
                put(lib, "bad", "B"),
                output_state="g",
                name="guard",
            ),
            put(lib, "after", 1, "after"),
        ],
        state_type=lib.state(x=int, out=str, g=str, after=int),
    )
    return await pipeline.invoke({"x": 1})


@case()
async def case_guard_without_a_failure_branch(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.guard(lambda s: s["x"] > 3, put(lib, "ok", "K"), name="guard"), put(lib, "after", 1, "after")],
        state_type=lib.state(x=int, out=str, after=int),
    )
    return await pipeline.invoke({"x": 1})


def _several(lib: Any, **options: Any) -> Any:
    return lib.ConditionalStep(
        "both",
        {
            "hot;wet": put(lib, "storm", "storm"),
            "wet and hot": put(lib, "steam", "steam"),
            "hot;dry": put(lib, "sun", "sun"),
            "__default__": put(lib, "grey", "grey"),
        },
        [lambda s: "hot" if s["t"] > 20 else "cold", lambda s: "wet" if s["rain"] else "dry"],
        output_state="weather",
        **options,
    )


@case()
async def case_several_conditions_are_joined(lib: Any) -> Any:
    pipeline = lib.Pipeline([_several(lib)], state_type=lib.state(t=int, rain=bool, out=str, weather=str))
    return await pipeline.invoke({"t": 30, "rain": False})


@case()
async def case_several_conditions_fall_back_to_the_default(lib: Any) -> Any:
    pipeline = lib.Pipeline([_several(lib)], state_type=lib.state(t=int, rain=bool, out=str, weather=str))
    return await pipeline.invoke({"t": 3, "rain": False})


@case()
async def case_several_conditions_with_an_aggregator(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            _several(
                lib,
                condition_aggregator=lambda found: " and ".join(reversed(found)),
                evaluate_concurrently=True,
            )
        ],
        state_type=lib.state(t=int, rain=bool, out=str, weather=str),
    )
    return await pipeline.invoke({"t": 30, "rain": True})
