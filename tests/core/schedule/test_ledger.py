"""The ledger: pure, all or nothing, the highest rank first, nothing lost and nothing made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plait.core.schedule.ledger import Ledger


def ledger(**amounts: int) -> Ledger[str]:
    made: Ledger[str] = Ledger()
    for name, amount in amounts.items():
        made.declare(name, amount)
    return made


def need(**amounts: int):
    return tuple(sorted(amounts.items()))


def test_all_of_it_or_nothing():
    books = ledger(a=2, b=1)
    assert books.request("first", need(a=1, b=1))
    assert not books.request("second", need(a=1, b=1))
    assert books.free == {"a": 1, "b": 0}  # what it could have is not taken
    assert books.release("first") == ["second"]
    assert books.free == {"a": 1, "b": 0}


def test_the_highest_rank_is_next_and_equals_keep_their_order():
    books = ledger(a=1)
    books.request("holder", need(a=1))
    for ticket, rank in [("low", 1.0), ("high", 9.0), ("middle", 5.0), ("middle too", 5.0)]:
        assert not books.request(ticket, need(a=1), rank)
    assert books.waiting() == ["low", "high", "middle", "middle too"]
    order = []
    holder = "holder"
    while books.waiting():
        [holder] = books.release(holder)
        order.append(holder)
    assert order == ["high", "middle", "middle too", "low"]


def test_one_release_may_grant_several_of_several_kinds():
    books = ledger(a=3, b=1)
    books.request("holder", need(a=3))
    books.request("two", need(a=2), 1.0)
    books.request("one and b", need(a=1, b=1), 5.0)
    books.request("one", need(a=1), 3.0)
    assert books.release("holder") == ["one and b", "one"]
    assert books.release("one and b") == ["two"]
    assert books.free == {"a": 0, "b": 1}


def test_a_kind_that_does_not_fit_holds_up_no_other():
    books = ledger(a=2, b=1)
    books.request("b's holder", need(b=1))
    books.request("a's holder", need(a=2))
    books.request("wants both", need(a=1, b=1), 9.0)
    books.request("wants a", need(a=1), 1.0)
    assert books.release("a's holder") == ["wants a"]


def test_who_withdraws_is_skipped():
    books = ledger(a=1)
    books.request("holder", need(a=1))
    books.request("gone", need(a=1), 9.0)
    books.request("next", need(a=1), 1.0)
    books.withdraw("gone")
    books.withdraw("was never there")
    assert books.release("holder") == ["next"]
    assert books.release("next") == []
    assert books.free == books.capacity


def test_an_amount_in_use_is_kept_when_the_capacity_changes():
    books = ledger(a=2)
    books.request("holder", need(a=2))
    books.declare("a", 5)
    assert books.free == {"a": 3}
    books.declare("a", 1)
    assert not books.request("next", need(a=1))
    assert books.release("holder") == ["next"]


def test_forgotten_names_are_gone():
    books = ledger(a=1, b=2)
    books.forget(["a", "never declared"])
    assert books.capacity == {"b": 2}


class AnyOrder(RuleBasedStateMachine):
    """Whatever is asked, withdrawn and released in whatever order."""

    def __init__(self):
        super().__init__()
        self.capacity = {"a": 3, "b": 2, "c": 1}
        self.books = ledger(**self.capacity)
        self.needs, self.ranks, self.held, self.waiting, self.number = {}, {}, set(), [], 0

    @rule(
        amounts=st.fixed_dictionaries(
            {}, optional={"a": st.integers(1, 3), "b": st.integers(1, 2), "c": st.just(1)}
        ),
        rank=st.integers(0, 3),
    )
    def request(self, amounts, rank):
        self.number += 1
        ticket = f"t{self.number}"
        self.needs[ticket], self.ranks[ticket] = need(**amounts), rank
        if self.books.request(ticket, self.needs[ticket], rank):
            self.held.add(ticket)
        else:
            self.waiting.append(ticket)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data):
        ticket = data.draw(st.sampled_from(sorted(self.held)))
        self.held.remove(ticket)
        granted = self.books.release(ticket)
        assert [self.ranks[t] for t in granted] == sorted((self.ranks[t] for t in granted), reverse=True)
        for other in granted:
            self.waiting.remove(other)
            self.held.add(other)
            better = [
                t
                for t in self.waiting
                if self.needs[t] == self.needs[other] and self.ranks[t] > self.ranks[other]
            ]
            assert not better, "a higher rank of the same kind was passed over"

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data):
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self.books.withdraw(ticket)

    @invariant()
    def nothing_is_lost_or_made(self):
        for name, capacity in self.capacity.items():
            used = sum(dict(self.needs[t]).get(name, 0) for t in self.held)
            assert self.books.free[name] == capacity - used >= 0

    @invariant()
    def nobody_waits_for_what_is_free(self):
        assert self.books.waiting() == self.waiting
        assert not [t for t in self.waiting if self.books.fits(self.needs[t])]


TestAnyOrder = AnyOrder.TestCase


@given(st.permutations(["a", "b", "c"]))
def test_a_need_is_one_kind_whatever_its_order_as_long_as_it_is_sorted_once(names):
    books = ledger(a=1, b=1, c=1)
    assert books.request("t", tuple((name, 1) for name in names))
    with pytest.raises(KeyError):
        books.request("u", (("unknown", 1),))
