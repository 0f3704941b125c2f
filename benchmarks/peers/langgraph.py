"""LangGraph: one node per step, edges from the shape, no checkpointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

ENDLESS = {"recursion_limit": 1_000_000}

State = dict[str, Any]


def _node(call: Callable[..., Awaitable[Any]], reads: Sequence[str], writes: str) -> Any:
    """A node function: it reads its keys from the state and returns its update."""
    keys = tuple(reads)

    async def node(state: State) -> State:
        return {writes: await call(*[state[key] for key in keys])}

    return node


class LangGraph(Peer):
    """Its nodes get the whole state and return an update."""

    name = "langgraph"
    distribution = "langgraph"
    slow = True

    def prepare(self) -> None:
        import langgraph.graph  # noqa: F401

    def _graph(self, *keys: str) -> Any:
        from langgraph.graph import StateGraph
        from typing_extensions import TypedDict

        return StateGraph(TypedDict("State", dict.fromkeys(keys, object)))  # type: ignore[operator]

    def chain(self, length: int, *, suspends: bool) -> Run:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        graph = self._graph("x")
        node = _node(work.inc_later if suspends else work.inc, ["x"], "x")
        for i in range(length):
            graph.add_node(f"inc{i}", node)
            graph.add_edge(f"inc{i - 1}" if i else BEGIN, f"inc{i}")
        graph.add_edge(f"inc{length - 1}", END)
        app = graph.compile()

        async def run() -> object:
            return (await app.ainvoke({"x": 0}, ENDLESS))["x"]

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        names = [f"y{i}" for i in range(width)]
        graph = self._graph("x", *names)
        inc = work.inc_later if suspends else work.inc
        for name in names:
            graph.add_node(f"inc_{name}", _node(inc, ["x"], name))
            graph.add_edge(BEGIN, f"inc_{name}")
            graph.add_edge(f"inc_{name}", END)
        app = graph.compile()

        async def run() -> object:
            state = await app.ainvoke({"x": 0}, ENDLESS)
            return [state[name] for name in names]

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        flow = self._graph(START, *(node.name for node in graph.nodes))
        for node in graph.nodes:
            call = work.graph_step(node.seconds, len(node.inputs))
            flow.add_node(f"do_{node.name}", _node(call, node.inputs, node.name))
            flow.add_edge([f"do_{name}" for name in node.after] if node.after else BEGIN, f"do_{node.name}")
        flow.add_edge([f"do_{name}" for name in graph.outputs], END)
        app = flow.compile()
        config = {**ENDLESS, "max_concurrency": slots} if slots else ENDLESS

        async def run() -> object:
            state = await app.ainvoke({START: 1}, config)
            return {name: state[name] for name in graph.outputs}

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        graph = self._graph("document", "text", "report", *delays.analyses)
        graph.add_node("extract", _node(work.analysis("text", delays.extract), ["document"], "text"))
        graph.add_edge(BEGIN, "extract")
        before = "extract"
        for name, seconds in delays.analyses.items():
            graph.add_node(f"find_{name}", _node(work.analysis(name, seconds), ["text"], name))
            graph.add_edge(before, f"find_{name}")
            before = f"find_{name}" if plain_list else "extract"
        graph.add_node("write", _node(work.reporter(delays.report), list(delays.analyses), "report"))
        graph.add_edge(before if plain_list else [f"find_{name}" for name in delays.analyses], "write")
        graph.add_edge("write", END)
        app = graph.compile()

        async def analyse(document: str) -> str:
            report = (await app.ainvoke({"document": document}))["report"]
            assert isinstance(report, str)
            return report

        return analyse

    def blocking(self, seconds: Sequence[float]) -> Run:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        names = [f"y{i}" for i in range(len(seconds))]
        graph = self._graph("x", *names)

        def node(duration: float, name: str) -> Callable[[State], State]:
            block = work.blocking(duration)
            return lambda state: {name: block(state["x"])}

        for name, duration in zip(names, seconds, strict=True):
            graph.add_node(f"block_{name}", node(duration, name))
            graph.add_edge(BEGIN, f"block_{name}")
            graph.add_edge(f"block_{name}", END)
        app = graph.compile()

        async def run() -> object:
            state = await app.ainvoke({"x": 0})
            return [state[name] for name in names]

        return run

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        from langgraph.graph import END
        from langgraph.graph import START as BEGIN

        names = [f"sum{i}" for i in range(4)]
        graph = self._graph("rows", *names)
        for i, name in enumerate(names):
            graph.add_node(f"read{i}", _node(work.reader(i, whole=whole), ["rows"], name))
            graph.add_edge(BEGIN, f"read{i}")
            graph.add_edge(f"read{i}", END)
        app = graph.compile()

        async def run() -> object:
            state = await app.ainvoke({"rows": rows})
            return [state[name] for name in names]

        return run

    def program(self) -> str:
        return """
import asyncio
from typing import TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict):
    x: int
    y: int
    z: int
    out: int

async def first(state): return {"y": state["x"] + 1}
async def second(state): return {"z": state["y"] + 1}
async def third(state): return {"out": state["z"] + 1}

graph = StateGraph(State)
graph.add_node("first", first)
graph.add_node("second", second)
graph.add_node("third", third)
graph.add_edge(START, "first")
graph.add_edge("first", "second")
graph.add_edge("second", "third")
graph.add_edge("third", END)
print(asyncio.run(graph.compile().ainvoke({"x": 0}))["out"])
"""


PEER = LangGraph()
