"""What the fixtures of pytest give to a test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

from plait.pipeline import Pipeline
from plait.result import Result
from plait.run.lifecycle import tear_down_on
from plait.testing import run_serial
from plait.testing.virtual import run_virtual

S = TypeVar("S")


class Virtually(Protocol):
    """The type of ``plait_run``."""

    def __call__(
        self,
        pipeline: Pipeline[S, Any],
        inputs: Any,
        *,
        seed: int = 0,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
    ) -> Result[S]:
        """Run a pipeline on a virtual clock."""
        ...


class Serially(Protocol):
    """The type of ``plait_serial``."""

    def __call__(
        self,
        pipeline: Pipeline[S, Any],
        inputs: Any,
        *,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
    ) -> Result[S]:
        """Run a pipeline one step at a time."""
        ...


def run_virtually(
    pipeline: Pipeline[S, Any],
    inputs: Any,
    *,
    seed: int = 0,
    config: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    deadline: float | None = None,
    observers: Iterable[Any] = (),
) -> Result[S]:
    """Run a pipeline on a fresh virtual clock, whose order comes from the seed.

    Raises:
        RuntimeError: in a test that is itself a coroutine; that one awaits ``pipeline.arun``.
    """
    __tracebackhide__ = True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError(
            "plait_run has an event loop of its own, so it wants a plain `def test_...`; an async test awaits pipeline.arun(...)"
        )

    async def main() -> Result[S]:
        try:
            return await pipeline.arun(
                inputs, config=config, context=context, deadline=deadline, observers=observers
            )
        finally:
            await tear_down_on(asyncio.get_running_loop())

    try:
        return run_virtual(main(), seed=seed)
    except Exception as error:
        error.add_note(f"run by plait_run with seed={seed}")
        raise


def run_serially(
    pipeline: Pipeline[S, Any],
    inputs: Any,
    *,
    config: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    deadline: float | None = None,
    observers: Iterable[Any] = (),
) -> Result[S]:
    """Run a pipeline one step at a time in this thread."""
    __tracebackhide__ = True
    return run_serial(
        pipeline, inputs, config=config, context=context, deadline=deadline, observers=observers
    )
