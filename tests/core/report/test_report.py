"""The report: a pure fold of plan and log; the same from the log alone, and right about where the time went."""

from __future__ import annotations

import asyncio
import json

import pytest

from plait import Pipeline, Retry, failures, parallel, step, subgraph
from plait.core.report.replay import Replay
from plait.core.report.report import build
from plait.core.report.text import render, seconds
from plait.core.schedule.events import RunStarted
from plait.testing.virtual import run_virtual


def lasts(name, duration, reads=(), writes=None):
    async def work(**_):
        await asyncio.sleep(duration)
        return name

    return step(work, list(reads), writes or name, name=name)


def tutorial(**options):
    """A chain of 1 s, four branches of 0.5 to 3 s, and a report of 0.5 s."""
    return Pipeline(
        [
            lasts("extract", 1.0),
            parallel(
                [lasts("mood", 1.5), lasts("topics", 2.0), lasts("entities", 3.0), lasts("language", 0.5)]
            ),
            lasts("write", 0.5),
        ],
        name="tutorial",
        **options,
    )


def result_of(pipeline, inputs=None):
    return run_virtual(pipeline.arun(inputs or {}))


def test_the_critical_path_the_work_and_the_speed_up():
    report = result_of(tutorial()).report
    assert report.critical_path == ("extract", "entities", "write")
    assert report.critical_seconds == pytest.approx(4.5)
    assert report.work == pytest.approx(8.5)
    assert report.wall == pytest.approx(4.5)
    assert report.speedup == pytest.approx(report.speedup_possible) == pytest.approx(8.5 / 4.5)
    assert report.outcome == "succeeded"
    assert "extract → entities → write takes 4.5 s" in report.bound()


def test_steps_are_in_listed_order_with_their_times():
    report = result_of(tutorial()).report
    assert [s.path for s in report.steps] == ["extract", "mood", "topics", "entities", "language", "write"]
    topics = report.step("topics")
    assert (topics.start, topics.end, topics.work, topics.waited) == pytest.approx((1.0, 3.0, 2.0, 0.0))
    assert (topics.attempts, topics.outcome, topics.retried) == (1, "succeeded", 0.0)
    with pytest.raises(KeyError, match="nothing"):
        report.step("nothing")


def test_waiting_for_a_limit_is_told_apart_from_work():
    report = result_of(tutorial(max_concurrency=1)).report
    assert report.wall == pytest.approx(8.5)
    waited = sorted(s.waited for s in report.steps if s.path not in ("extract", "write"))
    assert waited[0] == pytest.approx(0.0)
    assert waited[-1] > 2.0
    assert report.critical_seconds == pytest.approx(4.5)  # what could be, with more at once


def test_failed_attempts_and_pauses_are_told_apart_from_work():
    calls = []

    async def work():
        await asyncio.sleep(1)
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not yet")

    report = result_of(
        Pipeline([step(work, [], "x", retry=Retry(attempts=3, backoff=2, factor=1, jitter=0))])
    ).report
    found = report.step("work")
    assert (found.attempts, found.work, found.retried) == (3, pytest.approx(1), pytest.approx(6))
    assert report.wall == pytest.approx(7)


def test_a_failed_run_has_a_report_too():
    async def fails():
        await asyncio.sleep(1)
        raise OSError("no")

    with pytest.raises(OSError, match="no") as caught:
        result_of(Pipeline(parallel([step(fails), lasts("long", 5), lasts("short", 0.5)])))
    report = failures(caught.value).report
    assert report.outcome == "failed"
    assert {s.path: s.outcome for s in report.steps} == {
        "fails": "failed",
        "long": "cancelled",
        "short": "succeeded",
    }
    assert report.work == pytest.approx(0.5)


def same(one, other):
    return one.to_dict() == other.to_dict()


def again(result):
    """The report of a result, folded once more from the plan and a copy of the log."""
    run = result._run
    return build(
        run.plan, list(run.log), started=run.started, ended=run.ended, outcome=run.outcome, run_id=run.run_id
    )


def inner():
    return Pipeline([lasts("a", 1), lasts("b", 2, ["a"])], name="inner")


SHAPES = {
    "tutorial": tutorial,
    "with a cap": lambda: tutorial(max_concurrency=2),
    "dataflow": lambda: Pipeline([lasts("a", 1), lasts("b", 2), lasts("c", 1, ["a"])], order="dataflow"),
    "embedded": lambda: Pipeline([subgraph(inner()), lasts("c", 1, ["b"])]),
    "a region": lambda: Pipeline(
        [parallel([lasts("a", 1), [lasts("b", 1), lasts("c", 1, ["b"])]], timeout=100)]
    ),
    "first of two": lambda: Pipeline([parallel([lasts("a", 1), lasts("b", 2)], need=1)]),
}


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_it_is_rebuilt_from_the_log_alone(make):
    result = result_of(make())
    assert same(again(result), result.report)
    assert same(again(result), again(result))


@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_replaying_the_log_ends_as_the_run_did(make):
    run = result_of(make())._run
    replay = Replay(run.plan)
    moments = list(replay.feed(run.log))
    assert len(moments) == len(run.log)
    assert type(moments[-1].commands[-1]).__name__ == "Finish" or any(
        type(c).__name__ == "Finish" for m in moments for c in m.commands
    )


def test_it_is_made_of_plain_data():
    report = result_of(tutorial()).report
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert report.to_dict()["steps"][0]["path"] == "extract"


def test_blocking_steps_have_cpu_time_and_async_ones_have_none():
    result = Pipeline([step(lambda: sum(range(20_000)), [], "a", name="a"), lasts("b", 0)]).run({})
    assert result.report.step("a").cpu > 0
    assert result.report.step("b").cpu is None


# Steps that compute and wait for each other


def threads(times, wall=None):
    """The report of a log that was written by hand: a block of steps (start, end, CPU seconds or None)."""
    branches = [step(lambda: 1, [], f"s{n}", name=f"s{n}") for n in range(len(times))]
    plan = Pipeline(parallel(branches), name="by hand").plan()
    rows = [RunStarted(0.0)]
    for n, (start, end, cpu) in sorted(enumerate(times), key=lambda one: one[1][1]):
        rows.append((n, 0, start, end) if cpu is None else (n, 0, start, end, cpu))
    ended = max(end for _, end, _ in times) if wall is None else wall
    return build(plan, rows, started=0.0, ended=ended, outcome="succeeded", run_id="by hand")


def test_two_that_took_turns_at_the_lock_gained_nothing():
    report = threads([(0, 2, 1.0), (0, 2, 1.0)])
    assert (report.work, report.speedup) == pytest.approx((2.0, 1.0))
    assert (report.critical_seconds, report.speedup_possible) == pytest.approx((1.0, 2.0))
    assert [s.work for s in report.steps] == [2, 2], "a step's own times are what the clock said"
    assert "waited for each other, at Python's lock or for a core: about 2 s of their time" in report.bound()
    text = report.to_text()
    assert "one after another about 2.00 s, critical path 1.00 s, this run 2.00 s" in text
    assert "speed-up 1.00 of 2.00 possible" in text
    assert " ".join(text.split()).endswith("is an estimate without it.")
    assert report.to_dict()["bound"] == report.bound()
    assert set(report.to_dict()["steps"][0]) == {
        *("attempts", "cached", "cpu", "end", "outcome", "path", "retried", "start", "waited", "work")
    }


def test_two_that_took_turns_on_a_busy_machine_gained_nothing_either():
    report = threads([(0, 3, 1.0), (0, 3, 1.0)])  # a third of the time other programs had the core
    assert report.speedup == pytest.approx(1.0)


def test_many_that_took_turns_gained_nothing_either():
    report = threads([(0, 64, 1.0)] * 64)
    assert report.speedup == pytest.approx(1.0)


def test_a_giant_that_computes_makes_no_gain_of_the_dwarfs_it_holds_up():
    # as measured: alone 0.06, 0.1 and 0.95 s, of which 0.04, 0.075 and 0.65 s were on a core
    report = threads([(0, 0.2, 0.04), (0, 0.24, 0.075), (0, 1.12, 0.68)])
    assert 0.95 < report.speedup < 1.1
    assert sum(s.work for s in report.steps) / report.wall > 1.35


@pytest.mark.parametrize(
    ("times", "speedup"),
    [
        ([(0, 1, 1.0), (0, 1, 1.0)], 2.0),  # outside of the lock, on two cores
        ([(0, 1, 0.97), (0, 1, 0.97)], 2.0),  # too little to tell
        ([(0, 1, 0.0005), (0, 1, 0.0005), (0, 1, 0.0005)], 3.0),  # waiting
        ([(0, 1, 0.001), (0, 1, 1.0)], 2.0),  # waiting beside one that computes
        (
            [(0, 1, 0.5), (1, 2, 0.5)],
            1.0,
        ),  # one after another: whatever kept them off a core was not the other
        ([(0, 1, None), (0, 1, None)], 2.0),  # unknown
        ([(0, 1, None), (0, 1, 0.4)], 2.0),  # the half of it
        ([(0, 1, 3.0), (0, 1, 3.0)], 2.0),  # on a virtual clock
        ([(0, 0, 0.5), (0, 1, 0.5)], 1.0),
    ],
)
def test_what_was_gained_is_told_as_it_is(times, speedup):
    report = threads(times)
    assert report.work == pytest.approx(sum(end - start for start, end, _ in times))
    assert report.speedup == pytest.approx(speedup)
    assert "waited for each other" not in report.bound()
    assert "about" not in report.to_text()


def test_more_steps_than_cores_gain_what_the_cores_give():
    report = threads([(0, 2, 1.0)] * 4)  # two cores, outside of the lock
    assert report.work == pytest.approx(4.0)
    assert report.speedup == pytest.approx(2.0)


def test_a_step_that_waits_and_computes_never_counts_less_than_it_computed():
    report = threads([(0, 10, 1.0), (0, 10, 9.0), (0, 10, 0.0)])
    assert report.work == pytest.approx(20)  # 1 + 9 + 10
    assert report.critical_seconds == pytest.approx(10)


def test_the_lock_is_taken_only_while_others_are_there():
    report = threads([(0, 1, 0.5), (0, 4, 2.0)])
    assert report.work == pytest.approx(0.5 + 3.5)  # the long one was held up in its first second only


def test_a_failed_step_holds_nobody_up_in_the_estimate():
    def fails():
        raise OSError

    with pytest.raises(OSError) as caught:
        Pipeline(parallel([step(fails), step(lambda: 1, [], "x", name="x")], on_error="finish")).run({})
    report = failures(caught.value).report
    assert report.work == sum(s.work for s in report.steps if s.outcome == "succeeded")


@pytest.mark.timing
def test_a_real_run_of_steps_that_compute_in_python_claims_no_gain():
    def compute():
        return sum(number * number for number in range(600_000))

    def claims(report):
        naive = sum(s.work for s in report.steps) / report.wall
        return report.speedup / naive, "waited for each other" in report.bound()

    pipeline = Pipeline(parallel([step(compute, [], f"s{n}", name=f"s{n}") for n in range(3)]))
    shares = [claims(pipeline.run({}).report) for _ in range(5)]
    assert min(shares)[0] < 0.8, "without the estimate this is 1; on an idle machine it is about a third"
    assert all(said for share, said in shares if share < 0.9)


# As text


def test_the_timeline():
    text = result_of(tutorial()).report.to_text()
    lines = text.splitlines()
    assert lines[0] == "tutorial: succeeded in 4.50 s"
    assert [line.split()[0] for line in lines[1:7]] == [
        "extract",
        "mood",
        "topics",
        "entities",
        "language",
        "write",
    ]
    assert "█" in lines[4]
    assert "▒" in lines[2]
    assert "one after another 8.50 s, critical path 4.50 s, this run 4.50 s" in text
    assert "speed-up 1.89 of 1.89 possible" in text
    assert str(result_of(tutorial()).report) == text
    assert all(len(line) <= 80 for line in lines[:8])


def test_bars_begin_where_steps_begin():
    lines = result_of(tutorial()).report.to_text().splitlines()
    entities = lines[4]
    mood = lines[2]
    assert entities.index("█") == mood.index("▒")
    assert entities.count("█") > mood.count("▒")


def test_a_long_run_shows_what_took_most():
    many = Pipeline(parallel([lasts(f"s{n}", 1 + n) for n in range(100)]))
    text = result_of(many).report.to_text()
    assert "and 40 shorter steps" in text
    assert "s99 " in text
    assert " s5 " not in text


def test_a_chain_says_that_nothing_is_to_gain():
    report = result_of(Pipeline([lasts("a", 1), lasts("b", 2, ["a"])])).report
    assert "depend on each other one after another" in report.bound()


def test_one_step_that_is_most_of_the_work_is_named():
    report = result_of(Pipeline(parallel([lasts("big", 9), lasts("small", 1)]))).report
    assert "big alone is 90% of the work" in report.bound()
    assert "1.11 times as fast at most" in report.bound()


def test_branches_that_gain_nothing_are_not_said_to_depend_on_each_other():
    report = result_of(Pipeline(parallel([lasts("big", 97), lasts("small", 1), lasts("tiny", 1)]))).report
    assert report.speedup_possible < 1.05
    assert "big alone is 98% of the work" in report.bound()
    assert "1.02 times as fast at most" in report.bound()


def test_beside_one_step_there_is_nothing():
    report = result_of(Pipeline([lasts("a", 1)])).report
    assert report.bound() == "There is nothing that could run beside a, the only step."


def test_branches_that_failed_do_not_make_a_chain_of_the_other():
    async def fails():
        raise OSError("no")

    pipeline = Pipeline(parallel([step(fails), lasts("long", 5)], on_error="finish"))
    with pytest.raises(OSError, match="no") as caught:
        result_of(pipeline)
    assert "long alone is 100% of the work" in failures(caught.value).report.bound()


def test_failed_attempts_are_told_where_they_matter():
    calls = []

    async def flaky():
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not yet")

    def text(backoff):
        calls.clear()
        again = step(flaky, [], "x", retry=Retry(attempts=3, backoff=backoff, factor=1, jitter=0))
        return result_of(Pipeline([again, lasts("long", 10, ["x"])])).report.to_text()

    assert "  flaky: 4.00 s for failed attempts and the pauses between them" in text(2)
    assert "failed attempts" not in text(0.01)


def test_no_line_is_wider_than_what_was_asked_for():
    names = [f"a_step_with_a_long_name_{n}" for n in range(8)]
    chain = [lasts(name, 1, before) for name, before in zip(names, [[], *([n] for n in names)], strict=False)]
    report = result_of(Pipeline(parallel([chain, lasts("other", 3)]))).report
    assert "a_step_with_a_long_name_7 takes 8 s" in report.bound()
    for width in (80, 120):
        text = report.to_text(width)
        assert all(len(line) <= width for line in text.splitlines())
        assert " ".join(text.split()).endswith(report.bound())


def test_a_run_that_did_nothing():
    report = result_of(Pipeline([lasts("a", 0)])).report
    assert report.bound() == "Nothing took time."
    assert render(report)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (250.0, "250 s"),
        (2.345, "2.35 s"),
        (0.25, "250 ms"),
        (0.0051, "5.1 ms"),
        (25e-6, "25 µs"),
        (0.0, "0 µs"),
    ],
)
def test_durations_have_a_fitting_unit(value, text):
    assert seconds(value) == text
