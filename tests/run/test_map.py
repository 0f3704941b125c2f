"""Many inputs: lazy, in input order, each with its own result or error; leaving early stops what is in flight."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from plait import DefinitionError, InputError, Pipeline, Retry, step
from plait.run.map import default_concurrency
from plait.testing.virtual import run_virtual


class Counted:
    """Inputs that tell how far they were taken."""

    def __init__(self, count=10**9):
        self.taken, self.count = 0, count

    def __iter__(self):
        for n in range(self.count):
            self.taken += 1
            yield {"n": n}

    async def __aiter__(self):
        for given in self:
            await asyncio.sleep(0)
            yield given


class Async:
    def __init__(self, counted):
        self.counted = counted

    def __aiter__(self):
        return self.counted.__aiter__()


async def same(n):
    return n


async def unequal(n):
    await asyncio.sleep(n % 7)
    return n


def fails_at(*numbers, seconds=0.0):
    async def work(n):
        await asyncio.sleep(seconds)
        if n in numbers:
            raise OSError(f"number {n}")
        return n

    return Pipeline([step(work, output_state="out")])


def pipeline(component=same):
    return Pipeline([step(component, output_state="out")])


def inputs(count):
    return [{"n": n} for n in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_b12_items_come_in_input_order_whatever_ends_first(seed):
    async def main():
        async with pipeline(unequal).amap(inputs(50), max_concurrency=8) as items:
            return [(item.index, item.input["n"], item.result.state["out"], item.ok) async for item in items]

    assert run_virtual(main(), seed=seed) == [(n, n, n, True) for n in range(50)]


@pytest.mark.parametrize("make", [list, tuple, iter, lambda many: (one for one in many), dict.fromkeys])
def test_every_kind_of_iterable(make):
    pairs = [(n, n) for n in range(40)]
    many = make(pairs)

    def read(n):
        return n

    items = pipeline(read).map(({"n": n} for n, _ in many) if not isinstance(many, list) else inputs(40))
    assert [item.result.state["out"] for item in items] == list(range(40))


@pytest.mark.parametrize("source", ["list", "generator", "async"])
def test_items_are_side_by_side_up_to_the_limit(source):
    inside, peak = 0, 0

    async def work(n):
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(1)
        inside -= 1

    given = {"list": inputs(20), "generator": iter(inputs(20)), "async": Async(Counted(20))}[source]

    async def main():
        async with Pipeline([step(work)]).amap(given, max_concurrency=6) as items:
            return [item.ok async for item in items], asyncio.get_running_loop().time()

    oks, took = run_virtual(main())
    assert oks == [True] * 20
    assert peak == 6
    assert took == pytest.approx(4.0)  # 20 in groups of 6


@pytest.mark.parametrize("source", ["sync", "async", "plain"])
def test_an_input_is_taken_only_when_there_is_a_place(source):
    counted, limit = Counted(), 4
    at_most = 2 * limit + 16  # in flight, and finished ones that wait for the reader
    if source == "plain":
        with pipeline().map(counted, max_concurrency=limit) as items:
            for read, _ in enumerate(items, 1):
                assert read <= counted.taken <= read + at_most
                if read == 200:
                    break
        taken = counted.taken
        threading.Event().wait(0.02)
        assert counted.taken == taken
        return

    async def main():
        given = counted if source == "sync" else Async(counted)
        async with pipeline().amap(given, max_concurrency=limit) as items:
            read = 0
            async for _ in items:
                read += 1
                assert read <= counted.taken <= read + at_most
                if read == 200:
                    break
                await asyncio.sleep(1)

    run_virtual(main())


def test_nothing_is_taken_before_somebody_reads():
    counted = Counted()
    items = pipeline().map(counted)
    assert counted.taken == 0
    items.close()
    assert list(items) == []
    assert counted.taken == 0


def test_the_next_item_starts_when_one_ends_not_when_the_reader_asks():
    started = []

    async def work(n):
        started.append(n)
        await asyncio.sleep(1)

    async def main():
        async with Pipeline([step(work)]).amap(inputs(6), max_concurrency=2) as items:
            async for _ in items:
                await asyncio.sleep(10)
                break
            return list(started)

    assert run_virtual(main()) == [0, 1, 2, 3, 4, 5]


def test_a_result_does_not_wait_for_a_slow_source():
    """The second input comes after an hour; the first result is there after a second."""
    times = []

    async def slow():
        yield {"n": 1}
        await asyncio.sleep(3600)
        yield {"n": 2}

    async def work(n):
        await asyncio.sleep(1)

    async def main():
        async with Pipeline([step(work)]).amap(slow(), max_concurrency=8) as items:
            async for _ in items:
                times.append(asyncio.get_running_loop().time())

    run_virtual(main())
    assert times == [1, 3601]


def test_a_source_that_blocks_does_not_hold_up_what_is_in_flight():
    release = threading.Event()

    def blocks():
        yield {"n": 1}
        assert release.wait(30)
        yield {"n": 2}

    items = pipeline().map(blocks())
    assert next(items).result.state["out"] == 1  # although the source blocks
    release.set()
    assert next(items).result.state["out"] == 2
    assert list(items) == []


def test_the_results_of_a_map_are_the_inputs_of_the_next():
    first, second = pipeline(), Pipeline([step(lambda out: out * 10, output_state="tens")])
    items = second.map(item.result.state for item in first.map(inputs(30)))
    assert [item.result.state["tens"] for item in items] == [n * 10 for n in range(30)]


def test_a_map_within_a_step_of_a_map():
    inner = pipeline()

    def sums(n):
        return sum(item.result.state["out"] for item in inner.map(inputs(n)))

    items = Pipeline([step(sums, output_state="sum")]).map(inputs(8), max_concurrency=8)
    assert [item.result.state["sum"] for item in items] == [sum(range(n)) for n in range(8)]


# Errors


def test_an_error_stays_with_its_item():
    items = list(fails_at(3, 5).map(inputs(8)))
    assert [item.ok for item in items] == [n not in (3, 5) for n in range(8)]
    assert (str(items[3].error), items[3].result, items[3].input) == ("number 3", None, {"n": 3})
    assert "in item 3 of the map" in items[3].error.__notes__
    assert repr(items[0]) == "<item 0: ok>"
    assert repr(items[3]) == "<item 3: OSError('number 3')>"


def test_inputs_that_do_not_fit_are_errors_of_their_items():
    items = list(pipeline().map([{"n": 1}, {"m": 1}, 5, None]))
    assert [type(item.error) for item in items] == [type(None), InputError, InputError, InputError]


@pytest.mark.parametrize("make", [inputs, lambda n: iter(inputs(n)), lambda n: Async(Counted(n))])
def test_on_error_cancel_stops_what_is_behind_at_once_and_gives_what_is_before(make):
    """Item 2 fails after a second: 3 is cancelled then, nothing new starts, and 0 and 1 come to their end."""
    ended = {}

    async def work(n):
        try:
            await asyncio.sleep(1 if n == 2 else 100)
            if n == 2:
                raise OSError("number 2")
        finally:
            ended[n] = asyncio.get_running_loop().time()

    async def main():
        seen = []
        async with Pipeline([step(work)]).amap(make(9), max_concurrency=4, on_error="cancel") as items:
            with pytest.raises(OSError, match="number 2"):
                async for item in items:
                    seen.append(item.index)
            return seen, [item async for item in items]

    assert run_virtual(main()) == ([0, 1], [])
    assert ended == {2: 1, 3: 1, 0: 100, 1: 100}


def test_on_error_cancel_gives_what_is_listed_before_the_error():
    seen = []
    with pytest.raises(OSError, match="number 3") as caught:
        for item in fails_at(3).map(inputs(100), on_error="cancel"):
            seen.append(item.index)
    assert seen == [0, 1, 2]
    assert "in item 3 of the map" in caught.value.__notes__


def test_an_error_of_the_source_is_raised_after_the_items_before_it():
    def broken():
        yield from inputs(3)
        raise LookupError("no more")

    async def broken_later():
        for given in broken():
            yield given

    seen = []
    with pytest.raises(LookupError, match="no more"):
        for item in pipeline().map(broken()):
            seen.append(item.index)
    assert seen == [0, 1, 2]

    async def main(source):
        seen = []
        with pytest.raises(LookupError, match="no more"):
            async for item in pipeline().amap(source):
                seen.append(item.index)
        return seen

    assert run_virtual(main(broken())) == [0, 1, 2]
    assert run_virtual(main(broken_later())) == [0, 1, 2]


def test_a_retry_is_the_item_s_own():
    calls = []

    async def work(n):
        calls.append(n)
        if calls.count(n) == 1:
            raise OSError("once")
        return n

    mapped = Pipeline([step(work, output_state="out", retry=Retry(attempts=2, backoff=0.001))]).map(inputs(5))
    assert [item.result.state["out"] for item in mapped] == list(range(5))
    assert sorted(calls) == sorted([*range(5)] * 2)


def test_the_deadline_is_that_of_an_item():
    async def main():
        async with fails_at(seconds=2).amap(inputs(3), max_concurrency=1, deadline=0.02) as items:
            return [type(item.error).__name__ async for item in items]

    assert asyncio.run(main()) == ["DeadlineExceeded"] * 3


# Leaving early


def until(true):
    """Wait for what another thread is about to do."""
    for _ in range(5000):
        if true():
            return
        threading.Event().wait(0.002)
    raise AssertionError("it did not happen")


def sleeper(ended, started=None):
    async def work(n):
        if started is not None:
            started.append(n)
        try:
            if n:
                await asyncio.sleep(1000)
        finally:
            ended.append(n)

    return Pipeline([step(work)])


@pytest.mark.parametrize("make", [inputs, lambda n: iter(inputs(n))])
def test_leaving_the_block_cancels_what_is_in_flight_and_waits_for_it(make):
    ended, started = [], []
    with sleeper(ended, started).map(make(9), max_concurrency=4) as items:
        assert next(items).index == 0
        until(lambda: len(started) == 5)
    assert sorted(ended) == [0, 1, 2, 3, 4]
    assert list(items) == []


def test_leaving_the_block_of_an_async_map_too():
    ended = []

    async def main():
        async with sleeper(ended).amap(inputs(9), max_concurrency=4) as items:
            async for _ in items:
                await asyncio.sleep(0.5)
                break
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) < 1
    assert sorted(ended) == [0, 1, 2, 3, 4]


def test_a_break_without_a_block_cancels_as_well():
    ended, started = [], []
    for _ in sleeper(ended, started).map(inputs(9), max_concurrency=4):
        until(lambda: len(started) == 5)
        break
    gc.collect()
    until(lambda: len(ended) == 5)
    assert sorted(ended) == [0, 1, 2, 3, 4]


def test_the_reader_being_cancelled_cancels_the_items():
    ended = []

    async def read():
        async for _ in sleeper(ended).amap(inputs(9), max_concurrency=4):
            pass

    async def main():
        task = asyncio.create_task(read())
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sorted(ended), asyncio.get_running_loop().time()

    assert run_virtual(main()) == ([0, 1, 2, 3, 4], 5)


def test_a_source_that_is_being_awaited_is_cancelled():
    state = []

    async def endless():
        yield {"n": 0}
        try:
            await asyncio.sleep(10**6)
        finally:
            state.append("ended")

    async def main():
        async with pipeline().amap(endless()) as items:
            async for _ in items:
                await asyncio.sleep(1)
                break
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 1
    assert state == ["ended"]


# What is refused


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 1}, "map wants an iterable of inputs, got dict; for a single input use run"),
        ("text", "got str"),
        (b"text", "got bytes"),
        (5, "got int"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_iterable_of_inputs(given, message):
    with pytest.raises(InputError, match=message):
        pipeline().map(given)
    with pytest.raises(InputError, match=message):
        pipeline().amap(given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_concurrency": 0}, "map: max_concurrency is 0"),
        ({"on_error": "raise"}, "map: on_error is 'raise'; it is one of 'collect', 'cancel'"),
        ({"deadline": 0}, "map: deadline is 0"),
    ],
)
def test_wrong_options_are_refused_at_once(options, message):
    for verb in (pipeline().map, pipeline().amap):
        with pytest.raises(DefinitionError, match=message):
            verb([{"n": 1}], **options)


def test_the_default_is_a_few_per_core():
    assert 4 <= default_concurrency() <= 32


def test_no_inputs_give_no_items():
    assert list(pipeline().map([])) == []
    assert list(pipeline().map(iter([]))) == []
