"""A person in the loop: interrupts, breakpoints, history, forks (PARITY 1.2 and 1.3)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import double
from tests.compat.gllm.playing import case

NEEDS = "gllm_datastore"


def _asking(lib: Any, resume: Any = "approved") -> Any:
    return lib.Pipeline(
        [
            double(lib, "before", "y"),
            lib.interrupt("Publish?", resume_value_map=resume, name="ask"),
            double(lib, "after", "z", "y"),
        ],
        state_type=lib.state(x=int, y=int, z=int, approved=bool, comment=str),
        checkpointer=lib.checkpointer(),
    )


def _questions(state: dict[str, Any]) -> list[Any]:
    return [question.value for question in state.get("__interrupt__", [])]


@case(needs=NEEDS)
async def case_interrupt_stops_and_asks(lib: Any) -> Any:
    state = await _asking(lib).invoke({"x": 2}, thread_id="t")
    return {"asked": _questions(state), "y": state["y"], "z": state.get("z")}


@case(needs=NEEDS)
async def case_resume_with_an_answer(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="t")
    return await pipeline.resume("t", True)


@case(needs=NEEDS)
async def case_resume_with_two_answers(lib: Any) -> Any:
    pipeline = _asking(lib, ["approved", "comment"])
    await pipeline.invoke({"x": 2}, thread_id="t")
    return await pipeline.resume("t", {"approved": True, "comment": "good"})


@case(needs=NEEDS)
async def case_threads_are_apart(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="one")
    await pipeline.invoke({"x": 5}, thread_id="two")
    return [await pipeline.resume("two", False), await pipeline.resume("one", True)]


@case(needs=NEEDS)
async def case_get_state_of_a_paused_run(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="t")
    snapshot = await pipeline.get_state("t")
    return {"values": dict(snapshot.values), "next": list(snapshot.next)}


@case(needs=NEEDS)
async def case_update_state_before_going_on(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="t")
    await pipeline.update_state("t", {"y": 100})
    return await pipeline.resume("t", True)


@case(needs=NEEDS)
async def case_history_begins_with_the_newest(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="t")
    await pipeline.resume("t", True)
    history = [snapshot async for snapshot in pipeline.get_state_history("t")]
    return {"newest": dict(history[0].values), "several": len(history) > 2}


@case(needs=NEEDS)
async def case_history_is_limited(lib: Any) -> Any:
    pipeline = _asking(lib)
    await pipeline.invoke({"x": 2}, thread_id="t")
    return len([snapshot async for snapshot in pipeline.get_state_history("t", limit=1)])


@case(needs=NEEDS)
async def case_fork_from_an_earlier_point(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [double(lib, "a", "y"), double(lib, "b", "z", "y")],
        state_type=lib.state(x=int, y=int, z=int),
        checkpointer=lib.checkpointer(),
    )
    await pipeline.invoke({"x": 2}, thread_id="t")
    history = [snapshot async for snapshot in pipeline.get_state_history("t")]
    after_a = next(snapshot for snapshot in history if list(snapshot.next) == ["b"])
    checkpoint = after_a.config["configurable"]["checkpoint_id"]
    config = pipeline.fork_from("t", checkpoint, {"y": 50})
    if hasattr(config, "__await__"):
        config = await config
    return await pipeline.invoke(None, config=config["configurable"])


def _stopping(lib: Any, **options: Any) -> Any:
    return lib.Pipeline(
        [double(lib, "a", "y"), lib.pause(name="here"), double(lib, "b", "z", "y")],
        state_type=lib.state(x=int, y=int, z=int),
        checkpointer=lib.checkpointer(),
        **options,
    )


@case(needs=NEEDS)
async def case_breakpoint_before_a_pause(lib: Any) -> Any:
    pipeline = _stopping(lib, interrupt_before=["here"])
    first = await pipeline.invoke({"x": 2}, thread_id="t")
    return [first.get("y"), first.get("z"), await pipeline.invoke(None, thread_id="t")]


@case(needs=NEEDS)
async def case_breakpoint_of_one_invoke(lib: Any) -> Any:
    pipeline = _stopping(lib)
    first = await pipeline.invoke({"x": 2}, thread_id="t", interrupt_after=["a"])
    return [first.get("y"), first.get("z"), await pipeline.invoke(None, thread_id="t")]


@case(needs=NEEDS)
async def case_pause_without_a_breakpoint_goes_on(lib: Any) -> Any:
    return await _stopping(lib).invoke({"x": 2}, thread_id="t")


@case(says="checkpointer")
async def case_get_state_without_a_checkpointer_is_refused(lib: Any) -> Any:
    pipeline = lib.Pipeline([double(lib, "a", "y")], state_type=lib.state(x=int, y=int))
    return await pipeline.get_state("t")
