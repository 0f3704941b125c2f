"""What a component can know of its run, on the loop, in threads, and in tests."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading

import pytest

from plait import Pipeline, PlaitError, Retry, StepContext, current_step, parallel, step, subgraph
from plait.context import CURRENT
from plait.testing import step_context
from plait.testing.virtual import run_virtual

COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


def seen_by_annotation(text: str, context: StepContext) -> StepContext:
    return context


async def seen_by_annotation_later(text: str, *, context: StepContext) -> StepContext:
    await asyncio.sleep(0)
    return context


def seen_by_call(text: str) -> StepContext:
    return current_step()


async def seen_by_call_later(text: str) -> StepContext:
    await asyncio.sleep(0)
    return current_step()


WAYS = [seen_by_annotation, seen_by_annotation_later, seen_by_call, seen_by_call_later]


@pytest.mark.parametrize("mode", ["parallel", "serial"])
@pytest.mark.parametrize("way", WAYS)
def test_a_step_knows_its_run_its_path_its_attempt_and_its_settings(way, mode):
    pipeline = Pipeline([parallel([step(way, output_state="seen", name="look")], name="block")])
    result = pipeline.run({"text": "x"}, config={"model": "small"}, mode=mode)
    context = result.state["seen"]
    assert (context.run_id, context.path, context.attempt) == (result.run_id, "block/look", 1)
    assert context.config == {"model": "small"}
    assert context.device is None
    assert context.deadline is None
    assert context.cancelled is False
    assert repr(context) == f"<step block/look attempt 1 of run {result.run_id}>"


def test_each_of_many_branches_has_a_context_of_its_own():
    async def look(context: StepContext) -> str:
        for _ in range(3):
            await asyncio.sleep(0)
            assert current_step().path == context.path
        return context.path

    def look_in_a_thread() -> str:
        return current_step().path

    steps = [
        step(look if n % 2 else look_in_a_thread, output_state=f"seen_{n}", name=f"look_{n}")
        for n in range(20)
    ]
    state = Pipeline(parallel(steps)).run({}).state
    assert state == {f"seen_{n}": f"look_{n}" for n in range(20)}


def test_the_steps_of_a_chain_that_runs_in_one_go_are_told_apart():
    async def look():
        return current_step().path

    def look_in_a_thread():
        return current_step().path

    for way in (look, look_in_a_thread):
        steps = [step(way, [], f"seen_{n}", name=f"look_{n}") for n in range(5)]
        assert list(Pipeline(steps).run({}).state.values()) == [f"look_{n}" for n in range(5)]


def test_an_embedded_pipeline_s_steps_know_their_whole_path():
    inner = Pipeline([step(seen_by_call, ["text"], "seen")], name="inner")
    context = Pipeline([subgraph(inner, name="outer")]).run({"text": "x"}).state["seen"]
    assert context.path == "outer/seen_by_call"


def test_attempts_are_counted_and_share_one_idempotency_key():
    seen = []

    async def work(context: StepContext):
        seen.append((context.attempt, current_step().attempt, context.idempotency_key))
        if context.attempt < 3:
            raise OSError("not yet")

    pipeline = Pipeline(
        [step(work, retry=Retry(attempts=3, backoff=1), name="one"), step(lambda: 0, [], name="two")]
    )
    run_virtual(pipeline.arun({}))
    assert [row[:2] for row in seen] == [(1, 1), (2, 2), (3, 3)]
    assert len({row[2] for row in seen}) == 1


def test_idempotency_keys_differ_between_steps_and_runs_and_odd_names():
    pipeline = Pipeline([step(seen_by_call, ["text"], f"s{n}", name=f"s{n}") for n in range(20)])
    keys = {
        c.idempotency_key
        for _ in range(20)
        for k, c in pipeline.run({"text": ""}).state.items()
        if k != "text"
    }
    assert len(keys) == 400
    one = StepContext(run_id="a-1", path="1")
    other = StepContext(run_id="a-11", path="")
    assert one.idempotency_key != other.idempotency_key


def test_the_time_that_is_left_is_that_of_the_timeout_or_the_deadline_whichever_ends_first():
    async def look(context: StepContext):
        first = context.deadline
        await asyncio.sleep(1)
        return first, context.deadline

    def left(timeout, deadline, before=0.0):
        async def wait():
            await asyncio.sleep(before)

        steps = [step(wait, []), step(look, output_state="left", timeout=timeout)]

        async def run():
            loop = asyncio.get_running_loop()
            pipeline = Pipeline(steps)
            from functools import partial

            from plait.run.drive import Run

            made = pipeline._new_run(
                partial(Run, clock=loop.time), pipeline._program(fused=True), {}, None, None, deadline, ()
            )
            await made.execute()
            return pipeline._result(made).state["left"]

        return run_virtual(run())

    assert left(5, None) == pytest.approx((5, 4))
    assert left(None, 5) == pytest.approx((5, 4))
    assert left(5, 4, before=2) == pytest.approx((2, 1))
    assert left(None, None) == (None, None)


def test_log_records_carry_run_step_and_attempt(caplog):
    def work(context: StepContext):
        context.logger.warning("a message of the component")

    with caplog.at_level(logging.WARNING, "plait.step"):
        result = Pipeline([step(work, name="speaks")]).run({})
    [record] = caplog.records
    assert (record.run_id, record.step, record.attempt) == (result.run_id, "speaks", 1)


def test_a_component_that_was_told_to_stop_can_see_it():
    seen = threading.Event()
    until = threading.Event()

    def works_until_told(context: StepContext):
        seen.set()
        while not context.cancelled:
            assert not until.wait(0.001)

    async def fails():
        while not seen.is_set():
            await asyncio.sleep(0.001)
        raise OSError("stop")

    with pytest.raises(OSError, match="stop"):
        Pipeline(parallel([step(works_until_told), step(fails)])).run({})


# Outside of a run


def test_outside_of_a_step_there_is_no_context():
    with pytest.raises(PlaitError, match=r"outside of a step; in a test, use plait\.testing\.step_context"):
        current_step()


def test_the_context_ends_with_the_run():
    async def main():
        await Pipeline([step(seen_by_call_later, ["text"], "x")]).arun({"text": ""})
        with pytest.raises(PlaitError):
            current_step()

    asyncio.run(main())


def test_a_test_can_stand_in_for_a_run():
    with step_context("one", attempt=2, run_id="r", config={"a": 1}) as context:
        assert current_step() is context
        assert (context.path, context.attempt, context.run_id, context.config) == ("one", 2, "r", {"a": 1})
        context.emit("nobody listens")
        assert step(seen_by_call)("x") is context
    assert CURRENT.get() is None


def test_emit_without_a_listener_can_be_awaited():
    async def main():
        with step_context() as context:
            await context.emit(1)

    asyncio.run(main())


# Context variables


def test_context_variables_flow_down_into_branches_and_threads():
    def in_a_thread():
        return COLOUR.get()

    async def on_the_loop():
        return COLOUR.get()

    inner = Pipeline([step(in_a_thread, [], "d")])

    def nested():
        return inner.run({}).state["d"]

    pipeline = Pipeline(
        parallel(
            [step(in_a_thread, [], "a"), step(on_the_loop, [], "b"), step(nested, [], "c"), subgraph(inner)]
        )
    )
    token = COLOUR.set("green")
    try:
        expected = dict.fromkeys("abcd", "green")
        assert pipeline.run({}).state == expected
        assert pipeline.run({}, mode="serial").state == expected
        assert asyncio.run(pipeline.invoke({})) == expected
        assert [i.result.state for i in pipeline.map([{}])] == [expected]
    finally:
        COLOUR.reset(token)


def test_what_a_step_sets_does_not_reach_the_caller():
    def sets():
        COLOUR.set("red")

    async def sets_later():
        COLOUR.set("blue")

    Pipeline([step(sets), parallel([step(sets_later), step(sets, name="again")])]).run({})
    assert COLOUR.get() == "none"
