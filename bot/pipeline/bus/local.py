"""The in-process bus: ordered sets of waiting ids."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from bot.pipeline.bus import Topic


class LocalBus:
    """Hints inside one process. An id that already waits is not queued twice."""

    def __init__(self) -> None:
        self._waiting: dict[Topic, dict[str, None]] = {topic: {} for topic in Topic}
        self._ready: dict[Topic, asyncio.Event] = {topic: asyncio.Event() for topic in Topic}

    async def publish(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        self.publish_nowait(topic, conversation_ids)

    def publish_nowait(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        if topic is Topic.LIVE:
            return  # the pages of this process were told directly; there is no other process
        self._waiting[topic].update(dict.fromkeys(conversation_ids))
        if conversation_ids:
            self._ready[topic].set()

    async def take(self, topic: Topic, limit: int) -> list[str]:
        waiting = self._waiting[topic]
        while not waiting:
            self._ready[topic].clear()
            await self._ready[topic].wait()
        taken = list(waiting)[:limit]
        for key in taken:
            del waiting[key]
        return taken
