"""Leaving steps out: ``pipeline.exclusions.exclude("analyses.topics")``."""

from plait.compat.gllm.exclusions.exclusion_manager import ExclusionManager
from plait.compat.gllm.exclusions.exclusion_set import ExclusionSet

__all__ = ["ExclusionManager", "ExclusionSet"]
