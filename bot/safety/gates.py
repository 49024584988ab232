"""May this be sent now? One pure decision, asked at send time and never earlier."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from bot.pipeline.flow import Author, Cause, Control


class VerdictKind(StrEnum):
    SEND = "send"
    SEND_TEMPLATE = "send_template"  # free text is not allowed now, an approved template is
    DEFER = "defer"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a stable word; `until` (aware) says when a deferred send is tried again."""

    kind: VerdictKind
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the bot may start by itself. Times are in the person's zone.

    Defaults: SAFETY 16.3 (window 09:00–20:00, one a day, three a week, two without an answer).
    """

    opens: time = time(9)
    closes: time = time(20)
    per_day: int = 1
    per_week: int = 3
    unanswered: int = 2


@dataclass(frozen=True, slots=True)
class SendFacts:
    """All that the decision looks at. `now` is aware and in the person's zone; the counts are of
    proactive messages that went out on any channel."""

    now: datetime
    cause: Cause
    author: Author
    control: Control
    epoch: int
    current_epoch: int
    opted_out: bool = False
    suppressed: bool = False
    answered: bool = False  # the person acted since it was planned: a reminder is not needed
    opened: bool = False  # the same, but the follow-up has not begun: the person opens it
    last_day: int = 0
    last_week: int = 0
    unanswered: int = 0
    next_free_at: datetime | None = None  # when a used-up cap frees again
    window: timedelta | None = None  # the channel's reply window, None: without limit
    last_in_at: datetime | None = None
    has_template: bool = False


def may_send(facts: SendFacts, limits: Limits) -> Verdict:
    """The gates in their order: who may speak, consent, send window, caps, the channel's window."""
    if facts.suppressed:
        return Verdict(VerdictKind.DROP, "erased")
    if facts.author is Author.BOT and facts.epoch != facts.current_epoch:
        return Verdict(VerdictKind.DROP, "stale_control")
    if facts.cause is Cause.PROACTIVE:
        verdict = _may_start(facts, limits)
        if verdict is not None:
            return verdict
    if _window_closed(facts):
        if facts.has_template and facts.author is not Author.AGENT:
            return Verdict(VerdictKind.SEND_TEMPLATE)
        return Verdict(VerdictKind.DROP, "window_closed")
    return Verdict(VerdictKind.SEND)


def _may_start(facts: SendFacts, limits: Limits) -> Verdict | None:
    if facts.opted_out:
        return Verdict(VerdictKind.DROP, "opted_out")
    if facts.author is Author.BOT and facts.control is not Control.BOT:
        return Verdict(VerdictKind.DROP, "not_in_control")
    if facts.author is Author.BOT and facts.answered:
        return Verdict(VerdictKind.DROP, "answered")
    if facts.opened:
        return None
    if facts.unanswered >= limits.unanswered:
        return Verdict(VerdictKind.DROP, "unanswered")
    opening = next_opening(facts.now, limits)
    if opening > facts.now:
        return Verdict(VerdictKind.DEFER, "quiet_hours", opening)
    if facts.last_day >= limits.per_day or facts.last_week >= limits.per_week:
        until = facts.next_free_at or facts.now + timedelta(hours=1)
        return Verdict(VerdictKind.DEFER, "frequency", max(until, facts.now + timedelta(minutes=1)))
    return None


def next_opening(now: datetime, limits: Limits) -> datetime:
    """`now` if the send window is open, else the aware moment when it opens next."""
    opens = now.replace(hour=limits.opens.hour, minute=limits.opens.minute, second=0, microsecond=0)
    if now.timetz().replace(tzinfo=None) < limits.opens:
        return opens
    if now.timetz().replace(tzinfo=None) < limits.closes:
        return now
    return opens + timedelta(days=1)


def _window_closed(facts: SendFacts) -> bool:
    if facts.window is None:
        return False
    return facts.last_in_at is None or facts.now - facts.last_in_at >= facts.window
