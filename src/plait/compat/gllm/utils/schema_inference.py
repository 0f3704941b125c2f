"""The error for keys that can't be told from the steps."""

from plait.compat.gllm.exceptions import PipelineSchemaError

__all__ = ["PipelineSchemaError"]
