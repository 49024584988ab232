"""The phrasings of one locale as matrices, and the ranking of its articles for a question.

A question is compared with every phrasing: by words (TF-IDF, cosine, one norm per field) and, where
there are vectors of it, by meaning; the two similarities are added. Nearest phrasing alone is a weak
ranker, so a softmax classifier decides: one over all articles while the base is small, and in a large
base one per question over the articles nearest to it, which needs no training after an edit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kb import softmax
from kb.columns import Columns, columns_of
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
    alike: float  # cosine by words alone with the nearest phrasing of the first article
    rival_alike: float  # … of any other article
    meant: float  # cosine of meaning with the middle of the first article; 0 without vectors
    rival_meant: float  # … with that of the nearest other article


TOP = 10


class _Asked(NamedTuple):
    """A question, and what it was compared with."""

    question: Encoded
    words: Floats  # [rows] cosine by words
    cosines: Floats  # [rows] of words and meaning together
    meant: Floats  # [articles] cosine of meaning with the middle of each article


def is_large(rows: int, articles: int) -> bool:
    """Whether the classifier of such a base is trained per question."""
    return rows * rows * articles > _GLOBAL_WORK


class _Meaning:
    """The vectors of the rows, and the middle of each article's; does nothing with a share of 0."""

    def __init__(
        self, texts: Sequence[Encoded], owners: Ints, weights: Floats, articles: int, share: float
    ) -> None:
        vectors = [text.meaning for text in texts if text.meaning is not None] if share else []
        if len(vectors) < len(texts):
            share = 0.0
        self._share, self._articles = share, articles
        if share:
            self._rows = np.stack(vectors)
            middles = np.zeros((articles, self._rows.shape[1]), np.float32)
            np.add.at(middles, owners, self._rows * weights[:, None])
            lengths = np.sqrt((middles * middles).sum(axis=1, keepdims=True))
            self._middles = middles / np.maximum(lengths, 1e-6)

    def added(self, kernel: Floats, rows: Ints | slice = slice(None)) -> Floats:
        """Words' similarities of these rows with each other, meaning added."""
        if not self._share:
            return kernel
        vectors = self._rows[rows]
        return self._mix(kernel, vectors @ vectors.T)

    def asked(self, questions: Sequence[Encoded], words: Floats) -> tuple[Floats, Floats]:
        """[questions, rows] of words and meaning together; [questions, articles] of meaning."""
        if not self._share:
            return words, np.zeros((len(questions), self._articles), np.float32)
        nothing = np.zeros(self._rows.shape[1], np.float32)
        vectors = np.stack([nothing if q.meaning is None else q.meaning for q in questions])
        return self._mix(words, vectors @ self._rows.T), vectors @ self._middles.T

    def _mix(self, words: Floats, meanings: Floats) -> Floats:
        result: Floats = (1 - self._share) * words + self._share * meanings
        return result


def _rival(values: Floats, first: int | np.intp) -> float:
    """The highest of the others, at least 0."""
    others = values.copy()
    others[first] = 0.0
    return max(0.0, float(others.max()))


class Index:
    """An immutable index over rows; safe to read from many threads."""

    def __init__(
        self,
        rows: Sequence[Row],
        articles: int,
        per_question: bool | None = None,
        meaning: float = 0.0,
        before: Index | None = None,
    ) -> None:
        """`articles` is their number; each needs a row. `per_question` forces where the classifier is
        trained; None lets the size decide. `meaning` (0–1): its share of the similarity, for which all
        rows and all questions need vectors of it. `before`: an index over many of the same texts, so
        that only the others are looked up; it changes no ranking."""
        self.articles = articles
        self._owners = np.array([row.article for row in rows], np.intp)
        self._weights = np.array([_WEIGHTS[row.role] for row in rows], np.float32)
        texts = [row.text for row in rows]
        self._columns: Columns = columns_of(texts, before._columns if before else None)
        self._features = self._columns.features
        self._fields = field_of(self._features)
        self._rarity = np.log((1 + len(rows)) / (1 + self._columns.seen())).astype(np.float32) + 1
        self._unknown = float(np.log(1 + len(rows))) + 1
        self._rows = self._row_matrix()
        self._postings = self._rows.T.tocsr()
        self._by_article = np.argsort(self._owners, kind="stable")
        self._bounds = np.searchsorted(
            self._owners[self._by_article], np.arange(articles + 1)
        ).astype(np.intp)
        self._meaning = _Meaning(texts, self._owners, self._weights, articles, meaning)
        self._dual: Floats | None = None
        if per_question is None:
            per_question = is_large(len(rows), articles)
        if rows and not per_question:
            kernel = self._meaning.added((self._rows @ self._postings).toarray())
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
            words = np.asarray((vectors @ self._postings).toarray(), np.float32)
            cosines, meant = self._meaning.asked(part, words)
            result += [
                self._rank_one(_Asked(question, *values))
                for question, *values in zip(part, words, cosines, meant, strict=True)
            ]
        return result

    def _rank_one(self, asked: _Asked) -> Ranking | None:
        cosines = asked.cosines
        if not len(cosines) or float(cosines.max()) <= 0:
            return None
        nearest = self._nearest(cosines)
        if self._dual is not None:
            candidates = np.arange(self.articles)
            margins = cosines @ self._dual
        else:
            candidates, margins = self._score_near(cosines, nearest)
        order = np.lexsort((candidates, -nearest[candidates], -margins))[:TOP]
        best = candidates[order]
        shares = softmax.shares(margins)[order]
        return self._describe(asked, nearest, best, margins[order], shares)

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
        kernel = self._meaning.added((vectors @ vectors.T).toarray(), rows)
        dual = softmax.fit(kernel, owners, len(candidates), self._weights[rows])
        return candidates, cosines[rows] @ dual

    def _describe(
        self, asked: _Asked, nearest: Floats, best: Ints, margins: Floats, shares: Floats
    ) -> Ranking:
        question, cosines = asked.question, asked.cosines
        first = self._rows_of(best[0])
        ordered = first[np.argsort(-cosines[first], kind="stable")]
        alike = self._nearest(asked.words)
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
            rival=_rival(nearest, best[0]),
            known=float(rarity_found.sum()) / total,
            covered=float(rarity_found[self._has(ordered[:1], place[found])].sum()) / total,
            covered_by_all=float(rarity_found[self._has(first, place[found])].sum()) / total,
            length=len(content),
            alike=float(alike[best[0]]),
            rival_alike=_rival(alike, best[0]),
            meant=float(asked.meant[best[0]]),
            rival_meant=_rival(asked.meant, best[0]),
        )

    def _nearest(self, cosines: Floats) -> Floats:
        """Of each article the nearest row."""
        result: Floats = np.maximum.reduceat(cosines[self._by_article], self._bounds[:-1])
        return result

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

    def _row_matrix(self) -> Any:
        columns, starts = self._columns.columns, self._columns.starts
        values = np.zeros(len(columns), np.float32)
        for row, end in self._columns.parts():
            part = slice(starts[row], starts[end])
            counts = np.concatenate([text.counts for text in self._columns.texts[row:end]])
            values[part] = self._values(starts[row : end + 1] - starts[row], columns[part], counts)
        return self._as_matrix(values, columns, starts)

    def _matrix(self, starts: Ints, columns: Ints, counts: Floats) -> Any:
        return self._as_matrix(self._values(starts, columns, counts), columns, starts)

    def _as_matrix(self, values: Floats, columns: NDArray[Any], starts: Ints) -> Any:
        shape = (len(starts) - 1, len(self._features))
        indices = columns.astype(np.int32, copy=False)
        return sparse.csr_matrix((values, indices, starts.astype(np.int32)), shape)

    def _values(self, starts: Ints, columns: NDArray[Any], counts: Floats) -> Floats:
        """Rows of unit length: log counts × rarity, each field brought to its share."""
        height, fields = len(starts) - 1, len(Field)
        values = (1 + np.log(counts)) * self._rarity[columns] ** _IDF_POWER
        field = self._fields[columns]
        owner = np.repeat(np.arange(height), np.diff(starts))
        cell = owner * fields + field
        norms = np.sqrt(np.bincount(cell, values**2, minlength=height * fields))
        values = values / norms[cell] * _FIELD_WEIGHTS[field]
        lengths = np.sqrt(np.bincount(owner, values**2, minlength=height))
        result: Floats = (values / lengths[owner]).astype(np.float32)
        return result
