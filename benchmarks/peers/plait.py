"""Plait. Everything that the benchmarks use of it is in this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Sequence


class Plait(Peer):
    """Traced as always; the chain also checks types at every step and is ready to retry."""

    name = "plait"
    distribution = "plait"

    def chain(self, length: int, *, suspends: bool) -> Run:
        from plait import Pipeline, Retry, step

        work_ = work.inc_later if suspends else work.inc
        again = Retry(attempts=3)
        pipeline = Pipeline(
            [step(work_, {"x": "x"}, "x", name=f"inc{i}", retry=again) for i in range(length)],
            check_types="steps",
        )

        async def run() -> object:
            return (await pipeline.arun({"x": 0})).state["x"]

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        from plait import Pipeline, parallel, step

        work_ = work.inc_later if suspends else work.inc
        names = [f"y{i}" for i in range(width)]
        pipeline = Pipeline([parallel([step(work_, {"x": "x"}, name, name=f"inc_{name}") for name in names])])

        async def run() -> object:
            state = (await pipeline.arun({"x": 0})).state
            return [state[name] for name in names]

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        from plait import Limits, Pipeline, step

        more: dict[str, Any] = {"resources": {"slot": 1}} if slots else {}
        pipeline = Pipeline(
            [
                step(
                    work.graph_step(node.seconds, len(node.inputs)),
                    dict(zip(work.ARGUMENTS, node.inputs, strict=False)),
                    node.name,
                    name=node.name,
                    **more,
                )
                for node in graph.nodes
            ],
            order="dataflow",
            limits=Limits({"slot": slots}) if slots else None,
        )
        pipeline = pipeline.with_durations({node.name: node.seconds for node in graph.nodes})

        async def run() -> object:
            state = (await pipeline.arun({START: 1})).state
            return {name: state[name] for name in graph.outputs}

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:
        pipeline = self._tutorial(delays, plain_list=plain_list)

        async def analyse(document: str) -> str:
            report = (await pipeline.invoke({"document": document}))["report"]
            assert isinstance(report, str)
            return report

        return analyse

    def documents(self, delays: Delays, inputs: Sequence[str], *, at_once: int) -> Run:
        pipeline = self._tutorial(delays, plain_list=False)
        states = [{"document": document} for document in inputs]

        async def run() -> object:
            async with pipeline.amap(states, max_concurrency=at_once) as items:
                return [item.result.state["report"] async for item in items]

        return run

    def _tutorial(self, delays: Delays, *, plain_list: bool) -> Any:
        from plait import Pipeline, parallel, step

        analyses = [
            step(work.analysis(name, seconds), {"text": "text"}, name, name=name)
            for name, seconds in delays.analyses.items()
        ]
        extract = step(work.analysis("text", delays.extract), {"text": "document"}, "text", name="extract")
        report = step(work.reporter(delays.report), list(delays.analyses), "report", name="report")
        if plain_list:
            return Pipeline([extract, *analyses, report], order="dataflow")
        return Pipeline([extract, parallel(analyses, name="analyses"), report])

    def blocking(self, seconds: Sequence[float]) -> Run:
        from plait import Pipeline, parallel, step

        names = [f"y{i}" for i in range(len(seconds))]
        pipeline = Pipeline(
            [
                parallel(
                    [
                        step(work.blocking(duration), {"x": "x"}, name, name=f"block_{name}")
                        for name, duration in zip(names, seconds, strict=True)
                    ]
                )
            ]
        )

        async def run() -> object:
            state = (await pipeline.arun({"x": 0})).state
            return [state[name] for name in names]

        return run

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        from plait import Pipeline, parallel, step

        pipeline = Pipeline(
            [
                parallel(
                    [
                        step(work.reader(i, whole=whole), {"rows": "rows"}, f"sum{i}", name=f"read{i}")
                        for i in range(4)
                    ]
                )
            ]
        )

        async def run() -> object:
            state = (await pipeline.arun({"rows": rows})).state
            return [state[f"sum{i}"] for i in range(4)]

        return run

    def program(self) -> str:
        return """
import asyncio
from plait import Pipeline, step

async def first(x): return x + 1
async def second(y): return y + 1
async def third(z): return z + 1

pipeline = Pipeline([step(first, {"x": "x"}, "y"), step(second, {"y": "y"}, "z"), step(third, {"z": "z"}, "out")])
print(asyncio.run(pipeline.invoke({"x": 0}))["out"])
"""


PEER = Plait()
