"""Test scripts with transcripts: `run_transcripts(path)` plays those beside a script and counts coverage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialogs.context import Context, FaqArticle, FaqDecision, FaqResult, Person
from dialogs.coverage import Coverage, Spot
from dialogs.intents import Detected, IntentDetector
from dialogs.lexicons import bundled_lexicons
from dialogs.player import Failure, Player, World
from dialogs.script import Script
from dialogs.transcripts import TranscriptFile, load_transcripts, transcripts_beside

__all__ = [
    "Coverage",
    "Failure",
    "KeywordFaq",
    "Player",
    "Report",
    "Spot",
    "TranscriptFile",
    "World",
    "demo_context",
    "demo_script",
    "demo_world",
    "load_transcripts",
    "play_transcripts",
    "run_transcripts",
    "transcripts_beside",
]

COMPANY: Mapping[str, Mapping[str, Any]] = {
    "zh": {
        "brand": "示例钱包",
        "channels": {
            "app": "示例钱包App",
            "website": "https://www.example.com",
            "support_hours": "每天 9:00–21:00",
            "hotline": "+86 10 5555 0100",
            "official_page": "https://www.example.com/official",
        },
        "fees": {
            "withdrawal": "每笔 2 元",
            "transfer": "免费",
            "deposit": "免费",
            "card": "首张免费",
            "network_note": "网络费由网络收取，我们不加价。",
        },
        "limits": {
            "daily_send": "50,000 元",
            "daily_withdraw": "50,000 元",
            "single": "20,000 元",
            "deposit_minimum": "10 元",
        },
        "times": {
            "refund_days": "3–7 个工作日",
            "card_days": "5–10 个工作日",
            "review_hours": "24 小时",
            "complaint_reply_hours": "24 小时",
        },
        "links": {
            "help": "https://www.example.com/help",
            "security": "https://www.example.com/security",
            "complaints": "https://www.example.com/complaints",
            "download": "https://www.example.com/download",
        },
    },
    "en": {
        "brand": "Sample Wallet",
        "channels": {
            "app": "the Sample Wallet app",
            "website": "https://www.example.com",
            "support_hours": "9:00–21:00 every day",
            "hotline": "+86 10 5555 0100",
            "official_page": "https://www.example.com/official",
        },
        "fees": {
            "withdrawal": "CNY 2 each",
            "transfer": "free",
            "deposit": "free",
            "card": "the first is free",
            "network_note": "Network fees go to the network; we add nothing.",
        },
        "limits": {
            "daily_send": "CNY 50,000",
            "daily_withdraw": "CNY 50,000",
            "single": "CNY 20,000",
            "deposit_minimum": "CNY 10",
        },
        "times": {
            "refund_days": "3–7 working days",
            "card_days": "5–10 working days",
            "review_hours": "24 hours",
            "complaint_reply_hours": "24 hours",
        },
        "links": {
            "help": "https://www.example.com/help",
            "security": "https://www.example.com/security",
            "complaints": "https://www.example.com/complaints",
            "download": "https://www.example.com/download",
        },
    },
}

ARTICLES: Sequence[Mapping[str, Any]] = (
    {
        "id": "card",
        "title": {"zh": "实体卡什么时候到？", "en": "When does the card arrive?"},
        "text": {
            "zh": "实体卡一般 5–10 个工作日寄到。",
            "en": "The card arrives within 5–10 working days.",
        },
        "words": ["卡什么时候", "卡片什么时候", "get the card", "card arrive"],
    },
    {
        "id": "fees",
        "title": {"zh": "手续费是多少？", "en": "What are the fees?"},
        "text": {
            "zh": "提现每笔 2 元，其余免费。",
            "en": "Withdrawals cost CNY 2, the rest is free.",
        },
        "words": ["手续费", "费用", "fees", "fee"],
        "related": ["refund"],
    },
    {
        "id": "refund",
        "title": {"zh": "退款多久到账？", "en": "How long does a refund take?"},
        "text": {"zh": "退款 3–7 个工作日到账。", "en": "A refund takes 3–7 working days."},
        "words": ["退款", "refund"],
    },
)


_PARTS = re.compile(r"[?？]\s*|还有|\band\b")


class KeywordFaq:
    """A knowledge base for tests: an article answers where one of its `words` stands in the text;
    of several the text asks two questions if each stands in a part of its own ("…? …", "… and …"),
    else they are offered; none is an abstention."""

    def __init__(self, articles: Sequence[Mapping[str, Any]] = ARTICLES) -> None:
        self._articles = articles

    def find(self, text: str, locale: str) -> FaqResult:
        found = self._found(text, locale)
        if not found:
            return FaqResult(FaqDecision.ABSTAIN)
        if len(found) == 1:
            named = [self.article(str(name), locale) for name in self._related(found[0].id)]
            others = tuple(article for article in named if article is not None)
            return FaqResult(FaqDecision.ANSWER, tuple(found), others=others)
        parts = [part.strip() for part in _PARTS.split(text) if part.strip()]
        each = [self._found(part, locale) for part in parts]
        if len(parts) == 2 and all(len(one) == 1 for one in each):
            return FaqResult(FaqDecision.ANSWER, tuple(one[0] for one in each), tuple(parts))
        return FaqResult(FaqDecision.CLARIFY, tuple(found))

    def _found(self, text: str, locale: str) -> list[FaqArticle]:
        said = text.casefold()
        return [
            ready
            for item in self._articles
            if any(word.casefold() in said for word in item["words"])
            and (ready := self.article(str(item["id"]), locale)) is not None
        ]

    def _related(self, article_id: str) -> Sequence[Any]:
        return next((i.get("related", ()) for i in self._articles if i["id"] == article_id), ())

    def article(self, article_id: str, locale: str) -> FaqArticle | None:
        for item in self._articles:
            if item["id"] == article_id and locale in item["text"]:
                return FaqArticle(article_id, 1, item["title"][locale], item["text"][locale], 0.9)
        return None


@cache
def _detector() -> IntentDetector:
    return IntentDetector.from_lexicons(bundled_lexicons())


@lru_cache(maxsize=4096)
def detect(text: str, locale: str) -> tuple[Detected, ...]:
    """The real detector; the same text is looked at once."""
    return _detector().detect(text, locale)


def demo_company(locale: str) -> Mapping[str, Any]:
    return COMPANY.get(locale, COMPANY["en"])


def demo_person(locale: str) -> Person:
    if locale == "zh":
        fields = {"product": "钱包账户", "applied_on": "11月18日", "feature": "一键换汇"}
        return Person("王芳", "1234", "CN", fields)
    fields = {
        "product": "wallet account",
        "applied_on": "18 November",
        "feature": "One-tap exchange",
    }
    return Person("Emma", "1234", "GB", fields)


def demo_moment(locale: str) -> datetime:
    """Saturday 21 November 2026, half past twelve where the person is."""
    zone = ZoneInfo("Asia/Shanghai" if locale == "zh" else "Europe/London")
    return datetime(2026, 11, 21, 12, 30, tzinfo=zone)


def demo_world(
    company: Callable[[str], Mapping[str, Any]] | None = None,
    articles: Sequence[Mapping[str, Any]] = (),
) -> World:
    """A world with a sample company, person and knowledge base, and the real intent detector."""
    return World(
        company=company or demo_company,
        faq=KeywordFaq(articles or ARTICLES),
        detect_intents=detect,
        person=demo_person,
        moment=demo_moment,
    )


def demo_context(locale: str = "en") -> Context:
    """A context for examples: nothing in it is real.

    >>> demo_context().person.name
    'Emma'
    """
    world = demo_world()
    return Context(
        now=world.moment(locale),
        person=world.person(locale),
        company=world.company,
        faq=world.faq,
        detect_intents=world.detect_intents,
    )


_DEMO = """
script: demo
version: 1
locales: [zh, en]
title: {zh: 示例, en: Demo}
start: hello
steps:
  hello:
    say: {zh: "您好，我是{{brand}}的自动回访助手。", en: "Hello, I'm {{brand}}'s automated assistant."}
    next: rating
  rating:
    ask: rating
    text: {zh: 您给几分？, en: "How was it, from 1 to 5?"}
    branches: {1-2: sorry}
    next: reason
  reason:
    ask: text
    optional: true
    text: {zh: 为什么是这个分数？, en: "Why this score?"}
    thanks: {zh: 谢谢您。, en: Thank you.}
  sorry:
    say: {zh: 很抱歉。, en: "I'm sorry."}
    handoff: low_rating
"""


@cache
def demo_script() -> Script:
    """A short script for examples.

    >>> list(demo_script().questions)
    ['rating', 'reason']
    """
    return Script.parse(_DEMO, "demo")


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one file of transcripts."""

    file: TranscriptFile
    failures: tuple[Failure, ...]
    coverage: Coverage

    @property
    def passed(self) -> bool:
        return not self.failures


def play_transcripts(
    script: Script, file: TranscriptFile, world: World | None = None, *, stop_early: bool = False
) -> Report:
    """Play every transcript of a file; with `stop_early` only up to the first that fails."""
    world = world or demo_world(articles=file.faq)
    coverage = Coverage(script)
    failures = []
    for transcript in file.transcripts:
        failure = Player(script, transcript, world, coverage, file.path).play()
        if failure is not None:
            failures.append(failure)
            if stop_early:
                break
    return Report(file, tuple(failures), coverage)


def run_transcripts(
    path: Path, company: Callable[[str], Mapping[str, Any]] | None = None
) -> Report:
    """Play the transcripts beside the script at `path`, or those in a `.test.yaml` at `path`.

    Raises ScriptError where one of the two files is missing or broken.
    """
    file = load_transcripts(path if path.name.endswith(".test.yaml") else transcripts_beside(path))
    script = Script.load(file.script)
    return play_transcripts(script, file, demo_world(company, file.faq))
