"""Tells open pages that a conversation changed, so that they look again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

EVERYTHING = "*"
MOST_WAITING = 1000  # hints kept for a page that does not read; then it is told to reload


class Subscription:
    """The changed conversations since the last look."""

    def __init__(self) -> None:
        self._changed: dict[str, None] = {}
        self._ready = asyncio.Event()
        self.closed = False

    def close(self) -> None:
        """The process stops: who waits is woken, and nothing more comes."""
        self.closed = True
        self._ready.set()

    def put(self, conversation_id: str) -> None:
        if len(self._changed) < MOST_WAITING:
            self._changed[conversation_id] = None
        else:
            self._changed = {EVERYTHING: None}
        self._ready.set()

    async def get(self, wait_s: float | None = None) -> list[str]:
        """Wait for changes; an empty list after `wait_s` seconds without one, or at the close."""
        try:
            async with asyncio.timeout(wait_s):
                await self._ready.wait()
        except TimeoutError:
            return []
        if not self.closed:
            self._ready.clear()
        changed, self._changed = list(self._changed), {}
        return changed


class LiveHub:
    """Fan-out inside one process; other processes are reached through the bus's LIVE topic."""

    def __init__(self) -> None:
        self._topics: dict[str, set[Subscription]] = {}
        self._opened = asyncio.Event()  # set while there is a subscription
        self.closed = False

    def close(self) -> None:
        """End every subscription, also those that come later: a stream is no reason not to stop."""
        self.closed = True
        for subscriptions in self._topics.values():
            for subscription in subscriptions:
                subscription.close()

    @property
    def streams(self) -> int:
        """How many subscriptions are open."""
        return sum(map(len, self._topics.values()))

    async def until_open(self, within_s: float) -> None:
        """Wait until there is a page to tell something, `within_s` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._opened.wait()

    def tell(self, conversation_ids: Iterable[str]) -> None:
        """These conversations changed; EVERYTHING: any of them may have."""
        everybody = self._topics.get(EVERYTHING, ())
        for conversation_id in conversation_ids:
            if conversation_id == EVERYTHING:
                self._tell_all()
                continue
            for subscription in (*self._topics.get(conversation_id, ()), *everybody):
                subscription.put(conversation_id)

    def _tell_all(self) -> None:
        for subscriptions in self._topics.values():
            for subscription in subscriptions:
                subscription.put(EVERYTHING)

    @asynccontextmanager
    async def subscribe(self, conversation_id: str = EVERYTHING) -> AsyncIterator[Subscription]:
        """Hints of one conversation, or of all of them."""
        subscription = Subscription()
        if self.closed:
            subscription.close()
        self._topics.setdefault(conversation_id, set()).add(subscription)
        self._opened.set()
        try:
            yield subscription
        finally:
            listeners = self._topics[conversation_id]
            listeners.discard(subscription)
            if not listeners:
                del self._topics[conversation_id]
            if not self._topics:
                self._opened.clear()
