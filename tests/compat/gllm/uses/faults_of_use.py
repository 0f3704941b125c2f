"""Misuse that the original takes without a word, and limits that are no promise (PARITY 3.1, 12 and 13; 3.2 to 3.4)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import double, put, xyz
from tests.compat.gllm.playing import Fault, case, refused, right

# 12


@case(
    fault=Fault(
        "3.1.12",
        was="`terminate` in a branch is ignored",
        now="it ends its pipeline after the block has ended",
        outcome=right({"x": 1, "y": 2}, a=1),
    )
)
async def case_fault_terminate_in_a_branch(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), lib.terminate(name="end")], name="block")
    return await lib.Pipeline([block, double(lib, "after", "z")], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.12",
        was="a `guard` that fails in a branch does not even stop its own branch",
        now="it stops its branch, and ends its pipeline after the block has ended",
        outcome=right({"x": 1, "y": 2}, a=1),
    )
)
async def case_fault_guard_in_a_branch(lib: Any) -> Any:
    branch = [lib.guard(lambda _: False, lib.no_op(name="ok"), name="guard"), double(lib, "b", "z")]
    block = lib.parallel([double(lib, "a", "y"), branch], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.12",
        was="`a >> b` runs b's steps first",
        now="a's steps run first",
        outcome=right({"x": 1, "y": "b"}, a=1, b=1),
    )
)
async def case_fault_shift_right(lib: Any) -> Any:
    state = lib.state(x=int, y=str)
    first = lib.Pipeline([put(lib, "a", "a", "y")], state_type=state, name="first")
    second = lib.Pipeline([put(lib, "b", "b", "y")], state_type=state, name="second")
    return await (first >> second).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.12",
        was="`a << b` writes None to every key that both have and nobody wrote",
        now="a key that nobody wrote is absent",
        outcome=right({"x": 1, "y": 2, "z": 4}, a=1, b=1),
    )
)
async def case_fault_shift_left_writes_none(lib: Any) -> Any:
    child = lib.Pipeline(
        [double(lib, "b", "z", "y")], state_type=lib.state(y=int, z=int, note=str), name="child"
    )
    parent = lib.Pipeline(
        [double(lib, "a", "y")], state_type=lib.state(x=int, y=int, z=int, note=str), name="parent"
    )
    return await (parent << child).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.12",
        was="a lambda that returns a coroutine leaves the coroutine in the state",
        now="what a step returns is awaited if it has to be",
        outcome=right({"x": 1, "y": 2}),
    )
)
async def case_fault_lambda_that_returns_a_coroutine(lib: Any) -> Any:
    async def later(x: int) -> int:
        return 2 * x

    made = []

    def call(inputs: dict[str, Any]) -> Any:
        made.append(later(inputs["x"]))
        return made[-1]

    pipeline = lib.Pipeline([lib.transform(call, ["x"], output_state="y", name="t")], state_type=xyz(lib))
    try:
        return await pipeline.invoke({"x": 1})
    finally:
        made[0].close()


# 13


@case(
    fault=Fault(
        "3.1.13",
        was="an unknown path in `exclusions.exclude` is accepted",
        now="refused, with the path that was probably meant",
        outcome=refused("blok"),
    )
)
async def case_fault_unknown_exclusion(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.parallel([double(lib, "a", "y")], name="block")], state_type=xyz(lib))
    pipeline.exclusions.exclude("blok")
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.13",
        was="excluding `cond.true` makes neither branch run",
        now="the other branch runs instead, as the guide of the original says",
        outcome=right({"x": 4, "out": "S"}, small=1),
    )
)
async def case_fault_excluded_branch_of_a_condition(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.if_else(lambda s: s["x"] > 3, put(lib, "large", "L"), put(lib, "small", "S"), name="cond")],
        state_type=lib.state(x=int, out=str),
    )
    pipeline.exclusions.exclude("cond.true")
    return await pipeline.invoke({"x": 4})


@case(
    fault=Fault(
        "3.1.13",
        was="`interrupt` without a checkpointer stops half way and returns as if all were well",
        now="refused: a pause needs a checkpointer",
        outcome=refused("checkpointer"),
    )
)
async def case_fault_interrupt_without_a_checkpointer(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.interrupt("Publish?", name="ask"), double(lib, "after", "y")], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.13",
        was='`config={"timeout": 30, "max_retries": 3}` of the page on executing has no effect',
        now="refused: timeouts and retries belong to the steps",
        outcome=refused("RetryConfig"),
    )
)
async def case_fault_timeout_in_the_config(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib))
    return await pipeline.invoke({"x": 1}, config={"timeout": 0.01, "max_retries": 3})


@case(
    fault=Fault(
        "3.1.13",
        was="an unknown name in `invoke(interrupt_before=...)` is accepted",
        now="refused, with the name that was probably meant",
        outcome=refused("nobody"),
    ),
    needs="gllm_datastore",
)
async def case_fault_unknown_breakpoint(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=xyz(lib), checkpointer=lib.checkpointer())
    return await pipeline.invoke({"x": 1}, thread_id="t", interrupt_before=["nobody"])


@case(
    fault=Fault(
        "3.1.13",
        was="a breakpoint without a checkpointer stops half way and returns as if all were well",
        now="refused: a pause needs a checkpointer",
        outcome=refused("checkpointer"),
    )
)
async def case_fault_breakpoint_without_a_checkpointer(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y"), double(lib, "b", "z")], state_type=xyz(lib))
    return await pipeline.invoke({"x": 1}, interrupt_before=["b"])


# Limits of the original that are no promise of it (PARITY 1.2, 1.4 and 3.4)


@case(
    fault=Fault(
        "1.2",
        was="a list of 30 steps or more fails at the `recursion_limit`",
        now="there is no such limit; `recursion_limit` is accepted and has no effect on lists",
        outcome=right({"n": 40}, start=1, add=40),
    )
)
async def case_fault_forty_steps(lib: Any) -> Any:
    add = lib.noted("add", lambda s: s["n"] + 1)
    steps = [lib.transform(add, ["n"], output_state="n", name=f"add{i}") for i in range(40)]
    return await lib.Pipeline([put(lib, "start", 0, "n"), *steps], state_type=lib.state(n=int)).invoke({})


@case(
    fault=Fault(
        "1.4",
        was="`while_do` inside a branch of `parallel` fails",
        now="every kind of step works inside every other",
        outcome=right({"x": 1, "n": 3, "y": 2}, a=1, add=3, start=1),
    )
)
async def case_fault_loop_in_a_branch(lib: Any) -> Any:
    add = lib.transform(lib.noted("add", lambda s: s["n"] + 1), ["n"], output_state="n", name="add")
    branch = [put(lib, "start", 0, "n"), lib.while_do(add, lambda s: s["n"] < 3, name="loop")]
    block = lib.parallel([branch, double(lib, "a", "y")], name="block")
    return await lib.Pipeline([block], state_type=lib.state(x=int, n=int, y=int)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.4",
        was="an expanded `parallel` inside an expanded `parallel` fails",
        now="blocks stand in blocks without limit; `squash=` has no effect",
        outcome=right({"x": 2, "y": 4, "z": 4, "w": 4}, a=1, b=1, c=1),
    )
)
async def case_fault_expanded_in_expanded(lib: Any) -> Any:
    inner = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z")], squash=False, name="inner")
    block = lib.parallel([inner, double(lib, "c", "w")], squash=False, name="outer")
    return await lib.Pipeline([block], state_type=lib.state(x=int, y=int, z=int, w=int)).invoke({"x": 2})


@case(
    fault=Fault(
        "3.4",
        was="a `Pipeline` as a branch or in a list of steps fails when the graph is built",
        now="a pipeline is a step",
        outcome=right({"x": 2, "y": 4, "z": 4}, a=1, b=1),
    )
)
async def case_fault_pipeline_as_a_branch(lib: Any) -> Any:
    child = lib.Pipeline([double(lib, "a", "y")], state_type=lib.state(x=int, y=int), name="child")
    block = lib.parallel([child, double(lib, "b", "z")], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 2})


@case(
    fault=Fault(
        "3.4",
        was="a function is accepted as component and fails when it is run",
        now="a function is a component",
        outcome=right({"x": 2, "y": 6}),
    )
)
async def case_fault_function_as_component(lib: Any) -> Any:
    def triple(x: int) -> int:
        return 3 * x

    pipeline = lib.Pipeline(
        [lib.step(triple, output_state="y", input_map={"x": "x"}, name="triple")], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 2})


@case(
    fault=Fault(
        "1.3",
        was="a `switch` without `default` skips what matches no branch, although documented to raise",
        now="refused: no branch is called that",
        outcome=refused("sports"),
    )
)
async def case_fault_switch_without_a_match(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.switch(lambda s: s["topic"], {"news": put(lib, "news", "N")}, name="route")],
        state_type=lib.state(topic=str, out=str),
    )
    return await pipeline.invoke({"topic": "sports"})


@case(
    fault=Fault(
        "3.2",
        was="components that block stop each other: nothing of them overlaps",
        now="a plain function runs in a thread beside the others",
        outcome=right("overlapped"),
    )
)
async def case_fault_blocking_components(lib: Any) -> Any:
    import threading

    barrier = threading.Barrier(2)

    def meet(x: int) -> int:
        barrier.wait(0.5)
        return x

    class Blocking(lib.Component):
        @lib.main
        async def work(self, x: int) -> int:
            return meet(x)

    component = Blocking if lib.is_real else lambda: meet
    block = lib.parallel(
        [lib.step(component(), output_state=key, input_map={"x": "x"}, name=key) for key in ("y", "z")],
        name="block",
    )
    await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})
    return "overlapped"
