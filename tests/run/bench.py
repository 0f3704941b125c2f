"""Components that note what they do, and runs on a virtual clock that tell how they ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from plait import Failure, Pipeline, failures, step
from plait.testing.virtual import run_virtual


class Note(NamedTuple):
    """What a component did, and when."""

    at: float
    name: str
    what: str


class Ended(NamedTuple):
    """How a run ended."""

    took: float
    state: Any
    error: BaseException | None
    failures: tuple[Failure, ...]

    @property
    def paths(self) -> list[str]:
        """Which steps failed."""
        return [failure.path for failure in self.failures]

    @property
    def notes(self) -> list[str]:
        """The notes of the error."""
        return list(getattr(self.error, "__notes__", ()))


class Bench:
    """Makes steps; each writes the key of its own name, and its value is that name."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, name: str, what: str) -> None:
        """Write down what a component does."""
        self.notes.append(Note(round(asyncio.get_running_loop().time(), 6), name, what))

    def did(self, name: str) -> list[str]:
        """What a component did."""
        return [note.what for note in self.notes if note.name == name]

    def when(self, name: str, what: str) -> list[float]:
        """At which moments it did this."""
        return [note.at for note in self.notes if (note.name, note.what) == (name, what)]

    def ok(self, name: str, takes: float = 1.0, *, cleanup: float = 0.0, **options: Any) -> Any:
        """A step that succeeds after so many seconds; its cleanup may take its time as well."""

        async def work() -> str:
            self.note(name, "began")
            try:
                await asyncio.sleep(takes)
            except asyncio.CancelledError:
                self.note(name, "cancelled")
                if cleanup:
                    await asyncio.sleep(cleanup)
                    self.note(name, "cleaned")
                raise
            self.note(name, "ended")
            return name

        return step(work, None, name, name=name, **options)

    def bad(
        self,
        name: str,
        after: float = 1.0,
        error: BaseException | Callable[[], BaseException] | None = None,
        *,
        times: int | None = None,
        **options: Any,
    ) -> Any:
        """A step that fails after so many seconds, each time or so many times."""
        calls = 0

        async def work() -> str:
            nonlocal calls
            calls += 1
            self.note(name, "began")
            try:
                await asyncio.sleep(after)
            except asyncio.CancelledError:
                self.note(name, "cancelled")
                raise
            if times is not None and calls > times:
                self.note(name, "ended")
                return name
            self.note(name, "failed")
            if error is None:
                raise ValueError(name)
            raise error if isinstance(error, BaseException) else error()

        return step(work, None, name, name=name, **options)

    def dirty(self, name: str, error: BaseException, takes: float = 100.0, **options: Any) -> Any:
        """A step that raises an error of its own when it is cancelled."""

        async def work() -> None:
            self.note(name, "began")
            try:
                await asyncio.sleep(takes)
            finally:
                self.note(name, "raised")
                raise error

        return step(work, None, name, name=name, **options)

    def deaf(self, name: str, times: int, takes: float = 100.0, **options: Any) -> Any:
        """A step that ignores so many cancellations, and goes on with what it did."""

        async def work() -> str:
            self.note(name, "began")
            for _ in range(times):
                try:
                    await asyncio.sleep(takes)
                except asyncio.CancelledError:
                    self.note(name, "ignored")
                else:
                    break
            else:
                try:
                    await asyncio.sleep(takes)
                except asyncio.CancelledError:
                    self.note(name, "cancelled")
                    raise
            self.note(name, "ended")
            return name

        return step(work, None, name, name=name, **options)

    def swallows(self, name: str, takes: float = 100.0, **options: Any) -> Any:
        """A step that answers a cancellation by returning a value at once."""

        async def work() -> str:
            self.note(name, "began")
            try:
                await asyncio.sleep(takes)
            except asyncio.CancelledError:
                self.note(name, "swallowed")
            return name

        return step(work, None, name, name=name, **options)


async def ended(
    pipeline: Pipeline[Any, Any], inputs: Mapping[str, Any] | None = None, **options: Any
) -> Ended:
    """Run a pipeline on the running loop and tell how it ended."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        result = await pipeline.arun(dict(inputs or {}), **options)
    except BaseException as error:
        return Ended(round(loop.time() - began, 6), None, error, tuple(failures(error)))
    return Ended(round(loop.time() - began, 6), result.state, None, result.failures)


def run(
    steps: Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    pipeline: Any = None,
    **options: Any,
) -> Ended:
    """Run steps as a pipeline on a virtual clock; ``options`` are the pipeline's."""
    made = Pipeline(steps, **options) if pipeline is None else pipeline
    return run_virtual(ended(made, inputs), seed=seed)
