"""The names that a case is written with, from the real library or from `plait.compat.gllm`.

A case gets one of these and uses nothing else of either library, so the same text runs on both.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from types import ModuleType
from typing import Any

from typing_extensions import TypedDict

REAL = "gllm_pipeline"
COMPAT = "plait.compat.gllm"

PLACES = {
    "pipeline": ["Pipeline", "RAGState"],
    "steps": [
        "bundle", "copy", "goto", "guard", "if_else", "interrupt", "log", "map_reduce", "no_op", "parallel",
        "pause", "step", "subgraph", "switch", "terminate", "toggle", "transform", "try_catch", "while_do",
        "ConditionalStep", "MapReduceStep", "EmptyStepErrorHandler", "FallbackStepErrorHandler",
        "KeepStepErrorHandler", "RaiseStepErrorHandler",
    ],
    "steps.pipeline_step": ["BasePipelineStep"],
    "steps.step_error_handler.step_error_handler": ["BaseStepErrorHandler"],
    "types": ["CacheConfig", "Group", "PipelineInvocation", "Val"],
}  # fmt: skip
"""Where the original keeps what the cases use; `plait.compat.gllm` has the same places."""

ROUTER = "router.rule_based_router"


def is_there(name: str) -> bool:
    """Whether a module can be found, whatever is missing on the way to it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Library:
    """One of the two libraries. What ran is counted in `ran`, by the names that the cases give."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.ran: Counter[str] = Counter()
        for place, names in PLACES.items():
            module = importlib.import_module(f"{root}.{place}")
            for name in names:
                setattr(self, name, getattr(module, name))
        core = _core()
        for name in ("Component", "main", "Event", "EventEmitter", "BaseEventHandler", "RetryConfig"):
            setattr(self, name, getattr(core, name))
        self.parts = _parts(self)

    def __getattr__(self, name: str) -> Any:  # for type checkers and for a clear error
        raise AttributeError(f"the cases use {name!r}, and library.py does not take it from {self.root}")

    @property
    def is_real(self) -> bool:
        """Whether this is the original."""
        return self.root == REAL

    def note(self, name: str) -> None:
        """Count that a step ran."""
        self.ran[name] += 1

    def noted(self, name: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """A function that counts its calls."""

        def noted(inputs: Any) -> Any:
            self.note(name)
            return function(inputs)

        return noted

    @staticmethod
    def state(**types: Any) -> Any:
        """A state type with these keys."""
        return TypedDict("State", types, total=False)  # type: ignore[operator]

    def router(self) -> ModuleType:
        """The module of the keyword router."""
        return importlib.import_module(f"{self.root}.{ROUTER}")

    def checkpointer(self) -> Any:
        """A checkpointer in memory, as people use one with either library."""
        if self.is_real:
            from langgraph.checkpoint.memory import InMemorySaver

            return InMemorySaver()
        module = importlib.import_module(f"{self.root}.pipeline.checkpoint")
        return module.InMemorySaver()

    def collector(self) -> tuple[Any, list[Any]]:
        """An event emitter and the list of the events that it is given."""
        events: list[Any] = []

        class Collector(self.BaseEventHandler):
            async def emit(self, event: Any) -> None:
                events.append(event)

        return self.EventEmitter([Collector()]), events


def real() -> Library | None:
    """The original; None where it is not installed."""
    if not is_there(f"{REAL}.pipeline"):
        return None
    return Library(REAL)


def versions() -> str:
    """The versions of the original and of what runs it."""
    names = ("gllm-pipeline-binary", "gllm-core-binary", "langgraph")
    return ", ".join(f"{name} {metadata.version(name)}" for name in names)


def _core() -> Any:
    """Components, events and the retry settings: those of gllm_core where it is installed."""
    if not is_there("gllm_core"):
        return importlib.import_module("tests.compat.gllm.standins")
    from gllm_core.utils.logger_manager import LoggerManager

    LoggerManager().set_level(logging.CRITICAL)  # it writes on standard output
    space = ModuleType("core")
    for place, names in {
        "schema": ["Component", "main", "Event"],
        "event": ["EventEmitter"],
        "event.handler.event_handler": ["BaseEventHandler"],
        "utils.retry": ["RetryConfig"],
    }.items():
        module = importlib.import_module(f"gllm_core.{place}")
        for name in names:
            setattr(space, name, getattr(module, name))
    space.Component.set_global_log_level(logging.CRITICAL)
    return space


class _Parts:
    """The components that most cases use. Each counts its runs under its label."""

    Double: Any
    Add: Any
    Upper: Any
    Pair: Any
    Fail: Any
    Flaky: Any
    Sleep: Any
    Say: Any
    Answer: Any


def _parts(lib: Any) -> _Parts:
    main = lib.main

    class Labelled(lib.Component):
        def __init__(self, label: str | None = None) -> None:
            self.label = label or type(self).__name__.lower()

    class Double(Labelled):
        @main
        async def double(self, x: int) -> int:
            lib.note(self.label)
            return 2 * x

    class Add(Labelled):
        @main
        async def add(self, a: int, b: int) -> int:
            lib.note(self.label)
            return a + b

    class Upper(Labelled):
        @main
        async def upper(self, text: str) -> str:
            lib.note(self.label)
            return text.upper()

    class Pair(Labelled):
        @main
        async def pair(self, x: int) -> list[int]:
            lib.note(self.label)
            return [x, x + 1]

    class Fail(Labelled):
        def __init__(self, error: Exception, label: str | None = None) -> None:
            super().__init__(label)
            self.error = error

        @main
        async def fail(self, x: int) -> int:
            lib.note(self.label)
            raise self.error

    class Flaky(Labelled):
        def __init__(self, failures: int, error: Exception, label: str | None = None) -> None:
            super().__init__(label)
            self.left = failures
            self.error = error

        @main
        async def work(self, x: int) -> int:
            lib.note(self.label)
            if self.left:
                self.left -= 1
                raise self.error
            return 2 * x

    class Sleep(Labelled):
        def __init__(self, seconds: float, label: str | None = None) -> None:
            super().__init__(label)
            self.seconds = seconds

        @main
        async def sleep(self, x: int) -> int:
            lib.note(f"{self.label} began")
            await asyncio.sleep(self.seconds)
            lib.note(self.label)
            return x

    class Say(Labelled):
        @main
        async def say(self, text: str, event_emitter: Any) -> str:
            lib.note(self.label)
            await event_emitter.emit(lib.Event(value=text, type="word"))
            return text

    class Answer(Labelled):
        """Answers the same whatever it is asked: for conditions, which get the state key x and an emitter."""

        def __init__(self, answer: Any, label: str | None = None) -> None:
            super().__init__(label)
            self.answer = answer

        @main
        async def answer_always(self, x: int, event_emitter: Any = None) -> Any:
            lib.note(self.label)
            return self.answer

    parts = _Parts()
    for made in (Double, Add, Upper, Pair, Fail, Flaky, Sleep, Say, Answer):
        setattr(parts, made.__name__, made)
    return parts
