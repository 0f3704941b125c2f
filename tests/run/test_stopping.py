"""Stopping: once, then a grace period, then again at intervals, then the coroutine is closed; and nothing goes on."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from tests.run.bench import Bench, ended, run

from plait import Limits, Pipeline, Retry, failures, parallel, step
from plait.core.schedule import scheduler
from plait.errors import StepTimeout, StepWouldNotStop
from plait.run import drive, failing
from plait.testing.virtual import run_virtual

ALL = (scheduler.REDELIVERIES * scheduler.REDELIVERY_INTERVAL).__round__(6)
"""Seconds from the end of the grace period until a step is given up."""


@pytest.fixture(params=[False, True], ids=["tasks", "eager tasks"], autouse=True)
def eager(request, monkeypatch):
    """Both ways in which strands get their Tasks, where Python knows both."""
    if request.param and not drive.EAGER:
        pytest.skip("eager Tasks came with Python 3.12")
    monkeypatch.setattr(drive, "EAGER", request.param)


def test_cancellation_is_delivered_once_and_the_cleanup_has_its_whole_grace():
    bench = Bench()
    got = run([parallel([bench.ok("a", 50, cleanup=4.9), bench.bad("b")])])
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert got.took == 5.9
    assert not any("would not" in note or "ignored" in note for note in got.notes)


def test_the_grace_is_the_pipelines():
    bench = Bench()
    got = run([parallel([bench.ok("a", 50, cleanup=20), bench.bad("b")])], grace=30)
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert got.took == 21


def test_after_the_grace_it_is_delivered_again_at_intervals():
    bench = Bench()
    got = run([parallel([bench.deaf("a", 3), bench.bad("b")])], grace=2)
    assert bench.when("a", "ignored") == [1, 3, 3.1]
    assert bench.when("a", "cancelled") == [3.2]
    assert got.took == 3.2
    assert got.paths == ["b"]
    assert not any("ignored" in note for note in got.notes)


def test_a_step_that_never_stops_is_closed_and_named(caplog):
    bench = Bench()
    got = run([parallel([bench.deaf("a", 99), bench.bad("b")], name="block")], grace=2)
    assert isinstance(got.error, ValueError)
    assert got.paths == ["block/b"]
    assert "step 'block/a' ignored cancellation for 2 s; it was closed" in got.notes
    assert got.took == round(1 + 2 + ALL, 6)
    assert got.took <= 1 + 2 + 1  # the grace, and one second
    assert [(r.step, r.attempt, r.closed) for r in caplog.records] == [("block/a", 1, True)]


def test_a_closed_step_runs_its_finally_blocks():
    done = []

    async def deaf():
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(50)
        finally:
            done.append("finally")

    run([parallel([step(deaf, None, "x"), Bench().bad("b")])])
    assert done == ["finally"]


def test_what_a_closed_step_raises_or_returns_is_void():
    class Stubborn:
        def __init__(self, end):
            self.end = end

        async def __call__(self):
            while True:
                try:
                    await asyncio.sleep(50)
                except asyncio.CancelledError:
                    pass
                except GeneratorExit:
                    return self.end()

    def raises():
        raise OSError("while it was closed")

    for end in (raises, lambda: "value", lambda: None):
        got = run([parallel([step(Stubborn(end), None, "x"), Bench().bad("b")])])
        assert got.paths == ["b"]
        assert isinstance(got.error, ValueError)


def test_a_race_is_won_although_a_loser_would_not_stop_and_the_result_lists_it():
    bench = Bench()
    got = run([parallel([bench.deaf("a", 99), bench.ok("b", 1)], name="race", need=1)], grace=1)
    assert got.state == {"b": "b"}
    assert got.paths == ["race/a"]
    assert isinstance(got.failures[0].error, StepWouldNotStop)
    assert got.took == round(1 + 1 + ALL, 6)


def test_a_timeout_that_is_ignored_is_a_timeout_whose_cause_says_so():
    bench = Bench()
    got = run([bench.deaf("a", 99, timeout=1)], grace=1)
    assert isinstance(got.error, StepTimeout)
    assert isinstance(got.error.__cause__, StepWouldNotStop)
    assert got.paths == ["a"]
    assert got.took == round(1 + 1 + ALL, 6)


def test_a_closed_attempt_is_void_and_the_next_one_counts():
    calls = []

    async def work():
        calls.append(None)
        if len(calls) > 1:
            return "second"
        while True:
            try:
                await asyncio.sleep(50)
            except asyncio.CancelledError:
                pass
            except GeneratorExit:
                return "first"

    got = run([step(work, None, "x", timeout=1, retry=Retry(2, backoff=0))], grace=1)
    assert got.state == {"x": "second"}


def test_a_step_that_swallows_its_cancellation_is_stopped_and_its_chain_ends_there():
    # a and after run as one segment: nothing of it begins after the stop
    bench = Bench()
    got = run([parallel([[bench.swallows("a"), bench.ok("after")], bench.bad("b")])])
    assert bench.did("a") == ["began", "swallowed"]
    assert bench.did("after") == []
    assert got.paths == ["b"]
    assert got.took == 1


@pytest.mark.parametrize("width", [2, 3, 5, 9, 40])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_one_that_fails_at_once_stops_siblings_that_have_not_had_their_first_turn(width, place, seed):
    bench = Bench()
    broken = {"first": 0, "middle": width // 2, "last": width - 1}[place]
    steps = [bench.ok(f"s{n}", 50) for n in range(width)]

    async def fails():
        raise ValueError("at once")

    steps[broken] = step(fails, None, "x")
    got = run([parallel(steps)], seed=seed)
    assert isinstance(got.error, ValueError)
    assert got.took == 0
    assert not any("ignored" in note for note in got.notes)
    for n in range(width):
        assert bench.did(f"s{n}") in ([], ["began", "cancelled"])


def test_a_step_whose_time_is_over_before_its_first_turn_has_timed_out():
    # The loop is blocked, so the timer comes before the Tasks of the later ones: nothing may be lost silently.
    import time

    async def blocks():
        await asyncio.sleep(0)
        time.sleep(0.02)

    async def quick():
        return "quick"

    steps = [step(blocks, None, f"b{n}", name=f"b{n}") for n in range(7)]
    steps += [step(quick, None, f"q{n}", name=f"q{n}", timeout=0.01) for n in range(7)]
    pipeline = Pipeline([parallel(steps, on_error="collect")])
    result = asyncio.run(pipeline.arun({}))
    failed = {failure.path.rpartition("/")[2] for failure in result.failures}
    assert all(isinstance(f.error, StepTimeout) for f in result.failures)
    for n in range(7):
        assert (f"q{n}" in result.state) != (f"q{n}" in failed)


def test_who_waits_for_admission_is_forgotten():
    bench = Bench()
    limits = Limits({"gpu": 1})
    steps = [bench.bad("a", 1, resources={"gpu": 1}), bench.ok("b", 1, resources={"gpu": 1})]
    got = run([parallel(steps)], limits=limits)
    assert got.paths == ["a"]
    assert bench.did("b") == []
    # and what it waited for is free again
    assert run([bench.ok("c", 1, resources={"gpu": 1})], limits=limits).took == 1


def test_the_callers_own_task_is_no_place_for_a_step_beside_one_that_waits():
    bench = Bench()
    limits = Limits({"gpu": 1})
    held = Pipeline([bench.ok("holds", 1, resources={"gpu": 1})], limits=limits)
    pipeline = Pipeline(
        [parallel([bench.ok("a", 50), bench.bad("b", 1, resources={"gpu": 1})])], limits=limits
    )

    async def main():
        other = asyncio.create_task(held.arun({}))
        await asyncio.sleep(0)
        got = await ended(pipeline)
        await other
        return got

    got = run_virtual(main())
    assert got.paths == ["b"]
    assert bench.did("a") == ["began", "cancelled"]
    assert got.took == 2


def test_a_thread_is_waited_for_however_long_it_takes():
    def work():
        began.set()
        gate.wait(30)
        done.append(threading.current_thread().name)

    async def fail():
        while not began.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(1.2, gate.set)  # after the grace and its redeliveries
        raise ValueError("sibling")

    began, gate, done = threading.Event(), threading.Event(), []
    pipeline = Pipeline([parallel([step(work, None, "x"), step(fail, None, "y")])], grace=0.01)
    with pytest.raises(ValueError, match="sibling"):
        pipeline.run({})
    assert len(done) == 1


class SlowToSetUp:
    def __init__(self, blocking):
        self.began, self.gate, self.log = threading.Event(), threading.Event(), []
        self.calls = 0
        if blocking:
            self.setup = self.set_up
        else:
            self.setup = self.aset_up

    def set_up(self):
        self.calls += 1
        self.began.set()
        self.gate.wait(30)
        self.log.append("set up")

    async def aset_up(self):
        self.calls += 1
        self.began.set()
        try:
            await asyncio.sleep(0 if self.gate.is_set() else 50)
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        self.log.append("set up")

    def __call__(self):
        return "value"


@pytest.mark.parametrize("blocking", [True, False])
def test_a_run_that_is_cancelled_during_setup(blocking):
    component = SlowToSetUp(blocking)
    pipeline = Pipeline([step(component, None, "x")], grace=0.01)

    async def main():
        task = asyncio.create_task(pipeline.arun({}))
        while not component.began.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        asyncio.get_running_loop().call_later(1.2, component.gate.set)  # after the grace and its redeliveries
        with pytest.raises(asyncio.CancelledError):
            await task
        assert component.log == (["set up"] if blocking else ["cancelled"])
        component.gate.set()
        return (await pipeline.arun({})).state

    assert asyncio.run(main()) == {"x": "value"}
    # a set-up that went through although nobody waited any more need not be done twice
    assert component.calls == (1 if blocking else 2)


def test_a_run_that_a_step_awaits_is_stopped_with_it():
    bench = Bench()
    inner = Pipeline([parallel([bench.ok("x", 50, cleanup=1), bench.ok("y", 50)])])

    async def nested():
        await inner.arun({})

    got = run([parallel([step(nested, None, "n"), bench.bad("b")])])
    assert got.paths == ["b"]
    assert bench.did("x") == ["began", "cancelled", "cleaned"]
    assert bench.did("y") == ["began", "cancelled"]
    assert got.took == 2


@pytest.mark.parametrize("grace", [1, 5, 50])
def test_a_nested_run_whose_step_would_not_stop_goes_down_with_the_outer_one(grace):
    bench = Bench()
    inner = Pipeline([parallel([bench.deaf("x", 9999, takes=10), bench.ok("y", 50)])], grace=grace)

    async def nested():
        await inner.arun({})

    async def main():
        got = await ended(Pipeline([parallel([step(nested, None, "n"), bench.bad("b")])]))
        at = asyncio.get_running_loop().time()
        await asyncio.sleep(500)
        return got, at

    got, at = run_virtual(main())
    assert got.paths == ["b"]
    assert got.took <= 1 + 5 + 1
    assert all(note.at <= at for note in bench.notes)


def test_a_thread_of_a_nested_run_is_waited_for_too():
    def work():
        began.set()
        gate.wait(30)
        done.append(None)

    inner = Pipeline([step(work, None, "x")], grace=0.01)

    async def nested():
        await inner.arun({})

    async def fail():
        while not began.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(1.2, gate.set)
        raise ValueError("sibling")

    began, gate, done = threading.Event(), threading.Event(), []
    with pytest.raises(ValueError, match="sibling") as caught:
        Pipeline([parallel([step(nested, None, "n"), step(fail, None, "y")])], grace=0.01).run({})
    assert done == [None]
    assert [f.path for f in failures(caught.value)] == ["fail"]


def test_a_defect_of_ours_in_the_middle_of_a_run_reaches_the_caller(monkeypatch):
    def broken(run, *args, **options):
        raise RuntimeError("a bug")

    bench = Bench()
    monkeypatch.setattr(failing, "failed", broken)
    got = run([parallel([bench.ok("a", 5), bench.bad("b"), bench.ok("c", 5)])])
    assert isinstance(got.error, RuntimeError)
    assert str(got.error) == "a bug"
    assert bench.did("a") == ["began", "cancelled"]
