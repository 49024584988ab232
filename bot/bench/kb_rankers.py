"""What `huifang bench kb` compares: our base, and BM25 and cosine over the same phrasings, by the book."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kb.article import Article
from kb.normalize import HAN, normalize
from kb.search import KnowledgeBase

_RUN = re.compile(f"(?P<han>[{HAN}]+)|[^\\W_{HAN}]+")
_K1, _B = 1.2, 0.75  # BM25: Robertson and Zaragoza 2009, as in Lucene


class Ranker(Protocol):
    """Built from articles of one locale; ranks their ids for a question."""

    @classmethod
    def build(cls, articles: Sequence[Article]) -> Self: ...

    def top(self, question: str) -> list[str]:
        """Ids, best first, three at most."""
        ...

    def edited(self, article: Article) -> Self:
        """The same with one article replaced, ready to be asked."""
        ...


class Ours:
    """The knowledge base as the product has it, calibration and policy included."""

    def __init__(self, base: KnowledgeBase) -> None:
        self.base = base

    @classmethod
    def build(cls, articles: Sequence[Article]) -> Ours:
        return cls(KnowledgeBase.build(articles))

    def top(self, question: str) -> list[str]:
        decision = self.base.ask(question, self.base.locales[0])
        return [one.article for one in decision.candidates[:3]]

    def edited(self, article: Article) -> Ours:
        return Ours(self.base.with_changes([article]))


class _Nearest:
    """The article of the nearest title or phrasing, over a sparse matrix of weights."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self._articles = articles
        self._ids = [article.id for article in articles]
        texts = [[article.title, *article.phrasings] for article in articles]
        self._starts = np.cumsum([0, *map(len, texts[:-1])])
        self._places: dict[str, int] = {}
        rows = [self._count(text, new=True) for lines in texts for text in lines]
        counts = _matrix(rows, len(self._places))
        seen = np.bincount(counts.indices, minlength=len(self._places))
        self._rarity = self.rarity(len(rows), seen)
        counts.data = self.weights(counts).astype(np.float32)
        self._postings = counts.T.tocsr()

    @classmethod
    def build(cls, articles: Sequence[Article]) -> Self:
        return cls(articles)

    def edited(self, article: Article) -> Self:
        changed = [article if one.id == article.id else one for one in self._articles]
        return type(self)(changed)

    def top(self, question: str) -> list[str]:
        best = np.maximum.reduceat(self.scores(question), self._starts)
        first = np.argpartition(-best, min(3, len(best) - 1))[:3]
        return [self._ids[n] for n in first[np.argsort(-best[first])] if best[n] > 0]

    def scores(self, question: str) -> NDArray[np.float32]:
        """Of every title and phrasing, in the order of the articles."""
        asked = _matrix([self._count(question, new=False)], len(self._places))
        asked.data = self.asked(asked).astype(np.float32)
        result: NDArray[np.float32] = (asked @ self._postings).toarray().ravel()
        return result

    def rarity(self, rows: int, seen: NDArray[np.intp]) -> Any:
        raise NotImplementedError

    def weights(self, counts: Any) -> Any:
        raise NotImplementedError

    def asked(self, counts: Any) -> Any:
        raise NotImplementedError

    def _count(self, text: str, *, new: bool) -> dict[int, int]:
        counts: dict[int, int] = {}
        for token in tokens(text):
            place = self._places.get(token)
            if place is None and new:
                place = self._places[token] = len(self._places)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        return counts


class Bm25(_Nearest):
    """Okapi BM25."""

    def rarity(self, rows: int, seen: NDArray[np.intp]) -> Any:
        return np.log(1 + (rows - seen + 0.5) / (seen + 0.5))

    def weights(self, counts: Any) -> Any:
        lengths = np.asarray(counts.sum(1)).ravel()
        length = np.repeat(lengths / lengths.mean(), np.diff(counts.indptr))
        saturated = counts.data * (_K1 + 1) / (counts.data + _K1 * (1 - _B + _B * length))
        return saturated * self._rarity[counts.indices]

    def asked(self, counts: Any) -> Any:
        return counts.data


class Cosine(_Nearest):
    """TF-IDF vectors of unit length."""

    def rarity(self, rows: int, seen: NDArray[np.intp]) -> Any:
        return np.log((1 + rows) / (1 + seen)) + 1

    def weights(self, counts: Any) -> Any:
        values = (1 + np.log(counts.data)) * self._rarity[counts.indices]
        owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        return values / np.sqrt(np.bincount(owner, values**2, minlength=counts.shape[0]))[owner]

    def asked(self, counts: Any) -> Any:
        return self.weights(counts)


RANKERS: dict[str, type[Ranker]] = {"huifang": Ours, "bm25": Bm25, "cosine": Cosine}


def tokens(text: str) -> list[str]:
    """Words; in Chinese single characters and pairs, as search engines do."""
    found: list[str] = []
    for run in _RUN.finditer(normalize(text)):
        if run["han"]:
            found += [*run[0], *(a + b for a, b in pairwise(run[0]))]
        else:
            found.append(run[0])
    return found


def _matrix(rows: Iterable[dict[int, int]], width: int) -> Any:
    columns: list[int] = []
    values: list[int] = []
    starts = [0]
    for row in rows:
        columns += row.keys()
        values += row.values()
        starts.append(len(columns))
    data = np.array(values, np.float32)
    return sparse.csr_matrix((data, np.array(columns, np.int32), starts), (len(starts) - 1, width))
