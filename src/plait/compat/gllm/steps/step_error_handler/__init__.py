"""What to do when a step has failed for good."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.utils.error_handling import ErrorContext

__all__ = [
    "BaseStepErrorHandler",
    "EmptyStepErrorHandler",
    "FallbackStepErrorHandler",
    "KeepStepErrorHandler",
    "RaiseStepErrorHandler",
]


class BaseStepErrorHandler(ABC):
    """The base of error handlers: subclass it with ``_handle(self, error, state, runtime, context)``.

    It is asked once, when the last attempt has failed.

    Args:
        log_level: at which level the logger ``plait.compat.gllm`` tells of the error.
    """

    _raises = False
    _keys: tuple[str, ...] | None = None
    """The keys that it may write, if that is known; None: any."""

    def __init__(self, log_level: int = logging.ERROR) -> None:
        self.log_level = log_level
        self.logger = logging.getLogger("plait.compat.gllm")

    def handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:
        """Tell the log, then do what the handler does."""
        logger = getattr(self, "logger", None) or logging.getLogger("plait.compat.gllm")
        level = getattr(self, "log_level", logging.ERROR)
        logger.log(level, "step %s failed with %s", context.step_name, type(error).__name__)
        return self._handle(error, state, runtime, context)

    @abstractmethod
    def _handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:
        """Give what is to be written (a dict or None), or raise."""


class RaiseStepErrorHandler(BaseStepErrorHandler):
    """Let the run fail: what happens without a handler."""

    _raises = True

    def _handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:  # noqa: ARG002
        raise error


class KeepStepErrorHandler(BaseStepErrorHandler):
    """Go on; the keys keep the values that they had."""

    _keys = ()

    def _handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:  # noqa: ARG002
        return None


class EmptyStepErrorHandler(BaseStepErrorHandler):
    """Go on with None in these keys.

    Args:
        output_state: the key, or keys.
    """

    def __init__(self, output_state: str | list[str]) -> None:
        super().__init__()
        self.output_state = [output_state] if isinstance(output_state, str) else list(output_state)
        self._keys = tuple(self.output_state)

    def _handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:  # noqa: ARG002
        return dict.fromkeys(self.output_state)


class FallbackStepErrorHandler(BaseStepErrorHandler):
    """Go on with what a function gives.

    Args:
        fallback: called with the error, the state, the runtime and the context; a ``def`` or ``async def`` that gives what
            is to be written: a dict, or None.
    """

    def __init__(self, fallback: Callable[[BaseException, Any, Any, ErrorContext], Any]) -> None:
        super().__init__()
        if not callable(fallback):
            raise PipelineTypeError(
                f"FallbackStepErrorHandler({fallback!r}): it takes a function of (error, state, runtime, context)"
            )
        self.fallback = fallback

    def _handle(self, error: BaseException, state: Any, runtime: Any, context: ErrorContext) -> Any:
        return self.fallback(error, state, runtime, context)
