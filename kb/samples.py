"""Questions whose outcome is known, and how each looked to an index: what a calibration is fitted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from kb.index import Index, Ranking, Role, Row, is_large
from kb.tokens import Encoded

Vector = NDArray[np.float64]

FEATURES = (
    "share", "log_odds", "margin", "score", "nearest", "lead", "support", "agreement", "known",
    "covered", "covered_by_all", "three_share", "length", "alike", "alike_lead", "meant", "meant_lead",
)  # fmt: skip

_FOLDS = 5
_MOST_QUESTIONS = {False: 600, True: 400}  # asked of the base; fewer where each costs a classifier
# What a base is asked with, in a large one: fitting then costs the same however large it is. Among fewer
# articles than these, leaving some out makes the others too easy to tell apart: with half of CLINC150's 150
# and the thresholds that came of it, 56 % of the foreign questions were turned away in place of 79 %.
_MOST_ROWS = 20_000
_FEWEST_ARTICLES = 500
_NOT_FOREIGN = 0.7  # a foreign line as near as this to a phrasing is not foreign to this base


def describe(ranking: Ranking) -> Vector:
    """The features of a ranking, in the order of `FEATURES`."""
    share = float(np.clip(ranking.shares[0], 1e-4, 1 - 1e-4))
    second = float(ranking.margins[1]) if len(ranking.margins) > 1 else 0.0
    nearest = float(ranking.nearest[0])
    return np.array(
        [
            share,
            np.log(share / (1 - share)),
            float(ranking.margins[0]) - second,
            float(ranking.margins[0]),
            nearest,
            nearest - ranking.rival,
            ranking.support,
            float(nearest >= ranking.rival),
            ranking.known,
            ranking.covered,
            ranking.covered_by_all,
            float(ranking.shares[:3].sum()),
            np.log1p(ranking.length),
            ranking.alike,
            ranking.alike - ranking.rival_alike,
            ranking.meant,
            ranking.meant - ranking.rival_meant,
        ]
    )


class Kind(IntEnum):
    """Where a question's answer is."""

    IN_SCOPE = 0
    NEAR = 1  # the subject of an article that is hidden
    FAR = 2


class Samples:
    """Rankings whose outcome is known. A question that shares nothing with the base needs no model."""

    def __init__(self) -> None:
        self.features: list[Vector] = []
        self.first: list[bool] = []
        self.three: list[bool] = []
        self.kinds: list[Kind] = []

    @property
    def found(self) -> float:
        """The share of the questions in scope whose article came first."""
        mine = [first for first, kind in zip(self.first, self.kinds, strict=True) if not kind]
        return sum(mine) / max(1, len(mine))

    def add(self, ranking: Ranking | None, wanted: int, kind: Kind) -> None:
        if ranking is not None:
            self.features.append(describe(ranking))
            self.first.append(kind is Kind.IN_SCOPE and wanted == ranking.articles[0])
            self.three.append(kind is Kind.IN_SCOPE and wanted in ranking.articles[:3])
            self.kinds.append(kind)

    def extend(self, others: Samples) -> None:
        self.features += others.features
        self.first += others.first
        self.three += others.three
        self.kinds += others.kinds


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the position of its article; None if no article answers it."""

    text: Encoded
    article: int | None


def ask_hidden(
    rows: Sequence[Row],
    articles: int,
    foreign: Sequence[Encoded],
    meaning: float,
    check: Callable[[], None] = lambda: None,
) -> Samples:
    """The base asked for itself: articles and phrasings are hidden in turn, and asked for. `check` is
    called before each part of the work. In a large base some articles stand for all."""
    samples = Samples()
    large = is_large(len(rows), articles)
    rows = _some_articles(rows, articles)
    for fold in range(_FOLDS):
        _ask_fold(rows, large, foreign, fold, samples, meaning, check)
    return samples


def ask_all(
    rows: Sequence[Row], articles: int, questions: Sequence[Asked], meaning: float
) -> Samples:
    """Every question asked of a base from which a fifth of the articles is hidden in turn: once where
    its article is there, once where it is not; foreign ones once."""
    samples = Samples()
    for fold in range(_FOLDS):
        kept = [row for row in rows if row.article % _FOLDS != fold]
        index, position = _index(kept, is_large(len(rows), articles), meaning)
        asked: list[tuple[Asked, int, Kind]] = []
        for number, question in enumerate(questions):
            if question.article is None:
                if number % _FOLDS == fold:
                    asked.append((question, -1, Kind.FAR))
            elif question.article not in position:
                asked.append((question, -1, Kind.NEAR))
            elif _turn(number, question.article) == fold:
                asked.append((question, position[question.article], Kind.IN_SCOPE))
        rankings = index.rank_all([question.text for question, _, _ in asked])
        for ranking, (_, wanted, kind) in zip(rankings, asked, strict=True):
            samples.add(ranking, wanted, kind)
    return samples


def _turn(number: int, article: int) -> int:
    """One of the folds that show the article, another for each question in turn."""
    return (article % _FOLDS + 1 + number % (_FOLDS - 1)) % _FOLDS


def _some_articles(rows: Sequence[Row], articles: int) -> Sequence[Row]:
    """Of a large base about one article in so many, with its rows. Not every so-manieth: where the
    order of the articles repeats, whole subjects would be missing."""
    step = min(-(-len(rows) // _MOST_ROWS), articles // _FEWEST_ARTICLES)
    if step <= 1:
        return rows
    chosen = [n for n in range(articles) if crc32(n.to_bytes(8, "big")) % step == 0]
    place = {article: number for number, article in enumerate(chosen)}
    return [replace(row, article=place[row.article]) for row in rows if row.article in place]


def _index(kept: Sequence[Row], large: bool, meaning: float) -> tuple[Index, dict[int, int]]:
    """An index over some rows of a base, of the kind that the whole base has: `large` or not; where
    each article is."""
    visible = sorted({row.article for row in kept})
    position = {article: n for n, article in enumerate(visible)}
    moved = [replace(row, article=position[row.article]) for row in kept]
    return Index(moved, len(visible), large, meaning), position


def _ask_fold(
    rows: Sequence[Row],
    large: bool,
    foreign: Sequence[Encoded],
    fold: int,
    samples: Samples,
    meaning: float,
    check: Callable[[], None],
) -> None:
    """Hide a fifth of the articles and of the other phrasings, and ask for what is hidden."""
    check()
    in_scope, near, kept = _split(rows, fold)
    index, position = _index(kept, large, meaning)
    most = _MOST_QUESTIONS[large] // _FOLDS
    asked = _some(in_scope, most)
    check()
    for row, ranking in zip(asked, index.rank_all([row.text for row in asked]), strict=True):
        samples.add(ranking, position[row.article], Kind.IN_SCOPE)
    check()
    for ranking in index.rank_all([row.text for row in _some(near, most // 2)]):
        samples.add(ranking, -1, Kind.NEAR)
    for ranking in index.rank_all(_some(foreign[fold::_FOLDS], most // 2)):
        if ranking is not None and max(ranking.nearest[0], ranking.rival) < _NOT_FOREIGN:
            samples.add(ranking, -1, Kind.FAR)


def _split(rows: Sequence[Row], fold: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Rows to ask in scope, rows of hidden articles to ask, rows that stay in the index."""
    in_scope: list[Row] = []
    near: list[Row] = []
    kept: list[Row] = []
    of_article: dict[int, int] = {}
    for row in rows:
        number = of_article[row.article] = of_article.get(row.article, -1) + 1
        if row.article % _FOLDS == fold:
            if row.role is Role.PHRASING:
                near.append(row)
        elif row.role is Role.PHRASING and (number + row.article // _FOLDS) % _FOLDS == fold:
            in_scope.append(row)
        else:
            kept.append(row)
    visible = {row.article for row in kept}
    return [row for row in in_scope if row.article in visible], near, kept


def _some(items: Sequence[Any], most: int) -> Sequence[Any]:
    return items[:: -(-len(items) // most)] if len(items) > most else items
