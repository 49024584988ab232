"""From what a clock on the wall shows to a moment and back, also on days when the clocks change.

Python counts and compares two times of one zone as the wall shows them: half an hour is lost or found
where the clocks change. So it is done in UTC here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def later_by(now: datetime, span: timedelta) -> datetime:
    """The local moment when `span` of real time has passed since `now` (aware)."""
    return (now.astimezone(UTC) + span).astimezone(now.tzinfo)


def moments_at(day: date, clock: time, zone: tzinfo | None) -> tuple[datetime, datetime]:
    """The first and the last moment when a clock in `zone` shows this: two where the clocks go back.

    What it never shows, since the clocks go forward, is meant by the clock before: 01:30 is 02:30.
    """
    local = datetime.combine(day, clock.replace(fold=0), zone)
    first = local.astimezone(UTC)
    last = max(first, local.replace(fold=1).astimezone(UTC))
    return first.astimezone(zone), last.astimezone(zone)


def next_at(day: date, clock: time, now: datetime) -> datetime | None:
    """When a clock in the zone of `now` (aware) shows this for the first time after `now`; None if
    that has passed."""
    return next((at for at in moments_at(day, clock, now.tzinfo) if is_after(at, now)), None)


def is_after(moment: datetime, now: datetime) -> bool:
    """Whether an aware moment is later than another."""
    return moment.astimezone(UTC) > now.astimezone(UTC)
