"""Timeouts and deadlines: what they count, what they cut off, and what they leave."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest
from tests.run.bench import Bench, ended, run
from tests.run.test_retries import Watching

from plait import (
    DeadlineExceeded,
    Limits,
    Pipeline,
    Retry,
    StepContext,
    current_step,
    failures,
    parallel,
    step,
    subgraph,
)
from plait.errors import StepTimeout
from plait.events import AttemptDiscarded, Emitted, RunFinished, StepFailed
from plait.testing.virtual import run_virtual


def test_an_attempt_that_takes_too_long_is_cancelled_and_named():
    bench = Bench()
    got = run([bench.ok("a", 9, timeout=2.5)], name="p")
    assert isinstance(got.error, StepTimeout)
    assert isinstance(got.error, TimeoutError)
    assert str(got.error) == "step 'a' took longer than its timeout of 2.5 s"
    assert got.notes == ["in step 'a' of pipeline 'p', attempt 1"]
    assert got.paths == ["a"]
    assert bench.when("a", "cancelled") == [2.5]
    assert got.took == 2.5


def test_one_that_is_just_in_time_is_left_alone():
    assert run([Bench().ok("a", 2.4, timeout=2.5)]).state == {"a": "a"}


def test_it_counts_from_the_start_of_each_attempt_and_not_the_waiting_between():
    bench = Bench()
    got = run([bench.ok("a", 9, timeout=2, retry=Retry(3, backoff=10, factor=1, jitter=0))])
    assert bench.when("a", "began") == [0, 12, 24]
    assert bench.when("a", "cancelled") == [2, 14, 26]
    assert got.failures[0].attempt == 3


@pytest.mark.parametrize("options", [{"max_concurrency": 1}, {"limits": Limits({"gpu": 1})}])
def test_it_does_not_count_the_queue(options):
    bench = Bench()
    need = {"resources": {"gpu": 1}} if "limits" in options else {}
    steps = [bench.ok(f"s{n}", 2, timeout=3, **need) for n in range(5)]
    got = run([parallel(steps)], **options)
    assert got.error is None
    assert got.took == 10


def test_the_cleanup_may_take_longer_and_is_waited_for():
    bench = Bench()
    got = run([bench.ok("a", 9, timeout=1, cleanup=3)])
    assert isinstance(got.error, StepTimeout)
    assert bench.when("a", "cleaned") == [4]
    assert got.took == 4


def test_what_the_step_raises_when_its_time_is_over_is_the_cause():
    got = run([Bench().dirty("a", OSError("half written"), timeout=1)])
    assert isinstance(got.error, StepTimeout)
    assert isinstance(got.error.__cause__, OSError)


@pytest.mark.parametrize("alone", [True, False])
def test_a_step_that_answers_with_a_value_is_too_late_all_the_same(alone):
    bench = Bench()
    late = bench.swallows("a", timeout=1)
    got = run([late if alone else parallel([late, bench.ok("b", 0.5)])])
    assert isinstance(got.error, StepTimeout)
    assert bench.did("a") == ["began", "swallowed"]
    assert got.took == 1


def test_so_is_one_that_is_called_the_slow_way():
    async def two():
        try:
            await asyncio.sleep(50)
        except asyncio.CancelledError:
            return {"a": 1, "b": 2}

    got = run([step(two, None, ["a", "b"], timeout=1)])
    assert isinstance(got.error, StepTimeout)
    assert got.took == 1


def test_a_late_value_is_tried_again_where_that_was_asked_for():
    bench = Bench()
    got = run([bench.swallows("a", timeout=1, retry=Retry(2, backoff=0))])
    assert bench.did("a") == ["began", "swallowed"] * 2
    assert got.took == 2


def test_a_timeout_error_of_the_component_is_its_own():
    error = TimeoutError("mine")
    got = run([Bench().bad("a", 1, error, timeout=5)])
    assert got.error is error


def test_timeouts_of_the_component_itself_work_inside():
    async def inner():
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(50)
        except TimeoutError:
            return asyncio.current_task().cancelling()

    assert run([step(inner, None, "n", timeout=5)]).state == {"n": 0}
    assert run([step(inner, None, "n")]).state == {"n": 0}


@pytest.mark.parametrize("seed", range(20))
def test_random_nests_fire_at_their_moment_the_innermost_that_is_due_first(seed):
    random_ = random.Random(seed)
    for _ in range(20):
        bench = Bench()
        takes = random_.choice([1, 2, 3, 4, 5, 6]) + 0.5
        limits = [random_.choice([1, 2, 3, 4, 5, 6, None]) for _ in range(3)]
        deadline = random_.choice([2, 4, 6, None])
        leaf = bench.ok("leaf", takes, timeout=limits[0])
        block = parallel([leaf, bench.ok("other", 0.1)], name="block", timeout=limits[1])
        outer = subgraph(Pipeline([block]), name="sub", timeout=limits[2])
        got = run([outer], deadline=deadline, seed=seed)
        due = [takes, *[limit for limit in limits if limit], *([deadline] if deadline else [])]
        assert got.took == min(due)
        if got.error is None:
            assert takes == min(due)
        elif isinstance(got.error, DeadlineExceeded):
            assert deadline == min(due)
        else:
            (path,) = got.paths
            at = {"sub/block/leaf": limits[0], "sub/block": limits[1], "sub": limits[2]}[path]
            assert at == min(due)


# the deadline of a run


def test_a_deadline_is_total_and_cancels_what_runs():
    bench = Bench()
    got = run([bench.ok("a", 2), bench.ok("b", 9, cleanup=1)], deadline=5, name="p")
    assert isinstance(got.error, DeadlineExceeded)
    assert isinstance(got.error, TimeoutError)
    assert str(got.error) == "pipeline 'p' took longer than its deadline of 5 s"
    assert bench.did("b") == ["began", "cancelled", "cleaned"]
    assert failures(got.error).report.outcome == "deadline"
    assert got.took == 6


def test_it_includes_pauses_and_queues():
    bench = Bench()
    got = run([bench.bad("a", 1, retry=Retry(9, backoff=10, jitter=0))], deadline=5)
    assert isinstance(got.error, DeadlineExceeded)
    assert got.took == 5
    got = run([parallel([bench.ok("x", 4), bench.ok("y", 4)], max_concurrency=1)], deadline=5)
    assert isinstance(got.error, DeadlineExceeded)
    assert got.took == 5


def test_one_given_to_the_run_counts_instead():
    bench = Bench()

    async def main():
        pipeline = Pipeline([bench.ok("a", 3)], deadline=1)
        return await ended(pipeline, deadline=2), await ended(pipeline, deadline=4)

    late, fine = run_virtual(main())
    assert isinstance(late.error, DeadlineExceeded)
    assert late.took == 2
    assert fine.state == {"a": "a"}


def test_a_failure_before_the_deadline_stays_the_failure():
    bench = Bench()
    got = run([parallel([bench.bad("a", 1), bench.ok("b", 9, cleanup=9)])], deadline=3)
    assert isinstance(got.error, ValueError)


def test_a_step_knows_what_is_left():
    left = []

    async def work(context: StepContext):
        left.append(round(context.deadline, 6))
        await asyncio.sleep(2)
        left.append(round(context.deadline, 6))

    run([step(work, None, "x", timeout=8)], deadline=5)
    run([step(work, None, "x", timeout=3)], deadline=50)
    assert left == [5, 3, 3, 1]


def test_without_timeout_and_deadline_nothing_is_left_to_say():
    async def work():
        return current_step().deadline

    assert run([step(work, None, "x")]).state == {"x": None}


def test_serial_mode_has_timeouts_for_async_steps_and_deadlines():
    async def slow():
        await asyncio.sleep(5)

    with pytest.raises(StepTimeout):
        Pipeline([step(slow, None, "x", timeout=0.01)]).run({}, mode="serial")

    def blocks():
        time.sleep(0.05)

    with pytest.raises(DeadlineExceeded):
        Pipeline([step(blocks, None, "x"), step(slow, None, "y")], deadline=0.01).run({}, mode="serial")


# threads: the clock stands while they work, so these take real time; they wait for events, not for seconds


@pytest.mark.timing
def test_a_thread_is_told_in_time_and_control_returns_when_it_ends():
    told = []

    def work(context: StepContext):
        began = time.monotonic()
        while not context.cancelled and time.monotonic() - began < 30:
            time.sleep(0.002)
        told.append(time.monotonic() - began)
        gate.wait(30)
        return "late"

    async def main():
        watching = Watching()
        loop = asyncio.get_running_loop()
        loop.call_later(0.4, gate.set)
        began = time.monotonic()
        with pytest.raises(StepTimeout):
            await Pipeline([step(work, None, "x", timeout=0.1)]).arun({}, observers=[watching])
        return time.monotonic() - began, watching

    gate = threading.Event()
    took, watching = asyncio.run(main())
    assert (
        0.09 <= told[0] < 0.35
    )  # in time: it counts from the start of the attempt, just before the thread's
    assert took >= 0.4  # and not before it had ended
    assert [e.will_retry for e in watching.of(StepFailed)] == [False]


def test_the_late_value_of_a_thread_is_void():
    def work():
        gate.wait(30)
        return "late"

    async def main():
        asyncio.get_running_loop().call_later(0.1, gate.set)
        pipeline = Pipeline(
            [
                parallel(
                    [step(work, None, "x", timeout=0.02), step(len, {"obj": "t"}, "n")], on_error="collect"
                )
            ]
        )
        return await pipeline.arun({"t": "abc"})

    gate = threading.Event()
    result = asyncio.run(main())
    assert result.state == {"t": "abc", "n": 3}
    assert isinstance(result.failures[0].error, StepTimeout)


def test_an_error_of_a_thread_whose_time_is_over_is_the_cause():
    def work():
        gate.wait(30)
        raise OSError("half written")

    async def main():
        asyncio.get_running_loop().call_later(0.1, gate.set)
        await Pipeline([step(work, None, "x", timeout=0.02)]).arun({})

    gate = threading.Event()
    with pytest.raises(StepTimeout) as caught:
        asyncio.run(main())
    assert isinstance(caught.value.__cause__, OSError)


class Abandoned:
    """A blocking component that stays behind, with all that is to be seen of it."""

    def __init__(self, **options):
        self.began, self.gate, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.seen = []
        self.calls = 0
        self.step = step(self.work, None, "x", name="left", abandon=True, **options)

    def work(self):
        self.calls += 1
        self.began.set()
        context = current_step()
        self.gate.wait(30)
        self.seen.append((context.cancelled, context.path))
        context.emit("from the grave")
        self.ended.set()
        return "late"

    def finish(self):
        self.gate.set()
        assert self.ended.wait(30)


@pytest.fixture
def left():
    made = []

    def make(**options):
        made.append(Abandoned(**options))
        return made[-1]

    yield make
    for each in made:
        each.gate.set()
        if each.began.is_set():
            assert each.ended.wait(30)


def test_abandon_returns_at_once_and_says_so(left):
    one = left(timeout=0.05)
    with pytest.raises(StepTimeout) as caught:
        asyncio.run(Pipeline([one.step]).arun({}))
    assert not one.ended.is_set()
    assert "its thread was left behind and may still run; what it returns is void" in caught.value.__notes__
    one.finish()
    assert one.seen == [(True, "left")]


def test_what_was_abandoned_can_not_commit_any_more(left):
    one = left(timeout=0.05)
    watching = Watching()

    async def main():
        async def wait():
            one.gate.set()
            await asyncio.to_thread(one.ended.wait, 30)
            await asyncio.sleep(0.01)

        pipeline = Pipeline(
            [parallel([one.step, step(len, {"obj": "t"}, "n")], on_error="collect"), step(wait, None, "w")]
        )
        return await pipeline.arun({"t": "abc"}, observers=[watching])

    result = asyncio.run(main())
    assert one.ended.is_set()
    assert result.state == {"t": "abc", "n": 3, "w": None}
    assert [f.path.rpartition("/")[2] for f in result.failures] == ["left"]
    # nor does it say anything any more, after its attempt was discarded
    assert [e.path.rpartition("/")[2] for e in watching.of(AttemptDiscarded)] == ["left"]
    assert not watching.of(Emitted)
    assert isinstance(watching.events[-1], RunFinished)


@pytest.mark.parametrize(("idempotent", "calls"), [(False, 1), (True, 3)])
def test_abandoned_work_is_tried_again_only_if_twice_does_no_harm(left, idempotent, calls):
    one = left(timeout=0.05, retry=Retry(3, backoff=0), idempotent=idempotent)
    with pytest.raises(StepTimeout) as caught:
        asyncio.run(Pipeline([one.step]).arun({}))
    assert one.calls == calls
    assert failures(caught.value)[0].attempt == calls


def test_nor_is_a_block_around_it(left):
    one = left(timeout=0.05)
    with pytest.raises(StepTimeout):
        asyncio.run(Pipeline([parallel([one.step], retry=Retry(3, backoff=0), timeout=50)]).arun({}))
    assert one.calls == 1


def test_an_abandoned_sibling_of_a_failure_is_noted(left, caplog):
    one = left()

    async def fail():
        while not one.began.is_set():
            await asyncio.sleep(0.001)
        raise ValueError("sibling")

    with caplog.at_level("WARNING", logger="plait"), pytest.raises(ValueError, match="sibling") as caught:
        asyncio.run(Pipeline([parallel([one.step, step(fail, None, "y")])]).arun({}))
    assert not one.ended.is_set()
    assert any("'left'" in note and "left behind" in note for note in caught.value.__notes__)
    assert [record.step for record in caplog.records] == ["left"]


def test_a_cooperative_thread_that_is_abandoned_can_still_ask_where_it_is(left):
    asked = []

    def work():
        began.set()
        gate.wait(30)
        asked.append(current_step().cancelled)
        done.set()

    began, gate, done = threading.Event(), threading.Event(), threading.Event()
    with pytest.raises(StepTimeout):
        asyncio.run(Pipeline([step(work, None, "x", abandon=True, timeout=0.05)]).arun({}))
    gate.set()
    assert done.wait(30)
    assert asked == [True]
