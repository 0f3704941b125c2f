"""The components of the document analysis service.

Each is an ordinary class: parameters in `__init__`, the model loaded once in `setup()`, the work in
`__call__`. None knows of pipelines, of threads, or of the other components, so each can be used and
tested alone:

    extractor = DocumentExtractor()
    extractor.setup()
    extraction = extractor("documents/manifesto.it.html")
"""

from __future__ import annotations

from .document_extractor import (
    DamagedDocument,
    DocumentExtractor,
    DocumentInfo,
    DocumentTooLarge,
    EmptyDocument,
    EncryptedDocument,
    Extraction,
    NotADocument,
    RejectedDocument,
)
from .entity_extractor import Entities, Entity, EntityExtractor
from .language_detector import Language, LanguageDetector
from .report_generator import AnalysisReport, ReportGenerator
from .sentiment_analyzer import Sentiment, SentimentAnalyzer
from .topic_detector import Topic, TopicDetector

__all__ = [
    "AnalysisReport",
    "DamagedDocument",
    "DocumentExtractor",
    "DocumentInfo",
    "DocumentTooLarge",
    "EmptyDocument",
    "EncryptedDocument",
    "Entities",
    "Entity",
    "EntityExtractor",
    "Extraction",
    "Language",
    "LanguageDetector",
    "NotADocument",
    "RejectedDocument",
    "ReportGenerator",
    "Sentiment",
    "SentimentAnalyzer",
    "Topic",
    "TopicDetector",
]
