"""Words in texts of any script: what counts as the same word, and where one ends."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache

UNSPACED = frozenset(
    {
        "BOPOMOFO",
        "CJK",
        "HANGUL",  # has spaces, but endings grow onto its words
        "HIRAGANA",
        "IDEOGRAPHIC",
        "KATAKANA",
        "KATAKANA-HIRAGANA",
        "KHMER",
        "LAO",
        "MYANMAR",
        "THAI",
        "TIBETAN",
        "YI",
    }
)
"""Scripts that do not separate words by spaces, by the first word of their characters' Unicode names."""


def normalised(text: str, *, case_sensitive: bool = False) -> str:
    """A text in which equal words are equal strings: one form for each character, one space between words."""
    text = unicodedata.normalize("NFKC", text)
    if not case_sensitive:
        text = unicodedata.normalize("NFKC", text.casefold())
    return " ".join(text.split())


def occurrences(word: str, text: str, *, whole: bool = True) -> Iterator[int]:
    """Where a word stands in a text, both normalised; with ``whole`` not where it is a part of a longer word."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not whole or not (
            (at > 0 and _joined(text[at - 1], word[0])) or (end < len(text) and _joined(word[-1], text[end]))
        ):
            yield at
        at = text.find(word, at + 1)


@lru_cache(maxsize=4096)
def _joined(before: str, after: str) -> bool:
    """Whether two neighbours belong to one word."""
    if not (is_word(before) and is_word(after)):
        return False
    # An accent or vowel sign is part of the character before it, in every script.
    return unicodedata.category(after).startswith("M") or not (_is_unspaced(before) or _is_unspaced(after))


def is_word(character: str) -> bool:
    """Whether a character is part of words: letters and digits of any script, their accents, and ``_``."""
    # `\w` of the module re leaves out the vowel signs of Indian scripts.
    return character == "_" or character.isalnum() or unicodedata.category(character).startswith("M")


def _is_unspaced(character: str) -> bool:
    return unicodedata.name(character, "").partition(" ")[0] in UNSPACED
