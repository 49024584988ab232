"""Answers as the pipeline uses them: one or two at once, what else may be meant, and their form."""

from __future__ import annotations

from functools import cache

import pytest

from bot.company import Company
from bot.knowledge import Knowledge
from dialogs.context import FaqDecision
from kb.article import Article, Link
from kb.shipped import articles


@cache
def shipped() -> Knowledge:
    return Knowledge(articles(), Company.load(None))


@pytest.mark.parametrize(
    ("text", "locale", "decision", "found"),
    [
        (
            "how long does a refund take and how do I change my phone number?",
            "en",
            FaqDecision.ANSWER,
            ["refund-time", "change-phone-number"],
        ),
        (
            "退款要多久？还有提现手续费是多少",
            "zh",
            FaqDecision.ANSWER,
            ["refund-time", "withdrawal-fee"],
        ),
        (
            "怎么改手机号，怎么充值，怎么注销账户？",  # three answers would be a wall of text
            "zh",
            FaqDecision.CLARIFY,
            ["change-phone-number", "deposit", "close-account"],
        ),
        ("how long does a refund take?", "en", FaqDecision.ANSWER, ["refund-time"]),
        ("😀" * 50, "en", FaqDecision.ABSTAIN, []),
        ("???", "zh", FaqDecision.ABSTAIN, []),
    ],
)
def test_what_a_text_is_answered_with(
    text: str, locale: str, decision: FaqDecision, found: list[str]
) -> None:
    result = shipped().find(text, locale)
    assert (result.decision, [article.id for article in result.articles]) == (decision, found)
    assert len(result.questions) == (len(found) if len(found) == 2 else 0)


def test_a_wall_of_one_word_is_offered_and_not_answered() -> None:
    result = shipped().find("退款" * 2500, "zh")
    assert result.decision is FaqDecision.CLARIFY
    assert result.articles[0].id.startswith("refund")


def test_related_articles_are_there_if_an_answer_does_not_help() -> None:
    result = shipped().find("how long does a refund take?", "en")
    assert [article.id for article in result.others][:1] == ["refund-how"]
    assert len(result.others) <= 2


@pytest.mark.parametrize(
    ("locale", "lines"),
    [
        ("zh", ["帮助：https://www.example.com/help", "▶ https://www.example.com/help/video"]),
        ("en", ["帮助: https://www.example.com/help", "▶ https://www.example.com/help/video"]),
    ],
)
def test_links_and_the_video_stand_as_text_under_an_answer(locale: str, lines: list[str]) -> None:
    article = Article(
        "withdraw",
        locale,
        "T",
        "**One**\n\n- two\n- three",
        links=(Link("帮助", "{{links.help}}"),),
        video="{{links.help}}/video",
    )
    ready = Knowledge((article,), Company.load(None)).article("withdraw", locale)
    assert ready is not None
    assert ready.text.splitlines() == ["One", "", "• two", "• three", *lines]
    assert ready.video == "https://www.example.com/help/video"
