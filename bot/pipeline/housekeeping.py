"""Forgetting what nothing needs any more: processed inbox rows that no platform redelivers.

Their bodies went with the turn; what is left is the id against redelivery, which Meta tries for seven
days. Transcripts, records and rows that were parked with an error stay.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import bindparam, delete, select

from bot.services import Services
from bot.store.statements import among
from bot.store.tables import inbox

PAGE = 1000  # rows in one transaction
PAGES = 200  # in one round: more than the turns can make in a minute
ROUND_S = 60.0
BREATH_S = 0.05  # between two pages, for those who wait for the database


async def keep_house(services: Services) -> None:
    """Forget what is old, once a minute, for ever."""
    while True:
        await asyncio.sleep(ROUND_S)
        await forget_processed(services)


async def forget_processed(services: Services) -> int:
    """Delete inbox rows that were processed more than `keep_inbox_days` ago; returns how many.

    It goes by id, which is the order of arrival, and stops where they get younger: so it needs no
    index, and reads only what it deletes and what was parked.
    """
    before = services.clock.now() - timedelta(days=services.settings.keep_inbox_days)
    after = forgotten = 0
    for _ in range(PAGES):
        async with services.db.read() as conn:
            page = (await conn.execute(_PAGE, {"after": after})).all()
        old = [
            row.id
            for row in page
            if row.processed_at is not None and row.processed_at < before and row.error is None
        ]
        if old:
            forgotten += await _forget(services, old)
        if len(page) < PAGE or page[-1].received_at >= before:
            break
        after = page[-1].id
        await asyncio.sleep(BREATH_S)
    return forgotten


async def _forget(services: Services, ids: list[int]) -> int:
    """Delete these rows; what another process is just deleting is passed over."""
    async with services.db.write() as conn:
        mine = (await conn.execute(_MINE, {"ids": ids})).scalars().all()
        if mine:
            await conn.execute(_GONE, {"ids": mine})
    return len(mine)


_PAGE = (
    select(inbox.c.id, inbox.c.received_at, inbox.c.processed_at, inbox.c.error)
    .where(inbox.c.id > bindparam("after"))
    .order_by(inbox.c.id)
    .limit(PAGE)
)
_MINE = select(inbox.c.id).where(among(inbox.c.id, "ids")).with_for_update(skip_locked=True)
_GONE = delete(inbox).where(among(inbox.c.id, "ids"))
