"""Chinese questions as they are written elsewhere: what is lost when they come in traditional characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kb.golden import Asked, Question, shares
from kb.search import KnowledgeBase

SCRIPTS = ("s2t", "s2hk", "s2tw")  # OpenCC: traditional, of Hong Kong, of Taiwan


@dataclass(frozen=True, slots=True)
class VariantLoss:
    """`top1` (0–1) of the questions in another script, and by how much that is less than before."""

    questions: int
    top1: float
    loss: float


def traditional(base: KnowledgeBase, asked: Sequence[Asked]) -> dict[str, VariantLoss]:
    """The loss by script, of the Chinese questions with an article; {} if there are none."""
    import opencc

    chinese = [
        (item, decision)
        for item, decision in asked
        if item.article is not None and item.locale.partition("-")[0] == "zh"
    ]
    if not chinese:
        return {}
    before = shares(chinese).top1
    found: dict[str, VariantLoss] = {}
    for script in SCRIPTS:
        convert = opencc.OpenCC(script).convert
        written = [replace(item, question=convert(item.question)) for item, _ in chinese]
        top1 = shares(_ask(base, written)).top1
        found[script] = VariantLoss(len(chinese), top1, before - top1)
    return found


def _ask(base: KnowledgeBase, questions: Sequence[Question]) -> list[Asked]:
    answered: list[Asked] = []
    for locale in sorted({item.locale for item in questions}):
        mine = [item for item in questions if item.locale == locale]
        decisions = base.ask_all([item.question for item in mine], locale)
        answered += zip(mine, decisions, strict=True)
    return answered
