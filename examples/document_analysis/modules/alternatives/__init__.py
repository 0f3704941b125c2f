"""Other components for the same places in the pipeline, with more packages behind them.

They return what the default ones return, so one takes the place of the other without a change elsewhere:

    pipeline.with_components({"analyses/language_detector": LinguaLanguageDetector()})
"""

from __future__ import annotations

from .lingua_language_detector import LinguaLanguageDetector
from .semantic_topic_detector import SemanticTopicDetector

__all__ = ["LinguaLanguageDetector", "SemanticTopicDetector"]
