"""What became of sends, written in bulk: status, receipts to come, timers that start now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import FEED_CHANNELS, SendStatus
from bot.services import Services
from bot.store.tables import (
    address,
    conversation,
    followup,
    message,
    outbox,
    person,
    record,
    timer,
)
from channels.base import OutcomeKind

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Done:
    """One row's outcome. PENDING with `due_at` means that it is tried again then."""

    row: Row
    status: SendStatus
    detail: str = ""
    provider_id: str = ""
    parts_done: int = 0
    due_at: datetime | None = None
    sent_at: datetime | None = None
    kind: OutcomeKind | None = None
    new_address: str = ""

    @classmethod
    def sent(cls, row: Row, provider_id: str, parts: int, at: datetime) -> Done:
        return cls(row, SendStatus.SENT, "", provider_id, parts, sent_at=at)

    @classmethod
    def dropped(cls, row: Row, reason: str) -> Done:
        return cls(row, SendStatus.DROPPED, reason)

    @classmethod
    def failed(cls, row: Row, detail: str) -> Done:
        return cls(row, SendStatus.FAILED, detail, parts_done=row["parts_done"])

    @classmethod
    def unknown(cls, row: Row, detail: str, parts_done: int) -> Done:
        return cls(row, SendStatus.UNKNOWN, detail, parts_done=parts_done)

    @classmethod
    def deferred(
        cls, row: Row, until: datetime, detail: str, *, parts_done: int | None = None
    ) -> Done:
        parts = row["parts_done"] if parts_done is None else parts_done
        return cls(row, SendStatus.PENDING, detail, parts_done=parts, due_at=until)

    @classmethod
    def released(cls, row: Row) -> Done:
        """Not tried at all; it waits behind the one that has to wait."""
        return cls(row, SendStatus.PENDING, row["detail"] or "", parts_done=row["parts_done"])


async def write_outcomes(services: Services, done: Sequence[Done]) -> None:
    """Write the outcomes and start what was waiting for a delivery."""
    if not done:
        return
    now = services.clock.now()
    sent = [item for item in done if item.status is SendStatus.SENT]
    async with services.db.write() as conn:
        await conn.execute(_OUTCOME, [_values(item) for item in done])
        timers = [row for item in sent for row in _timers(item)]
        if timers:
            await conn.execute(insert(timer), timers)
        first = [
            {"row": item.row["followup_id"], "now": item.sent_at}
            for item in sent
            if item.row["followup_id"] and item.row["first_delivered_at"] is None
        ]
        if first:
            await conn.execute(_FIRST_DELIVERED, first)
        if sent:
            spoken = {item.row["conversation_id"]: item.sent_at for item in sent}
            rows = [{"row": key, "now": at} for key, at in spoken.items()]
            await conn.execute(_LAST_OUT, rows)
        await _show(conn, sent)
        for item in done:
            await _consequences(conn, item, now)
    await services.told({item.row["conversation_id"] for item in done})


async def _show(conn: AsyncConnection, sent: Sequence[Done]) -> None:
    """Web chats read a feed: a sent text gets its place in it, in the order of the outbox."""
    for item in sorted(sent, key=lambda one: one.row["id"]):
        if not item.row["account"].startswith(FEED_CHANNELS):
            continue
        place = await conn.scalar(_NEXT_FEED, {"row": item.row["conversation_id"]})
        await conn.execute(_PLACE, {"row": item.row["id"], "place": place})


def _values(item: Done) -> dict[str, Any]:
    return {
        "row": item.row["id"],
        "new_status": str(item.status),
        "new_detail": item.detail[:500] or None,
        "new_provider": item.provider_id or item.row["provider_id"],
        "new_parts": item.parts_done,
        "new_due": item.due_at or item.row["due_at"],
        "new_sent": item.sent_at,
    }


def _timers(item: Done) -> list[dict[str, Any]]:
    assert item.sent_at is not None
    return [
        {
            "conversation_id": item.row["conversation_id"],
            "person_id": item.row["person_id"],
            "followup_id": item.row["followup_id"],
            "kind": planned["kind"],
            "serial": planned["serial"],
            "due_at": item.sent_at + timedelta(seconds=planned["after_s"]),
        }
        for planned in item.row["on_delivered"] or ()
    ]


async def _consequences(conn: AsyncConnection, item: Done, now: datetime) -> None:
    """What a refusal for good means for the person's address, and the record of it."""
    if item.status in (SendStatus.FAILED, SendStatus.UNKNOWN, SendStatus.DROPPED):
        await conn.execute(insert(record), _record(item, now))
    if item.kind is OutcomeKind.UNREACHABLE:
        await conn.execute(
            update(address).where(address.c.id == item.row["address_id"]).values(unreachable_at=now)
        )
        if item.row["followup_id"]:
            await conn.execute(_UNREACHABLE, {"row": item.row["followup_id"], "now": now})
    if item.kind is OutcomeKind.OPTED_OUT:
        await conn.execute(
            update(person).where(person.c.id == item.row["person_id"]).values(opted_out_at=now)
        )


def _record(item: Done, now: datetime) -> dict[str, Any]:
    return {
        "conversation_id": item.row["conversation_id"],
        "followup_id": item.row["followup_id"],
        "kind": f"send_{item.status}",
        "actor": "system",
        "data": {"outbox": item.row["id"], "detail": item.detail[:500]},
        "at": now,
    }


_OUTCOME = (
    update(outbox)
    .where(outbox.c.id == bindparam("row"))
    .values(
        status=bindparam("new_status"),
        detail=bindparam("new_detail"),
        provider_id=bindparam("new_provider"),
        parts_done=bindparam("new_parts"),
        due_at=bindparam("new_due"),
        sent_at=bindparam("new_sent"),
        claimed_at=None,
    )
)
_NEXT_FEED = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(feed=conversation.c.feed + 1)
    .returning(conversation.c.feed)
)
_PLACE = (
    update(message).where(message.c.outbox_id == bindparam("row")).values(feed=bindparam("place"))
)
_FIRST_DELIVERED = (
    update(followup)
    .where(followup.c.id == bindparam("row"), followup.c.delivered_at.is_(None))
    .values(delivered_at=bindparam("now"))
)
_LAST_OUT = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(last_out_at=bindparam("now"))
)
_UNREACHABLE = (
    update(followup)
    .where(followup.c.id == bindparam("row"), followup.c.ended_at.is_(None))
    .values(flow="stopped", outcome="unreachable", ended_at=bindparam("now"))
)
