"""Checkpointers.

Any object can be one: the runs are kept in this process, for as long as the object lives. Keeping them anywhere else is not
built yet.
"""

from __future__ import annotations

from typing import Any

from plait.compat.gllm.exceptions import PipelineNotImplementedError
from plait.compat.gllm.pipeline.checkpoint.exceptions import CheckpointIdMismatchError, CheckpointSaverError

__all__ = [
    "CheckpointIdMismatchError",
    "CheckpointSaverError",
    "DataStoreSaver",
    "InMemorySaver",
    "MemorySaver",
]


class InMemorySaver:
    """Keeps runs that stop, in this process."""


MemorySaver = InMemorySaver


class DataStoreSaver:
    """Would keep runs in a data store.

    Raises:
        PipelineNotImplementedError: always.
    """

    def __init__(self, *_: Any, **__: Any) -> None:
        raise PipelineNotImplementedError(
            "DataStoreSaver: keeping runs in a data store is not built yet; InMemorySaver() keeps them in this process"
        )
