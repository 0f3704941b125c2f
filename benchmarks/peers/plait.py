"""Plait. Everything that the benchmarks use of it is in this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, Asked, Form, Handled, Item, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Sequence


async def _zero() -> int:
    return 0


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

    def choices(self, count: int, form: Form) -> Run:
        from plait import Pipeline, guard, if_else, step, switch, toggle

        def inc(name: str) -> Any:
            return step(work.inc, {"x": "x"}, "x", name=name)

        def other(i: int) -> Any:
            return step(work.breaks, {"x": "x"}, "x", name=f"else{i}")

        def choice(i: int) -> list[Any]:
            x, name = {"x": "x"}, f"choice{i}"
            if form == "if_else, async":
                return [if_else(work.rises, inc(f"inc{i}"), other(i), input_map=x, name=name)]
            if form == "if_else, sync":
                return [if_else(work.rises_now, inc(f"inc{i}"), other(i), name=name)]
            if form == "switch":
                cases = {key: inc(f"inc{i}_{key}") for key in work.ROUTES}
                return [switch(work.route, cases, input_map=x, name=name)]
            if form == "toggle":
                return [toggle("on", inc(f"inc{i}"), name=name)]
            return [guard(work.rises, input_map=x, name=name), inc(f"inc{i}")]

        pipeline = Pipeline([part for i in range(count) for part in choice(i)])
        given = {"x": 0, "on": True} if form == "toggle" else {"x": 0}

        async def run() -> object:
            return (await pipeline.arun(given)).state["x"]

        return run

    def each(self, count: int, form: Item) -> Run:
        from plait import Pipeline, map_reduce

        call: Any = {"async": work.inc, "component": work.Inc(), "sync": work.inc_now}[form]
        pipeline = Pipeline([map_reduce("results", call, input_map={"x": "items"}, name="map")])
        items = list(range(count))

        async def run() -> object:
            return (await pipeline.arun({"items": items})).state["results"]

        return run

    def turns(self, count: int, asked: Asked) -> Run:
        from plait import Pipeline, step, while_do

        body = step(work.inc, {"x": "x"}, "x", name="inc")
        if asked == "async":
            loop = while_do(body, work.more_turns_later(count), {"x": "x"}, name="loop")
        else:
            loop = while_do(body, work.more_turns(count), name="loop")
        pipeline = Pipeline([loop])

        async def run() -> object:
            return (await pipeline.arun({"x": 0})).state["x"]

        return run

    def handled(self, count: int, form: Handled) -> Run:
        from plait import Keep, Pipeline, step, try_catch

        call: Any = work.breaks if form.endswith("caught") else work.inc

        def part(i: int) -> Any:
            if form.startswith("keep"):
                return step(call, {"x": "x"}, "x", name=f"inc{i}", error_handler=Keep())
            fallback = step(work.inc, {"x": "x"}, "x", name=f"instead{i}")
            return try_catch(
                step(call, {"x": "x"}, "x", name=f"inc{i}"), fallback, ValueError, name=f"try{i}"
            )

        first = step(_zero, {}, "x", name="first")
        pipeline = Pipeline([first, *(part(i) for i in range(count))])

        async def run() -> object:
            return (await pipeline.arun({})).state["x"]

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
