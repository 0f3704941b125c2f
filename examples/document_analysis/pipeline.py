"""The document analysis service: extract a document's text, analyse it four ways at once, write a report.

    plait plan examples/document_analysis/pipeline.py
    plait run examples/document_analysis/pipeline.py --input '{"input_document": "documents/manifesto.it.html"}'

`main.py` beside this file runs it on a folder of documents.
"""

from __future__ import annotations

from modules import (
    DocumentExtractor,
    EntityExtractor,
    LanguageDetector,
    ReportGenerator,
    SentimentAnalyzer,
    TopicDetector,
)

from plait import Pipeline, parallel, step

# Every component is a plain `def`, so Plait runs it in a thread. PDFium, inside the extractor, must never be
# called twice at the same time: `exclusive` holds for all documents and all runs of the process.
extract = step(
    DocumentExtractor(),
    {"document": "input_document"},
    {"extracted_text": "text", "document_info": "info"},
    exclusive="pdfium",
)
analyses = [
    step(SentimentAnalyzer(), {"text": "extracted_text"}, "sentiment_score"),
    step(TopicDetector(), {"text": "extracted_text"}, "detected_topics"),
    step(EntityExtractor(), {"text": "extracted_text"}, "named_entities"),
    step(LanguageDetector(), {"text": "extracted_text"}, "language_info"),
]
report = step(
    ReportGenerator(),
    {
        "sentiment": "sentiment_score",
        "topics": "detected_topics",
        "entities": "named_entities",
        "language": "language_info",
    },
    "analysis_report",
)

pipeline = Pipeline([extract, parallel(analyses, name="analyses"), report], name="document_analysis")

#: The same steps one after the other: what the service would be without Plait, to compare with.
one_after_another = Pipeline([extract, *analyses, report], name="document_analysis_one_after_another")
