"""The stand-in for an event emitter: what a component sends with it is in the run's stream, in order, as it was."""

from __future__ import annotations

import asyncio
from enum import IntEnum

import pytest

from plait import DefinitionError, Pipeline, StepContext, current_step, events, step
from plait.run.emitter import EventEmitter, emitter_of
from plait.testing import step_context
from plait.testing.virtual import run_virtual


class Level(IntEnum):
    TRACE = 0
    DEBUG = 1
    INFO = 2
    ERROR = 4


class Event:
    """Like that of the original: Plait takes it without knowing its class."""

    def __init__(self, value, *, level=Level.INFO, type="response", id=None, metadata=None):  # noqa: A002
        self.value, self.level, self.type, self.id = value, level, type, id
        self.metadata = metadata or {}


def sent(*arguments, **options):
    """What one emitter sends for these calls of emit."""
    found = []
    emitter = EventEmitter(found.append, **options)
    for event in arguments:
        emitter.emit(event)
    return found


def streamed(component):
    with Pipeline([step(component)]).stream({}) as stream:
        return [event for event in stream if isinstance(event, events.Emitted)]


def test_an_async_component_emits_text_and_events_as_they_are():
    event = Event({"a": 1}, id="1")

    async def speaks(context: StepContext):
        emitter = emitter_of(context)
        await emitter.emit("Hello, world!")
        await emitter.emit(event)
        await emitter.emit(event=b"bytes")
        await emitter.close()

    found = streamed(speaks)
    assert [e.value for e in found] == ["Hello, world!", event, b"bytes"]
    assert found[1].value is event
    assert {(e.path, e.attempt) for e in found} == {("speaks", 1)}


def test_a_component_in_a_thread_emits_without_awaiting():
    def speaks():
        emitter = emitter_of(current_step())
        for n in range(50):
            emitter.emit(n)

    assert [e.value for e in streamed(speaks)] == [*range(50)]


def test_nothing_is_added():
    async def quiet(context: StepContext):
        await emitter_of(context).close()

    assert streamed(quiet) == []


def test_awaiting_waits_for_the_reader():
    emitted = []

    async def fast(context: StepContext):
        emitter = emitter_of(context)
        for n in range(40):
            await emitter.emit(n)
            emitted.append(n)

    async def main():
        ahead = []
        async with Pipeline([step(fast)]).astream({}, capacity=3) as stream:
            async for event in stream:
                if isinstance(event, events.Emitted):
                    await asyncio.sleep(1)
                    ahead.append(len(emitted) - event.value)
        return max(ahead)

    assert run_virtual(main()) <= 5
    assert emitted == [*range(40)]


def test_what_emit_gives_can_be_a_task_of_its_own():
    async def tasks(context: StepContext):
        emitter = emitter_of(context)
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(asyncio.create_task(emitter.emit(n)) for n in range(10)))
        waits = await asyncio.to_thread(asyncio.run_coroutine_threadsafe, emitter.emit("last"), loop)
        await asyncio.wrap_future(waits)

    async def main():
        async with Pipeline([step(tasks)]).astream({}, capacity=2) as stream:
            return [event.value async for event in stream if isinstance(event, events.Emitted)]

    assert asyncio.run(main()) == [*range(10), "last"]


def test_a_task_that_waits_for_room_can_be_cancelled():
    async def cancels(context: StepContext):
        emitter = emitter_of(context)
        await emitter.emit("first")
        waiting = asyncio.create_task(emitter.emit("second"))
        await asyncio.sleep(1)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return "went on"

    async def main():
        async with Pipeline([step(cancels, output_state="x")]).astream({}, capacity=4) as stream:
            await asyncio.sleep(5)
            values = [event.value async for event in stream if isinstance(event, events.Emitted)]
            return values, stream.result.state

    assert run_virtual(main()) == (["first", "second"], {"x": "went on"})


def test_events_below_the_level_are_left_out():
    low, high = Event("low", level=Level.DEBUG), Event("high", level=Level.ERROR)
    assert sent(low, "text", high) == ["text", high]
    assert sent(low, "text", high, event_level="TRACE") == [low, "text", high]
    assert sent(low, "text", high, event_level=Level.ERROR) == [high]
    assert sent(low, "text", high, event_level=5) == []
    assert EventEmitter(print, event_level="warn").severity == 3


def test_a_text_can_be_given_a_level():
    found = []
    emitter = EventEmitter(found.append)
    emitter.emit("detail", level="DEBUG")
    emitter.emit("loud", level=Level.ERROR)
    emitter.emit(Event("event", level=Level.ERROR), level="DEBUG")
    assert found == ["loud"]


@pytest.mark.parametrize("level", [17, True, "high", None, 2.5])
def test_a_level_that_means_something_else_is_not_ours(level):
    event = Event("value", level=level)
    assert sent(event) == [event]


def test_a_wrong_level_is_refused_with_the_nearest():
    with pytest.raises(DefinitionError, match=r"event_level is 'DEBGU'.*did you mean 'DEBUG'\?"):
        EventEmitter(print, event_level="DEBGU")
    with pytest.raises(
        DefinitionError, match=r"level is 6; it is one of 'TRACE', .* or a number from 0 to 5"
    ):
        EventEmitter(print).emit("text", level=6)


def test_the_streams_handler_can_be_left_out_for_one_event():
    found = []
    emitter = EventEmitter(found.append)
    emitter.emit("for the console", ["StreamEventHandler"])
    emitter.emit("for all", ["ConsoleEventHandler"])
    assert found == ["for all"]


def test_what_every_component_announces_is_left_out_and_the_rest_is_not():
    noise = [Event("[Start 'Reader']"), Event("[Finished 'Reader']")]
    theirs = [
        Event("[Start 'Reader'] now"),
        Event("[Start 'Reader']", type="status"),
        Event("[Start 'Reader']", id="mine"),
        Event("[Finished 'Reader']", metadata={"by": "me"}),
        "[Start 'Reader']",
    ]
    assert sent(*noise, *theirs) == theirs
    assert sent(*noise, *theirs, announcements=True) == [*noise, *theirs]


def test_after_close_nothing_is_sent_and_nothing_breaks():
    found = []
    emitter = EventEmitter(found.append)
    emitter.emit("before")
    emitter.close()
    emitter.close()
    emitter.emit("after")
    asyncio.run(emitter.emit("after"))
    assert found == ["before"]


def test_the_context_of_a_test_will_do():
    with step_context() as context:
        asyncio.run(emitter_of(context).emit("text"))
