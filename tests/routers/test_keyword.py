"""Choosing by keywords."""

from __future__ import annotations

import pytest

from plait import DefinitionError
from plait.routers import KeywordRouter

ROUTES = {
    "billing": ["invoice", "refund", "credit card"],
    "technical": ["crash", "error", "refund button"],
    "sales": ["price", "discount"],
}


def test_the_route_with_most_keywords_wins() -> None:
    router = KeywordRouter(ROUTES)
    assert router.explain("The refund button gives an error") == {"billing": 1, "technical": 2, "sales": 0}
    assert router("The refund button gives an error") == "technical"


def test_a_keyword_counts_once_however_often_it_is_said() -> None:
    router = KeywordRouter(ROUTES)
    assert router.explain("invoice invoice invoice, crash, error")["billing"] == 1
    assert router("invoice invoice invoice, crash, error") == "technical"


def test_of_equal_routes_the_first_listed_wins() -> None:
    text = "a discount on this invoice"
    assert KeywordRouter(ROUTES)(text) == "billing"
    assert KeywordRouter(dict(reversed(ROUTES.items())))(text) == "sales"


def test_the_order_of_a_filter_does_not_matter() -> None:
    text = "a discount on this invoice"
    assert KeywordRouter(ROUTES)(text, ["sales", "billing"]) == "billing"


def test_first_asks_for_no_majority() -> None:
    text = "an invoice, an error, a crash"
    assert KeywordRouter(ROUTES, strategy="most")(text) == "technical"
    assert KeywordRouter(ROUTES, strategy="first")(text) == "billing"
    assert KeywordRouter(ROUTES, strategy="first")(text, ["technical", "sales"]) == "technical"
    assert KeywordRouter(ROUTES, "none", strategy="first")("hello") == "none"


def test_capitals_matter_only_if_asked() -> None:
    routes = {"computers": ["IT"]}
    assert KeywordRouter(routes, "other")("it rains") == "computers"
    assert KeywordRouter(routes, "other", case_sensitive=True)("it rains") == "other"
    assert KeywordRouter(routes, "other", case_sensitive=True).explain("ask IT") == {"computers": 1}


def test_parts_of_words_count_only_if_asked() -> None:
    routes = {"technical": ["crash"]}
    assert KeywordRouter(routes, "other")("it crashed") == "other"
    assert KeywordRouter(routes, "other", whole_words=False)("it crashed") == "technical"


def test_one_router_knows_several_scripts() -> None:
    router = KeywordRouter({"billing": ["invoice", "发票", "счёт"], "technical": ["错误"]}, "other")
    assert router("请把发票寄给我") == "billing"
    assert router("Пришлите счёт") == "billing"
    assert router("Счётчик сломан") == "other"


def test_the_same_keyword_in_two_forms_is_one() -> None:
    assert KeywordRouter({"a": ["Café", "cafe\u0301"]}).explain("café") == {"a": 1}


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ("invoice", r"route 'billing' has one string; write \['invoice'\]"),
        ([], "route 'billing' has no keywords"),
        (["invoice", " "], "' ' among its keywords"),
        ([3], "3 among its keywords"),
        (None, "None, which is no list of keywords"),
    ],
)
def test_wrong_keywords_are_refused_with_their_route(keywords, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        KeywordRouter({"sales": ["price"], "billing": keywords})


def test_an_unknown_strategy_is_refused_with_the_nearest() -> None:
    with pytest.raises(DefinitionError, match=r"strategy is 'most' or 'first'; did you mean 'first'\?"):
        KeywordRouter(ROUTES, strategy="frist")
