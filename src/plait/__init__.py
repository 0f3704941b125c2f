"""Plait runs AI pipelines in parallel, and proves beforehand that this is safe.

>>> from plait import Pipeline, parallel, step
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from plait._version import __version__
from plait.context import StepContext, current_step
from plait.core.flow import Chain, Dataflow, Parallel, Subgraph, dataflow, parallel, subgraph
from plait.core.inputs import Config, Optional, Val
from plait.core.kinds import bundle, log, transform
from plait.core.policy import Retry
from plait.core.step import Step, step
from plait.errors import (
    DeadlineExceeded,
    DefinitionError,
    Failure,
    Failures,
    InputError,
    InvalidPipeline,
    MissingExtra,
    OutputError,
    PipelineErrors,
    PlaitError,
    StepCancelled,
    StepTimeout,
    StepWouldNotStop,
    failures,
)
from plait.run.limits import Limit, Limits, set_limits

if TYPE_CHECKING:
    from plait.pipeline import Pipeline, Result
    from plait.run.loops import shutdown

__all__ = [
    "Chain",
    "Config",
    "Dataflow",
    "DeadlineExceeded",
    "DefinitionError",
    "Failure",
    "Failures",
    "InputError",
    "InvalidPipeline",
    "Limit",
    "Limits",
    "MissingExtra",
    "Optional",
    "OutputError",
    "Parallel",
    "Pipeline",
    "PipelineErrors",
    "PlaitError",
    "Result",
    "Retry",
    "Step",
    "StepCancelled",
    "StepContext",
    "StepTimeout",
    "StepWouldNotStop",
    "Subgraph",
    "Val",
    "__version__",
    "bundle",
    "current_step",
    "dataflow",
    "failures",
    "log",
    "parallel",
    "set_limits",
    "shutdown",
    "step",
    "subgraph",
    "transform",
]

_WITH_ASYNCIO = {"Pipeline": "plait.pipeline", "Result": "plait.pipeline", "shutdown": "plait.run.loops"}
"""Names that come when they are first asked for: asyncio takes longer to load than all the rest, and
``plait --help`` or a module that only makes steps has no use for it."""

if not TYPE_CHECKING:  # a type checker would take every misspelt name for one of these

    def __getattr__(name: str) -> object:
        if name not in _WITH_ASYNCIO:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_WITH_ASYNCIO[name]), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


def _quiet() -> None:
    import logging

    logging.getLogger("plait").addHandler(logging.NullHandler())


_quiet()
