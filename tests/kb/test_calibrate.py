"""The calibration comes from the base itself, is the same every time, and can be stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from kb import samples, shipped
from kb.article import Article
from kb.calibrate import Calibration, fit
from kb.index import Index, Role, Row
from kb.samples import FEATURES
from kb.search import KnowledgeBase
from kb.tokens import encode


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    articles = [article for article in shipped.articles() if article.locale == "zh"]
    return [
        Row(n, encode(text), Role.PHRASING if text != a.title else Role.TITLE)
        for n, a in enumerate(articles)
        for text in (a.title, *a.phrasings)
    ]


@pytest.fixture(scope="module")
def calibration(rows: list[Row]) -> Calibration:
    found = fit(rows, 42, [encode(line) for line in shipped.out_of_scope("zh")])
    assert found is not None
    return found


def test_the_same_base_gives_the_same_calibration(
    rows: list[Row], calibration: Calibration
) -> None:
    assert fit(rows, 42, [encode(line) for line in shipped.out_of_scope("zh")]) == calibration


def test_the_thresholds_are_in_order(calibration: Calibration) -> None:
    assert 0 < calibration.offer_at <= calibration.answer_at < 1
    assert calibration.questions > 300


def test_it_survives_storage(calibration: Calibration) -> None:
    assert Calibration.from_json(calibration.to_json()) == calibration


@pytest.mark.parametrize("text", ["[]", "{}", "no", '{"means": [1]}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Calibration.from_json(text)


def test_a_calibration_for_other_features_is_refused(calibration: Calibration) -> None:
    record = json.loads(calibration.to_json()) | {"means": [0.0]}
    with pytest.raises(ValueError, match="other features"):
        Calibration.from_json(json.dumps(record))


def test_a_base_too_small_to_hide_anything_uses_the_shipped_one() -> None:
    base = KnowledgeBase.build([Article("a", "en", "Fees?", phrasings=("costs",))])
    assert len(base.calibrations["en"].means) == len(FEATURES)
    assert fit([Row(0, encode("a"))], 1, []) is None


def test_a_given_calibration_is_used_and_kept_until_asked_for_anew() -> None:
    articles = shipped.articles()
    first = KnowledgeBase.build(articles)
    again = KnowledgeBase.build(articles, first.calibrations)
    assert again.calibrations == first.calibrations
    edited = again.with_changes(removed=[articles[0].key])
    assert edited.calibrations == first.calibrations
    assert edited.recalibrated().calibrations != first.calibrations


def test_a_large_base_is_asked_through_some_of_its_articles(
    rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Counted(Index):
        def __init__(self, rows: Sequence[Row], *others: Any) -> None:
            asked.append(len(rows))
            super().__init__(rows, *others)

    monkeypatch.setattr(samples, "Index", Counted)
    foreign = [encode(line) for line in shipped.out_of_scope("zh")]
    whole = samples.ask_hidden(rows, 42, foreign, 0.0)
    sizes, limit = asked[:], len(rows) // 2 + 10
    asked.clear()
    monkeypatch.setattr(samples, "_MOST_ROWS", limit)
    assert (
        samples.ask_hidden(rows, 42, foreign, 0.0).first == whole.first
    )  # of few, none is left out
    asked.clear()
    monkeypatch.setattr(samples, "_FEWEST_ARTICLES", 20)
    found = samples.ask_hidden(rows, 42, foreign, 0.0)
    assert max(asked) < limit < max(sizes)
    half = {row.article for row in samples._some_articles(rows, 42)}
    there = [row.article for row in rows if len(row.text.ids)]
    assert half == set(range(len(half)))
    assert len(half) < len(set(there))
    chosen = [
        n for n in range(42) if samples._some_articles([Row(n, rows[0].text)] * len(rows), 42)
    ]
    assert {n % 2 for n in chosen} == {0, 1}  # an order that repeats loses no subject
    assert set(found.kinds) == set(whole.kinds)
    assert found.found > 0.5


def test_far_questions_score_below_right_ones(calibration: Calibration, rows: list[Row]) -> None:
    articles = [a for a in shipped.articles() if a.locale == "zh"]
    base = KnowledgeBase.build(articles, {"zh": calibration})
    right = [base.ask(a.phrasings[0], "zh").candidates[0].score for a in articles]
    far = [
        decision.candidates[0].score if decision.candidates else 0.0
        for decision in base.ask_all(shipped.out_of_scope("zh"), "zh")
    ]
    assert sum(right) / len(right) > 0.5 > 0.3 > sum(far) / len(far)
