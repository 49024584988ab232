"""The database: readers side by side, writers in a queue where SQLite wants it, clear errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, ExceptionContext, NullPool, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.store.direct import AWAY_STATES, driver_of, run_on_driver
from bot.store.kept import Kept

_ASYNC_DRIVERS = {
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
}
_BUSY_MS = 30_000  # how long a writer waits for another process's write transaction
_SCRUB_MS = 1_000
_CONNECT_S = 10
# Statements are planned once. With PostgreSQL's default for spinning disks a plan that was made while
# the tables were small reads them whole, until they are analysed.
_PLANNING = {"random_page_cost": "1.1"}
_FIX = "Check HUIFANG_DATABASE_URL (database_url)"

# What a query raises where the database is locked, full or away: nothing of it was kept.
AWAY: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    PoolTimeoutError,
    ConnectionError,
)


def is_away(error: BaseException) -> bool:
    """Whether the database could not be reached or is full, so that the same succeeds later."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return (
            error.connection_invalidated or isinstance(error, AWAY) or state.startswith(AWAY_STATES)
        )
    return isinstance(error, (*AWAY, OSError))


class DatabaseError(Exception):
    """The database cannot be used. The text is one line that says what to do."""


class Database:
    """One database, PostgreSQL or SQLite. Make one with `Database.open`, end it with `dispose`."""

    def __init__(self, url: URL, readers: AsyncEngine, writer: AsyncEngine) -> None:
        self.url = url
        self._readers = readers
        self._writer = writer
        self._one_writer = asyncio.Lock() if self.is_sqlite else None
        self._kept_readers, self._kept_writers = Kept(readers), Kept(writer)

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 10) -> Database:
        """Connect once to see that it works. `pool_size` is the number of connections kept open to
        PostgreSQL (twice as many under load), or of SQLite's readers. Raises DatabaseError.
        """
        parsed = _parse(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite:
            readers, writer = _sqlite_engines(parsed, pool_size)
        else:
            readers, writer = _postgresql_engines(parsed, pool_size)
        database = cls(parsed, readers, writer)
        try:
            async with database.write() as conn:  # the writer first: it sets SQLite's journal
                await conn.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError, TimeoutError, ImportError) as error:
            await database.dispose()
            raise DatabaseError(_explain(parsed, error)) from None
        return database

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that only reads; the database refuses anything else. On SQLite it sees one
        snapshot and never waits, on PostgreSQL every statement sees what is committed by then.
        """
        if self._one_writer is None:
            async with self._kept_readers.connection() as conn:
                yield conn
        else:
            async with self._readers.connect() as conn:
                yield conn

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back if it raises.

        On SQLite the writers of this process queue here, those of others in the database.
        """
        if self._one_writer is None:
            async with self._kept_writers.connection() as conn, _transaction(conn):
                yield conn
        else:
            async with self._one_writer, self._writer.begin() as conn:
                yield conn

    @asynccontextmanager
    async def write_once(self) -> AsyncIterator[AsyncConnection]:
        """For one statement that writes, after any that read: on PostgreSQL it is a transaction by
        itself, which spares BEGIN and COMMIT. On SQLite the same as `write`."""
        if self._one_writer is None:
            async with self._kept_writers.connection() as conn:
                yield conn
        else:
            async with self.write() as conn:
                yield conn

    @asynccontextmanager
    async def rebuild(self, lock_wait_s: float = 5.0) -> AsyncIterator[AsyncConnection]:
        """A connection for changes of the schema.

        On PostgreSQL it has no transaction yet, and its statements wait `lock_wait_s` seconds for a
        lock at most: who waits for a table makes everybody wait who comes later.

        On SQLite it is one write transaction. SQLite alters a table by copying it, which its foreign keys would take for deleting the
        rows: they are switched off meanwhile and checked before the commit.
        """
        if self._one_writer is None:
            patience = {"lock_timeout": f"{int(lock_wait_s * 1000)}ms"}
            engine = _postgresql_engine(self.url, patience, "READ COMMITTED", poolclass=NullPool)
            try:
                async with engine.connect() as conn:
                    yield conn
            finally:
                await engine.dispose()
            return
        async with self._one_writer, self._writer.connect() as conn:
            driver: Any = (await conn.get_raw_connection()).driver_connection
            await driver.execute("PRAGMA foreign_keys=OFF")
            try:
                async with conn.begin():
                    yield conn
                    broken = (await conn.execute(text("PRAGMA foreign_key_check"))).first()
                    if broken is not None:
                        raise DatabaseError(f"a change of the schema left {broken} without parent")
            finally:
                await driver.execute("PRAGMA foreign_keys=ON")

    async def scrub(self) -> bool:
        """Take what was deleted out of SQLite's log as well; False if a reader still needs it.

        PostgreSQL does it in its own time (vacuum, and its log's retention).
        """
        if self._one_writer is None:
            return True
        async with self._one_writer, self._writer.connect() as conn:
            driver: Any = (await conn.get_raw_connection()).driver_connection
            await driver.execute(f"PRAGMA busy_timeout={_SCRUB_MS}")
            try:
                rows = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await driver.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        return bool(next(iter(rows))[0] == 0)

    async def dispose(self) -> None:
        """Close every connection."""
        await self._kept_readers.close()
        await self._kept_writers.close()
        await self._readers.dispose()
        await self._writer.dispose()


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseError(
            f"the database URL cannot be read. {_FIX}: postgresql://user:password@host/name"
        ) from None
    driver = _ASYNC_DRIVERS.get(parsed.drivername)
    if driver is None:
        raise DatabaseError(f"{parsed.drivername} is not supported. {_FIX}: postgresql or sqlite")
    if driver.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise DatabaseError(f"SQLite in memory cannot be shared. {_FIX}: sqlite:///path/to/file")
    return parsed.set(drivername=driver)


def _postgresql_engines(url: URL, pool_size: int) -> tuple[AsyncEngine, AsyncEngine]:
    """Readers need no BEGIN and ROLLBACK around their statements: two round trips less a read.
    Writers' transactions are begun on the driver, for SQLAlchemy's statements and direct ones alike.
    """

    pool = {
        "pool_size": (pool_size + 1) // 2,
        "max_overflow": pool_size // 2,
        "pool_use_lifo": True,
    }
    only_read = {"default_transaction_read_only": "on"}
    readers = _postgresql_engine(url, only_read, "AUTOCOMMIT", **pool)
    return readers, _postgresql_engine(url, {}, "AUTOCOMMIT", **pool)


def _postgresql_engine(
    url: URL, settings: dict[str, str], isolation: str, **pool: Any
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        hide_parameters=True,  # errors go to the log, values do not
        isolation_level=isolation,
        connect_args={"timeout": _CONNECT_S, "server_settings": {**_PLANNING, **settings}},
        **pool,
    )
    event.listen(engine.sync_engine, "checkout", _still_open)
    event.listen(engine.sync_engine, "handle_error", _told_apart)
    return engine


def _still_open(connection: Any, record: Any, proxy: Any) -> None:
    """A server that was restarted has closed all connections at once: none of them is handed out."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _told_apart(context: ExceptionContext) -> None:
    """A server that starts up, shuts down or has no connection left says so while connecting, and
    cuts who is connected. SQLAlchemy has no class for that; callers know it by OperationalError."""
    error = context.original_exception
    state = str(getattr(error, "sqlstate", None) or "")
    known = isinstance(context.sqlalchemy_exception, (OperationalError, InterfaceError))
    if state.startswith(AWAY_STATES) and not known:
        gone = context.is_disconnect
        raise OperationalError("", None, error, hide_parameters=True, connection_invalidated=gone)


@asynccontextmanager
async def _transaction(conn: AsyncConnection) -> AsyncIterator[None]:
    """BEGIN and COMMIT of PostgreSQL. Where the rollback fails too, the connection leaves the pool:
    the server ends its transaction."""
    driver = driver_of(conn)
    await run_on_driver(conn, driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED"))
    try:
        yield
        await run_on_driver(conn, driver.execute("COMMIT"))
    except BaseException:
        try:
            if not driver.is_closed():
                await driver.execute("ROLLBACK")
        except BaseException:
            driver.terminate()
            raise
        finally:
            if driver.is_closed() and not conn.invalidated:
                await conn.invalidate()
        raise


def _sqlite_engines(url: URL, pool_size: int) -> tuple[AsyncEngine, AsyncEngine]:
    try:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(_explain(url, error)) from None
    readers = create_async_engine(url, pool_size=pool_size, max_overflow=0, hide_parameters=True)
    writer = create_async_engine(url, pool_size=1, max_overflow=0, hide_parameters=True)
    for engine in (readers, writer):
        pragmas = [
            f"busy_timeout={_BUSY_MS}",
            "foreign_keys=ON",
            *(["query_only=ON"] if engine is readers else _WRITER_PRAGMAS),
        ]
        event.listen(engine.sync_engine, "connect", _sqlite_connect(pragmas))
    # Python's sqlite3 would begin late and not immediately, so that two writers could meet in a
    # deadlock: the transactions are begun here instead.
    event.listen(readers.sync_engine, "begin", lambda conn: _begin(conn, "BEGIN"))
    event.listen(writer.sync_engine, "begin", lambda conn: _begin(conn, "BEGIN IMMEDIATE"))
    return readers, writer


_WRITER_PRAGMAS = [
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # a dropped data key is overwritten, not only unlinked
]


def _sqlite_connect(pragmas: list[str]) -> Any:
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return connect


def _begin(conn: Connection, statement: str) -> None:
    conn.exec_driver_sql(statement)


def _explain(url: URL, error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    reason = " ".join(str(cause).split()) or type(cause).__name__
    # Drivers prefix their own class; what the server said is enough.
    reason = reason.rpartition(">: ")[2]
    shown = url.render_as_string(hide_password=True)
    return f"no database at {shown}: {reason}. {_FIX} and that the server runs."
