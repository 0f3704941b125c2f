"""Where sync verbs run: from plain code, under a running loop, from a step; Ctrl-C, and clients of another loop."""

from __future__ import annotations

import asyncio
import contextvars
import os
import subprocess
import sys
import textwrap
import threading

import pytest

import plait
from plait import Pipeline, PlaitError, step
from plait.run.loops import LoopThread, call_soon, main_loop, name_the_cure, run_sync, wait_for

CURE = "use `await pipeline.arun(...)` on the loop where the client was made, or make the client in the component's setup()"


async def where():
    await asyncio.sleep(0)
    return threading.current_thread().name


def test_plain_code_is_served_by_one_loop_that_stays():
    names = {Pipeline([step(where, [], "w")]).run({}).state["w"] for _ in range(3)}
    assert names == {"plait-loop"}
    assert main_loop() is main_loop()


def test_run_works_below_a_running_loop():
    async def main():
        return Pipeline([step(where, [], "w")]).run({}).state["w"]

    assert asyncio.run(main()) == "plait-loop"


def test_map_and_stream_work_below_a_running_loop():
    pipeline = Pipeline([step(where, [], "w")])

    async def main():
        with pipeline.stream({}) as events:
            assert len(list(events)) == 4
        return [item.result.state["w"] for item in pipeline.map([{}] * 3)]

    assert asyncio.run(main()) == ["plait-loop"] * 3


def test_an_async_step_that_calls_run_gets_a_loop_of_its_own():
    inner = Pipeline([step(where, [], "w")])

    async def calls_run():
        return inner.run({}).state["w"]

    assert Pipeline([step(calls_run, [], "w")]).run({}).state["w"] == "plait-loop-nested"
    assert not [t for t in threading.enumerate() if t.name == "plait-loop-nested"]


def test_an_async_step_that_calls_map_is_told_of_the_async_verb():
    inner = Pipeline([step(where, [], "w")])

    async def calls_map():
        return list(inner.map([{}]))

    with pytest.raises(PlaitError, match=r"use the async verb \(amap, astream\)"):
        Pipeline([step(calls_map, [], "w")]).run({})


def test_steps_in_threads_may_nest_runs_deeply():
    def nested(depth):
        return 0 if depth == 0 else 1 + pipeline.run({"depth": depth - 1}).state["sum"]

    pipeline = Pipeline([step(nested, output_state="sum")])
    assert pipeline.run({"depth": 12}).state["sum"] == 12


def test_what_the_work_raises_is_raised_and_what_it_returns_is_returned():
    async def works():
        return 5

    async def fails():
        raise LookupError("no")

    async def exits():
        raise SystemExit(3)

    assert run_sync(works) == 5
    with pytest.raises(LookupError, match="no"):
        run_sync(fails)
    with pytest.raises(SystemExit):
        run_sync(exits)
    assert run_sync(works) == 5  # the loop's thread has survived


def test_a_loop_thread_ends_with_close():
    serving = LoopThread("plait-test-loop")
    assert not serving.here()
    assert wait_for(serving, where) == "plait-test-loop"
    serving.close()
    serving.close()
    assert not [t for t in threading.enumerate() if t.name == "plait-test-loop"]


def test_after_shutdown_everything_begins_anew():
    pipeline = Pipeline([step(where, [], "w"), step(lambda: 1, [], "x")])
    pipeline.run({})
    before = main_loop()
    plait.shutdown()
    assert before.loop.is_closed()
    assert pipeline.run({}).state["x"] == 1
    assert main_loop() is not before


def test_telling_a_loop_that_is_not_there_does_nothing():
    plait.shutdown()
    call_soon(lambda: None)


def test_the_caller_s_context_reaches_the_work():
    colour = contextvars.ContextVar("colour")
    colour.set("green")

    async def look():
        return colour.get()

    assert run_sync(look) == "green"


# Clients of another loop


def test_a_future_of_another_loop_is_recognised_and_the_cure_is_named_once():
    class Client:
        async def __call__(self):
            await self.future

    client = Client()

    async def main():
        client.future = asyncio.get_running_loop().create_future()
        Pipeline([step(client, [], "x")]).run({})

    with pytest.raises(RuntimeError, match="attached to a different loop") as caught:
        asyncio.run(main())
    assert [note for note in caught.value.__notes__ if CURE in note] == [
        f"a component holds a client that belongs to another event loop: {CURE}"
    ]


def test_a_lock_of_another_loop_is_recognised_too():
    lock = asyncio.Lock()

    async def take(hold=0.0):
        async with lock:
            await asyncio.sleep(hold)

    async def main():
        holder = asyncio.create_task(take(0.05))
        await asyncio.sleep(0)
        other = asyncio.create_task(take())  # contention binds the lock to this loop
        await asyncio.sleep(0)
        try:
            Pipeline([step(take, [])]).run({})
        finally:
            await asyncio.gather(holder, other)

    with pytest.raises(RuntimeError, match="different event loop") as caught:
        asyncio.run(main())
    assert any(CURE in note for note in caught.value.__notes__)


def test_an_error_of_another_kind_gets_no_such_note():
    error = RuntimeError("something else")
    name_the_cure(error)
    assert not hasattr(error, "__notes__")


def test_the_async_verb_on_the_client_s_loop_works():
    async def main():
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, 7)

        async def waits():
            return await future

        return (await Pipeline([step(waits, [], "x")]).arun({})).state["x"]

    assert asyncio.run(main()) == 7


# Ctrl-C


def interrupted(body: str) -> subprocess.CompletedProcess[str]:
    """A program that sends itself Ctrl-C as soon as its step runs; what it printed."""
    program = textwrap.dedent(
        """
        import asyncio, os, signal, sys, threading, time
        from plait import Pipeline, step
        async def waits():
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.1)
                print("cleaned up", flush=True)
        pipeline = Pipeline([step(waits, [])])
        started = time.monotonic()
        """
    ) + textwrap.dedent(body)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False
    )


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize(
    "call",
    [
        "pipeline.run({})",
        "list(pipeline.map([{}]))",
        "list(pipeline.stream({}))",
        "asyncio.run(pipeline.arun({}))",
        "pipeline.run({}, mode='serial')",
        "asyncio.run(below())",
    ],
)
def test_ctrl_c_cancels_the_run_and_waits_for_its_cleanup(call):
    done = interrupted(
        f"""
        async def below():
            pipeline.run({{}})
        try:
            {call}
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - started < 20)
        """
    )
    assert done.stdout.splitlines() == ["cleaned up", "interrupted True"], done.stderr
    assert done.returncode == 0
