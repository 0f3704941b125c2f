"""``FallbackStepErrorHandler``."""

from plait.compat.gllm.steps.step_error_handler import FallbackStepErrorHandler

__all__ = ["FallbackStepErrorHandler"]
