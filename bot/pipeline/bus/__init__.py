"""Wake-ups: ids of conversations that have work. Losing one costs latency, never a message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self


class Topic(StrEnum):
    TURNS = "turns"  # unprocessed inbox rows
    SENDS = "sends"  # due outbox rows
    LIVE = "live"  # something that pages show has changed


WORK = (Topic.TURNS, Topic.SENDS)  # each hint is for one process


@dataclass(frozen=True, slots=True)
class BusHealth:
    """How the bus is now. `waiting`: ids that were taken over and not yet asked for; `unsent`: ids
    that other processes are still to be told; `dropped`: ids given up since the start."""

    connected: bool
    waiting: Mapping[Topic, int]
    unsent: int = 0
    dropped: int = 0


class Bus(Protocol):
    """Hints are delivered at least once to one subscriber of TURNS and SENDS; LIVE goes to the
    pages of all other processes. Used with `async with`; entering never fails for want of a server.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *error: object) -> None: ...

    async def publish(self, topic: Topic, conversation_ids: Collection[str]) -> None:
        """Hand out hints. Never raises and never waits: the sweep finds what a lost hint would
        have told."""

    async def take(self, topic: Topic, limit: int) -> list[str]:
        """Wait for hints and return up to `limit` different ids. Cancelled to stop."""

    def health(self) -> BusHealth: ...
