"""`parallel` and pipelines in pipelines (PARITY 1.3, 1.4 and section 2)."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from tests.compat.gllm.pieces import double, xyz
from tests.compat.gllm.playing import case

WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


@case()
async def case_parallel_list_of_branches(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_named_branches(lib: Any) -> Any:
    block = lib.parallel({"left": double(lib, "a", "y"), "right": double(lib, "b", "z")}, name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_branch_of_two_steps(lib: Any) -> Any:
    block = lib.parallel(
        [[double(lib, "a", "y"), double(lib, "b", "z", "y")], double(lib, "c", "w")], name="block"
    )
    return await lib.Pipeline([block], state_type=lib.state(x=int, y=int, z=int, w=int)).invoke({"x": 2})


@case()
async def case_parallel_expanded(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], squash=False, name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_inside_parallel(lib: Any) -> Any:
    inner = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], name="inner")
    block = lib.parallel([inner, double(lib, "c", "w")], name="outer")
    return await lib.Pipeline([block], state_type=lib.state(x=int, y=int, z=int, w=int)).invoke({"x": 2})


@case()
async def case_parallel_with_input_states_and_no_copies(lib: Any) -> Any:
    block = lib.parallel(
        {"left": double(lib, "a", "y"), "right": double(lib, "b", "z")},
        input_states=["x"],
        copy_keys=[],
        name="block",
    )
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_with_an_input_map(lib: Any) -> Any:
    block = lib.parallel(
        [double(lib, "a", "y", "number"), double(lib, "b", "z", "other")],
        input_map={"number": "x", "other": lib.Val(10)},
        name="block",
    )
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_copies_the_keys_that_are_named(lib: Any) -> Any:
    def grow(inputs: dict[str, Any]) -> int:
        inputs["words"].append("!")
        return len(inputs["words"])

    block = lib.parallel(
        [
            lib.transform(grow, ["words"], output_state="y", name="a"),
            lib.transform(grow, ["words"], output_state="z", name="b"),
        ],
        copy_keys=["words"],
        name="block",
    )
    pipeline = lib.Pipeline([block], state_type=lib.state(words=list, y=int, z=int))
    return await pipeline.invoke({"words": ["a"]})


@case()
async def case_parallel_one_at_a_time(lib: Any) -> Any:
    running: list[int] = [0, 0]

    async def watched(_: Any) -> None:
        running[0] += 1
        running[1] = max(running)
        await asyncio.sleep(0.005)
        running[0] -= 1

    block = lib.parallel(
        [lib.transform(watched, output_state=key, name=key) for key in ("y", "z", "w")],
        max_concurrency=1,
        name="block",
    )
    await lib.Pipeline([block], state_type=lib.state(x=int, y=int, z=int, w=int)).invoke({"x": 2})
    return running[1]


@case()
async def case_parallel_branches_run_together(lib: Any) -> Any:
    meet = asyncio.Event()

    async def wait(_: Any) -> str:
        await meet.wait()
        return "met"

    async def call(_: Any) -> str:
        meet.set()
        return "called"

    block = lib.parallel(
        [
            lib.transform(wait, output_state="y", name="wait"),
            lib.transform(call, output_state="z", name="call"),
        ],
        name="block",
    )
    return await lib.Pipeline([block], state_type=lib.state(x=int, y=str, z=str)).invoke({"x": 2})


@case(says="max_concurrency")
async def case_parallel_of_none_at_once_is_refused(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y")], max_concurrency=0, name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_parallel_of_nothing(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.parallel([], name="block"), double(lib, "a", "y")], state_type=xyz(lib))
    return await pipeline.invoke({"x": 2})


@case()
async def case_parallel_of_all_kinds(lib: Any) -> Any:
    child = lib.Pipeline([double(lib, "child", "y")], state_type=lib.state(x=int, y=int))
    block = lib.parallel(
        [
            lib.if_else(lambda s: s["x"] > 1, double(lib, "a", "a"), lib.no_op(name="not"), name="if"),
            lib.map_reduce(
                output_state="b", map_func=lambda s: s["n"] + 1, input_map={"n": "list"}, name="map"
            ),
            lib.subgraph(child, input_map={"x": "x"}, output_state_map={"c": "y"}, name="sub"),
            lib.try_catch(
                lib.step(
                    lib.parts.Fail(ValueError("no")), output_state="d", input_map={"x": "x"}, name="bad"
                ),
                double(lib, "d", "d"),
                name="try",
            ),
            lib.bundle(["x", "list"], "e", name="bundle"),
        ],
        name="block",
    )
    state = lib.state(x=int, list=list, a=int, b=list, c=int, d=int, e=dict)
    return await lib.Pipeline([block], state_type=state).invoke({"x": 2, "list": [1, 2]})


@case()
async def case_parallel_inside_a_condition(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], name="block")
    pipeline = lib.Pipeline(
        [lib.if_else(lambda s: s["x"] > 1, block, lib.no_op(name="not"), name="if")], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 2})


@case()
async def case_parallel_that_fails_is_kept_as_it_was(lib: Any) -> Any:
    bad = lib.step(lib.parts.Fail(ValueError("no")), output_state="z", input_map={"x": "x"}, name="bad")
    block = lib.parallel([double(lib, "a", "y"), bad], name="block", error_handler=lib.KeepStepErrorHandler())
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case()
async def case_aggregate_what_agents_say(lib: Any) -> Any:
    pipeline = (
        lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], name="agents")
        | lib.transform(lambda s: s["y"] + s["z"], ["y", "z"], output_state="sum", name="sum")
        | double(lib, "last", "out", "sum")
    )
    pipeline.state_type = lib.state(x=int, y=int, z=int, sum=int, out=int)
    return await pipeline.invoke({"x": 2})


@case()
async def case_deep_or_normal_research(lib: Any) -> Any:
    deep = [
        lib.parallel([double(lib, "web", "y"), double(lib, "papers", "z")], name="search"),
        lib.transform(lambda s: s["y"] + s["z"], ["y", "z"], output_state="out", name="combine"),
    ]
    pipeline = lib.Pipeline(
        [lib.switch(lambda s: s["mode"], {"deep": deep, "normal": double(lib, "short", "out")}, name="mode")],
        state_type=lib.state(x=int, y=int, z=int, out=int, mode=str),
    )
    return [await pipeline.invoke({"x": 2, "mode": mode}) for mode in ("deep", "normal")]


@case()
async def case_context_variables_reach_the_branches(lib: Any) -> Any:
    block = lib.parallel(
        [
            lib.transform(lambda _: WHO.get(), output_state="y", name="a"),
            lib.transform(lambda _: WHO.get(), output_state="z", name="b"),
        ],
        name="block",
    )
    WHO.set("Anna")
    return await lib.Pipeline([block], state_type=lib.state(x=int, y=str, z=str)).invoke({"x": 2})


@case()
async def case_invokes_side_by_side_do_not_mix(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z", "x")], name="block")
    pipeline = lib.Pipeline([block], state_type=xyz(lib))
    return list(await asyncio.gather(*(pipeline.invoke({"x": x}) for x in range(4))))


@case()
async def case_cancelling_from_outside_reaches_the_branches(lib: Any) -> Any:
    slow = [
        lib.step(lib.parts.Sleep(5, name), output_state=out, input_map={"x": "x"}, name=name)
        for name, out in (("a", "y"), ("b", "z"))
    ]
    pipeline = lib.Pipeline([lib.parallel(slow, name="block")], state_type=xyz(lib))
    try:
        await asyncio.wait_for(pipeline.invoke({"x": 2}), 0.1)
    except TimeoutError:
        return "stopped"
    return "went on"


@case()
async def case_subgraph_with_maps(lib: Any) -> Any:
    child = lib.Pipeline([double(lib, "child", "y")], state_type=lib.state(x=int, y=int))
    pipeline = lib.Pipeline(
        [lib.subgraph(child, input_map={"x": "number"}, output_state_map={"result": "y"}, name="sub")],
        state_type=lib.state(number=int, result=int),
    )
    return await pipeline.invoke({"number": 3})


@case()
async def case_subgraph_without_maps_shares_equal_keys(lib: Any) -> Any:
    child = lib.Pipeline([double(lib, "child", "y")], state_type=lib.state(x=int, y=int))
    pipeline = lib.Pipeline([lib.subgraph(child, name="sub")], state_type=lib.state(x=int, y=int))
    return await pipeline.invoke({"x": 3})


@case()
async def case_subgraph_twice_with_other_maps(lib: Any) -> Any:
    def child() -> Any:
        return lib.Pipeline([double(lib, "child", "y")], state_type=lib.state(x=int, y=int))

    pipeline = lib.Pipeline(
        [
            lib.subgraph(child(), input_map={"x": "a"}, output_state_map={"b": "y"}, name="first"),
            lib.subgraph(child(), input_map={"x": "b"}, output_state_map={"c": "y"}, name="second"),
        ],
        state_type=lib.state(a=int, b=int, c=int),
    )
    return await pipeline.invoke({"a": 3})


@case()
async def case_subgraph_gets_the_config(lib: Any) -> Any:
    child = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="y", input_map={"a": "x", "b": "more"}, name="add")],
        state_type=lib.state(x=int, y=int),
    )
    pipeline = lib.Pipeline(
        [lib.subgraph(child, input_map={"x": "x"}, output_state_map={"y": "y"}, name="sub")],
        state_type=lib.state(x=int, y=int),
    )
    return await pipeline.invoke({"x": 3}, config={"more": 10})


@case()
async def case_subgraph_that_ends_early(lib: Any) -> Any:
    child = lib.Pipeline(
        [
            lib.guard(lambda s: s["x"] > 10, lib.no_op(name="fine"), name="guard"),
            double(lib, "child", "y"),
        ],
        state_type=lib.state(x=int, y=int),
    )
    pipeline = lib.Pipeline(
        [
            lib.subgraph(child, input_map={"x": "x"}, output_state_map={"y": "y"}, name="sub"),
            double(lib, "after", "z"),
        ],
        state_type=xyz(lib),
    )
    return await pipeline.invoke({"x": 3})


@case()
async def case_an_error_inside_a_subgraph_is_the_original_one(lib: Any) -> Any:
    bad = lib.step(
        lib.parts.Fail(ConnectionError("no route")), output_state="y", input_map={"x": "x"}, name="bad"
    )
    child = lib.Pipeline([bad], state_type=lib.state(x=int, y=int))
    pipeline = lib.Pipeline(
        [lib.subgraph(child, input_map={"x": "x"}, output_state_map={"y": "y"}, name="sub")],
        state_type=xyz(lib),
    )
    return await pipeline.invoke({"x": 3})


@case()
async def case_three_stages_of_a_modular_service(lib: Any) -> Any:
    def child(name: str) -> Any:
        return lib.Pipeline([double(lib, name, "o", "i")], state_type=lib.state(i=int, o=int), name=name)

    keys = ["query", "found", "ranked", "answer"]
    steps = [
        lib.subgraph(
            child(name), input_map={"i": before}, output_state_map={after: "o"}, name=f"{name}_stage"
        )
        for name, before, after in zip(("retrieve", "rank", "write"), keys, keys[1:], strict=False)
    ]
    pipeline = lib.Pipeline(steps, state_type=lib.state(**dict.fromkeys(keys, int)))
    return await pipeline.invoke({"query": 1})
