"""Replies written later by another hand: the readers must stay as good on them as they were."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache

import pytest

from tests.dialogs.replies.measure import CORPUS, Verdict, judge, read_line

# Percent right at least: two points below what was measured.
LEAST = {
    ("choice", "zh"): 85,
    ("choice", "en"): 87,
    ("choices", "zh"): 93,
    ("choices", "en"): 98,
    ("date", "zh"): 86,
    ("date", "en"): 90,
    ("intent", "zh"): 98,
    ("intent", "en"): 98,
    ("number", "zh"): 96,
    ("number", "en"): 98,
    ("phone", "zh"): 98,
    ("phone", "en"): 94,
    ("rating", "zh"): 96,
    ("rating", "en"): 95,
    ("yes_no", "zh"): 98,
    ("yes_no", "en"): 98,
}


@cache
def verdicts() -> dict[tuple[str, str], Counter[Verdict]]:
    """Every line of corpus/fresh, judged, by kind and locale."""
    found: dict[tuple[str, str], Counter[Verdict]] = {}
    for path in sorted((CORPUS / "fresh").glob("*.jsonl")):
        for text in path.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            verdict = judge(path.stem, line, read_line(path.stem, line))
            found.setdefault((path.stem, line["locale"]), Counter())[verdict] += 1
    return found


@pytest.mark.parametrize(("kind", "locale"), list(LEAST))
def test_a_reader_is_as_good_as_it_was_on_fresh_replies(kind: str, locale: str) -> None:
    counts = verdicts()[kind, locale]
    assert 100 * counts[Verdict.RIGHT] / counts.total() >= LEAST[kind, locale], counts


def test_every_fresh_line_is_measured() -> None:
    assert set(LEAST) == set(verdicts())
