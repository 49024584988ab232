"""What an editor reads in an evaluation: parts of it, articles that take each other's questions, calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.answer import DecisionKind
from kb.article import Article
from kb.golden import Asked, Shares, first_score, rank_of, shares
from kb.search import KnowledgeBase

BINS = 10
ENOUGH_PHRASINGS = 5  # from one to five the share of right answers doubles (BANKING77: 32 → 65 %)
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Bin:
    """The questions whose first score lies in [low, high): what it promised and what was found."""

    low: float
    high: float
    count: int
    promised: float  # the mean score
    found: float  # the share that was right


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins that hold questions, lowest first, and the expected calibration error (0–1): the gap
    between promised and found, weighted by the questions in each bin."""

    bins: tuple[Bin, ...]
    ece: float


@dataclass(frozen=True, slots=True)
class Example:
    """A question that went to the wrong article."""

    question: str
    article: str  # the right one
    answered: bool  # outright, so that a person was misled


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two articles of a locale that take each other's questions."""

    locale: str
    loser: str  # loses the more of the two
    winner: str
    lost: int  # questions of `loser` for which `winner` came first
    returned: int  # the other way round
    answered: int  # of both, answered outright
    examples: tuple[Example, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """A question without an article that was answered outright."""

    locale: str
    question: str
    article: str
    score: float


def per_locale(asked: Sequence[Asked]) -> dict[str, Shares]:
    """The shares of each locale."""
    return _grouped((item.locale, (item, decision)) for item, decision in asked)


def per_category(base: KnowledgeBase, asked: Sequence[Asked]) -> dict[str, Shares]:
    """The shares of each category of the right article; "" where it has none. Questions without an
    article belong to no category."""
    category = {article.key: article.category for article in base.articles}
    return _grouped(
        (category.get((item.article, item.locale), ""), (item, decision))
        for item, decision in asked
        if item.article is not None
    )


def reliability(asked: Sequence[Asked]) -> Reliability:
    """How the promised chances hold. An answer to a question without an article is never right."""
    binned: dict[int, list[tuple[float, bool]]] = {}
    for item, decision in asked:
        score = first_score(decision)
        right = item.article is not None and rank_of(item.article, decision) == 1
        binned.setdefault(min(int(score * BINS), BINS - 1), []).append((score, right))
    bins = tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(found),
            sum(score for score, _ in found) / len(found),
            sum(right for _, right in found) / len(found),
        )
        for number, found in sorted(binned.items())
    )
    gaps = sum(one.count * abs(one.promised - one.found) for one in bins)
    return Reliability(bins, gaps / len(asked) if asked else 0.0)


def foreign_answers(asked: Sequence[Asked]) -> tuple[ForeignAnswer, ...]:
    """Questions without an article that were answered outright, the surest first."""
    found = [
        ForeignAnswer(item.locale, item.question, first.article, first.score)
        for item, decision in asked
        if item.article is None and decision.kind is DecisionKind.ANSWER
        for first in decision.candidates[:1]
    ]
    return tuple(sorted(found, key=lambda one: -one.score))


def confusions(
    base: KnowledgeBase,
    asked: Sequence[Asked],
    drawing: Mapping[tuple[str, str, str], str] | None = None,
) -> tuple[Confusion, ...]:
    """Pairs worth a look: two questions and more, or one answered outright; the worst first.

    `drawing` by locale, winner and loser names the phrasing that draws the questions, where that was
    worked out.
    """
    pairs: dict[tuple[str, frozenset[str]], list[tuple[str, Example]]] = {}
    for item, decision in asked:
        if item.article is None or not decision.candidates:
            continue
        first = decision.candidates[0].article
        if first != item.article:
            answered = decision.kind is DecisionKind.ANSWER
            example = Example(item.question, item.article, answered)
            key = item.locale, frozenset((item.article, first))
            pairs.setdefault(key, []).append((first, example))
    found = [
        _confusion(base, locale, taken, drawing or {})
        for (locale, _), taken in pairs.items()
        if len(taken) > 1 or taken[0][1].answered
    ]
    order = sorted(found, key=lambda one: (one.locale, one.loser, one.winner))
    return tuple(sorted(order, key=lambda one: (-one.answered, -one.lost - one.returned)))


def few_phrasings(base: KnowledgeBase) -> tuple[Article, ...]:
    """Articles with fewer phrasings than make a good article, the fewest first."""
    few = (article for article in base.articles if len(article.phrasings) < ENOUGH_PHRASINGS)
    return tuple(sorted(few, key=lambda article: (len(article.phrasings), article.key)))


def _grouped(asked: Iterable[tuple[str, Asked]]) -> dict[str, Shares]:
    groups: dict[str, list[Asked]] = {}
    for name, one in asked:
        groups.setdefault(name, []).append(one)
    return {name: shares(groups[name]) for name in sorted(groups)}


def _confusion(
    base: KnowledgeBase,
    locale: str,
    taken: Sequence[tuple[str, Example]],
    drawing: Mapping[tuple[str, str, str], str],
) -> Confusion:
    counts: dict[tuple[str, str], int] = {}
    for first, example in taken:
        counts[example.article, first] = counts.get((example.article, first), 0) + 1
    (loser, winner), lost = min(counts.items(), key=lambda one: (-one[1], one[0]))
    examples = sorted((example for _, example in taken), key=lambda one: not one.answered)
    return Confusion(
        locale,
        loser,
        winner,
        lost,
        len(taken) - lost,
        sum(example.answered for example in examples),
        tuple(examples[:_EXAMPLES]),
        _advice(base, locale, (loser, winner), len(taken) - lost, drawing),
    )


def _advice(
    base: KnowledgeBase,
    locale: str,
    pair: tuple[str, str],
    returned: int,
    drawing: Mapping[tuple[str, str, str], str],
) -> str:
    """What to try first; the strongest sign decides."""
    loser, winner = (base.article(name, locale) for name in pair)
    if loser is None or winner is None:
        return f"{pair[0]} is not in the base"
    if _first(base, loser.title, locale) == winner.id:
        return f"even the title of {loser.id} leads to {winner.id}: merge the two or rename one"
    phrasing = drawing.get((locale, winner.id, loser.id))
    if phrasing is not None:
        return f"the phrasing “{phrasing}” of {winner.id} draws them: reword it or take it out"
    if len(loser.phrasings) < ENOUGH_PHRASINGS:
        count = len(loser.phrasings)
        return f"{loser.id} has {count} phrasings: add some in people's words, five at least"
    if returned:
        return "they overlap: merge them, or say in both titles what makes them different"
    return f"add phrasings to {loser.id} in the words of such questions"


def _first(base: KnowledgeBase, text: str, locale: str) -> str:
    candidates = base.ask(text, locale).candidates
    return candidates[0].article if candidates else ""
