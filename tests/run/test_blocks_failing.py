"""`need` and `on_error` of a block: every cell of the table in the reference, nested, and as regions."""

from __future__ import annotations

import pytest
from tests.run.bench import Bench, run

from plait import Optional, Pipeline, PipelineErrors, Retry, dataflow, parallel, step, subgraph
from plait.errors import StepTimeout

SEEDS = [None, 1, 2, 3]

pytestmark = pytest.mark.parametrize("seed", SEEDS)


# need="all"


def test_cancel_stops_the_siblings_waits_for_them_and_fails(seed):
    bench = Bench()
    got = run(
        [parallel([bench.ok("a", 5, cleanup=2), bench.bad("b", 1), bench.ok("c", 0.5)]), bench.ok("after")],
        seed=seed,
    )
    assert isinstance(got.error, ValueError)
    assert got.paths == ["b"]
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert bench.did("c") == ["began", "ended"]
    assert bench.did("after") == []
    assert got.took == 3  # the cleanup has been waited for


def test_cancel_fails_with_all_failures_of_their_own(seed):
    bench = Bench()
    inner = parallel([bench.bad("x"), bench.bad("y")], name="inner", on_error="finish")
    got = run([parallel([inner, bench.ok("a", 5)], name="outer")], seed=seed)
    assert isinstance(got.error, PipelineErrors)
    assert got.paths == ["outer/inner/x", "outer/inner/y"]


def test_finish_lets_the_siblings_end_and_then_fails(seed):
    bench = Bench()
    got = run(
        [
            parallel(
                [bench.bad("a", 1), [bench.ok("b", 2), bench.ok("b2", 2)], bench.bad("c", 3)],
                on_error="finish",
            ),
            bench.ok("after"),
        ],
        seed=seed,
    )
    assert isinstance(got.error, PipelineErrors)
    assert [p.rpartition("/")[2] for p in got.paths] == ["a", "c"]
    assert bench.did("b2") == ["began", "ended"]
    assert bench.did("after") == []
    assert got.took == 4


def test_collect_lets_them_end_succeeds_and_lists_the_failures(seed):
    bench = Bench()
    block = parallel(
        [[bench.ok("a", 1), bench.bad("a2", 1)], bench.ok("b", 3), bench.bad("c", 2)],
        name="block",
        on_error="collect",
    )
    got = run([block, bench.ok("after")], seed=seed)
    assert got.error is None
    assert got.paths == ["block/a2", "block/c"]
    # not even what a finished step of a failed branch wrote
    assert got.state == {"b": "b", "after": "after"}
    assert got.took == 4


def test_collect_when_all_fail_gives_nothing_and_goes_on(seed):
    bench = Bench()
    got = run([parallel([bench.bad("a"), bench.bad("b")], on_error="collect"), bench.ok("after")], seed=seed)
    assert got.state == {"after": "after"}
    assert [p.rpartition("/")[2] for p in got.paths] == ["a", "b"]


# need=n


@pytest.mark.parametrize("on_error", ["cancel", "finish", "collect"])
def test_the_nth_success_cancels_the_rest_and_the_block_succeeds(seed, on_error):
    bench = Bench()
    block = parallel(
        [bench.ok("a", 9, cleanup=1), bench.ok("b", 2), bench.bad("c", 1), bench.ok("d", 3)],
        name="block",
        need=2,
        on_error=on_error,
    )
    got = run([block, bench.ok("after")], seed=seed)
    assert got.error is None
    assert got.state == {"b": "b", "d": "d", "after": "after"}
    assert got.paths == ["block/c"]
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert got.took == 5


def test_out_of_reach_cancel_stops_the_rest_and_fails(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1), bench.bad("b", 2), bench.ok("c", 9), bench.ok("d", 0.5)], name="block", need=3
    )
    got = run([block, bench.ok("after")], seed=seed)
    assert got.paths == ["block/a", "block/b"]
    assert isinstance(got.error, PipelineErrors)
    assert bench.did("c") == ["began", "cancelled"]
    assert bench.did("after") == []
    assert got.took == 2


def test_still_in_reach_nothing_is_cancelled(seed):
    bench = Bench()
    got = run([parallel([bench.bad("a", 1), bench.ok("b", 9), bench.ok("c", 9)], need=2)], seed=seed)
    assert got.state == {"b": "b", "c": "c"}
    assert got.took == 9


def test_out_of_reach_finish_lets_the_rest_end_and_then_fails(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1), bench.bad("b", 2), bench.ok("c", 5)], name="block", need=2, on_error="finish"
    )
    got = run([block, bench.ok("after")], seed=seed)
    assert got.paths == ["block/a", "block/b"]
    assert bench.did("c") == ["began", "ended"]
    assert bench.did("after") == []
    assert got.took == 5


def test_out_of_reach_collect_succeeds_with_what_there_is(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1), bench.bad("b", 2), bench.ok("c", 5)], name="block", need=2, on_error="collect"
    )
    got = run([block, bench.ok("after")], seed=seed)
    assert got.error is None
    assert got.state == {"c": "c", "after": "after"}
    assert got.paths == ["block/a", "block/b"]
    assert got.took == 6


def test_need_one_keeps_the_winner_and_alternatives_may_write_one_key(seed):
    bench = Bench()
    slow = bench.ok("slow", 5).replace(output_state="answer")
    quick = bench.ok("quick", 2).replace(output_state="answer")
    broken = bench.bad("broken", 1).replace(output_state="answer")
    got = run([parallel([slow, quick, broken], name="race", need=1)], seed=seed)
    assert got.state == {"answer": "quick"}
    assert got.paths == ["race/broken"]
    assert got.took == 2


def test_a_race_that_nobody_wins_fails_with_all_errors(seed):
    bench = Bench()
    got = run([parallel([bench.bad("a", 2), bench.bad("b", 1)], name="race", need=1)], seed=seed)
    assert got.paths == ["race/a", "race/b"]
    assert got.took == 2


def test_a_branch_that_would_start_later_never_starts_after_the_decision(seed):
    bench = Bench()
    block = parallel([bench.ok("a", 1), [bench.ok("b", 5), bench.ok("b2")]], need=1)
    got = run([block], seed=seed)
    assert got.state == {"a": "a"}
    assert bench.did("b2") == []


def test_what_was_missing_reads_as_its_default(seed):
    bench = Bench()

    async def reader(a, b="default"):
        return (a, b)

    block = parallel([bench.bad("a"), bench.bad("b")], on_error="collect")
    got = run([block, step(reader, {"a": Optional("a", "other"), "b": "b"}, "seen")], seed=seed)
    assert got.state["seen"] == ("other", "default")


def test_a_failed_branch_leaves_nothing_not_even_the_old_version(seed):
    bench = Bench()
    block = parallel([bench.bad("a").replace(output_state="k"), bench.ok("b")], on_error="collect")
    got = run([block], {"k": "old"}, seed=seed)
    assert "k" not in got.state


# blocks in blocks


def test_an_inner_block_that_collects_is_no_failure_of_the_outer_one(seed):
    bench = Bench()
    inner = parallel([bench.bad("x"), bench.ok("y", 2)], name="inner", on_error="collect")
    got = run([parallel([inner, bench.ok("a", 3)], name="outer")], seed=seed)
    assert got.error is None
    assert got.state == {"y": "y", "a": "a"}
    assert got.paths == ["outer/inner/x"]


def test_a_whole_inner_block_is_cancelled_with_its_branch(seed):
    bench = Bench()
    inner = parallel([bench.ok("x", 9, cleanup=1), bench.ok("y", 9)], name="inner", on_error="finish")
    got = run([parallel([inner, bench.bad("a", 1)], name="outer")], seed=seed)
    assert got.paths == ["outer/a"]
    assert bench.did("x") == ["began", "cancelled", "cleaned"]
    assert bench.did("y") == ["began", "cancelled"]
    assert got.took == 2


def test_the_failures_of_an_inner_block_count_as_one_branch(seed):
    bench = Bench()
    inner = parallel([bench.bad("x"), bench.bad("y", 2)], name="inner", on_error="finish")
    outer = parallel([inner, bench.ok("a", 3), bench.ok("b", 4)], name="outer", need=2)
    got = run([outer], seed=seed)
    assert got.error is None
    assert got.paths == ["outer/inner/x", "outer/inner/y"]
    assert got.took == 4


def test_three_deep_the_failure_goes_to_the_first_that_forgives(seed):
    bench = Bench()
    deep = parallel([bench.bad("x", 1), bench.ok("y", 9)], name="deep")
    middle = parallel([deep, bench.ok("m", 9)], name="middle")
    got = run([parallel([middle, bench.ok("a", 2)], name="outer", on_error="collect")], seed=seed)
    assert got.state == {"a": "a"}
    assert got.paths == ["outer/middle/deep/x"]
    assert bench.did("m") == ["began", "cancelled"]
    assert got.took == 2


def test_a_pipeline_as_a_branch_fails_like_a_step(seed):
    bench = Bench()
    child = Pipeline([bench.ok("x"), bench.bad("y")], name="child")
    got = run([parallel([child, bench.ok("a", 5)], on_error="collect", name="block")], seed=seed)
    assert got.state == {"a": "a"}
    assert got.paths == ["block/child/y"]


# regions that are tried again


def test_an_attempt_of_a_block_starts_from_the_values_before_it(seed):
    bench = Bench()
    seen = []

    async def count(n):
        seen.append(n)
        return n + 1

    block = dataflow(
        [[step(count, ["n"], "n"), bench.bad("b", 1, times=2)]], name="block", retry=Retry(3, backoff=0)
    )
    got = run([block], {"n": 0}, seed=seed)
    assert seen == [0, 0, 0]
    assert got.state == {"n": 1, "b": "b"}


def test_nothing_of_a_failed_attempt_leaks_into_the_next_or_out(seed):
    bench = Bench()
    tries = []

    async def sometimes():
        tries.append(None)
        if len(tries) == 1:
            return "of the first attempt"
        raise KeyError("second attempt")

    async def reads(old="nothing"):
        return old

    inner = parallel(
        [step(sometimes, None, "old", name="sometimes"), bench.ok("other")], name="inner", on_error="collect"
    )
    block = dataflow(
        [[inner, step(reads, None, "seen"), bench.bad("b", 1, times=1)]],
        name="block",
        retry=Retry(2, backoff=0),
    )
    got = run([block], seed=seed)
    assert got.state == {"other": "other", "seen": "nothing", "b": "b"}


@pytest.mark.parametrize("make", [parallel, dataflow, lambda steps, **o: subgraph(Pipeline(steps), **o)])
def test_a_retry_of_a_block_waits_for_its_steps_to_end_first(seed, make):
    bench = Bench()
    steps = [bench.bad("a", 1, times=1), bench.ok("b", 0.5)]
    got = run([make(steps, name="block", retry=Retry(2, backoff=10, jitter=0))], seed=seed)
    assert got.error is None
    assert bench.when("a", "began") == [0, 11]
    assert bench.when("b", "began") == ([0, 11] if make in (parallel, dataflow) else [12])


def test_siblings_are_cancelled_before_the_next_attempt_begins(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1, times=1), bench.ok("b", 5, cleanup=2)], name="block", retry=Retry(2, backoff=0)
    )
    got = run([block], seed=seed)
    assert bench.when("b", "cleaned") == [3]
    assert bench.when("a", "began") == [0, 3]
    assert got.state == {"a": "a", "b": "b"}
    assert got.took == 8


def test_a_block_is_tried_again_only_when_all_failures_match(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1, OSError), bench.bad("b", 1, KeyError)],
        name="block",
        on_error="finish",
        retry=Retry(3, backoff=0, on=OSError),
    )
    got = run([block], seed=seed)
    assert got.paths == ["block/a", "block/b"]
    assert len(bench.when("a", "began")) == 1


def test_a_step_inside_is_tried_again_alone_before_the_block_is(seed):
    bench = Bench()
    block = parallel(
        [bench.bad("a", 1, times=3, retry=Retry(2, backoff=0)), bench.ok("b", 0.5)],
        name="block",
        retry=Retry(2, backoff=0),
    )
    got = run([block], seed=seed)
    assert got.error is None
    assert len(bench.when("a", "began")) == 4
    assert len(bench.when("b", "began")) == 2


# regions with a timeout


def test_a_block_that_takes_too_long_is_cancelled_and_named(seed):
    bench = Bench()
    got = run([parallel([bench.ok("a", 9, cleanup=1), bench.ok("b", 9)], name="block", timeout=2)], seed=seed)
    assert isinstance(got.error, StepTimeout)
    assert str(got.error) == "'block' took longer than its timeout of 2 s"
    assert got.paths == ["block"]
    assert bench.did("a") == ["began", "cancelled", "cleaned"]
    assert got.took == 3


def test_the_timeout_of_a_block_is_per_attempt_and_can_be_tried_again(seed):
    bench = Bench()
    got = run(
        [
            parallel(
                [bench.ok("a", 9), bench.ok("b", 1)],
                name="block",
                timeout=2,
                retry=Retry(3, backoff=1, jitter=0),
            )
        ],
        seed=seed,
    )
    assert isinstance(got.error, StepTimeout)
    assert bench.when("a", "began") == [0, 3, 7]
    assert got.failures[0].attempt == 3
    assert got.took == 9


def test_a_filter_that_knows_no_timeout_does_not_try_it_again(seed):
    bench = Bench()
    block = parallel([bench.ok("a", 9)], name="block", timeout=2, retry=Retry(3, backoff=0, on=KeyError))
    got = run([block], seed=seed)
    assert isinstance(got.error, StepTimeout)
    assert got.took == 2


def test_the_inner_timeout_comes_first_and_the_outer_one_still_holds(seed):
    bench = Bench()
    inner = parallel(
        [bench.ok("x", 9)], name="inner", timeout=2, on_error="collect", retry=Retry(9, backoff=0)
    )
    got = run([parallel([inner, bench.ok("a", 1)], name="outer", timeout=5)], seed=seed)
    assert got.paths == ["outer"]
    assert bench.when("x", "began") == [0, 2, 4]
    assert got.took == 5


def test_a_timeout_in_a_collecting_block_is_collected(seed):
    bench = Bench()
    inner = parallel([bench.ok("x", 9), bench.ok("y", 1)], name="inner", timeout=2)
    got = run([parallel([inner, bench.ok("a", 3)], name="outer", on_error="collect")], seed=seed)
    assert got.state == {"a": "a"}
    assert got.paths == ["outer/inner"]


def test_a_timeout_that_strikes_while_the_block_is_ending_changes_nothing(seed):
    bench = Bench()
    slow = bench.ok("a", 50, cleanup=5)
    got = run([parallel([slow, bench.bad("b", 1)], name="block", timeout=2)], seed=seed)
    assert isinstance(got.error, ValueError)
    assert got.paths == ["block/b"]
    got = run([parallel([slow, bench.ok("c", 1)], name="race", timeout=2, need=1)], seed=seed)
    assert got.state == {"c": "c"}


def test_the_filter_of_a_block_is_asked_only_about_what_happened_and_may_say_how_long_to_wait(seed):
    bench = Bench()
    seen = []

    def on(error):
        seen.append(type(error))
        return 5

    block = parallel([bench.bad("a", 1, times=1), bench.ok("b")], retry=Retry(2, backoff=0, on=on))
    assert run([block], seed=seed).error is None
    assert seen == [ValueError]
    assert bench.when("a", "began") == [0, 6]
