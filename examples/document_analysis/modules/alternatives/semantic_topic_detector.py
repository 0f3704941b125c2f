"""SemanticTopicDetector: key phrases that differ in meaning, not only in their words."""

from __future__ import annotations

from typing import Any

from modules.topic_detector import Topic, TopicDetector


class SemanticTopicDetector:
    """Chooses among many key phrases those that say different things, by WordLlama's static word vectors.

    The default component may list "directory" beside "directories of files"; this one lists another subject
    instead. Made for English; in other languages words that it does not know count as unlike all others.

    Args:
        max_topics: so many phrases are returned.
        diversity: from 0 (frequency alone decides) to 1 (difference alone decides).
    """

    def __init__(self, *, max_topics: int = 10, diversity: float = 0.4) -> None:
        if not 0 <= diversity <= 1:
            raise ValueError("diversity must be between 0 and 1")
        self.max_topics = max_topics
        self.diversity = diversity
        self._candidates = TopicDetector(max_topics=5 * max_topics)
        self._model: Any = None

    def setup(self) -> None:
        """Load the vectors that the package brings; nothing is fetched."""
        if self._model is None:
            from pathlib import Path

            import wordllama

            # The package looks for its tokenizer in the cache folder only, so that is where it points.
            home = Path(wordllama.__file__).parent
            self._model = wordllama.WordLlama.load(cache_dir=home, disable_download=True)

    def __call__(self, text: str) -> list[Topic]:
        """The text's topics, in the order in which they were chosen."""
        if self._model is None:
            raise RuntimeError("SemanticTopicDetector.setup() has not been called")
        candidates = self._candidates(text)
        if not candidates:
            return []
        vectors = self._model.embed([topic["phrase"] for topic in candidates], norm=True)
        likeness = vectors @ vectors.T
        chosen = [0]
        left = set(range(1, len(candidates)))
        while left and len(chosen) < self.max_topics:
            # Maximal marginal relevance: worth as a topic, less the likeness to what is chosen already.
            best = max(
                left,
                key=lambda i: (
                    (1 - self.diversity) * candidates[i]["score"]
                    - self.diversity * max(float(likeness[i, j]) for j in chosen),
                    -i,
                ),
            )
            chosen.append(best)
            left.remove(best)
        return [candidates[i] for i in chosen]
