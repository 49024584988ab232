"""Texts as the index takes them: features of words, and a vector of meaning where an embedder knows the language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kb.concepts import Thesaurus
from kb.encoder import Embedder, Encoder, Floats
from kb.tokens import Encoded, encode


class Reader:
    """Reads the texts of one locale. Safe to use from many threads."""

    def __init__(
        self, locale: str, embedders: Iterable[Embedder] = (), words: Thesaurus | None = None
    ) -> None:
        """Embedders that do not know the locale's language are left out: of another language they do
        harm (an English model on Chinese questions: 98.9 → 64 % found). `words`: see `encode`."""
        language = locale.partition("-")[0].lower()
        self.embedders = tuple(one for one in embedders if language in one.languages)
        self._words = words

    @property
    def knows_meaning(self) -> bool:
        return bool(self.embedders)

    def read(self, texts: Sequence[str]) -> list[Encoded]:
        """The texts in order."""
        if self._words:
            texts = [self._words.spell_out(text) or text for text in texts]
        found = [encode(text, self._words) for text in texts]
        if not self.embedders or not found:
            return found
        parts = [_vectors(embedder, texts, found) for embedder in self.embedders]
        # Each embedder counts the same; the whole has length one again.
        vectors = np.hstack(parts) / np.float32(len(parts)) ** 0.5
        return [
            features._replace(meaning=vector)
            for features, vector in zip(found, vectors, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Readers:
    """Makes the reader of each locale."""

    embedders: tuple[Embedder, ...] = ()
    synonyms: Mapping[str, Thesaurus] = field(default_factory=dict)  # by locale or language

    def of(self, locale: str) -> Reader:
        """A table of the very locale goes before that of its language."""
        language = locale.partition("-")[0].lower()
        words = self.synonyms.get(locale) or self.synonyms.get(language)
        return Reader(locale, self.embedders, words)


def _vectors(embedder: Embedder, texts: Sequence[str], found: Sequence[Encoded]) -> Floats:
    if isinstance(embedder, Encoder):
        return embedder.vectors(found)
    return embedder.encode(texts)
