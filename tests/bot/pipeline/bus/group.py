"""Processes on one bus, as far as the bus can tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bot.pipeline.bus import Bus, Topic
from bot.pipeline.bus.local import LocalBus
from bot.pipeline.bus.redis import RedisBus
from bot.pipeline.bus.redis_keys import Keys

BOUND_S = 15.0  # a test that hangs fails instead


@dataclass
class Group:
    """`workers` take; `told` is what the pages of each bus heard, the one of `web` first."""

    web: Bus
    workers: list[Bus]
    told: list[list[str]] = field(default_factory=list)

    @property
    def processes(self) -> list[Bus]:
        """Each once, in the order of `told`."""
        return list(dict.fromkeys([self.web, *self.workers]))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, up to the bound."""
    async with asyncio.timeout(BOUND_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def take_soon(bus: Bus, topic: Topic = Topic.TURNS) -> list[str]:
    """What is there within 0.1 s."""
    try:
        async with asyncio.timeout(0.1):
            return await bus.take(topic, 64)
    except TimeoutError:
        return []


async def take(bus: Bus, count: int, topic: Topic = Topic.TURNS, limit: int = 64) -> list[str]:
    """Take until there are so many ids, also the same ones again."""
    taken: list[str] = []
    async with asyncio.timeout(BOUND_S):
        while len(taken) < count:
            taken += await bus.take(topic, limit)
    return taken


@asynccontextmanager
async def local_group() -> AsyncIterator[Group]:
    async with LocalBus() as bus:
        yield Group(bus, [bus], [[]])


@asynccontextmanager
async def redis_group(
    url: str, *, workers: int = 1, web: bool = True, keys: Keys | None = None
) -> AsyncIterator[Group]:
    """A web process and workers; without `web` the first worker serves too (role all)."""
    keys = keys or Keys(shards=2)
    told: list[list[str]] = [[] for _ in range(workers + web)]
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(
                RedisBus(url, keys, consumes=not (web and number == 0), tell=told[number].extend)
            )
            for number in range(workers + web)
        ]
        yield Group(made[0], list(made[web:]), told)
