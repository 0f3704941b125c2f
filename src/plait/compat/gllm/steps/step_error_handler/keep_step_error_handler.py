"""``KeepStepErrorHandler``."""

from plait.compat.gllm.steps.step_error_handler import KeepStepErrorHandler

__all__ = ["KeepStepErrorHandler"]
