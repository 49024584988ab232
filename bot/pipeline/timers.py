"""Due timers become inbox rows, so that they pass through the same exactly-once path."""

from __future__ import annotations

import orjson
from sqlalchemy import delete, insert, select

from bot.pipeline.bus import Topic
from bot.pipeline.flow import InboxKind
from bot.services import Services
from bot.store.ids import new_id
from bot.store.tables import conversation, inbox, timer

BATCH = 500
ACCOUNT = "timer"  # the inbox account of what we feed in ourselves


async def fire_due(services: Services) -> int:
    """Move what is due now into the inbox; returns how many. Two processes share the work."""
    now = services.clock.now()
    async with services.db.write() as conn:
        rows = (
            (
                await conn.execute(
                    select(timer, conversation.c.person_id.label("owner"))
                    .join(conversation, conversation.c.id == timer.c.conversation_id)
                    .where(timer.c.due_at <= now)
                    .order_by(timer.c.due_at, timer.c.id)
                    .limit(BATCH)
                    .with_for_update(of=timer, skip_locked=True)
                )
            )
            .mappings()
            .all()
        )
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
        if fed:
            await conn.execute(insert(inbox), fed)
        await conn.execute(delete(timer).where(timer.c.id.in_([row["id"] for row in rows])))
    await services.bus.publish(Topic.TURNS, [row["conversation_id"] for row in rows])
    return len(rows)
