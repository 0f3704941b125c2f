"""``RaiseStepErrorHandler``."""

from plait.compat.gllm.steps.step_error_handler import RaiseStepErrorHandler

__all__ = ["RaiseStepErrorHandler"]
