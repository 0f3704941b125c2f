"""Caches as people write them: what is accepted, what is refused and how, and which calls have the same key."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.components import Client, Ranks, key_of

from plait import (
    Cache,
    Config,
    DefinitionError,
    Fallback,
    MemoryCache,
    Pipeline,
    StepContext,
    current_step,
    if_else,
    log,
    map_reduce,
    step,
    transform,
)
from plait.core.cached import Unkept

# What is accepted, and what is not


async def embed(text: str) -> list[float]:
    return [float(len(text))]


@pytest.mark.parametrize("cache", [True, MemoryCache(), Cache(), Cache(MemoryCache(), ttl=3)])
def test_a_cache_can_be_said_in_several_ways(cache: Any) -> None:
    made = step(embed, ["text"], "vector", cache=cache)
    assert made.cache is not None
    assert made.cache.key({"text": "a"}) == step(embed, ["text"], "other", cache=True).cache.key(
        {"text": "a"}
    )  # type: ignore[union-attr]


@pytest.mark.parametrize("cache", [None, False])
def test_no_cache(cache: Any) -> None:
    assert step(embed, ["text"], "vector", cache=cache).cache is None


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: step(embed, cache="yes"), "cache is 'yes'"),  # type: ignore[call-overload]
        (lambda: step(embed, cache=MemoryCache), r"give an object, MemoryCache\(\.\.\.\)"),  # type: ignore[call-overload]
        (lambda: step(embed, cache={}), "cache is {}"),  # type: ignore[call-overload]
        (lambda: Cache(3), "a store has the methods get, set, delete, clear"),  # type: ignore[arg-type]
        (lambda: Cache(key="text"), "key is a function of the arguments"),  # type: ignore[arg-type]
        (lambda: Cache(version=1.5), "version is a string or a whole number"),  # type: ignore[arg-type]
        (lambda: Cache(version=True), "version is a string or a whole number"),
        (lambda: Cache(ttl=0), "ttl is 0"),
        (lambda: Cache(name=""), "name is a non-empty string"),
        (lambda: MemoryCache(0), "max_entries is 0"),
        (lambda: MemoryCache(None), "max_entries is None"),  # type: ignore[arg-type]
        (lambda: MemoryCache(max_bytes=-1), "max_bytes is -1"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        make()


def test_an_effect_has_no_cache() -> None:
    with pytest.raises(DefinitionError, match="effect=True and a cache"):
        step(embed, ["text"], "vector", effect=True, cache=True)


def test_a_step_that_writes_nothing_is_an_effect_and_is_refused_when_it_is_planned() -> None:
    pipeline = Pipeline([step(embed, ["text"], cache=True, name="send")])
    with pytest.raises(DefinitionError, match="step 'send' writes nothing, so it is an effect"):
        pipeline.plan()
    Pipeline([step(embed, ["text"], effect=False, cache=True)]).plan()


def test_a_step_that_takes_the_context_says_that_it_is_all_the_same() -> None:
    async def ask(text: str, context: StepContext) -> str:
        return f"{context.config['model']} {text}"

    with pytest.raises(DefinitionError, match=r'Config\("name"\)'):
        step(ask, ["text"], "answer", cache=True)
    assert step(ask, ["text"], "answer", cache=Cache(version=1)).cache is not None


def test_what_can_t_be_told_apart_is_refused_where_it_is_written() -> None:
    client = Client()
    with pytest.raises(DefinitionError) as caught:
        step(lambda text: (client, text), ["text"], "x", name="ask", cache=True)
    assert "step 'ask': its cache can't tell whether" in str(caught.value)
    assert "the variable 'client'" in str(caught.value)
    assert 'cache=Cache(version="1")' in str(caught.value)
    with pytest.raises(DefinitionError, match=r"its attribute 'client' is a tests\.\S*Client"):
        step(Ranks(3, client), ["pages"], "best", cache=True)

    def late(text: str, client: Any = client) -> Any:
        return client, text

    with pytest.raises(DefinitionError, match="a default of it is a"):
        step(late, ["text"], "x", cache=True)


def test_a_version_is_the_cure_and_still_counts_the_settings() -> None:
    def key(component: Any, cache: Any = None, **inputs: Any) -> str:
        made = step(component, None, "x", cache=cache or Cache(version="1"))
        assert made.cache is not None
        return made.cache.key(inputs)

    assert key(Ranks(3, Client())) == key(Ranks(3, Client()))
    assert key(Ranks(3, Client())) != key(Ranks(4, Client()))
    assert key(Ranks(3)) != key(Ranks(3), Cache(version="2"))
    assert key(embed) != key(Ranks(3))


def test_with_a_version_a_lambda_needs_a_name() -> None:
    with pytest.raises(DefinitionError, match="a lambda has no name of its own"):
        step(lambda text: text, ["text"], "x", cache=Cache(version=1))
    step(lambda text: text, ["text"], "x", cache=Cache(version=1, name="same"))


# Which call it is


def test_a_key_is_readable_and_tells_calls_apart() -> None:
    keys = [
        key_of(embed, text="a"),
        key_of(embed, text="b"),
        key_of(embed, word="a"),
        key_of(embed, text=["a"]),
    ]
    assert len(set(keys)) == 4
    assert all(key.startswith("embed:") for key in keys)
    assert key_of(embed, a=1, b=2) == key_of(embed, b=2, a=1)
    assert key_of(embed, Cache(name="mine"), text="a").startswith("mine:")
    assert key_of(embed, Cache(name="mine"), text="a")[5:] != key_of(embed, text="a")[6:]


def test_a_key_function_says_what_stands_for_the_arguments() -> None:
    cache = Cache(key=lambda inputs: inputs["text"].lower())
    assert key_of(embed, cache, text="A", client=Client()) == key_of(embed, cache, text="a", client=Client())
    assert key_of(embed, cache, text="b") != key_of(embed, cache, text="a")
    with pytest.raises(KeyError) as caught:
        key_of(embed, cache, word="a")
    assert "in the key function of the cache of 'embed'" in caught.value.__notes__


def test_an_argument_that_can_t_be_digested_is_named_with_its_type() -> None:
    with pytest.raises(Unkept) as caught:
        key_of(embed, text=Client())
    assert (caught.value.argument, caught.value.kind) == ("text", f"{Client.__module__}.Client")


def test_two_conditions_with_other_branches_have_other_keys() -> None:
    from plait import switch

    def language(text: str) -> str:
        return "de"

    def key(cases: dict[str, Any]) -> str:
        made = switch(step(language, ["text"], cache=True), cases)
        assert made.condition.cache is not None
        return made.condition.cache.key({"text": "a"})

    there = step(embed, ["text"], "x")
    assert key({"de": there}) == key({"de": there})
    assert key({"de": there}) != key({"de": there, "en": there})


# Pipelines


def whole(*steps: Any, cache: Any = True, **options: Any) -> str:
    """The key of a run of a pipeline without inputs."""
    pipeline = Pipeline(list(steps), cache=cache, **options)
    assert pipeline._keeps is not None
    return pipeline._keeps.cached.key({})


def test_a_pipeline_is_all_that_can_change_its_result() -> None:
    def other(text: str) -> str:
        return text

    one = step(embed, ["text"], "vector")
    same = step(embed, ["text"], "vector", timeout=3.0, resources={"gpu": 1})
    assert whole(one) == whole(same)
    keys = [
        whole(one),
        whole(step(other, ["text"], "vector")),
        whole(step(embed, {"text": "title"}, "vector")),
        whole(step(embed, ["text"], "v")),
        whole(step(embed, {"text": Config("text")}, "vector")),
        whole(step(embed, {"text": Config("text", "a")}, "vector")),
        whole(step(embed, ["text"], "vector", error_handler=Fallback(lambda error: []))),
        whole(one, name="other"),
        whole(one, step(other, ["text"], "other")),
        whole(if_else(lambda state: True, one, None)),
        whole(if_else(lambda state: False, one, None)),
        whole(map_reduce("vector", embed, input_map=["text"])),
        whole(map_reduce("vector", embed, sum, input_map=["text"])),
        whole(transform(lambda inputs: 1, ["text"], "vector")),
        whole(transform(lambda inputs: 2, ["text"], "vector")),
        whole(one, cache=Cache(name="mine")),
    ]
    assert len(set(keys)) == len(keys)


def test_a_pipeline_knows_the_settings_that_its_steps_read() -> None:
    one = step(embed, {"text": Config("model")}, "vector")
    inner = Pipeline([step(embed, {"text": Config("inner", "x")}, "other")])
    pipeline = Pipeline([one, inner], cache=True)
    assert pipeline._keeps is not None
    assert pipeline._keeps.cached.settings == ("inner", "model")


def test_a_pipeline_with_an_effect_has_no_cache() -> None:
    with pytest.raises(DefinitionError, match="its step 'send' is an effect"):
        Pipeline([step(embed, ["text"], name="send")], cache=True)
    Pipeline([step(embed, ["text"], "vector"), log("done")], cache=True)


def test_a_pipeline_names_the_step_that_can_t_be_told_apart() -> None:
    steps = [step(Ranks(3, Client()), ["pages"], "best")]
    with pytest.raises(DefinitionError, match="its step 'ranks'"):
        Pipeline(steps, cache=True)
    with pytest.raises(DefinitionError, match="needs a name"):
        Pipeline(steps, cache=Cache(version=1))
    assert Pipeline(steps, name="rank", cache=Cache(version=1))._keeps is not None
    inside = [step(Ranks(3, Client()), ["pages"], "best", cache=Cache(version=1))]
    assert Pipeline(inside, cache=True)._keeps is not None


def test_a_pipeline_put_together_further_has_another_key() -> None:
    one = Pipeline([step(embed, ["text"], "vector")], cache=True)
    two = one | step(embed, ["text"], "other")
    assert one._keeps is not None
    assert two._keeps is not None
    assert one._keeps.cached.key({}) != two._keeps.cached.key({})


def test_a_component_that_takes_the_context_makes_a_pipeline_say_so() -> None:
    async def ask(text: str, context: StepContext) -> str:
        return text + str(current_step().config)

    with pytest.raises(DefinitionError, match="its step 'ask' takes the step's context"):
        Pipeline([step(ask, ["text"], "answer")], cache=True)
