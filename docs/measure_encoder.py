"""What the encoder adds on colloquial questions, and what is left of it for subjects that it never saw.

python docs/measure_encoder.py tests/kb/colloquial --locale zh

Three bases answer the same questions: by words alone; with the shipped encoder; with encoders trained
without the topics of the article that is asked for. For the last one the articles are dealt into two
halves; for each half an encoder is trained on a corpus without the two topics that lie nearest to each of
its articles.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kb import shipped
from kb.article import Article
from kb.corpus_file import Message
from kb.encoder import Encoder, Floats, shipped_encoder
from kb.encoder_training import train
from kb.formats import read_jsonl
from kb.golden import Evaluation, evaluate, read_questions
from kb.search import KnowledgeBase

NEAREST = 2
HALVES = 2


def middles(encoder: Encoder, groups: dict[str, list[str]]) -> tuple[list[str], Floats]:
    """[groups, dimensions]: the middle of each group's texts, of length one."""
    sums = np.stack([encoder.encode(texts).sum(axis=0) for texts in groups.values()])
    return list(groups), sums / np.linalg.norm(sums, axis=1, keepdims=True)


def topics_of(articles: Sequence[Article], corpus: Sequence[Message]) -> set[str]:
    """The topics nearest to these articles."""
    by_topic: dict[str, list[str]] = {}
    for message in corpus:
        by_topic.setdefault(message.topic, []).append(message.text)
    topics, centres = middles(shipped_encoder(), by_topic)
    texts = {article.id: [article.title, *article.phrasings] for article in articles}
    _, own = middles(shipped_encoder(), texts)
    return {topics[n] for row in own @ centres.T for n in np.argsort(-row)[:NEAREST]}


def show(name: str, found: Evaluation) -> None:
    figures = (
        f"first {found.top1:6.1%}  among three {found.top3:6.1%}  answered right {found.answered_right:6.1%}"
        f"  wrong {found.answered_wrong:5.1%}  asked which {found.offered_right + found.offered_wrong:6.1%}"
        f"  silent {found.abstained:5.1%}  foreign answered {found.out_of_scope_answered:5.1%}"
    )
    print(f"{name:24} {figures}")  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="with base.<locale>.jsonl, questions.<locale>.jsonl"
    )
    parser.add_argument("--locale", default="zh")
    given = parser.parse_args()
    base = (given.folder / f"base.{given.locale}.jsonl").read_text("utf-8")
    asked = (given.folder / f"questions.{given.locale}.jsonl").read_text("utf-8")
    articles = read_jsonl(base, "base").articles
    questions, _ = read_questions(asked, "questions")
    show("words alone", evaluate(KnowledgeBase.build(articles, embedders=()), questions))
    show("shipped encoder", evaluate(KnowledgeBase.build(articles), questions))
    corpus = shipped.corpus()
    parts: list[tuple[Evaluation, int]] = []
    for half in range(HALVES):
        mine = articles[half::HALVES]
        gone = topics_of(mine, corpus)
        encoder = train([message for message in corpus if message.topic not in gone])
        ids = {article.id for article in mine}
        these = [q for q in questions if q.article in ids or q.article is None]
        found = evaluate(KnowledgeBase.build(articles, embedders=(encoder,)), these)
        show(f"without {len(gone)} topics", found)
        parts.append((found, sum(question.article is not None for question in these)))
    total = sum(count for _, count in parts)
    first, three = (
        sum(getattr(found, name) * count for found, count in parts) / total
        for name in ("top1", "top3")
    )
    print(f"subjects never seen      first {first:6.1%}  among three {three:6.1%}")  # noqa: T201


if __name__ == "__main__":
    main()
