"""Answers as the pipeline uses them: one or two at once, what else may be meant, and their form."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from bot.calibrated import fingerprint
from bot.company import Company
from bot.knowledge import Knowledge, alone, publish, published
from bot.store.database import Database
from bot.store.schema import migrate
from dialogs.context import FaqDecision
from dialogs.effects import Answered
from dialogs.engine import advance
from dialogs.events import Begin, Said
from dialogs.state import State
from dialogs.testing import demo_context, demo_script
from dialogs.texts import TextError
from kb.article import Article, Link
from kb.encoder import shipped_encoder
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


def test_titles_and_labels_are_rendered_like_the_answer() -> None:
    link = Link("{{brand}} help", "{{links.help}}")
    article = Article("a", "en", "Is {{brand}} safe?", "Yes.", links=(link,))
    ready = Knowledge((article,), Company.load(None)).article("a", "en")
    assert ready is not None
    assert ready.title == "Is Sample Wallet safe?"
    assert ready.text == "Yes.\nSample Wallet help: https://www.example.com/help"
    broken = replace(article, title="{{brnd}}?")
    with pytest.raises(TextError, match=r"article a \(en\): 'brnd' is undefined"):
        Knowledge((broken,), Company.load(None))


@pytest.mark.parametrize("calibrations", ["[]", "null", '{"en": 7}', '{"en": "{}"}', "{"])
def test_a_broken_file_of_calibrations_costs_only_time(tmp_path: Path, calibrations: str) -> None:
    article = Article("a", "en", "Is it safe?", "Yes.")
    mark = fingerprint([article], [shipped_encoder()])
    cache = tmp_path / "calibration.json"
    cache.write_text(f'{{"mark": "{mark}", "calibrations": {calibrations}}}')
    found = Knowledge((article,), Company.load(None), cache).find("is it safe?", "en")
    assert found.decision is FaqDecision.ANSWER


async def test_two_imports_at_once_are_two_versions(database_url: str) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    db = await Database.open(database_url)
    try:
        await migrate(db)

        async def import_once(body: str) -> None:
            async with db.write() as conn:
                await alone(conn)
                await published(conn)
                await asyncio.sleep(0.05)  # long enough for the other one to begin
                item = Article("a", "en", "T", body)
                await publish(conn, [item], now)

        await asyncio.gather(*(import_once(f"body {n}") for n in range(4)))
        async with db.read() as conn:
            (article,) = await published(conn)
        assert article.version == 4
    finally:
        await db.dispose()


@pytest.mark.parametrize(
    ("question", "answered"),
    [("how do I withdraw money?", ["withdraw"]), ("how tall is Mount Everest?", [])],
)
def test_what_one_language_lacks_is_answered_in_that_of_the_conversation(
    question: str, answered: list[str]
) -> None:
    chinese = Knowledge((a for a in articles() if a.locale == "zh"), Company.load(None))
    script, context = demo_script(), replace(demo_context("zh"), faq=chinese)
    state = advance(script, State("demo", 1, "zh"), Begin(), context).state
    step = advance(script, state, Said(question), context)
    assert [e.article for e in step.effects if isinstance(e, Answered)] == answered
    english = replace(state, locale="en")
    step = advance(script, english, Said(question), context)
    assert not any(isinstance(e, Answered) for e in step.effects)


def test_an_article_that_was_copied_is_offered_beside_its_copy() -> None:
    found = [item for item in articles() if item.locale == "en"]
    (refund,) = (item for item in found if item.id == "refund-time")
    both = Knowledge((*found, replace(refund, id="copy")), Company.load(None))
    result = both.find(refund.phrasings[0], "en")
    assert result.decision is FaqDecision.CLARIFY
    assert {item.id for item in result.articles} >= {"refund-time", "copy"}
