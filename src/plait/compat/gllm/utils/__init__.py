"""Helpers that custom steps import."""

from plait.compat.gllm.utils.async_utils import execute_callable
from plait.compat.gllm.utils.error_handling import ErrorContext, ValidationError, create_error_context
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin

__all__ = ["ErrorContext", "HasInputsMixin", "ValidationError", "create_error_context", "execute_callable"]
