"""Opening hours as data: intervals of each weekday in one time zone, and dated exceptions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

_INTERVAL = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Part of one day, in minutes after local midnight; `end` is outside it and at most 1440."""

    start: int
    end: int

    @classmethod
    def parse(cls, written: str) -> Interval:
        """Read "09:00-18:00". Raises ValueError with what is wrong."""
        found = _INTERVAL.fullmatch(written.strip())
        if not found:
            raise ValueError(f"{written!r} is no interval such as 09:00-18:00")
        hour, minute, end_hour, end_minute = map(int, found.groups())
        interval = cls(hour * 60 + minute, end_hour * 60 + end_minute)
        if minute > 59 or end_minute > 59 or interval.end > _MINUTES_A_DAY:
            raise ValueError(f"{written!r} is not within 00:00-24:00")
        if interval.start >= interval.end:
            raise ValueError(f"{written!r} ends before it starts; split it at midnight")
        return interval

    def __str__(self) -> str:
        clock = (f"{at // 60:02d}:{at % 60:02d}" for at in (self.start, self.end))
        return "-".join(clock)


def _intervals(value: Any) -> tuple[Interval, ...]:
    """From "09:00-12:00, 13:30-18:00", a list of such texts, or "[]" for closed."""
    if isinstance(value, str):
        written = value.strip().removeprefix("[").removesuffix("]")
        value = [part.strip(" \"'") for part in written.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError("intervals are a list of texts such as 09:00-18:00")
    parsed = sorted(part if isinstance(part, Interval) else Interval.parse(part) for part in value)
    for before, after in pairwise(parsed):
        if after.start < before.end:
            raise ValueError(f"{before} and {after} overlap")
    return tuple(parsed)


def zone_name(value: str) -> str:
    """A name of the IANA time zone database. Raises ValueError if there is no such zone."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is no IANA time zone such as Asia/Shanghai") from None
    return value


Intervals = Annotated[tuple[Interval, ...], NoDecode, BeforeValidator(_intervals)]
Zone = Annotated[str, BeforeValidator(zone_name)]

_WORKDAY = (Interval(9 * 60, 18 * 60),)


class DutyHours(BaseModel):
    """When agents are on duty. A day in `exceptions` replaces the weekday; an empty one is closed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: Zone = Field("Asia/Shanghai", description="IANA time zone of the duty hours")
    monday: Intervals = Field(_WORKDAY, description="such as 09:00-12:00,13:30-18:00; []: closed")
    tuesday: Intervals = Field(_WORKDAY, description="as monday")
    wednesday: Intervals = Field(_WORKDAY, description="as monday")
    thursday: Intervals = Field(_WORKDAY, description="as monday")
    friday: Intervals = Field(_WORKDAY, description="as monday")
    saturday: Intervals = Field((), description="as monday")
    sunday: Intervals = Field((), description="as monday")
    exceptions: dict[date, Intervals] = Field(
        default_factory=dict,
        description='dates with hours of their own, such as {"2027-01-01": []}',
    )

    @classmethod
    def always(cls) -> DutyHours:
        """Day and night, all week."""
        day = (Interval(0, _MINUTES_A_DAY),)
        return cls(
            monday=day,
            tuesday=day,
            wednesday=day,
            thursday=day,
            friday=day,
            saturday=day,
            sunday=day,
        )

    def intervals(self, day: date) -> tuple[Interval, ...]:
        """The intervals of a local calendar day, in order; empty if nobody is on duty."""
        if day in self.exceptions:
            return self.exceptions[day]
        week = (self.monday, self.tuesday, self.wednesday, self.thursday, self.friday)
        return (*week, self.saturday, self.sunday)[day.weekday()]
