"""What holds for every router: its names, its default, the filter of one call, and that it is a component."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys

import pytest

import plait.routers
from plait import DefinitionError, Pipeline, PlaitError, step, switch
from plait.routers import (
    HashingEmbedder,
    KeywordRouter,
    LLMRouter,
    RegexRouter,
    RouteError,
    SimilarityRouter,
)
from plait.routers.base import Router
from plait.testing import run_serial


def names_the_last_word(prompt: str) -> str:
    """Stands for a model: it answers with the last word of the text between the marks."""
    return prompt.split("begins -----\n")[1].split("\n-----", maxsplit=1)[0].rsplit(maxsplit=1)[-1]


async def names_it_later(prompt: str) -> str:
    await asyncio.sleep(0)
    return names_the_last_word(prompt)


async def embeds_later(texts):
    await asyncio.sleep(0)
    return HashingEmbedder()(texts)


def keyword(routes=("billing", "technical"), default="other"):
    return KeywordRouter({route: [route] for route in routes}, default)


def regex(routes=("billing", "technical"), default="other"):
    return RegexRouter({route: rf"\b{route}\b" for route in routes}, default)


def similarity(routes=("billing", "technical"), default="other"):
    return SimilarityRouter({route: [route] for route in routes}, HashingEmbedder(), default, threshold=0.3)


def async_similarity(routes=("billing", "technical"), default="other"):
    return SimilarityRouter({route: [route] for route in routes}, embeds_later, default, threshold=0.3)


def llm(routes=("billing", "technical"), default="other"):
    return LLMRouter(names_the_last_word, dict.fromkeys(routes, "what it is about"), default)


def async_llm(routes=("billing", "technical"), default="other"):
    return LLMRouter(names_it_later, dict.fromkeys(routes, "what it is about"), default)


MAKERS = [keyword, regex, similarity, async_similarity, llm, async_llm]
every_router = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def choice(router: Router, source, route_filter=None):
    return asyncio.run(router.route(source, route_filter))


@every_router
def test_a_route_that_fits_is_chosen(make) -> None:
    assert choice(make(), "a question about billing") == "billing"
    assert choice(make(), "something technical") == "technical"


@every_router
def test_the_default_is_chosen_when_nothing_fits(make) -> None:
    assert choice(make(), "zzz") == "other"


@every_router
def test_a_text_without_a_route_is_an_error_that_names_the_routes(make) -> None:
    with pytest.raises(
        RouteError, match=r"'billing' and 'technical'.*no default; pass default_route="
    ) as caught:
        choice(make(default=None), "zzz")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, PlaitError)


@every_router
def test_the_filter_of_a_call_takes_routes_away(make) -> None:
    router = make()
    assert choice(router, "about billing", ["technical"]) == "other"
    assert choice(router, "about billing", {"billing"}) == "billing"
    assert choice(router, "about billing", ("billing", "other")) == "billing"
    assert choice(router, "about billing") == "billing"
    assert router.valid_routes == ("billing", "technical")


@every_router
def test_a_filter_that_is_used_up_by_reading_it_works(make) -> None:
    assert choice(make(), "about billing", (name for name in ["technical", "billing"])) == "billing"


@every_router
def test_a_filter_that_leaves_nothing_gives_the_default_or_says_so(make) -> None:
    assert choice(make(), "about billing", []) == "other"
    with pytest.raises(RouteError, match="route_filter leaves no route"):
        choice(make(default=None), "about billing", [])


@every_router
def test_a_mistyped_filter_is_told_with_the_nearest_name(make) -> None:
    with pytest.raises(RouteError, match=r"'biling'.*did you mean 'billing'\?.*'billing' and 'technical'"):
        choice(make(), "about billing", ["biling"])


@every_router
def test_a_filter_that_is_one_string_is_not_taken_for_letters(make) -> None:
    with pytest.raises(RouteError, match=r"write \['billing'\]"):
        choice(make(), "about billing", "billing")


@every_router
@pytest.mark.parametrize("source", [None, b"billing", {"text": "billing"}, ["billing"]])
def test_what_is_no_text_is_refused_with_its_type(make, source) -> None:
    with pytest.raises(TypeError, match=f"source is a {type(source).__name__}"):
        choice(make(), source)


@every_router
@pytest.mark.parametrize(
    ("routes", "default", "message"),
    [
        ((), "other", "no routes"),
        (("",), "other", "route '' is no name"),
        ((" ",), "other", "route ' ' is no name"),
        ((3,), "other", "route 3 is no name"),
        (("billing ",), "other", "write 'billing'"),
        (("billing",), "", "default_route '' is no name"),
        (("billing",), 7, "default_route 7 is no name"),
        (("billing",), "Billing", "did you mean 'billing'"),
    ],
)
def test_wrong_names_are_refused_when_the_router_is_made(make, routes, default, message) -> None:
    with pytest.raises(DefinitionError, match=message):
        make(routes, default)


def test_a_name_may_not_be_listed_twice() -> None:
    class Constant(Router):
        def __call__(self, source, route_filter=None):
            return self._settled("a", self._allowed(route_filter))

    assert Constant(["a", "b"], None)("x") == "a"
    with pytest.raises(DefinitionError, match="Constant: the route 'a' is listed twice"):
        Constant(["a", "b", "a"], None)


@every_router
def test_the_default_may_be_one_of_the_routes(make) -> None:
    router = make(default="technical")
    assert router.default_route == "technical"
    assert choice(router, "zzz") == "technical"
    assert choice(router, "zzz", ["billing"]) == "technical"  # a filter does not take the default away


@pytest.mark.parametrize("kind", [KeywordRouter, RegexRouter])
@pytest.mark.parametrize("routes", [["billing"], "billing", None])
def test_routes_that_are_no_mapping_are_refused(kind, routes) -> None:
    with pytest.raises(DefinitionError, match="routes is a mapping"):
        kind(routes)


@every_router
def test_a_router_shows_what_it_is(make) -> None:
    shown = repr(make())
    assert shown.endswith("Router(['billing', 'technical'], default_route='other')")
    assert not shown.startswith("_")


# As components


@every_router
@pytest.mark.parametrize("mode", ["concurrent", "serial"])
def test_a_router_is_a_step(make, mode) -> None:
    pipeline = Pipeline([step(make(), {"source": "query"}, "route")])
    assert pipeline.check() == []
    run = pipeline.run if mode == "concurrent" else lambda inputs: run_serial(pipeline, inputs)
    assert run({"query": "about billing"}).state["route"] == "billing"
    assert run({"query": "zzz"}).state["route"] == "other"


@every_router
@pytest.mark.parametrize("mode", ["concurrent", "serial"])
def test_a_router_decides_which_branch_of_a_switch_runs(make, mode) -> None:
    def says(word: str):
        return step(lambda: word, {}, "answer", name=word)

    branches = {"billing": says("to the accountants"), "technical": [says("to the engineers")]}
    pipeline = Pipeline(
        [switch(make(), branches, output_state="route", default=says("to us"), input_map={"source": "query"})]
    )
    assert pipeline.check() == []
    run = pipeline.run if mode == "concurrent" else lambda inputs: run_serial(pipeline, inputs)
    asked = {"about billing": "to the accountants", "it is technical": "to the engineers", "zzz": "to us"}
    assert {query: run({"query": query}).state["answer"] for query in asked} == asked
    assert run({"query": "about billing"}).state["route"] == "billing"
    assert run({"query": "zzz"}).state["route"] == "other"


@every_router
def test_the_filter_of_a_switch_may_come_from_the_state(make) -> None:
    branches = {
        name: step(lambda word=name: word, {}, "answer", name=f"do_{name}")
        for name in ("billing", "technical", "other")
    }
    pipeline = Pipeline([switch(make(), branches, input_map={"source": "query", "route_filter": "allowed"})])
    assert pipeline.run({"query": "about billing", "allowed": ["technical"]}).state["answer"] == "other"
    assert pipeline.run({"query": "about billing", "allowed": {"billing"}}).state["answer"] == "billing"


@every_router
def test_the_filter_may_come_from_the_state(make) -> None:
    pipeline = Pipeline([step(make(), {"source": "query", "route_filter": "allowed"}, "route")])
    assert pipeline.run({"query": "about billing", "allowed": {"technical"}}).state["route"] == "other"
    assert pipeline.run({"query": "about billing", "allowed": ["billing"]}).state["route"] == "billing"


@pytest.mark.parametrize(
    ("make", "waits"),
    [
        (keyword, False),
        (regex, False),
        (similarity, False),
        (llm, False),
        (async_similarity, True),
        (async_llm, True),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_router_waits_on_the_loop_only_if_what_it_calls_does(make, waits) -> None:
    from plait.core.component import Component

    component = Component(make())
    assert (component.kind == "async") is waits
    assert component.name in {"keyword_router", "regex_router", "similarity_router", "llm_router"}


@every_router
def test_a_router_can_be_sent_to_another_process(make) -> None:
    router = make()
    choice(router, "about billing")
    copy = pickle.loads(pickle.dumps(router))
    assert type(copy) is type(router)
    assert choice(copy, "about billing") == "billing"


def test_an_error_of_a_router_ends_the_run_as_it_is() -> None:
    pipeline = Pipeline([step(keyword(default=None), {"source": "query"}, "route")])
    with pytest.raises(RouteError, match="none of the routes"):
        pipeline.run({"query": "zzz"})


def test_a_function_is_a_router_too() -> None:
    def by_length(text: str) -> str:
        return "long" if len(text) > 10 else "short"

    assert (
        Pipeline([step(by_length, {"text": "query"}, "route")]).run({"query": "?"}).state["route"] == "short"
    )


# The package


def test_all_names_are_there_and_say_what_they_are() -> None:
    for name in plait.routers.__all__:
        assert getattr(plait.routers, name).__doc__


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import plait", ["plait.routers"]),
        ("import plait.routers", ["numpy", "wordllama", "plait.pipeline", "plait.run.drive"]),
    ],
)
def test_importing_loads_no_more_than_it_needs(statement: str, absent: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
