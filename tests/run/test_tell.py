"""Nothing that components emit is lost or comes in another order, wherever they emit from and however slow the reader is."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import Pipeline, Retry, StepContext, current_step, dataflow, events, parallel, step
from plait.run.tell import Follower, Held
from plait.testing.virtual import run_virtual


class Listener:
    def __init__(self):
        self.seen = []

    def on_event(self, event):
        self.seen.append(event)

    def of(self, path):
        """What one step told: the values, and the other kinds by name."""
        return [
            e.value if isinstance(e, events.Emitted) else type(e).__name__
            for e in self.seen
            if getattr(e, "path", None) == path
        ]


def in_a_thread(count):
    def work():
        context = current_step()
        for n in range(count):
            context.emit(n)

    return work


def on_the_loop(count):
    async def work(context: StepContext):
        for n in range(count):
            await context.emit(n)
            if n % 7 == 0:
                await asyncio.sleep(0)

    return work


def several(count):
    """Steps of both kinds, side by side."""
    return Pipeline(
        parallel(
            [
                *[step(in_a_thread(count), name=f"thread_{n}") for n in range(3)],
                *[step(on_the_loop(count), name=f"loop_{n}") for n in range(3)],
            ]
        )
    )


PATHS = [*(f"thread_{n}" for n in range(3)), *(f"loop_{n}" for n in range(3))]


# Order


@pytest.mark.parametrize("seed", range(8))
def test_values_from_threads_keep_their_order_whatever_the_loop_does_first(seed):
    listener = Listener()
    run_virtual(several(40).arun({}, observers=[listener]), seed=seed)
    for path in PATHS:
        assert listener.of(path) == ["StepStarted", *range(40), "StepFinished"]
    assert isinstance(listener.seen[-1], events.RunFinished)


@pytest.mark.parametrize("capacity", [1, 7, 1024])
def test_thousands_of_values_of_many_steps_reach_a_slow_reader_in_order(capacity):
    listener = Listener()

    async def main():
        async with several(1000).astream({}, capacity=capacity) as stream:
            async for event in stream:
                listener.on_event(event)
                if len(listener.seen) % 50 == 0:
                    await asyncio.sleep(0)

    asyncio.run(main())
    for path in PATHS:
        assert listener.of(path) == ["StepStarted", *range(1000), "StepFinished"]


def test_what_a_step_emits_from_the_loop_and_from_its_threads_is_in_one_order():
    async def work(context: StepContext):
        for n in range(0, 60, 3):
            context.emit(n)
            await asyncio.to_thread(context.emit, n + 1)
            await context.emit(n + 2)

    listener = Listener()
    asyncio.run(Pipeline([step(work)]).arun({}, observers=[listener]))
    assert listener.of("work") == ["StepStarted", *range(60), "StepFinished"]


def test_a_step_that_waits_for_its_thread_on_the_loop_ends_after_what_the_thread_sent():
    """The loop has had no turn in between: what the thread left for it is told all the same before the end."""

    async def work(context: StepContext):
        thread = threading.Thread(target=context.emit, args=("from the thread",))
        thread.start()
        thread.join()

    listener = Listener()
    asyncio.run(Pipeline([step(work)]).arun({}, observers=[listener]))
    assert listener.of("work") == ["StepStarted", "from the thread", "StepFinished"]


def test_several_threads_of_one_step_lose_nothing():
    def work(context: StepContext):
        def part(k):
            for n in range(200):
                context.emit((k, n))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(part, range(4)))

    with Pipeline([step(work)]).stream({}, capacity=5) as stream:
        seen = [e.value for e in stream if isinstance(e, events.Emitted)]
    for k in range(4):
        assert [n for part, n in seen if part == k] == [*range(200)]


# Attempts


@pytest.mark.parametrize("seed", range(4))
def test_the_values_of_a_failed_attempt_are_followed_by_the_word_that_they_are_void(seed):
    def work(context: StepContext):
        for n in range(20):
            context.emit(n)
        if context.attempt < 3:
            raise OSError("again")

    listener = Listener()
    pipeline = Pipeline([step(work, retry=Retry(attempts=3, backoff=0.1))])
    run_virtual(pipeline.arun({}, observers=[listener]), seed=seed)
    failed = ["StepStarted", *range(20), "StepFailed", "AttemptDiscarded"]
    assert listener.of("work") == [*failed, *failed, "StepStarted", *range(20), "StepFinished"]
    assert [e.attempt for e in listener.seen if isinstance(e, events.Emitted)] == [1] * 20 + [2] * 20 + [
        3
    ] * 20


def test_what_a_failed_attempt_left_behind_says_nothing_after_its_word():
    """A task that a component forgot still emits, after its attempt was declared void, and while the next one runs."""

    async def main():
        leftover = []

        async def later(context):
            for _ in range(3):
                await asyncio.sleep(1)
                context.emit(f"late {context.attempt}")

        async def work(context: StepContext):
            context.emit(f"mine {context.attempt}")
            leftover.append(asyncio.create_task(later(context)))
            await asyncio.sleep(1.5)
            if context.attempt == 1:
                raise OSError("once")
            await asyncio.sleep(5)

        listener = Listener()
        pipeline = Pipeline([step(work, retry=Retry(attempts=2, backoff=0.1))])
        await pipeline.arun({}, observers=[listener])
        await asyncio.gather(*leftover)
        return listener.of("work")

    assert run_virtual(main()) == [
        *["StepStarted", "mine 1", "late 1", "StepFailed", "AttemptDiscarded"],
        *["StepStarted", "mine 2", "late 2", "late 2", "late 2", "StepFinished"],
    ]


def test_in_a_block_that_is_tried_again_the_first_attempt_of_a_step_counts_again():
    tries = []

    async def work(context: StepContext):
        tries.append(context.attempt)
        await context.emit(len(tries))
        if len(tries) == 1:
            raise OSError("once")

    listener = Listener()
    pipeline = Pipeline([dataflow([step(work)], retry=Retry(2, backoff=0))])
    run_virtual(pipeline.arun({}, observers=[listener]))
    assert tries == [1, 1]
    assert listener.of("work") == [
        *["StepStarted", 1, "StepFailed", "AttemptDiscarded"],
        *["StepStarted", 2, "StepFinished"],
    ]


def test_after_the_end_of_the_run_nothing_is_told_and_nothing_breaks():
    contexts = []

    async def work(context: StepContext):
        contexts.append(context)
        await context.emit("in time")

    async def main():
        async with Pipeline([step(work)]).astream({}, capacity=1) as stream:
            async for event in stream:
                listener.on_event(event)
            assert [event async for event in stream] == []
        await Pipeline([step(work)]).arun({}, observers=[peek])
        for context in contexts:
            context.emit("late")
            await context.emit("late")
            await asyncio.to_thread(context.emit, "late, from a thread")

    class Peek(Follower):
        asks_values = True

        def begins(self, run):
            self.run = run

        def on_event(self, event):
            assert getattr(event, "value", "in time") == "in time"

    peek, listener = Peek(), Listener()
    asyncio.run(main())
    assert listener.of("work") == ["StepStarted", "in time", "StepFinished"]
    assert not peek.run.teller._inbox, "nor is it kept"
    for context in contexts:
        context.emit("later than the loop")
        thread = threading.Thread(target=context.emit, args=("from a thread, later than the loop",))
        thread.start()
        thread.join()
    assert not peek.run.teller._inbox
    assert listener.of("work") == ["StepStarted", "in time", "StepFinished"]


def test_what_had_finished_in_a_block_that_is_tried_again_is_taken_back_before_its_next_attempt():
    tries = []

    async def speaks(context: StepContext):
        await context.emit(len(tries))
        return 1

    async def once():
        tries.append(1)
        if len(tries) == 1:
            raise OSError("once")

    listener = Listener()
    block = dataflow([[step(speaks, output_state="x"), step(once, [])]], retry=Retry(2, backoff=0))
    run_virtual(Pipeline([block]).arun({}, observers=[listener]))
    assert listener.of("speaks") == [
        *["StepStarted", 0, "StepFinished", "AttemptDiscarded"],
        *["StepStarted", 1, "StepFinished"],
    ]


def test_of_a_block_that_collects_only_the_failed_branch_is_taken_back():
    async def fails():
        await asyncio.sleep(1)
        raise OSError("no")

    async def says(context: StepContext):
        await context.emit(context.path)
        return 1

    branches = {
        "good": [step(says, output_state="a", name="one"), step(says, output_state="b", name="two")],
        "bad": [step(says, output_state="c", name="three"), step(fails, [], name="fails")],
    }
    seen = []

    async def main():
        async with Pipeline([parallel(branches, on_error="collect")]).astream({}, mode="custom") as stream:
            async for event in stream:
                seen.append((type(event).__name__, event.path))

    run_virtual(main())
    assert seen == [
        ("Emitted", "good/one"),
        ("Emitted", "bad/three"),
        ("Emitted", "good/two"),
        ("AttemptDiscarded", "bad/three"),
    ]


def test_what_a_block_inside_had_kept_is_void_when_the_one_around_it_fails():
    tries = []

    async def says(context: StepContext):
        await context.emit("x")
        return 1

    async def once():
        await asyncio.sleep(1)
        tries.append(1)
        if len(tries) == 1:
            raise OSError("once")

    listener = Listener()
    inner = dataflow([step(says, output_state="x")], timeout=5)
    outer = dataflow([[inner, step(once, [])]], retry=Retry(2, backoff=0))
    run_virtual(Pipeline([outer]).arun({}, observers=[listener]))
    assert listener.of("says") == [
        *["StepStarted", "x", "StepFinished", "AttemptDiscarded"],
        *["StepStarted", "x", "StepFinished"],
    ]


# Back-pressure


@pytest.mark.parametrize("capacity", [1, 10])
@pytest.mark.parametrize("make", [in_a_thread, on_the_loop])
def test_no_more_waits_for_the_reader_than_capacity_and_one_for_each_who_emits(make, capacity):
    count, steps = 60, 3
    waiting = []

    async def main():
        pipeline = Pipeline(parallel([step(make(count), name=f"s{n}") for n in range(steps)]))
        seen = []
        async with pipeline.astream({}, capacity=capacity) as stream:
            async for event in stream:
                await asyncio.sleep(1)
                waiting.append(len(stream._queue.items))
                seen.append(event)
        return [e.value for e in seen if isinstance(e, events.Emitted)]

    assert sorted(run_virtual(main())) == sorted([*range(count)] * steps)
    ended = steps + 1  # events of the run itself never wait
    assert capacity <= max(waiting) <= capacity + steps + ended


def test_a_thread_that_waits_for_the_reader_can_be_stopped():
    went_on = threading.Event()

    def work(context: StepContext):
        while not context.cancelled:
            context.emit("more")
        went_on.set()

    async def main():
        async with Pipeline([step(work)]).astream({}, capacity=4) as stream:
            async for event in stream:
                if isinstance(event, events.Emitted):
                    while not stream._queue._held:  # it has filled the queue, and waits
                        await asyncio.sleep(0)
                    break

        return len(stream._queue.items)

    assert asyncio.run(main()) <= 5, "what nobody will read is not kept"
    assert went_on.is_set()


def test_a_timeout_ends_a_thread_that_waits_for_a_reader_who_does_not_come(monkeypatch):
    emitted, waits = [], []
    wait = Held.wait
    monkeypatch.setattr(Held, "wait", lambda held, stopped: (waits.append(held), wait(held, stopped)))

    def work(context: StepContext):
        for n in range(40):
            context.emit(n)
            emitted.append(n)
        return "all of it"

    async def main():
        async with Pipeline([step(work, output_state="x", timeout=0.1)]).astream({}, capacity=4) as stream:
            await asyncio.wait([stream._task])
            return [event async for event in stream]

    with pytest.raises(TimeoutError, match="longer than its timeout"):
        asyncio.run(main())
    assert emitted == [*range(40)]
    assert len(waits) == 1  # told to stop, it does not wait any more


def test_a_reader_that_raises_lets_waiting_threads_go():
    ended = []

    def work(context: StepContext):
        try:
            for n in range(100):
                context.emit(n)
        finally:
            ended.append(True)

    with (
        pytest.raises(LookupError, match="the reader's"),
        Pipeline([step(work)]).stream({}, capacity=1) as stream,
    ):
        for event in stream:
            if isinstance(event, events.Emitted):
                raise LookupError("the reader's")
    assert ended == [True]


def test_the_helper_threads_of_an_async_step_never_wait():
    """The step may stand still on the loop until they have ended: then nobody could make room."""

    async def work(context: StepContext):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: [context.emit(n) for n in range(50)]).result()

    async def main():
        async with Pipeline([step(work)]).astream({}, capacity=1) as stream:
            return [event.value async for event in stream if isinstance(event, events.Emitted)]

    assert asyncio.run(main()) == [*range(50)]


def test_who_does_not_await_on_the_loop_is_not_bounded_and_loses_nothing():
    async def work(context: StepContext):
        for n in range(500):
            context.emit(n)

    async def main():
        async with Pipeline([step(work)]).astream({}, capacity=2) as stream:
            await asyncio.sleep(1)
            ahead = len(stream._queue.items)
            return ahead, [event.value async for event in stream if isinstance(event, events.Emitted)]

    ahead, values = run_virtual(main())
    assert ahead >= 500
    assert values == [*range(500)]


def test_private_loops_in_threads_may_await_emit():
    def work(context: StepContext):
        async def inside():
            for n in range(100):
                await context.emit(n)

        asyncio.run(inside())

    listener = Listener()
    names = [f"s{n}" for n in range(4)]
    with Pipeline(parallel([step(work, name=name) for name in names])).stream({}, capacity=1) as stream:
        for event in stream:
            listener.on_event(event)
    for name in names:
        assert listener.of(name) == ["StepStarted", *range(100), "StepFinished"]


def test_an_observer_of_the_users_gets_no_values_whatever_it_is_called():
    class Nosy(Listener):
        asks_values = True
        wrote_called = False

        def wrote(self, path, step, written):
            self.wrote_called = True

    nosy = Nosy()
    Pipeline([step(lambda: "secret", [], "x")]).run({}, observers=[nosy])
    assert not nosy.wrote_called
    assert "secret" not in repr(nosy.seen)
