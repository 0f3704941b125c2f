"""Apache Hamilton: one function per step, wired by parameter names, run with the async driver."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks import work
from benchmarks.peers.base import Analyse, NotOffered, Peer, Run
from benchmarks.shapes import START, Delays, Graph

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_numbers = count()


def _function(
    call: Callable[..., Awaitable[Any]], name: str, reads: Sequence[str], kind: type, result: type
) -> Any:
    """A function called *name* whose parameters are *reads*: this is how the library learns the graph."""
    space: dict[str, Any] = {"call": call, "kind": kind, "result": result}
    declared = ", ".join(f"{key}: kind" for key in reads)
    exec(f"async def {name}({declared}) -> result:\n    return await call({', '.join(reads)})\n", space)
    return space[name]


class Hamilton(Peer):
    """Pure data flow: every chain and fan-out is one."""

    name = "hamilton"
    distribution = "apache-hamilton"
    slow = True

    def prepare(self) -> None:
        import hamilton.async_driver  # noqa: F401

    def _run(
        self, functions: Sequence[Any], wanted: Sequence[str]
    ) -> Callable[[dict[str, Any]], Awaitable[Any]]:
        from hamilton import ad_hoc_utils, async_driver

        module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"benchmark_{next(_numbers)}")
        driver = asyncio.run(async_driver.Builder().with_modules(module).build())
        names = list(wanted)

        async def run(inputs: dict[str, Any]) -> Any:
            return await driver.execute(names, inputs=inputs)

        return run

    def chain(self, length: int, *, suspends: bool) -> Run:
        inc = work.inc_later if suspends else work.inc
        functions = [_function(inc, f"v{i + 1}", [f"v{i}"], int, int) for i in range(length)]
        last = f"v{length}"
        execute = self._run(functions, [last])

        async def run() -> object:
            return (await execute({"v0": 0}))[last]

        return run

    def fan_out(self, width: int, *, suspends: bool) -> Run:
        inc = work.inc_later if suspends else work.inc
        names = [f"y{i}" for i in range(width)]
        execute = self._run([_function(inc, name, ["x"], int, int) for name in names], names)

        async def run() -> object:
            found = await execute({"x": 0})
            return [found[name] for name in names]

        return run

    def graph(self, graph: Graph, *, slots: int | None = None) -> Run:
        if slots:
            raise NotOffered("no limit in the async driver")
        functions = [
            _function(work.graph_step(node.seconds, len(node.inputs)), node.name, node.inputs, int, int)
            for node in graph.nodes
        ]
        execute = self._run(functions, graph.outputs)

        async def run() -> object:
            return await execute({START: 1})

        return run

    def tutorial(self, delays: Delays, *, plain_list: bool = False) -> Analyse:  # noqa: ARG002 - the same either way
        functions = [
            _function(work.analysis("text", delays.extract), "text", ["document"], str, str),
            *(
                _function(work.analysis(name, seconds), name, ["text"], str, str)
                for name, seconds in delays.analyses.items()
            ),
            _function(work.reporter(delays.report), "report", list(delays.analyses), str, str),
        ]
        execute = self._run(functions, ["report"])

        async def analyse(document: str) -> str:
            report = (await execute({"document": document}))["report"]
            assert isinstance(report, str)
            return report

        return analyse

    def readers(self, rows: list[dict[str, int]], *, whole: bool) -> Run:
        names = [f"sum{i}" for i in range(4)]
        execute = self._run(
            [
                _function(work.reader(i, whole=whole), name, ["rows"], list, int)
                for i, name in enumerate(names)
            ],
            names,
        )

        async def run() -> object:
            found = await execute({"rows": rows})
            return [found[name] for name in names]

        return run

    def program(self) -> str:
        return """
import asyncio
from hamilton import ad_hoc_utils, async_driver

async def y(x: int) -> int: return x + 1
async def z(y: int) -> int: return y + 1
async def out(z: int) -> int: return z + 1

async def main():
    module = ad_hoc_utils.create_temporary_module(y, z, out)
    driver = await async_driver.Builder().with_modules(module).build()
    return await driver.execute(["out"], inputs={"x": 0})

print(asyncio.run(main())["out"])
"""


PEER = Hamilton()
