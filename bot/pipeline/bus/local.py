"""The in-process bus: ordered sets of waiting ids."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from bot.pipeline.bus import WORK, BusHealth, Topic
from bot.pipeline.bus.waiting import Waiting


class LocalBus:
    """Hints inside one process. An id that already waits is not queued twice."""

    def __init__(self) -> None:
        self._waiting = {topic: Waiting() for topic in WORK}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def publish(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        if topic is Topic.LIVE:
            return  # the pages of this process were told directly; there is no other process
        self._waiting[topic].add(conversation_ids)

    async def take(self, topic: Topic, limit: int) -> list[str]:
        return await self._waiting[topic].take(limit)

    def health(self) -> BusHealth:
        return BusHealth(True, {topic: len(ids) for topic, ids in self._waiting.items()})
