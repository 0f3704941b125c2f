"""The events of a run: one closed list, small values, in the order in which things happened."""

from __future__ import annotations

import asyncio
import logging
import typing

import pytest

from plait import Pipeline, Retry, StepContext, events, log, parallel, step
from plait.testing.virtual import run_virtual


class Listener:
    def __init__(self) -> None:
        self.seen: list[events.Event] = []

    def on_event(self, event):
        self.seen.append(event)

    def short(self):
        """Type and place of each event, as text."""
        return [" ".join([type(e).__name__, *([e.path] if hasattr(e, "path") else [])]) for e in self.seen]


def told(pipeline, inputs=None, **options):
    listener = Listener()
    try:
        run_virtual(pipeline.arun(inputs or {}, observers=[listener], **options))
    except Exception as error:
        return listener, error
    return listener, None


def test_every_event_has_run_and_time_first():
    for kind in typing.get_args(events.Event):
        assert kind._fields[:2] == ("run_id", "at"), kind
        assert kind.__doc__


def test_the_events_of_a_chain():
    async def one(): ...

    listener, error = told(Pipeline([step(one, []), step(one, [], "x", name="two")]))
    assert error is None
    assert listener.short() == [
        "RunStarted",
        "StepStarted one",
        "StepFinished one",
        "StepStarted two",
        "StepFinished two",
        "RunFinished",
    ]
    assert len({e.run_id for e in listener.seen}) == 1
    assert [e.at for e in listener.seen] == sorted(e.at for e in listener.seen)
    assert listener.seen[0].at == 0.0
    assert listener.seen[-1].outcome == "succeeded"
    assert listener.seen[2].seconds >= 0


@pytest.mark.parametrize("mode", ["parallel", "serial"])
def test_a_failed_attempt_is_followed_by_the_word_that_it_is_void(mode):
    def work(context: StepContext):
        context.emit(context.attempt)
        if context.attempt == 1:
            raise OSError("once")

    listener = Listener()
    Pipeline([step(work, retry=Retry(attempts=2, backoff=0.001))]).run({}, observers=[listener], mode=mode)
    assert listener.short() == [
        "RunStarted",
        "StepStarted work",
        "Emitted work",
        "StepFailed work",
        "AttemptDiscarded work",
        "StepStarted work",
        "Emitted work",
        "StepFinished work",
        "RunFinished",
    ]
    failed = listener.seen[3]
    assert (type(failed.error), failed.will_retry, failed.attempt) == (OSError, True, 1)
    assert [e.value for e in listener.seen if isinstance(e, events.Emitted)] == [1, 2]
    assert [e.attempt for e in listener.seen if isinstance(e, events.Emitted)] == [1, 2]


def test_the_last_attempt_says_that_none_follows():
    async def work():
        raise OSError("always")

    listener, error = told(Pipeline([step(work, [], retry=Retry(attempts=2, backoff=1))]))
    assert isinstance(error, OSError)
    assert [e.will_retry for e in listener.seen if isinstance(e, events.StepFailed)] == [True, False]
    assert listener.seen[-1].outcome == "failed"


def test_a_cancelled_sibling_is_discarded_and_nothing_follows_the_end():
    async def waits(context: StepContext):
        context.emit("half")
        await asyncio.sleep(100)

    async def fails():
        await asyncio.sleep(1)
        raise OSError("no")

    listener, error = told(Pipeline(parallel([step(waits), step(fails)])))
    assert isinstance(error, OSError)
    assert listener.short() == [
        "RunStarted",
        "StepStarted waits",
        "Emitted waits",
        "StepStarted fails",
        "StepFailed fails",
        "AttemptDiscarded fails",
        "AttemptDiscarded waits",
        "RunFinished",
    ]


def test_emitted_values_of_a_thread_come_before_its_end_and_in_order():
    def work(context: StepContext):
        for n in range(100):
            context.emit(n)

    listener = Listener()
    Pipeline([step(work)]).run({}, observers=[listener])
    assert [e.value for e in listener.seen if isinstance(e, events.Emitted)] == list(range(100))
    assert listener.short()[-2:] == ["StepFinished work", "RunFinished"]


def test_log_emits_its_message_and_the_logging_module_hears_nothing(caplog):
    listener = Listener()
    with caplog.at_level(logging.DEBUG):
        for mode in ("parallel", "serial"):
            Pipeline([log("{word} of {nothing}"), log("{raw}", is_template=False, name="raw")]).run(
                {"word": "secret-canary"}, observers=[listener], mode=mode
            )
    assert [e.value for e in listener.seen if isinstance(e, events.Emitted)] == [
        "secret-canary of None",
        "{raw}",
    ] * 2
    assert "secret-canary" not in caplog.text
    assert not [r for r in caplog.records if r.name.startswith("plait")]


def test_no_value_reaches_the_log_even_when_everything_goes_wrong(caplog):
    """Errors are the user's and are raised; what Plait logs by itself names steps only."""

    class Broken:
        def on_event(self, event):
            raise LookupError("an observer's own trouble")

    def work(text):
        raise OSError("no")

    with caplog.at_level(logging.DEBUG), pytest.raises(OSError, match="no"):
        Pipeline([step(work)]).run({"text": "secret-canary"}, observers=[Broken()])
    assert "secret-canary" not in caplog.text
    assert "an observer raised and was removed" in caplog.text


def test_an_observer_that_raises_is_removed_and_logged_once_and_the_run_goes_on(caplog):
    class Broken:
        calls = 0

        def on_event(self, event):
            self.calls += 1
            raise LookupError("broken")

    broken, listener = Broken(), Listener()
    with caplog.at_level(logging.ERROR, "plait"):
        state = Pipeline([step(lambda: 1, [], "x")]).run({}, observers=[broken, listener]).state
    assert state == {"x": 1}
    assert broken.calls == 1
    assert len(caplog.records) == 1
    assert caplog.records[0].observer == "Broken"
    assert listener.short()[-1] == "RunFinished"


@pytest.mark.parametrize(
    ("observers", "message"),
    [
        (5, "observers is 5; give a list of objects with on_event"),
        (Listener(), "observers is .*Listener.*; give a list"),
        ([Listener(), print], r"observers\[1\] is .*print.*, which has no method on_event\(event\)"),
        ([None], r"observers\[0\] is None"),
    ],
)
def test_what_can_not_observe_is_refused_before_anything_runs(observers, message):
    from plait import DefinitionError

    called = []
    pipeline = Pipeline([step(lambda: called.append(1), [])])
    with pytest.raises(DefinitionError, match=message):
        pipeline.run({}, observers=observers)
    with pytest.raises(DefinitionError, match=message):
        pipeline.run({}, observers=observers, mode="serial")
    with pytest.raises(DefinitionError, match=message):
        pipeline.map([{}], observers=observers)
    with pytest.raises(DefinitionError, match=message):
        asyncio.run(pipeline.arun({}, observers=observers))
    assert called == []
