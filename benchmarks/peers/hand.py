"""The baseline: the same work written by hand with plain asyncio, as one would write it well."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from benchmarks import work
from benchmarks.peers.base import Analyse, Asked, Form, Handled, Item, Peer, Run
from benchmarks.shapes import START, Delays, Graph, GraphNode

if TYPE_CHECKING:
    from collections.abc import Sequence


class Hand(Peer):
    """No library at all."""

    name = "hand"

    def chain(self, length: int, *, suspends: bool) -> Run:
        step = work.inc_later if suspends else work.inc
        count = range(length)

        async def run() -> int:
            x = 0
            for _ in count:
                x = await step(x)
            return x

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        step = work.inc_later if suspends else work.inc

        async def run() -> list[int]:
            return await asyncio.gather(*[step(0) for _ in range(width)])

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        steps = {node.name: work.graph_step(node.seconds, len(node.inputs)) for node in graph.nodes}

        async def run() -> dict[str, int]:
            tasks: dict[str, asyncio.Task[int]] = {}
            free = asyncio.Semaphore(slots) if slots else None

            async def one(node: GraphNode) -> int:
                values = [1 if name == START else await tasks[name] for name in node.inputs]
                if free is None:
                    return await steps[node.name](*values)
                async with free:
                    return await steps[node.name](*values)

            for node in graph.nodes:
                tasks[node.name] = asyncio.create_task(one(node))
            return {name: await tasks[name] for name in graph.outputs}

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:  # noqa: ARG002 - the same either way
        extract = work.analysis("text", delays.extract)
        analyses = [work.analysis(name, seconds) for name, seconds in delays.analyses.items()]
        report = work.reporter(delays.report)

        async def analyse(document: str) -> str:
            text = await extract(document)
            found = await asyncio.gather(*[find(text) for find in analyses])
            return await report(*found)

        return analyse

    def blocking(self, seconds: Sequence[float]) -> Run:
        blocks = [work.blocking(duration) for duration in seconds]

        async def run() -> list[int]:
            return await asyncio.gather(*[asyncio.to_thread(block, 0) for block in blocks])

        return run

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        reads = [work.reader(group, whole=whole) for group in range(4)]

        async def run() -> list[int]:
            return await asyncio.gather(*[read(rows) for read in reads])

        return run

    def choices(self, count: int, form: Form) -> Run:
        inc = work.inc
        numbers = range(count)

        async def conditional() -> int:
            x = 0
            for _ in numbers:
                if await work.rises(x):
                    x = await inc(x)
            return x

        async def at_once() -> int:
            state = {"x": 0}
            for _ in numbers:
                if work.rises_now(state):
                    state["x"] = await inc(state["x"])
            return state["x"]

        async def routed() -> int:
            steps = dict.fromkeys(work.ROUTES, inc)
            x = 0
            for _ in numbers:
                x = await steps[await work.route(x)](x)
            return x

        async def switched_on() -> int:
            on, x = True, 0
            for _ in numbers:
                if on:
                    x = await inc(x)
            return x

        async def guarded() -> int:
            x = 0
            for _ in numbers:
                if not await work.rises(x):
                    break
                x = await inc(x)
            return x

        return {
            "if_else, async": conditional,
            "if_else, sync": at_once,
            "switch": routed,
            "toggle": switched_on,
            "guard": guarded,
        }[form]

    def each(self, count: int, form: Item) -> Run:
        items = list(range(count))
        call = work.Inc() if form == "component" else work.inc

        async def run() -> list[int]:
            if form == "sync":
                return await asyncio.gather(*[asyncio.to_thread(work.inc_now, x) for x in items])
            return await asyncio.gather(*[call(x) for x in items])

        return run

    def turns(self, count: int, asked: Asked) -> Run:
        again, later = work.more_turns(count), work.more_turns_later(count)

        async def awaiting() -> int:
            x = 0
            while True:
                x = await work.inc(x)
                if not await later(x):
                    return x

        async def run() -> int:
            state = {"x": 0}
            while True:
                state["x"] = await work.inc(state["x"])
                if not again(state):
                    return state["x"]

        return awaiting if asked == "async" else run

    def handled(self, count: int, form: Handled) -> Run:
        numbers = range(count)

        async def succeeding() -> int:
            x = 0
            for _ in numbers:
                with contextlib.suppress(ValueError):
                    x = await work.inc(x)
            return x

        async def failing() -> int:
            x = 0
            for _ in numbers:
                try:
                    x = await work.breaks(x)
                except ValueError:
                    x = await work.inc(x)
            return x

        async def keeping() -> int:
            x = 0
            for _ in numbers:
                with contextlib.suppress(ValueError):
                    x = await work.breaks(x)
            return x

        return failing if form == "try_catch, caught" else keeping if form == "keep, caught" else succeeding

    def program(self) -> str:
        return """
import asyncio

async def first(x): return x + 1
async def second(y): return y + 1
async def third(z): return z + 1

async def main():
    return await third(await second(await first(0)))

print(asyncio.run(main()))
"""


PEER = Hand()
