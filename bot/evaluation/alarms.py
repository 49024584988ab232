"""False alarms: plain questions in which the product sees a complaint or a wish for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dialogs.intents import Detected, Intent, IntentDetector
from dialogs.lexicons import bundled_lexicons
from kb.article import Article
from kb.golden import Question
from kb.search import KnowledgeBase

ALARMS = frozenset({Intent.COMPLAINT, Intent.HUMAN})

Detect = Callable[[str, str], tuple[Detected, ...]]


@dataclass(frozen=True, slots=True)
class Alarms:
    """`share` (0–1) of `questions` plain questions that raised an alarm, and how many by intent.

    Plain are questions with an article, unless the article itself is about complaining or reaching
    a person: those are in `left_out`.
    """

    questions: int
    share: float
    by_intent: dict[str, int]
    raised_by: tuple[str, ...]
    left_out: tuple[str, ...]


def alarms(base: KnowledgeBase, questions: Sequence[Question]) -> Alarms:
    """Ask the detector as a process with this base has it: the phrasings are its neutral examples."""
    neutral = [line for article in base.articles for line in article.phrasings]
    detect = IntentDetector.from_lexicons(bundled_lexicons(), neutral).detect
    left_out = {article.id for article in base.articles if _about_alarms(detect, article)}
    plain = [one for one in questions if one.article is not None and one.article not in left_out]
    by_intent: Counter[str] = Counter()
    alarmed: list[str] = []
    for item in plain:
        found = {one.intent for one in detect(item.question, item.locale)} & ALARMS
        by_intent.update(str(intent) for intent in found)
        if found:
            alarmed.append(item.question)
    return Alarms(
        len(plain),
        len(alarmed) / len(plain) if plain else 0.0,
        dict(sorted(by_intent.items())),
        tuple(alarmed),
        tuple(sorted(left_out)),
    )


def _about_alarms(detect: Detect, article: Article) -> bool:
    """Whether people who ask for this article mostly want what the alarm is for."""
    lines = (article.title, *article.phrasings)
    raised = [line for line in lines if _raises(detect(line, article.locale))]
    return 2 * len(raised) >= len(lines)


def _raises(found: Sequence[Detected]) -> bool:
    return any(one.intent in ALARMS for one in found)
