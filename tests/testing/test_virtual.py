"""The loop with a virtual clock."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

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
