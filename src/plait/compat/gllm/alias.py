"""Names for types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.types import Group, Val

PipelineSteps: TypeAlias = "BasePipelineStep | list[BasePipelineStep]"
PipelineState: TypeAlias = "Mapping[str, Any] | Any"
InputMapSpec: TypeAlias = "Mapping[str, str | Val | Group] | Sequence[str | Mapping[str, str | Val | Group]]"
