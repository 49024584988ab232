"""A campaign in the tests' database: many people to whom the bot wants to say something."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert

from bot.store.addresses import Home, Sender, resolve_addresses
from bot.store.tables import outbox
from channels.message import Address
from tests.bot.pipeline.harness import World

HOME = Home("en", "Asia/Shanghai", "CN")
AT_ONCE = 500  # people of one transaction


async def plan_campaign(world: World, people: int, **values: Any) -> list[str]:
    """As many people with one text each, proactive and due now; returns their conversations.
    `values`: of the outbox rows."""
    services, now, account = world.services, world.clock.now(), world.channel.account
    places: list[str] = []
    for start in range(0, people, AT_ONCE):
        names = [f"campaign{number}" for number in range(start, min(people, start + AT_ONCE))]
        senders = [Sender(Address(account, name), "", "en") for name in names]
        async with services.db.write() as conn:
            found = await resolve_addresses(conn, services.vault, senders, now=now, home=HOME)
            keys = await services.vault.keys(conn, {one.person_id for one in found})
            rows = [
                {
                    "conversation_id": one.conversation_id,
                    "person_id": one.person_id,
                    "account": account,
                    "author": "bot",
                    "cause": "proactive",
                    "control_epoch": 0,
                    "payload": keys[one.person_id].seal('{"text": "news", "options": []}'),
                    "due_at": now,
                    "status": "pending",
                    "attempts": 0,
                    "parts_done": 0,
                    "created_at": now,
                    **values,
                }
                for one in found
            ]
            await conn.execute(insert(outbox), rows)
            places += [one.conversation_id for one in found]
    return places
