"""Random pipelines give the same state however they are run: at once, step by step in a thread, watched, or embedded."""

from __future__ import annotations

import asyncio
import operator
import random
from typing import Annotated, Any, TypedDict

import pytest
from tests.compat.gllm.running import invoke

from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.pipeline.checkpoint import InMemorySaver
from plait.compat.gllm.steps import (
    KeepStepErrorHandler,
    guard,
    if_else,
    map_reduce,
    no_op,
    parallel,
    step,
    subgraph,
    switch,
    transform,
    try_catch,
    while_do,
)
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep

KEYS = ["a", "b", "c", "d", "e", "f"]


class State(TypedDict, total=False):
    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
    n: int
    seen: Annotated[list[str], operator.add]


class Own(BasePipelineStep):
    """Reads all, and writes a key that it does not declare."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__(name)
        self.key = key

    async def execute(self, state: dict[str, Any], runtime: Any, config: Any = None) -> Any:
        return {self.key: sum(state[key] for key in KEYS) % 97, "seen": [self.name]}


class Drawing:
    """Draws steps; whatever it draws, all keys are there."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def name(self) -> str:
        self.count += 1
        return f"s{self.count}"

    def leaf(self, reads: list[str], writes: list[str]) -> Any:
        name, key, source = self.name(), self.random.choice(writes), self.random.choice(reads)
        delay, waits = self.random.choice([0, 1, 2]), self.random.random() < 0.5

        async def later(d: dict[str, Any]) -> int:
            await asyncio.sleep(delay)
            return int(d["x"]) * 3 % 97 + 1

        def now(d: dict[str, Any]) -> int:
            return int(d["x"]) * 5 % 97 + 1

        def broken(d: dict[str, Any]) -> int:
            raise OSError(str(d))

        kind = self.random.randrange(5)
        if kind == 0:
            keep = KeepStepErrorHandler()
            return transform(broken, input_map={"x": source}, output_state=key, error_handler=keep, name=name)
        if kind == 1:
            return map_reduce(key, now, sum, {"x": source}, name=name)
        if kind == 2:
            return transform(lambda _: [name], output_state="seen", name=name)
        if kind == 3:
            return step(lambda x: x + 1, key, {"x": source}, name=name)
        return transform(later if waits else now, input_map={"x": source}, output_state=key, name=name)

    def steps(self, depth: int, reads: list[str], writes: list[str], *, own: bool) -> list[Any]:
        return [self.one(depth, reads, writes, own=own) for _ in range(self.random.randint(1, 3))]

    def one(self, depth: int, reads: list[str], writes: list[str], *, own: bool) -> Any:
        kind = self.random.randrange(9) if depth else 8
        key, bound = self.random.choice(reads), self.random.randrange(97)

        def small(state: dict[str, Any]) -> bool:
            return bool(state[key] < bound)

        def inside(mine: bool = own) -> list[Any]:
            return self.steps(depth - 1, reads, writes, own=mine)

        if kind == 0 and len(writes) > 1:
            half = len(writes) // 2
            left, right = writes[:half], writes[half:]
            both = [k for k in reads if k not in writes]
            branches = [
                self.steps(depth - 1, both + left, left, own=False),
                self.steps(depth - 1, both + right, right, own=False),
            ]
            return parallel(branches, name=self.name())
        if kind == 1:
            return if_else(
                small, inside(), inside() if self.random.random() < 0.5 else no_op(), name=self.name()
            )
        if kind == 2:
            return switch(
                lambda s: "xyz"[s[key] % 3], {"x": inside(), "y": inside()}, default=no_op(), name=self.name()
            )
        if kind == 3:
            turns = transform(lambda d: d["n"] + 1, ["n"], output_state="n", name=self.name())
            return (
                while_do([turns, *inside()], lambda s: s["n"] % 3 != 0, name=self.name())
                if own
                else turns_free(inside())
            )
        if kind == 4:

            def broken(d: dict[str, Any]) -> int:
                raise OSError(str(d))

            fails = transform(broken, output_state=writes[0], name=self.name())
            return try_catch([*inside(), fails], inside(), name=self.name())
        if kind == 5:
            return subgraph(Pipeline(inside(), state_type=State, name=self.name()))
        if kind == 6 and own and depth > 1:
            return guard(lambda s: s[key] < 95, no_op(), name=self.name())
        if kind == 7 and own:
            return Own(self.name(), self.random.choice(writes))
        return self.leaf(reads, writes)


def turns_free(steps: list[Any]) -> Any:
    """A block of one branch, where the counter of loops is not one's own."""
    return parallel([steps])


@pytest.mark.parametrize("seed", [*range(24), 35])
def test_a_pipeline_gives_the_same_state_in_every_way(seed: int) -> None:
    steps = Drawing(seed).steps(3, KEYS, KEYS, own=True)
    given = {key: seed * 7 % 97 + i for i, key in enumerate(KEYS)} | {"n": 0}
    expected = invoke(Pipeline(steps, state_type=State), given)
    threaded = Pipeline(steps, state_type=State, checkpointer=InMemorySaver())
    assert invoke(threaded, given, thread_id="t") == expected
    watched = invoke(Pipeline(steps, state_type=State), given, config={"debug_state": True})
    del watched["__state_logs__"]
    assert watched == expected
    embedded = Pipeline([subgraph(Pipeline(steps, state_type=State))], state_type=State)
    assert invoke(embedded, given) == expected
