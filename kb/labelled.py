"""A labelled set of questions as a base and questions: some are held out, the rest are phrasings.

Reads BANKING77's CSV (`text,category`) and CLINC150's JSON (`train`, `val`, `oos_train`, `oos_val`), and
anything of the same shape.
"""

from __future__ import annotations

import csv
import io
import json
import random

from kb.article import Article
from kb.formats import Problem
from kb.golden import Question

Split = tuple[tuple[Article, ...], tuple[Question, ...]]

_LOCALE = "en"
_SEED = 0
_HELD_OUT, _FEWEST, _MOST = 4, 5, 25  # every fourth question of a label, between these numbers


class LabelledError(ValueError):
    """The file is no labelled set; `problem` says where and what to do."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def split_csv(text: str, file: str, each: int) -> Split:
    """A quarter of each category is asked; of the rest each article gets `each` phrasings.
    Raises `LabelledError`."""
    by_label: dict[str, list[str]] = {}
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if not {"text", "category"} <= set(rows.fieldnames or ()):
        fix = 'write "text,category" in the first line'
        raise LabelledError(Problem(file, 1, "the CSV lacks a column text or category", fix))
    for row in rows:
        if not row["text"] or not row["category"]:
            what = "the row has no text or no category"
            raise LabelledError(Problem(file, rows.line_num, what, "fill in both"))
        by_label.setdefault(row["category"], []).append(row["text"])
    rng = random.Random(_SEED)  # noqa: S311 - a split, not a secret
    held: list[tuple[str, str]] = []
    for label, texts in sorted(by_label.items()):
        rng.shuffle(texts)
        count = max(_FEWEST, min(_MOST, len(texts) // _HELD_OUT))
        held += [(text, label) for text in texts[:count]]
        del texts[:count]
    return _articles(by_label, each), _questions(held, [])


def split_json(text: str, file: str, each: int) -> Split:
    """The validation part is asked, and both parts without an intent are foreign questions.
    Raises `LabelledError`."""
    try:
        data = json.loads(text)
        by_label: dict[str, list[str]] = {}
        for line, label in data["train"]:
            by_label.setdefault(label, []).append(line)
        held = [(str(line), str(label)) for line, label in data["val"]]
        foreign = [str(line) for part in ("oos_train", "oos_val") for line, _ in data.get(part, ())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        fix = 'write {"train": [[text, intent], …], "val": […], "oos_val": […]}'
        raise LabelledError(Problem(file, line, "the file is no labelled set", fix)) from None
    return _articles(by_label, each), _questions(held, foreign)


def _articles(by_label: dict[str, list[str]], each: int) -> tuple[Article, ...]:
    return tuple(
        Article(label, _LOCALE, label.replace("_", " "), phrasings=tuple(texts[:each]))
        for label, texts in sorted(by_label.items())
    )


def _questions(held: list[tuple[str, str]], foreign: list[str]) -> tuple[Question, ...]:
    asked = [Question(_LOCALE, text, label) for text, label in held]
    return tuple(asked + [Question(_LOCALE, text, None) for text in foreign])
