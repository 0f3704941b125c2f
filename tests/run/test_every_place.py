"""What decides while it runs means the same wherever it stands, and in every way of running it."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from tests.run.agreement import everywhere

from plait import (
    END,
    Config,
    Empty,
    Fallback,
    Group,
    Keep,
    Optional,
    Pipeline,
    Retry,
    Val,
    dataflow,
    goto,
    guard,
    if_else,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    switch,
    terminate,
    toggle,
    try_catch,
    while_do,
)


class State(TypedDict, total=False):
    n: int
    a: Any
    b: Any
    c: Any
    d: Any
    e: Any
    seen: Any
    items: Any
    more: Any
    text: str
    log: Annotated[list[str], operator.add]
    side: Any
    side0: Any
    side3: Any
    last: Any


def put(key: str, value: Any = 1, name: str | None = None, **options: Any) -> Any:
    async def work() -> Any:
        return value

    return step(work, {}, key, name=name or f"put_{key}", **options)


def note(name: str, **options: Any) -> Any:
    async def work() -> list[str]:
        return [name]

    return step(work, {}, "log", name=name, **options)


def bad(name: str, error: type[Exception] = ValueError, key: str | None = None, **options: Any) -> Any:
    def work() -> Any:
        raise error(name)

    return step(work, {}, key, name=name, effect=False, **options)


def more(name: str = "more") -> Any:
    async def work(n: int) -> int:
        return n + 1

    return step(work, {"n": Optional("n", 0)}, "n", name=name)


def below(most: int) -> Any:
    async def cond(n: int) -> bool:
        return n < most

    return step(cond, {"n": Optional("n", 0)})


def look(*keys: str) -> Any:
    """What is there of these keys, for those who come later."""

    def work(**found: Any) -> list[str]:
        return sorted(f"{key}={value}" for key, value in found.items() if value != "none")

    return step(work, {key: Optional(key, "none") for key in keys}, "seen", name="look")


def odd(item: int) -> int:
    if item % 2:
        raise ValueError(item)
    return item * 10


async def total(results: list[int]) -> int:
    return sum(results)


SCENARIOS: dict[str, Any] = {
    "the branch for true": [if_else(lambda s: True, [put("a"), put("b")], put("c"))],
    "the branch for false": [if_else(lambda s: False, [put("a"), put("b")], [put("c", 3), put("a", 2)])],
    "no branch": [put("a", 0), if_else(lambda s: False, put("a", 1)), look("a")],
    "a key of one branch": [put("a", 0), if_else(lambda s: s["a"] == 0, put("a", 1)), look("a")],
    "a switch with a default": [switch(lambda s: "?", {"x": put("a", 1)}, "text", [put("a", 2), put("b")])],
    "a switch without": [switch(lambda s: "zz", {"z": put("a", 1)})],
    "a toggle": [toggle("items", put("a")), toggle(Config("on", False), put("b")), toggle("more", put("c"))],
    "a guard that holds": [put("a", 0), guard(lambda s: True, put("b"), put("c")), put("d")],
    "a guard that does not": [put("a", 0), guard(lambda s: False, put("b"), put("c")), put("d")],
    "a guard in a loop": [
        while_do([more(), guard(below(2), None, put("c"))], below(5), name="loop"),
        put("d"),
    ],
    "an end": [put("a"), terminate(), put("b")],
    "an end in a branch": [put("a"), if_else(lambda s: True, [put("b"), terminate()]), put("c"), put("d")],
    "an end in a loop": [
        while_do([more(), if_else(below(3), no_op(), terminate()), put("a")], below(9)),
        put("c"),
    ],
    "an end in an embedded pipeline": [
        subgraph(Pipeline([put("a"), terminate(), put("b")]), {}, {"a": "a"}, name="child"),
        put("c"),
    ],
    "an end in an embedded pipeline in a loop": [
        while_do(
            [
                more(),
                subgraph(Pipeline([put("a"), terminate(), put("b")]), {}, {"a": "a"}, name="child"),
                put("c"),
            ],
            below(3),
        )
    ],
    "an end in a body that is tried": [try_catch([put("a"), terminate(), bad("f")], put("b")), put("c")],
    "an end in a handler": [try_catch([put("a"), bad("f")], [put("b"), terminate()]), put("c")],
    "a loop": [while_do([more(), note("turn")], below(3), None, "text", name="loop"), look("n")],
    "a loop with a limit": [while_do([more(), note("turn")], lambda s: True, max_turns=3, name="loop")],
    "loops in loops": [
        while_do(
            [
                while_do([note("inner"), more()], step(lambda n: n % 3 != 0, ["n"]), name="inner"),
                note("outer"),
            ],
            below(7),
            name="outer",
        )
    ],
    "a loop that reads what it collects": [
        while_do([more(), note("b"), look("log"), note("c")], below(3), name="loop"),
        note("e"),
    ],
    "a loop that fails": [while_do([more(), if_else(below(2), no_op(), bad("f"))], below(5), name="loop")],
    "a loop whose steps are handled": [
        while_do(
            [more(), bad("f", key="a", error_handler=Empty()), bad("g", key="b", error_handler=Keep())],
            below(3),
        )
    ],
    "a map": [
        put("items", [1, 2, 3]),
        map_reduce("more", lambda item: item * 2, input_map={"item": "items"}),
    ],
    "a map of nothing": [put("items", []), map_reduce("more", odd, total, input_map={"item": "items"})],
    "a map of what is no list": [
        put("items", 4),
        map_reduce("more", odd, total, input_map={"item": "items"}),
    ],
    "a map with a group": [
        put("items", (0, 2)),
        put("a", [5, 6]),
        map_reduce(
            "more",
            lambda item, all_of, by: (item, all_of, by),
            input_map={"item": "items", "all_of": Group("a"), "by": Val(3)},
        ),
    ],
    "a map with a default": [
        put("items", [1, 2]),
        map_reduce("more", lambda item, by=10: item * by, input_map={"item": "items", "by": "d"}),
    ],
    "a map with several outputs": [
        put("items", [1, 2]),
        map_reduce(["a", "b"], lambda item: item, lambda r: (r[0], r[-1]), input_map={"item": "items"}),
    ],
    "a map of which one item fails": [
        put("items", [0, 2, 3]),
        map_reduce("more", odd, input_map={"item": "items"}),
    ],
    "a map that is kept": [
        put("items", [0, 2, 3]),
        put("more", "old"),
        map_reduce("more", odd, input_map={"item": "items"}, error_handler=Keep()),
    ],
    "a map with a fallback": [
        put("items", [0, 2, 3]),
        map_reduce(
            "more", odd, input_map={"item": "items"}, error_handler=Fallback(lambda error: [str(error)])
        ),
    ],
    "a map whose reducing fails": [
        put("items", [0, 2]),
        map_reduce("more", odd, lambda results: 1 / 0, input_map={"item": "items"}),
    ],
    "a map in a loop": [
        put("items", [1, 2]),
        while_do(
            [more(), map_reduce("more", lambda i, n: i * n, input_map={"i": "items", "n": "n"})], below(3)
        ),
    ],
    "a condition that fails": [if_else(lambda s: 1 / 0, put("a"), put("b"))],
    "a condition that answers something else": [if_else(lambda s: 1, put("a"), put("b"))],
    "a failure that is handled": [try_catch([put("a"), bad("f"), put("b")], [put("c"), look("a", "b")])],
    "a failure that is not": [try_catch([put("a"), bad("f"), put("b")], [put("c")], KeyError)],
    "a failure whose text is kept": [
        try_catch([put("a"), bad("f")], [look("text")], caught_exception_state="text", name="tried")
    ],
    "a handler that fails": [try_catch([put("a"), bad("f")], [put("b"), bad("g")], name="tried"), put("c")],
    "a handler in a handler": [
        try_catch([put("a"), bad("f")], [try_catch([put("b"), bad("g")], [look("a", "b")])]),
        put("c"),
    ],
    "a group of which a part is handled": [
        try_catch(
            [parallel([bad("f"), bad("g", KeyError)], on_error="finish")], put("a"), KeyError, name="tried"
        )
    ],
    "deltas before a failure": [
        note("z"),
        try_catch([note("a"), bad("f"), note("b")], [note("h")]),
        note("e"),
    ],
    "deltas of a loop that fails": [
        try_catch(
            [while_do([note("a"), more(), if_else(below(2), note("b"), bad("f"))], below(5))], note("h")
        )
    ],
    "values of a loop that fails": [
        put("n", 0),
        try_catch([while_do([more(), if_else(below(2), put("a"), bad("f"))], below(5))], look("n", "a")),
    ],
    "deltas of an attempt to handle that failed": [
        try_catch(
            [note("a"), try_catch([note("b"), bad("f")], [note("c"), bad("g")], name="inner")],
            note("h"),
            name="outer",
        )
    ],
    "deltas of an inner body that nobody handled": [
        try_catch(
            [note("a"), try_catch([note("b"), bad("f")], note("c"), KeyError, name="inner")],
            note("h"),
            name="outer",
        )
    ],
    "a list in a body": [try_catch([put("a"), [put("b"), put("c"), bad("f")]], look("a", "b", "c"))],
    "blocks in a body": [
        try_catch(
            [put("a"), parallel([put("b"), [put("c"), put("d")]]), dataflow([put("e"), bad("f")])],
            look("b", "e"),
        )
    ],
    "what follows a possible end in a body": [
        try_catch([put("a"), if_else(lambda s: False, terminate()), put("b"), bad("f")], look("a", "b"))
    ],
    "a jump back": [more(), goto("again", lambda s: "more" if s["n"] < 3 else "fin"), put("a", name="fin")],
    "a jump forward": [put("a"), goto("over", Val("put_c")), put("b"), put("c")],
    "a jump to the end": [put("a"), goto("out", Val(END)), put("b")],
    "a jump to nowhere": [put("a"), goto("out", lambda s: "put_d"), put("b")],
    "a jump by a key": [put("text", "put_c"), goto("out", "text"), put("b"), put("c")],
    "jumps in a body that fails": [
        put("n", 0),
        try_catch(
            [note("a"), more(), goto("g", lambda s: "a" if s["n"] < 3 else "f"), bad("f")], look("n", "log")
        ),
    ],
    "a jump forward in a body that fails": [
        try_catch([put("a"), goto("g", Val("put_c")), put("b"), put("c"), bad("f")], look("a", "b", "c"))
    ],
    "an embedded pipeline that is handled": [
        subgraph(
            Pipeline([put("a"), bad("f", key="b")]),
            {},
            {"c": "a", "d": "b"},
            name="child",
            error_handler=Empty(),
        ),
        look("c", "d"),
    ],
    "outputs of what is embedded": [
        subgraph(
            Pipeline(
                [
                    map_reduce("a", odd, input_map={"item": Val([0, 2])}),
                    if_else(lambda s: True, put("b", 1), put("b", 2)),
                    try_catch(bad("f"), put("c", 3), caught_exception_state="text"),
                    goto("jump", Val("put_d"), None, "to"),
                    put("d"),
                ]
            ),
            {},
            {"a": "a", "b": "b", "c": "text", "d": "to"},
            name="child",
        ),
        look("a", "b", "c", "d"),
    ],
    "a pipeline with a fallback of its own": [
        subgraph(Pipeline([put("a"), bad("f")], fallback=[put("b", 5)]), {}, {"b": "b"}, name="child"),
        look("a", "b"),
    ],
}


def deep(steps: list[Any], depth: int = 6) -> list[Any]:
    for level in range(depth):
        if level % 3 == 0:
            steps = [parallel([steps, put(f"side{level}")], name=f"p{level}", max_concurrency=1)]
        elif level % 3 == 1:
            steps = [if_else(lambda s: True, steps, name=f"i{level}")]
        else:
            steps = [while_do(steps, lambda s: False, name=f"w{level}")]
    return steps


PLACES: dict[str, Any] = {
    "in front": lambda steps: [*steps, put("last")],
    "cancel": lambda steps: [parallel([steps, put("side")]), put("last")],
    "finish": lambda steps: [parallel([steps, put("side")], on_error="finish", name="block"), put("last")],
    "collect": lambda steps: [parallel([steps, put("side")], on_error="collect"), put("last")],
    "one of one": lambda steps: [parallel([steps], need=1, name="race"), put("last")],
    "retried": lambda steps: [
        parallel([steps, put("side")], retry=Retry(2, backoff=0), name="block"),
        put("last"),
    ],
    "timed": lambda steps: [dataflow([steps, put("side")], timeout=60.0), put("last")],
    "embedded": lambda steps: [subgraph(Pipeline(steps, state_type=State), name="child"), put("last")],
    "embedded and tried": lambda steps: [
        try_catch(subgraph(Pipeline(steps, state_type=State), name="child"), put("last", 2)),
        put("side"),
    ],
    "tried": lambda steps: [try_catch([put("side"), *steps], put("last")), no_op(name="nothing")],
    "in a branch": lambda steps: [if_else(lambda s: True, [*steps, put("side")], name="choice"), put("last")],
    "in a loop": lambda steps: [while_do([*steps, put("side")], lambda s: False, name="turns"), put("last")],
    "six deep": lambda steps: [*deep(steps), put("last")],
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_ways_agree(scenario, place):
    everywhere(
        PLACES[place](SCENARIOS[scenario]),
        {"log": ["0"], "items": []},
        config={"on": 1},
        quick=place not in ("in front", "collect"),
        state_type=State,
    )
