"""Trying again: when, how often, what is repeated, and what stays the same."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.run.bench import Bench, ended, run

from plait import Limits, Pipeline, Retry, StepContext, current_step, parallel, step
from plait.events import AttemptDiscarded, Emitted, StepFailed, StepFinished, StepStarted
from plait.testing.virtual import run_virtual


class Watching:
    def __init__(self):
        self.events = []

    def on_event(self, event):
        self.events.append(event)

    def of(self, *kinds):
        return [event for event in self.events if isinstance(event, kinds)]


def test_the_waits_between_attempts_grow_and_the_attempt_itself_takes_its_time():
    bench = Bench()
    got = run([bench.bad("a", 1, retry=Retry(5, backoff=2, factor=3, max_backoff=10, jitter=0))])
    assert bench.when("a", "began") == [0, 3, 10, 21, 32]
    assert got.took == 33


@pytest.mark.parametrize("seed", range(5))
def test_jitter_stays_in_its_bounds_and_differs(seed):
    bench = Bench()
    steps = [bench.bad(f"s{n}", 0, retry=Retry(2, backoff=10, jitter=0.4)) for n in range(20)]
    run([parallel(steps, on_error="finish")], seed=seed)
    seconds = [bench.when(f"s{n}", "began")[1] for n in range(20)]
    assert all(6 <= at <= 10 for at in seconds)
    assert len(set(seconds)) > 10


def test_it_stops_at_the_first_success():
    bench = Bench()
    got = run([bench.bad("a", 1, times=2, retry=Retry(9, backoff=0))])
    assert got.state == {"a": "a"}
    assert bench.did("a") == ["began", "failed", "began", "failed", "began", "ended"]


@pytest.mark.parametrize(
    ("on", "attempts"),
    [
        (Exception, 3),
        (OSError, 3),
        (KeyError, 1),
        ((KeyError, OSError), 3),
        (lambda error: isinstance(error, ConnectionError), 3),
        (lambda error: error.args == ("other",), 1),
        (lambda error: None, 1),
    ],
)
def test_the_filter_decides(on, attempts):
    bench = Bench()
    got = run([bench.bad("a", 0, ConnectionError, retry=Retry(3, backoff=0, on=on))])
    assert isinstance(got.error, ConnectionError)
    assert len(bench.when("a", "began")) == attempts


def test_the_filter_sees_the_original_object():
    error = ConnectionError("original")
    seen = []
    run([Bench().bad("a", 0, error, retry=Retry(2, backoff=0, on=lambda e: seen.append(e) or True))])
    assert [e is error for e in seen] == [True, True]


def test_the_filter_may_say_how_long_to_wait():
    bench = Bench()
    waits = iter([5, 0, 0.5])
    run([bench.bad("a", 1, retry=Retry(4, backoff=100, on=lambda e: next(waits, True)))])
    assert bench.when("a", "began") == [0, 6, 7, 8.5]


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("answer", ["soon", ZeroDivisionError])
def test_a_filter_that_breaks_does_not_hide_the_error(alone, answer):
    def broken(error):
        if isinstance(answer, str):
            return answer
        raise answer("in the filter")

    bench = Bench()
    one = bench.bad("a", 1, retry=Retry(3, on=broken))
    got = run([one if alone else parallel([one, bench.ok("b", 50)])])
    assert isinstance(got.error, ValueError)
    assert got.notes[0].startswith("the retry filter of 'a' raised ")
    assert got.notes[0].endswith("; it was not tried again")
    assert got.took == 1


def test_a_filter_of_a_block_that_breaks_is_named_as_well():
    def broken(error):
        return 1 / 0 if isinstance(error, ValueError) else False

    bench = Bench()
    block = parallel([bench.bad("a"), bench.ok("b")], retry=Retry(3, on=broken))
    got = run([block])
    assert isinstance(got.error, ValueError)
    assert "ZeroDivisionError" in got.notes[0]
    assert len(bench.when("a", "began")) == 1


def test_only_the_step_itself_is_repeated_in_a_block_and_in_a_chain():
    bench = Bench()
    block = parallel(
        [[bench.ok("x"), bench.bad("y", 1, times=2, retry=Retry(3, backoff=0)), bench.ok("z")], bench.ok("w")]
    )
    got = run([bench.ok("before"), block, bench.ok("after")])
    assert got.error is None
    assert len(bench.when("y", "began")) == 3
    assert all(len(bench.when(name, "began")) == 1 for name in ("before", "x", "z", "w", "after"))


def test_siblings_go_on_while_a_step_waits_for_its_next_attempt():
    bench = Bench()
    one = bench.bad("a", 1, times=1, retry=Retry(2, backoff=5, jitter=0))
    got = run([parallel([one, [bench.ok("b", 2), bench.ok("c", 2)]])])
    assert bench.when("c", "ended") == [4]
    assert got.took == 7


def test_a_step_that_waits_holds_neither_slot_nor_resource():
    bench = Bench()
    one = bench.bad("a", 1, times=1, retry=Retry(2, backoff=5, jitter=0), resources={"gpu": 1})
    two = bench.ok("b", 2, resources={"gpu": 1})
    got = run([parallel([one, two], max_concurrency=1)], limits=Limits({"gpu": 1}))
    assert bench.when("a", "began") == [0, 6]
    assert bench.when("b", "began") == [1]
    assert got.took == 7


def test_after_its_wait_it_queues_like_anybody():
    bench = Bench()
    one = bench.bad("a", 1, times=1, retry=Retry(2, backoff=1, jitter=0))
    got = run([parallel([one, bench.ok("b", 5)], max_concurrency=1)])
    assert bench.when("b", "began") == [1]
    assert bench.when("a", "began") == [0, 6]
    assert got.took == 7


def test_it_does_not_begin_again_once_the_run_stops():
    bench = Bench()
    one = bench.bad("a", 1, retry=Retry(9, backoff=3, jitter=0))
    got = run([parallel([one, bench.bad("b", 2)])])
    assert got.paths == ["b"]
    assert bench.when("a", "began") == [0]
    assert got.took == 2


def test_attempts_are_counted_in_events_and_contexts_and_the_key_stays():
    seen = []
    watching = Watching()

    async def work(context: StepContext):
        seen.append((context.attempt, context.idempotency_key, current_step().attempt))
        await context.emit(context.attempt)
        if context.attempt < 3:
            raise OSError
        return "done"

    async def main():
        pipeline = Pipeline([step(work, None, "x", retry=Retry(3, backoff=0))])
        return await pipeline.arun({}, observers=[watching])

    run_virtual(main())
    assert [(a, b) for a, _, b in seen] == [(1, 1), (2, 2), (3, 3)]
    assert len({key for _, key, _ in seen}) == 1
    told = [(type(e).__name__, e.attempt) for e in watching.events if hasattr(e, "attempt")]
    assert told == [
        ("StepStarted", 1),
        ("Emitted", 1),
        ("StepFailed", 1),
        ("AttemptDiscarded", 1),
        ("StepStarted", 2),
        ("Emitted", 2),
        ("StepFailed", 2),
        ("AttemptDiscarded", 2),
        ("StepStarted", 3),
        ("Emitted", 3),
        ("StepFinished", 3),
    ]
    assert [e.will_retry for e in watching.of(StepFailed)] == [True, True]


def test_the_last_failure_says_that_nothing_follows():
    watching = Watching()
    bench = Bench()
    got = run_virtual(ended(Pipeline([bench.bad("a", retry=Retry(2, backoff=0))]), observers=[watching]))
    assert [e.will_retry for e in watching.of(StepFailed)] == [True, False]
    assert watching.of(StepFailed)[-1].error is got.error
    assert len(watching.of(AttemptDiscarded)) == 2
    assert not watching.of(StepFinished, Emitted)
    assert len(watching.of(StepStarted)) == 2


def test_keys_differ_between_steps_and_between_runs():
    keys = []

    async def work():
        keys.append(current_step().idempotency_key)

    pipeline = Pipeline([step(work, None, "a", name="one"), step(work, None, "b", name="two")])
    for _ in range(2):
        pipeline.run({})
    assert len(set(keys)) == 4


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_in_the_middle_of_a_chain_keeps_its_own_count(fused):
    attempts = {}

    def counting(name, fails):
        async def work():
            attempt = current_step().attempt
            attempts.setdefault(name, []).append(attempt)
            if attempt <= fails:
                raise OSError
            return name

        return step(work, None, name, name=name, retry=Retry(3, backoff=0))

    steps = [counting("a", 1), counting("b", 0), counting("c", 2), counting("d", 0)]
    observers = [] if fused else [Watching()]
    got = run_virtual(ended(Pipeline(steps), observers=observers))
    assert got.error is None
    assert attempts == {"a": [1, 2], "b": [1], "c": [1, 2, 3], "d": [1]}


def test_a_blocking_step_is_tried_again_in_a_thread():
    threads = []

    def work():
        threads.append(threading.current_thread() is threading.main_thread())
        if len(threads) < 3:
            raise OSError
        return 7

    got = run([step(work, None, "x", retry=Retry(3, backoff=1, jitter=0))])
    assert got.state == {"x": 7}
    assert threads == [False] * 3


def test_serial_mode_tries_again_as_well():
    bench = Bench()
    got = Pipeline([bench.bad("a", 0, times=2, retry=Retry(3, backoff=0))]).run({}, mode="serial")
    assert got.state == {"a": "a"}


def test_retries_get_the_same_objects():
    given = []

    async def work(rows):
        given.append(rows)
        if len(given) == 1:
            raise OSError
        return len(rows)

    rows = [1, 2]
    run([step(work, ["rows"], "n", retry=Retry(2, backoff=0))], {"rows": rows})
    assert all(each is rows for each in given)


def test_a_hundred_steps_that_all_fail_twice():
    bench = Bench()
    steps = [bench.bad(f"s{n}", 1, times=2, retry=Retry(3, backoff=1, jitter=0)) for n in range(100)]
    got = run([parallel(steps, max_concurrency=10)], seed=3)
    assert got.error is None
    assert len(bench.notes) == 600


def test_a_cancelled_run_leaves_no_retry_behind():
    bench = Bench()

    async def main():
        pipeline = Pipeline([bench.bad("a", 1, retry=Retry(9, backoff=50, jitter=0))])
        try:
            async with asyncio.timeout(10):
                await pipeline.arun({})
        except TimeoutError:
            pass
        await asyncio.sleep(200)

    run_virtual(main())
    assert bench.when("a", "began") == [0]
