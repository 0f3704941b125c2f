"""TopicDetector: the phrases that a text is about. Counting only: no model, no corpus."""

# ruff: noqa: RUF001 -- signs of many scripts, each meant as it is

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple, TypedDict

from .stop_words import KOREAN_PARTICLES, STOP_CHARACTERS, STOP_WORDS

_LETTERS = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTERS}(?:\w|(?<=\w)[-'’](?=\w))*")
# A phrase does not run over punctuation, brackets or the end of a paragraph.
_BREAK = re.compile(r"[.,;:!?…()\[\]{}<>«»“”„\"|/\\=*•–—。、！？；：，（）「」『』《》]|--|\n\s*\n")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff々"
_KATAKANA = "ァ-ヺー"
_UNSPACED = re.compile(rf"[{_HAN}]+|[{_KATAKANA}]{{2,}}")
_HAN_RUN = re.compile(f"[{_HAN}]+")
_KANA = re.compile("[ぁ-ゖァ-ヺ]")
_OF_UNSPACED = re.compile(f"[{_HAN}ぁ-ゖ{_KATAKANA}]")
_PARTS = 20  # a topic of a text occurs in many parts of it, not only in one
_LONGEST = 3


class Topic(TypedDict):
    """A phrase that the text is about."""

    phrase: str
    score: float
    """From 0 to 1, against the text's best phrase."""
    count: int


class _Placed(NamedTuple):
    """A phrase where it stands in the text: its words as they are counted, and as they are written."""

    words: tuple[str, ...]
    place: int
    written: str


class _Candidate(NamedTuple):
    words: tuple[str, ...]
    times: int
    score: float
    written: str


class TopicDetector:
    """Finds the key phrases of a text.

    A phrase is one to three words. It counts by how often it occurs, in how many parts of the text, and
    how many words it has; grammar words are left out, for eleven languages (the list that fits the
    text best is taken). Chinese and Japanese are cut into terms by their signs.

    Args:
        max_topics: so many phrases are returned, the best first.
        max_characters: only the beginning of longer texts is read.
    """

    def __init__(self, *, max_topics: int = 10, max_characters: int = 200_000) -> None:
        if max_topics < 1 or max_characters < 1:
            raise ValueError("max_topics and max_characters must be at least 1")
        self.max_topics = max_topics
        self.max_characters = max_characters

    def __call__(self, text: str) -> list[Topic]:
        """The text's topics, the best first."""
        read = text[: self.max_characters]
        phrases = [*_spaced_phrases(read), *_unspaced_terms(read)]
        chosen: list[_Candidate] = []
        for candidate in _ranked(phrases, len(read)):
            if len(chosen) == self.max_topics:
                break
            if not any(_says_the_same(candidate, other) for other in chosen):
                chosen.append(candidate)
        return [
            {
                "phrase": candidate.written,
                "score": round(candidate.score / chosen[0].score, 4),
                "count": candidate.times,
            }
            for candidate in chosen
        ]


def _spaced_phrases(text: str) -> Iterator[_Placed]:
    """Every run of one to three words of a text that is written with blanks."""
    stretches: list[list[tuple[str, str, int]]] = []  # of words between breaks: as counted, as written, where
    start = 0
    for end in (*(match.span() for match in _BREAK.finditer(text)), (len(text), len(text))):
        stretch: list[tuple[str, str, int]] = []
        for match in _WORD.finditer(text, start, end[0]):
            word = match.group()
            if _OF_UNSPACED.search(word):  # belongs to the other kind of text, and parts a phrase of this one
                stretches.append(stretch)
                stretch = []
                continue
            key = _key(word)
            stretch.append((key, key if _is_hangul(key) else word, match.start()))
        stretches.append(stretch)
        start = end[1]
    vocabulary = Counter(key for stretch in stretches for key, _, _ in stretch)
    stop = _stop_words_for(vocabulary)
    for stretch in stretches:
        keys = [_singular(key, vocabulary) for key, _, _ in stretch]
        for first, word in enumerate(keys):
            if word in stop or len(word) < 2:
                continue
            for length in range(1, min(_LONGEST, len(keys) - first) + 1):
                words = tuple(keys[first : first + length])
                # The middle may be grammar ("système de fichiers"), the ends may not.
                if words[-1] in stop or len(words[-1]) < 2 or (length == 1 and len(word) < 3):
                    continue
                written = " ".join(form for _, form, _ in stretch[first : first + length])
                yield _Placed(words, stretch[first][2], written)


def _unspaced_terms(text: str) -> Iterator[_Placed]:
    """Terms of Chinese and Japanese text, where no blank separates words."""
    if _KANA.search(text):
        # Japanese: a run of kanji or of katakana, between the hiragana of the grammar, mostly is a word.
        for match in _UNSPACED.finditer(text):
            if 2 <= len(match.group()) <= 8:
                yield _Placed((match.group(),), match.start(), match.group())
        return
    # Chinese: what occurs several times and is not always part of the same longer run is taken for a word.
    grams: dict[str, list[int]] = defaultdict(list)
    for match in _HAN_RUN.finditer(text):
        run = match.group()
        for length in (2, 3, 4):
            for first in range(len(run) - length + 1):
                gram = run[first : first + length]
                if STOP_CHARACTERS.isdisjoint(gram):
                    grams[gram].append(match.start() + first)
    absorbed = {
        inner
        for gram, places in grams.items()
        for inner in (gram[1:], gram[:-1])
        if len(places) >= 0.8 * len(grams.get(inner, places * 2))
    }
    for gram, places in grams.items():
        if len(places) < 2 or gram in absorbed:
            continue
        for place in places:
            yield _Placed((gram,), place, gram)


def _key(word: str) -> str:
    """The form under which equal words are counted."""
    key = word.replace("’", "'").casefold().removesuffix("'s")
    if _is_hangul(key):
        for particle in KOREAN_PARTICLES:
            if key.endswith(particle) and len(key) - len(particle) >= 2:
                return key[: -len(particle)]
    # French and Italian articles before a vowel: l'histoire, dell'anno.
    head, apostrophe, tail = key.partition("'")
    return tail if apostrophe and len(head) <= 5 and len(tail) > 2 else key


def _is_hangul(word: str) -> bool:
    return "가" <= word[0] <= "힣"


def _singular(key: str, vocabulary: Counter[str]) -> str:
    """The form without s, if the text has both: "packages" and "package" are one topic."""
    shorter = key[:-1]
    return shorter if len(key) > 3 and key[-1] == "s" and key[-2] != "s" and shorter in vocabulary else key


def _stop_words_for(words: Counter[str]) -> frozenset[str]:
    """The list that covers most of the text; the English one as well, for quotations and untranslated parts."""
    best = max(STOP_WORDS.values(), key=lambda stop: sum(words[word] for word in stop))
    return best | STOP_WORDS["en"] | _OF_ADDRESSES


_OF_ADDRESSES = frozenset({"http", "https", "www", "com", "org", "net", "html"})


def _ranked(phrases: list[_Placed], length: int) -> list[_Candidate]:
    """The phrases that may be topics, the best first; equally good ones in the order of their words."""
    found: dict[tuple[str, ...], list[_Placed]] = defaultdict(list)
    for phrase in phrases:
        found[phrase.words].append(phrase)
    part = max(1, length // _PARTS + 1)
    candidates = []
    for words, places in found.items():
        count = len(places)
        if len(words) > 1 and count < 2:
            continue  # chance puts any two words side by side once
        spread = len({phrase.place // part for phrase in places})
        written = _usual_form(Counter(phrase.written for phrase in places))
        candidates.append(_Candidate(words, count, count * spread**0.5 * _weight(words), written))
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.words))


def _weight(words: tuple[str, ...]) -> float:
    """Long phrases say more than long words, and those more than short ones, which often are abbreviations."""
    if len(words) > 1:
        return 2.5 if len(words) == 2 else 3.0
    word = words[0]
    return 1.0 if ord(word[0]) > 0x2E80 else min(1.0, len(word) / 7)


def _says_the_same(candidate: _Candidate, chosen: _Candidate) -> bool:
    """Whether a better phrase already stands for this one."""
    if len(candidate.words) == len(chosen.words) == 1 and candidate.words[0] in chosen.words[0]:
        # Terms without blanks, and compounds: "语言" after "语言环境".
        return candidate.times < 3 * chosen.times
    common = set(candidate.words) & set(chosen.words)
    if not common:
        return False
    if set(candidate.words) < set(
        chosen.words
    ):  # "project" after "debian project": only if it often stands alone
        return candidate.times < 3 * chosen.times
    return len(common) * 2 > len(candidate.words)


def _usual_form(forms: Counter[str]) -> str:
    """How the word is most often written."""
    return min(forms, key=lambda form: (-forms[form], form))
