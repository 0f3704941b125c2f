"""The pool of threads: it grows, shrinks, gives jobs back that nobody began, and never dead-locks by nesting."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from plait import Pipeline, parallel, step
from plait.executors import thread
from plait.executors.job import Abandoned, Job
from plait.executors.thread import ThreadExecutor


def job(call, **options):
    return Job(call, "test", contextvars.copy_context(), **options)


class Gate:
    def __init__(self):
        self.began, self.go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self):
        self.began.set()
        self.go.wait(30)
        self.ended.set()
        return "done"

    async def running(self):
        while not self.began.is_set():
            await asyncio.sleep(0.001)


@pytest.fixture
def pool():
    made = ThreadExecutor(max_threads=1)
    yield made
    made.close()


def test_a_job_that_no_thread_has_begun_is_taken_back_at_once(pool):
    calls = []

    async def main():
        gate = Gate()
        first = asyncio.create_task(pool.execute(job(gate)))
        await gate.running()
        second = asyncio.create_task(pool.execute(job(lambda: calls.append("second"))))
        third = asyncio.create_task(pool.execute(job(lambda: calls.append("third"), abandon=True)))
        await asyncio.sleep(0)
        for task in (second, third):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task  # while the only thread is still busy
        assert not gate.ended.is_set()
        gate.go.set()
        return await first

    assert asyncio.run(main()) == "done"
    assert calls == []


def test_a_job_that_runs_is_waited_for_and_told(pool):
    async def main():
        gate = Gate()
        running = job(gate)
        task = asyncio.create_task(pool.execute(running))
        await gate.running()
        task.cancel()
        await asyncio.sleep(0.01)
        assert running.cancelled
        assert not task.done()
        gate.go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert gate.ended.is_set()

    asyncio.run(main())


def test_an_abandoned_job_is_answered_at_once_and_its_thread_is_used_again(pool):
    gate = Gate()

    async def main():
        left = job(gate, abandon=True)
        task = asyncio.create_task(pool.execute(left))
        await gate.running()
        task.cancel()
        answer = await task
        assert isinstance(answer, Abandoned)
        assert answer.job is left
        gate.go.set()
        return await pool.execute(job(threading.get_ident))

    assert isinstance(asyncio.run(main()), int)
    assert gate.ended.is_set()


def test_the_loop_of_an_abandoned_job_may_be_gone(pool):
    gate = Gate()

    async def main():
        task = asyncio.create_task(pool.execute(job(gate, abandon=True)))
        await gate.running()
        task.cancel()
        await task

    asyncio.run(main())
    gate.go.set()
    assert gate.ended.wait(30)
    assert asyncio.run(pool.execute(job(lambda: 7))) == 7


def test_it_grows_with_the_work_up_to_its_limit():
    made = ThreadExecutor(max_threads=3)
    now, most, lock = 0, 0, threading.Lock()

    def work():
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    async def main():
        await asyncio.gather(*(made.execute(job(work)) for _ in range(12)))

    asyncio.run(main())
    made.close()
    assert most == 3


def test_idle_threads_end(monkeypatch):
    monkeypatch.setattr(thread, "IDLE_SECONDS", 0.01)
    made = ThreadExecutor()
    asyncio.run(made.execute(job(lambda: None)))
    until = time.monotonic() + 10
    while made._threads and time.monotonic() < until:
        time.sleep(0.005)
    assert made._threads == 0
    assert asyncio.run(made.execute(job(lambda: 1))) == 1
    made.close()


def test_a_closed_pool_takes_no_more_work():
    made = ThreadExecutor()
    made.close()
    with pytest.raises(RuntimeError, match=r"plait.shutdown\(\) was called"):
        asyncio.run(made.execute(job(lambda: None)))


def test_values_are_not_kept_by_the_pool():
    import gc
    import weakref

    class Big:
        pass

    made = ThreadExecutor()

    async def main():
        return weakref.ref(await made.execute(job(Big)))

    ref = asyncio.run(main())
    gc.collect()
    assert ref() is None
    made.close()


@pytest.mark.parametrize("width", [1, 2])
def test_nested_runs_in_threads_do_not_dead_lock(monkeypatch, width):
    # six deep, with a pool of one thread: those that wait for a nested run do not count
    made = ThreadExecutor(max_threads=1)
    monkeypatch.setattr(thread, "_pool", made)
    pipeline = Pipeline([step(lambda n: n, ["n"], "x0", name="leaf")])
    for depth in range(1, 7):

        def nested(n, inner=pipeline, key=f"x{depth - 1}"):
            return inner.run({"n": n}).state.get(key)

        steps = [step(nested, {"n": "n"}, f"x{depth}", name="nested")]
        if width > 1:
            steps.append(step(nested, {"n": "n"}, "other", name="beside"))
        pipeline = Pipeline([parallel(steps)])
    assert pipeline.run({"n": 5}).state["x6"] == 5
    made.close()
