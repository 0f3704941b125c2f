"""Serial mode: the same plan in one thread, one step at a time; a debugger works in it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading

import pytest

from plait import (
    Pipeline,
    Retry,
    StepTimeout,
    current_step,
    dataflow,
    failures,
    log,
    parallel,
    step,
    subgraph,
)


def test_everything_happens_in_the_calling_thread_one_after_another():
    threads, inside = [], []

    def work():
        assert not inside
        inside.append(1)
        threads.append(threading.get_ident())
        inside.pop()

    async def later():
        assert not inside
        inside.append(1)
        await asyncio.sleep(0.001)
        threads.append(threading.get_ident())
        inside.pop()

    steps = [step(work if n % 2 else later, [], f"x{n}", name=f"x{n}") for n in range(6)]
    Pipeline(parallel(steps)).run({}, mode="serial")
    assert threads == [threading.get_ident()] * 6


def test_the_order_is_the_listed_one_in_blocks_and_in_dataflow():
    order = []

    def note(name, *reads):
        return step(lambda **_: order.append(name), list(reads), name, name=name)

    steps = [note("a"), note("b"), note("c", "a"), note("d")]
    for made in (parallel([[note("a"), note("c", "a")], note("b"), note("d")]), dataflow(steps), steps):
        order.clear()
        Pipeline(made if isinstance(made, list) else [made]).run({}, mode="serial")
        assert order == (
            ["a", "b", "c", "d"] if made is steps or not hasattr(made, "branches") else ["a", "c", "b", "d"]
        )


def test_retries_wait_and_go_on():
    calls = []

    def work():
        calls.append(current_step().attempt)
        if len(calls) < 3:
            raise OSError("not yet")
        return "done"

    pipeline = Pipeline([step(work, [], "x", retry=Retry(attempts=3, backoff=0.001))])
    assert pipeline.run({}, mode="serial").state == {"x": "done"}
    assert calls == [1, 2, 3]


def test_a_failure_is_the_original_error_with_its_place():
    def work(text):
        raise OSError("no")

    with pytest.raises(OSError, match="no") as caught:
        Pipeline([parallel([step(work)], name="block")], name="p").run({"text": "x"}, mode="serial")
    assert "in step 'block/work' of pipeline 'p', attempt 1, reading 'text'" in caught.value.__notes__
    assert [f.path for f in failures(caught.value)] == ["block/work"]
    assert failures(caught.value).report.outcome == "failed"


def test_an_async_step_has_its_timeout():
    async def slow():
        await asyncio.sleep(60)

    with pytest.raises(StepTimeout, match=r"step 'slow' took longer than its timeout of 0\.01 s"):
        Pipeline([step(slow, [], timeout=0.01)]).run({}, mode="serial")


def test_a_timeout_error_of_the_step_s_own_is_its_own():
    async def raises():
        raise TimeoutError("the server's")

    with pytest.raises(TimeoutError, match="the server's") as caught:
        Pipeline([step(raises, [], timeout=5)]).run({}, mode="serial")
    assert not isinstance(caught.value, StepTimeout)


def test_it_works_below_a_running_loop():
    async def later():
        await asyncio.sleep(0)
        return 1

    async def main():
        return (
            Pipeline([step(later, [], "x"), step(lambda x: x + 1, output_state="y")])
            .run({}, mode="serial")
            .state
        )

    assert asyncio.run(main()) == {"x": 1, "y": 2}


def test_an_embedded_pipeline_and_a_log_line_work_too():
    inner = Pipeline([step(lambda n: n + 1, output_state="m"), log("{m}")])
    assert Pipeline([subgraph(inner)]).run({"n": 1}, mode="serial").state == {"n": 1, "m": 2}


def test_the_report_knows_every_step():
    report = (
        Pipeline([step(lambda: 1, [], "a", name="a"), step(lambda: 1, [], "b", name="b")])
        .run({}, mode="serial")
        .report
    )
    assert [s.path for s in report.steps] == ["a", "b"]
    assert report.outcome == "succeeded"


def test_pdb_stops_in_a_step_sees_its_variables_and_goes_on():
    program = textwrap.dedent(
        """
        from plait import Pipeline, parallel, step
        def analyse(text):
            words = text.split()
            breakpoint()
            return len(words)
        p = Pipeline(parallel([step(analyse, output_state="n"), step(lambda: 0, [], "z")]))
        print("state", p.run({"text": "a b c"}, mode="serial").state)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="p ('words', words)\nwhere\nwords = ['x']\ncontinue\n",
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "('words', ['a', 'b', 'c'])" in done.stdout
    assert "analyse()" in done.stdout
    assert (
        "run_serially" in done.stdout or "execute_serially" in done.stdout
    )  # one stack, from the caller to the step
    assert "state {'text': 'a b c', 'n': 1, 'z': 0}" in done.stdout
