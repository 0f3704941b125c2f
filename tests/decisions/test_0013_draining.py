"""Record 0013: pause, terminate and a guard's exit drain."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.decisions.lab import Bench, run_row
from tests.decisions.reading import names, table

from plait import PauseError, Pipeline, StepContext, interrupt, parallel, pause, step
from plait.testing.virtual import run_virtual

ROWS = table(
    "0013-pause-terminate-guard", "case", "pipeline", "run as", "answers", "starts", "order", "result"
)


@pytest.mark.parametrize("row", ROWS, ids=names(ROWS))
def test_what_ends_early_lets_the_rest_come_to_its_end(row):
    bench = Bench()
    run_row(row, bench, bench.words(), given="{'k': 'k0'}")


def paused(asks: int = 1) -> Pipeline[Any, Any]:
    """A pipeline with a step that asks so often and then adds what it was told."""

    def add(context: StepContext) -> int:
        return sum(context.interrupt(number) for number in range(asks))

    return Pipeline([step(add, output_state="sum")])


def test_a_token_is_good_for_one_answer_and_an_id_too() -> None:
    result = paused().run({})
    (pause,) = result.pauses
    assert result.resume({pause.token: 1}).state == {"sum": 1}
    for key in (pause.token, pause.id):
        with pytest.raises(PauseError, match="resumed before"):
            result.resume({key: 2})


def test_a_token_of_another_run_answers_nothing() -> None:
    pipeline = paused()
    ours, theirs = pipeline.run({}).pauses[0], pipeline.run({}).pauses[0]
    assert ours.token != theirs.token
    both = Pipeline(parallel([interrupt("?", "a", name="p"), interrupt("?", "b", name="q")])).run({})
    with pytest.raises(PauseError, match="no open pause of this run"):
        both.resume({theirs.token: 1})
    assert [pause.id for pause in both.pauses] == ["p", "q"]


def test_of_two_answers_at_the_same_time_one_counts() -> None:
    for _ in range(20):
        result = paused().run({})
        ready = threading.Barrier(2)

        def answer(value: int, result: Any = result, ready: Any = ready) -> Any:
            ready.wait()
            try:
                return result.resume(value).state
            except PauseError:
                return None

        with ThreadPoolExecutor(2) as pool:
            states = list(pool.map(answer, [1, 2]))
        assert sorted(state is None for state in states) == [False, True]
        assert next(state for state in states if state is not None) in ({"sum": 1}, {"sum": 2})


def test_questions_of_one_step_come_one_after_another_each_with_an_id() -> None:
    result = paused(asks=3).run({})
    ids = []
    while result.pauses:
        ids += [pause.id for pause in result.pauses]
        result = result.resume(10)
    assert ids == ["add", "add:2", "add:3"]
    assert result.state == {"sum": 30}


def test_the_time_of_a_pause_counts_for_nothing() -> None:
    async def slow(a: int) -> int:
        await asyncio.sleep(3)
        return a

    pipeline = Pipeline([interrupt("?", "a"), step(slow, output_state="b", timeout=4)], deadline=5)

    async def main() -> Any:
        result = await pipeline.arun({})
        await asyncio.sleep(1000)
        return await result.aresume(1)

    result = run_virtual(main())
    assert result.state == {"a": 1, "b": 1}
    assert result.report.wall == pytest.approx(3)


def test_a_run_goes_on_in_another_loop_and_in_another_thread() -> None:
    async def double(a: int) -> int:
        await asyncio.sleep(0)
        return 2 * a

    pipeline = Pipeline([interrupt("?", "a", name="p"), step(double, output_state="b"), pause("q")])
    result = asyncio.run(pipeline.arun({}))
    result = asyncio.run(result.aresume(4))
    assert [each.id for each in result.pauses] == ["q"]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(result.resume).result().state == {"a": 4, "b": 8}
