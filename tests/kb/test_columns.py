"""An index that is made from another one ranks like one that is made from scratch."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from kb import columns, shipped
from kb.columns import columns_of
from kb.encoder import shipped_encoder
from kb.index import Index, Ranking, Row
from kb.reading import Reader
from kb.rows import rows_of
from kb.tokens import Encoded, encode

READER = Reader("en", [shipped_encoder()])
ARTICLES = tuple(article for article in shipped.articles() if article.locale == "en")
ROWS = rows_of(ARTICLES, READER)[0]
QUESTIONS = READER.read(
    [*shipped.out_of_scope("en")[:8], "", "zzyzx", *(a.title for a in ARTICLES[::5])]
)


def same(one: Sequence[Ranking | None], other: Sequence[Ranking | None]) -> bool:
    """To the last bit."""
    for mine, theirs in zip(one, other, strict=True):
        if mine is None or theirs is None:
            if mine is not theirs:
                return False
            continue
        for name in Ranking.__dataclass_fields__:
            if not np.array_equal(getattr(mine, name), getattr(theirs, name)):
                return False
    return True


@pytest.mark.parametrize("per_question", [False, True])
@pytest.mark.parametrize("part", [1 << 20, 700])
def test_an_index_over_changed_rows_equals_one_from_scratch(
    monkeypatch: pytest.MonkeyPatch, per_question: bool, part: int
) -> None:
    new = [Row(3, text) for text in READER.read(["zzyzx is a word", "qwxyz 甲乙丙"])]
    edited = [*ROWS[:40], *new, *ROWS[43:], ROWS[5]]
    shuffled = random.Random(1).sample(edited, len(edited))
    fresh = [Index(rows, len(ARTICLES), per_question, 0.5) for rows in (edited, shuffled, ROWS)]
    monkeypatch.setattr(columns, "_PART", part)
    index = Index(ROWS, len(ARTICLES), per_question, 0.5)
    assert same(index.rank_all(QUESTIONS), fresh[2].rank_all(QUESTIONS))
    for rows, expected in zip((edited, shuffled, ROWS), fresh, strict=True):
        index = Index(rows, len(ARTICLES), per_question, 0.5, index)
        assert same(index.rank_all(QUESTIONS), expected.rank_all(QUESTIONS))


def test_features_that_no_text_has_any_more_are_gone() -> None:
    texts = [encode("red card"), encode("blue card")]
    found = columns_of(texts[:1], columns_of(texts))
    assert np.array_equal(found.features, texts[0].ids)
    assert np.array_equal(found.seen(), np.ones(len(found.features)))


def test_only_new_texts_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [encode(f"card {n}") for n in range(50)]
    before = columns_of(texts)
    new = encode("a new line")
    asked: list[int] = []
    distinct = columns._distinct

    def counted(arrays: Sequence[columns.Ids]) -> columns.Ids:
        asked.append(len(arrays))
        return distinct(arrays)

    monkeypatch.setattr(columns, "_distinct", counted)
    columns_of([*texts, new], before)
    assert asked[0] == 1


@pytest.mark.parametrize("texts", [[], [encode("")], [encode(""), encode("a"), encode("")]])
def test_texts_without_features(texts: list[Encoded]) -> None:
    found = columns_of(texts, columns_of(texts[:1]))
    assert list(np.diff(found.starts)) == [len(text.ids) for text in texts]
    assert np.array_equal(
        found.features[found.columns], np.concatenate([[], *[t.ids for t in texts]])
    )
