"""ReportGenerator: what the four analyses found, joined to one report that can be written as JSON."""

from __future__ import annotations

from typing import TypedDict

from .entity_extractor import Entities
from .language_detector import Language
from .sentiment_analyzer import Sentiment
from .topic_detector import Topic

#: The languages that the component was made for. What it says of others is kept, but marked.
_SENTIMENT_LANGUAGES = frozenset({"en"})
_ENTITY_LANGUAGES = frozenset({"en"})
#: Of the labels those that name somebody or something; the others are dates, amounts and ordinals.
_NAMES = frozenset({"PERSON", "ORG", "GPE", "LOC", "NORP", "PRODUCT", "FAC", "EVENT", "WORK_OF_ART", "LAW"})


class AnalysisReport(TypedDict):
    """All that was found out about a document."""

    summary: str
    language: Language
    sentiment: Sentiment
    sentiment_supported: bool
    """False where the analyzer does not know the document's language."""
    topics: list[Topic]
    entities: Entities
    entities_supported: bool
    notes: list[str]


class ReportGenerator:
    """Joins the results, and says which of them not to trust.

    Only here the document's language and the other results come together: the analyses do not depend
    on each other, which is what lets them run side by side.
    """

    def __call__(
        self, sentiment: Sentiment, topics: list[Topic], entities: Entities, language: Language
    ) -> AnalysisReport:
        """The report of one document."""
        code = language["code"]
        sentiment_supported = code in _SENTIMENT_LANGUAGES
        entities_supported = code in _ENTITY_LANGUAGES
        notes = []
        if code == "und":
            notes.append("the text says too little to tell its language")
        if not sentiment_supported:
            notes.append(f"the sentiment was scored by an English lexicon; the text is in {code!r}")
        elif sentiment["note"]:
            notes.append(f"sentiment: {sentiment['note']}")
        if not entities_supported:
            notes.append(f"the entities were found by an English model; the text is in {code!r}")
        if entities["truncated"]:
            notes.append(f"entities: only the first {entities['characters_read']:,} characters were read")
        if not topics:
            notes.append("no phrase stands out as a topic")
        return {
            "summary": _summary(
                sentiment if sentiment_supported else None,
                topics,
                entities if entities_supported else None,
                code,
            ),
            "language": language,
            "sentiment": sentiment,
            "sentiment_supported": sentiment_supported,
            "topics": topics,
            "entities": entities,
            "entities_supported": entities_supported,
            "notes": notes,
        }


def _summary(sentiment: Sentiment | None, topics: list[Topic], entities: Entities | None, code: str) -> str:
    """One sentence from what can be trusted."""
    mood = f", {sentiment['label']} in tone" if sentiment else ""
    about = ", ".join(topic["phrase"] for topic in topics[:3])
    subject = f" about {about}" if about else ""
    named = [entity for entity in entities["entities"] if entity["label"] in _NAMES][:2] if entities else []
    names = f"; it often names {' and '.join(entity['text'] for entity in named)}" if named else ""
    return f"A text in {code!r}{mood}{subject}{names}."
