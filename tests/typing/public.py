"""What mypy and pyright must know about programs that use Plait. Checked by both, never executed.

`assert_type` lines hold what is inferred. Lines that end with a `type: ignore` are mistakes that both checkers must
refuse: an ignore that is not needed is an error of its own.
"""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict, assert_type

from pydantic import BaseModel

from plait import Config, Optional, Pipeline, Result, Retry, Step, Val, dataflow, parallel, step
from plait.events import Event


class Request(TypedDict):
    text: str


class Analysis(TypedDict, total=False):
    text: str
    mood: float
    topics: list[str]
    notes: Annotated[list[str], operator.add]


@dataclass
class Report:
    text: str
    mood: float = 0.0


class Model(BaseModel):
    text: str
    mood: float = 0.0


# A decorated function stays a function


@step(output_state="mood")
def sentiment(text: str) -> float:
    return float(len(text))


@step(output_state="topics", retry=Retry(attempts=5))
async def find_topics(text: str, *, most: int = 3) -> list[str]:
    return text.split()[:most]


@step
def shout(text: str) -> str:
    return text.upper()


assert_type(sentiment("x"), float)
assert_type(shout("x"), str)


async def call_it() -> None:
    assert_type(await find_topics("x", most=2), list[str])
    await find_topics("x", 3)  # type: ignore[call-arg]


sentiment(1)  # type: ignore[arg-type]


# A step made of a component is called like the component


def plain(text: str, times: int) -> str:
    return text * times


assert_type(step(plain, {"text": "text", "times": Val(2)}, "copies")("x", 2), str)
step(plain, ["text", "times"], "copies")("x")  # type: ignore[call-arg]


class Classifier:
    def __call__(self, text: str) -> dict[str, float]:
        return {text: 1.0}


class Remote:
    async def ainvoke(self, given: Mapping[str, Any]) -> str:
        return str(given)


assert_type(step(Classifier(), ["text"], "classes")("x"), dict[str, float])
assert_type(step(Remote(), {"text": "text"}, "answer"), Step[..., Any])


# Pipelines know their state

untyped = Pipeline([step(plain, {"text": "text", "times": Config("times")}, "copies")])
assert_type(untyped, Pipeline[dict[str, Any], Mapping[str, Any]])
assert_type(untyped.run({"text": "x"}), Result[dict[str, Any]])
assert_type(untyped.run({"text": "x"}).state, dict[str, Any])

typed = Pipeline([parallel([sentiment, find_topics])], state_type=Analysis, input_type=Request)
assert_type(typed.run({"text": "x"}), Result[Analysis])
assert_type(typed.run({"text": "x"}).state, Analysis)
typed.run({"txt": "x"})  # type: ignore[typeddict-item]
typed.run({"text": 1})  # type: ignore[typeddict-item]

by_class = Pipeline([dataflow([sentiment])], state_type=Report, order="dataflow")
assert_type(by_class.run({"text": "x"}).state, Report)

by_model = Pipeline([sentiment], state_type=Model, name="model")
assert_type(by_model.run({"text": "x"}).state.mood, float)

optional = Pipeline([step(plain, {"text": "text", "times": Optional("times", 2)}, "copies")], name="copies")
assert_type(optional, Pipeline[dict[str, Any], Mapping[str, Any]])


# Flows are joined with `|`

Pipeline(sentiment | find_topics, state_type=Analysis)
Pipeline(parallel({"mood": sentiment, "topics": find_topics}) | shout | typed)


# Misspelt choices are refused

Pipeline([sentiment], order="dataflows")  # type: ignore[call-overload]
parallel([sentiment], on_error="ignore")  # type: ignore[arg-type]
step(plain, executor="threads")  # type: ignore[call-overload]
typed.run({"text": "x"}, mode="slow")  # type: ignore[arg-type]
Pipeline([sentiment], "name")  # type: ignore[call-overload]


# All the ways to run


async def ways() -> None:
    assert_type(await typed.arun({"text": "x"}), Result[Analysis])
    assert_type(await typed.invoke({"text": "x"}), dict[str, Any])
    async with typed.astream({"text": "x"}) as events:
        async for event in events:
            assert_type(event, Event)
    async with typed.astream({"text": "x"}, mode="tokens", capacity=5) as tokens:
        async for token in tokens:
            assert_type(token, str)
        assert_type(tokens.result, Result[Analysis] | None)
    async with typed.astream({"text": "x"}, mode=["values", "tokens"]) as several:
        async for _ in several:
            pass
    typed.astream({"text": "x"}, mode="token")  # type: ignore[call-overload]
    typed.astream({"text": "x"}, capacity="many")  # type: ignore[call-overload]
    async with typed.amap([{"text": "x"}]) as items:
        async for _ in items:
            pass
    async with typed as warm:
        assert_type(warm, Pipeline[Analysis, Request])
