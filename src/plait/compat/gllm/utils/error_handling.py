"""What an error handler is told."""

from __future__ import annotations

from typing import Any, ClassVar

from plait.compat.gllm.exceptions import PipelineValueError


class ErrorContext:
    """Where an error happened.

    Attributes:
        exception: the error.
        step_name: the step's name.
        step_type: the step's class.
        state: the state that the step saw.
        operation: what was being done.
        additional_context: more, or None.
    """

    __slots__ = ("additional_context", "exception", "operation", "state", "step_name", "step_type")

    def __init__(
        self,
        exception: BaseException,
        step_name: str,
        step_type: str,
        state: Any = None,
        operation: str = "execution",
        additional_context: str | None = None,
    ) -> None:
        self.exception, self.step_name, self.step_type = exception, step_name, step_type
        self.state, self.operation, self.additional_context = state, operation, additional_context

    def model_dump(self) -> dict[str, Any]:
        """All of it as a dict."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __repr__(self) -> str:
        return f"ErrorContext(step_name={self.step_name!r}, exception={self.exception!r})"


class ValidationError(PipelineValueError):
    """A step was made or called with something that does not fit."""

    code: ClassVar[str | None] = "GLLM-PIPE-STEP-VALIDATION"


def create_error_context(
    exception: Exception, step_name: str, step_type: str, state: Any, operation: str, **more: Any
) -> ErrorContext:
    """Make an ``ErrorContext``."""
    return ErrorContext(
        exception,
        step_name,
        step_type,
        state,
        operation,
        additional_context=more.get("additional_context"),
    )
