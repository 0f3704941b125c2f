"""The files of a new project: small components that run at once, and the pipeline that joins them."""

from __future__ import annotations

from typing import Final

FILES: Final = {
    "modules/__init__.py": '"""The components of the pipeline: plain classes and functions, each usable on its own."""\n',
    "modules/document_reader.py": '''"""DocumentReader: a text file in, its text out."""

from __future__ import annotations

from pathlib import Path


class DocumentReader:
    """Reads a document. A `def` runs in a thread, so reading does not hold up the others."""

    def __call__(self, path: str) -> str:
        text = Path(path).read_text(encoding="utf-8")
        if not text.strip():
            raise ValueError(f"{path} is empty")
        return text
''',
    "modules/language_detector.py": '''"""LanguageDetector: guesses the language from its most common words."""

from __future__ import annotations

COMMON = {
    "de": {"der", "die", "das", "und", "ist", "nicht", "ein", "mit"},
    "en": {"the", "and", "is", "of", "to", "in", "a", "not"},
    "fr": {"le", "la", "les", "et", "est", "une", "des", "pas"},
}


class LanguageDetector:
    def __call__(self, text: str) -> str:
        words = text.lower().split()
        scores = {language: sum(word in common for word in words) for language, common in COMMON.items()}
        best = max(scores, key=scores.__getitem__)
        return best if scores[best] else "unknown"
''',
    "modules/sentiment_analyzer.py": '''"""SentimentAnalyzer: from -1 (all bad words) to 1 (all good words)."""

from __future__ import annotations

GOOD = {"clear", "excellent", "fast", "good", "great", "happy", "helpful", "love"}
BAD = {"bad", "broken", "confusing", "late", "poor", "sad", "slow", "wrong"}


class SentimentAnalyzer:
    def __call__(self, text: str) -> float:
        words = [word.strip(".,;:!?") for word in text.lower().split()]
        good, bad = sum(word in GOOD for word in words), sum(word in BAD for word in words)
        return (good - bad) / (good + bad) if good + bad else 0.0
''',
    "modules/topic_detector.py": '''"""TopicDetector: the long words that come most often."""

from __future__ import annotations

from collections import Counter


class TopicDetector:
    def __init__(self, topics: int = 3) -> None:
        self.topics = topics

    async def __call__(self, text: str) -> list[str]:
        # `async def` suits components that wait, such as a call to a model behind an address.
        words = (word.strip(".,;:!?").lower() for word in text.split())
        counts = Counter(word for word in words if len(word) > 5)
        return [word for word, _ in counts.most_common(self.topics)]
''',
    "modules/report_writer.py": '''"""ReportWriter: puts the findings together."""

from __future__ import annotations

from typing import Any


def write_report(language: str, sentiment: float, topics: list[str]) -> dict[str, Any]:
    mood = "positive" if sentiment > 0.2 else "negative" if sentiment < -0.2 else "neutral"
    return {"language": language, "mood": mood, "sentiment": round(sentiment, 2), "topics": topics}
''',
    "pipeline.py": '''"""A document in, a report out: the three analyses run side by side."""

from __future__ import annotations

from modules.document_reader import DocumentReader
from modules.language_detector import LanguageDetector
from modules.report_writer import write_report
from modules.sentiment_analyzer import SentimentAnalyzer
from modules.topic_detector import TopicDetector
from plait import Pipeline, parallel, step

pipeline = Pipeline(
    [
        # step(component, {parameter: key it reads}, key it writes)
        step(DocumentReader(), {"path": "document"}, "document_text"),
        parallel(
            [
                step(LanguageDetector(), {"text": "document_text"}, "language"),
                step(SentimentAnalyzer(), {"text": "document_text"}, "sentiment"),
                step(TopicDetector(), {"text": "document_text"}, "topics"),
            ],
            name="analyses",
        ),
        # Without a map, parameters are read by their names: language, sentiment and topics.
        step(write_report, output_state="report"),
    ],
    name="{name}",
)

if __name__ == "__main__":
    print(pipeline.run({"document": "documents/good.txt"}).state["report"])
''',
    "test_pipeline.py": '''"""Run me with: python -m pytest"""

from __future__ import annotations

from pathlib import Path

import pytest
from modules.sentiment_analyzer import SentimentAnalyzer
from pipeline import pipeline

DOCUMENTS = Path(__file__).parent / "documents"


def test_a_component_alone() -> None:
    assert SentimentAnalyzer()("good, but slow") == 0.0


def test_a_report() -> None:
    report = pipeline.run({"document": str(DOCUMENTS / "good.txt")}).state["report"]
    assert report["language"] == "en"
    assert report["mood"] == "positive"


def test_an_empty_document_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="is empty"):
        pipeline.run({"document": str(empty)})
''',
    "pytest.ini": "[pytest]\npythonpath = .\n",
    "documents/good.txt": """The new release is excellent. The manual is clear, the installer is fast and the support
is helpful. The manual could have more examples, but the release notes are good.
""",
    "documents/bad.txt": """The order came late and the parcel was broken. The answer of the support was confusing,
and the replacement was the wrong colour. The support is not good.
""",
    "documents/deutsch.txt": """Das Handbuch ist kurz, und das Programm ist mit einem Befehl eingerichtet. Der Bericht
kommt nach einer Sekunde, und die Fehlermeldung ist nicht nur ein Code.
""",
    "README.md": """# {name}

A document in, a report out.

    plait check pipeline.py                                  # is it right? nothing is run
    plait draw pipeline.py                                   # what does it look like?
    plait run pipeline.py --input documents                  # all documents, side by side
    plait run pipeline.py --input documents --output reports # one JSON file a document
    python -m pytest                                         # the tests

`modules/` holds the components. Each is a plain class or function that knows nothing of pipelines; replace
them one by one. `pipeline.py` says what reads what. To see why a step waits:

    plait plan pipeline.py --explain write_report
""",
}
"""Path in the project → text; ``{name}`` in README.md and pipeline.py stands for the project's name."""

NAMED: Final = ("README.md", "pipeline.py")
