"""Golden questions: how well a base answers questions whose right article is known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields

import numpy as np

from kb.answer import OFFERED, Decision, DecisionKind
from kb.formats import Problem
from kb.search import KnowledgeBase


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the id of the article that answers it; None if no article does."""

    locale: str
    question: str
    article: str | None
    line: int = field(default=0, compare=False)  # in its file, from 1; 0 if it came from none


Asked = tuple[Question, Decision]
Advance = Callable[[int], None]  # is told how many more are done


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of `Evaluation` over any part of the questions, with the numbers they are of.

    `out_of_scope_abstained` is of the questions without an article, neither answered nor offered;
    `right_but_abstained` of those in scope: the right article was first, and nothing was said.
    """

    questions: int
    in_scope: int
    top1: float
    top3: float
    mrr: float
    answered_right: float
    answered_wrong: float
    offered_right: float
    offered_wrong: float
    abstained: float
    out_of_scope_answered: float
    auroc: float
    out_of_scope_abstained: float
    right_but_abstained: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of `kb eval`. Shares are 0–1; the first eleven of questions in scope unless said.

    top1, top3 and mrr ignore the thresholds. answered_right + answered_wrong + offered_right +
    offered_wrong + abstained = 1. `out_of_scope_answered` is of the questions without an article and
    counts outright answers only. `auroc` is how well the first score tells questions answered right
    from those without an article. Shares of nothing are 0. `p50_ms`, `p99_ms`: CPU of one decision.
    `mb`: memory of the process afterwards.
    """

    top1: float
    top3: float
    mrr: float
    answered_right: float
    answered_wrong: float
    offered_right: float
    offered_wrong: float
    abstained: float
    out_of_scope_answered: float
    auroc: float
    p50_ms: float
    p99_ms: float
    mb: float


def read_questions(text: str, file: str) -> tuple[tuple[Question, ...], tuple[Problem, ...]]:
    """Questions from JSON lines `{"locale", "question", "article": id or null}`; further keys are ignored."""
    questions: list[Question] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            locale, asked, article = record["locale"], record["question"], record.get("article")
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            locale, asked, article = None, None, None
        if not (_is_text(locale) and _is_text(asked) and (article is None or _is_id(article))):
            what = "the line is no question"
            fix = 'write {"locale": "zh", "question": "…", "article": "id" or null}'
            problems.append(Problem(file, number, what, fix))
        else:
            wanted = None if article is None else str(article)
            questions.append(Question(locale, asked, wanted, number))
    return tuple(questions), tuple(problems)


def evaluate(base: KnowledgeBase, questions: Sequence[Question]) -> Evaluation:
    """Ask every question and count."""
    return evaluate_decisions(base, questions)[0]


def evaluate_decisions(
    base: KnowledgeBase,
    questions: Sequence[Question],
    cpu_ns: Callable[[], int] = time.process_time_ns,
    advance: Advance = lambda _: None,
) -> tuple[Evaluation, list[Decision]]:
    """`evaluate`, and the decision on each question in order. `cpu_ns` is the clock of the latencies."""
    decisions: list[Decision] = []
    spent: list[int] = []
    for item in questions:
        started = cpu_ns()
        decisions.append(base.ask(item.question, item.locale))
        spent.append(cpu_ns() - started)
        advance(1)
    counted = asdict(shares(list(zip(questions, decisions, strict=True))))
    milliseconds = np.array(spent or [0]) / 1e6
    named = {one.name: counted[one.name] for one in fields(Evaluation) if one.name in counted}
    return Evaluation(
        **named,
        p50_ms=float(np.percentile(milliseconds, 50)),
        p99_ms=float(np.percentile(milliseconds, 99)),
        mb=_resident_mb(),
    ), decisions


def shares(asked: Sequence[Asked]) -> Shares:
    """Count what became of these questions."""
    inside = [(item.article, decision) for item, decision in asked if item.article is not None]
    outside = [decision for item, decision in asked if item.article is None]
    ranks = [rank_of(article, decision) for article, decision in inside]
    kinds = [decision.kind for _, decision in inside]
    rights = [first_score(d) for (_, d), rank in zip(inside, ranks, strict=True) if rank == 1]
    return Shares(
        questions=len(asked),
        in_scope=len(inside),
        top1=_share(rank == 1 for rank in ranks),
        top3=_share(0 < rank <= OFFERED for rank in ranks),
        mrr=sum(1 / rank for rank in ranks if rank) / len(ranks) if ranks else 0.0,
        answered_right=_outcome(kinds, ranks, DecisionKind.ANSWER, lambda rank: rank == 1),
        answered_wrong=_outcome(kinds, ranks, DecisionKind.ANSWER, lambda rank: rank != 1),
        offered_right=_outcome(kinds, ranks, DecisionKind.CLARIFY, lambda r: 0 < r <= OFFERED),
        offered_wrong=_outcome(kinds, ranks, DecisionKind.CLARIFY, lambda r: not 0 < r <= OFFERED),
        abstained=_share(kind is DecisionKind.ABSTAIN for kind in kinds),
        out_of_scope_answered=_share(d.kind is DecisionKind.ANSWER for d in outside),
        auroc=auroc(rights, [first_score(decision) for decision in outside]),
        out_of_scope_abstained=_share(d.kind is DecisionKind.ABSTAIN for d in outside),
        right_but_abstained=_outcome(kinds, ranks, DecisionKind.ABSTAIN, lambda rank: rank == 1),
    )


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores above a negative, ties counting half; 0 without both."""
    if not positive or not negative:
        return 0.0
    below, above = np.sort(np.array(negative)), np.array(positive)
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.mean() / 2 / len(below))


def _is_text(value: object) -> bool:
    """Half of a surrogate pair is JSON, but no text that could be written out again."""
    return isinstance(value, str) and value.encode("utf-8", "ignore").decode() == value


def _is_id(value: object) -> bool:
    return _is_text(value) or (isinstance(value, int) and not isinstance(value, bool))


def rank_of(article: str, decision: Decision) -> int:
    """The place of an article in a decision, from 1; 0 if the article is not among the candidates."""
    ids = [candidate.article for candidate in decision.candidates]
    return ids.index(article) + 1 if article in ids else 0


def first_score(decision: Decision) -> float:
    """The promised chance that the first candidate is right; 0 without one."""
    return decision.candidates[0].score if decision.candidates else 0.0


def _share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else 0.0


def _outcome(
    kinds: Sequence[DecisionKind],
    ranks: Sequence[int],
    kind: DecisionKind,
    fits: Callable[[int], bool],
) -> float:
    return _share(k is kind and fits(rank) for k, rank in zip(kinds, ranks, strict=True))


def _resident_mb() -> float:
    try:
        with open("/proc/self/statm") as statm:
            pages = int(statm.read().split()[1])
    except OSError:  # not Linux: the peak is the nearest thing that there is
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    import os

    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
