"""Bringing a database's tables to the state that this version of the code expects."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from bot.store.database import Database, DatabaseError
from bot.store.tables import metadata

if TYPE_CHECKING:  # it takes half a second to import, and most processes migrate nothing
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x68756966  # PostgreSQL advisory lock: one process migrates at a time
_LOCKED = "55P03"  # PostgreSQL's lock_not_available
_ASK_AGAIN_S = 0.1
_TRY = text("SELECT pg_try_advisory_lock(:key)")
_HELD = (
    "another transaction holds a table for longer than {:g} s, so that a migration was taken back; those "
    "before it are kept. Find it with: SELECT pid, xact_start, query FROM pg_stat_activity ORDER BY "
    "xact_start; end it, then run huifang migrate again."
)


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, in code: there is no alembic.ini."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def newest() -> str:
    """The revision that this code expects: the last of the numbered files in `migrations`."""
    numbers = [re.match(r"(\d{4})_", file.name) for file in (MIGRATIONS / "versions").glob("*.py")]
    found = max((number[1] for number in numbers if number), default=None)
    if found is None:
        raise RuntimeError("there is no migration: run python -m bot.store.revise")
    return found


async def migrate(db: Database, *, lock_wait_s: float = 5.0, tries: int = 5) -> bool:
    """Run the migrations that are missing; True if there were any. One process does it at a time.

    On PostgreSQL each counts by itself, and one that finds a table locked for `lock_wait_s` seconds
    lets the others pass and tries again, `tries` times in all. On SQLite all or none count.

    Raises DatabaseError if the database was made by a newer version, or a table stays locked.
    """
    async with _alone(db):
        for left in reversed(range(tries)):
            try:
                return await _upgrade(db, lock_wait_s)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _LOCKED:
                    raise
                if not left:
                    raise DatabaseError(_HELD.format(lock_wait_s)) from None
            await asyncio.sleep(lock_wait_s / 5)
    raise AssertionError("tries is at least 1")


async def _upgrade(db: Database, lock_wait_s: float) -> bool:
    from alembic import command
    from alembic.util.exc import CommandError

    async with db.rebuild(lock_wait_s) as conn:
        before = await conn.run_sync(_revision)
        if before == newest():
            return False
        if not db.is_sqlite:
            await conn.rollback()  # the read: alembic begins a transaction for each migration
        try:
            await conn.run_sync(lambda sync: command.upgrade(config(sync), "head"))
        except CommandError as error:
            raise DatabaseError(
                f"the database is at revision {before}, which this version does not know: {error}. "
                "Install the newer version again."
            ) from None
    return True


@asynccontextmanager
async def _alone(db: Database) -> AsyncIterator[None]:
    """Hold PostgreSQL's advisory lock of the migrations; SQLite's writers queue anyway.

    It is asked for again and again on a connection without a transaction: an index that is built
    CONCURRENTLY waits for every older transaction, also for one that waits for this lock.
    """
    if db.is_sqlite:
        yield
        return
    async with db.read() as conn:
        while not await conn.scalar(_TRY, {"key": _LOCK}):  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(_ASK_AGAIN_S)
        try:
            yield
        finally:
            await conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


async def require_migrated(db: Database) -> None:
    """Raise DatabaseError, saying the fix, unless the tables are as this code expects them."""
    async with db.read() as conn:
        revision = await conn.run_sync(_revision)
    if revision != newest():
        found = f"at revision {revision}" if revision else "empty"
        raise DatabaseError(f"the database is {found}, not at {newest()}. Run: huifang migrate")


async def differences(db: Database) -> list[str]:
    """What the tables in the database and in the code differ in, one line each."""
    async with db.read() as conn:
        return await conn.run_sync(lambda sync: [str(change) for change in _compare(sync)])


def _compare(connection: Connection) -> list[Any]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)
