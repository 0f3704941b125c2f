"""``EmptyStepErrorHandler``."""

from plait.compat.gllm.steps.step_error_handler import EmptyStepErrorHandler

__all__ = ["EmptyStepErrorHandler"]
