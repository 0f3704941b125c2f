"""LanguageDetector: the language a text is written in, by py3langid."""

from __future__ import annotations

from typing import Any, TypedDict


class Language(TypedDict):
    """The language of a text."""

    code: str
    """ISO 639-1, such as "en"; "und" where the text says too little."""
    confidence: float
    """From 0 to 1."""
    alternatives: list[tuple[str, float]]
    """The next best languages with their confidence, best first."""


class LanguageDetector:
    """Tells the language of a text.

    Args:
        sample_characters: long texts are judged by three samples (beginning, middle, end) of this length
            together, so that a foreign preface does not decide for a whole book.
        min_confidence: below this the language is "und", undetermined.
    """

    def __init__(self, *, sample_characters: int = 6_000, min_confidence: float = 0.2) -> None:
        if sample_characters < 3:
            raise ValueError("sample_characters must be at least 3")
        if not 0 <= min_confidence <= 1:
            raise ValueError("min_confidence must be between 0 and 1")
        self.sample_characters = sample_characters
        self.min_confidence = min_confidence
        self._identifier: Any = None

    def setup(self) -> None:
        """Load the model."""
        if self._identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            # An identifier of our own: the module's is shared with whoever else calls set_languages() on it.
            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def __call__(self, text: str) -> Language:
        """The language of the text."""
        if self._identifier is None:
            raise RuntimeError("LanguageDetector.setup() has not been called")
        ranked: list[tuple[str, float]] = self._identifier.rank(sample(text, self.sample_characters))
        code, confidence = ranked[0]
        if confidence < self.min_confidence:
            code = "und"
        return {
            "code": code,
            "confidence": round(confidence, 4),
            "alternatives": [(other, round(share, 4)) for other, share in ranked[1:4] if share >= 0.001],
        }


def sample(text: str, characters: int) -> str:
    """Three parts of a long text, of this length together; a short text whole."""
    if len(text) <= characters:
        return text
    part = characters // 3
    middle = (len(text) - part) // 2
    return "\n".join((text[:part], text[middle : middle + part], text[-part:]))
