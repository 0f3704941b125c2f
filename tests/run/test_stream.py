"""Streams: a run's events in order, through a bounded queue; leaving early cancels the run."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from plait import (
    DefinitionError,
    InputError,
    Pipeline,
    Retry,
    StepContext,
    current_step,
    events,
    parallel,
    step,
)
from plait.testing.virtual import run_virtual


async def speaks(n: int, context: StepContext) -> int:
    for token in range(n):
        await context.emit(token)
        await asyncio.sleep(0)
    return n


def pipeline():
    return Pipeline(
        [step(speaks, output_state="said"), step(lambda said: said, output_state="again", executor="inline")]
    )


EXPECTED = [
    ("RunStarted", None),
    ("StepStarted", "speaks"),
    ("Emitted", 0),
    ("Emitted", 1),
    ("StepFinished", "speaks"),
    ("StepStarted", "lambda"),
    ("StepFinished", "lambda"),
    ("RunFinished", "succeeded"),
]


def short(event):
    last = (
        event.value
        if isinstance(event, events.Emitted)
        else getattr(event, "outcome", getattr(event, "path", None))
    )
    return type(event).__name__, last


def test_the_events_come_in_order_and_the_result_after_the_last():
    async def main():
        async with pipeline().astream({"n": 2}) as stream:
            assert stream.result is None
            seen = [short(event) async for event in stream]
            return seen, stream.result.state

    assert run_virtual(main()) == (EXPECTED, {"n": 2, "said": 2, "again": 2})


def test_the_same_from_plain_code():
    with pipeline().stream({"n": 2}) as stream:
        seen = [short(event) for event in stream]
        assert stream.result.state["again"] == 2
    assert seen == EXPECTED
    assert list(stream) == []


def test_the_result_is_there_together_with_the_last_event():
    with pipeline().stream({"n": 0}) as stream:
        for event in stream:
            assert (stream.result is not None) == isinstance(event, events.RunFinished)


def test_every_event_is_of_the_closed_list_and_of_one_run():
    with pipeline().stream({"n": 1}) as stream:
        seen = list(stream)
    assert all(isinstance(event, events.Event) for event in seen)
    assert {event.run_id for event in seen} == {stream.result.run_id}


def test_a_stream_without_a_block_works_too():
    stream = pipeline().stream({"n": 1})
    assert short(next(stream))[0] == "RunStarted"
    assert len(list(stream)) == len(EXPECTED) - 2
    stream.close()


def test_what_the_run_raises_comes_after_its_events():
    async def fails(context: StepContext):
        context.emit("half")
        raise OSError("no")

    for verb in ("stream", "astream"):
        seen = []
        made = Pipeline([step(fails, retry=Retry(attempts=2, backoff=0.001))])
        with pytest.raises(OSError, match="no"):
            if verb == "stream":
                for event in made.stream({}):
                    seen.append(type(event).__name__)
            else:

                async def main(made=made, seen=seen):
                    async for event in made.astream({}):
                        seen.append(type(event).__name__)

                asyncio.run(main())
        attempt = ["StepStarted", "Emitted", "StepFailed", "AttemptDiscarded"]
        assert seen == ["RunStarted", *attempt, *attempt, "RunFinished"]


def test_each_token_carries_its_attempt_and_a_failed_attempt_is_void():
    async def tells(context: StepContext):
        for token in "ab":
            await context.emit(f"{token}{context.attempt}")
        if context.attempt == 1:
            raise OSError("once")

    kept = {}
    with Pipeline([step(tells, retry=Retry(attempts=2, backoff=0.001))]).stream({}) as stream:
        for event in stream:
            match event:
                case events.Emitted(path=path, attempt=attempt, value=value):
                    kept.setdefault((path, attempt), []).append(value)
                case events.AttemptDiscarded(path=path, attempt=attempt):
                    del kept[path, attempt]
    assert kept == {("tells", 2): ["a2", "b2"]}


def test_branches_are_told_apart_and_each_keeps_its_order():
    async def speak(context: StepContext):
        for n in range(20):
            await context.emit(n)
            await asyncio.sleep(0)

    def speak_in_a_thread():
        for n in range(20):
            current_step().emit(n)

    with Pipeline(parallel([step(speak), step(speak_in_a_thread)])).stream({}) as stream:
        by_path = {}
        for event in stream:
            if isinstance(event, events.Emitted):
                by_path.setdefault(event.path, []).append(event.value)
    assert by_path == {"speak": [*range(20)], "speak_in_a_thread": [*range(20)]}


# Back-pressure


def test_a_component_that_awaits_waits_for_a_slow_reader():
    emitted = []

    async def fast(context: StepContext):
        for n in range(100):
            await context.emit(n)
            emitted.append(n)

    async def main():
        ahead = []
        async with Pipeline([step(fast)]).astream({}, capacity=5) as stream:
            async for event in stream:
                if isinstance(event, events.Emitted):
                    await asyncio.sleep(1)
                    ahead.append(len(emitted) - event.value)
        return max(ahead)

    assert run_virtual(main()) <= 7
    assert len(emitted) == 100


def test_without_await_nothing_waits_and_nothing_is_dropped():
    async def fast(context: StepContext):
        for n in range(100):
            context.emit(n)

    async def main():
        async with Pipeline([step(fast)]).astream({}, capacity=1) as stream:
            return [event.value async for event in stream if isinstance(event, events.Emitted)]

    assert run_virtual(main()) == list(range(100))


def test_a_reader_that_leaves_lets_a_waiting_component_go():
    ended = []

    async def fast(context: StepContext):
        try:
            for n in range(100):
                await context.emit(n)
        finally:
            ended.append(True)

    async def main():
        async with Pipeline([step(fast)]).astream({}, capacity=1) as stream:
            async for _ in stream:
                await asyncio.sleep(1)
                break

    run_virtual(main())
    assert ended == [True]


# Leaving early


def cleanup(seconds, ended):
    async def work():
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(seconds)
            ended.append(True)

    return Pipeline([step(work)])


def test_leaving_early_cancels_the_run_and_waits_for_its_end():
    ended = []

    async def main():
        async with cleanup(2, ended).astream({}) as stream:
            async for event in stream:
                if isinstance(event, events.StepStarted):
                    await asyncio.sleep(1)
                    break
        assert stream.result is None
        assert [event async for event in stream] == []
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 3
    assert ended == [True]


def test_leaving_early_from_plain_code():
    ended = []
    with cleanup(0.01, ended).stream({}) as stream:
        for event in stream:
            if isinstance(event, events.StepStarted):
                break
    assert ended == [True]
    assert stream.result is None


def test_a_break_without_a_block_cancels_as_well():
    ended = threading.Event()

    async def work():
        try:
            await asyncio.sleep(1000)
        finally:
            ended.set()

    for event in Pipeline([step(work)]).stream({}):
        if isinstance(event, events.StepStarted):
            break
    del event
    gc.collect()
    assert ended.wait(10)


def test_a_break_without_a_block_cancels_on_a_loop_as_well():
    ended = []

    async def main():
        async for event in cleanup(2, ended).astream({}):
            if isinstance(event, events.StepStarted):
                await asyncio.sleep(1)
                break
        del event
        gc.collect()
        await asyncio.sleep(3)
        assert ended == [True]

    run_virtual(main())


def test_an_error_of_the_reader_is_what_comes_out():
    ended = []

    async def main():
        async with cleanup(0, ended).astream({}) as stream:
            async for event in stream:
                if isinstance(event, events.StepStarted):
                    await asyncio.sleep(1)
                    raise LookupError("the reader's")

    with pytest.raises(LookupError, match="the reader's"):
        run_virtual(main())
    assert ended == [True]


def test_a_stream_that_nobody_reads_runs_nothing():
    called = []
    stream = Pipeline([step(lambda: called.append(1), [])]).stream({})
    stream.close()
    assert list(stream) == []
    assert called == []


def test_entering_begins_the_run():
    async def main():
        async with cleanup(0, []).astream({}):
            await asyncio.sleep(1)

    run_virtual(main())


# What is refused


@pytest.mark.parametrize("capacity", [0, -1, True, "many", 1.5, None])
def test_a_capacity_is_a_whole_number(capacity):
    for verb in (pipeline().stream, pipeline().astream):
        with pytest.raises(DefinitionError, match="stream: capacity is"):
            verb({"n": 1}, capacity=capacity)


def test_inputs_that_do_not_fit_are_told_to_the_first_who_reads():
    with pytest.raises(InputError, match="the input 'n' is missing"):
        list(pipeline().stream({}))
