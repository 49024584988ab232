"""Business time: when somebody is on duty, and when next. Pure, on the calendar of the settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.hours import DutyHours

SEARCH_DAYS = 60  # how far ahead the next opening is looked for


def is_open(hours: DutyHours, now: datetime) -> bool:
    """Whether the calendar is open at `now` (aware)."""
    local = now.astimezone(ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    return any(span.start <= minute < span.end for span in hours.intervals(local.date()))


def next_opening(hours: DutyHours, now: datetime) -> datetime | None:
    """The aware moment when it opens next, `now` itself if it is open; None if never soon."""
    if is_open(hours, now):
        return now
    zone = ZoneInfo(hours.zone)
    local = now.astimezone(zone)
    for ahead in range(SEARCH_DAYS):
        day = local.date() + timedelta(days=ahead)
        for span in hours.intervals(day):
            start = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(
                minutes=span.start
            )
            if start > local:
                return start
    return None
