"""Pipelines to draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plait.core.branching import guard, switch, toggle
from plait.core.flow import Chain, Definition, as_parts, dataflow, parallel
from plait.core.handlers import Empty, Keep
from plait.core.handling import try_catch
from plait.core.inputs import Val
from plait.core.looping import goto, map_reduce, while_do
from plait.core.plan.bind import bind
from plait.core.plan.bound import Bound
from plait.core.schema import read_schema
from plait.core.step import Step, step


def work(**given: Any) -> Any: ...


class Embeddable:
    """A definition that can stand in a list, like a pipeline."""

    def __init__(self, steps: Any, *, name: str | None = None, order: Any = "listed") -> None:
        schema = read_schema(None)
        self.__plait_definition__ = Definition(
            as_parts(steps, "Pipeline"),
            order=order,
            schema=schema,
            schema_in=schema,
            name=name,
            max_concurrency=None,
        )


@pytest.fixture
def made() -> Callable[..., Bound]:
    """``made([...], name=..., order=...)``: a bound pipeline."""
    return lambda steps, **options: bind(Embeddable(steps, **options).__plait_definition__)


@pytest.fixture
def do() -> Callable[..., Step]:
    """``do("name", ["reads"], "writes")``: a step."""
    return lambda name, reads=(), writes=None, **options: step(
        work, list(reads), writes, name=name, **options
    )


@pytest.fixture
def analysis(made, do) -> Bound:
    """The document analysis service."""
    return made(
        [
            do("extract", ["document"], "text"),
            parallel(
                [do("sentiment", ["text"], "mood"), do("topics", ["text"], "topics")],
                name="analyses",
                max_concurrency=2,
            ),
            do("report", ["mood", "topics"], "report"),
            do("save", ["report"]),
        ],
        name="analysis",
    )


@pytest.fixture
def everything(made, do) -> Bound:
    """One of each: lists, named branches, policies, an embedded pipeline, a dataflow with a list inside."""
    inner = Embeddable([do("tokenise", ["text"], "tokens"), do("count", ["tokens"], "counts")], name="words")
    branches = {
        "text": [do("clean", ["raw"], "text"), inner],
        "pictures": [
            do("find", ["raw"], "pics"),
            parallel([do("fast", ["pics"], "cap"), do("slow", ["pics"], "cap")], need=1, name="caption"),
        ],
    }
    return made(
        [
            do("load", ["path"], "raw"),
            parallel(branches, name="parts", on_error="collect"),
            [do("one", ["raw"], "a"), Chain((do("two", ["a"], "b"),))],
            parallel([do("left", ["b"], "c"), do("right", ["b"], "d")]),
            dataflow(
                [
                    do("x", ["c"], "xc"),
                    do("y", ["d"], "yd"),
                    [do("z1", ["xc"], "z1"), do("z2", ["yd"], "z2")],
                    do("w", ["z1", "z2"], "w"),
                ],
                name="mix",
            ),
            do("say", ["w"]),
        ],
        name="everything",
    )


def is_long(**given: Any) -> bool: ...
def route(**given: Any) -> str: ...


@pytest.fixture
def deciding(made, do) -> Bound:
    """One of each kind that decides something."""

    def ask(function: Any, *keys: str) -> Step:
        return step(function, list(keys))

    return made(
        [
            do("load", ["path"], "pages"),
            guard(ask(is_long, "pages"), failure_branch=do("refuse", ["pages"], "answer"), name="allowed"),
            map_reduce(
                "sums",
                step(work, name="sum_up"),
                len,
                {"page": "pages"},
                name="sum_up",
                max_concurrency=4,
                error_handler=Empty(),
            ),
            while_do(
                [do("draft", ["sums"], "text"), do("review", ["text"], "score")],
                ask(is_long, "score"),
                name="refine",
                max_turns=3,
            ),
            try_catch(
                [do("fetch", ["text"], "source"), do("parse", ["source"], "facts")],
                fallback=[do("cached", ["text"], "facts")],
                catch=ConnectionError,
                name="look_up",
            ),
            switch(
                ask(route, "text"),
                {
                    "deep": [do("search", ["text"], "found"), do("read", ["found"], "answer")],
                    "quick": do("reply", ["text"], "answer"),
                },
                default=do("shrug", ["text"], "answer"),
                output_state="way",
            ),
            toggle("polish", [do("polish", ["answer"], "answer")]),
            [
                goto("over", Val("save")),
                do("skipped", ["answer"], "x"),
                do("save", ["way"], error_handler=Keep()),
            ],
        ],
        name="deciding",
    )


PAYLOADS = (
    '"]; click s0 href "javascript:alert(1)"',
    "%%{init: {'theme': 'x'}}%%",
    "<img src=x onerror=alert(1)>",
    "<text><script>alert(1)<script>&amp;&#60;",
    "`**bold**` #35; #quot;",
    "end\nsubgraph x",
    "turned \u202ecod.exe",
    "]]>",
    "\x00\x1b[31m",
    "日本語のステップ",
)


@pytest.fixture
def hostile(made, do) -> Bound:
    """Names that want to be more than names."""
    steps = [do(name, [f"{name} in"], f"{name} out") for name in PAYLOADS]
    return made(
        [
            *steps[:5],
            parallel(steps[5:7], name=PAYLOADS[2]),
            parallel({PAYLOADS[0]: [*steps[7:9]], PAYLOADS[3]: [steps[9], do("a", ["b"], "c")]}),
        ],
        name=PAYLOADS[3],
    )
