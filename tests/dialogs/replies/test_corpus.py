"""Held-out replies: how often each reader is right, and how seldom it records what was not said."""

from __future__ import annotations

from functools import cache

import pytest

from tests.dialogs.replies.measure import (
    KINDS,
    Half,
    Tally,
    Verdict,
    by_halves,
    lines_of,
    measure,
    table,
)

# Percent right at least, percent recorded wrongly at most: a little worse than what was measured,
# so that a change for the worse is seen. `python -m tests.dialogs.replies.measure` prints today's.
LIMITS = {
    ("rating", "zh"): (92, 4),
    ("rating", "en"): (89, 2),
    ("yes_no", "zh"): (90, 5),
    ("yes_no", "en"): (92, 4),
    ("choice", "zh"): (95, 2),
    ("choice", "en"): (94, 3),
    ("choices", "zh"): (93, 5),
    ("choices", "en"): (94, 4),
    ("number", "zh"): (91, 5),
    ("number", "en"): (85, 6),
    ("date", "zh"): (91, 5),
    ("date", "en"): (88, 9),
    ("phone", "zh"): (95, 3),
    ("phone", "en"): (88, 3),
    ("free_text", "zh"): (97, 2),
    ("free_text", "en"): (96, 3),
    ("intent", "zh"): (90, 5),
    ("intent", "en"): (91, 4),
}


@cache
def tallies() -> dict[tuple[str, str], Tally]:
    return measure()


def shown() -> str:
    return table({Half.WHOLE: tallies()})


@pytest.mark.parametrize(("kind", "locale"), list(LIMITS))
def test_a_reader_is_as_good_as_it_was(kind: str, locale: str) -> None:
    least, most = LIMITS[kind, locale]
    tally = tallies()[kind, locale]
    assert 100 * tally.share(Verdict.RIGHT) >= least, shown()
    assert 100 * tally.share(Verdict.WRONG) <= most, shown()


def test_every_line_of_the_corpus_is_measured() -> None:
    assert set(LIMITS) == set(tallies())
    assert sum(tally.lines for tally in tallies().values()) == sum(
        sum(1 for _ in lines_of(kind)) for kind in KINDS
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_halves_together_are_the_whole(kind: str) -> None:
    dev, test = list(lines_of(kind, Half.DEV)), list(lines_of(kind, Half.TEST))
    whole = list(lines_of(kind))
    assert (whole[0::2], whole[1::2]) == (test, dev)


def test_the_table_has_a_line_for_each_kind_and_language_and_a_column_for_each_half() -> None:
    lines = table(by_halves()).splitlines()
    assert len(lines) == 1 + len(LIMITS)
    assert all(half in lines[0] for half in Half)
