"""Tells open pages that a conversation changed, so that they look again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

EVERYTHING = "*"
MOST_WAITING = 1000  # hints kept for a page that does not read; then it is told to reload


class Subscription:
    """The changed conversations since the last look."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._ready = asyncio.Event()

    def put(self, conversation_id: str) -> None:
        if len(self._changed) < MOST_WAITING:
            self._changed[conversation_id] = None
        else:
            self._changed = {EVERYTHING: None}
        self._ready.set()

    async def get(self, wait_s: float | None = None) -> list[str]:
        """Wait for changes; an empty list after `wait_s` seconds without one."""
        try:
            async with asyncio.timeout(wait_s):
                await self._ready.wait()
        except TimeoutError:
            return []
        self._ready.clear()
        changed, self._changed = list(self._changed), {}
        return changed


class LiveHub:
    """Fan-out inside one process; other processes are reached through the bus's LIVE topic."""

    def __init__(self) -> None:
        self._topics: dict[str, set[Subscription]] = {}

    def tell(self, conversation_ids: Iterable[str]) -> None:
        everybody = self._topics.get(EVERYTHING, ())
        for conversation_id in conversation_ids:
            for subscription in (*self._topics.get(conversation_id, ()), *everybody):
                subscription.put(conversation_id)

    @asynccontextmanager
    async def subscribe(self, conversation_id: str = EVERYTHING) -> AsyncIterator[Subscription]:
        """Hints of one conversation, or of all of them."""
        subscription = Subscription()
        self._topics.setdefault(conversation_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            listeners = self._topics[conversation_id]
            listeners.discard(subscription)
            if not listeners:
                del self._topics[conversation_id]
