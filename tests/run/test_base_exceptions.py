"""KeyboardInterrupt, SystemExit and their like out of a step: they end the run and come out as they are."""

from __future__ import annotations

import asyncio

import pytest
from tests.run.bench import Bench, run

from plait import Pipeline, Retry, failures, parallel, step

KINDS = [KeyboardInterrupt, SystemExit, GeneratorExit]


def steps_that_raise(error):
    async def on_loop():
        raise error

    def blocking():
        raise error

    async def after_a_while():
        await asyncio.sleep(1)
        raise error

    return {
        "async": step(on_loop, None, "x", name="it"),
        "async, later": step(after_a_while, None, "x", name="it"),
        "thread": step(blocking, None, "x", name="it"),
        "inline": step(blocking, None, "x", name="it", executor="inline"),
    }


PLACES = list(steps_that_raise(ValueError()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("alone", [True, False])
def test_the_object_itself_comes_out_and_the_siblings_are_cancelled(kind, place, alone):
    error = kind("own")
    bench = Bench()
    one = steps_that_raise(error)[place]
    seen = []

    async def main():
        try:
            await Pipeline([one if alone else parallel([bench.ok("a", 100), one])]).arun({})
        except BaseException as raised:  # looked at here: asyncio itself would stop the loop for some of them
            seen.append(raised)

    from plait.testing.virtual import run_virtual

    run_virtual(main())
    assert seen == [error]
    assert [f.path for f in failures(error)] == ["it"]
    assert "in step 'it' of the pipeline, attempt 1" in error.__notes__
    assert bench.did("a") == ([] if alone else ["began", "cancelled"])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("place", ["async", "thread", "inline"])
@pytest.mark.parametrize("mode", ["parallel", "serial"])
def test_out_of_run_too_and_the_next_run_works(kind, place, mode):
    error = kind("own")
    with pytest.raises(kind) as caught:
        Pipeline([steps_that_raise(error)[place]]).run({}, mode=mode)
    assert caught.value is error
    assert Pipeline([step(len, {"obj": "text"}, "n")]).run({"text": "abc"}, mode=mode).state["n"] == 3


@pytest.mark.parametrize("place", PLACES)
def test_it_is_not_tried_again_unless_the_filter_asks_for_it(place):
    attempts = []

    def counting(error):
        attempts.append(error)
        return False

    one = steps_that_raise(SystemExit(3))[place].replace(retry=Retry(3, backoff=0))
    two = steps_that_raise(SystemExit(3))[place].replace(retry=Retry(3, backoff=0, on=counting))
    for made in (one, two):
        got = run([made])
        assert isinstance(got.error, SystemExit)
        assert got.failures[0].attempt == 1
    assert len(attempts) == 1


def test_it_wins_over_ordinary_failures():
    bench = Bench()
    got = run(
        [
            parallel(
                [bench.bad("a"), bench.bad("b", 2, KeyboardInterrupt), bench.bad("c", 3)], on_error="finish"
            )
        ]
    )
    assert isinstance(got.error, KeyboardInterrupt)
    assert got.paths == ["a", "b", "c"]


@pytest.mark.parametrize("steps", [1, 2])
def test_closing_the_run_from_outside_is_no_failure_of_a_step(steps):
    # What asyncio does with a Task that its loop will never run again.
    bench = Bench()
    loop = asyncio.new_event_loop()
    task = loop.create_task(Pipeline([parallel([bench.ok(f"s{n}", 100) for n in range(steps)])]).arun({}))
    loop.call_later(0.05, loop.stop)
    loop.run_forever()
    task.get_coro().close()
    loop.run_until_complete(asyncio.sleep(0))
    others = asyncio.all_tasks(loop) - {task}
    task._log_destroy_pending = False
    loop.close()
    assert not others
    assert [note.what for note in bench.notes] == ["began"] * steps
