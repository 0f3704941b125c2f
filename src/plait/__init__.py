"""Plait runs AI pipelines in parallel, and proves beforehand that this is safe.

>>> from plait import Pipeline, parallel, step
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from plait._version import __version__
from plait.context import StepContext, current_step
from plait.core.control import END, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Parallel, Subgraph, dataflow, parallel, subgraph
from plait.core.handlers import Empty, ErrorHandler, Fallback, Keep, Raise
from plait.core.inputs import Config, Group, Optional, Val
from plait.core.kinds import bundle, copy, interrupt, log, no_op, pause, terminate, transform
from plait.core.policy import Retry
from plait.core.step import Step, step
from plait.errors import (
    ConditionError,
    DeadlineExceeded,
    DefinitionError,
    Failure,
    Failures,
    InputError,
    InvalidPipeline,
    MissingExtra,
    NotSendable,
    OutputError,
    PauseError,
    PipelineErrors,
    PlaitError,
    StepCancelled,
    StepTimeout,
    StepWouldNotStop,
    TooManyTurns,
    WorkerDied,
    failures,
)
from plait.run.limits import Limit, Limits, set_limits

if TYPE_CHECKING:
    from plait.composer import Composer
    from plait.core.branching import guard, if_else, switch, toggle
    from plait.core.cache import Cache
    from plait.core.handling import try_catch
    from plait.core.looping import goto, map_reduce, while_do
    from plait.core.racing import race
    from plait.pipeline import Pipeline
    from plait.result import Result
    from plait.run.loops import shutdown
    from plait.stores.memory_cache import MemoryCache

__all__ = [
    "END",
    "Cache",
    "Chain",
    "Choice",
    "Composer",
    "ConditionError",
    "Config",
    "Dataflow",
    "DeadlineExceeded",
    "DefinitionError",
    "Empty",
    "ErrorHandler",
    "Failure",
    "Failures",
    "Fallback",
    "Goto",
    "Group",
    "InputError",
    "InvalidPipeline",
    "Keep",
    "Limit",
    "Limits",
    "Loop",
    "MapReduce",
    "MemoryCache",
    "MissingExtra",
    "NotSendable",
    "Optional",
    "OutputError",
    "Parallel",
    "PauseError",
    "Pipeline",
    "PipelineErrors",
    "PlaitError",
    "Raise",
    "Result",
    "Retry",
    "Step",
    "StepCancelled",
    "StepContext",
    "StepTimeout",
    "StepWouldNotStop",
    "Subgraph",
    "TooManyTurns",
    "Try",
    "Val",
    "WorkerDied",
    "__version__",
    "bundle",
    "copy",
    "current_step",
    "dataflow",
    "failures",
    "goto",
    "guard",
    "if_else",
    "interrupt",
    "log",
    "map_reduce",
    "no_op",
    "parallel",
    "pause",
    "race",
    "set_limits",
    "shutdown",
    "step",
    "subgraph",
    "switch",
    "terminate",
    "toggle",
    "transform",
    "try_catch",
    "while_do",
]

_LATER = {
    "Composer": "plait.composer",
    "Cache": "plait.core.cache",
    "MemoryCache": "plait.stores.memory_cache",
    "Pipeline": "plait.pipeline",
    "Result": "plait.result",
    "shutdown": "plait.run.loops",
    **dict.fromkeys(("guard", "if_else", "switch", "toggle"), "plait.core.branching"),
    **dict.fromkeys(("goto", "map_reduce", "while_do"), "plait.core.looping"),
    "race": "plait.core.racing",
    "try_catch": "plait.core.handling",
}
"""Names that come when they are first asked for: asyncio takes longer to load than all the rest, and
``plait --help`` or a module that only makes steps has no use for it."""

if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> object:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_LATER[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def _quiet() -> None:
    import logging

    logging.getLogger("plait").addHandler(logging.NullHandler())


_quiet()
