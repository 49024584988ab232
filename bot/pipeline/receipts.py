"""What platforms tell later about messages of ours: sent, delivered, read, failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import SendStatus
from bot.store.tables import outbox, record
from channels.message import Receipt, ReceiptStatus

_EARLIER = {
    ReceiptStatus.SENT: ("",),
    ReceiptStatus.FAILED: ("sent",),
    ReceiptStatus.DELIVERED: ("sent",),
    ReceiptStatus.READ: ("sent", "delivered"),
}


async def write_receipts(conn: AsyncConnection, receipts: Sequence[Receipt]) -> list[Receipt]:
    """Note receipts; they come in any order, and a later stage is never taken back.

    Returns those of messages that are not known, or not known yet: the platform may tell of a
    delivery before its answer to the sending was written down.
    """
    unknown = []
    # In one order everywhere, so that two processes cannot deadlock.
    for receipt in sorted(receipts, key=lambda one: (one.account, one.provider_id)):
        mine = (outbox.c.account == receipt.account, outbox.c.provider_id == receipt.provider_id)
        values: dict[str, Any] = {"receipt": str(receipt.status), "receipt_at": receipt.at}
        if receipt.status is ReceiptStatus.FAILED:
            values |= {"status": str(SendStatus.FAILED)}
            values |= {"detail": f"platform:{receipt.error_code}"}
        else:  # a status proves that an unknown send arrived after all
            values |= {"status": str(SendStatus.SENT)}
        earlier = or_(outbox.c.receipt.is_(None), outbox.c.receipt.in_(_EARLIER[receipt.status]))
        done = await conn.execute(
            update(outbox).where(*mine, earlier).values(values).returning(*_REPORTED)
        )
        rows = done.mappings().all()
        if rows and receipt.status is ReceiptStatus.FAILED:
            await conn.execute(insert(record), [_record(row, receipt) for row in rows])
        elif not rows and not await conn.scalar(select(exists().where(*mine))):
            unknown.append(receipt)
    return unknown


_REPORTED = (outbox.c.id, outbox.c.conversation_id, outbox.c.followup_id)


def _record(row: RowMapping, receipt: Receipt) -> dict[str, Any]:
    """So that the desk shows what the platform could not deliver after all."""
    return {
        "conversation_id": row["conversation_id"],
        "followup_id": row["followup_id"],
        "kind": f"send_{SendStatus.FAILED}",
        "actor": "system",
        "data": {"outbox": row["id"], "detail": f"platform:{receipt.error_code}"},
        "at": receipt.at,
    }
