"""Ids that wait inside one process, each once, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Waiting:
    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._some = asyncio.Event()
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Iterable[str]) -> None:
        self._ids.update(dict.fromkeys(ids))
        if self._ids:
            self._some.set()

    async def take(self, limit: int) -> list[str]:
        """Wait until there is one; up to `limit` of the oldest. Cancelled, it takes none."""
        while not self._ids:
            self._some.clear()
            await self._some.wait()
        return self.pop(limit)

    def pop(self, limit: int) -> list[str]:
        """Up to `limit` of the oldest, without waiting."""
        taken = list(self._ids)[:limit] if limit < len(self._ids) else list(self._ids)
        for each in taken:
            del self._ids[each]
        self._room.set()
        return taken

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` ids are here."""
        while len(self._ids) >= most:
            self._room.clear()
            await self._room.wait()
