"""Somebody cancels the caller: that wins, whatever the steps make of it, and Python's own tools work around a run."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.run.bench import Bench

from plait import Limits, Pipeline, PipelineErrors, Retry, failures, parallel, step
from plait.testing.virtual import run_virtual

SEEDS = [None, 1, 2]


def shapes(bench, one):
    """A step in the caller's own Task, in a Task of ours, in a region, and behind a deadline."""
    return {
        "led": Pipeline([one]),
        "owned": Pipeline([parallel([one, bench.ok("other", 60)])]),
        "region": Pipeline([parallel([one], timeout=90)]),
        "deadline": Pipeline([one], deadline=90),
    }


SHAPES = list(shapes(Bench(), Bench().ok("x")))
MANNERS = {
    "stops": lambda b: b.ok("a", 50),
    "swallows": lambda b: b.swallows("a"),
    "raises": lambda b: b.dirty("a", OSError("half written")),
    "ignores once": lambda b: b.deaf("a", 1, takes=3),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("manner", MANNERS)
def test_a_timeout_around_a_run_is_a_timeout(seed, shape, manner):
    async def main():
        bench = Bench()
        pipeline = shapes(bench, MANNERS[manner](bench))[shape]
        task = asyncio.current_task()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await pipeline.arun({})
        assert task.cancelling() == 0
        await asyncio.sleep(1)  # the caller goes on as if nothing had been
        return bench

    bench = run_virtual(main(), seed=seed)
    assert bench.did("a")[0] == "began"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("manner", MANNERS)
def test_a_cancelled_task_is_cancelled(shape, manner):
    async def main():
        bench = Bench()
        task = asyncio.create_task(shapes(bench, MANNERS[manner](bench))[shape].arun({}))
        await asyncio.sleep(1)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert task.cancelling() == 1

    run_virtual(main())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_task_group_stops_a_run_beside_a_child_that_fails(shape):
    bench = Bench()

    async def fails():
        await asyncio.sleep(1)
        raise OSError("child")

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                await shapes(bench, bench.ok("a", 50))[shape].arun({})
        assert [str(e) for e in caught.value.exceptions] == ["child"]
        assert asyncio.current_task().cancelling() == 0

    run_virtual(main())
    assert bench.did("a") == ["began", "cancelled"]


def test_nested_timeouts_go_to_the_one_that_is_due():
    async def main():
        pipeline = Pipeline([parallel([Bench().ok("a", 50), Bench().ok("b", 50)])])
        async with asyncio.timeout(10) as outer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await pipeline.arun({})
        return outer.expired()

    assert run_virtual(main()) is False


@pytest.mark.parametrize("shape", SHAPES)
def test_a_second_cancel_changes_nothing(shape):
    bench = Bench()

    async def main():
        task = asyncio.create_task(shapes(bench, bench.ok("a", 50, cleanup=2))[shape].arun({}))
        await asyncio.sleep(1)
        task.cancel()
        if shape != "led":  # in the caller's own Task the step itself hears it
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())
    assert bench.did("a") == ["began", "cancelled", "cleaned"]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_that_swallows_it_in_no_time_does_not_hide_it(shape):
    async def main():
        bench = Bench()
        task = asyncio.create_task(shapes(bench, bench.swallows("a"))[shape].arun({}))
        while not bench.did("a"):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert bench.did("a") == ["began", "swallowed"]
        assert asyncio.get_running_loop().time() == 0

    run_virtual(main())


@pytest.mark.parametrize("shape", SHAPES)
def test_before_the_first_step(shape):
    bench = Bench()

    async def main():
        task = asyncio.create_task(shapes(bench, bench.ok("a"))[shape].arun({}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())
    assert bench.notes == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cancel_that_is_still_to_be_delivered_when_the_run_begins(shape):
    bench = Bench()

    async def main():
        asyncio.current_task().cancel()
        await shapes(bench, bench.ok("a"))[shape].arun({})

    async def outer():
        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(main())

    run_virtual(outer())
    assert "ended" not in bench.did("a")


def test_one_that_was_delivered_before_is_none_of_ours():
    async def gives_up():
        raise asyncio.CancelledError

    async def main():
        try:
            await asyncio.sleep(50)
        except asyncio.CancelledError:
            good = await Pipeline([Bench().ok("a")]).arun({})  # cleaning up with a pipeline
            with pytest.raises(RuntimeError, match="nobody had cancelled"):
                await Pipeline([step(gives_up, None, "x")]).arun({})
            return good.state

    async def outer():
        task = asyncio.create_task(main())
        await asyncio.sleep(1)
        task.cancel()
        return await task

    assert run_virtual(outer()) == {"a": "a"}


def test_while_it_waits_for_admission():
    bench = Bench()
    limits = Limits({"gpu": 1})

    async def main():
        holding = asyncio.create_task(
            Pipeline([bench.ok("h", 5, resources={"gpu": 1})], limits=limits).arun({})
        )
        await asyncio.sleep(0)
        pipeline = Pipeline([bench.ok("a", 1, resources={"gpu": 1})], limits=limits)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await pipeline.arun({})
        assert asyncio.get_running_loop().time() == 1
        await holding
        await pipeline.arun({})  # what it waited for is free

    run_virtual(main())
    assert bench.did("a") == ["began", "ended"]


def test_while_it_waits_for_its_next_attempt():
    bench = Bench()

    async def main():
        pipeline = Pipeline([bench.bad("a", 1, retry=Retry(5, backoff=50, jitter=0))])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await pipeline.arun({})
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 3
    assert bench.did("a") == ["began", "failed"]


@pytest.mark.parametrize("when", ["while siblings stop", "in the moment of its end"])
def test_it_wins_over_failures(when):
    bench = Bench()

    async def main():
        steps = [bench.ok("a", 50, cleanup=2), bench.bad("b", 1)]
        task = asyncio.create_task(Pipeline([parallel(steps)]).arun({}))
        await asyncio.sleep(2 if when == "while siblings stop" else 3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value

    error = run_virtual(main())
    if when == "while siblings stop":  # nothing of what happened is lost
        assert [f.path for f in failures(error)] == ["b"]


@pytest.mark.parametrize("seed", range(10))
def test_in_the_very_moment_in_which_the_run_succeeds(seed):
    class Canceller:
        def on_event(self, event):
            if type(event).__name__ == "StepFinished" and event.path.endswith("b"):
                asyncio.get_running_loop().call_soon(task.cancel)

    async def main():
        nonlocal task
        bench = Bench()
        pipeline = Pipeline([parallel([bench.ok("a"), bench.ok("b")])])
        task = asyncio.create_task(pipeline.arun({}, observers=[Canceller()]))
        await asyncio.wait([task])
        # It was cancelled, or had just succeeded; never anything else.
        assert task.cancelled() or task.result().state == {"a": "a", "b": "b"}

    task: asyncio.Task
    run_virtual(main(), seed=seed)


def test_what_would_not_stop_is_noted_on_the_cancellation():
    bench = Bench()

    async def main():
        pipeline = Pipeline([parallel([bench.deaf("a", 99), bench.dirty("b", OSError("x"))])], grace=1)
        try:
            async with asyncio.timeout(1):
                await pipeline.arun({})
        except TimeoutError as error:
            return error.__cause__.__notes__

    notes = run_virtual(main())
    assert notes == [
        "while it was being cancelled, step 'b' raised OSError: x",
        "step 'a' ignored cancellation for 1 s; it was closed",
    ]


@pytest.mark.parametrize("seed", range(30))
def test_a_caller_cancelled_at_any_moment_leaves_nothing_and_its_counts_are_exact(seed):
    import random

    random_ = random.Random(seed)

    async def main():
        for _ in range(10):
            bench = Bench()
            make = [bench.ok, bench.bad, bench.swallows, bench.ok]
            steps = [random_.choice(make)(f"s{n}", random_.choice([0, 1, 2, 3])) for n in range(6)]
            nest = parallel(steps[:3], on_error=random_.choice(["cancel", "finish", "collect"]))
            pipeline = Pipeline(
                [parallel([nest, steps[3:]]) if random_.random() < 0.7 else [nest, *steps[3:]]]
            )
            at = random_.choice([0, 0.5, 1, 2, 3, 4])
            me = asyncio.current_task()
            try:
                async with asyncio.timeout(at):
                    await pipeline.arun({})
            except (TimeoutError, ValueError, PipelineErrors):
                pass
            assert me.cancelling() == 0
            assert asyncio.all_tasks() == {me}
            count = len(bench.notes)
            await asyncio.sleep(20)
            assert len(bench.notes) == count

    run_virtual(main(), seed=seed)


@pytest.mark.parametrize("stops", ["a failure", "a race that is won", "the caller"])
def test_a_task_that_is_stopped_before_its_first_turn_has_ended_when_the_run_has(stops):
    """A loop may take its turns in any order: the run may be told of its end before the Task is of its own."""
    began: list[str] = []

    async def quick():
        began.append("quick")
        if stops == "a failure":
            raise ValueError
        return 1

    async def slow():
        began.append("slow")
        await asyncio.sleep(60)

    options = {"need": 1} if stops == "a race that is won" else {}
    branches = [step(quick, [], "q"), *(step(slow, [], f"s{n}", name=f"s{n}") for n in range(5))]
    pipeline = Pipeline(parallel(branches, **options))

    async def main():
        me = asyncio.current_task()
        with suppress(ValueError, TimeoutError):
            async with asyncio.timeout(0 if stops == "the caller" else None):
                await pipeline.arun({})
        assert asyncio.all_tasks() == {me}
        assert me.cancelling() == 0
        before = list(began)
        await asyncio.sleep(100)
        assert began == before

    for seed in range(100):
        run_virtual(main(), seed=seed)
