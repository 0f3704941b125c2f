"""The words of the tables about stopping, errors and time, and how a cell says what came out."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

from tests.run.bench import Bench, Ended

from plait import Pipeline, Retry, parallel, step, try_catch


def steps_of_cell(bench: Bench, cell: str) -> list[Any]:
    """The steps that a cell builds."""

    def nested(name: str, *steps: Any) -> Any:
        inner = Pipeline(list(steps), name="inner")

        async def work() -> None:
            await inner.arun({})

        return step(work, None, name, name=name)

    words = {
        "ok": bench.ok,
        "bad": bench.bad,
        "deaf": bench.deaf,
        "swallows": bench.swallows,
        "dirty": lambda name, **options: bench.dirty(name, OSError("dirty"), **options),
        "nested": nested,
        "parallel": parallel,
        "try_catch": try_catch,
        "Retry": Retry,
        "CancelledError": CancelledError,
    }
    made = eval(cell, words)
    return made if isinstance(made, list) else [made]


def outcome(got: Ended) -> str:
    """The state, or the name of the error."""
    if got.error is None:
        return repr(got.state).replace("'", '"')
    return type(got.error).__name__


def seconds(cell: str) -> float | None:
    """A cell with a number; a dash is none."""
    return None if cell == "-" else float(cell)
