"""The figures of `kb eval` count what they say."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.article import Article
from kb.calibrate import Calibration
from kb.golden import Question, auroc, evaluate, evaluate_decisions, read_questions
from kb.samples import FEATURES
from kb.search import KnowledgeBase

ARTICLES = [
    Article("fees", "en", "fees", phrasings=("transfer costs",)),
    Article("card", "en", "card", phrasings=("plastic",)),
    Article("phone", "en", "phone", phrasings=("handset",)),
    Article("limit", "en", "limit", phrasings=("ceiling",)),
]
QUESTIONS = [
    Question("en", "transfer costs", "fees"),
    Question("en", "plastic", "phone"),
    Question("en", "zzzz", "card"),
    Question("en", "qqqq", None),
    Question("en", "handset", None),
]
N = len(FEATURES)
SURE = Calibration((0.0,) * N, (1.0,) * N, (0.0,) * N + (3.0,), (0.0,) * N + (3.0,), 0.5, 0.1)


def _base(calibration: Calibration) -> KnowledgeBase:
    return KnowledgeBase.build(ARTICLES, {"en": calibration})


def test_outright_answers_are_counted() -> None:
    result = evaluate(_base(SURE), QUESTIONS)
    assert result.top1 == pytest.approx(1 / 3)
    assert result.answered_right == pytest.approx(1 / 3)
    assert result.answered_wrong == pytest.approx(1 / 3)
    assert result.abstained == pytest.approx(1 / 3)
    assert (result.offered_right, result.offered_wrong) == (0, 0)
    assert result.out_of_scope_answered == 0.5


def test_offers_are_counted_by_what_the_three_hold() -> None:
    result = evaluate(_base(replace(SURE, answer_at=1.1)), QUESTIONS)
    assert result.offered_right == pytest.approx(result.top3)
    assert result.offered_right + result.offered_wrong == pytest.approx(2 / 3)
    assert result.out_of_scope_answered == 0
    assert result.top1 == pytest.approx(1 / 3)


def test_thresholds_do_not_touch_the_order() -> None:
    silent = evaluate(_base(replace(SURE, answer_at=1.1, offer_at=1.1)), QUESTIONS)
    loud = evaluate(_base(SURE), QUESTIONS)
    assert (silent.top1, silent.top3, silent.mrr) == (loud.top1, loud.top3, loud.mrr)
    assert silent.abstained == 1


@pytest.mark.parametrize("questions", [[], QUESTIONS[:1], QUESTIONS[3:], QUESTIONS])
def test_the_five_shares_add_up(questions: list[Question]) -> None:
    result = evaluate(_base(SURE), questions)
    shares = (
        result.answered_right + result.answered_wrong + result.offered_right
        + result.offered_wrong + result.abstained
    )  # fmt: skip
    assert shares == pytest.approx(1 if any(q.article for q in questions) else 0)


def test_the_figures_have_the_names_of_the_command() -> None:
    assert list(asdict(evaluate(_base(SURE), QUESTIONS))) == [
        "top1", "top3", "mrr", "answered_right", "answered_wrong", "offered_right", "offered_wrong",
        "abstained", "out_of_scope_answered", "auroc", "p50_ms", "p99_ms", "mb",
    ]  # fmt: skip


def test_latencies_come_from_the_given_clock() -> None:
    ticks = count(0, 2_000_000)
    result, decisions = evaluate_decisions(_base(SURE), QUESTIONS, lambda: next(ticks))
    assert (result.p50_ms, result.p99_ms) == (2.0, 2.0)
    assert result.mb > 1
    assert [len(decision.offered) for decision in decisions] == [1, 1, 0, 0, 1]


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.integers(0, 5), max_size=8))
def test_auroc_is_the_chance_that_a_right_one_scores_higher(
    right: list[int], foreign: list[int]
) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in right for b in foreign]
    expected = sum(pairs) / len(pairs) if pairs else 0.0
    assert auroc([float(n) for n in right], [float(n) for n in foreign]) == pytest.approx(expected)


def test_questions_are_read_and_broken_lines_named() -> None:
    text = (
        '{"locale": "zh", "question": "多少钱", "article": "fees", "note": 1}\n\n'
        '{"locale": "en", "question": "weather"}\n{"question": "x"}\n7\n'
    )
    questions, problems = read_questions(text, "g.jsonl")
    assert questions == (Question("zh", "多少钱", "fees"), Question("en", "weather", None))
    assert [problem.line for problem in problems] == [4, 5]
