"""Which phrasings carry their articles: each is left out in turn, and the questions it may touch asked again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from kb.answer import Decision, DecisionKind
from kb.article import Article
from kb.golden import Advance, Asked, Question, rank_of
from kb.search import KnowledgeBase

_NOTHING = 0.005  # of the score of all of its article's questions together: no help
_LEANS = 0.5  # share of an article's right questions that one phrasing alone may win


@dataclass(frozen=True, slots=True)
class Carried:
    """What one phrasing does for the questions that were asked.

    `wins`: questions of its article that come out right only with it. `help`: what it adds to the
    scores of its article over all these questions; 0.3 is three tenths of one question. `draws`: the
    articles of the questions that would be right without it; "" for a foreign one, which would not
    be answered. `right`: how many questions of its article come out right with all phrasings.
    """

    locale: str
    article: str
    phrasing: str
    wins: int
    help: float
    draws: tuple[str, ...]
    right: int

    @property
    def idle(self) -> bool:
        """Whether none of these questions needed it."""
        return not self.wins and self.help <= _NOTHING

    @property
    def leaned_on(self) -> bool:
        """Whether its article stands on this phrasing alone."""
        return self.wins > 1 and self.wins >= _LEANS * self.right


def carried(
    base: KnowledgeBase, asked: Sequence[Asked], advance: Advance = lambda _: None
) -> tuple[Carried, ...]:
    """Every phrasing of the articles that these questions concern, in the base's order.

    Costs one new index for each phrasing (40 ms with 400 phrasings of a locale, 20 ms with 240);
    the calibration stays. `advance` is told of each.
    """
    concerned = _concerned(asked)
    found: list[Carried] = []
    for article in _articles(base, asked):
        for number in range(len(article.phrasings)):
            found.append(_leave_out(base, article, number, concerned[article.key]))
            advance(1)
    return tuple(found)


def effort(base: KnowledgeBase, asked: Sequence[Asked]) -> int:
    """How many phrasings `carried` would leave out."""
    return sum(len(article.phrasings) for article in _articles(base, asked))


def drawing(found: Iterable[Carried]) -> dict[tuple[str, str, str], str]:
    """By locale, the article that wins and the one that loses: the phrasing that draws most of the
    questions from one to the other."""
    drawn: dict[tuple[str, str, str], tuple[int, str]] = {}
    for one in found:
        for loser, count in Counter(one.draws).items():
            key = one.locale, one.article, loser
            if count > drawn.get(key, (0, ""))[0]:
                drawn[key] = count, one.phrasing
    return {key: phrasing for key, (_, phrasing) in drawn.items()}


def _articles(base: KnowledgeBase, asked: Sequence[Asked]) -> list[Article]:
    concerned = _concerned(asked)
    return [article for article in base.articles if article.key in concerned]


def _concerned(asked: Sequence[Asked]) -> dict[tuple[str, str], list[Asked]]:
    """By article: its own questions and those for which it comes first."""
    found: dict[tuple[str, str], list[Asked]] = {}
    for item, decision in asked:
        first = decision.candidates[0].article if decision.candidates else None
        for name in {item.article, first} - {None}:
            found.setdefault((str(name), item.locale), []).append((item, decision))
    return found


def _leave_out(
    base: KnowledgeBase, article: Article, number: int, concerned: Sequence[Asked]
) -> Carried:
    kept = article.phrasings[:number] + article.phrasings[number + 1 :]
    without = base.with_changes([replace(article, phrasings=kept)])
    again = without.ask_all([item.question for item, _ in concerned], article.locale)
    wins = right = 0
    draws: list[str] = []
    gain = 0.0
    for (item, before), after in zip(concerned, again, strict=True):
        was, now = _fine(item, before), _fine(item, after)
        if item.article == article.id:
            right += was
            wins += was and not now
            gain += _score(article.id, before) - _score(article.id, after)
        elif now and not was:
            draws.append(item.article or "")
    phrasing = article.phrasings[number]
    return Carried(article.locale, article.id, phrasing, wins, round(gain, 4), tuple(draws), right)


def _fine(item: Question, decision: Decision) -> bool:
    """The right article is first, or nothing is answered where none is right."""
    if item.article is None:
        return decision.kind is not DecisionKind.ANSWER
    return rank_of(item.article, decision) == 1


def _score(article: str, decision: Decision) -> float:
    return next((one.score for one in decision.candidates if one.article == article), 0.0)
