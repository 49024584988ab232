"""Gathers what the gates look at, at send time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bot.pipeline.flow import Author, Cause, Control, SendStatus
from bot.safety.gates import SendFacts
from bot.services import Services
from bot.store.tables import address, outbox
from channels.base import Channel

DAY, WEEK = timedelta(hours=24), timedelta(days=7)


async def send_facts(services: Services, row: Mapping[str, Any], channel: Channel) -> SendFacts:
    """The facts of one outbox row as `delivery` read it. The counts cost a query, and only what
    the bot starts by itself needs them."""
    now = services.clock.now()
    cause = Cause(row["cause"])
    counts = await _counts(services, row, now) if cause is Cause.PROACTIVE else {}
    template = services.settings.whatsapp.templates if channel.caps.business_may_start else {}
    return SendFacts(
        now=now.astimezone(ZoneInfo(row["zone"])),
        cause=cause,
        author=Author(row["author"]),
        control=Control(row["control"]),
        epoch=row["control_epoch"],
        current_epoch=row["current_epoch"],
        opted_out=row["opted_out_at"] is not None,
        suppressed=row["erased_at"] is not None,
        window=channel.window.opens_for,
        last_in_at=row["last_in_at"],
        has_template=bool(template),
        **counts,
    )


async def _counts(services: Services, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Proactive turns to this person on any channel. The texts of one turn count as one contact:
    they share their due time."""
    async with services.db.read() as conn:
        sent = list(
            (
                await conn.execute(
                    select(outbox.c.due_at, func.max(outbox.c.sent_at))
                    .where(
                        outbox.c.person_id == row["person_id"],
                        outbox.c.cause == str(Cause.PROACTIVE),
                        outbox.c.status.in_([str(SendStatus.SENT), str(SendStatus.UNKNOWN)]),
                        outbox.c.sent_at > now - WEEK,
                        outbox.c.created_at != row["created_at"],
                    )
                    .group_by(outbox.c.created_at, outbox.c.due_at)
                )
            ).all()
        )
        last_in = await conn.scalar(
            select(func.max(address.c.last_in_at)).where(address.c.person_id == row["person_id"])
        )
    moments = sorted(at for _, at in sent if at is not None)
    day = [at for at in moments if at > now - DAY]
    heard = last_in if last_in else None
    unanswered = [at for at in moments if heard is None or at > heard]
    free = [day[0] + DAY] if day else []
    if len(moments) >= services.limits.per_week:
        free.append(moments[0] + WEEK)
    return {
        "last_day": len(day),
        "last_week": len(moments),
        "unanswered": len(unanswered),
        "next_free_at": max(free) if free else None,
    }
