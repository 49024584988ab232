"""What the engine is given besides the event: the clock, the person, and how to find answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from dialogs.intents import Detected


class FaqDecision(StrEnum):
    ANSWER = "answer"
    CLARIFY = "clarify"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class FaqArticle:
    """A published article as it would be sent: `text` is plain and complete. `video` is the address
    in it whose picture a channel may show."""

    id: str
    version: int
    title: str
    text: str
    score: float = 0.0
    video: str = ""


@dataclass(frozen=True, slots=True)
class FaqResult:
    """The knowledge base's decision; where it answers, every article is an answer.

    `questions`, where a text asks two things at once: which of them each article answers.
    `others`: what comes next, best first, offered where an answer does not help.
    """

    decision: FaqDecision
    articles: tuple[FaqArticle, ...] = ()
    questions: tuple[str, ...] = ()
    others: tuple[FaqArticle, ...] = ()


class Faq(Protocol):
    def find(self, text: str, locale: str) -> FaqResult: ...

    def article(self, article_id: str, locale: str) -> FaqArticle | None: ...


class Mode(StrEnum):
    """Who may speak: the script, or only answers while a person is awaited (DESK.md)."""

    BOT = "bot"
    QUEUED = "queued"
    HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Duty:
    """Whether somebody is there to take a handoff; `opens_at` is aware, None if not known."""

    open: bool = True
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """What the script may know of the person. `fields` are further values for texts."""

    name: str = ""
    last4: str = ""  # last four digits of the identity document, "" if not known
    region: str = "CN"  # ISO 3166, for phone numbers
    fields: Mapping[str, str] = field(default_factory=dict)


def no_intents(text: str, locale: str) -> tuple[Detected, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Context:
    """`now` is aware and in the person's time zone. `company(locale)` gives the values of
    brand, channels, fees, limits, times and links for texts."""

    now: datetime
    person: Person
    company: Callable[[str], Mapping[str, Any]]
    faq: Faq
    detect_intents: Callable[[str, str], tuple[Detected, ...]] = no_intents
    mode: Mode = Mode.BOT
    duty: Duty = Duty()
