"""Duty changes at the minute of the calendar, though it is worked out once a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from bot.hours import DutyHours
from bot.services import Services
from bot.settings import Settings
from dialogs.context import Duty

OPENS = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday, 9 o'clock in Shanghai
CLOSES = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _services() -> Services:
    nothing = cast(Any, None)
    return Services(
        settings=Settings(),
        db=nothing,
        vault=nothing,
        clock=nothing,
        company=nothing,
        knowledge=nothing,
        scripts=nothing,
        detect_intents=nothing,
        bus=nothing,
    )


def test_duty_begins_and_ends_at_the_minute() -> None:
    services = _services()
    seen = [services.duty(at) for at in (OPENS - SECOND, OPENS, OPENS + SECOND, CLOSES - SECOND)]
    assert [duty.open for duty in seen] == [False, True, True, True]
    closed = [services.duty(CLOSES), services.duty(CLOSES + 59 * SECOND)]
    assert closed == [Duty(open=False, opens_at=OPENS + timedelta(days=1))] * 2


def test_other_settings_count_at_once() -> None:
    services = _services()
    assert services.duty(OPENS).open
    closed = DutyHours(monday=())
    services.settings = services.settings.model_copy(update={"duty": closed})
    assert not services.duty(OPENS).open


def test_the_clock_may_go_back() -> None:
    services = _services()
    assert not services.duty(CLOSES).open
    assert services.duty(CLOSES - SECOND).open
