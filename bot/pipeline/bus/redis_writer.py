"""Hints on their way to Redis: a bounded buffer, and one task that writes it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from itertools import islice
from typing import Any

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.pipeline.bus import Topic
from bot.pipeline.bus.redis_keys import Keys

log = structlog.get_logger()

DATA = "__data__"  # the field in which FastStream expects the body
MOST_UNSENT = 10_000  # ids of a topic kept while Redis is away; the sweep finds the others
PER_ENTRY = 64  # ids in one stream entry: what one batch of turns takes
MOST_ENTRIES = 1000  # about so many entries are kept in a stream that nobody reads
NEWS_S = 0.05  # news for pages gather so long: every entry costs every process 0.3 ms
ANSWER_S = 2.0  # Redis that does not answer for so long is away
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.5  # seconds between attempts while Redis is away


class HintWriter:
    """`add` never waits. `name` tells a process which LIVE entries are its own."""

    def __init__(self, client: Redis, keys: Keys, name: str) -> None:
        self._client, self._keys, self._name = client, keys, name
        self._unsent: dict[Topic, dict[str, None]] = {topic: {} for topic in Topic}
        self._some = asyncio.Event()
        self._news_at: float | None = None  # when what waits for LIVE is written
        self.dropped = 0

    @property
    def unsent(self) -> int:
        return sum(map(len, self._unsent.values()))

    def add(self, topic: Topic, ids: Collection[str]) -> None:
        unsent = self._unsent[topic]
        unsent.update(dict.fromkeys(ids))
        if (over := len(unsent) - MOST_UNSENT) > 0:
            for oldest in list(islice(unsent, over)):
                del unsent[oldest]
            self.dropped += over
        if not unsent:
            return
        if topic is not Topic.LIVE:
            self._some.set()
        elif self._news_at is None:
            loop = asyncio.get_running_loop()
            self._news_at = loop.time() + NEWS_S
            loop.call_at(self._news_at, self._some.set)

    async def run(self) -> None:
        """Write what comes, as long as the process runs. What comes during one write is the next."""
        pause, failing = SHORTEST_PAUSE, False
        while True:
            await self._some.wait()
            try:
                await self.write()
            except (RedisError, OSError) as error:
                if not failing:
                    log.warning("hints_not_written", error=f"{type(error).__name__}: {error}")
                failing, pause = True, min(LONGEST_PAUSE, pause * 2)
                await asyncio.sleep(pause)
                continue
            if failing:
                log.info("hints_written_again", dropped=self.dropped)
            pause, failing = SHORTEST_PAUSE, False

    async def write(self, *, everything: bool = False) -> None:
        """Write what waits now; news of the last moment wait for more, unless it is to be
        `everything`. What could not be written waits again.

        Raises RedisError, OSError.
        """
        self._some.clear()
        taken = {topic: list(ids) for topic, ids in self._unsent.items() if ids}
        now = asyncio.get_running_loop().time()
        if self._news_at is not None and self._news_at > now and not everything:
            taken.pop(Topic.LIVE, None)
        else:
            self._news_at = None
        for topic in taken:
            self._unsent[topic] = {}
        entries = [
            (stream, {DATA: orjson.dumps({"by": self._name, "ids": ids[at : at + PER_ENTRY]})})
            for topic, all_ids in taken.items()
            for stream, ids in self._keys.by_stream(topic, all_ids).items()
            for at in range(0, len(ids), PER_ENTRY)
        ]
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._add_entries(entries)
        except BaseException:
            for topic, ids in taken.items():
                self.add(topic, ids)
            raise

    async def _add_entries(self, entries: list[tuple[str, dict[Any, Any]]]) -> None:
        if len(entries) == 1:
            stream, fields = entries[0]
            await self._client.xadd(stream, fields, maxlen=MOST_ENTRIES)
        elif entries:
            # No transaction: each command stands for itself and is of one slot.
            async with self._client.pipeline(transaction=False) as together:
                for stream, fields in entries:
                    together.xadd(stream, fields, maxlen=MOST_ENTRIES)
                await together.execute()
