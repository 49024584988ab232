"""Wall clocks and moments, above all on the days when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dialogs.context import Context, Person
from dialogs.effects import Schedule
from dialogs.engine import advance
from dialogs.events import Begin, Said, Tapped, TimerKind
from dialogs.local_time import is_after, later_by, moments_at, next_at
from dialogs.replies import read_date
from dialogs.replies.base import ReadContext
from dialogs.state import State
from dialogs.testing import demo_context, demo_script

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
ZONES = [LONDON, NEW_YORK, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Asia/Shanghai")]
# The clocks go forward on 28 March and 14 March 2027, and back on 31 October and 7 November.
MOMENTS = some.builds(
    lambda minutes: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes),
    some.integers(0, 363 * 1440),
)
CHANGES = some.sampled_from(["2027-03-28", "2027-10-31", "2027-03-14", "2027-11-07", "2027-04-04"])
NEAR = some.builds(
    lambda day, minutes: datetime.fromisoformat(f"{day}T00:00+00:00") + timedelta(minutes=minutes),
    CHANGES,
    some.integers(-1440, 1440),
)
ZONED = some.sampled_from(ZONES)


@given(NEAR | MOMENTS, ZONED, some.integers(0, 4320))
def test_a_span_is_that_long_whatever_the_clocks_do(
    now: datetime, zone: ZoneInfo, minutes: int
) -> None:
    local = now.astimezone(zone)
    later = later_by(local, timedelta(minutes=minutes))
    assert later.astimezone(UTC) - now == timedelta(minutes=minutes)
    assert later.tzinfo is zone


@given(NEAR | MOMENTS, ZONED, some.times())
def test_the_next_time_of_a_clock_is_to_come_and_shows_it(
    now: datetime, zone: ZoneInfo, clock: time
) -> None:
    local = now.astimezone(zone)
    at = next_at(local.date(), clock, local)
    if at is None:
        assert not is_after(moments_at(local.date(), clock, zone)[1], now)
        return
    assert is_after(at, now)
    first, last = moments_at(local.date(), clock, zone)
    shown = datetime.combine(local.date(), clock)
    assert at.replace(tzinfo=None) - shown in (
        timedelta(0),
        timedelta(hours=1),
        timedelta(minutes=30),
    )
    assert at == first or (not is_after(first, now) and at == last)


@pytest.mark.parametrize(
    ("zone", "day", "clock", "first", "last"),
    [
        (LONDON, date(2027, 3, 28), time(1, 30), "02:30+01:00", "02:30+01:00"),
        (LONDON, date(2027, 10, 31), time(1, 30), "01:30+01:00", "01:30+00:00"),
        (NEW_YORK, date(2027, 3, 14), time(2, 30), "03:30-04:00", "03:30-04:00"),
        (NEW_YORK, date(2027, 11, 7), time(1, 30), "01:30-04:00", "01:30-05:00"),
        (NEW_YORK, date(2027, 11, 7), time(9), "09:00-05:00", "09:00-05:00"),
    ],
)
def test_what_a_clock_shows_twice_or_never(
    zone: ZoneInfo, day: date, clock: time, first: str, last: str
) -> None:
    found = [at.isoformat(timespec="minutes") for at in moments_at(day, clock, zone)]
    assert found == [f"{day}T{first}", f"{day}T{last}"]


def resumes_at(now: datetime, *, text: str = "", option: int = 0) -> Schedule:
    """When the assistant comes back after "later", said as `text` or tapped as an option."""
    script = demo_script()
    person = demo_context().person
    context = Context(
        now=now,
        person=Person(person.name, person.last4, person.region, person.fields),
        company=demo_context().company,
        faq=demo_context().faq,
        detect_intents=demo_context().detect_intents,
    )
    step = advance(script, State(script.script, script.version, "en"), Begin(), context)
    step = advance(script, step.state, Said(text or "later"), context)
    if not text:
        serial = step.messages[-1].serial
        step = advance(script, step.state, Tapped(serial, option), context)
    found = [one for one in step.effects if isinstance(one, Schedule)]
    (planned,) = [one for one in found if one.kind is TimerKind.RESUME]
    return planned


@pytest.mark.parametrize(
    ("now", "zone", "option", "comes"),
    [
        # in an hour: real time, though the clocks change in between
        ("2027-10-31T00:45:00+00:00", LONDON, 0, "2027-10-31T01:45:00+00:00"),
        ("2027-03-28T00:30:00+00:00", LONDON, 0, "2027-03-28T02:30:00+01:00"),
        ("2027-11-07T05:50:00+00:00", NEW_YORK, 0, "2027-11-07T01:50:00-05:00"),
        # this evening and tomorrow: by the wall's clock of that day
        ("2027-03-27T22:30:00+00:00", LONDON, 2, "2027-03-28T12:00:00+01:00"),
        ("2027-10-30T20:00:00+00:00", LONDON, 2, "2027-10-31T12:00:00+00:00"),
        ("2027-03-13T23:00:00+00:00", NEW_YORK, 2, "2027-03-14T12:00:00-04:00"),
        ("2027-11-06T20:00:00+00:00", NEW_YORK, 2, "2027-11-07T12:00:00-05:00"),
        ("2027-11-07T04:30:00+00:00", NEW_YORK, 1, "2027-11-07T19:00:00-05:00"),
    ],
)
def test_later_comes_back_at_the_right_time_when_the_clocks_change(
    now: str, zone: ZoneInfo, option: int, comes: str
) -> None:
    at = resumes_at(datetime.fromisoformat(now).astimezone(zone), option=option).at
    assert at is not None
    assert at.isoformat() == comes


def test_half_an_hour_from_the_first_of_two_hours_is_in_the_second() -> None:
    now = datetime(2027, 10, 31, 0, 45, tzinfo=UTC).astimezone(LONDON)  # 01:45, summer time
    at = resumes_at(now, text="ask me in 30 minutes, later please").at
    assert at is not None
    assert at.astimezone(UTC) == datetime(2027, 10, 31, 1, 15, tzinfo=UTC)


@given(NEAR, ZONED, some.integers(1, 180))
def test_a_span_is_never_in_the_past(now: datetime, zone: ZoneInfo, minutes: int) -> None:
    local = now.astimezone(zone)
    moment = read_date(f"in {minutes} minutes", ReadContext("en", local)).value
    assert moment is not None
    assert moment.time is not None
    at = next_at(moment.date, moment.time, local)
    assert at is not None
    assert at.astimezone(UTC) - now == timedelta(minutes=minutes)
