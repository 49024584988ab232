"""Due timers become inbox rows, so that they pass through the same exactly-once path.

A timer is moved in one transaction: killed before the commit it is still a timer, after it an inbox
row. A clock that jumps back fires nothing twice, since what fired is no timer any more; one that
jumps ahead makes many due at once, which go in batches, as fast as the turns follow.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import orjson
from sqlalchemy import bindparam, case, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.bus import Topic
from bot.pipeline.flow import InboxKind
from bot.services import Services
from bot.store.columns import Moment
from bot.store.direct import Query, bulk_insert
from bot.store.ids import new_id
from bot.store.statements import among
from bot.store.tables import conversation, inbox, timer

BATCH = 256  # timers in one transaction
ACCOUNT = "timer"  # the inbox account of what we feed in ourselves
SOONEST_S, LATEST_S = 0.1, 0.5  # between two looks, where not everything due was taken at once
ROOM = 256  # fired timers that wait for their turn: with more, the next batch waits
CROWD = 2048  # the same for everything that waits, ours or not
PATIENCE_S = 5.0  # but no longer than this: turns that never catch up must not stop the timers
# PostgreSQL keeps what was fired as long as any transaction might see it, a backup's for an hour, and
# steps over all of it at every look. So most looks begin shortly before now.
RECENT = timedelta(seconds=10)
ALL_EVERY_S = (
    10.0  # for what is overdue by more than that: after a standstill, or a clock that jumped
)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


async def fire_due(services: Services, since: datetime = EVER) -> int:
    """Move what became due after `since` into the inbox, at most `BATCH`; returns how many. Processes
    share the work: what another one is just moving is passed over."""
    now = services.clock.now()
    async with services.db.write() as conn:
        rows = await _DUE.rows(conn, {"since": since, "now": now})
        if not rows:
            return 0
        keys = await services.vault.keys(conn, {row["owner"] for row in rows})
        fed = [
            {
                "account": ACCOUNT,
                # Not the timer's id: SQLite gives it again once the newest timer is gone.
                "external_id": new_id(now),
                "conversation_id": row["conversation_id"],
                "person_id": row["owner"],
                "kind": str(InboxKind.TIMER),
                "payload": keys[row["owner"]].seal(
                    orjson.dumps(
                        {
                            "timer": row["kind"],
                            "serial": row["serial"],
                            "followup": row["followup_id"],
                        }
                    ).decode()
                ),
                "received_at": now,
            }
            for row in rows
            if row["owner"] in keys
        ]
        await _FEED.run(conn, fed)
        await _FIRED.run(conn, {"ids": [row["id"] for row in rows]})
    await services.bus.publish(Topic.TURNS, [row["conversation_id"] for row in rows])
    return len(rows)


async def keep_firing(services: Services) -> None:
    """Fire what is due, for ever."""
    all_at = 0.0
    while True:
        everything = time.monotonic() >= all_at
        since = EVER if everything else services.clock.now() - RECENT
        pause = await next_look(services, since)
        if pause == 0 and await fire_due(services, since) == BATCH:
            await _let_turns_follow(services)
            continue
        if everything:
            all_at = time.monotonic() + ALL_EVERY_S
        await asyncio.sleep(pause or SOONEST_S)


async def next_look(services: Services, since: datetime = EVER) -> float:
    """Seconds until it is worth looking for due timers, 0 if there are some now. Never more than
    `LATEST_S`: a nearer timer may be written, and a clock may jump."""
    async with services.db.read() as conn:
        due: datetime | None = await conn.scalar(_NEXT, {"since": since})
    if due is None:
        return LATEST_S
    ahead = (due - services.clock.now()).total_seconds()
    return min(max(ahead, SOONEST_S), LATEST_S) if ahead > 0 else 0.0


async def _let_turns_follow(services: Services) -> None:
    """Wait while many fired timers still wait for their turn, so that somebody who writes now does
    not stand behind all of them."""
    for _ in range(round(PATIENCE_S / SOONEST_S)):
        async with services.db.read() as conn:
            if not await crowded(conn):
                return
        await asyncio.sleep(SOONEST_S)


async def crowded(conn: AsyncConnection) -> bool:
    """Whether the turns have enough to do without more timers."""
    waiting, timers = (await conn.execute(_WAITING)).one()
    return waiting >= CROWD or (timers or 0) >= ROOM


_DUE = Query(
    select(
        timer.c.id,
        timer.c.conversation_id,
        timer.c.followup_id,
        timer.c.kind,
        timer.c.serial,
        # A chat may have become another person's since the timer was planned.
        conversation.c.person_id.label("owner"),
    )
    .join(conversation, conversation.c.id == timer.c.conversation_id)
    .where(
        timer.c.due_at > bindparam("since", type_=Moment()),
        timer.c.due_at <= bindparam("now", type_=Moment()),
    )
    .order_by(timer.c.due_at, timer.c.id)
    .limit(BATCH)
    .with_for_update(of=timer, skip_locked=True)
)
_FEED = bulk_insert(
    inbox,
    "account",
    "external_id",
    "conversation_id",
    "person_id",
    "kind",
    "payload",
    "received_at",
)
_FIRED = Query(delete(timer).where(among(timer.c.id, "ids")))
_NEXT = select(func.min(timer.c.due_at)).where(timer.c.due_at > bindparam("since", type_=Moment()))
_HEAD = select(inbox.c.account).where(inbox.c.processed_at.is_(None)).limit(CROWD).subquery()
_WAITING = select(
    func.count(), func.sum(case((_HEAD.c.account == ACCOUNT, 1), else_=0))
).select_from(_HEAD)
