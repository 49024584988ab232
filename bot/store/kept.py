"""Connections to PostgreSQL that stay checked out of SQLAlchemy's pool between two uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from bot.store.direct import driver_of

MOST = 4  # of one engine: about as many as a busy process uses at once


class Kept:
    """The last connections of an engine, handed out again after a look at them. Taking one from the
    pool and giving it back costs 35 µs and a task, four times a batch of turns (m).

    None is kept while somebody waits for the pool or its overflow is in use, so nobody waits for a
    connection that lies here.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._idle: list[AsyncConnection] = []
        self._waiting = 0  # for a connection of the pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection that is not known to be closed. It goes back to the pool instead of being
        kept after an error, or with a transaction of SQLAlchemy's open."""
        conn = await self._open()
        keep = False
        try:
            yield conn
            keep = self._is_worth_keeping(conn)
        finally:
            if keep:
                self._idle.append(conn)
            else:
                await asyncio.shield(conn.close())

    async def close(self) -> None:
        """Give all of them back to the pool."""
        while self._idle:
            await self._idle.pop().close()

    async def _open(self) -> AsyncConnection:
        if self._idle:
            conn = self._idle.pop()
            if not driver_of(conn).is_closed():
                return conn
            # The server was restarted: the others are closed as well, and the pool finds out which.
            await conn.close()
            await self.close()
        self._waiting += 1
        try:
            return await self._engine.connect()
        finally:
            self._waiting -= 1

    def _is_worth_keeping(self, conn: AsyncConnection) -> bool:
        if self._waiting:  # who waits is woken by what goes back to the pool, and by nothing else
            return False
        if conn.closed or conn.invalidated or conn.in_transaction() or len(self._idle) >= MOST:
            return False
        driver, pool = driver_of(conn), self._engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        return (
            not driver.is_closed()
            and not driver.is_in_transaction()
            and pool.checkedout() <= pool.size()
        )
