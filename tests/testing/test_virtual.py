"""The loop with a virtual clock."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from plait import Pipeline, Retry, StepTimeout, current_step, parallel, step
from plait.testing.virtual import Deadlock, VirtualLoop, run_virtual


def test_a_day_passes_at_once() -> None:
    async def main() -> float:
        await asyncio.sleep(86_400 * 30)
        return asyncio.get_running_loop().time()

    started = time.perf_counter()
    assert run_virtual(main()) == pytest.approx(86_400 * 30)
    assert time.perf_counter() - started < 5


async def _order() -> list[int]:
    seen: list[int] = []

    async def one(n: int) -> None:
        await asyncio.sleep(1)
        seen.append(n)

    await asyncio.gather(*(one(n) for n in range(6)))
    return seen


def test_a_seed_repeats_exactly_and_seeds_differ() -> None:
    orders = {seed: tuple(run_virtual(_order(), seed=seed)) for seed in range(20)}
    assert orders == {seed: tuple(run_virtual(_order(), seed=seed)) for seed in range(20)}
    assert len(set(orders.values())) > 5


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[float]:
        seen: list[float] = []

        async def one(delay: float) -> None:
            await asyncio.sleep(delay)
            seen.append(delay)

        await asyncio.gather(*(one(d) for d in (3.0, 0.5, 2.0, 1.0)))
        return seen

    assert all(run_virtual(main(), seed=seed) == [0.5, 1.0, 2.0, 3.0] for seed in range(20))


def test_waiting_for_nothing_is_a_deadlock() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="nothing is ready"):
        run_virtual(main(), seed=1)


def test_the_clock_stands_while_a_thread_works() -> None:
    gate = threading.Event()

    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(50, gate.set)  # would open the gate too late, if the clock ran on
        work = loop.run_in_executor(None, gate.wait, 5)
        loop.call_soon(gate.set)
        await work
        timer.cancel()
        return "done", loop.time()

    assert run_virtual(main(), seed=3) == ("done", 0.0)


def test_a_thread_may_call_in() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(future.set_result, 7))
        loop.call_soon(thread.start)
        value = await future
        thread.join()
        return value

    assert run_virtual(main(), seed=0) == 7


def test_a_timeout_counts_virtual_seconds() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.sleep(61)
        return loop.time()

    assert run_virtual(main(), seed=5) == pytest.approx(60)
    loop = VirtualLoop(1)
    assert loop.time() == 0
    loop.close()


class SlowToJoin(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        if wait:
            time.sleep(
                0.05
            )  # for real: what is tested is that the loop waits for a thread that takes its time
        super().shutdown(wait, cancel_futures=cancel_futures)


def test_the_clock_stands_while_the_threads_are_joined() -> None:
    async def main() -> VirtualLoop:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.set_default_executor(SlowToJoin())
        loop.call_later(86_400, lambda: None)
        assert await loop.run_in_executor(None, int, "7") == 7
        return loop

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(1, patience=0.01)) as runner:
        loop = runner.run(main())
    assert loop.time() == 0.0


def test_threads_are_joined_again_and_again_without_a_word() -> None:
    async def main() -> int:
        return await asyncio.get_running_loop().run_in_executor(None, int, "7")

    assert [run_virtual(main(), seed=seed) for seed in range(300)] == [7] * 300


# Pipelines on it


def test_a_run_measures_itself_with_the_virtual_clock() -> None:
    async def nap(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    pipeline = Pipeline([step(nap, {"seconds": "hour"}, "slept"), step(nap, {"seconds": "slept"}, "again")])
    result = run_virtual(pipeline.arun({"hour": 3600.0}), seed=2)
    assert result.report.wall == pytest.approx(7200)
    assert [s.work for s in result.report.steps] == pytest.approx([3600, 3600])


def test_timeouts_and_pauses_between_attempts_add_up_in_virtual_seconds() -> None:
    began: list[float] = []

    async def late() -> None:
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1000)

    again = Retry(attempts=3, backoff=60.0, factor=1.0, max_backoff=60.0, jitter=0.0)
    pipeline = Pipeline([step(late, timeout=10.0, retry=again)])
    with pytest.raises(StepTimeout):
        run_virtual(pipeline.arun({}), seed=4)
    assert began == pytest.approx([0, 70, 140])


def test_the_clock_stands_while_a_blocking_component_works() -> None:
    opened = threading.Event()

    async def sleeper() -> float:
        opened.set()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    def blocks() -> float:
        assert opened.wait(5)
        time.sleep(0.05)  # for real, as components do
        loop = current_step().config["loop"]
        return float(loop.time())

    pipeline = Pipeline([parallel([step(sleeper, [], "woke"), step(blocks, [], "worked")])])

    async def main() -> object:
        return (await pipeline.arun({}, config={"loop": asyncio.get_running_loop()})).state

    for seed in range(5):
        opened.clear()
        assert run_virtual(main(), seed=seed) == {"woke": 3600.0, "worked": 0.0}


def test_a_blocking_component_that_waits_for_its_timeout_sees_it_come() -> None:
    def stubborn() -> bool:
        context = current_step()
        until = time.monotonic() + 20
        while not context.cancelled and time.monotonic() < until:
            time.sleep(0.001)
        return True

    pipeline = Pipeline([step(stubborn, [], "never", timeout=3600.0)])
    with pytest.raises(StepTimeout):
        run_virtual(pipeline.arun({}), seed=0)


def test_an_abandoned_thread_holds_the_clock_no_longer() -> None:
    gate = threading.Event()

    async def later() -> float:
        await asyncio.sleep(7200)
        gate.set()
        return asyncio.get_running_loop().time()

    pipeline = Pipeline(
        [
            parallel(
                [
                    step(lambda: gate.wait(20), [], "left", name="left", timeout=3600.0, abandon=True),
                    step(later, [], "time"),
                ],
                on_error="collect",
            )
        ]
    )
    result = run_virtual(pipeline.arun({}), seed=0)
    assert result.state == {"time": 7200.0}
    assert [failure.path for failure in result.failures] == ["left"]
