"""The processes of the database servers that a bench uses, and of no others on the machine."""

from __future__ import annotations

import redis.asyncio
from sqlalchemy import text

from bot.bench.machine import children, parent
from bot.store.database import Database


async def server_pids(database_url: str, redis_url: str | None) -> list[int]:
    """The head processes of PostgreSQL and Redis; see `with_workers`. Those that run on another
    machine are left out; SQLite has none."""
    found = []
    if not database_url.startswith("sqlite"):
        db = await Database.open(database_url)
        try:
            async with db.read() as conn:
                found.append(parent(int(await conn.scalar(text("SELECT pg_backend_pid()")) or 0)))
        finally:
            await db.dispose()
    if redis_url is not None:
        async with redis.asyncio.from_url(redis_url) as client:
            found.append(int((await client.info("server"))["process_id"]))
    return [pid for pid in found if pid]


def with_workers(heads: list[int]) -> list[int]:
    """These and their children as they are now: PostgreSQL has one for each connection."""
    return [*heads, *children(heads)]
