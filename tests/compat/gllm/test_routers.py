"""The routers under their old names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.compat.gllm.running import invoke

from plait.compat.gllm import router
from plait.compat.gllm.exceptions import PipelineValueError
from plait.compat.gllm.router.rule_based_router import (
    RouterRule,
    RouterRuleset,
    RouterSplitRule,
    RuleBasedRouter,
)
from plait.compat.gllm.router.similarity_based_router import SimilarityBasedRouter
from plait.compat.gllm.steps import switch, transform


def by(*rules: RouterRule, match_all: bool = True) -> RuleBasedRouter:
    """A router with one route for these rules."""
    return RuleBasedRouter({"yes": RouterRuleset(rules, match_all)}, "no", {"yes", "no"})


@pytest.mark.parametrize(
    ("rule", "text", "route"),
    [
        (RouterRule(["plus"]), "one plus one", "yes"),
        (RouterRule(["plus"]), "one Plus one", "no"),
        (RouterRule(["plus"], case_sensitive=False), "one Plus one", "yes"),
        (RouterRule(["plus"], allow_substring=False), "one plus one", "no"),
        (RouterRule(["plus"], allow_substring=False), "plus", "yes"),
        (RouterRule(["a+b"], alphanumeric_only=False), "what is a+b", "yes"),
        (RouterRule(["a+b"], alphanumeric_only=False), "what is ab", "no"),
        (RouterRule(["ab"]), "what is a+b", "yes"),
        (
            RouterRule(["b"], False, alphanumeric_only=False, split_rule=[RouterSplitRule(["-", " "])]),
            "a-b c",
            "yes",
        ),
        (
            RouterRule(["b"], False, alphanumeric_only=False, split_rule=[RouterSplitRule(["-"], 0, 1)]),
            "a-b",
            "no",
        ),
        (RouterRule([""]), "text", "no"),
    ],
)
def test_a_rule(rule: RouterRule, text: str, route: str) -> None:
    assert by(rule)(text) == route
    assert asyncio.run(by(rule).route(text)) == route


def test_all_rules_or_one_of_them():
    rules = RouterRule(["a"]), RouterRule(["b"])
    assert (by(*rules)("a"), by(*rules)("a b"), by(*rules, match_all=False)("a"), by()("a")) == (
        "no",
        "yes",
        "yes",
        "no",
    )


def test_routes_that_are_not_valid_are_refused():
    with pytest.raises(
        PipelineValueError, match=r"'yess' is not among the valid routes; did you mean 'yes'\?"
    ):
        RuleBasedRouter({"yess": RouterRuleset([])}, "no", {"yes", "no"})
    with pytest.raises(PipelineValueError, match="'none' is not among the valid routes"):
        RuleBasedRouter({}, "none", {"yes", "no"})


def test_a_filter_takes_routes_away():
    assert by(RouterRule(["a"]))("a", {"no"}) == "no"


def test_examples_that_are_near():
    class Embeds:
        async def invoke(self, texts: list[str]) -> list[list[float]]:
            return [[float("cat" in text), float("dog" in text), 0.1] for text in texts]

    near = SimilarityBasedRouter(Embeds(), {"cats": ["a cat"], "dogs": ["my dog"]}, "other")
    assert near.valid_routes == {"cats", "dogs", "other"}
    branches: dict[str, Any] = {
        name: transform(lambda _, name=name: name, output_state="out", name=name)
        for name in near.valid_routes
    }
    chosen = switch(near, branches, input_map={"source": "text"})
    assert [invoke(chosen, {"text": t})["out"] for t in ("the cat", "the dog", "a bird")] == [
        "cats",
        "dogs",
        "other",
    ]


def test_a_router_that_is_not_taken_over_names_another():
    for name in ("LMBasedRouter", "SemanticRouter", "ClassifierRouter"):
        with pytest.raises(AttributeError, match=rf"{name} is not taken over; use "):
            getattr(router, name)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = router.Nothing  # type: ignore[attr-defined]
