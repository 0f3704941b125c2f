"""pydantic-graph: its builder's steps, broadcast edges and joins."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, NotOffered, Peer, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.shapes import Delays


class PydanticGraph(Peer):
    """A step takes the value of the edge before it; a block is a broadcast into one join."""

    name = "pydantic_graph"
    distribution = "pydantic-graph"
    slow = True

    def prepare(self) -> None:
        import pydantic_graph

        if not hasattr(pydantic_graph, "GraphBuilder"):
            raise NotOffered("needs pydantic-graph 2: GraphBuilder")

    def _builder(self, given: Any, result: Any) -> Any:
        from pydantic_graph import GraphBuilder

        return GraphBuilder(input_type=given, output_type=result, auto_instrument=False)

    def chain(self, length: int, *, suspends: bool) -> Run:
        builder = self._builder(int, int)
        inc = work.inc_later if suspends else work.inc

        async def call(ctx: Any) -> int:
            return await inc(ctx.inputs)

        steps = [builder.step(call, node_id=f"inc{i}") for i in range(length)]
        places = [builder.start_node, *steps, builder.end_node]
        builder.add(*(builder.edge_from(a).to(b) for a, b in pairwise(places)))
        graph = builder.build()

        async def run() -> object:
            return await graph.run(inputs=0)

        return run

    def _block(self, builder: Any, before: Any, steps: Sequence[Any], after: Any) -> None:
        """Broadcast from *before* into *steps*, whose results one join gathers for *after*."""
        from pydantic_graph import reduce_dict_update

        join = builder.join(reduce_dict_update, initial_factory=dict)
        builder.add(
            builder.edge_from(before).to(*steps),
            builder.edge_from(*steps).to(join),
            builder.edge_from(join).to(after),
        )

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        builder = self._builder(int, dict[int, int])
        inc = work.inc_later if suspends else work.inc

        def made(i: int) -> Any:
            async def call(ctx: Any) -> dict[int, int]:
                return {i: await inc(ctx.inputs)}

            return builder.step(call, node_id=f"inc{i}")

        self._block(builder, builder.start_node, [made(i) for i in range(width)], builder.end_node)
        graph = builder.build()

        async def run() -> object:
            found = await graph.run(inputs=0)
            return [found[i] for i in range(width)]

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:
        if plain_list:
            raise NotOffered("no data flow")
        builder = self._builder(str, str)
        extract_ = work.analysis("text", delays.extract)
        report_ = work.reporter(delays.report)

        async def extract(ctx: Any) -> str:
            return await extract_(ctx.inputs)

        async def report(ctx: Any) -> str:
            return await report_(*[ctx.inputs[name] for name in delays.analyses])

        def made(name: str, seconds: float | None) -> Any:
            find = work.analysis(name, seconds)

            async def call(ctx: Any) -> dict[str, str]:
                return {name: await find(ctx.inputs)}

            return builder.step(call, node_id=name)

        first, last = builder.step(extract, node_id="extract"), builder.step(report, node_id="report")
        builder.add(
            builder.edge_from(builder.start_node).to(first), builder.edge_from(last).to(builder.end_node)
        )
        self._block(builder, first, [made(name, seconds) for name, seconds in delays.analyses.items()], last)
        graph = builder.build()

        async def analyse(document: str) -> str:
            found = await graph.run(inputs=document)
            assert isinstance(found, str)
            return found

        return analyse

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        builder = self._builder(list, dict[int, int])

        def made(i: int) -> Any:
            read = work.reader(i, whole=whole)

            async def call(ctx: Any) -> dict[int, int]:
                return {i: await read(ctx.inputs)}

            return builder.step(call, node_id=f"read{i}")

        self._block(builder, builder.start_node, [made(i) for i in range(4)], builder.end_node)
        graph = builder.build()

        async def run() -> object:
            found = await graph.run(inputs=rows)
            return [found[i] for i in range(4)]

        return run

    def program(self) -> str:
        return """
import asyncio
from pydantic_graph import GraphBuilder

builder = GraphBuilder(input_type=int, output_type=int)

@builder.step
async def first(ctx): return ctx.inputs + 1
@builder.step
async def second(ctx): return ctx.inputs + 1
@builder.step
async def third(ctx): return ctx.inputs + 1

builder.add(
    builder.edge_from(builder.start_node).to(first),
    builder.edge_from(first).to(second),
    builder.edge_from(second).to(third),
    builder.edge_from(third).to(builder.end_node),
)
print(asyncio.run(builder.build().run(inputs=0)))
"""


PEER = PydanticGraph()
