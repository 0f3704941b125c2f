"""Nothing outlives a run: whatever fails, and wherever the steps run, no code of the user's runs after its end."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time

import pytest

from plait import Pipeline, Retry, dataflow, parallel, step, subgraph
from plait.testing.virtual import run_virtual

PIPELINES = 300
"""Random pipelines in all (K1)."""

BATCHES = 10


class Acting:
    """Counts what components do; after a run's end the count must stand."""

    def __init__(self, random_):
        self.random = random_
        self.acts = 0
        self.busy = 0
        self.lock = threading.Lock()
        self.number = 0

    def step(self, kind):
        self.number += 1
        name = f"s{self.number}"
        takes, fails = self.random.choice([0, 1, 2, 5]), self.random.random() < 0.2
        retry = Retry(2, backoff=1) if self.random.random() < 0.2 else None

        async def on_loop():
            with self:
                await asyncio.sleep(takes)
                self.acts += 1
                if fails:
                    raise ValueError(name)

        def blocking():
            with self:
                time.sleep(takes / 2000)
                self.acts += 1
                if fails:
                    raise ValueError(name)

        async def nested():
            with self:
                await Pipeline([parallel([step(on_loop, None, "a"), step(blocking, None, "b")])]).arun({})

        component = {"async": on_loop, "thread": blocking, "nested": nested}[kind]
        return step(
            component, None, name, name=name, retry=retry, timeout=self.random.choice([None, None, 3])
        )

    def block(self, kinds, depth=0):
        parts = [
            self.block(kinds, depth + 1)
            if depth < 2 and self.random.random() < 0.3
            else self.step(self.random.choice(kinds))
            for _ in range(self.random.randint(1, 4))
        ]
        shape = self.random.choice(["list", "parallel", "dataflow", "subgraph"])
        if shape == "list":
            return parts
        if shape == "parallel":
            need = self.random.choice(["all", 1, len(parts)])
            return parallel(parts, need=need, on_error=self.random.choice(["cancel", "finish", "collect"]))
        if shape == "dataflow":
            return dataflow(parts, timeout=self.random.choice([None, 4]))
        return subgraph(Pipeline(parts), name=f"sub{self.number}")

    def __enter__(self):
        with self.lock:
            self.busy += 1

    def __exit__(self, *_):
        with self.lock:
            self.busy -= 1


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("kinds", [("async",), ("thread",), ("async", "thread", "nested")], ids=" ".join)
def test_random_pipelines_that_fail(batch, kinds):
    async def main(seed):
        acting = Acting(random.Random(seed))
        pipeline = Pipeline(
            [acting.block(kinds), acting.block(kinds)], deadline=acting.random.choice([None, 3])
        )
        try:
            async with asyncio.timeout(acting.random.choice([1, 4, 1000])):
                await pipeline.arun({})
        except Exception:
            failed = True
        else:
            failed = False
        assert acting.busy == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        before = acting.acts
        await asyncio.sleep(1000)
        assert acting.acts == before
        return failed

    each = PIPELINES // BATCHES
    failed = sum(run_virtual(main(batch * each + n), seed=batch * each + n) for n in range(each))
    assert failed > each // 10  # or the test would prove little


PROGRAM = """
import asyncio, pathlib, signal, sys, threading, time
from plait import Pipeline, parallel, step

def say(word):
    print(word, flush=True)

async def on_loop(text):
    say("began")
    try:
        await asyncio.sleep(60)
    finally:
        say("cleaned")

def in_thread(text):
    say("began")
    sys.stdin.readline()
    say("ended")

async def nested(text):
    await Pipeline([step(on_loop, ["text"], "y")]).arun({"text": text})

def nested_in_thread(text):
    say("began")
    Pipeline([step(lambda text: sys.stdin.readline(), ["text"], "y")]).run({"text": text})
    say("ended")

steps = {
    "async": [step(on_loop, ["text"], "x")],
    "beside": [parallel([step(on_loop, ["text"], "x"), step(asyncio.sleep, {"delay": "delay"}, "z")])],
    "thread": [step(in_thread, ["text"], "x")],
    "nested": [step(nested, ["text"], "x")],
    "nested in a thread": [step(nested_in_thread, ["text"], "x")],
}[sys.argv[1]]
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    Pipeline(steps).run({"text": "t", "delay": 60})
finally:
    busy = [t.name for t in threading.enumerate() if not t.daemon and t is not threading.main_thread()]
    say(f"back {busy}")
"""


@pytest.fixture
def program():
    import os

    started = []

    def start(which):
        process = subprocess.Popen(
            [sys.executable, "-P", "-W", "error", "-c", PROGRAM, which],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ,
        )
        started.append(process)
        assert process.stdout.readline() == "began\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def press(process):
    import signal

    process.send_signal(signal.SIGINT)


posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@posix
@pytest.mark.parametrize("which", ["async", "beside", "nested"])
def test_ctrl_c_in_run_cancels_and_waits_for_the_cleanup(program, which):
    process = program(which)
    began = time.monotonic()
    press(process)
    out, err = process.communicate(timeout=30)
    assert out == "cleaned\nback []\n"
    assert process.returncode in (130, -2)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "never retrieved" not in err
    assert "destroyed" not in err
    assert time.monotonic() - began < 2 * 4  # two seconds; four times that on a busy machine


@posix
@pytest.mark.parametrize("which", ["thread", "nested in a thread"])
def test_ctrl_c_waits_for_a_thread(program, which):
    process = program(which)
    press(process)
    time.sleep(0.3)
    assert process.poll() is None
    process.stdin.write("go\n")
    process.stdin.flush()
    out, err = process.communicate(timeout=30)
    assert out == "ended\nback []\n"
    assert process.returncode in (130, -2)
    assert err.rstrip().endswith("KeyboardInterrupt")


@posix
def test_a_second_ctrl_c_does_not_wait(program):
    process = program("thread")
    press(process)
    time.sleep(0.3)
    assert process.poll() is None
    began = time.monotonic()
    press(process)
    process.wait(timeout=30)  # with its input still open, so the thread has not ended
    out, _ = process.communicate()
    assert out == "back []\n"
    assert process.returncode in (130, -2)
    assert time.monotonic() - began < 0.5 * 4  # half a second; four times that on a busy machine


def test_ctrl_c_before_the_runs_first_turn_stops_it_as_well(monkeypatch):
    # The interrupt comes while the loop has not even looked at the run.
    from plait.run import loops

    did = []

    async def work():
        did.append("began")
        await asyncio.sleep(30)
        did.append("ended")

    serving = loops.main_loop()
    original = asyncio.run_coroutine_threadsafe

    def interrupted(coroutine, loop):
        future = original(coroutine, loop)

        def result(timeout=None):
            raise KeyboardInterrupt

        monkeypatch.setattr(future, "result", result, raising=False)
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    blocked = threading.Event()
    serving.loop.call_soon_threadsafe(blocked.wait, 0.05)
    with pytest.raises(KeyboardInterrupt):
        Pipeline([step(work, None, "x")]).run({})
    assert "ended" not in did
    tasks = asyncio.run_coroutine_threadsafe
    monkeypatch.undo()
    assert tasks is interrupted
    assert not [task for task in asyncio.all_tasks(serving.loop) if not task.done()]
