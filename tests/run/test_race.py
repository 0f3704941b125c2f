"""Races as they run: who wins, when second attempts start, what becomes of those that lose."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.run.bench import Bench, ended, run

from plait import Fallback, Limits, Pipeline, Retry, race, step, while_do
from plait.testing.reference import run_reference
from plait.testing.virtual import run_virtual


class Slow:
    """A component whose calls take so long, one after another; a negative time fails after that."""

    def __init__(self, *takes: float) -> None:
        self.takes = iter(takes)
        self.began: list[float] = []
        self.cancelled = 0
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        mine = self.calls
        self.began.append(round(asyncio.get_running_loop().time(), 6))
        seconds = next(self.takes)
        try:
            await asyncio.sleep(abs(seconds))
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if seconds < 0:
            raise ValueError(mine)
        return f"call {mine}"

    def step(self, **options: Any) -> Any:
        return step(self, {}, "a", name="ask", **options)


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_the_first_wins_before_a_second_attempt_starts(seed: int | None):
    slow = Slow(1)
    assert run([race([slow.step()], 2)], seed=seed)[:2] == (1, {"a": "call 1"})
    assert slow.began == [0]


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_the_first_wins_against_a_second_attempt(seed: int | None):
    slow = Slow(3, 3)
    assert run([race([slow.step()], 2)], seed=seed)[:2] == (3, {"a": "call 1"})
    assert (slow.began, slow.cancelled) == ([0, 2], 1)


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_the_second_attempt_wins(seed: int | None):
    slow = Slow(100, 3)
    assert run([race([slow.step()], 2)], seed=seed)[:2] == (5, {"a": "call 2"})
    assert (slow.began, slow.cancelled) == ([0, 2], 1)


def test_what_comes_after_waits_for_the_winner_only():
    slow = Slow(100, 3)
    after = step(lambda a: a.upper(), ["a"], "b", name="after", executor="inline")
    assert run([race([slow.step()], 2), after]).state["b"] == "CALL 2"


def test_a_loser_may_clean_up_first():
    bench = Bench()
    got = run([race([bench.ok("a", 1), bench.ok("b", 9, cleanup=2)])])
    assert (got.took, got.state) == (3, {"a": "a"})
    assert bench.did("b") == ["began", "cancelled", "cleaned"]


def test_the_first_fails_and_the_second_attempt_does_not():
    slow = Slow(-1, 3)
    assert run([race([slow.step()], 2)])[:2] == (5, {"a": "call 2"})


def test_the_second_attempt_fails_and_the_first_does_not():
    slow = Slow(9, -3)
    assert run([race([slow.step()], 2)])[:2] == (9, {"a": "call 1"})


def test_both_fail_with_both_errors():
    slow = Slow(-4, -1)
    got = run([race([slow.step()], 2, name="r")])
    assert got.took == 4
    assert [type(error) for error in got.error.exceptions] == [ValueError, ValueError]
    assert got.paths == ["r/ask", "r/ask~hedge/ask"]


def test_one_branch_without_a_second_attempt_fails_with_its_own_error():
    got = run([race([Slow(-1).step()])])
    assert (got.took, type(got.error), got.paths) == (1, ValueError, ["ask"])


def test_of_two_branches_each_has_a_second_attempt():
    first, second = Slow(-1, 9), Slow(100, 3)
    branches = {"first": step(first, {}, "a"), "second": step(second, {}, "a")}
    pipeline = Pipeline([race(branches, 2)])
    result = run_virtual(pipeline.arun({}))
    assert result.state == {"a": "call 2"}
    assert (first.began, second.began) == ([0, 2], [0, 2])
    assert result.report.races[0].wins == {"second~hedge": 1}
    assert result.report.races[0].cancelled == 2


def test_nothing_is_left_when_it_is_cancelled_from_outside():
    slow, times = Slow(100, 100), []

    async def main() -> None:
        run = asyncio.ensure_future(Pipeline([race([slow.step()], 2)]).arun({}))
        await asyncio.sleep(5)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        times.append(asyncio.get_running_loop().time())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
    assert times == [5]
    assert (slow.began, slow.cancelled) == ([0, 2], 2)


def test_nothing_starts_when_it_is_cancelled_while_it_waits():
    slow = Slow(100, 100)

    async def main() -> None:
        run = asyncio.ensure_future(Pipeline([race([slow.step()], 2)]).arun({}))
        await asyncio.sleep(1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await asyncio.sleep(10)

    run_virtual(main())
    assert (slow.began, slow.cancelled) == ([0], 1)


def test_its_timeout_counts_both_attempts():
    slow = Slow(100, 100)
    got = run([race([slow.step()], 2, timeout=3, name="r")])
    assert (got.took, got.paths, slow.cancelled) == (3, ["r"], 2)


def test_it_is_tried_again_as_a_whole():
    slow = Slow(-1, -1, -1, 4)
    got = run([race([slow.step()], 2, retry=Retry(2, backoff=10, jitter=0))])
    assert got.state == {"a": "call 4"}
    assert slow.began == [0, 2, 13, 15]


def test_its_handler_is_for_when_all_have_failed():
    handler = Fallback(lambda error, state: {"a": len(error.exceptions)})
    assert run([race([Slow(-1, -1).step()], 2, error_handler=handler)]).state == {"a": 2}


def test_in_dataflow_others_go_on_beside_it():
    bench, slow = Bench(), Slow(100, 3)
    after = step(lambda a, b: f"{a}, {b}", ["a", "b"], "c", name="after", executor="inline")
    got = run([race([slow.step()], 2), bench.ok("b", 4), after], order="dataflow")
    assert (got.took, got.state["c"]) == (5, "call 2, b")
    assert bench.when("b", "began") == [0]


def test_each_item_of_a_map_has_its_own():
    async def ask(n: int) -> int:
        began.append(n)
        await asyncio.sleep(100 if n % 2 and began.count(n) == 1 else 1)
        return n * n

    began: list[int] = []
    pipeline = Pipeline([race([step(ask, ["n"], "a")], 2)])

    async def main() -> list[Any]:
        return [item.result.state["a"] async for item in pipeline.amap({"n": n} for n in range(4))]

    assert sorted(run_virtual(main())) == [0, 1, 4, 9]
    assert sorted(began) == [0, 1, 1, 2, 3, 3]


def test_in_a_loop_each_turn_is_a_race():
    async def count(n: int) -> int:
        began.append(n)
        await asyncio.sleep(100 if began.count(n) == 1 else 1)
        return n + 1

    began: list[int] = []
    turn = race([step(count, ["n"], "m")], 2, name="r")
    body = [turn, step(lambda m: m, ["m"], "n", name="again", executor="inline")]
    pipeline = Pipeline([while_do(body, lambda state: state["n"] < 3, name="loop")])
    result = run_virtual(pipeline.arun({"n": 0}))
    assert result.state["n"] == 3
    assert str(result.report.races[0]) == (
        "loop/r/count~hedge won 3 of 3 races; 3 branches were cancelled. Second attempts: 3 started, 3 won."
    )


def test_a_race_in_a_race():
    """The inner one starts again after 4 s; its own second attempts come 3 s after each of its starts."""
    slow = Slow(100, 100, 100, 1)
    inner = race([slow.step()], 3, name="inner")
    result = run_virtual(Pipeline([race([inner], 4, name="outer")]).arun({}))
    assert result.state == {"a": "call 4"}
    assert (slow.began, slow.cancelled) == ([0, 3, 4, 7], 3)
    assert [str(one) for one in result.report.races] == [
        "outer/inner~hedge won the race; 1 branch was cancelled. Second attempts: 1 started, 1 won.",
        "No branch of outer/inner won the race; 2 branches were cancelled. Second attempts: 1 started, 0 won.",
        "outer/inner~hedge/inner/ask~hedge won the race; 1 branch was cancelled. Second attempts: 1 started, 1 won.",
    ]


def test_the_wait_holds_no_place():
    slow = Slow(5, 1)
    assert run([race([slow.step()], 2)], max_concurrency=1)[:2] == (5, {"a": "call 1"})
    assert slow.began == [0]  # the second attempt has no place before the first gives its own back


def test_a_second_attempt_waits_for_what_the_first_holds():
    slow = Slow(-5, 1)
    got = run([race([slow.step(exclusive=True)], 2)])
    assert (got.took, slow.began) == (6, [0, 5])
    slow = Slow(-5, 1)
    got = run([race([slow.step(resources={"gpu": 1})], 2)], limits=Limits({"gpu": 1}))
    assert (got.took, slow.began) == (6, [0, 5])


def test_blocking_components_have_second_attempts():
    calls: list[int] = []

    def ask() -> str:
        calls.append(len(calls))
        if len(calls) == 1:
            raise OSError
        return "answer"

    result = run_virtual(Pipeline([race([step(ask, {}, "a")], 60)]).arun({}))
    assert result.state == {"a": "answer"}


def test_one_at_a_time_a_second_attempt_is_for_a_first_that_failed():
    async def ask() -> str:
        calls.append("ask")
        if len(calls) == 1:
            raise OSError
        return "answer"

    calls: list[str] = []
    pipeline = Pipeline([race([step(ask, {}, "a")], 0.001)])
    assert pipeline.run({}, mode="serial").state == {"a": "answer"}
    assert len(calls) == 2
    assert pipeline.run({}, mode="serial").state == {"a": "answer"}
    assert len(calls) == 3


def test_the_reference_understands_it_and_waits_for_nothing():
    async def ask(fail: bool) -> str:
        calls.append(fail)
        if fail and len(calls) == 1:
            raise OSError
        return "answer"

    calls: list[bool] = []
    pipeline = Pipeline([race([step(ask, ["fail"], "a")], 1e6)])
    assert run_reference(pipeline, {"fail": False}).state["a"] == "answer"
    assert calls == [False]
    calls.clear()
    assert run_reference(pipeline, {"fail": True}).state["a"] == "answer"
    assert calls == [True, True]


def test_a_stream_tells_of_the_second_attempt_by_its_path():
    slow, told = Slow(100, 3), []

    async def main() -> None:
        async with Pipeline([race([slow.step()], 2)]).astream({}) as stream:
            async for event in stream:
                told.append((type(event).__name__, getattr(event, "path", None)))

    run_virtual(main())
    assert ("StepFinished", "ask~hedge/ask") in told
    assert ("StepFinished", "ask") not in told


@pytest.mark.parametrize("seed", range(10))
def test_a_tie_has_one_winner(seed: int):
    slow = Slow(4, 2)

    async def main() -> Any:
        return await ended(Pipeline([race([slow.step()], 2)]))

    got = run_virtual(main(), seed=seed)
    assert (got.took, got.failures) == (4, ())
    assert got.state["a"] in ("call 1", "call 2")
