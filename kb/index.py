"""The phrasings of one locale as a sparse matrix, and the ranking of its articles for a question.

A question is compared with every phrasing (TF-IDF, cosine, one norm per field). Nearest phrasing alone
is a weak ranker, so a softmax classifier decides: one over all articles while the base is small, and in a
large base one per question over the articles nearest to it, which needs no training after an edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kb import softmax
from kb.tokens import Encoded, Field, field_of

Floats = NDArray[np.float32]
Ints = NDArray[np.intp]


class Role(StrEnum):
    """What a text is to its article."""

    TITLE = "title"
    PHRASING = "phrasing"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Row:
    """One text of an article."""

    article: int  # position in the index
    text: Encoded
    role: Role = Role.PHRASING


# Share of each field in the similarity of two texts. Chosen on BANKING77 (10 phrasings, held-out split)
# and on the shipped articles with phrasings hidden; flat around these values.
_SHARES = {
    Field.WORD: 0.4,
    Field.WORD_PAIR: 0.3,
    Field.SKIP_PAIR: 0.6,
    Field.LETTER_GRAM: 1.0,
    Field.HAN: 0.6,
    Field.HAN_PAIR: 1.0,
    Field.HAN_TRIPLE: 0.3,
    Field.SOUND_PAIR: 0.2,
    Field.CONCEPT: 0.8,
    Field.CONCEPT_PAIR: 0.3,
}
_FIELD_WEIGHTS = np.sqrt([_SHARES[field] for field in Field], dtype=np.float32)
_CONTENT = np.array([field in {Field.WORD, Field.HAN, Field.HAN_PAIR} for field in Field])
_IDF_POWER = 0.7  # rare words count a little less than theory says: 1.0 loses 1 point of top-1

# Above this much work (phrasings² × articles) the classifier is trained per question.
_GLOBAL_WORK = 2.5e8
_WEIGHTS = {Role.TITLE: 1.0, Role.PHRASING: 1.0, Role.BODY: 0.3}  # as an example of its article
_NEAR_ARTICLES = 10
_NEAR_PHRASINGS = 15  # of each of them


@dataclass(frozen=True, slots=True)
class Ranking:
    """What an index says about one question. Articles by position, best first; at most `TOP`."""

    articles: Ints
    shares: Floats  # of the classifier, over its candidates
    margins: Floats  # the classifier's scores
    nearest: Floats  # cosine with the nearest phrasing of each of `articles`
    support: float  # mean cosine of the first article's three nearest phrasings
    rival: float  # cosine of the nearest phrasing of any other article
    known: float  # share of the question's content, by rarity, that the base knows at all
    covered: float  # … that the nearest phrasing of the first article has
    covered_by_all: float  # … that any text of the first article has
    length: int  # content features of the question


TOP = 10


def is_large(rows: int, articles: int) -> bool:
    """Whether the classifier of such a base is trained per question."""
    return rows * rows * articles > _GLOBAL_WORK


class Index:
    """An immutable index over rows; safe to read from many threads."""

    def __init__(
        self, rows: Sequence[Row], articles: int, per_question: bool | None = None
    ) -> None:
        """`articles` is their number; each needs a row. `per_question` forces where the classifier is
        trained; None lets the size decide."""
        self.articles = articles
        self._owners = np.array([row.article for row in rows], np.intp)
        self._weights = np.array([_WEIGHTS[row.role] for row in rows], np.float32)
        texts = [row.text for row in rows]
        self._features = (
            np.unique(np.concatenate([text.ids for text in texts]))
            if texts
            else np.zeros(0, np.uint32)
        )
        self._fields = field_of(self._features)
        starts, columns, counts = self._locate(texts)
        seen = np.bincount(columns, minlength=len(self._features))
        self._rarity = np.log((1 + len(rows)) / (1 + seen)).astype(np.float32) + 1
        self._unknown = float(np.log(1 + len(rows))) + 1
        self._rows = self._matrix(starts, columns, counts)
        self._postings = self._rows.T.tocsr()
        self._by_article = np.argsort(self._owners, kind="stable")
        self._bounds = np.searchsorted(
            self._owners[self._by_article], np.arange(articles + 1)
        ).astype(np.intp)
        self._dual: Floats | None = None
        if per_question is None:
            per_question = is_large(len(rows), articles)
        if rows and not per_question:
            kernel = (self._rows @ self._postings).toarray()
            self._dual = softmax.fit(kernel, self._owners, articles, self._weights)

    def rank(self, question: Encoded) -> Ranking | None:
        """The articles for a question; None if it shares nothing with the base."""
        rankings = self.rank_all([question])
        return rankings[0]

    def rank_all(self, questions: Sequence[Encoded]) -> list[Ranking | None]:
        """`rank` for many questions at once, a few hundred at a time."""
        result: list[Ranking | None] = []
        for start in range(0, len(questions), 256):
            part = questions[start : start + 256]
            vectors = self._matrix(*self._locate(part))
            cosines = np.asarray((vectors @ self._postings).toarray(), np.float32)
            result += [
                self._rank_one(question, row) for question, row in zip(part, cosines, strict=True)
            ]
        return result

    def _rank_one(self, question: Encoded, cosines: Floats) -> Ranking | None:
        if not len(cosines) or float(cosines.max()) <= 0:
            return None
        nearest = np.maximum.reduceat(cosines[self._by_article], self._bounds[:-1])
        if self._dual is not None:
            candidates = np.arange(self.articles)
            margins = cosines @ self._dual
        else:
            candidates, margins = self._score_near(cosines, nearest)
        order = np.lexsort((candidates, -nearest[candidates], -margins))[:TOP]
        best = candidates[order]
        shares = softmax.shares(margins)[order]
        return self._describe(question, cosines, nearest, best, margins[order], shares)

    def _score_near(self, cosines: Floats, nearest: Floats) -> tuple[Ints, Floats]:
        """A classifier over the articles nearest to the question, trained on their nearest phrasings."""
        candidates = np.sort(np.argsort(-nearest, kind="stable")[:_NEAR_ARTICLES])
        chosen: list[Ints] = []
        for article in candidates:
            rows = self._rows_of(article)
            chosen.append(rows[np.argsort(-cosines[rows], kind="stable")[:_NEAR_PHRASINGS]])
        rows = np.concatenate(chosen)
        owners = np.repeat(np.arange(len(candidates)), [len(part) for part in chosen])
        vectors = self._rows[rows]
        kernel = (vectors @ vectors.T).toarray()
        dual = softmax.fit(kernel, owners, len(candidates), self._weights[rows])
        return candidates, cosines[rows] @ dual

    def _describe(
        self,
        question: Encoded,
        cosines: Floats,
        nearest: Floats,
        best: Ints,
        margins: Floats,
        shares: Floats,
    ) -> Ranking:
        first = self._rows_of(best[0])
        ordered = first[np.argsort(-cosines[first], kind="stable")]
        others = nearest.copy()
        others[best[0]] = 0.0
        content = question.ids[_CONTENT[field_of(question.ids)]]
        place, found = self._places(content)
        rarity = np.where(found, self._rarity[place], self._unknown)
        total = float(rarity.sum()) or 1.0
        rarity_found = rarity[found]
        return Ranking(
            articles=best,
            shares=shares,
            margins=margins,
            nearest=nearest[best],
            support=float(cosines[ordered[:3]].mean()),
            rival=float(others.max()),
            known=float(rarity_found.sum()) / total,
            covered=float(rarity_found[self._has(ordered[:1], place[found])].sum()) / total,
            covered_by_all=float(rarity_found[self._has(first, place[found])].sum()) / total,
            length=len(content),
        )

    def _rows_of(self, article: int | np.intp) -> Ints:
        return self._by_article[self._bounds[article] : self._bounds[article + 1]]

    def _has(self, rows: Ints, columns: Ints) -> NDArray[np.bool_]:
        """Which of the columns occur in any of the rows."""
        starts, indices = self._rows.indptr, self._rows.indices
        marked = np.zeros(len(self._features), np.bool_)
        for row in rows:
            marked[indices[starts[row] : starts[row + 1]]] = True
        return marked[columns]

    def _places(self, ids: NDArray[np.uint32]) -> tuple[Ints, NDArray[np.bool_]]:
        """Column of each feature and whether the base knows it (column 0 where it does not)."""
        place = np.searchsorted(self._features, ids)
        place[place == len(self._features)] = 0
        return place, self._features[place] == ids

    def _locate(self, texts: Sequence[Encoded]) -> tuple[Ints, Ints, Floats]:
        """Row starts, columns and counts of the features that the base knows."""
        starts = np.zeros(len(texts) + 1, np.intp)
        if not texts or not len(self._features):
            return starts, np.zeros(0, np.intp), np.zeros(0, np.float32)
        place, found = self._places(np.concatenate([text.ids for text in texts]))
        owner = np.repeat(np.arange(len(texts)), [len(text.ids) for text in texts])
        counts = np.concatenate([text.counts for text in texts])
        np.cumsum(np.bincount(owner[found], minlength=len(texts)), out=starts[1:])
        return starts, place[found], counts[found]

    def _matrix(self, starts: Ints, columns: Ints, counts: Floats) -> Any:
        """Rows of unit length: log counts × rarity, each field brought to its share."""
        height, fields = len(starts) - 1, len(Field)
        values = (1 + np.log(counts)) * self._rarity[columns] ** _IDF_POWER
        field = self._fields[columns]
        owner = np.repeat(np.arange(height), np.diff(starts))
        cell = owner * fields + field
        norms = np.sqrt(np.bincount(cell, values**2, minlength=height * fields))
        values = values / norms[cell] * _FIELD_WEIGHTS[field]
        lengths = np.sqrt(np.bincount(owner, values**2, minlength=height))
        values = (values / lengths[owner]).astype(np.float32)
        shape = (height, len(self._features))
        return sparse.csr_matrix((values, columns.astype(np.int32), starts.astype(np.int32)), shape)
