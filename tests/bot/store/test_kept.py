"""Connections that stay checked out between two uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.store.database import Database
from bot.store.direct import driver_of
from bot.store.kept import MOST

SIZE = 4  # connections of each kind at most; half of them overflow


@pytest.fixture
async def small(pg_url: str) -> AsyncIterator[Database]:
    db = await Database.open(pg_url, pool_size=SIZE)
    yield db
    await db.dispose()


async def _backend(db: Database) -> int:
    async with db.write_once() as conn:
        return int(await driver_of(conn).fetchval("SELECT pg_backend_pid()"))


async def test_the_same_connection_is_handed_out_again(small: Database) -> None:
    async with small.write_once() as first:
        pass
    for block in (small.write_once, small.write):
        async with block() as again:
            assert again is first


async def test_whoever_fails_gives_the_connection_back(small: Database) -> None:
    before = await _backend(small)
    with pytest.raises(SQLAlchemyError):
        async with small.write() as conn:
            await conn.execute(text("SELECT 1/0"))
    with pytest.raises(ZeroDivisionError):
        async with small.write() as conn:
            raise ZeroDivisionError
    async with small.write_once() as conn:
        driver = driver_of(conn)
        assert not driver.is_in_transaction()
    assert await _backend(small) == before  # from the pool, in order


async def test_a_transaction_left_open_is_not_handed_on(small: Database) -> None:
    async with small.write_once() as conn:
        await conn.execute(text("SELECT 1"))  # SQLAlchemy begins one of its own
        left = conn
    async with small.write_once() as conn:
        assert conn is not left
        assert not conn.in_transaction()


async def test_none_that_the_server_has_closed_is_handed_out(small: Database) -> None:
    for _ in range(3):
        async with small.write_once() as one, small.write_once() as two:
            pids = [
                await driver_of(conn).fetchval("SELECT pg_backend_pid()") for conn in (one, two)
            ]
        async with small.read() as conn:
            for pid in pids:
                await driver_of(conn).execute(f"SELECT pg_terminate_backend({pid})")
        await asyncio.sleep(0.05)  # until the driver has noticed
        async with small.write_once() as one, small.write_once() as two:
            for conn in (one, two):
                assert await driver_of(conn).fetchval("SELECT 1") == 1


async def test_nobody_waits_for_a_connection_that_lies_idle(small: Database) -> None:
    """More users than connections, again and again: all of them get their turn."""

    async def use() -> None:
        async with small.write() as conn:
            await driver_of(conn).execute("SELECT pg_sleep(0.002)")

    async with asyncio.timeout(20):
        for _ in range(5):
            await asyncio.gather(*(use() for _ in range(SIZE * 6)))
            await use()


async def test_overflow_is_not_kept(small: Database) -> None:
    async def use() -> None:
        async with small.write_once() as conn:
            await driver_of(conn).execute("SELECT pg_sleep(0.02)")

    await asyncio.gather(*(use() for _ in range(SIZE)))
    pool = small._writer.sync_engine.pool
    assert pool.checkedout() <= min(MOST, SIZE // 2)  # type: ignore[attr-defined]
