"""Wake-ups: ids of conversations that have work. Losing one costs latency, never a message."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol


class Topic(StrEnum):
    TURNS = "turns"  # unprocessed inbox rows
    SENDS = "sends"  # due outbox rows
    LIVE = "live"  # something that pages show has changed


class Bus(Protocol):
    """Hints are delivered at least once to one subscriber of TURNS and SENDS; LIVE goes to all."""

    async def publish(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        """Hand out hints. Never raises: the sweep finds what a lost hint would have told."""

    async def take(self, topic: Topic, limit: int) -> list[str]:
        """Wait for hints and return up to `limit` different ids. Cancelled to stop."""
