"""What a pipeline itself offers: operators, state types, tools, drawings, exclusions, traces (PARITY 1.2 and 1.6)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from tests.compat.gllm.pieces import double, xyz
from tests.compat.gllm.playing import case


@case()
async def case_step_or_step(lib: Any) -> Any:
    pipeline = double(lib, "a", "y") | double(lib, "b", "z", "y")
    pipeline.state_type = xyz(lib)
    return await pipeline.invoke({"x": 2})


@case()
async def case_pipeline_or_step_makes_a_new_one(lib: Any) -> Any:
    first = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib))
    both = first | double(lib, "b", "z", "y")
    return [await both.invoke({"x": 2}), await first.invoke({"x": 2})]


@case()
async def case_pipeline_or_pipeline(lib: Any) -> Any:
    state = xyz(lib)
    first = lib.Pipeline([double(lib, "a", "y")], state_type=state)
    second = lib.Pipeline([double(lib, "b", "z", "y")], state_type=state)
    return await (first | second).invoke({"x": 2})


@case()
async def case_pipeline_or_pipeline_of_another_state_is_refused(lib: Any) -> Any:
    first = lib.Pipeline([double(lib, "a", "y")], state_type=lib.state(x=int, y=int))
    second = lib.Pipeline([double(lib, "b", "z", "y")], state_type=xyz(lib))
    return await (first | second).invoke({"x": 2})


@case()
async def case_append_a_pipeline(lib: Any) -> Any:
    state = xyz(lib)
    child = lib.Pipeline([double(lib, "b", "z", "y")], state_type=state, name="child")
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=state, name="parent") << child
    return await pipeline.invoke({"x": 2})


@case()
async def case_append_a_step(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib)) << double(lib, "b", "z", "y")
    return await pipeline.invoke({"x": 2})


@case()
async def case_add_step(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib))
    pipeline.add_step(double(lib, "b", "z", "y"))
    return await pipeline.invoke({"x": 2})


@case()
async def case_state_as_a_model(lib: Any) -> Any:
    class State(BaseModel):
        x: int
        y: int = 0

    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=State)
    return await pipeline.invoke({"x": 2})


@case()
async def case_a_model_goes_in(lib: Any) -> Any:
    class State(BaseModel):
        x: int
        y: int | None = None

    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=State)
    return await pipeline.invoke(State(x=2))


@case()
async def case_the_state_of_rag_is_the_default(lib: Any) -> Any:
    class Answer(lib.BasePipelineStep):
        async def execute(self, state: Any, runtime: Any, config: Any = None) -> dict[str, Any]:
            lib.note(self.name)
            return {"response": state["user_query"].upper()}

    return await lib.Pipeline([Answer("answer")]).invoke({"user_query": "why"})


@case()
async def case_the_state_is_inferred(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y"), double(lib, "b", "z", "y")], infer_schema=True)
    return await pipeline.invoke({"x": 2})


@case()
async def case_input_and_output_types_filter(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [double(lib, "a", "y"), double(lib, "b", "z", "y")],
        state_type=xyz(lib),
        input_type=lib.state(x=int),
        output_type=lib.state(z=int),
    )
    return await pipeline.invoke({"x": 2})


@case()
async def case_context_with_a_schema(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="y", input_map={"a": "x", "b": "tenant"}, name="add")],
        state_type=lib.state(x=int, y=int),
        context_schema=lib.state(tenant=int),
    )
    return await pipeline.invoke({"x": 1}, context={"tenant": 40})


@case()
async def case_outputs_of_single_steps(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y"), double(lib, "b", "z", "y")], state_type=xyz(lib))
    return await pipeline.invoke({"x": 2}, include_outputs_from={"a"})


@case(says="nobody")
async def case_outputs_of_an_unknown_step_are_refused(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib))
    return await pipeline.invoke({"x": 2}, include_outputs_from={"nobody"})


@case()
async def case_debug_state(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y"), double(lib, "b", "z", "y")], state_type=xyz(lib))
    state = await pipeline.invoke({"x": 2}, config={"debug_state": True})
    logs = state.pop("__state_logs__")
    seen = [[log["type"], log["payload"]["name"]] for log in logs if log["type"] in {"task", "task_result"}]
    return {"state": state, "seen": seen}


@case(needs="gllm_core")
async def case_as_a_tool(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [double(lib, "a", "y")], state_type=xyz(lib), input_type=lib.state(x=int), name="doubling"
    )
    tool = pipeline.as_tool(description="Doubles a number.")
    return {
        "name": tool.name,
        "description": tool.description,
        "keys": sorted(tool.input_schema["properties"]),
    }


@case(needs="gllm_core")
async def case_calling_the_tool(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [double(lib, "a", "y")], state_type=xyz(lib), input_type=lib.state(x=int), name="doubling"
    )
    tool = pipeline.as_tool(description="Doubles a number.", output_transform=lambda state: state["y"])
    return await tool.invoke(input={"x": 4})


@case()
async def case_diagram_names_the_steps(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            double(lib, "alpha", "y"),
            lib.parallel([double(lib, "beta", "z", "y"), double(lib, "gamma", "w", "y")], name="block"),
            lib.if_else(
                lambda s: s["z"] > 1, lib.no_op(name="delta"), lib.no_op(name="epsilon"), name="cond"
            ),
        ],
        state_type=lib.state(x=int, y=int, z=int, w=int),
    )
    drawn = pipeline.get_mermaid_diagram()
    return [name for name in ("alpha", "beta", "gamma", "block", "delta", "epsilon", "cond") if name in drawn]


def _excluding(lib: Any, *paths: str) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.parallel(
                {
                    "left": [double(lib, "a", "y"), double(lib, "b", "w", "y")],
                    "right": double(lib, "c", "z"),
                },
                name="block",
            ),
            double(lib, "last", "v"),
        ],
        state_type=lib.state(x=int, y=int, z=int, w=int, v=int),
    )
    pipeline.exclusions.exclude(*paths)
    return pipeline


@case()
async def case_exclude_a_step(lib: Any) -> Any:
    return await _excluding(lib, "last").invoke({"x": 2})


@case()
async def case_exclude_a_block(lib: Any) -> Any:
    return await _excluding(lib, "block").invoke({"x": 2})


@case()
async def case_exclude_a_branch(lib: Any) -> Any:
    return await _excluding(lib, "block.left").invoke({"x": 2})


@case()
async def case_exclude_a_step_of_a_branch(lib: Any) -> Any:
    return await _excluding(lib, "block.left.b").invoke({"x": 2})


@case()
async def case_exclude_a_branch_by_its_number(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], name="block")], state_type=xyz(lib)
    )
    pipeline.exclusions.exclude("block.0")
    return await pipeline.invoke({"x": 2})


@case()
async def case_exclude_and_include_again(lib: Any) -> Any:
    pipeline = _excluding(lib, "last", "block.right")
    current = sorted(pipeline.exclusions.get_current_exclusions())
    top = sorted(pipeline.exclusions.list_excluded())
    pipeline.exclusions.include("last")
    some = await pipeline.invoke({"x": 2})
    pipeline.exclusions.clear()
    return [current, top, some, await pipeline.invoke({"x": 2})]


@case()
async def case_excluding_anew_replaces_the_set(lib: Any) -> Any:
    pipeline = _excluding(lib, "last")
    pipeline.exclusions.exclude("block.right")
    return await pipeline.invoke({"x": 2})


@case()
async def case_exclude_a_step_of_a_subgraph(lib: Any) -> Any:
    child = lib.Pipeline(
        [double(lib, "one", "y"), double(lib, "two", "z")], state_type=xyz(lib), name="child"
    )
    pipeline = lib.Pipeline(
        [lib.subgraph(child, input_map={"x": "x"}, output_state_map={"y": "y"}, name="sub")],
        state_type=xyz(lib),
    )
    pipeline.exclusions.exclude("sub.two")
    return await pipeline.invoke({"x": 2})


class Store:
    """The trivial cache: an exact one, in a dict."""

    def __init__(self, name: str, lib: Any) -> None:
        self.label = name
        self.lib = lib
        self.kept: dict[str, Any] = {}

    def cache(self, key_func: Any = None, name: str = "", **_: Any) -> Any:
        """The decorator that a step's cache is made of."""

        def decorate(function: Any) -> Any:
            async def cached(*args: Any, **kwargs: Any) -> Any:
                key = f"{name}:{key_func(*args, **kwargs) if key_func else [args, kwargs]!r}"
                if key in self.kept:
                    self.lib.note(f"{self.label} hit")
                else:
                    self.kept[key] = await function(*args, **kwargs)
                return self.kept[key]

            return cached

        return decorate


@case()
async def case_step_cache_with_a_key_function(lib: Any) -> Any:
    cache = lib.CacheConfig(store=Store("store", lib), key_func=lambda *args, **kwargs: "always", name="c")
    pipeline = lib.Pipeline(
        [
            lib.step(
                lib.parts.Double("double"), output_state="y", input_map={"x": "x"}, name="double", cache=cache
            )
        ],
        state_type=lib.state(x=int, y=int),
    )
    return [await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 2})]


@case()
async def case_pipeline_cache(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [double(lib, "double", "y")],
        state_type=lib.state(x=int, y=int),
        cache=lib.CacheConfig(store=Store("store", lib)),
        name="cached",
    )
    return [await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 3})]


@case()
async def case_cache_on_both_levels(lib: Any) -> Any:
    inner = lib.CacheConfig(store=Store("inner", lib), key_func=lambda *args, **kwargs: "always", name="c")
    pipeline = lib.Pipeline(
        [
            lib.step(
                lib.parts.Double("double"), output_state="y", input_map={"x": "x"}, name="double", cache=inner
            ),
            double(lib, "after", "z", "y"),
        ],
        state_type=xyz(lib),
        cache=lib.CacheConfig(store=Store("outer", lib)),
        name="cached",
    )
    return [await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 3})]


# Composer


def _composer(lib: Any, **types: Any) -> Any:
    return lib.Pipeline([], state_type=lib.state(x=int, **types)).composer


@case()
async def case_composer_of_simple_steps(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int, z=int, w=int, both=dict)
        .step(lib.parts.Double("a"), {"x": "x"}, "y", name="a")
        .transform(lib.noted("t", lambda s: s["y"] + 1), ["y"], output_state="z", name="t")
        .copy("z", "w", name="copy")
        .bundle(["y", "z"], "both", name="bundle")
        .no_op(name="nothing")
        .log("done", name="log")
        .done()
    )
    return await pipeline.invoke({"x": 2})


@case()
async def case_composer_when(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int)
        .when(lambda s: s["x"] > 1, name="size")
        .then(double(lib, "large", "y"))
        .otherwise(lib.no_op(name="small"))
        .end()
        .done()
    )
    return [await pipeline.invoke({"x": 2}), await pipeline.invoke({"x": 0})]


@case()
async def case_composer_if_else(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int)
        .if_else(lambda s: s["x"] > 1, double(lib, "large", "y"), lib.no_op(name="small"), name="size")
        .done()
    )
    return await pipeline.invoke({"x": 2})


@case()
async def case_composer_switch(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int)
        .switch(lambda s: str(s["x"]), name="size")
        .case("1", double(lib, "one", "y"))
        .case("2", double(lib, "two", "y"))
        .default(lib.no_op(name="other"))
        .end()
        .done()
    )
    return [await pipeline.invoke({"x": x}) for x in (1, 2, 3)]


@case()
async def case_composer_toggle(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int)
        .toggle(lambda s: s["x"] > 1, name="t")
        .then(double(lib, "two", "y"))
        .end()
        .done()
    )
    return [await pipeline.invoke({"x": x}) for x in (1, 2)]


@case()
async def case_composer_guard(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int, z=int)
        .guard(lambda s: s["x"] > 1, name="g")
        .on_success(double(lib, "good", "y"))
        .on_failure(lib.no_op(name="bad"))
        .end()
        .step(lib.parts.Double("after"), {"x": "x"}, "z", name="after")
        .done()
    )
    return [await pipeline.invoke({"x": x}) for x in (1, 2)]


@case()
async def case_composer_parallel(lib: Any) -> Any:
    pipeline = (
        _composer(lib, y=int, z=int)
        .parallel(name="block")
        .fork(double(lib, "a", "y"))
        .fork([double(lib, "b", "z")])
        .end()
        .done()
    )
    return await pipeline.invoke({"x": 2})


@case()
async def case_composer_of_loops_and_maps(lib: Any) -> Any:
    child = lib.Pipeline([double(lib, "child", "y")], state_type=lib.state(x=int, y=int))
    add = lib.transform(lib.noted("add", lambda s: s["y"] + 1), ["y"], output_state="y", name="add")
    pipeline = (
        _composer(lib, y=int, out=list, z=int)
        .subgraph(child, input_map={"x": "x"}, output_state_map={"y": "y"}, name="sub")
        .map_reduce(
            input_map={"n": lib.Val([1, 2])}, output_state="out", map_func=lambda s: s["n"] * 2, name="map"
        )
        .try_catch(
            lib.step(lib.parts.Fail(ValueError("no")), output_state="z", input_map={"x": "x"}, name="bad"),
            double(lib, "instead", "z"),
            name="try",
        )
        .while_do(add, lambda s: s["y"] < 6, name="loop")
        .done()
    )
    return await pipeline.invoke({"x": 2})


@case(says="otherwise")
async def case_composer_of_half_a_condition_is_refused(lib: Any) -> Any:
    return (
        _composer(lib, y=int)
        .when(lambda s: s["x"] > 1, name="size")
        .then(double(lib, "large", "y"))
        .end()
        .done()
        .steps
    )
