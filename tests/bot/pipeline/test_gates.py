"""May this be sent now? The decision as a table, and the facts that it is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.pipeline.flow import Author, Cause, Control
from bot.safety.gates import Limits, SendFacts, VerdictKind, may_send, next_opening

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=SHANGHAI)
PROACTIVE = SendFacts(NOON, Cause.PROACTIVE, Author.BOT, Control.BOT, 3, 3)
REPLY = replace(PROACTIVE, cause=Cause.REPLY)
AGENT = replace(REPLY, author=Author.AGENT, control=Control.HUMAN)
LATE = NOON.replace(hour=23)
DAY = timedelta(hours=24)
SEND, DROP, DEFER, TEMPLATE = (
    VerdictKind.SEND,
    VerdictKind.DROP,
    VerdictKind.DEFER,
    VerdictKind.SEND_TEMPLATE,
)


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (PROACTIVE, SEND, ""),
        (REPLY, SEND, ""),
        (replace(PROACTIVE, suppressed=True), DROP, "erased"),
        (replace(AGENT, suppressed=True), DROP, "erased"),
        (replace(REPLY, epoch=2), DROP, "stale_control"),
        (replace(AGENT, epoch=2), SEND, ""),
        (replace(PROACTIVE, opted_out=True), DROP, "opted_out"),
        (replace(REPLY, opted_out=True), SEND, ""),
        (replace(PROACTIVE, control=Control.HUMAN), DROP, "not_in_control"),
        (replace(PROACTIVE, control=Control.QUEUED), DROP, "not_in_control"),
        (replace(REPLY, control=Control.QUEUED), SEND, ""),
        (replace(PROACTIVE, answered=True), DROP, "answered"),
        (replace(PROACTIVE, opened=True, now=LATE, unanswered=5, last_day=9), SEND, ""),
        (replace(PROACTIVE, opened=True, opted_out=True), DROP, "opted_out"),
        (replace(PROACTIVE, unanswered=2), DROP, "unanswered"),
        (replace(PROACTIVE, unanswered=1), SEND, ""),
        (replace(PROACTIVE, now=LATE), DEFER, "quiet_hours"),
        (replace(REPLY, now=LATE), SEND, ""),
        (replace(AGENT, now=LATE), SEND, ""),
        (replace(PROACTIVE, last_day=1, next_free_at=NOON + DAY), DEFER, "frequency"),
        (replace(PROACTIVE, last_week=3, next_free_at=NOON + 3 * DAY), DEFER, "frequency"),
        (replace(REPLY, last_day=9, last_week=9), SEND, ""),
        (replace(REPLY, window=DAY, last_in_at=NOON - DAY), DROP, "window_closed"),
        (replace(REPLY, window=DAY, last_in_at=NOON - DAY / 2), SEND, ""),
        (replace(REPLY, window=DAY), DROP, "window_closed"),
        (replace(REPLY, window=DAY, has_template=True), TEMPLATE, ""),
        (replace(AGENT, window=DAY, has_template=True), DROP, "window_closed"),
    ],
)
def test_each_gate_says_its_word(facts: SendFacts, kind: VerdictKind, reason: str) -> None:
    verdict = may_send(facts, Limits())
    assert (verdict.kind, verdict.reason) == (kind, reason)
    assert (verdict.until is not None) == (kind is DEFER)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-21T08:59:59", "2026-11-21T09:00:00"),
        ("2026-11-21T09:00:00", "2026-11-21T09:00:00"),
        ("2026-11-21T19:59:59", "2026-11-21T19:59:59"),
        ("2026-11-21T20:00:00", "2026-11-22T09:00:00"),
        ("2026-12-31T23:59:59", "2027-01-01T09:00:00"),
    ],
)
def test_the_window_opens_at_nine_and_closes_at_eight(now: str, opens: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)
    assert next_opening(moment, Limits()) == datetime.fromisoformat(opens).replace(tzinfo=SHANGHAI)


def test_an_hour_that_comes_twice_opens_no_window_in_the_past() -> None:
    """At 01:10 for the second time, half past one is to come, not fifty minutes ago."""
    again = datetime(2027, 10, 31, 1, 10, tzinfo=UTC).astimezone(ZoneInfo("Europe/London"))
    opens = next_opening(again, Limits(opens=time(1, 30)))
    assert opens.astimezone(UTC) == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
