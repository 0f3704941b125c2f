"""Choosing by patterns."""

from __future__ import annotations

import re

import pytest

from plait import DefinitionError
from plait.routers import RegexRouter

ROUTES = {"order": [r"\bA-\d{6}\b", r"\border\b"], "phone": r"\+\d[\d ]{6,}", "anything polite": "please"}


def test_a_pattern_is_searched_anywhere() -> None:
    router = RegexRouter(ROUTES, "other")
    assert router("where is A-123456?") == "order"
    assert router("call +49 30 123456") == "phone"
    assert router("hello") == "other"


def test_the_first_listed_route_wins_unless_the_most_patterns_shall() -> None:
    text = "please send order A-123456 and call +49 30 123456"
    assert RegexRouter(ROUTES)(text) == "order"
    assert RegexRouter(dict(reversed(ROUTES.items())))(text) == "anything polite"
    assert RegexRouter(dict(reversed(ROUTES.items())), strategy="most")(text) == "order"
    assert RegexRouter(ROUTES).explain(text) == {"order": 2, "phone": 1, "anything polite": 1}


def test_a_filter_takes_a_route_that_would_have_won() -> None:
    assert (
        RegexRouter(ROUTES, "other")("please send order A-123456", ["anything polite"]) == "anything polite"
    )


def test_capitals_matter_only_if_asked() -> None:
    assert RegexRouter({"a": "order"}, "other")("ORDER") == "a"
    assert RegexRouter({"a": "order"}, "other", case_sensitive=True)("ORDER") == "other"


def test_a_compiled_pattern_keeps_its_flags() -> None:
    assert RegexRouter({"a": re.compile("order")}, "other")("ORDER") == "other"
    assert RegexRouter({"a": [re.compile("^b", re.MULTILINE)]}, "other")("a\nb") == "a"


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ("(", r"route 'b' has the pattern '\(': missing \), unterminated subpattern"),
        (["x", "[z-a]"], r"route 'b' has the pattern '\[z-a\]': bad character range"),
        ("", "'' among its patterns"),
        ([], "route 'b' has no patterns"),
        ([3], "3 among its patterns"),
        (b"x", "no pattern and no list"),
        ([re.compile(b"x")], "among its patterns"),
        (None, "no pattern and no list"),
    ],
)
def test_a_wrong_pattern_is_refused_with_its_route(patterns, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        RegexRouter({"a": "x", "b": patterns})


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(DefinitionError, match="strategy is 'most' or 'first'"):
        RegexRouter(ROUTES, strategy=1)
