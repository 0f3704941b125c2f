"""One step fails: its own exception comes out, and tells where it came from."""

from __future__ import annotations

import asyncio
import threading
import traceback

import pytest
from tests.run.bench import Bench, run

from plait import Pipeline, PipelineErrors, Retry, Val, dataflow, failures, parallel, step, subgraph
from plait.errors import Failures


class Refused(ConnectionError):
    def __init__(self, host):
        super().__init__(f"{host} refused")
        self.host = host


ERROR = Refused("db")


async def fails(text, limit=3):
    raise ERROR


def fails_in_thread(text, limit=3):
    raise ERROR


PLACES = {
    "async": step(fails, {"text": "document", "limit": Val(3)}, "rows", name="query"),
    "thread": step(fails_in_thread, {"text": "document", "limit": Val(3)}, "rows", name="query"),
    "inline": step(
        fails_in_thread, {"text": "document", "limit": Val(3)}, "rows", name="query", executor="inline"
    ),
}


@pytest.fixture(autouse=True)
def no_notes_yet():
    ERROR.__dict__.clear()
    ERROR.host = "db"
    ERROR.__traceback__ = ERROR.__cause__ = ERROR.__context__ = None


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", ["parallel", "serial"])
def test_the_original_object_is_raised_with_a_note_that_names_the_place(place, mode):
    pipeline = Pipeline([PLACES[place]], name="rows")
    with pytest.raises(ConnectionError) as caught:
        pipeline.run({"document": "x"}, mode=mode)
    assert caught.value is ERROR
    assert caught.value.host == "db"
    assert ERROR.__notes__ == ["in step 'query' of pipeline 'rows', attempt 1, reading 'document'"]


@pytest.mark.parametrize("place", PLACES)
def test_failures_tells_path_attempt_error_and_report(place):
    with pytest.raises(Refused) as caught:
        Pipeline([PLACES[place]]).run({"document": "x"})
    found = failures(caught.value)
    (failure,) = found
    assert (failure.path, failure.attempt) == ("query", 1)
    assert failure.error is ERROR
    assert found.report is not None
    assert found.report.outcome == "failed"
    assert found.report.run_id == found.run_id
    assert found.report.step("query").outcome == "failed"


@pytest.mark.parametrize("place", PLACES)
def test_the_traceback_shows_the_line_of_the_component(place):
    with pytest.raises(Refused) as caught:
        Pipeline([PLACES[place]]).run({"document": "x"})
    shown = "".join(traceback.format_exception(caught.value))
    assert "raise ERROR" in shown
    assert "in step 'query' of the pipeline, attempt 1" in shown


@pytest.mark.parametrize("wrapped", [parallel, dataflow, lambda steps, **o: subgraph(Pipeline(steps), **o)])
def test_the_note_names_path_and_keys_inside_a_region_too(wrapped):
    # a region of its own, for it has a policy; its steps are no steps of the outermost plan
    inner = wrapped([PLACES["async"]], name="inside", retry=Retry(2, on=KeyError))
    with pytest.raises(Refused) as caught:
        Pipeline([inner], name="all").run({"document": "x"})
    assert [f.path for f in failures(caught.value)] == ["inside/query"]
    assert ERROR.__notes__ == ["in step 'inside/query' of pipeline 'all', attempt 1, reading 'document'"]


def test_the_attempt_is_the_last_one():
    bench = Bench()
    got = run([bench.bad("a", retry=Retry(3, backoff=0))])
    assert [(f.path, f.attempt) for f in got.failures] == [("a", 3)]
    assert got.notes == ["in step 'a' of the pipeline, attempt 3"]


def test_causes_stay_chained():
    async def translate():
        try:
            raise KeyError("missing")
        except KeyError as cause:
            raise ValueError("no such row") from cause

    got = run([step(translate, None, "x")])
    assert isinstance(got.error, ValueError)
    assert isinstance(got.error.__cause__, KeyError)


def test_an_exception_group_of_a_component_is_one_failure():
    group = ExceptionGroup("both", [OSError("a"), ValueError("b")])
    got = run([Bench().bad("a", error=group)])
    assert got.error is group
    assert got.paths == ["a"]


def test_except_star_catches_a_single_failure():
    caught = []
    try:
        Pipeline([PLACES["async"]]).run({"document": "x"})
    except* ConnectionError as group:
        caught = list(group.exceptions)
    assert caught == [ERROR]


def test_the_same_object_in_two_runs_has_the_latest_report_and_one_note_for_each_place():
    pipeline = Pipeline([PLACES["async"]])
    ids = []
    for _ in range(2):
        with pytest.raises(Refused):
            pipeline.run({"document": "x"})
        ids.append(failures(ERROR).run_id)
    assert ids[0] != ids[1]
    assert len(ERROR.__notes__) == 1


def test_an_error_without_room_for_attributes_is_raised_all_the_same():
    class Slotted(Exception):
        __slots__ = ()

        def __setattr__(self, name, value):
            raise AttributeError(name)

    error = Slotted("tight")
    got = run([Bench().bad("a", error=error)])
    assert got.error is error
    assert got.failures == ()


def test_an_error_that_came_from_no_run_has_no_failures():
    found = failures(ValueError())
    assert isinstance(found, Failures)
    assert (list(found), found.report, found.run_id) == ([], None, None)


def test_a_nested_run_adds_its_place_to_the_same_object():
    inner = Pipeline([PLACES["async"]], name="inner")

    async def nested(document):
        return (await inner.arun({"document": document})).state["rows"]

    with pytest.raises(Refused) as caught:
        Pipeline([step(nested, None, "rows")], name="outer").run({"document": "x"})
    assert caught.value is ERROR
    assert ERROR.__notes__ == [
        "in step 'query' of pipeline 'inner', attempt 1, reading 'document'",
        "in step 'nested' of pipeline 'outer', attempt 1, reading 'document'",
    ]
    assert [f.path for f in failures(ERROR)] == ["nested"]


def test_what_steps_raise_while_they_are_cancelled_becomes_a_note():
    bench = Bench()
    got = run([parallel([bench.bad("a"), bench.dirty("b", OSError("disk full")), bench.ok("c", 100)])])
    assert isinstance(got.error, ValueError)
    assert got.paths == ["a"]
    assert got.notes == [
        "in step 'a' of the pipeline, attempt 1",
        "while it was being cancelled, step 'b' raised OSError: disk full",
    ]
    assert bench.did("c") == ["began", "cancelled"]
    assert got.took == 1


@pytest.mark.parametrize("alone", [True, False])
def test_a_cancelled_error_that_nobody_caused_is_a_failure(alone):
    async def gives_up():
        raise asyncio.CancelledError("my own")

    bench = Bench()
    steps = step(gives_up, None, "x")
    got = run([steps if alone else parallel([steps, bench.ok("b", 100)])])
    assert type(got.error).__name__ == "StepCancelled"
    assert "step 'gives_up' raised CancelledError although nobody had cancelled it" in str(got.error)
    assert isinstance(got.error.__cause__, asyncio.CancelledError)
    assert isinstance(got.failures[0].error, asyncio.CancelledError)
    assert got.took == 0


def test_so_is_that_of_a_task_that_somebody_else_cancelled():
    async def waits():
        other = asyncio.ensure_future(asyncio.sleep(100))
        asyncio.get_running_loop().call_later(1, other.cancel)
        await other

    got = run([step(waits, None, "x")])
    assert type(got.error).__name__ == "StepCancelled"
    assert got.took == 1


@pytest.mark.parametrize("executor", ["thread", "inline"])
def test_so_is_that_of_a_blocking_component(executor):
    def gives_up():
        raise asyncio.CancelledError

    got = run([step(gives_up, None, "x", executor=executor)])
    assert type(got.error).__name__ == "StepCancelled"


def test_errors_are_not_kept_alive_by_the_run():
    import gc
    import weakref

    class Big:
        pass

    class Carrier(Exception):
        pass

    async def fail():
        big = Big()
        seen.append(weakref.ref(big))
        raise Carrier

    seen: list = []
    pipeline = Pipeline([step(fail, None, "x")])
    with pytest.raises(Carrier):
        asyncio.run(pipeline.arun({}))
    gc.collect()
    assert seen[0]() is None


@pytest.mark.parametrize("order", ["listed", "dataflow"])
def test_an_effect_listed_after_a_failure_never_starts(order):
    bench = Bench()
    acted = []

    async def act():
        acted.append("act")

    got = run([bench.bad("a", 2), bench.ok("b", 1), step(act)], order=order)
    assert got.paths == ["a"]
    assert acted == []
    # pure work may run ahead in dataflow, and is discarded
    assert bench.did("b") == (["began", "ended"] if order == "dataflow" else [])


def test_nothing_acts_after_the_error_has_reached_the_caller():
    acted = []

    def act(text):
        began.set()
        gate.wait(5)
        acted.append(text)

    async def fail():
        while not began.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(0.05, gate.set)
        raise ValueError("now")

    began, gate = threading.Event(), threading.Event()
    pipeline = Pipeline(
        [parallel([step(act, ["text"]), [step(fail, None, "x"), step(act, ["text"], name="later")]])]
    )
    with pytest.raises(ValueError, match="now"):
        pipeline.run({"text": "t"})
    assert acted == ["t"]  # the thread was waited for, and the step behind the failure never began


def test_several_failures_are_no_single_failure():
    bench = Bench()
    got = run([parallel([bench.bad("a"), bench.bad("b")], on_error="finish")])
    assert isinstance(got.error, PipelineErrors)
