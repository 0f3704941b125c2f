"""Errors of keeping runs elsewhere. Nothing raises them: runs are kept in this process only."""

from __future__ import annotations

from typing import ClassVar

from plait.compat.gllm.exceptions import BasePipelineError


class CheckpointSaverError(BasePipelineError):
    """A run could not be kept."""

    code: ClassVar[str | None] = "GLLM-PIPE-CHECKPOINT-SAVER"


class CheckpointIdMismatchError(CheckpointSaverError):
    """A snapshot of this id was there already."""

    code: ClassVar[str | None] = "GLLM-PIPE-CHECKPOINT-ID-MISMATCH"
