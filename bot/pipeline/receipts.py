"""What platforms tell later about messages of ours: sent, delivered, read, failed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import SendStatus
from bot.store.tables import outbox
from channels.message import Receipt, ReceiptStatus

_ORDER = {
    ReceiptStatus.SENT: ("",),
    ReceiptStatus.DELIVERED: ("sent",),
    ReceiptStatus.READ: ("sent", "delivered"),
}


async def write_receipts(conn: AsyncConnection, receipts: Sequence[Receipt]) -> None:
    """Note receipts; they come in any order, and a later stage is never taken back."""
    for receipt in receipts:
        mine = update(outbox).where(
            outbox.c.account == receipt.account, outbox.c.provider_id == receipt.provider_id
        )
        if receipt.status is ReceiptStatus.FAILED:
            await conn.execute(
                mine.values(
                    status=str(SendStatus.FAILED),
                    detail=f"platform:{receipt.error_code}",
                    receipt=str(receipt.status),
                    receipt_at=receipt.at,
                )
            )
            continue
        earlier = _ORDER[receipt.status]
        await conn.execute(
            mine.where(or_(outbox.c.receipt.is_(None), outbox.c.receipt.in_(earlier))).values(
                receipt=str(receipt.status),
                receipt_at=receipt.at,
                # A status proves that an unknown send arrived after all.
                status=str(SendStatus.SENT),
            )
        )
