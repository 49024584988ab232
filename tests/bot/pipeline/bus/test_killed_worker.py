"""Hints that a killed worker had taken: another worker does its work, without new traffic."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.clock import SystemClock
from bot.pipeline.bus import Topic
from bot.pipeline.bus.redis import RedisBus
from bot.pipeline.bus.redis_keys import Keys
from bot.runtime import Runtime
from bot.store.tables import inbox, outbox
from channels.message import IncomingKind
from tests.bot.pipeline.bus.group import until
from tests.bot.pipeline.harness import open_world

WITHIN_S = 8.0  # the sweep looks every 2 s at what is older than 1 s; the rest is a busy machine


async def test_another_worker_does_what_a_killed_one_had_taken(
    pg_url: str, redis_url: str, tmp_path: Path
) -> None:
    keys = Keys()
    async with open_world(pg_url, tmp_path) as world, RedisBus(redis_url, keys) as killed:
        services = world.services
        services.clock = SystemClock()
        async with RedisBus(redis_url, keys, consumes=False) as web:
            services.bus = web
            for who in ("ann", "bob", "cem"):
                await world.accept(world.incoming(IncomingKind.TEXT, who, text="fees?"))
            await until(lambda: killed.health().waiting[Topic.TURNS] == 3)
            # The hints are gone with it: it does nothing more, as a process that was killed.
            async with RedisBus(redis_url, keys) as other:
                services.bus = other
                async with asyncio.timeout(WITHIN_S), Runtime(services, web=False):
                    while len(await world.rows(outbox, outbox.c.status == "sent")) < 3:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
        assert all(row.processed_at for row in await world.rows(inbox))
