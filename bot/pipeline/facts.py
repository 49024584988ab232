"""Gathers what the gates look at, at send time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.claims import Due, Row
from bot.pipeline.flow import Author, Cause, Control, SendStatus
from bot.safety.gates import SendFacts
from bot.services import Services
from bot.store.direct import Query
from bot.store.tables import address, conversation, followup, outbox, person
from channels.base import Channel
from channels.message import Template

DAY, WEEK = timedelta(hours=24), timedelta(days=7)
FRESH = timedelta(seconds=0.5)  # so long what the claim read is believed


def template_for(services: Services, payload: Mapping[str, Any]) -> Template | None:
    """The operator's approved template in the text's language, else in the settings' one."""
    templates, fallback = services.settings.whatsapp.templates, services.settings.locale
    for locale in (payload.get("locale") or fallback, fallback):
        if templates.get(locale):
            return Template(templates[locale], locale)
    return None


async def send_facts(services: Services, due: Due, channel: Channel) -> SendFacts:
    """The facts of one claimed row. Who may speak is asked again where the claim is not fresh. The
    counts cost a query, and only what the bot starts by itself needs them."""
    now, row = services.clock.now(), due.row
    cause = Cause(row["cause"])
    counts: dict[str, Any] = {}
    if cause is Cause.PROACTIVE or now - due.claimed_at > FRESH:
        async with services.db.read() as conn:
            (row,) = await _NOW.rows(conn, {"row": row["id"]})
            if cause is Cause.PROACTIVE:
                counts = await _counts(conn, services, row, now)
    template = template_for(services, due.payload) if channel.caps.business_may_start else None
    acted = row["last_in_at"] is not None and row["last_in_at"] > row["created_at"]
    opening = row["followup_id"] is not None and row["first_delivered_at"] is None
    return SendFacts(
        now=now.astimezone(ZoneInfo(row["zone"])),
        cause=cause,
        author=Author(row["author"]),
        control=Control(row["control"]),
        epoch=row["control_epoch"],
        current_epoch=row["current_epoch"],
        opted_out=row["opted_out_at"] is not None,
        suppressed=row["erased_at"] is not None,
        answered=acted and not opening,
        opened=acted and opening,
        window=channel.window.opens_for,
        last_in_at=row["last_in_at"],
        has_template=template is not None,
        **counts,
    )


async def _counts(
    conn: AsyncConnection, services: Services, row: Row, now: datetime
) -> dict[str, Any]:
    """Proactive turns to this person on any channel. The texts of one turn count as one contact.
    What another sender is sending right now counts too, if it was planned before."""
    moment = func.coalesce(outbox.c.sent_at, outbox.c.claimed_at, outbox.c.due_at)
    gone = outbox.c.status.in_([str(SendStatus.SENT), str(SendStatus.UNKNOWN)])
    going = and_(outbox.c.status == str(SendStatus.CLAIMED), outbox.c.id < row["id"])
    turn = outbox.c.conversation_id, outbox.c.created_at
    sent = (
        await conn.execute(
            select(func.max(moment).label("at"))
            .where(
                outbox.c.person_id == row["person_id"],
                outbox.c.cause == str(Cause.PROACTIVE),
                or_(gone, going),
                moment > now - WEEK,
                or_(turn[0] != row["conversation_id"], turn[1] != row["created_at"]),
            )
            .group_by(*turn)
        )
    ).scalars()
    heard = await conn.scalar(
        select(func.max(address.c.last_in_at)).where(address.c.person_id == row["person_id"])
    )
    moments = sorted(sent)
    day = [at for at in moments if at > now - DAY]
    limits = services.limits
    free = [
        within[len(within) - most] + span
        for within, most, span in ((day, limits.per_day, DAY), (moments, limits.per_week, WEEK))
        if 0 < most <= len(within)
    ]
    return {
        "last_day": len(day),
        "last_week": len(moments),
        "unanswered": sum(1 for at in moments if heard is None or at > heard),
        "next_free_at": max(free) if free else None,
    }


_NOW = Query(
    select(
        outbox,
        address.c.last_in_at,
        conversation.c.control,
        conversation.c.control_epoch.label("current_epoch"),
        person.c.zone,
        person.c.opted_out_at,
        person.c.erased_at,
        followup.c.delivered_at.label("first_delivered_at"),
    )
    .join(conversation, conversation.c.id == outbox.c.conversation_id)
    .join(address, address.c.id == conversation.c.address_id)
    .join(person, person.c.id == outbox.c.person_id)
    .outerjoin(followup, followup.c.id == outbox.c.followup_id)
    .where(outbox.c.id == bindparam("row"))
)
