"""What to do with a question: answer it, offer three articles, or abstain. A pure policy over a ranking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.article import Article
from kb.calibrate import Calibration
from kb.index import Ranking

OFFERED = 3
SAME_QUESTION = (
    0.9  # the similarity (0–1) of what is the same question but for a word, as in calibrate
)


class DecisionKind(StrEnum):
    """The outcome of a question."""

    ANSWER = "answer"  # send the first candidate's article
    CLARIFY = "clarify"  # "did you mean": the first three titles
    ABSTAIN = "abstain"  # offer a person, keep the gap


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that may be meant. `score` is the calibrated probability (0–1) that it is the right one."""

    article: str
    version: int
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a question, and why; stored with the answer so that outcomes can refit it.

    `article` is set for an answer only. `candidates` are best first, at most ten, also when
    abstaining: a gap shows what came nearest. `features` are in the order of `calibrate.FEATURES`,
    () if the question shares nothing with the base.
    """

    kind: DecisionKind
    locale: str
    article: Article | None = None
    candidates: tuple[Candidate, ...] = ()
    features: tuple[float, ...] = ()

    @property
    def offered(self) -> tuple[Candidate, ...]:
        """The articles that the person is shown: one, three or none."""
        shown = {DecisionKind.ANSWER: 1, DecisionKind.CLARIFY: OFFERED, DecisionKind.ABSTAIN: 0}
        return self.candidates[: shown[self.kind]]


def decide(
    ranking: Ranking | None, articles: Sequence[Article], calibration: Calibration, locale: str
) -> Decision:
    """The decision for a ranking over `articles` (by position)."""
    if ranking is None:
        return Decision(DecisionKind.ABSTAIN, locale)
    sure = calibration.measure(ranking)
    scores = _scores(ranking, sure.first, sure.three)
    candidates = tuple(
        Candidate(articles[place].id, articles[place].version, articles[place].title, score)
        for place, score in zip(ranking.articles, scores, strict=True)
    )
    if sure.first >= calibration.answer_at:
        first = articles[ranking.articles[0]]
        return Decision(DecisionKind.ANSWER, locale, first, candidates, sure.features)
    # Two articles with the very words of the question halve each other's share: both are offered.
    twice = min(ranking.nearest[0], ranking.rival) >= SAME_QUESTION
    known = twice or sure.first >= calibration.offer_at
    kind = DecisionKind.CLARIFY if known else DecisionKind.ABSTAIN
    return Decision(kind, locale, None, candidates, sure.features)


def _scores(ranking: Ranking, first: float, three: float) -> list[float]:
    """A probability for each article: what the first leaves of the three is shared by the next two,
    what the three leave by the rest, in the classifier's proportions and never out of order."""
    shares = [float(share) for share in ranking.shares]
    scores = [first]
    for start, end, left in ((1, OFFERED, three - first), (OFFERED, len(shares), 1 - three)):
        part = shares[start:end]
        total = max(sum(part), sum(shares[end:]), 1e-9) if start == OFFERED else sum(part) or 1e-9
        scores += [left * share / total for share in part]
    for n in range(1, len(scores)):
        scores[n] = min(scores[n], scores[n - 1])
    return [round(score, 6) for score in scores]
