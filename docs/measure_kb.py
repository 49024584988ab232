"""Measures the knowledge base on public training data: BANKING77 (CSV) or CLINC150 (JSON), own split.

python docs/measure_kb.py banking77_train.csv --phrasings 10
python docs/measure_kb.py clinc150_train_val.json --phrasings 100 --every 4
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from dataclasses import asdict
from pathlib import Path

from kb.article import Article
from kb.golden import Question, evaluate_decisions
from kb.search import KnowledgeBase

Pairs = list[tuple[str, str]]


def banking(path: Path, seed: int) -> tuple[dict[str, list[str]], Pairs, list[str]]:
    """A quarter of each intent, at most 25 questions, is held out."""
    by_intent: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_intent.setdefault(row["category"], []).append(row["text"])
    rng = random.Random(seed)  # noqa: S311 - a split, not a secret
    held: Pairs = []
    for intent, texts in sorted(by_intent.items()):
        rng.shuffle(texts)
        count = max(5, min(25, len(texts) // 4))
        held += [(text, intent) for text in texts[:count]]
        del texts[:count]
    return by_intent, held, []


def clinc(path: Path) -> tuple[dict[str, list[str]], Pairs, list[str]]:
    """The validation part is asked; both out-of-scope parts are foreign."""
    data = json.loads(path.read_text("utf-8"))
    by_intent: dict[str, list[str]] = {}
    for text, intent in data["train"]:
        by_intent.setdefault(intent, []).append(text)
    foreign = [text for text, _ in data["oos_train"] + data["oos_val"]]
    return by_intent, [tuple(pair) for pair in data["val"]], foreign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--phrasings", type=int, default=10)
    parser.add_argument("--every", type=int, default=1, help="ask every n-th held-out question")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    read = clinc(given.file) if given.file.suffix == ".json" else banking(given.file, given.seed)
    by_intent, held, foreign = read
    articles = [
        Article(intent, "en", intent.replace("_", " "), phrasings=tuple(texts[: given.phrasings]))
        for intent, texts in sorted(by_intent.items())
    ]
    questions = [Question("en", text, intent) for text, intent in held[:: given.every]]
    questions += [Question("en", text, None) for text in foreign]
    started = time.process_time()
    base = KnowledgeBase.build(articles)
    built = time.process_time() - started
    result, decisions = evaluate_decisions(base, questions)
    figures = {name: round(value, 4) for name, value in asdict(result).items()}
    calm = [not decision.offered for decision in decisions[len(questions) - len(foreign) :]]
    figures["out_of_scope_abstained"] = round(sum(calm) / len(calm), 4) if calm else 0.0
    lost = [
        not decision.offered
        and decision.candidates[:1]
        and decision.candidates[0].article == q.article
        for q, decision in zip(questions, decisions, strict=True)
        if q.article is not None
    ]
    figures["right_but_abstained"] = round(sum(map(bool, lost)) / len(lost), 4)
    figures["build_cpu_s"] = round(built, 2)
    json.dump(figures, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
