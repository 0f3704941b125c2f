"""Conversations about regions that ask: which body, how often, what after a failure; and about those who wait for an answer."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.schedule.test_scheduler import Talk, act, patient, s

from plait.core.branching import if_else
from plait.core.flow import parallel
from plait.core.handling import try_catch
from plait.core.inputs import Val
from plait.core.looping import map_reduce, while_do
from plait.core.schedule.commands import (
    Acquire,
    Cancel,
    Close,
    Expand,
    Expired,
    Finish,
    Open,
    Release,
    Retrying,
    Start,
    Wake,
)
from plait.core.schedule.events import (
    CancelRequested,
    Expanded,
    Failed,
    Granted,
    Quiet,
    Resumed,
    Stopped,
    Succeeded,
    Suspended,
    TimerFired,
)
from plait.core.schedule.frame import Fault


def yes() -> bool:
    return True


def one(item: Any) -> Any:
    return item


def each(**options: Any) -> Any:
    return map_reduce("r", one, input_map={"item": Val([1, 2, 3])}, name="each", **options)


def opened(*args: Any, **more: Any) -> Any:
    return Open(*args, **more)


# Choices


@pytest.mark.parametrize("body", [0, 1])
def test_a_choice_asks_when_its_condition_has_answered_and_opens_one_body(body):
    talk = Talk(if_else(yes, s("a"), s("b")), s("c"))
    condition, choice, after = 0, 1, 2
    assert talk.begin() == [Start(condition)]
    assert talk(Succeeded(1.0, condition)) == [Expand(choice, 1)]
    assert talk(Expanded(1.0, choice, body)) == [opened(choice, 3, 1, body), Start(3)]
    assert talk(Succeeded(2.0, 3)) == [Close(choice, 3, (0,)), Start(after)]
    assert talk(Succeeded(3.0, after)) == [Finish("succeeded")]


def test_a_choice_of_nothing_has_succeeded():
    talk = Talk(if_else(yes, s("a")), s("c"))
    talk.begin()
    assert talk(Succeeded(1.0, 0)) == [Expand(1, 1)]
    assert talk(Expanded(1.0, 1, -1)) == [Start(2)]


def test_a_choice_that_has_to_stop_takes_the_answer_that_was_on_its_way():
    talk = Talk(if_else(yes, s("a"), s("b")))
    talk.begin()
    talk(Succeeded(1.0, 0))
    assert talk(CancelRequested(1.0)) == []
    assert talk(Expanded(1.0, 1, 0)) == [Finish("cancelled")]


def test_a_branch_is_stopped_with_what_is_around_it():
    talk = Talk(parallel([if_else(yes, s("a"), s("b")), s("c")]))
    condition, choice, c = 0, 1, 2
    assert talk.begin() == [Start(condition), Start(c)]
    talk(Succeeded(1.0, condition))
    talk(Expanded(1.0, choice, 1))
    assert talk(Failed(2.0, c, 0)) == [Cancel(3)]
    assert talk(Stopped(2.5, 3)) == [Close(choice, 3, None), Finish("failed")]
    assert talk.faults() == [(c, 0, 1)]


# Loops


def test_each_turn_is_a_frame_of_its_own_until_no_other_is_wanted():
    talk = Talk(while_do([s("a"), s("b")], yes, name="loop"), s("c"), fuse=False)
    loop, after = 0, 1
    assert talk.begin() == [Expand(loop, 1)]
    base = 2
    for turn in (1, 2, 3):
        assert talk(Expanded(1.0, loop, 0)) == [opened(loop, base, 1, turn=turn), Start(base)]
        assert talk(Succeeded(1.0, base)) == [Start(base + 1)]
        assert talk(Succeeded(1.0, base + 1)) == [Start(base + 2)]  # the condition
        assert talk(Succeeded(1.0, base + 2)) == [Close(loop, base, (0,)), Expand(loop, turn + 1)]
        base += 3
    assert talk(Expanded(1.0, loop, -1)) == [Start(after)]


def test_a_loop_that_is_tried_again_counts_its_turns_anew():
    talk = Talk(parallel([[while_do(s("a"), yes, name="loop")]], retry=patient(2)), fuse=False)
    block = 0
    assert talk.begin() == [opened(block, 1, 1), Expand(1, 1)]
    talk(Expanded(1.0, 1, 0))
    talk(Succeeded(1.0, 2))
    assert talk(Succeeded(1.0, 3)) == [Close(1, 2, (0,)), Expand(1, 2)]
    assert talk(Expanded(1.0, 1, 0)) == [opened(1, 4, 1, turn=2), Start(4)]
    in_loop_and_block = 0b100
    said = talk(Failed(2.0, 4, 0, in_loop_and_block))
    assert said == [Close(1, 4, None), Close(block, 1, None), Retrying(block, -1, 2, 7.0)]
    assert talk(TimerFired(7.0)) == [opened(block, 6, 2), Expand(6, 1)]
    assert talk(Expanded(7.0, 6, 0)) == [opened(6, 7, 1, turn=1), Start(7)]


def test_a_block_whose_time_is_over_stops_the_turn():
    talk = Talk(parallel([[while_do(s("a"), yes)]], timeout=3.0), fuse=False)
    talk.begin()
    talk(Expanded(1.0, 1, 0))
    assert talk(TimerFired(3.0)) == [Cancel(2)]
    assert talk(Stopped(3.5, 2)) == [Close(1, 2, None), Close(0, 1, None), Expired(0, 1)]
    assert talk(Failed(3.5, 0, 0)) == [Finish("failed")]
    assert talk.faults() == [(0, -1, 1)]


# Maps


def test_a_map_opens_as_many_copies_as_there_are_items():
    talk = Talk(each(), s("c"))
    fan_out, region, after = 0, 1, 2
    assert talk.begin() == [Start(fan_out)]
    assert talk(Succeeded(1.0, fan_out)) == [Expand(region, 1)]
    assert talk(Expanded(1.0, region, 0, 3)) == [opened(region, 3, 1, count=3), Start(3), Start(4), Start(5)]
    assert talk(Succeeded(2.0, 4)) == []
    assert talk(Succeeded(2.0, 3)) == []
    assert talk(Succeeded(2.0, 5)) == [Close(region, 3, (0, 1, 2)), Start(after)]


def test_a_map_of_nothing_has_succeeded():
    talk = Talk(each(), s("c"))
    talk.begin()
    talk(Succeeded(1.0, 0))
    assert talk(Expanded(1.0, 1, 0, 0)) == [Start(2)]


def test_one_item_that_fails_stops_the_others():
    talk = Talk(each(), s("c"))
    talk.begin()
    talk(Succeeded(1.0, 0))
    talk(Expanded(1.0, 1, 0, 3))
    talk(Succeeded(1.0, 3))
    assert talk(Failed(2.0, 4, 0)) == [Cancel(5)]
    assert talk(Stopped(2.0, 5)) == [Close(1, 3, None), Finish("failed")]
    assert talk.faults() == [(4, 0, 1)]


def test_items_wait_for_their_turn():
    talk = Talk(each(max_concurrency=1))
    talk.begin()
    talk(Succeeded(1.0, 0))
    assert talk(Expanded(1.0, 1, 0, 2)) == [opened(1, 2, 1, count=2), Acquire(2), Acquire(3)]
    assert talk(Granted(1.0, 2)) == [Start(2)]
    assert talk(Succeeded(2.0, 2)) == [Release(2)]
    assert talk(Granted(2.0, 3)) == [Start(3)]
    assert talk(Succeeded(3.0, 3)) == [Close(1, 2, (0, 1)), Release(3), Finish("succeeded")]


# Handlers


TAKEN = 0b10
"""The handler of the region around the step takes the error."""


def test_an_error_that_is_taken_opens_the_handler_and_is_recorded():
    talk = Talk(try_catch([s("a"), s("b")], s("h")), s("c"), fuse=False)
    region, after = 0, 1
    assert talk.begin() == [opened(region, 2, 1), Start(2)]
    assert talk(Succeeded(1.0, 2)) == [Start(3)]
    causes = (Fault(3, 0, 1),)
    assert talk(Failed(2.0, 3, 0, catches=TAKEN)) == [
        Close(region, 2, None),
        opened(region, 4, 1, 1, causes=causes),
        Start(4),
    ]
    assert talk(Succeeded(3.0, 4)) == [Close(region, 4, (0,)), Start(after)]
    assert talk(Succeeded(4.0, after)) == [Finish("succeeded")]
    assert talk.recorded() == [(3, 0, 1)]
    assert talk.faults() == []


def test_an_error_that_is_not_taken_goes_on_outwards():
    talk = Talk(try_catch(s("a"), s("h")))
    talk.begin()
    assert talk(Failed(2.0, 1, 0)) == [Close(0, 1, None), Finish("failed")]
    assert talk.faults() == [(1, 0, 1)]
    assert talk.recorded() == []


def test_of_several_errors_those_that_are_not_taken_go_on_and_the_others_are_recorded():
    talk = Talk(try_catch(parallel([s("a"), s("b")], on_error="finish"), s("h")))
    assert talk.begin() == [opened(0, 1, 1), opened(1, 2, 1), Start(2), Start(3)]
    assert talk(Failed(1.0, 2, 0, catches=0b100)) == []
    assert talk(Failed(2.0, 3, 0)) == [Close(1, 2, None), Close(0, 1, None), Finish("failed")]
    assert talk.faults() == [(3, 0, 1)]
    assert talk.recorded() == [(2, 0, 1)]


def test_a_handler_that_fails_is_the_failure():
    talk = Talk(try_catch(s("a"), s("h")))
    talk.begin()
    talk(Failed(1.0, 1, 0, catches=TAKEN))
    assert talk(Failed(2.0, 2, 0, catches=TAKEN)) == [Close(0, 2, None), Finish("failed")]
    assert talk.faults() == [(2, 0, 1)]
    assert talk.recorded() == [(1, 0, 1)]


def test_an_error_of_a_step_that_was_told_to_stop_opens_no_handler():
    talk = Talk(parallel([try_catch(s("a"), s("h")), s("b")]))
    region, b = 0, 1
    assert talk.begin() == [opened(region, 2, 1), Start(2), Start(b)]
    assert talk(Failed(1.0, b, 0)) == [Cancel(2)]
    assert talk(Failed(2.0, 2, 0, catches=TAKEN)) == [Close(region, 2, None), Finish("failed")]
    assert talk.faults() == [(b, 0, 1)]


# Waiting for an answer


def test_a_run_is_paused_when_nothing_else_is_left_and_goes_on_with_the_answer():
    talk = Talk(parallel([s("a"), s("b")]), s("c"))
    assert talk.begin() == [Start(0), Start(1)]
    assert talk(Suspended(1.0, 0)) == []
    assert talk(Quiet(1.0)) == [], "b runs"
    assert talk(Succeeded(2.0, 1)) == []
    assert talk(Quiet(2.0)) == [Finish("paused")]
    assert talk(Resumed(9.0, 0)) == [Start(0)]
    assert talk(Succeeded(9.5, 0)) == [Start(2)]
    assert talk(Succeeded(9.9, 2)) == [Finish("succeeded")]


def test_who_waits_for_an_answer_holds_nothing():
    talk = Talk(parallel([s("a", resources={"gpu": 1}), s("b", resources={"gpu": 1})]))
    assert talk.begin() == [Acquire(0), Acquire(1)]
    assert talk(Granted(0.0, 0)) == [Start(0)]
    assert talk(Suspended(1.0, 0)) == [Release(0)]
    assert talk(Quiet(1.0)) == [], "b is still to be started"
    assert talk(Granted(1.0, 1)) == [Start(1)]
    assert talk(Succeeded(2.0, 1)) == [Release(1)]
    assert talk(Quiet(2.0)) == [Finish("paused")]
    assert talk(Resumed(3.0, 0)) == [Acquire(0)]
    assert talk(Granted(3.0, 0)) == [Start(0)]


def test_no_run_is_paused_while_one_waits_to_be_tried_again():
    talk = Talk(parallel([s("a"), s("b", retry=patient(2))]))
    talk.begin()
    talk(Suspended(1.0, 0))
    assert talk(Failed(1.0, 1, 0, 1)) == [Retrying(1, 0, 2, 6.0)]
    assert talk(Quiet(1.0)) == []
    assert talk(TimerFired(6.0)) == [Start(1, 2)]


def test_a_run_that_goes_on_is_woken_for_the_timers_that_it_has():
    talk = Talk(s("a"), s("b"), fuse=False)
    assert talk(talk_started(deadline=10.0), wakes=True) == [Wake(10.0), Start(0)]
    talk(Suspended(1.0, 0))
    talk(Quiet(1.0))
    assert talk(Resumed(1.0, 0), wakes=True) == [Wake(10.0), Start(0)]
    assert talk(TimerFired(10.0)) == [Cancel(0)]
    assert talk(Stopped(10.0, 0)) == [Finish("deadline")]


def talk_started(**options: Any) -> Any:
    from plait.core.schedule.events import RunStarted

    return RunStarted(0.0, **options)


def test_the_timeout_of_a_step_begins_anew_when_it_is_called_again():
    talk = Talk(s("a", timeout=5.0))
    talk.begin()
    talk(Suspended(4.0, 0))
    assert talk(TimerFired(5.0)) == []
    talk(Quiet(5.0))
    assert talk(Resumed(6.0, 0), wakes=True) == [Wake(11.0), Start(0)]
    assert talk(TimerFired(11.0)) == [Cancel(0, "timeout")]


def test_who_was_told_to_stop_asks_nobody_any_more():
    talk = Talk(parallel([s("a"), s("b")]))
    talk.begin()
    assert talk(Failed(1.0, 1, 0)) == [Cancel(0)]
    assert talk(Suspended(1.0, 0)) == [Finish("failed")]
    assert talk.scheduler.suspended == 0


@pytest.mark.parametrize("how", ["outside", "sibling"])
def test_who_waits_for_an_answer_is_given_up_at_once(how):
    talk = Talk(parallel([s("a"), s("b")]))
    talk.begin()
    talk(Suspended(1.0, 0))
    if how == "outside":
        assert talk(CancelRequested(2.0)) == [Cancel(1)]
        assert talk(Stopped(2.0, 1)) == [Finish("cancelled")]
    else:
        assert talk(Failed(2.0, 1, 0)) == [Finish("failed")]
    assert talk.scheduler.suspended == 0


def test_several_steps_of_a_segment_go_on_where_one_has_asked():
    talk = Talk(act("a"), s("b"), s("c"))
    talk.begin()
    (units,) = {len(unit.steps) for unit in talk.plan.units}
    assert units == 3
    assert talk(Suspended(1.0, 0, 1)) == []
    assert talk(Quiet(1.0)) == [Finish("paused")]
    assert talk(Resumed(1.0, 0)) == [Start(0, 1, 1)]


def test_a_step_that_asks_has_attempts_of_its_own():
    talk = Talk(s("a", retry=patient(2)), s("b", retry=patient(2)))
    talk.begin()
    assert len(talk.plan.units) == 1
    assert talk(Failed(1.0, 0, 0, 1)) == [Retrying(0, 0, 2, 6.0)]
    assert talk(TimerFired(6.0)) == [Start(0, 2, 0)]
    assert talk(Suspended(7.0, 0, 1)) == []
    assert talk(Resumed(8.0, 0)) == [Start(0, 1, 1)]
    assert talk(Failed(9.0, 0, 1, 1)) == [Retrying(0, 1, 2, 14.0)]


def test_a_region_whose_time_is_over_while_it_asks_is_told_with_the_answer():
    talk = Talk(while_do(s("a"), yes, name="loop"), fuse=False)
    (unit,) = talk.plan.units
    assert unit.region is not None
    unit.region.timeout, unit.region.retry, talk.plan.timed = 3.0, patient(2), (3.0,)
    assert talk.begin() == [Expand(0, 1)]
    assert talk(Expanded(1.0, 0, 0)) == [opened(0, 1, 1), Start(1)]
    talk(Succeeded(2.0, 1))
    assert talk(Succeeded(2.0, 2)) == [Close(0, 1, (0,)), Expand(0, 2)]
    assert talk(TimerFired(3.0)) == []
    assert talk(Expanded(3.0, 0, 0)) == [Expired(0, 1)]
    assert talk(Failed(3.0, 0, -1, 1)) == [Retrying(0, -1, 2, 8.0)]
    assert talk(TimerFired(8.0))[-1] == Expand(0, 1)
    assert talk(Expanded(8.0, 0, 0)) == [opened(0, 3, 2, turn=1), Start(3)]
