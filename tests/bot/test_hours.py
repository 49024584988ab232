from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from bot.hours import DutyHours, Interval

MORNING, AFTERNOON = Interval(540, 720), Interval(810, 1080)


@pytest.mark.parametrize(
    ("written", "intervals"),
    [
        ("09:00-12:00,13:30-18:00", (MORNING, AFTERNOON)),
        ("13:30-18:00, 9:00–12:00", (MORNING, AFTERNOON)),
        (["09:00-12:00"], (MORNING,)),
        ('["09:00-12:00", "13:30-18:00"]', (MORNING, AFTERNOON)),
        ("00:00-24:00", (Interval(0, 1440),)),
        ("09:00-12:00,12:00-13:00", (MORNING, Interval(720, 780))),
        ("", ()),
        ("[]", ()),
        ([], ()),
    ],
)
def test_intervals_are_read_as_people_write_them(
    written: Any, intervals: tuple[Interval, ...]
) -> None:
    assert DutyHours(monday=written).monday == intervals


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("9-5", "no interval"),
        ("22:00-06:00", "split it at midnight"),
        ("09:00-09:00", "ends before it starts"),
        ("09:00-24:01", "not within"),
        ("09:60-10:00", "not within"),
        ("09:00-12:00,11:00-13:00", "overlap"),
        (7, "list of texts"),
    ],
)
def test_what_is_no_interval_is_refused_with_the_reason(written: Any, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        DutyHours(monday=written)


def test_a_dated_exception_replaces_its_weekday() -> None:
    hours = DutyHours.model_validate(
        {"exceptions": {"2026-10-01": [], date(2026, 10, 10): ["09:00-12:00"]}}
    )
    assert hours.intervals(date(2026, 10, 2)) == (Interval(540, 1080),)  # a Friday
    assert hours.intervals(date(2026, 10, 1)) == ()
    assert hours.intervals(date(2026, 10, 10)) == (MORNING,)  # a Saturday
    assert hours.intervals(date(2026, 10, 11)) == ()


def test_an_interval_is_shown_as_it_is_written() -> None:
    assert str(Interval.parse("9:05-24:00")) == "09:05-24:00"
