"""False alarms are counted on plain questions only."""

from __future__ import annotations

from bot.evaluation.alarms import alarms
from kb.article import Article
from kb.golden import Question
from kb.search import KnowledgeBase

BASE = KnowledgeBase.build(
    [
        Article("fees", "en", "What does it cost?", phrasings=("how much is a transfer",)),
        Article(
            "person", "en", "Contact", phrasings=("I want to speak to a human", "agent please")
        ),
    ]
)


def test_alarms_are_counted_where_no_alarm_is_due() -> None:
    found = alarms(
        BASE,
        [
            Question("en", "how much is a transfer to Spain", "fees"),
            Question("en", "let me talk to a human", "fees"),
            Question("en", "this is a disgrace, I want to file a complaint", "fees"),
            Question("en", "a human please", "person"),
            Question("en", "I want to file a complaint", None),
        ],
    )
    assert found.left_out == ("person",)
    assert (found.questions, found.share) == (3, 2 / 3)
    assert found.by_intent == {"complaint": 1, "human": 1}
    assert len(found.raised_by) == 2


def test_nothing_plain_is_no_alarm() -> None:
    assert alarms(BASE, [Question("en", "a human please", "person")]).share == 0
