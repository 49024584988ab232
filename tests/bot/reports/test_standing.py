"""Where a follow-up stands: the open question, and what a branch left out."""

from __future__ import annotations

from typing import Any

import pytest

from bot.reports.standing import Path, Standing, Standings
from dialogs.script import Script

SCRIPT = Script.parse(
    """
script: little
version: 1
locales: [en]
title: {en: Little}
start: hello
steps:
  hello: {say: {en: Hello}, next: trouble}
  trouble:
    ask: yes_no
    text: {en: Trouble?}
    branches: {yes: what}
    next: rating
  what: {ask: text, optional: true, text: {en: What?}, next: rating}
  rating:
    ask: rating
    text: {en: How was it?}
    branches: {1-2: sorry}
    next: solved
  sorry: {say: {en: Sorry}, handoff: low_rating, next: solved}
  solved: {ask: yes_no, when: "answered(trouble) and trouble == true", text: {en: Solved?}, next: wish}
  wish: {ask: text, optional: true, text: {en: A wish?}}
"""
)

HELLO = ("hello", "said")


def stand(
    path: Path,
    answers: dict[str, Any] | None = None,
    *,
    completed: bool = False,
    held: bool = False,
    corrected: bool = False,
) -> Standing:
    known = answers or {}
    return Standings(SCRIPT).of(
        path, known.get, completed=completed, held=held, corrected=corrected
    )


@pytest.mark.parametrize(
    ("path", "answers", "expected"),
    [
        ((), {}, Standing()),
        ((HELLO,), {}, Standing("trouble", "trouble")),
        (
            (HELLO, ("trouble", "answered")),
            {"trouble": False},
            Standing("rating", "rating", ("what",)),
        ),
        ((HELLO, ("trouble", "answered")), {"trouble": True}, Standing("what", "what")),
        (
            (HELLO, ("trouble", "answered"), ("what", "skipped")),
            {"trouble": True},
            Standing("rating", "rating"),
        ),
        (
            (HELLO, ("trouble", "answered"), ("rating", "answered"), ("solved", "passed")),
            {"trouble": False, "rating": 4},
            Standing("wish", "wish", ("what", "solved")),
        ),
    ],
)
def test_the_question_that_waits_follows_from_the_path(
    path: Path, answers: dict[str, Any], expected: Standing
) -> None:
    assert stand(path, answers) == expected


LOW: Path = (HELLO, ("trouble", "answered"), ("rating", "answered"), ("sorry", "said"))


def test_a_step_that_hands_over_asks_nothing_until_it_is_given_back() -> None:
    answers = {"trouble": True, "rating": 1.0}
    assert stand(LOW, answers, held=True) == Standing("sorry", "", ("what",))
    assert stand(LOW, answers, held=False) == Standing("solved", "solved", ("what",))


def test_a_question_that_waited_when_a_person_took_over_stays_open() -> None:
    assert stand((HELLO,), held=True) == Standing("trouble", "trouble")


def test_of_a_completed_one_every_question_not_asked_was_left_out() -> None:
    path = (HELLO, ("trouble", "answered"), ("rating", "answered"), ("wish", "skipped"))
    assert stand(path, completed=True) == Standing("wish", "", ("what", "solved"))


def test_after_a_correction_what_was_answered_before_is_passed_in_silence() -> None:
    path = (HELLO, ("trouble", "answered"), ("rating", "answered"), ("solved", "answered"))
    answers = {"trouble": True, "rating": 5}
    corrected = (*path, ("what", "answered"))
    assert stand(corrected, answers, corrected=True) == Standing("wish", "wish")
    assert stand(corrected, answers).open_question == "rating"


def test_an_answer_that_was_taken_back_counts_as_left_out() -> None:
    path = (
        HELLO,
        ("trouble", "answered"),
        ("what", "answered"),
        ("rating", "answered"),
        ("what", "withdrawn"),
        ("solved", "passed"),
    )
    found = stand(path, {"trouble": False, "rating": 4})
    assert found == Standing("wish", "wish", ("what", "solved"))


def test_an_unknown_answer_of_an_erased_person_does_not_raise() -> None:
    assert stand((HELLO, ("trouble", "answered")), {}).open_question == "rating"
