"""Conversations with the pure scheduler: a fact in, commands out. No loop, no clock, no component is called."""

from __future__ import annotations

from typing import Any

import pytest

from plait.core.flow import Definition, as_parts, dataflow, parallel
from plait.core.plan.bind import bind
from plait.core.plan.lower import lower
from plait.core.policy import Retry
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Close,
    Expired,
    Finish,
    GiveUp,
    Open,
    Release,
    Retrying,
    Start,
    Wake,
    Withdraw,
)
from plait.core.schedule.events import (
    CancelRequested,
    Committed,
    Failed,
    Granted,
    RunStarted,
    Stopped,
    Succeeded,
    TimerFired,
)
from plait.core.schedule.scheduler import REDELIVERIES, REDELIVERY_INTERVAL, Scheduler
from plait.core.schema import read_schema
from plait.core.step import step

A, B, C, D = range(4)
"""Tasks are numbers, in listed order; those of a region follow, from the base that ``Open`` tells."""

ITSELF, BLOCK = 0b01, 0b10
"""Which policy would try again: the step's own, that of the block around it."""


def s(name: str, **options: Any) -> Any:
    return step(lambda: None, {}, name, name=name, executor="inline", **options)


def act(name: str, **options: Any) -> Any:
    return step(lambda: None, {}, None, name=name, executor="inline", **options)


def patient(attempts: int = 2, backoff: float = 5.0) -> Retry:
    return Retry(attempts, backoff=backoff, jitter=0)


class Talk:
    """A scheduler, and the facts that it was told. ``Wake`` is left out where it is not the point."""

    def __init__(
        self, *steps: Any, order: Any = "listed", fuse: bool = True, durations: Any = None, **options: Any
    ) -> None:
        definition = Definition(
            as_parts(list(steps), "Pipeline"),
            order=order,
            schema=read_schema(None),
            schema_in=read_schema(None),
            name=None,
            max_concurrency=None,
        )
        self.plan = lower(bind(definition), fuse=fuse, durations=durations)
        self.options = options
        self.scheduler = Scheduler(self.plan, **options)
        self.facts: list[Any] = []
        self.said: list[list[Any]] = []

    def __call__(self, fact: Any, *, wakes: bool = False) -> list[Any]:
        self.facts.append(fact)
        self.said.append(self.scheduler.handle(fact))
        return [c for c in self.said[-1] if wakes or not isinstance(c, Wake)]

    def begin(self, **options: Any) -> list[Any]:
        return self(RunStarted(0.0, **options))

    def faults(self) -> list[tuple[int, int, int]]:
        return [(f.task, f.step, f.attempt) for f in self.scheduler.faults()]

    def recorded(self) -> list[tuple[int, int, int]]:
        return [(f.task, f.step, f.attempt) for f in self.scheduler.recorded]


# Order


def test_a_block_starts_together_and_what_follows_waits_for_all_of_it():
    talk = Talk(parallel([s("a"), s("b")]), s("c"))
    assert talk.begin() == [Start(A), Start(B)]
    assert talk(Succeeded(1.0, B)) == []
    assert talk(Succeeded(2.0, A)) == [Start(C)]
    assert talk(Succeeded(3.0, C)) == [Finish("succeeded")]


def test_of_those_that_are_ready_the_longest_remaining_path_starts_first():
    talk = Talk(parallel([s("a"), s("b"), [s("c"), s("d")]]), durations={"a": 1, "b": 9, "c": 3, "d": 4})
    assert talk.begin() == [Start(B), Start(C), Start(A)]


@pytest.mark.parametrize("last", range(5))
def test_many_that_wait_for_the_same_many_start_when_the_last_of_these_has_ended(last):
    talk = Talk(parallel([s(f"a{i}") for i in range(5)]), parallel([s(f"b{i}") for i in range(5)]))
    assert len(talk.plan.units) == 11, "a join stands between them"
    assert talk.begin() == [Start(i) for i in range(5)]
    for i in {3, 0, 4, 1, 2} - {last}:
        assert talk(Succeeded(1.0, i)) == []
    assert talk(Succeeded(2.0, last)) == [Start(i) for i in range(5, 10)]


def test_a_segment_is_one_task():
    talk = Talk(s("a"), s("b"), s("c"))
    assert talk.begin() == [Start(A)]
    assert talk(Succeeded(1.0, A)) == [Finish("succeeded")]


# Retries


def test_a_waiting_retry_frees_its_slot():
    slot = {"cpu": 1}
    talk = Talk(parallel([s("a", resources=slot, retry=patient()), s("b", resources=slot)]))
    assert talk.begin() == [Acquire(A), Acquire(B)]
    assert talk(Granted(0.0, A)) == [Start(A)]
    assert talk(Failed(1.0, A, 0, ITSELF), wakes=True) == [Release(A), Retrying(A, 0, 2, 6.0), Wake(6.0)]
    assert talk(Granted(1.0, B)) == [Start(B)]  # b runs while a waits
    assert talk(TimerFired(6.0)) == [Acquire(A)]  # a is ready, the slot is not
    assert talk(Succeeded(7.0, B)) == [Release(B)]
    assert talk(Granted(7.0, A)) == [Start(A, 2)]
    assert talk(Succeeded(8.0, A)) == [Release(A), Finish("succeeded")]


def test_attempts_run_out():
    talk = Talk(s("a", retry=patient(attempts=2, backoff=0)))
    talk.begin()
    assert talk(Failed(1.0, A, 0, ITSELF)) == [Retrying(A, 0, 2, 1.0), Start(A, 2)]
    assert talk(Failed(2.0, A, 0, ITSELF)) == [Finish("failed")]
    assert talk.faults() == [(A, 0, 2)]


def test_an_error_that_the_policy_does_not_match_is_final():
    talk = Talk(s("a", retry=patient()))
    talk.begin()
    assert talk(Failed(1.0, A, 0)) == [Finish("failed")]


def test_an_error_may_say_itself_how_long_to_wait():
    talk = Talk(s("a", retry=patient()))
    talk.begin()
    assert talk(Failed(1.0, A, 0, ITSELF, waits=(30.0,))) == [Retrying(A, 0, 2, 31.0)]


def test_chance_is_a_fact_too():
    talk = Talk(s("a", retry=Retry(3, backoff=4, factor=2, jitter=0.5)))
    talk.begin()
    assert talk(Failed(1.0, A, 0, ITSELF, draw=0.5)) == [Retrying(A, 0, 2, 1.0 + 4 * 0.75)]
    talk(TimerFired(4.0))
    assert talk(Failed(10.0, A, 0, ITSELF, draw=0.25)) == [Retrying(A, 0, 3, 10.0 + 8 * 0.875)]


def test_in_a_segment_a_retry_goes_on_at_the_step_that_failed_and_counts_for_itself():
    talk = Talk(s("a", retry=patient(2, 0)), s("b", retry=patient(2, 0)), s("c"))
    talk.begin()
    assert talk(Failed(1.0, A, 0, ITSELF)) == [Retrying(A, 0, 2, 1.0), Start(A, 2)]
    assert talk(Failed(2.0, A, 1, ITSELF)) == [Retrying(A, 1, 2, 2.0), Start(A, 2, 1)]
    assert talk(Failed(3.0, A, 1, ITSELF)) == [Finish("failed")]
    assert talk.faults() == [(A, 1, 2)]


def test_nothing_is_tried_again_after_the_run_was_cancelled():
    talk = Talk(s("a", retry=patient()))
    talk.begin()
    assert talk(CancelRequested(0.5)) == [Cancel(A)]
    assert talk(Failed(1.0, A, 0, ITSELF)) == [Finish("cancelled")]


def test_a_retry_that_waits_is_over_at_once_when_a_sibling_fails():
    talk = Talk(parallel([s("a", retry=patient()), s("b")]))
    talk.begin()
    talk(Failed(1.0, A, 0, ITSELF))
    assert talk(Failed(2.0, B, 0)) == [Finish("failed")]
    assert talk.faults() == [(B, 0, 1)]
    assert talk(TimerFired(6.0)) == []


# Admission


def test_a_grant_that_crosses_a_withdrawal_is_given_back():
    talk = Talk(parallel([s("a"), s("b", resources={"gpu": 1})]))
    assert talk.begin() == [Start(A), Acquire(B)]
    assert talk(Failed(1.0, A, 0)) == [Withdraw(B), Finish("failed")]
    assert talk(Granted(1.0, B)) == [Release(B)]


def test_what_ends_gives_back_what_it_held_however_it_ends():
    held = {"gpu": 1}
    for fact in (Succeeded(2.0, A), Failed(2.0, A, 0), Stopped(2.0, A)):
        talk = Talk(s("a", resources=held))
        talk.begin()
        talk(Granted(0.0, A))
        if isinstance(fact, Stopped):
            assert talk(CancelRequested(1.0)) == [Cancel(A)]
        assert talk(fact)[0] == Release(A)


def test_who_becomes_ready_asks_before_a_place_is_given_back():
    # Were it the other way round, the place would go to who waits already, whatever its rank.
    held = {"gpu": 1}
    talk = Talk(s("a", resources=held), s("b", resources=held))
    talk.begin()
    talk(Granted(0.0, A))
    assert talk(Succeeded(1.0, A)) == [Acquire(B), Release(A)]
    talk(Granted(1.0, B))
    assert talk(Succeeded(2.0, B)) == [Release(B), Finish("succeeded")]


# Failures and stopping


def test_a_failure_cancels_the_siblings_and_waits_for_them():
    talk = Talk(parallel([s("a"), s("b")]), s("c"))
    talk.begin()
    assert talk(Failed(1.0, A, 0), wakes=True) == [Cancel(B), Wake(6.0)]
    assert talk(Stopped(1.5, B)) == [Finish("failed")]
    assert talk.faults() == [(A, 0, 1)]


@pytest.mark.parametrize("answer", [Failed(1.5, B, 0, ITSELF), Succeeded(1.5, B)])
def test_what_a_cancelled_sibling_still_says_is_neither_a_failure_nor_a_success(answer):
    talk = Talk(parallel([s("a"), [s("b", retry=patient()), parallel([s("c"), s("d")])]]))
    talk.begin()
    assert talk(Failed(1.0, A, 0)) == [Cancel(B)]
    assert talk(answer) == [Finish("failed")]
    assert talk.faults() == [(A, 0, 1)]


def test_nothing_starts_after_the_run_was_cancelled():
    talk = Talk(s("a"), s("b"), fuse=False)
    talk.begin()
    assert talk(CancelRequested(1.0)) == [Cancel(A)]
    assert talk(CancelRequested(1.1)) == []
    assert talk(Succeeded(1.2, A)) == [Finish("cancelled")]


def test_cancellation_is_told_again_after_the_grace_period_and_then_given_up():
    talk = Talk(s("a"), grace=5.0)
    talk.begin()
    assert talk(CancelRequested(1.0), wakes=True) == [Cancel(A), Wake(6.0)]
    assert talk(TimerFired(5.9)) == [], "the cleanup has its whole grace"
    at = 6.0
    for again in range(1, REDELIVERIES + 1):
        assert talk(TimerFired(at)) == [Cancel(A, "stop", again)]
        at += REDELIVERY_INTERVAL
    assert talk(TimerFired(at)) == [GiveUp(A)]
    assert talk(Stopped(at, A, abandoned=True)) == [Finish("cancelled")]


def test_a_step_that_ended_in_its_grace_is_not_told_again():
    talk = Talk(parallel([s("a"), s("b")]))
    talk.begin()
    talk(CancelRequested(1.0))
    talk(Stopped(2.0, A))
    assert talk(TimerFired(6.0)) == [Cancel(B, "stop", 1)]
    assert talk(Stopped(6.05, B)) == [Finish("cancelled")]
    assert talk(TimerFired(6.2)) == []


# Time


def test_a_timeout_is_counted_from_the_start_of_an_attempt():
    talk = Talk(s("a", timeout=2, resources={"gpu": 1}))
    assert talk.begin() == [Acquire(A)]
    assert talk(Granted(10.0, A), wakes=True) == [Wake(12.0), Start(A)]
    assert talk(TimerFired(12.0)) == [Cancel(A, "timeout")]
    assert talk(Failed(12.1, A, 0)) == [Release(A), Finish("failed")]
    assert talk.faults() == [(A, 0, 1)]


def test_the_timeout_of_an_earlier_attempt_does_not_strike_a_later_one():
    talk = Talk(s("a", timeout=3, retry=patient(backoff=1)))
    talk.begin()
    assert talk(Failed(1.0, A, 0, ITSELF)) == [Retrying(A, 0, 2, 2.0)]
    assert talk(TimerFired(2.0)) == [Start(A, 2)]
    assert talk(TimerFired(3.0)) == []
    assert talk(TimerFired(5.0)) == [Cancel(A, "timeout")]


def test_an_attempt_that_timed_out_may_be_tried_again():
    talk = Talk(s("a", timeout=2, retry=patient(backoff=0)))
    talk.begin()
    talk(TimerFired(2.0))
    assert talk(Failed(2.5, A, 0, ITSELF)) == [Retrying(A, 0, 2, 2.5), Start(A, 2)]
    assert talk(Succeeded(3.0, A)) == [Finish("succeeded")]


def test_the_shell_is_woken_for_the_earliest_timer_whichever_was_set_first():
    talk = Talk(parallel([s("a", timeout=9.0), s("b", timeout=4.0)]))
    assert [c for c in talk(RunStarted(0.0), wakes=True) if isinstance(c, Wake)][-1] == Wake(4.0)


def test_a_cancel_from_outside_wins_over_a_failure_that_came_before_it():
    talk = Talk(parallel([s("a"), s("b")]))
    talk.begin()
    assert talk(Failed(1.0, A, 0)) == [Cancel(B)]
    assert talk(CancelRequested(1.1)) == []
    assert talk(Stopped(1.2, B)) == [Finish("cancelled")]


def test_a_deadline_stops_the_run():
    talk = Talk(parallel([s("a"), s("b")]), s("c"))
    assert talk(RunStarted(0.0, deadline=3.0), wakes=True) == [Wake(3.0), Start(A), Start(B)]
    talk(Succeeded(1.0, A))
    assert talk(TimerFired(3.0)) == [Cancel(B)]
    assert talk(Stopped(3.1, B)) == [Finish("deadline")]


def test_a_deadline_that_passes_after_the_end_is_nothing():
    talk = Talk(s("a"))
    talk(RunStarted(0.0, deadline=3.0))
    assert talk(Succeeded(1.0, A)) == [Finish("succeeded")]
    assert talk(TimerFired(3.0)) == []


def test_a_failure_before_the_deadline_stays_one():
    talk = Talk(parallel([s("a"), s("b")]))
    talk(RunStarted(0.0, deadline=3.0))
    talk(Failed(2.9, A, 0))
    talk(TimerFired(3.0))
    assert talk(Stopped(3.1, B)) == [Finish("failed")]


# Regions


def test_an_attempt_of_a_region_is_a_frame_of_its_own():
    talk = Talk(dataflow([s("a"), s("b")], retry=patient(backoff=0)), s("c"))
    assert talk.begin() == [Open(A, 2, 1), Start(2), Start(3)]
    assert talk(Failed(1.0, 2, 0, BLOCK)) == [Cancel(3)]
    again = [Close(A, 2, None), Retrying(A, -1, 2, 1.5), Open(A, 4, 2), Start(4), Start(5)]
    assert talk(Stopped(1.5, 3)) == again
    assert talk(Succeeded(2.0, 5)) == []
    assert talk(Succeeded(2.5, 4)) == [Close(A, 4, (0,)), Start(B)]
    assert talk(Succeeded(3.0, B)) == [Finish("succeeded")]


def test_a_region_waits_before_it_is_tried_again():
    talk = Talk(dataflow([s("a")], retry=patient(backoff=5)))
    talk.begin()
    assert talk(Failed(1.0, 1, 0, BLOCK)) == [Close(A, 1, None), Retrying(A, -1, 2, 6.0)]
    assert talk(TimerFired(6.0)) == [Open(A, 2, 2), Start(2)]


def test_a_region_is_not_tried_again_for_an_error_that_its_policy_does_not_match():
    talk = Talk(dataflow([s("a")], retry=patient()))
    talk.begin()
    assert talk(Failed(1.0, 1, 0, ITSELF)) == [Close(A, 1, None), Finish("failed")]
    assert talk.faults() == [(1, 0, 1)]


def test_a_region_is_tried_again_only_when_all_of_its_failures_match():
    talk = Talk(parallel([s("a"), s("b")], on_error="finish", retry=patient(backoff=0)))
    talk.begin()
    assert talk(Failed(1.0, 1, 0, BLOCK)) == []
    assert talk(Failed(2.0, 2, 0)) == [Close(A, 1, None), Finish("failed")]
    assert talk.faults() == [(1, 0, 1), (2, 0, 1)]


def test_with_need_1_the_first_success_cancels_the_rest():
    talk = Talk(parallel([s("a"), s("b")], need=1), s("c"))
    assert talk.begin() == [Open(A, 2, 1), Start(2), Start(3)]
    assert talk(Succeeded(1.0, 3)) == [Cancel(2)]
    assert talk(Stopped(1.5, 2)) == [Close(A, 2, (1,)), Start(B)]


def test_with_need_n_a_failure_costs_nothing_while_n_can_be_reached():
    talk = Talk(parallel([s("a"), s("b"), s("c")], need=2))
    talk.begin()
    assert talk(Failed(1.0, 1, 0)) == []
    assert talk(Succeeded(2.0, 3)) == []
    assert talk(Succeeded(3.0, 2)) == [Close(A, 1, (1, 2)), Finish("succeeded")]
    assert talk.recorded() == [(1, 0, 1)]


def test_with_need_n_the_rest_is_cancelled_as_soon_as_n_is_out_of_reach():
    talk = Talk(parallel([s("a"), s("b"), s("c")], need=2))
    talk.begin()
    talk(Failed(1.0, 1, 0))
    assert talk(Failed(2.0, 2, 0)) == [Cancel(3)]
    assert talk(Stopped(2.5, 3)) == [Close(A, 1, None), Finish("failed")]
    assert talk.faults() == [(1, 0, 1), (2, 0, 1)]


def test_a_block_that_collects_keeps_the_branches_that_succeeded():
    talk = Talk(parallel([[s("a"), parallel([s("b"), s("c")])], s("d")], on_error="collect"))
    assert talk.begin() == [Open(A, 1, 1), Start(1), Start(4)]
    assert talk(Failed(1.0, 1, 0)) == [], "what follows in its branch is skipped"
    assert talk(Succeeded(2.0, 4)) == [Close(A, 1, (1,)), Finish("succeeded")]
    assert talk.recorded() == [(1, 0, 1)]
    assert talk.faults() == []


def test_a_failure_in_one_branch_stops_the_others_of_that_branch_only():
    talk = Talk(parallel([parallel([s("a"), s("b")]), s("c")], on_error="collect"))
    talk.begin()
    assert talk(Failed(1.0, 1, 0)) == [Cancel(2)]
    assert talk(Stopped(1.5, 2)) == []
    assert talk(Succeeded(2.0, 3)) == [Close(A, 1, (1,)), Finish("succeeded")]


def test_the_timeout_of_a_region_cancels_what_is_in_it_and_is_a_failure_of_the_region():
    talk = Talk(dataflow([s("a"), s("b")], timeout=2))
    assert talk.begin() == [Open(A, 1, 1), Start(1), Start(2)]
    talk(Succeeded(1.0, 1))
    assert talk(TimerFired(2.0)) == [Cancel(2)]
    assert talk(Stopped(2.5, 2)) == [Close(A, 1, None), Expired(A, 1)]
    assert talk(Failed(2.5, A, 0)) == [Finish("failed")]
    assert talk.faults() == [(A, -1, 1)]


def test_a_region_that_timed_out_is_tried_again_when_its_policy_says_so():
    talk = Talk(dataflow([s("a")], timeout=2, retry=patient(backoff=0)))
    talk.begin()
    talk(TimerFired(2.0))
    assert talk(Stopped(2.5, 1)) == [Close(A, 1, None), Expired(A, 1)]
    assert talk(Failed(2.5, A, 0, ITSELF)) == [Retrying(A, -1, 2, 2.5), Open(A, 2, 2), Start(2)]


def test_a_block_of_one_branch_collects_too():
    talk = Talk(parallel([s("a")], on_error="collect"), s("b"))
    assert talk.begin() == [Open(A, 2, 1), Start(2)]
    assert talk(Failed(1.0, 2, 0)) == [Close(A, 2, ()), Start(B)]
    assert talk.recorded() == [(2, 0, 1)]


def test_what_a_discarded_attempt_collected_is_forgotten():
    talk = Talk(
        dataflow([[parallel([s("a"), s("b")], on_error="collect"), s("c")]], retry=patient(backoff=0))
    )
    for base, end in ((1, Failed), (5, Succeeded)):
        opened = talk.begin() if base == 1 else talk.said[-1]
        assert Start(base + 2) in opened
        talk(Failed(1.0, base + 2, 0))
        assert talk(Succeeded(1.0, base + 3))[-1] == Start(base + 1)
        talk(Failed(2.0, base + 1, 0, BLOCK) if end is Failed else Succeeded(2.0, base + 1))
    assert talk.said[-1][-1] == Finish("succeeded")
    assert talk.recorded() == [(7, 0, 1)]


def test_a_region_whose_end_is_decided_has_no_timeout_any_more():
    talk = Talk(parallel([s("a"), s("b")], need=1, timeout=2))
    talk.begin()
    assert talk(Succeeded(1.0, 1)) == [Cancel(2)]
    assert talk(TimerFired(2.0)) == []
    assert talk(Stopped(3.0, 2)) == [Close(A, 1, (0,)), Finish("succeeded")]


def test_a_run_that_is_cancelled_closes_its_regions():
    talk = Talk(dataflow([dataflow([s("a")], timeout=9)], timeout=9))
    assert talk.begin() == [Open(A, 1, 1), Open(1, 2, 1), Start(2)]
    assert talk(CancelRequested(1.0)) == [Cancel(2)]
    assert talk(Stopped(1.5, 2)) == [Close(1, 2, None), Close(A, 1, None), Finish("cancelled")]


# The journal


def durable(*steps: Any, **options: Any) -> Talk:
    return Talk(*steps, durable=True, **options)


def test_an_effect_waits_until_the_journal_has_what_it_stands_on():
    talk = durable(parallel([s("a"), s("b")]), act("e"))
    assert talk.begin() == [Start(A), Start(B)]
    talk(Succeeded(1.0, A))
    assert talk(Succeeded(2.0, B)) == []
    assert talk(Committed(2.1, 2)) == [], "b is not stored yet"
    assert talk(Committed(2.2, 3)) == [Start(C)]


def test_pure_steps_run_ahead_of_the_journal():
    talk = durable(parallel([s("a"), s("b")]), s("c"))
    talk.begin()
    talk(Succeeded(1.0, A))
    assert talk(Succeeded(2.0, B)) == [Start(C)]


def test_the_result_waits_for_the_journal():
    talk = durable(s("a"))
    talk.begin()
    assert talk(Succeeded(1.0, A)) == []
    assert talk(Committed(1.1, 100)) == [Finish("succeeded")]


def test_a_failure_does_not_wait_for_the_journal():
    talk = durable(s("a"))
    talk.begin()
    assert talk(Failed(1.0, A, 0)) == [Finish("failed")]


def test_a_gated_effect_holds_nothing_and_asks_for_its_slot_when_the_gate_opens():
    talk = durable(parallel([s("a"), s("b")]), act("e", resources={"mail": 1}))
    talk.begin()
    talk(Succeeded(1.0, A))
    assert talk(Succeeded(2.0, B)) == []
    assert talk(Committed(2.1, 3)) == [Acquire(C)]
    assert talk(Granted(3.0, C)) == [Start(C)]


def test_a_gated_effect_does_not_start_when_its_sibling_fails():
    talk = durable(parallel([[parallel([s("a"), s("b")]), act("e")], s("d")]))
    assert talk.begin() == [Start(A), Start(B), Start(D)]
    talk(Succeeded(1.0, A))
    talk(Succeeded(2.0, B))
    assert talk(Failed(2.5, D, 0)) == [Finish("failed")]
    assert talk(Committed(3.0, 100)) == []


def test_without_a_journal_the_gate_is_open():
    talk = Talk(parallel([s("a"), s("b")]), act("e"))
    talk.begin()
    talk(Succeeded(1.0, A))
    assert talk(Succeeded(2.0, B)) == [Start(C)]


# Replay


def test_the_same_facts_give_the_same_commands():
    talk = Talk(
        parallel([s("a", retry=patient(3)), s("b", resources={"gpu": 1})], on_error="collect"),
        s("c", timeout=4),
    )
    talk.begin()
    for fact in (
        Granted(0.0, 3),
        Failed(1.0, 2, 0, ITSELF, draw=0.3),
        Failed(2.0, 3, 0),
        TimerFired(6.0),
        Succeeded(7.0, 2),
        TimerFired(11.0),
        Failed(11.5, B, 0),
    ):
        talk(fact)
    assert talk.said[-1] == [Finish("failed")]
    again = Scheduler(talk.plan, **talk.options)
    assert [again.handle(fact) for fact in talk.facts] == talk.said
