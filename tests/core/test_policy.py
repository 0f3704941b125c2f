"""Retry: how long it waits, and for which errors."""

from __future__ import annotations

import math
import random

import pytest

from plait import DefinitionError, Retry


def test_the_wait_grows_by_its_factor_up_to_its_maximum():
    retry = Retry(9, backoff=0.5, factor=3, max_backoff=10, jitter=0)
    assert [retry.delay(n, 0.9) for n in (1, 2, 3, 4, 5)] == [0.5, 1.5, 4.5, 10, 10]


@pytest.mark.parametrize("jitter", [0.0, 0.3, 0.5, 1.0])
def test_jitter_takes_at_most_its_share_away(jitter):
    retry = Retry(5, backoff=2, factor=1, jitter=jitter)
    drawn = random.Random(4)
    waits = [retry.delay(1, drawn.random()) for _ in range(2000)]
    assert all(2 * (1 - jitter) <= wait <= 2 for wait in waits)
    assert max(waits) - min(waits) >= 2 * jitter * 0.95


def test_no_backoff_is_no_wait():
    assert Retry(3, backoff=0).delay(2, 0.5) == 0


@pytest.mark.parametrize("failed", [100, 10_000, 10**9])
def test_it_never_overflows(failed):
    assert Retry(10**9 + 1, backoff=1, factor=1e10, max_backoff=7, jitter=0).delay(failed, 0) == 7
    assert Retry(10**9 + 1, backoff=0, factor=1e10).delay(failed, 0) == 0


@pytest.mark.parametrize(
    ("on", "error", "again"),
    [
        (Exception, ValueError(), True),
        (Exception, KeyboardInterrupt(), False),
        (OSError, ConnectionError(), True),
        (OSError, ValueError(), False),
        ((OSError, KeyError), KeyError(), True),
        ((OSError, KeyError), ValueError(), False),
        (lambda error: isinstance(error, OSError), OSError(), True),
        (lambda error: isinstance(error, OSError), KeyError(), False),
        (lambda error: None, KeyError(), False),
        (lambda error: 2, KeyError(), 2.0),
        (lambda error: 0.0, KeyError(), 0.0),
    ],
)
def test_which_errors_match(on, error, again):
    answer = Retry(on=on).matches(error)
    assert answer == again
    assert isinstance(answer, float if isinstance(again, float) else bool)


@pytest.mark.parametrize(
    ("errors", "again"),
    [
        ([OSError(), ConnectionError()], True),
        ([OSError(), ValueError()], False),
        ([OSError(), ExceptionGroup("inner", [OSError(), OSError()])], True),
        ([OSError(), ExceptionGroup("inner", [OSError(), ValueError()])], False),
    ],
)
def test_a_class_looks_into_a_group_and_wants_all_of_it(errors, again):
    group = ExceptionGroup("several", errors)
    assert Retry(on=OSError).matches(group) is again
    assert Retry(on=(OSError, ValueError)).matches(group) is True


def test_a_function_gets_the_group_itself():
    group = ExceptionGroup("several", [OSError()])
    seen = []
    Retry(on=seen.append).matches(group)
    assert seen == [group]


@pytest.mark.parametrize("answer", ["soon", math.nan, math.inf, [], object()])
def test_an_answer_that_is_no_answer_is_an_error(answer):
    with pytest.raises(ValueError, match="instead of True, False or the seconds to wait"):
        Retry(on=lambda error: answer).matches(KeyError())


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 1.5},
        {"backoff": -1},
        {"backoff": math.nan},
        {"backoff": "1"},
        {"factor": 0.5},
        {"max_backoff": -1},
        {"jitter": 1.1},
        {"jitter": True},
        {"on": ()},
        {"on": 3},
        {"on": int},
        {"on": (OSError, 3)},
    ],
)
def test_a_wrong_argument_is_refused_where_it_is_written(options):
    with pytest.raises(DefinitionError, match="Retry"):
        Retry(**options)
