"""A named place for breakpoints: ``pause``."""

from __future__ import annotations

from typing import Any

from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.no_op_step import NoOpStep


class PauseStep(NoOpStep):
    """Does nothing; ``interrupt_before=["its name"]`` stops there. See ``pause``.

    Args:
        name: its name.
        settings: ``retry_config`` and ``error_handler``; a ``cache`` is refused.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        if settings.pop("cache", None) is not None:
            raise PipelineTypeError(f"pause {name!r}: there is nothing to keep in a cache")
        super().__init__(name, **settings)
