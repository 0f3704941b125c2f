"""The embedding without a model: crude, and the same everywhere."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from plait import DefinitionError
from plait.routers import HashingEmbedder


def cosine(one: str, other: str) -> float:
    a, b = HashingEmbedder()([one, other])
    return sum(x * y for x, y in zip(a, b, strict=True)) / (math.hypot(*a) * math.hypot(*b))


def test_texts_that_share_words_or_parts_of_words_are_near() -> None:
    assert cosine("where is my invoice", "my invoice is wrong") > 0.5
    assert cosine("two invoices", "an invoice") > 0.3
    assert abs(cosine("where is my invoice", "the app crashes")) < 0.2


def test_case_punctuation_and_spaces_change_nothing() -> None:
    assert cosine("Where  is my invoice?", "where is my, invoice") == pytest.approx(1)


def test_a_text_without_words_has_a_vector_of_zeros() -> None:
    assert HashingEmbedder(8)(["", "?!"]) == [[0.0] * 8] * 2
    assert HashingEmbedder()([]) == []


def test_another_process_gets_the_same_vectors() -> None:
    text = "Rechnung, 发票, счёт"
    code = f"from plait.routers import HashingEmbedder; print(HashingEmbedder(32)([{text!r}]))"
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == repr(HashingEmbedder(32)([text]))


def test_pieces_that_share_a_place_do_not_make_texts_alike() -> None:
    one, other = HashingEmbedder(16)(
        ["where is my invoice, please refund it", "a quick brown fox jumps over dogs"]
    )
    nearness = sum(x * y for x, y in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))
    assert abs(nearness) < 0.5


def test_pieces_decide_how_words_are_cut() -> None:
    words = HashingEmbedder(pieces=(50, 50))  # longer than any word: whole words alone
    a, b, c = words(["invoice", "invoices", "an invoice"])
    assert sum(x * y for x, y in zip(a, b, strict=True)) == 0
    assert sum(x * y for x, y in zip(a, c, strict=True)) > 0


@pytest.mark.parametrize("dimensions", [0, -1, 1.5, True, "8"])
def test_wrong_dimensions_are_refused(dimensions) -> None:
    with pytest.raises(DefinitionError, match="dimensions is a whole number from 1"):
        HashingEmbedder(dimensions)


@pytest.mark.parametrize("pieces", [(0, 3), (4, 3), 3, (1, 2, 3), ("a", "b"), None])
def test_wrong_pieces_are_refused(pieces) -> None:
    with pytest.raises(DefinitionError, match="pieces is the shortest and the longest length"):
        HashingEmbedder(pieces=pieces)
