"""The checker finds each kind of breakage in evidence made by hand, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.pipeline.claims import AGAIN, DIED
from tests.crash.checker import Finding, Kind, check
from tests.crash.evidence import Answer, Evidence, Expected, InboxRow, Line, TextRow
from tests.crash.platform import Accepted

SAID = {"p1-0": "", "p1-1": "four", "p1-2": "fine"}
EXPECTED = Expected(("hello", "rate", "bye"), SAID, {"rating": 4, "feedback": "fine"})


def well() -> Evidence:
    """A person with whom everything went well: three webhooks, three texts."""
    texts = [TextRow(11, "hello Ann", "sent"), TextRow(12, "rate us", "sent"), TextRow(15, "bye", "sent")]  # fmt: skip
    lines = [
        Line("person", ""),
        Line("bot", "hello Ann", 11),
        Line("bot", "rate us", 12),
        Line("person", "four"),
        Line("person", "fine"),
        Line("bot", "bye", 15),
    ]
    return Evidence(
        "p1",
        EXPECTED,
        set(SAID),
        [InboxRow(external_id, True) for external_id in SAID],
        texts,
        lines,
        [Answer("rating", 4), Answer("feedback", "fine")],
        [Accepted(float(text.id), "p1", str(text.id), text.text) for text in texts],
        "completed",
    )


def kinds(found: list[Finding]) -> set[Kind]:
    return {finding.kind for finding in found}


def test_nothing_is_found_where_all_is_well() -> None:
    assert check(well()) == []


def lost(who: Evidence) -> None:
    who.inbox.pop(1)
    who.lines.pop(3)


def never_processed(who: Evidence) -> None:
    who.inbox[2] = InboxRow("p1-2", False)


def twice_in_the_inbox(who: Evidence) -> None:
    who.inbox.append(who.inbox[2])


def said_is_not_shown(who: Evidence) -> None:
    who.lines.pop(3)


def said_out_of_order(who: Evidence) -> None:
    who.lines[3], who.lines[4] = who.lines[4], who.lines[3]


def parked(who: Evidence) -> None:
    who.inbox[1] = InboxRow("p1-1", True, "KeyError at plan.py:1")


def recorded_twice(who: Evidence) -> None:
    who.answers[0] = Answer("rating", 4, times=2)


def corrected(who: Evidence) -> None:
    who.answers[0] = Answer("rating", 4, corrections=1)


def two_rows(who: Evidence) -> None:
    who.answers.append(who.answers[0])


def wrong_value(who: Evidence) -> None:
    who.answers[0] = Answer("rating", 5)


def no_answer(who: Evidence) -> None:
    who.answers.pop()


def unknown_answer(who: Evidence) -> None:
    who.answers.append(Answer("consent", True))


def never_said(who: Evidence) -> None:
    who.texts.pop()
    who.lines.pop()
    who.accepted.pop()


def said_too_much(who: Evidence) -> None:
    who.texts.append(TextRow(16, "bye again", "sent"))
    who.lines.append(Line("bot", "bye again", 16))
    who.accepted.append(Accepted(16.0, "p1", "16", "bye again"))


def told_out_of_order(who: Evidence) -> None:
    who.texts = [who.texts[0], replace(who.texts[2], id=12), replace(who.texts[1], id=15)]
    who.accepted = [Accepted(0.0, "p1", str(text.id), text.text) for text in who.texts]


def shown_out_of_order(who: Evidence) -> None:
    who.lines[1], who.lines[2] = who.lines[2], who.lines[1]


def never_accepted(who: Evidence) -> None:
    who.accepted.pop()


def accepted_out_of_order(who: Evidence) -> None:
    who.accepted.reverse()


def accepted_twice(who: Evidence) -> None:
    who.accepted.insert(2, who.accepted[1])


def accepted_from_nowhere(who: Evidence) -> None:
    who.accepted.append(Accepted(20.0, "p1", "20", "boo"))


def accepted_with_other_words(who: Evidence) -> None:
    who.accepted[2] = Accepted(20.0, "p1", "15", "rate us")


def not_completed(who: Evidence) -> None:
    who.outcome = ""


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (lost, Kind.LOST),
        (never_processed, Kind.LOST),
        (said_is_not_shown, Kind.LOST),
        (said_out_of_order, Kind.ORDER),
        (twice_in_the_inbox, Kind.TWICE),
        (parked, Kind.PARKED),
        (recorded_twice, Kind.TWICE),
        (corrected, Kind.TWICE),
        (two_rows, Kind.TWICE),
        (wrong_value, Kind.WRONG_ANSWER),
        (no_answer, Kind.WRONG_ANSWER),
        (unknown_answer, Kind.WRONG_ANSWER),
        (never_said, Kind.MISSING),
        (said_too_much, Kind.UNEXPECTED),
        (told_out_of_order, Kind.ORDER),
        (shown_out_of_order, Kind.ORDER),
        (never_accepted, Kind.MISSING),
        (accepted_out_of_order, Kind.ORDER),
        (accepted_twice, Kind.SENT_TWICE),
        (accepted_from_nowhere, Kind.UNEXPECTED),
        (accepted_with_other_words, Kind.UNEXPECTED),
        (not_completed, Kind.UNFINISHED),
    ],
)
def test_each_breakage_is_found(break_it: Callable[[Evidence], None], kind: Kind) -> None:
    who = well()
    break_it(who)
    found = check(who)
    assert kind in kinds(found)
    assert any(finding.is_fault for finding in found)


@pytest.mark.parametrize(
    ("detail", "kind"),
    [
        (AGAIN, Kind.REPEATED_OPEN),
        (DIED, Kind.REPEATED_DIED),
        (f"{AGAIN}; {DIED}", Kind.REPEATED_DIED),
    ],
)
def test_twice_is_no_fault_where_the_row_says_that_nobody_could_know(
    detail: str, kind: Kind
) -> None:
    who = well()
    accepted_twice(who)
    who.texts[1] = replace(who.texts[1], detail=detail)
    found = check(who)
    assert kinds(found) == {kind}
    assert not found[0].is_fault


def test_a_repeat_may_come_after_what_its_dead_sender_had_sent_behind_it() -> None:
    who = well()
    who.texts[1] = replace(who.texts[1], detail=DIED)
    who.accepted.append(who.accepted[1])
    assert kinds(check(who)) == {Kind.REPEATED_DIED}


@pytest.mark.parametrize(("arrived", "more"), [(True, set()), (False, {Kind.NEVER})])
def test_what_is_left_to_a_person_is_named(arrived: bool, more: set[Kind]) -> None:
    who = well()
    who.texts[2] = replace(who.texts[2], status="unknown")
    if not arrived:
        who.accepted.pop()
    assert kinds(check(who)) == {Kind.LEFT, *more}


def test_of_what_is_said_at_once_the_inbox_decides_the_order() -> None:
    swapped = Expected(("hello", "rate", "bye"), SAID, {"rating": 4, "feedback": "four"})
    burst = replace(EXPECTED, burst=("p1-1", "p1-2"), swapped=swapped)
    who = well()
    who.expected = burst
    assert check(who) == []
    who.inbox = [who.inbox[0], who.inbox[2], who.inbox[1]]
    said_out_of_order(who)
    assert kinds(check(who)) == {Kind.WRONG_ANSWER}
    who.answers[1] = Answer("feedback", "four")
    assert check(who) == []
