"""Several steps fail on their own: all of them are reported, in listed order."""

from __future__ import annotations

import asyncio

import pytest
from tests.run.bench import Bench, run

from plait import Pipeline, PipelineErrors, Retry, dataflow, failures, parallel, step


def both(seed=None, **options):
    bench = Bench()
    block = parallel(
        [bench.bad("first", 2, OSError("slow")), bench.bad("second", 1, KeyError("quick"))],
        name="block",
        on_error="finish",
    )
    return run([block], seed=seed, name="two", **options)


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_they_come_in_listed_order_whatever_failed_first(seed):
    got = both(seed)
    assert isinstance(got.error, PipelineErrors)
    assert got.paths == ["block/first", "block/second"]
    assert [type(e) for e in got.error.exceptions] == [OSError, KeyError]
    assert [f.error for f in got.failures] == list(got.error.exceptions)
    assert got.error.message == "2 steps of pipeline 'two' failed: block/first, block/second"
    assert got.took == 2


def test_each_has_its_own_note_and_the_group_the_report():
    got = both()
    assert [e.__notes__ for e in got.error.exceptions] == [
        ["in step 'block/first' of pipeline 'two', attempt 1"],
        ["in step 'block/second' of pipeline 'two', attempt 1"],
    ]
    assert got.error.report is not None
    assert got.error.report is failures(got.error).report
    assert got.error.report.outcome == "failed"


def test_except_star_takes_them_apart_and_the_parts_keep_the_report():
    got = both()
    parts = {}
    try:
        raise got.error
    except* OSError as group:
        parts["os"] = group
    except* KeyError as group:
        parts["key"] = group
    assert all(isinstance(part, PipelineErrors) for part in parts.values())
    assert [str(e) for e in parts["os"].exceptions] == ["slow"]
    assert parts["os"].report is parts["key"].report is got.error.report


def test_what_except_star_does_not_take_goes_on():
    got = both()
    with pytest.raises(PipelineErrors) as rest:
        try:
            raise got.error
        except* OSError:
            pass
    assert [type(e) for e in rest.value.exceptions] == [KeyError]


@pytest.mark.parametrize("seed", range(5))
def test_two_that_fail_in_the_same_moment(seed):
    # Whoever comes second has failed on its own, or was cancelled before it could: both are right, losing is not.
    bench = Bench()
    got = run([parallel([bench.bad("a"), bench.bad("b")])], seed=seed)
    failed = [name for name in ("a", "b") if "failed" in bench.did(name)]
    assert got.paths == failed
    assert [n for n in ("a", "b") if "cancelled" in bench.did(n)] == [
        n for n in ("a", "b") if n not in failed
    ]


def test_a_thread_that_fails_while_it_is_waited_for_is_a_note():
    import threading

    began = threading.Event()

    def slow():
        began.set()
        gate.wait(5)
        raise OSError("while it was waited for")

    async def quick():
        while not began.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(0.05, gate.set)
        raise KeyError("on its own")

    gate = threading.Event()
    with pytest.raises(KeyError) as caught:
        Pipeline([parallel([step(slow, None, "a"), step(quick, None, "b")])]).run({})
    assert caught.value.__notes__ == [
        "in step 'quick' of the pipeline, attempt 1",
        "while it was being cancelled, step 'slow' raised OSError: while it was waited for",
    ]


def test_a_cancelled_error_among_several_is_wrapped_so_that_the_group_stays_one_of_exceptions():
    bench = Bench()
    got = run([parallel([bench.bad("a", 1, asyncio.CancelledError), bench.bad("b", 2)], on_error="finish")])
    assert isinstance(got.error, PipelineErrors)
    assert [type(e).__name__ for e in got.error.exceptions] == ["StepCancelled", "ValueError"]


def test_failures_of_blocks_in_blocks_come_out_flat():
    bench = Bench()
    inner = parallel([bench.bad("x"), bench.bad("y", 2)], name="inner", on_error="finish")
    got = run([parallel([bench.bad("a", 3), inner], name="outer", on_error="finish")])
    assert got.paths == ["outer/a", "outer/inner/x", "outer/inner/y"]
    assert all(not isinstance(e, ExceptionGroup) for e in got.error.exceptions)


def test_failures_that_a_later_attempt_made_good_are_forgotten():
    bench = Bench()
    block = dataflow(
        [bench.bad("a", 1, times=1), bench.bad("b", 1, times=1)], name="block", retry=Retry(3, backoff=0)
    )
    got = run([parallel([block, bench.bad("c", 10)])])
    assert got.paths == ["c"]
    assert not any("block" in note for note in got.notes)


def test_errors_while_cancelled_are_notes_of_the_group():
    bench = Bench()
    inner = parallel([bench.bad("a"), bench.bad("b")], on_error="finish")
    got = run([parallel([inner, bench.dirty("c", OSError("late"))])])
    assert isinstance(got.error, PipelineErrors)
    assert got.notes == ["while it was being cancelled, step 'c' raised OSError: late"]


def test_steps_of_a_nested_run_come_as_one_group_in_the_outer_one():
    bench = Bench()
    inner = Pipeline([parallel([bench.bad("x"), bench.bad("y")], on_error="finish")], name="inner")

    async def nested():
        await inner.arun({})

    got = run([parallel([step(nested, None, "n"), bench.bad("z", 5)], on_error="finish")])
    assert got.paths == ["nested", "z"]
    first = got.error.exceptions[0]
    assert isinstance(first, PipelineErrors)
    found = []
    try:
        raise got.error
    except* ValueError as group:
        found = [str(e) for e in group.exceptions[0].exceptions] + [str(group.exceptions[1])]
    assert found == ["x", "y", "z"]
