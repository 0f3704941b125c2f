"""Rates: no minute over the limit, all of the limit usable, and tokens corrected where they were used."""

from __future__ import annotations

import heapq
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.core.schedule.ledger import Ledger
from plait.core.schedule.rates import Meter, Steady, Window


def most_in_a_minute(uses: list[tuple[float, int]], span: float = 60.0) -> int:
    """The largest sum in any stretch of a minute, counted anew for each use."""
    return max((sum(n for at, n in uses if at <= end < at + span) for end, _ in uses), default=0)


# The window


def test_it_fits_until_the_limit_and_again_when_the_oldest_is_a_minute_old():
    window = Window(3)
    for now in (0.0, 10.0, 20.0):
        assert window.earliest(1, now) == now
        window.enter(1, now)
    assert window.earliest(1, 30.0) == 60.0
    assert window.earliest(2, 30.0) == 70.0
    assert window.earliest(3, 30.0) == 80.0
    assert window.earliest(4, 30.0) == float("inf")
    assert window.earliest(1, 59.999) == 60.0
    assert window.earliest(1, 60.0) == 60.0
    assert window.used == 2


def test_a_debit_counts_from_the_time_of_its_entry_and_may_overfill():
    window = Window(10)
    first = window.enter(2, 0.0)
    window.enter(2, 30.0)
    window.correct(first, 25)
    assert window.used == 27
    assert window.earliest(1, 31.0) == 60.0
    assert window.earliest(9, 31.0) == 90.0
    assert window.earliest(8, 60.0) == 60.0


def test_a_refund_makes_room_at_once_and_what_has_passed_can_not_be_corrected():
    window = Window(10)
    entry = window.enter(10, 0.0)
    window.correct(entry, 4)
    assert window.earliest(6, 1.0) == 1.0
    assert window.earliest(10, 60.0) == 60.0
    window.correct(entry, 1000)
    assert window.used == 0


@given(
    limit=st.integers(1, 12),
    asked=st.lists(st.tuples(st.floats(0, 50, allow_nan=False), st.integers(1, 12)), max_size=60),
)
def test_no_minute_is_over_the_limit_and_none_waits_longer_than_it_must(limit, asked):
    window, uses, now = Window(limit), [], 0.0
    for wait, amount in asked:
        now += wait
        at = window.earliest(amount, now)
        if amount > limit:
            assert at == float("inf")
            continue
        if at > now:  # one moment earlier it would have been too much
            before = [use for use in uses if use[0] + 60.0 > now]
            oldest = min(t for t, _ in before)
            assert at >= oldest + 60.0
            kept = sum(n for t, n in uses if t + 60.0 >= at)
            assert kept + amount > limit
        now = at
        window.enter(amount, now)
        uses.append((now, amount))
    assert most_in_a_minute(uses) <= limit


@given(
    limit=st.integers(1, 30),
    steps=st.lists(
        st.tuples(st.sampled_from(["ask", "correct", "wait"]), st.integers(0, 40)), min_size=1, max_size=80
    ),
)
def test_the_sum_is_that_of_the_last_minute_whatever_is_corrected(limit, steps):
    window, entries, now = Window(limit), [], 0.0
    for what, number in steps:
        if what == "wait":
            now += number
        elif what == "correct" and entries:
            window.correct(entries[number % len(entries)], number)
        elif what == "ask" and window.earliest(1 + number % limit, now) <= now:
            entries.append(window.enter(1 + number % limit, now))
        window.earliest(1, now)
        assert window.used == sum(e.amount for e in entries if now - 60 < e.at)


# The clock


def test_a_step_back_and_another_clock_count_as_no_time_passed():
    steady, one, other = Steady(), object(), object()
    told = [
        steady.read(now, source)
        for now, source in [
            (1000.0, one),
            (1001.0, one),
            (3.0, one),
            (4.0, one),
            (9e9, other),
            (9e9 + 1, other),
            (5.0, one),
            (5.5, one),
        ]
    ]
    assert told == [0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.5]


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 2))))
def test_it_never_goes_back(readings):
    steady, last = Steady(), 0.0
    for now, source in readings:
        assert steady.read(now, source) >= last
        last = steady.now


# Tokens


def test_tokens_are_estimated_by_the_mean_of_the_last_uses():
    meter = Meter(None, 1000)
    assert meter.estimate == 1
    for tokens in (100, 201):
        spent = meter.spend(1000, 0.0)
        meter.charge(spent, tokens - 1)
        meter.charge(spent, 1)
        assert meter.tokens.used == (100 if tokens == 100 else 301), "more than estimated counts at once"
        meter.settle(spent)
    assert meter.estimate == 151
    assert meter.tokens.used == 301
    for _ in range(20):
        spent = meter.spend(1000, 0.0)
        meter.charge(spent, 7)
        meter.settle(spent)
    assert meter.estimate == 7, "old uses are forgotten"


def test_less_than_estimated_is_refunded_when_the_attempt_has_ended():
    meter = Meter(None, 1000)
    for tokens, before in ((100, 100), (30, 200)):
        spent = meter.spend(1000, 0.0)
        meter.charge(spent, tokens)
        assert meter.tokens.used == before
        meter.settle(spent)
    assert meter.tokens.used == 130


def test_who_charges_nothing_keeps_the_estimate_and_teaches_nothing():
    meter = Meter(None, 1000)
    spent = meter.spend(1000, 0.0)
    meter.settle(spent)
    assert (meter.tokens.used, meter.estimate) == (1, 1)
    spent = meter.spend(1000, 0.0)
    meter.charge(spent, 0)
    meter.settle(spent)
    assert (meter.tokens.used, meter.estimate) == (1, 1)


def test_an_estimate_is_never_more_than_could_be_granted():
    meter = Meter(None, 100)
    spent = meter.spend(1000, 0.0)
    meter.charge(spent, 5000)
    meter.settle(spent)
    assert meter.estimate == 100
    assert meter.earliest(1000, 1.0) == 60.0


def test_what_is_charged_late_counts_and_what_never_began_does_not():
    meter = Meter(2000, 100)
    spent = meter.spend(1000, 0.0)
    meter.charge(spent, 30)
    meter.settle(spent)
    meter.charge(spent, 5)
    assert meter.tokens.used == 35
    meter.undo(meter.spend(1000, 0.0))
    assert (meter.tokens.used, meter.requests.used) == (35, 1000)


def test_requests_and_tokens_must_both_fit():
    meter = Meter(2000, 10)
    spent = meter.spend(1000, 0.0)
    meter.charge(spent, 10)
    assert meter.earliest(1000, 1.0) == 60.0
    meter.tokens.correct(spent.tokens, 9)
    assert meter.earliest(1000, 1.0) == 1.0
    meter.spend(1000, 1.0)
    assert meter.earliest(1000, 2.0) == 60.0
    assert Meter(1000, None).earliest(1000, 3.0) == 3.0


# The ledger


def books(**rates: tuple[int | None, int | None]) -> Ledger[str]:
    made: Ledger[str] = Ledger()
    made.declare("slot", 1)
    made.meters.update({name: Meter(*rate) for name, rate in rates.items()})
    return made


def test_concurrency_and_rates_are_one_decision_and_nothing_is_held_while_waiting():
    ledger = books(api=(1000, None))
    slot, one = (("slot", 1),), (("api", 1000),)
    assert ledger.request_rated("first", slot, one, 0.0) == (True, [])
    assert ledger.request_rated("second", slot, one, 1.0) == (False, [])
    assert ledger.next_at == float("inf"), "the slot keeps it, which time does not give back"
    assert ledger.release("first", 2.0) == []
    assert ledger.next_at == 60.0
    assert ledger.free == {"slot": 1}
    assert ledger.request("other", slot), "the slot is not held by who waits for the rate"
    assert ledger.look(60.0) == []
    assert ledger.release("other", 61.0) == ["second"]
    assert ledger.rated == 0


def test_who_waits_for_a_rate_holds_up_nobody_else_and_is_not_overtaken_on_it():
    ledger = books(api=(2000, None), web=(1000, None))
    for name in ("a", "b"):
        assert ledger.request_rated(name, (), (("api", 1000),), 0.0)[0]
    ledger.request_rated("much", (), (("api", 2000),), 10.0)
    assert ledger.next_at == 60.0
    assert ledger.request_rated("web", (), (("web", 1000),), 11.0)[0]
    assert ledger.request("plain", (("slot", 1),))
    ledger.release("a", 12.0)
    ledger.release("b", 12.0)
    assert not ledger.request_rated("little", (), (("api", 1000),), 13.0)[0]
    assert ledger.look(59.9) == []
    assert ledger.look(60.0) == ["much"]
    assert ledger.next_at == 120.0


def test_who_leaves_lets_those_behind_it_through():
    ledger = books(api=(2000, None))
    assert ledger.request_rated("one", (), (("api", 1000),), 0.0)[0]
    ledger.request_rated("much", (), (("api", 2000),), 0.0)
    ledger.request_rated("little", (), (("api", 1000),), 0.0)
    assert ledger.withdraw("much", 1.0) == ["little"]
    assert (ledger.rated, ledger.waiting()) == (0, [])


def test_what_was_granted_and_never_used_is_given_back_to_the_rate():
    ledger = books(api=(1000, None))
    assert ledger.request_rated("gone", (), (("api", 1000),), 0.0)[0]
    assert not ledger.request_rated("next", (), (("api", 1000),), 0.0)[0]
    assert ledger.release("gone", 1.0, unused=True) == ["next"]


def test_a_newcomer_goes_behind_those_for_whom_it_is_time():
    ledger = books(api=(1000, None))
    assert ledger.request_rated("first", (), (("api", 1000),), 0.0)[0]
    assert not ledger.request_rated("waits", (), (("api", 1000),), 1.0)[0]
    assert ledger.request_rated("new", (), (("api", 1000),), 60.0) == (False, ["waits"])
    assert ledger.request_rated("urgent", (), (("api", 1000),), 120.0, 9.0) == (True, [])
    assert ledger.look(180.0) == ["new"]


@pytest.mark.parametrize("seed", range(3))
def test_fifty_callers_for_ten_thousand_seconds_and_a_clock_that_steps(seed):
    """Requests and tokens at once: no window over the limit, and the limit used to the last request."""
    draw = random.Random(seed)
    rpm, tpm, end = 60, 30_000, 10_000.0
    ledger: Ledger[int] = Ledger()
    ledger.declare("slots", 40)
    ledger.meters["api"] = Meter(rpm * 1000, tpm)
    steady, true, wall = Steady(), 0.0, 50_000.0
    agenda: list[tuple[float, int, str]] = [(draw.random(), caller, "ask") for caller in range(50)]
    heapq.heapify(agenda)
    number, waiting, uses, armed = 50, set(), [], float("inf")

    def granted(tickets: list[int], now: float) -> None:
        for ticket in tickets:
            waiting.discard(ticket)
            uses.append((true, now))
            heapq.heappush(agenda, (true + draw.uniform(0.1, 20), ticket, "end"))

    while agenda and true < end:
        at, ticket, what = heapq.heappop(agenda)
        wall += at - true
        true = at
        if draw.random() < 0.02:
            wall -= draw.uniform(0, 3000)  # the clock is put back
        now = steady.read(wall)
        if what == "ask":
            here, others = ledger.request_rated(ticket, (("slots", 1),), (("api", 1000),), now)
            granted(others, now)
            if here:
                granted([ticket], now)
            else:
                waiting.add(ticket)
        elif what == "end":
            if draw.random() < 0.9:
                spent = ledger.spent[ticket]["api"]
                spent.meter.charge(spent, draw.randrange(100, 500))
            granted(ledger.release(ticket, now), now)
            number += 1
            heapq.heappush(agenda, (true + draw.random(), number, "ask"))
        else:
            granted(ledger.look(now), now)
        if waiting and (ledger.next_at < armed or what == "look"):
            armed = ledger.next_at
            if armed < float("inf"):
                heapq.heappush(agenda, (true + max(1e-6, armed - now), -1, "look"))
    # What the steady clock calls a minute is never shorter than a true one (but for rounding).
    for times, minute in ((sorted(t for t, _ in uses), 59.999999), (sorted(n for _, n in uses), 60.0)):
        ends = zip(times, times[rpm:], strict=False)
        assert all(first + minute <= beyond for first, beyond in ends), "more than the limit in a minute"
    assert len(uses) >= 0.99 * rpm * (steady.now // 60)
