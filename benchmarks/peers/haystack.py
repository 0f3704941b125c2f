"""Haystack: one component per step, connected output to input, run with `run_async`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks import work
from benchmarks.peers.base import Analyse, NotOffered, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence


def _component(call: Callable[..., Awaitable[Any]], kinds: Mapping[str, type], result: type) -> Any:
    """A component class around *call* with inputs *kinds*: the library reads the signature."""
    from haystack import component

    space: dict[str, Any] = {"call": call, "component": component, "result": result}
    space |= {f"kind_{name}": kind for name, kind in kinds.items()}
    declared = ", ".join(f"{name}: kind_{name}" for name in kinds)
    exec(
        "@component\n"
        "class Work:\n"
        "    @component.output_types(out=result)\n"
        f"    def run(self, {declared}):\n"
        "        raise NotImplementedError\n"
        "    @component.output_types(out=result)\n"
        f"    async def run_async(self, {declared}):\n"
        f"        return {{'out': await call({', '.join(kinds)})}}\n",
        space,
    )
    return space["Work"]()


class Haystack(Peer):
    """Its scheduler finds what is ready by itself; it runs four components at once unless told otherwise."""

    name = "haystack"
    distribution = "haystack-ai"
    slow = True
    environment: ClassVar[Mapping[str, str]] = {"HAYSTACK_TELEMETRY_ENABLED": "False"}

    def prepare(self) -> None:
        import haystack

        if not hasattr(haystack.Pipeline, "run_async"):
            raise NotOffered("needs haystack-ai 3: Pipeline.run_async")

    def chain(self, length: int, *, suspends: bool) -> Run:
        from haystack import Pipeline

        pipeline = Pipeline()
        inc = work.inc_later if suspends else work.inc
        for i in range(length):
            pipeline.add_component(f"inc{i}", _component(inc, {"x": int}, int))
            if i:
                pipeline.connect(f"inc{i - 1}.out", f"inc{i}.x")
        last = f"inc{length - 1}"

        async def run() -> object:
            return (await pipeline.run_async({"inc0": {"x": 0}}))[last]["out"]

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        from haystack import Pipeline

        pipeline = Pipeline()
        inc = work.inc_later if suspends else work.inc
        names = [f"inc{i}" for i in range(width)]
        for name in names:
            pipeline.add_component(name, _component(inc, {"x": int}, int))
        inputs = {name: {"x": 0} for name in names}

        async def run() -> object:
            found = await pipeline.run_async(inputs, concurrency_limit=width)
            return [found[name]["out"] for name in names]

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        from haystack import Pipeline

        pipeline = Pipeline()
        inputs = {}
        for node in graph.nodes:
            kinds = dict.fromkeys(work.ARGUMENTS[: len(node.inputs)], int)
            pipeline.add_component(
                node.name, _component(work.graph_step(node.seconds, len(node.inputs)), kinds, int)
            )
            for argument, name in zip(work.ARGUMENTS, node.inputs, strict=False):
                if name == START:
                    inputs[node.name] = {argument: 1}
                else:
                    pipeline.connect(f"{name}.out", f"{node.name}.{argument}")

        async def run() -> object:
            found = await pipeline.run_async(inputs, concurrency_limit=slots or len(graph.nodes))
            return {name: found[name]["out"] for name in graph.outputs}

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:  # noqa: ARG002 - the same either way
        from haystack import Pipeline

        pipeline = Pipeline()
        pipeline.add_component(
            "extract", _component(work.analysis("text", delays.extract), {"text": str}, str)
        )
        kinds = dict.fromkeys(delays.analyses, str)
        pipeline.add_component("report", _component(work.reporter(delays.report), kinds, str))
        for name, seconds in delays.analyses.items():
            pipeline.add_component(name, _component(work.analysis(name, seconds), {"text": str}, str))
            pipeline.connect("extract.out", f"{name}.text")
            pipeline.connect(f"{name}.out", f"report.{name}")

        async def analyse(document: str) -> str:
            report = (await pipeline.run_async({"extract": {"text": document}}))["report"]["out"]
            assert isinstance(report, str)
            return report

        return analyse

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        from haystack import Pipeline

        pipeline = Pipeline()
        names = [f"read{i}" for i in range(4)]
        for i, name in enumerate(names):
            pipeline.add_component(name, _component(work.reader(i, whole=whole), {"rows": list}, int))

        async def run() -> object:
            found = await pipeline.run_async({name: {"rows": rows} for name in names})
            return [found[name]["out"] for name in names]

        return run

    def blocking(self, seconds: Sequence[float]) -> Run:
        """Components with `run` alone: it moves those to threads."""
        from haystack import Pipeline, component

        def made(duration: float) -> Any:
            block = work.blocking(duration)

            @component
            class Block:
                @component.output_types(out=int)
                def run(self, x: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - it checks the annotation
                    return {"out": block(x)}

            return Block()

        pipeline = Pipeline()
        names = [f"block{i}" for i in range(len(seconds))]
        for name, duration in zip(names, seconds, strict=True):
            pipeline.add_component(name, made(duration))

        async def run() -> object:
            found = await pipeline.run_async({name: {"x": 0} for name in names})
            return [found[name]["out"] for name in names]

        return run

    def program(self) -> str:
        return """
import asyncio
from haystack import Pipeline, component

@component
class Inc:
    @component.output_types(out=int)
    def run(self, x: int): return {"out": x + 1}
    @component.output_types(out=int)
    async def run_async(self, x: int): return {"out": x + 1}

pipeline = Pipeline()
pipeline.add_component("first", Inc())
pipeline.add_component("second", Inc())
pipeline.add_component("third", Inc())
pipeline.connect("first.out", "second.x")
pipeline.connect("second.out", "third.x")
print(asyncio.run(pipeline.run_async({"first": {"x": 0}}))["third"]["out"])
"""


PEER = Haystack()
