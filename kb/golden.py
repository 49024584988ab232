"""Golden questions: how well a base answers questions whose right article is known."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
        if not isinstance(locale, str) or not isinstance(asked, str):
            what = "the line is no question"
            fix = 'write {"locale": "zh", "question": "…", "article": "id" or null}'
            problems.append(Problem(file, number, what, fix))
        else:
            questions.append(Question(locale, asked, None if article is None else str(article)))
    return tuple(questions), tuple(problems)


def evaluate(base: KnowledgeBase, questions: Sequence[Question]) -> Evaluation:
    """Ask every question and count."""
    return evaluate_decisions(base, questions)[0]


def evaluate_decisions(
    base: KnowledgeBase,
    questions: Sequence[Question],
    cpu_ns: Callable[[], int] = time.process_time_ns,
) -> tuple[Evaluation, list[Decision]]:
    """`evaluate`, and the decision on each question in order. `cpu_ns` is the clock of the latencies."""
    decisions: list[Decision] = []
    spent: list[int] = []
    for item in questions:
        started = cpu_ns()
        decisions.append(base.ask(item.question, item.locale))
        spent.append(cpu_ns() - started)
    asked = list(zip(questions, decisions, strict=True))
    inside = [(item.article, decision) for item, decision in asked if item.article is not None]
    outside = [decision for item, decision in asked if item.article is None]
    ranks = [_rank(article, decision) for article, decision in inside]
    kinds = [decision.kind for _, decision in inside]
    milliseconds = np.array(spent or [0]) / 1e6
    rights = [_first_score(d) for (_, d), rank in zip(inside, ranks, strict=True) if rank == 1]
    return Evaluation(
        top1=_share(rank == 1 for rank in ranks),
        top3=_share(0 < rank <= OFFERED for rank in ranks),
        mrr=sum(1 / rank for rank in ranks if rank) / len(ranks) if ranks else 0.0,
        answered_right=_outcome(kinds, ranks, DecisionKind.ANSWER, lambda rank: rank == 1),
        answered_wrong=_outcome(kinds, ranks, DecisionKind.ANSWER, lambda rank: rank != 1),
        offered_right=_outcome(kinds, ranks, DecisionKind.CLARIFY, lambda r: 0 < r <= OFFERED),
        offered_wrong=_outcome(kinds, ranks, DecisionKind.CLARIFY, lambda r: not 0 < r <= OFFERED),
        abstained=_share(kind is DecisionKind.ABSTAIN for kind in kinds),
        out_of_scope_answered=_share(d.kind is DecisionKind.ANSWER for d in outside),
        auroc=auroc(rights, [_first_score(decision) for decision in outside]),
        p50_ms=float(np.percentile(milliseconds, 50)),
        p99_ms=float(np.percentile(milliseconds, 99)),
        mb=_resident_mb(),
    ), decisions


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """The chance that a positive scores above a negative, ties counting half; 0 without both."""
    if not positive or not negative:
        return 0.0
    below, above = np.sort(np.array(negative)), np.array(positive)
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.mean() / 2 / len(below))


def _rank(article: str, decision: Decision) -> int:
    """From 1; 0 if the article is not among the candidates."""
    ids = [candidate.article for candidate in decision.candidates]
    return ids.index(article) + 1 if article in ids else 0


def _first_score(decision: Decision) -> float:
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
