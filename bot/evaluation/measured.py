"""One evaluation with everything that is reported of it, and the same as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bot.bench.progress import progress
from bot.evaluation.alarms import Alarms, alarms
from kb.answer import Decision
from kb.carrying import Carried, carried, drawing, effort
from kb.golden import Advance, Evaluation, Question, Shares, evaluate_decisions, shares
from kb.report import (
    Confusion,
    ForeignAnswer,
    Reliability,
    confusions,
    few_phrasings,
    foreign_answers,
    per_category,
    per_locale,
    reliability,
)
from kb.search import KnowledgeBase
from kb.variants import VariantLoss, traditional


@dataclass(frozen=True, slots=True)
class Measured:
    """`phrasings` is None where it was not asked for or costs too much; `left_out` is then how many
    phrasings it would have to look at."""

    evaluation: Evaluation
    decisions: Sequence[Decision]
    overall: Shares
    per_locale: dict[str, Shares]
    per_category: dict[str, Shares]
    confusions: tuple[Confusion, ...]
    foreign: tuple[ForeignAnswer, ...]
    reliability: Reliability
    alarms: Alarms
    traditional: dict[str, VariantLoss]
    few: tuple[tuple[str, str, int], ...]  # locale, article, number of phrasings
    phrasings: tuple[Carried, ...] | None
    left_out: int = 0


def measure(base: KnowledgeBase, questions: Sequence[Question], most: int | None) -> Measured:
    """Ask all questions and look at what came of them. Which phrasings carry articles is worked out
    where at most `most` of them are concerned; None: however many. Progress goes to stderr."""
    with _bar("questions", len(questions)) as advance:
        evaluation, decisions = evaluate_decisions(base, questions, advance=advance)
    asked = list(zip(questions, decisions, strict=True))
    phrasings, count = None, effort(base, asked)
    if most is None or count <= most:
        with _bar("phrasings left out in turn", count) as advance:
            phrasings = carried(base, asked, advance)
    return Measured(
        evaluation,
        decisions,
        shares(asked),
        per_locale(asked),
        per_category(base, asked),
        confusions(base, asked, drawing(phrasings or ())),
        foreign_answers(asked),
        reliability(asked),
        alarms(base, questions),
        traditional(base, asked),
        tuple((one.locale, one.id, len(one.phrasings)) for one in few_phrasings(base)),
        phrasings,
        0 if phrasings is not None else count,
    )


def as_dict(found: Measured) -> dict[str, Any]:
    """The figures of the contract first, then the rest; plain types only."""
    more = {name: value for name, value in asdict(found.overall).items() if not _in(found, name)}
    return {
        **asdict(found.evaluation),
        **more,
        "per_locale": {name: asdict(one) for name, one in found.per_locale.items()},
        "per_category": {name: asdict(one) for name, one in found.per_category.items()},
        "confusions": [asdict(one) for one in found.confusions],
        "foreign_answers": [asdict(one) for one in found.foreign],
        "reliability": asdict(found.reliability),
        "alarms": asdict(found.alarms),
        "traditional": {name: asdict(one) for name, one in found.traditional.items()},
        "few_phrasings": [
            {"locale": locale, "article": name, "phrasings": count}
            for locale, name, count in found.few
        ],
        "phrasings": None
        if found.phrasings is None
        else [
            {**asdict(one), "idle": one.idle, "leaned_on": one.leaned_on} for one in found.phrasings
        ],
    }


def _in(found: Measured, name: str) -> bool:
    return hasattr(found.evaluation, name)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    with progress() as bars:
        task = bars.add_task(what, total=total)
        yield lambda done: bars.advance(task, done)
