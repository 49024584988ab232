"""Held-out replies: how often each reader is right, and how seldom it records what was not said."""

from __future__ import annotations

from functools import cache

import pytest

from tests.dialogs.replies.measure import KINDS, Tally, Verdict, lines_of, measure, table

# Percent right at least, percent recorded wrongly at most: a little worse than what was measured,
# so that a change for the worse is seen. `python -m tests.dialogs.replies.measure` prints today's.
LIMITS = {
    ("rating", "zh"): (92, 4),
    ("rating", "en"): (89, 2),
    ("yes_no", "zh"): (90, 5),
    ("yes_no", "en"): (92, 4),
    ("choice", "zh"): (81, 4),
    ("choice", "en"): (85, 6),
    ("choices", "zh"): (68, 22),
    ("choices", "en"): (64, 28),
    ("number", "zh"): (91, 5),
    ("number", "en"): (85, 6),
    ("date", "zh"): (91, 5),
    ("date", "en"): (88, 9),
    ("phone", "zh"): (95, 3),
    ("phone", "en"): (88, 3),
    ("free_text", "zh"): (78, 22),
    ("free_text", "en"): (80, 20),
    ("intent", "zh"): (90, 5),
    ("intent", "en"): (91, 4),
}


@cache
def tallies() -> dict[tuple[str, str], Tally]:
    return measure()


@pytest.mark.parametrize(("kind", "locale"), list(LIMITS))
def test_a_reader_is_as_good_as_it_was(kind: str, locale: str) -> None:
    least, most = LIMITS[kind, locale]
    tally = tallies()[kind, locale]
    assert 100 * tally.share(Verdict.RIGHT) >= least, table(tallies())
    assert 100 * tally.share(Verdict.WRONG) <= most, table(tallies())


def test_every_line_of_the_corpus_is_measured() -> None:
    assert set(LIMITS) == set(tallies())
    assert sum(tally.lines for tally in tallies().values()) == sum(
        sum(1 for _ in lines_of(kind)) for kind in KINDS
    )


def test_the_table_has_a_line_for_each_kind_and_language() -> None:
    lines = table(tallies()).splitlines()
    assert len(lines) == 1 + len(LIMITS)
    assert "wrong" in lines[0]
