"""``BaseStepErrorHandler``."""

from plait.compat.gllm.steps.step_error_handler import BaseStepErrorHandler

__all__ = ["BaseStepErrorHandler"]
