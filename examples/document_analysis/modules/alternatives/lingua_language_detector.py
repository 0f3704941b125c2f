"""LinguaLanguageDetector: the language of a text, by Lingua, which is better at very short texts."""

from __future__ import annotations

from typing import Any

from modules.language_detector import Language, sample


class LinguaLanguageDetector:
    """Tells the language of a text by Lingua's models of 75 languages.

    Larger than the default (100 MB of models, about ten seconds to load all of them), and steadier on a
    single sentence. Its confidences are not those of the default component: they are lower.

    Args:
        sample_characters: long texts are judged by three samples of them, of this length together.
        min_confidence: below this the language is "und", undetermined.
    """

    def __init__(self, *, sample_characters: int = 3_000, min_confidence: float = 0.1) -> None:
        if sample_characters < 3:
            raise ValueError("sample_characters must be at least 3")
        if not 0 <= min_confidence <= 1:
            raise ValueError("min_confidence must be between 0 and 1")
        self.sample_characters = sample_characters
        self.min_confidence = min_confidence
        self._detector: Any = None

    def setup(self) -> None:
        """Load the models, all of them now: otherwise the first document of each language pays."""
        if self._detector is None:
            from lingua import LanguageDetectorBuilder

            self._detector = (
                LanguageDetectorBuilder.from_all_languages().with_preloaded_language_models().build()
            )

    def __call__(self, text: str) -> Language:
        """The language of the text."""
        if self._detector is None:
            raise RuntimeError("LinguaLanguageDetector.setup() has not been called")
        values = self._detector.compute_language_confidence_values(sample(text, self.sample_characters))
        ranked = [(value.language.iso_code_639_1.name.lower(), float(value.value)) for value in values]
        code, confidence = ranked[0]
        # Without one known sign all languages are equally likely, and the first of them means nothing.
        return {
            "code": code if confidence >= self.min_confidence and confidence > ranked[1][1] else "und",
            "confidence": round(confidence, 4),
            "alternatives": [(other, round(share, 4)) for other, share in ranked[1:4] if share >= 0.001],
        }
