"""Measures as tables: what each row counts for, and durations, ratings and steps made from rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.measures import (
    Day,
    Ratings,
    Reach,
    Spread,
    StepCounts,
    durations,
    measure,
    monday,
    questions,
    spread,
)
from bot.reports.rows import Row

T0 = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)  # a Monday, noon in Shanghai


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def row(**changes: Any) -> Row:
    usual: dict[str, Any] = {
        "id": "1",
        "script": "preapproval",
        "version": 1,
        "account": "webchat:main",
        "channel": "webchat",
        "locale": "zh",
        "source": "api",
        "created_at": T0,
    }
    return Row(**{**usual, **changes})


COMPLETED = row(
    started_at=at(10),
    delivered_at=at(11),
    replied_at=at(13),
    ended_at=at(40),
    outcome="completed",
    path=("hello:said", "identity:answered", "satisfaction:answered", "suggestions:skipped"),
    off_path=("improve",),
    satisfaction=4.0,
    bot_s=1800.0,
)
ABANDONED = row(
    started_at=at(20),
    delivered_at=at(20),
    replied_at=at(21),
    ended_at=at(7220),
    outcome="expired",
    path=("hello:said", "identity:answered"),
    last_step="satisfaction",
    open_question="satisfaction",
)
HANDED_OVER = row(
    locale="en",
    started_at=at(1),
    delivered_at=at(1),
    replied_at=at(2),
    outcome="",
    path=("hello:said", "identity:answered", "satisfaction:answered", "sorry:said"),
    satisfaction=1.0,
    handoffs=("low_rating",),
    case_opened_at=(at(5),),
    case_claimed_at=(at(15),),
    case_first_reply_at=(None,),
    case_ended_at=(None,),
)
UNOPENED = row(account="", channel="")


def test_each_follow_up_counts_for_every_stage_that_it_reached() -> None:
    report = measure([COMPLETED, ABANDONED, HANDED_OVER, UNOPENED])
    assert report.reach == Reach(
        created=4, started=3, delivered=3, replied=3, completed=1, handed_over=1, rated=2
    )
    assert report.by_channel["webchat"].created == 3
    assert report.by_channel[""].created == 1
    assert report.by_locale["en"] == Reach(
        created=1, started=1, delivered=1, replied=1, handed_over=1, rated=1
    )
    assert report.outcomes == {"": 2, "completed": 1, "expired": 1}
    assert report.handoffs == {"low_rating": 1}


def test_skipped_left_out_and_abandoned_are_different_counts() -> None:
    steps = measure([COMPLETED, ABANDONED]).steps
    assert steps["identity"] == StepCounts(entered=2, answered=2)
    assert steps["satisfaction"] == StepCounts(entered=2, answered=1, abandoned=1)
    assert steps["suggestions"] == StepCounts(entered=1, skipped=1)
    assert steps["improve"] == StepCounts(left_out=1)
    assert "hello" not in steps


@pytest.mark.parametrize(
    ("outcome", "handoffs", "case_ended", "counted"),
    [
        ("no_reply", (), (), "abandoned"),
        ("expired", (), (), "abandoned"),
        ("unreachable", (), (), "abandoned"),
        ("opted_out", (), (), "opted_out"),
        ("handed_off", ("complaint",), (at(9),), "handed_over"),
        ("", (), (), "waiting"),
        ("", ("complaint",), (None,), "handed_over"),
        ("", ("complaint",), (at(9),), "waiting"),  # given back: the bot waits again
    ],
)
def test_an_open_question_is_counted_by_what_became_of_the_follow_up(
    outcome: str,
    handoffs: tuple[str, ...],
    case_ended: tuple[datetime | None, ...],
    counted: str,
) -> None:
    one = row(outcome=outcome, open_question="rating", handoffs=handoffs, case_ended_at=case_ended)
    assert questions(one) == [("rating", "entered"), ("rating", counted)]


def test_a_question_that_was_answered_before_and_is_asked_again_counts_once() -> None:
    one = row(path=("rating:answered",), open_question="rating")
    assert questions(one) == [("rating", "entered"), ("rating", "waiting")]


def test_an_answer_taken_back_by_a_correction_is_not_counted() -> None:
    one = row(path=("detail:answered", "detail:withdrawn"), off_path=("detail",))
    assert questions(one) == [("detail", "left_out")]


def test_durations_are_of_what_happened_and_of_every_case() -> None:
    assert dict(durations(COMPLETED)) == {
        "created_to_delivered": 660.0,
        "started_to_replied": 180.0,
        "started_to_completed": 1800.0,
        "bot": 1800.0,
    }
    twice = row(
        case_opened_at=(at(0), at(60)),
        case_claimed_at=(at(5), at(61)),
        case_first_reply_at=(at(6), None),
        case_ended_at=(at(20), None),
        handoffs=("complaint", "asked_human"),
    )
    assert durations(twice) == [
        ("handoff_to_claimed", 300.0),
        ("handoff_to_claimed", 60.0),
        ("handoff_to_first_reply", 360.0),
        ("handoff_to_ended", 1200.0),
    ]


def test_an_abandoned_follow_up_has_no_time_to_complete() -> None:
    assert "started_to_completed" not in dict(durations(ABANDONED))


@pytest.mark.parametrize(
    ("values", "median", "p90"),
    [
        ([], None, None),
        ([5], 5, 5),
        ([1, 3], 2, 2.8),
        ([9, 1, 5], 5, 8.2),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 6, 10),
    ],
)
def test_median_and_p90(values: Sequence[float], median: float | None, p90: float | None) -> None:
    found = spread(values)
    assert found.count == len(values)
    assert found.median == pytest.approx(median) if median is not None else found == Spread()
    assert found.p90 == (pytest.approx(p90) if p90 is not None else None)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_median_and_p90_lie_within_the_values_and_in_order(values: list[float]) -> None:
    found = spread(values)
    assert found.median is not None
    assert found.p90 is not None
    assert min(values) <= found.median <= found.p90 <= max(values)


def test_ratings_are_counted_by_the_week_in_which_the_follow_up_began() -> None:
    later = row(started_at=at(8 * 24 * 60), satisfaction=2.0)
    report = measure([COMPLETED, HANDED_OVER, later])
    assert report.ratings == Ratings({1: 1, 2: 1, 4: 1}, 7 / 3)
    assert report.ratings_by_week == {
        date(2026, 11, 2): Ratings({1: 1, 4: 1}, 2.5),
        date(2026, 11, 9): Ratings({2: 1}, 2.0),
    }


def test_a_week_begins_on_monday_in_the_zone_of_the_report() -> None:
    sunday_night = datetime(2026, 11, 8, 17, 0, tzinfo=UTC)  # Monday, 01:00 in Shanghai
    assert monday(sunday_night, UTC) == date(2026, 11, 2)
    assert monday(sunday_night, ZoneInfo("Asia/Shanghai")) == date(2026, 11, 9)


def test_days_without_anything_are_shown_as_such() -> None:
    later = row(started_at=at(3 * 24 * 60))
    assert measure([COMPLETED, later]).days == {
        date(2026, 11, 2): Day(1, 1),
        date(2026, 11, 3): Day(),
        date(2026, 11, 4): Day(),
        date(2026, 11, 5): Day(1, 0),
    }


def test_nothing_gives_an_empty_report() -> None:
    report = measure([])
    assert report.reach == Reach()
    assert report.ratings == Ratings()
    assert report.days == {}
