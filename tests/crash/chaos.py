"""Who is killed when, decided by a seed; and what happens to the servers, by progress of the run."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

import redis

from tests.bot.pipeline.bus.server import OwnRedis
from tests.crash.fleet import Fleet
from tests.crash.servers import OwnPostgres

LOOK_S = 0.05
FOREVER_S = 86_400.0
ABSENT_S = 1.0  # a restarted server is away for so long


class Blow(StrEnum):
    POSTGRES_RESTART = "PostgreSQL restarted"
    POSTGRES_CRASH = "PostgreSQL crashed"
    REDIS_FLUSH = "Redis flushed"
    REDIS_RESTART = "Redis killed and restarted"


@dataclass
class Chaos:
    """`blows` are dealt when that share of the turns is done. `kill_every_s` 0: nobody is killed."""

    fleet: Fleet
    postgres: OwnPostgres
    redis: OwnRedis | None
    seed: int
    kill_every_s: float
    blows: tuple[tuple[float, Blow], ...]
    dealt: list[tuple[Blow, float, float]] = field(default_factory=list)  # from, to: monotonic s

    async def run(self, progress: Callable[[], float]) -> None:
        """Until cancelled. A blow that has begun is carried to its end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._kill())
            group.create_task(self._deal(progress))

    async def _kill(self) -> None:
        chance = random.Random(f"chaos:{self.seed}")
        while True:
            await asyncio.sleep(self.kill_every_s or FOREVER_S)
            # Mostly one that works, now and then one that is just starting. While most of them
            # start, the machine is too busy for this pace, and killing starts teaches nothing.
            working = [slot for slot in self.fleet.slots if slot.up]
            if len(working) * 2 >= len(self.fleet.slots):
                some = working if chance.random() < 0.9 else self.fleet.slots
                self.fleet.kill(chance.choice(some))

    async def _deal(self, progress: Callable[[], float]) -> None:
        for share, blow in sorted(self.blows):
            while progress() < share:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_S)
            began = time.monotonic()
            await asyncio.shield(self._how(blow)())
            self.dealt.append((blow, began, time.monotonic()))

    def _how(self, blow: Blow) -> Callable[[], Awaitable[None]]:
        match blow:
            case Blow.REDIS_FLUSH:
                return self._flush
            case Blow.REDIS_RESTART:
                return self._restart_redis
            case _:
                return lambda: self._restart_postgres(crash=blow is Blow.POSTGRES_CRASH)

    async def _restart_postgres(self, *, crash: bool) -> None:
        await asyncio.to_thread(self.postgres.stop, crash=crash)
        await asyncio.sleep(ABSENT_S)
        await asyncio.to_thread(self.postgres.start)

    async def _restart_redis(self) -> None:
        assert self.redis is not None
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(ABSENT_S)
        await asyncio.to_thread(self.redis.start)

    async def _flush(self) -> None:
        server = self.redis
        assert server is not None

        def flush() -> None:
            with redis.Redis.from_url(server.url) as client:
                client.flushall()

        await asyncio.to_thread(flush)
