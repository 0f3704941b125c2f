"""Where a word begins and ends, in texts of many scripts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plait.routers.text import normalised, occurrences


def found(word: str, text: str, *, whole: bool = True) -> bool:
    return any(True for _ in occurrences(normalised(word), normalised(text), whole=whole))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("bill", "Bill!"),
        ("bill", "the bill's due"),
        ("bill", "an e-bill, please"),
        ("credit card", "my credit \n  card is gone"),
        ("straße", "IN DER STRASSE"),
        ("café", "le cafe\u0301 du coin"),  # the accent is a character of its own
        ("café", "LE CAFÉ"),
        ("счёт", "Где мой СЧЁТ?"),
        ("φόρος", "ΦΌΡΟΣ"),  # the last sigma has another form
        ("ταΐζω", "ταΐζω".upper()),  # capitals for which there is no single character
        ("pc", "ＰＣ"),  # noqa: RUF001  (letters of full width)
        ("c++", "is it c++11?"),
        (".net", "in asp.net"),
        ("हिन्दी", "मैं हिन्दी बोलता हूँ"),
        ("发票", "我要一张发票谢谢"),
        ("請求書", "先月の請求書を送って"),
        ("カード", "クレジットカードが使えない"),
        ("청구서", "청구서를 보내 주세요"),
        ("ใบเสร็จ", "ขอใบเสร็จด้วย"),
        ("ai", "使用AI技術"),  # Latin letters within a script without spaces
        ("发票", "invoice发票invoice"),
    ],
)
def test_a_word_is_found(word: str, text: str) -> None:
    assert found(word, text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("bill", "billboard"),
        ("bill", "waybill"),
        ("bill", "bill_2"),
        ("bill", "bill2"),
        ("счёт", "счётчик"),
        ("cafe", "café"),
        ("q", "q\u0307"),  # a letter with a dot for which there is no single character
        ("हिन", "हिन्दी"),  # a vowel sign follows, which `\b` takes for an end
        ("ที", "ที่นี่"),  # a tone mark follows: another syllable
        ("c++", "c+"),
    ],
)
def test_a_part_of_a_longer_word_is_not(word: str, text: str) -> None:
    assert not found(word, text)


def test_without_whole_words_parts_count() -> None:
    assert found("bill", "billboard", whole=False)


def test_a_later_place_counts_when_the_first_is_a_part_of_a_word() -> None:
    assert list(occurrences("bill", "billboard bill waybill bill")) == [10, 23]


def test_places_may_overlap() -> None:
    assert list(occurrences("a-a", "a-a-a")) == [0, 2]


def test_case_can_be_kept() -> None:
    assert normalised(" IT  it ", case_sensitive=True) == "IT it"


@given(st.text(), st.text(min_size=1))
def test_whole_words_are_a_choice_of_all_places(text: str, word: str) -> None:
    text, word = normalised(text), normalised(word)
    if word:
        places = list(occurrences(word, text, whole=False))
        assert all(text.startswith(word, at) for at in places)
        assert set(occurrences(word, text)) <= set(places)


@given(st.text(alphabet="ab_ 1-", max_size=30), st.text(alphabet="ab_1", min_size=1, max_size=3))
def test_in_plain_latin_it_is_what_regular_expressions_say(text: str, word: str) -> None:
    text = normalised(text)
    expected = [match.start() for match in re.finditer(rf"(?=\b{re.escape(word)}\b)", text)]
    assert list(occurrences(word, text)) == expected
