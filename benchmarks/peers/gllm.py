"""gllm-pipeline (GL SDK). Its logging, on stdout by default, is off; the state type is always given."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, Asked, Form, Handled, Item, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

ENDLESS = 1_000_000
"""Its limit on the number of steps of a run is 30 unless one is given."""


def _component(call: Callable[..., Awaitable[Any]], names: Sequence[str]) -> Any:
    """A component class around *call*, whose main method takes *names*: the library reads the signature."""
    from gllm_core.schema import Component, main

    space: dict[str, Any] = {"call": call, "Component": Component, "main": main}
    arguments = ", ".join(names)
    exec(
        "class Work(Component):\n"
        "    @main\n"
        f"    async def work(self, {arguments}):\n"
        f"        return await call({arguments})\n",
        space,
    )
    return space["Work"]()


def _condition(call: Callable[[int], Awaitable[Any]]) -> Any:
    """A component as its conditions have to be: it takes an emitter, and answers with a string.

    One that does not is called all the same, and what comes of that is swallowed: the last branch is taken.
    """
    from gllm_core.schema import Component, main

    class Condition(Component):  # type: ignore[misc]
        @main  # type: ignore[misc]
        async def ask(self, x: int, event_emitter: Any = None) -> str:  # noqa: ARG002 - as said above
            answer = await call(x)
            return answer if isinstance(answer, str) else str(answer).lower()

    return Condition()


def _state(*keys: str) -> Any:
    from typing_extensions import TypedDict

    return TypedDict("State", dict.fromkeys(keys, object))  # type: ignore[operator]


class Gllm(Peer):
    """Blocks run squashed, its default."""

    name = "gllm"
    distribution = "gllm-pipeline-binary"
    slow = True

    def prepare(self) -> None:
        import gllm_pipeline.pipeline
        import gllm_pipeline.steps  # noqa: F401
        from gllm_core.schema import Component
        from gllm_core.utils import logger_manager

        Component.set_global_log_level(logging.CRITICAL)
        logger_manager.LoggerManager().set_level(logging.CRITICAL)

    def _pipeline(self, steps: list[Any], *keys: str) -> Any:
        from gllm_pipeline.pipeline import Pipeline

        return Pipeline(steps, state_type=_state(*keys), recursion_limit=ENDLESS)

    def chain(self, length: int, *, suspends: bool) -> Run:
        from gllm_pipeline.steps import step

        inc = _component(work.inc_later if suspends else work.inc, ["x"])
        steps = [step(inc, output_state="x", input_map={"x": "x"}, name=f"inc{i}") for i in range(length)]
        pipeline = self._pipeline(steps, "x")

        async def run() -> object:
            return (await pipeline.invoke({"x": 0}))["x"]

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        from gllm_pipeline.steps import parallel, step

        inc = _component(work.inc_later if suspends else work.inc, ["x"])
        names = [f"y{i}" for i in range(width)]
        block = parallel(
            [step(inc, output_state=name, input_map={"x": "x"}, name=f"inc_{name}") for name in names],
            name="block",
        )
        pipeline = self._pipeline([block], "x", *names)

        async def run() -> object:
            state = await pipeline.invoke({"x": 0})
            return [state[name] for name in names]

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        from gllm_pipeline.steps import parallel, step

        blocks = []
        for i, level in enumerate(graph.levels):
            branches = [
                step(
                    _component(
                        work.graph_step(node.seconds, len(node.inputs)), work.ARGUMENTS[: len(node.inputs)]
                    ),
                    output_state=node.name,
                    input_map=dict(zip(work.ARGUMENTS, node.inputs, strict=False)),
                    name=node.name,
                )
                for node in level
            ]
            blocks.append(parallel(branches, name=f"level{i}", max_concurrency=slots))
        pipeline = self._pipeline(blocks, START, *(node.name for node in graph.nodes))

        async def run() -> object:
            state = await pipeline.invoke({START: 1})
            return {name: state[name] for name in graph.outputs}

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:
        from gllm_pipeline.steps import parallel, step

        analyses = [
            step(
                _component(work.analysis(name, seconds), ["text"]),
                output_state=name,
                input_map={"text": "text"},
                name=name,
            )
            for name, seconds in delays.analyses.items()
        ]
        extract = step(
            _component(work.analysis("text", delays.extract), ["text"]),
            output_state="text",
            input_map={"text": "document"},
            name="extract",
        )
        report = step(
            _component(work.reporter(delays.report), list(delays.analyses)),
            output_state="report",
            input_map={name: name for name in delays.analyses},
            name="report",
        )
        middle = analyses if plain_list else [parallel(analyses, name="analyses")]
        pipeline = self._pipeline([extract, *middle, report], "document", "text", "report", *delays.analyses)

        async def analyse(document: str) -> str:
            report_ = (await pipeline.invoke({"document": document}))["report"]
            assert isinstance(report_, str)
            return report_

        return analyse

    def blocking(self, seconds: Sequence[float]) -> Run:
        """As transforms: its components may only be `async def`, and one that blocks stops them all."""
        from gllm_pipeline.steps import parallel, transform

        names = [f"y{i}" for i in range(len(seconds))]

        def operation(duration: float) -> Callable[[dict[str, int]], int]:
            block = work.blocking(duration)
            return lambda inputs: block(inputs["x"])

        branches = [
            transform(operation(duration), input_map={"x": "x"}, output_state=name, name=f"block_{name}")
            for name, duration in zip(names, seconds, strict=True)
        ]
        pipeline = self._pipeline([parallel(branches, name="block")], "x", *names)

        async def run() -> object:
            state = await pipeline.invoke({"x": 0})
            return [state[name] for name in names]

        return run

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        from gllm_pipeline.steps import parallel, step

        branches = [
            step(
                _component(work.reader(i, whole=whole), ["rows"]),
                output_state=f"sum{i}",
                input_map={"rows": "rows"},
                name=f"read{i}",
            )
            for i in range(4)
        ]
        pipeline = self._pipeline([parallel(branches, name="block")], "rows", *(f"sum{i}" for i in range(4)))

        async def run() -> object:
            state = await pipeline.invoke({"rows": rows})
            return [state[f"sum{i}"] for i in range(4)]

        return run

    def choices(self, count: int, form: Form) -> Run:
        from gllm_pipeline.steps import guard, if_else, step, switch, toggle

        rises, route = _condition(work.rises), _condition(work.route)
        component, other = _component(work.inc, ["x"]), _component(work.breaks, ["x"])
        x = {"x": "x"}

        def inc(name: str) -> Any:
            return step(component, output_state="x", input_map=x, name=name)

        def choice(i: int) -> list[Any]:
            name, otherwise = f"choice{i}", step(other, output_state="x", input_map=x, name=f"else{i}")
            if form == "if_else, async":
                return [if_else(rises, inc(f"inc{i}"), otherwise, input_map=x, name=name)]
            if form == "if_else, sync":
                return [if_else(work.rises_now, inc(f"inc{i}"), otherwise, name=name)]
            if form == "switch":
                cases = {key: inc(f"inc{i}_{key}") for key in work.ROUTES}
                return [switch(route, cases, input_map=x, name=name)]
            if form == "toggle":
                return [toggle("on", inc(f"inc{i}"), name=name)]
            return [guard(rises, inc(f"inc{i}"), input_map=x, name=name)]

        pipeline = self._pipeline([part for i in range(count) for part in choice(i)], "x", "on")

        async def run() -> object:
            return (await pipeline.invoke({"x": 0, "on": True}))["x"]

        return run

    def each(self, count: int, form: Item) -> Run:
        from gllm_pipeline.steps import map_reduce

        async def later(inputs: dict[str, int]) -> int:
            return await work.inc(inputs["x"])

        call: Any = {
            "async": later,
            "component": _component(work.inc, ["x"]),
            "sync": lambda inputs: work.inc_now(inputs["x"]),
        }[form]
        pipeline = self._pipeline(
            [map_reduce("results", call, input_map={"x": "items"}, name="map")], "items", "results"
        )
        items = list(range(count))

        async def run() -> object:
            return (await pipeline.invoke({"items": items}))["results"]

        return run

    def turns(self, count: int, asked: Asked) -> Run:
        from gllm_pipeline.steps import step, while_do

        body = step(_component(work.inc, ["x"]), output_state="x", input_map={"x": "x"}, name="inc")
        if asked == "async":
            again = _condition(work.more_turns_later(count))
            loop = while_do(body, again, input_map={"x": "x"}, name="loop")
        else:
            loop = while_do(body, work.more_turns(count), name="loop")
        pipeline = self._pipeline([loop], "x")

        async def run() -> object:
            return (await pipeline.invoke({"x": 0}))["x"]

        return run

    def handled(self, count: int, form: Handled) -> Run:
        from gllm_pipeline.steps import KeepStepErrorHandler, step, try_catch

        call = _component(work.breaks if form.endswith("caught") else work.inc, ["x"])
        inc, x = _component(work.inc, ["x"]), {"x": "x"}

        def part(i: int) -> Any:
            settings: dict[str, Any] = {"output_state": "x", "input_map": x}
            if form.startswith("keep"):
                return step(call, **settings, name=f"inc{i}", error_handler=KeepStepErrorHandler())
            fallback = step(inc, **settings, name=f"instead{i}")
            return try_catch(step(call, **settings, name=f"inc{i}"), fallback, (ValueError,), name=f"try{i}")

        pipeline = self._pipeline([part(i) for i in range(count)], "x")

        async def run() -> object:
            return (await pipeline.invoke({"x": 0}))["x"]

        return run

    def program(self) -> str:
        return """
import asyncio, logging
from typing import TypedDict
from gllm_core.schema import Component, main
from gllm_pipeline.pipeline import Pipeline
from gllm_pipeline.steps import step

Component.set_global_log_level(logging.CRITICAL)

class First(Component):
    @main
    async def work(self, x): return x + 1
class Second(Component):
    @main
    async def work(self, y): return y + 1
class Third(Component):
    @main
    async def work(self, z): return z + 1
class State(TypedDict):
    x: int
    y: int
    z: int
    out: int

pipeline = Pipeline([
    step(First(), output_state="y", input_map={"x": "x"}),
    step(Second(), output_state="z", input_map={"y": "y"}),
    step(Third(), output_state="out", input_map={"z": "z"}),
], state_type=State)
print(asyncio.run(pipeline.invoke({"x": 0}))["out"])
"""


PEER = Gllm()
