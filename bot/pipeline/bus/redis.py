"""The bus between processes, over Redis Streams."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from typing import Self

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.pipeline.bus import WORK, BusHealth, Topic
from bot.pipeline.bus.redis_keys import Keys
from bot.pipeline.bus.redis_reader import Handle, Reader, connection_options
from bot.pipeline.bus.redis_writer import ANSWER_S, HintWriter
from bot.pipeline.bus.waiting import Waiting
from bot.pipeline.live import EVERYTHING

log = structlog.get_logger()

LOCAL = 256  # own hints that may wait here; more of them go to whoever has time
MOST_WAITING = 512  # ids that may wait here; then reading pauses, so that others get the next
LOOK_S = 0.5  # between two looks whether Redis and the subscriptions are well
PAGES_S = 3.0  # while no news can come, pages look by themselves this often
FIRST_S = 3.0  # the start waits so long for Redis, and goes on without it
NOBODY_S = 1.0  # while no page of this process is open, news are read this often
LAST_S = 1.0  # the stop waits so long for the last hints to be written


class RedisBus:
    """`consumes`: this process does turns and sends. `tell`: told the ids of conversations that
    other processes changed, EVERYTHING after a time in which news may have been missed; None where
    there are no pages.

    While Redis is away, hints wait in a bounded buffer and work is found by the sweep; a supervisor
    makes the subscriptions anew when it is back, or when a flush has ended them.
    """

    def __init__(
        self,
        url: str,
        keys: Keys,
        *,
        consumes: bool = True,
        tell: Callable[[Iterable[str]], None] | None = None,
        until_open: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._url, self._keys, self._consumes, self._tell = url, keys, consumes, tell
        self._until_open = until_open
        self._name = secrets.token_hex(6)
        self._waiting = {topic: Waiting() for topic in WORK}
        self._client = Redis.from_url(url, **connection_options())
        # One connection of its own: that it breaks is how even a short restart is noticed.
        self._watch = Redis.from_url(url, single_connection_client=True, **connection_options())
        self._writer = HintWriter(self._client, keys, self._name)
        self._reader: Reader | None = None
        self._looked = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False
        self._told_at = 0.0
        self.connected = False

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._supervise(), name="redis-supervisor"),
            asyncio.create_task(self._writer.run(), name="redis-writer"),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                await self._looked.wait()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stop_reader()
        for topic, waiting in self._waiting.items():  # others can do it at once
            self._writer.add(topic, waiting.pop(len(waiting)))
        with suppress(RedisError, OSError):
            async with asyncio.timeout(LAST_S):
                await self._writer.write(everything=True)
        for client in (self._client, self._watch):
            with suppress(RedisError, OSError):
                await client.aclose()

    async def publish(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        if topic is not Topic.LIVE and self._consumes:
            waiting = self._waiting[topic]
            if len(waiting) < (LOCAL if self.connected else MOST_WAITING):
                waiting.add(conversation_ids)
                return
        self._writer.add(topic, conversation_ids)

    async def take(self, topic: Topic, limit: int) -> list[str]:
        return await self._waiting[topic].take(limit)

    def health(self) -> BusHealth:
        waiting = {topic: len(ids) for topic, ids in self._waiting.items()}
        return BusHealth(self.connected, waiting, self._writer.unsent, self._writer.dropped)

    async def _supervise(self) -> None:
        while True:
            try:
                await self._look()
            except Exception as error:  # whatever it is, the next look may find Redis well
                await self._lost(error)
            self._looked.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        """See that Redis answers and that everything is read. Raises what redis raises."""
        async with asyncio.timeout(ANSWER_S):
            await self._watch.ping()
        if self._reader is None or not self._reader.alive:
            again = self._reader is not None
            await self._stop_reader()
            self._reader = self._new_reader()
            await self._reader.start(self._client)
            if again:
                log.warning("redis_subscriptions_restarted")
            if again or self._away:
                self._tell_pages()
        self.connected = True
        if self._away:
            self._away = False
            log.info("redis_back", dropped=self._writer.dropped)

    async def _lost(self, error: Exception) -> None:
        self.connected = False
        if not self._away:
            self._away = True
            log.warning("redis_away", error=f"{type(error).__name__}: {error}")
        await self._stop_reader()
        if asyncio.get_running_loop().time() - self._told_at >= PAGES_S:
            self._tell_pages()

    def _tell_pages(self) -> None:
        self._told_at = asyncio.get_running_loop().time()
        if self._tell is not None:
            self._tell((EVERYTHING,))

    async def _stop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(Exception):  # it is given up either way
                await reader.stop()

    def _new_reader(self) -> Reader:
        reader = Reader(self._url)
        if self._consumes:
            for topic, waiting in self._waiting.items():
                for stream in self._keys.streams(topic):
                    reader.shared[stream] = _into(waiting)
        if self._tell is not None:
            for stream in self._keys.streams(Topic.LIVE):
                reader.news[stream] = self._news
        return reader

    async def _news(self, entries: list[tuple[str, list[str]]]) -> None:
        assert self._tell is not None
        for by, ids in entries:
            if by != self._name:
                self._tell(ids)
        if self._until_open is not None:
            await self._until_open(NOBODY_S)


def _into(waiting: Waiting) -> Handle:
    async def put(entries: list[tuple[str, list[str]]]) -> None:
        for _, ids in entries:
            waiting.add(ids)
        await waiting.room(MOST_WAITING)

    return put
