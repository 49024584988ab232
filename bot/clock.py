"""The one place that asks the machine what time it is; everything else is given a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The aware UTC time."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class GivenClock:
    """A clock that stands still until it is moved: for tests, talks and simulations."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, span: timedelta) -> None:
        self._now += span

    def set(self, moment: datetime) -> None:
        """Move on to a moment; a clock never goes back."""
        self._now = max(self._now, moment.astimezone(UTC))
