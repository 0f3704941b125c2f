"""SentimentAnalyzer: how friendly or unfriendly a text is, by the VADER lexicon."""

# ruff: noqa: RUF001 -- signs of many scripts, each meant as it is

from __future__ import annotations

import re
from typing import Any, TypedDict


class Sentiment(TypedDict):
    """The mood of a text."""

    score: float
    """From -1 (bad) to 1 (good): the mean over the sentences, longer ones counting more."""
    label: str
    """"positive", "neutral" or "negative"."""
    positive_sentences: int
    neutral_sentences: int
    negative_sentences: int
    coverage: float
    """Share of the text in sentences of which the lexicon knew a word. Near 0: the score says nothing."""
    characters_read: int
    note: str | None


_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n\s*\n")
# The bounds that VADER's authors use for a sentence.
_POSITIVE, _NEGATIVE = 0.05, -0.05


class SentimentAnalyzer:
    """Scores the sentiment of English text, sentence by sentence.

    VADER is a lexicon of English words. It does not know other languages, and this component does not
    know which language a text is in (that is another component's work); it tells by `coverage` and
    `note` how much of the text it understood.

    Args:
        max_characters: only the beginning of longer texts is read.
    """

    def __init__(self, *, max_characters: int = 100_000) -> None:
        if max_characters < 1:
            raise ValueError("max_characters must be at least 1")
        self.max_characters = max_characters
        self._analyzer: Any = None

    def setup(self) -> None:
        """Load the lexicon."""
        if self._analyzer is None:
            from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

            self._analyzer = SentimentIntensityAnalyzer()

    def __call__(self, text: str) -> Sentiment:
        """The sentiment of the text."""
        if self._analyzer is None:
            raise RuntimeError("SentimentAnalyzer.setup() has not been called")
        read = text[: self.max_characters]
        counts = {"positive": 0, "neutral": 0, "negative": 0}
        total = weight = known = 0.0
        sentences = [sentence for part in _SENTENCE_END.split(read) if (sentence := " ".join(part.split()))]
        for sentence in sentences:
            scores: dict[str, float] = self._analyzer.polarity_scores(sentence)
            compound = scores["compound"]
            counts[_label(compound)] += 1
            total += compound * len(sentence)
            weight += len(sentence)
            if scores["pos"] or scores["neg"]:
                known += len(sentence)
        score = total / weight if weight else 0.0
        coverage = known / weight if weight else 0.0
        return {
            "score": round(score, 4),
            "label": _label(score),
            "positive_sentences": counts["positive"],
            "neutral_sentences": counts["neutral"],
            "negative_sentences": counts["negative"],
            "coverage": round(coverage, 3),
            "characters_read": len(read),
            "note": None
            if coverage >= 0.25
            else "the English lexicon knew few of these words; the score says little",
        }


def _label(score: float) -> str:
    return "positive" if score >= _POSITIVE else "negative" if score <= _NEGATIVE else "neutral"
