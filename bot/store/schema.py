"""Bringing a database's tables to the state that this version of the code expects."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from bot.store.database import Database, DatabaseError
from bot.store.tables import metadata

if TYPE_CHECKING:  # it takes half a second to import, and most processes migrate nothing
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x68756966  # PostgreSQL advisory lock: one process migrates at a time


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


async def migrate(db: Database) -> bool:
    """Run the migrations that are missing; True if there were any. All or none of them count.

    Raises DatabaseError if the database was made by a newer version.
    """
    async with db.rebuild() as conn:
        if not db.is_sqlite:
            await conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        before = await conn.run_sync(_revision)
        if before == newest():
            return False
        from alembic import command
        from alembic.util.exc import CommandError

        try:
            await conn.run_sync(lambda sync: command.upgrade(config(sync), "head"))
        except CommandError as error:
            raise DatabaseError(
                f"the database is at revision {before}, which this version does not know: {error}. "
                "Install the newer version again."
            ) from None
    return True


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
