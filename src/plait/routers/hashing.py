"""``HashingEmbedder``: vectors of texts from the pieces of their words, without a model."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

from plait.errors import DefinitionError
from plait.routers.text import is_word, normalised


class HashingEmbedder:
    """Turns texts into vectors by counting the pieces of their words; it needs no model and knows no meaning.

    Crude on purpose. Texts are alike if they share words or parts of words: ``invoices`` is near ``invoice``, and
    ``bill`` is as far from it as anything else. Good for tests, for a first try, and where people use your words; for
    meaning give ``SimilarityRouter`` a real embedding. It wants languages with spaces between words.

    Args:
        dimensions: the length of the vectors. Pieces share places where there are too few.
        pieces: the shortest and the longest piece of a word, in characters.

    >>> [len(vector) for vector in HashingEmbedder(64)(["one text", "another"])]
    [64, 64]
    """

    def __init__(self, dimensions: int = 512, *, pieces: tuple[int, int] = (3, 5)) -> None:
        if isinstance(dimensions, bool) or not isinstance(dimensions, int) or dimensions < 1:
            raise DefinitionError(
                f"HashingEmbedder(dimensions={dimensions!r}): dimensions is a whole number from 1"
            )
        match pieces:
            case (int(shortest), int(longest)) if 1 <= shortest <= longest:
                self.dimensions, self.pieces = dimensions, (shortest, longest)
            case _:
                raise DefinitionError(
                    f"HashingEmbedder(pieces={pieces!r}): pieces is the shortest and the longest length, such as (3, 5)"
                )

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text: the same one in every process and on every machine."""
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimensions
        for piece in self._pieces(text):
            # Not hash(), which is another one in each process. A bit beside the place says whether it is added or
            # taken away, so that pieces that share a place do not make texts alike.
            number = zlib.crc32(piece.encode("utf-8", "surrogatepass"))
            vector[(number >> 1) % self.dimensions] += 1.0 if number & 1 else -1.0
        return vector

    def _pieces(self, text: str) -> Iterator[str]:
        shortest, longest = self.pieces
        for word in _words(text):
            whole = f" {word} "
            yield whole
            for size in range(shortest, min(longest, len(whole) - 1) + 1):
                yield from (whole[at : at + size] for at in range(len(whole) - size + 1))


def _words(text: str) -> list[str]:
    kept = "".join(c if is_word(c) else " " for c in normalised(text))
    return kept.split()
