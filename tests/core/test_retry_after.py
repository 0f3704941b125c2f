"""What providers say of the time to wait, in every form."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.core.retry_after import LONGEST, retry_after

NOON = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


class Refused(Exception):
    def __init__(self, headers=None, **attributes) -> None:
        super().__init__("refused")
        if headers is not None:
            self.response = SimpleNamespace(headers=headers)
        self.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "9" * 400}, LONGEST),
        ({"retry-after": "86400"}, LONGEST),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "3 s"}, None),
        ({"retry-after": "2, 5"}, 5.0),
        ({"retry-after": "soon, 5"}, 5.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sun Nov  6 08:49:47 1994"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:27 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT, 20"}, 20.0),
        ({"retry-after": "20, Sun, 06 Nov 1994 08:49:47 GMT"}, 20.0),
        ({"retry-after": "Sun, 06 Nov 2094 08:49:47 GMT"}, LONGEST),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT", "Date": "Sun, 06 Nov 1994 08:49:43 GMT"}, 4.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "junk", "retry-after": "1"}, 1.0),
        ({"retry-after": 5}, None),
        ({}, None),
        ([("retry-after", "5")], None),
    ],
)
def test_a_header_is_read_in_every_form(headers, seconds) -> None:
    assert retry_after(Refused(headers), now=NOON) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (2, 2.0),
        (0.5, 0.5),
        (-1, 0.0),
        (True, None),
        (float("nan"), None),
        (10**400, LONGEST),
        ("3", 3.0),
        (None, None),
    ],
)
def test_an_error_may_say_it_itself(said, seconds) -> None:
    assert retry_after(Refused(retry_after=said)) == seconds


def test_what_the_error_says_goes_before_its_response() -> None:
    assert retry_after(Refused({"retry-after": "7"}, retry_after=1)) == 1.0
    assert retry_after(Refused({"retry-after": "7"}, retry_after=None)) == 7.0


def test_a_date_without_any_clock_says_nothing() -> None:
    assert retry_after(Refused({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"})) is None


def test_of_a_group_the_longest_counts() -> None:
    group = ExceptionGroup("two", [Refused({"retry-after": "2"}), ValueError(), Refused(retry_after=3)])
    assert retry_after(group) == 3.0
    assert retry_after(ExceptionGroup("one", [ValueError()])) is None


def test_an_attribute_that_raises_says_nothing() -> None:
    class Broken(Exception):
        @property
        def retry_after(self) -> float:
            raise RuntimeError

    assert retry_after(Broken()) is None


@given(
    st.text(max_size=60)
    | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ GMT", fullmatch=True)
)
def test_whatever_stands_there_the_answer_is_none_or_a_bearable_wait(text) -> None:
    found = retry_after(Refused({"retry-after": text, "retry-after-ms": text, "date": text}), now=NOON)
    assert found is None or 0.0 <= found <= LONGEST
