"""Texts that failed or perhaps did, and messages whose turn failed: how many, and why. Nothing of a
person is read. It reads the whole outbox: for an operator, not for a page."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.claims import AGAIN
from bot.pipeline.flow import Cause, Control, SendStatus
from bot.services import Services
from bot.store.tables import audit, conversation, inbox, outbox, person

RETRY_WITHIN = timedelta(days=1)  # an older answer would only puzzle
_WORD = re.compile(
    r"[a-z][a-z_ ]{1,39}"
)  # what we or the adapters call a reason; else it is free text


@dataclass(frozen=True, slots=True)
class Pile:
    """`status` is failed, unknown or parked (a message whose turn failed); `since` that of the oldest."""

    account: str
    status: str
    reason: str
    count: int
    since: datetime


async def count_dead_letters(conn: AsyncConnection) -> list[Pile]:
    """By account and reason, the largest first."""
    counts: Counter[tuple[str, str, str]] = Counter()
    since: dict[tuple[str, str, str], datetime] = {}
    for statement in (_SENDS, _PARKED):
        for row in await conn.execute(statement):
            key = row.account, row.status, reason_of(row.detail or "")
            counts[key] += row.number
            since[key] = min(since.get(key, row.since), row.since)
    return [Pile(*key, count, since[key]) for key, count in counts.most_common()]


def reason_of(detail: str) -> str:
    """The word of ours that a detail begins with; "other" for what a platform or a library says."""
    word = detail.removeprefix(AGAIN).lstrip("; ").partition(":")[0].strip()
    return word if _WORD.fullmatch(word) else "other"


async def retry_dead_letters(services: Services, account: str, reason: str) -> int:
    """Send replies again that failed for this reason within RETRY_WITHIN; returns how many. Only
    where the bot still speaks as it did then, to people who were not erased and did not opt out.
    What may have arrived is left alone."""
    now = services.clock.now()
    speaks = exists().where(
        conversation.c.id == outbox.c.conversation_id,
        conversation.c.control == str(Control.BOT),
        conversation.c.control_epoch == outbox.c.control_epoch,
    )
    wants = exists().where(
        person.c.id == outbox.c.person_id,
        person.c.opted_out_at.is_(None),
        person.c.erased_at.is_(None),
    )
    async with services.db.write() as conn:
        rows = await conn.execute(
            select(outbox.c.id, outbox.c.detail)
            .where(
                outbox.c.account == account,
                outbox.c.status == str(SendStatus.FAILED),
                outbox.c.cause == str(Cause.REPLY),
                outbox.c.sent_at.is_(None),  # else a part of it was taken by the platform
                outbox.c.created_at > now - RETRY_WITHIN,
                speaks,
                wants,
            )
            .order_by(outbox.c.id)
            .with_for_update(of=outbox)
        )
        ids = [row.id for row in rows if reason_of(row.detail or "") == reason]
        for row_id in ids:
            await conn.execute(
                update(outbox)
                .where(outbox.c.id == row_id)
                .values(status=str(SendStatus.PENDING), attempts=0, detail=None, due_at=now)
            )
        if ids:
            line = {"at": now, "actor": "command", "action": "outbox.retry"}
            data = {"reason": reason, "outbox": ids}
            await conn.execute(
                insert(audit), {**line, "object": f"account:{account}", "data": data}
            )
    return len(ids)


_DEAD = or_(
    outbox.c.status == str(SendStatus.FAILED),
    outbox.c.status == str(SendStatus.UNKNOWN),
)
_SENDS = (
    select(
        outbox.c.account,
        outbox.c.status,
        outbox.c.detail,
        func.count().label("number"),
        func.min(outbox.c.created_at).label("since"),
    )
    .where(_DEAD)
    .group_by(outbox.c.account, outbox.c.status, outbox.c.detail)
)
_PARKED = (
    select(
        inbox.c.account,
        literal_column("'parked'").label("status"),
        literal_column("'turn failed'").label("detail"),
        func.count().label("number"),
        func.min(inbox.c.received_at).label("since"),
    )
    .where(inbox.c.error.is_not(None))
    .group_by(inbox.c.account)
)
