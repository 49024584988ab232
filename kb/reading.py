"""Texts as the index takes them: features of words, and a vector of meaning where an embedder knows the language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kb.encoder import Embedder, Encoder, Floats
from kb.tokens import Encoded, encode


class Reader:
    """Reads the texts of one locale. Safe to use from many threads."""

    def __init__(self, locale: str, embedders: Iterable[Embedder] = ()) -> None:
        """Embedders that do not know the locale's language are left out: of another language they do
        harm (an English model on Chinese questions: 98.9 → 64 % found)."""
        language = locale.partition("-")[0].lower()
        self.embedders = tuple(one for one in embedders if language in one.languages)

    @property
    def knows_meaning(self) -> bool:
        return bool(self.embedders)

    def read(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts in order."""
        found = [encode(text) for text in texts]
        if not self.embedders or not found:
            return found
        parts = [_vectors(embedder, texts, found) for embedder in self.embedders]
        # Each embedder counts the same; the whole has length one again.
        vectors = np.hstack(parts) / np.float32(len(parts)) ** 0.5
        return [
            features._replace(meaning=vector)
            for features, vector in zip(found, vectors, strict=True)
        ]


def _vectors(embedder: Embedder, texts: Sequence[str], found: Sequence[Encoded]) -> Floats:
    if isinstance(embedder, Encoder):
        return embedder.vectors(found)
    return embedder.encode(texts)
