"""What an editor is told about an evaluation: parts, confusions, calibration, phrasings, other scripts."""

from __future__ import annotations

import pytest

from kb.answer import Candidate, Decision, DecisionKind
from kb.article import Article
from kb.calibrate import Calibration
from kb.carrying import carried, drawing, effort
from kb.golden import Asked, Question
from kb.report import (
    confusions,
    few_phrasings,
    foreign_answers,
    per_category,
    per_locale,
    reliability,
)
from kb.samples import FEATURES
from kb.search import KnowledgeBase
from kb.variants import traditional

N = len(FEATURES)
SURE = Calibration((0.0,) * N, (1.0,) * N, (0.0,) * N + (3.0,), (0.0,) * N + (3.0,), 0.5, 0.1)


def _base(*articles: Article) -> KnowledgeBase:
    return KnowledgeBase.build(articles, {"en": SURE, "zh": SURE})


def _ask(base: KnowledgeBase, *questions: Question) -> list[Asked]:
    return [(item, base.ask(item.question, item.locale)) for item in questions]


def _decided(first: str, score: float, kind: DecisionKind = DecisionKind.ANSWER) -> Decision:
    return Decision(kind, "en", None, (Candidate(first, 1, first, score),))


FEES = Article("fees", "en", "fees", phrasings=("what does it cost",), category="money")
CARD = Article("card", "en", "card", phrasings=("where is my plastic",), category="things")
PLAIN = Article("plain", "en", "handset")
BASE = _base(FEES, CARD, PLAIN)


def test_parts_hold_their_own_questions_only() -> None:
    asked = [
        (Question("en", "a", "fees"), _decided("fees", 0.9)),
        (Question("en", "b", "card"), _decided("fees", 0.9)),
        (Question("en", "c", "plain"), _decided("plain", 0.9)),
        (Question("zh", "d", None), _decided("fees", 0.9)),
    ]
    locales = per_locale(asked)
    assert {name: (one.questions, one.in_scope) for name, one in locales.items()} == {
        "en": (3, 3),
        "zh": (1, 0),
    }
    assert locales["en"].top1 == pytest.approx(2 / 3)
    assert locales["zh"].out_of_scope_answered == 1
    categories = {name: one.top1 for name, one in per_category(BASE, asked).items()}
    assert categories == {"": 1, "money": 1, "things": 0}


def test_promises_are_compared_with_what_was_found() -> None:
    asked = [
        (Question("en", "a", "fees"), _decided("fees", 0.95)),
        (Question("en", "b", "fees"), _decided("card", 0.91)),
        (Question("en", "c", None), _decided("card", 0.2)),
        (Question("en", "f", "fees"), _decided("fees", 0.4)),
        (Question("en", "d", "fees"), _decided("fees", 1.0)),
        (Question("en", "e", "fees"), Decision(DecisionKind.ABSTAIN, "en")),
    ]
    found = reliability(asked)
    assert [(one.low, one.high, one.count) for one in found.bins] == [
        (0.0, 0.1, 1),
        (0.2, 0.3, 1),
        (0.4, 0.5, 1),
        (0.9, 1.0, 3),
    ]
    assert found.bins[3].promised == pytest.approx(2.86 / 3)
    assert found.bins[3].found == pytest.approx(2 / 3)
    assert found.ece == pytest.approx((0.2 + 0.6 + 0.86) / 6)
    assert reliability([]).ece == 0


def test_a_pair_is_one_confusion_whichever_way_the_questions_went() -> None:
    asked = [
        (Question("en", "a", "fees"), _decided("card", 0.9, DecisionKind.CLARIFY)),
        (Question("en", "b", "fees"), _decided("card", 0.9)),
        (Question("en", "c", "card"), _decided("fees", 0.9, DecisionKind.CLARIFY)),
        (Question("en", "d", "plain"), _decided("fees", 0.9, DecisionKind.CLARIFY)),
        (Question("en", "e", None), _decided("fees", 0.9)),
    ]
    (found,) = confusions(BASE, asked)  # one offered question alone is not worth a look
    assert (found.loser, found.winner, found.lost, found.returned) == ("fees", "card", 2, 1)
    assert found.answered == 1
    assert [one.question for one in found.examples] == ["b", "a", "c"]


def test_one_wrong_answer_is_worth_a_look() -> None:
    asked = [(Question("en", "a", "plain"), _decided("fees", 0.9))]
    assert [one.answered for one in confusions(BASE, asked)] == [1]


def _many(name: str, *phrasings: str, title: str = "") -> Article:
    padding = tuple(f"{name} {sign}" for sign in "pqrst")
    return Article(name, "en", title or name, phrasings=(*phrasings, *padding))


@pytest.mark.parametrize(
    ("loser", "winner", "back", "draws", "advice"),
    [
        (_many("fees", title="card card"), _many("card"), False, {}, "merge the two or rename one"),
        (_many("fees"), _many("card", "x"), False, {("en", "card", "fees"): "x"}, "“x” of card"),
        (FEES, _many("card"), False, {("en", "card", "other"): "x"}, "1 phrasings: add some"),
        (_many("fees"), _many("card"), True, {}, "they overlap"),
        (_many("fees"), _many("card"), False, {}, "in the words of such questions"),
    ],
)
def test_the_strongest_sign_decides_what_to_do(
    loser: Article,
    winner: Article,
    back: bool,
    draws: dict[tuple[str, str, str], str],
    advice: str,
) -> None:
    asked = [(Question("en", text, "fees"), _decided("card", 0.9)) for text in "abc"]
    if back:
        asked.append((Question("en", "d", "card"), _decided("fees", 0.9)))
    (found,) = confusions(_base(loser, winner), asked, draws)
    assert advice in found.advice


def test_foreign_questions_that_were_answered_come_surest_first() -> None:
    asked = [
        (Question("en", "a", None), _decided("card", 0.6)),
        (Question("en", "b", None), _decided("fees", 0.9)),
        (Question("en", "c", None), _decided("fees", 0.9, DecisionKind.CLARIFY)),
        (Question("en", "d", "fees"), _decided("fees", 0.9)),
    ]
    found = [(one.question, one.article) for one in foreign_answers(asked)]
    assert found == [("b", "fees"), ("a", "card")]


def test_articles_with_too_few_phrasings_are_named_the_poorest_first() -> None:
    assert [one.id for one in few_phrasings(_base(FEES, PLAIN, _many("rich")))] == ["plain", "fees"]


CARRYING = _base(
    Article("fees", "en", "aaa", phrasings=("transfer costs", "bbb")),
    Article("card", "en", "ccc", phrasings=("plastic zyzzyx", "handset broken")),
    Article("phone", "en", "ddd", phrasings=("handset",)),
)


def test_each_phrasing_is_credited_with_what_only_it_wins_and_draws() -> None:
    asked = _ask(
        CARRYING,
        Question("en", "transfer costs", "fees"),
        Question("en", "plastic zyzzyx", "card"),
        Question("en", "handset broken", "phone"),
        Question("en", "zyzzyx", None),
    )
    found = {(one.article, one.phrasing): one for one in carried(CARRYING, asked)}
    assert found["fees", "transfer costs"].wins == 1
    assert found["fees", "transfer costs"].help > 0.5
    assert found["fees", "bbb"].idle
    assert not found["fees", "transfer costs"].idle
    assert found["card", "handset broken"].draws == ("phone",)
    assert found["card", "plastic zyzzyx"].draws == ("",)
    assert drawing(found.values())["en", "card", "phone"] == "handset broken"
    assert effort(CARRYING, asked) == len(found) == 5


def test_progress_tells_of_each_phrasing() -> None:
    told: list[int] = []
    asked = _ask(CARRYING, Question("en", "transfer costs", "fees"))
    assert len(carried(CARRYING, asked, told.append)) == sum(told) == 2  # of fees alone


def test_an_article_leans_on_the_phrasing_that_wins_half_of_its_questions() -> None:
    questions = ("transfer costs", "costs transfer")
    asked = _ask(CARRYING, *(Question("en", text, "fees") for text in questions))
    found = {one.phrasing: one for one in carried(CARRYING, asked)}
    assert found["transfer costs"].leaned_on
    assert not found["bbb"].leaned_on


def test_traditional_questions_lose_nothing_and_others_are_not_converted() -> None:
    base = _base(
        Article("fees", "zh", "转账手续费", phrasings=("转账收多少钱",)),
        Article("card", "zh", "银行卡丢失", phrasings=("卡丢了怎么办",)),
        FEES,
    )
    asked = _ask(
        base,
        Question("zh", "转账收费吗", "fees"),
        Question("zh", "银行卡丢了", "card"),
        Question("en", "fees", "fees"),
        Question("zh", "天气", None),
    )
    found = traditional(base, asked)
    assert set(found) == {"s2t", "s2hk", "s2tw"}
    assert {(one.questions, one.top1, one.loss) for one in found.values()} == {(2, 1.0, 0.0)}
    assert traditional(base, asked[2:]) == {}


def test_what_traditional_characters_cost_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kb.normalize.simplified", lambda text: text)
    base = _base(Article("fees", "zh", "转账"), Article("card", "zh", "银行卡"))
    asked = _ask(base, Question("zh", "转账", "fees"), Question("zh", "银行卡", "card"))
    assert traditional(base, asked)["s2t"].loss == pytest.approx(0.5)
