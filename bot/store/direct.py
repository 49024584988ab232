"""Statements of the hot path: compiled once, and on PostgreSQL run on the driver itself.

SQLAlchemy's execution of a statement that it has compiled before costs 90 µs of CPU, asyncpg's own
30 µs, and every row of an executemany about 15 µs in the server, where one statement over
`unnest($1, $2, …)` costs a fraction of it (m). The statements stay SQLAlchemy Core; on SQLite they
are executed as any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar, cast

import asyncpg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CursorResult,
    Executable,
    Select,
    Table,
    bindparam,
    column,
    func,
    literal_column,
    select,
)
from sqlalchemy import delete as sql_delete
from sqlalchemy import update as sql_update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

from bot.store.columns import Moment, Sealed

T = TypeVar("T")
Row = Mapping[str, Any]
_PLAIN = (Sealed, Moment)  # asyncpg's bytes and aware UTC times are what the code works with

_dialect = PGDialect_asyncpg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
AWAY_STATES = ("08", "53", "57", "58")  # SQLSTATE classes: connection, resources, operator, system


class Query:
    """One statement, for any number of runs. Rows are mappings by column name. `sqlite`: another one
    for SQLite.

    Raises SQLAlchemy's errors, whatever ran it.
    """

    def __init__(self, statement: Any, sqlite: Any = None, bound: Collection[str] = ()) -> None:
        """`bound`: parameters whose values come as the driver takes them."""
        self._bound = frozenset(bound)
        self._statement, self._sqlite = statement, statement if sqlite is None else sqlite
        self._compiled: _Compiled | None = None

    async def rows(self, conn: AsyncConnection, values: Row) -> Sequence[Row]:
        if conn.dialect.name != "postgresql":
            return _mappings(await conn.execute(self._sqlite, values))
        compiled = self._postgresql()
        driver = driver_of(conn)
        found = await run_on_driver(conn, driver.fetch(compiled.sql, *compiled.args(values)))
        return compiled.read(found)

    async def run(self, conn: AsyncConnection, values: Row) -> None:
        if conn.dialect.name != "postgresql":
            await conn.execute(self._sqlite, values)
            return
        compiled = self._postgresql()
        driver = driver_of(conn)
        await run_on_driver(conn, driver.fetch(compiled.sql, *compiled.args(values)))

    def _postgresql(self) -> _Compiled:
        if self._compiled is None:
            self._compiled = _Compiled(self._statement, self._bound)
        return self._compiled


class Bulk:
    """One statement for many rows: over unnest on PostgreSQL, an executemany on SQLite.

    `types`: the columns of the rows, by name. `many` makes the statement out of the rows as a table
    with those columns and of further conditions (PostgreSQL), `each` of one row's parameters (SQLite).
    """

    _numbers = itertools.count(1)

    def __init__(
        self,
        types: Mapping[str, TypeEngine[Any]],
        many: Callable[..., Any],
        each: Callable[[Any], Any],
    ) -> None:
        self._names = {name: f"b{next(Bulk._numbers)}_{name}" for name in types}
        arrays = [
            bindparam(self._names[name], type_=ARRAY(_item(type_))) for name, type_ in types.items()
        ]
        shape = [column(name, type_) for name, type_ in types.items()]
        self._rows = func.unnest(*arrays).table_valued(*shape).render_derived(name="v").c
        self._many = many
        self.statement = many(self._rows)
        self.parameters = tuple(self._names.values())
        self._query = Query(self.statement, bound=self.parameters)
        self._each = each(
            {name: bindparam(self._names[name], type_=type_) for name, type_ in types.items()}
        )
        self._binders = [_binder(type_) for type_ in types.values()]
        self._none: dict[str, list[Any]] = {name: [] for name in self.parameters}

    def only_if(self, condition: Any) -> Any:
        """The statement for PostgreSQL that does something only where the condition holds."""
        return self._many(self._rows, condition)

    async def run(self, conn: AsyncConnection, rows: Sequence[Row]) -> None:
        """Write these rows, in order; nothing for none."""
        if not rows:
            return
        if conn.dialect.name == "postgresql":
            await self._query.run(conn, self.arrays(rows))
        else:
            await conn.execute(self._each, self._parameters(rows))

    async def rows(self, conn: AsyncConnection, rows: Sequence[Row]) -> Sequence[Row]:
        """Write these rows; what the statement returns, in no certain order."""
        if not rows:
            return []
        if conn.dialect.name == "postgresql":
            return await self._query.rows(conn, self.arrays(rows))
        return _mappings(await conn.execute(self._each, self._parameters(rows)))

    def _parameters(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [{own: row[name] for name, own in self._names.items()} for row in rows]

    def arrays(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """The columns of the rows, bound, by parameter. One that is NULL in every row is empty:
        unnest fills it up."""
        if not rows:
            return self._none
        arrays: dict[str, list[Any]] = {}
        for (name, own), binder in zip(self._names.items(), self._binders, strict=True):
            values = [row[name] for row in rows]
            if values[0] is None and values.count(None) == len(values) and arrays:
                values = []
            arrays[own] = [binder(value) for value in values] if binder else values
        return arrays


class Together:
    """Bulk statements that do not depend on each other, in one round trip on PostgreSQL.

    None of them sees what another writes, and no two of them may write the same row. The first may
    have a RETURNING, which is returned with `first=True`. `then`: what is read besides, as things
    were before; SQLite reads it afterwards.
    `guard` (PostgreSQL only): a SELECT of one boolean that is made first and returned; where it is not
    true, nothing is written.
    """

    def __init__(
        self,
        *bulks: Bulk,
        then: Select[Any] | None = None,
        first: bool = False,
        guard: Select[Any] | None = None,
    ) -> None:
        self._bulks, self._then = bulks, None if then is None else Query(then)
        self._first = first
        if guard is None:
            statements = [bulk.statement for bulk in bulks]
        else:
            then = select(guard.cte("guard"))
            statements = [bulk.only_if(then.scalar_subquery()) for bulk in bulks]
        parts = [statement.cte(f"w{number}") for number, statement in enumerate(statements)]
        if first:
            then = select(parts[0])
        last = select(literal_column("1")).where(literal_column("false")) if then is None else then
        bound = [name for bulk in bulks for name in bulk.parameters]
        self._query = Query(last.add_cte(*parts), bound=bound)

    async def run(
        self, conn: AsyncConnection, *batches: Sequence[Row], values: Row | None = None
    ) -> Sequence[Row]:
        """Write a batch of rows with each of the statements; what `then` finds for `values`, or the
        first returned."""
        if conn.dialect.name == "postgresql":
            given = dict(values or {})
            for bulk, rows in zip(self._bulks, batches, strict=True):
                given |= bulk.arrays(rows)
            return await self._query.rows(conn, given)
        pairs = list(zip(self._bulks, batches, strict=True))
        returned = await pairs[0][0].rows(conn, pairs[0][1]) if self._first else []
        for bulk, rows in pairs[self._first :]:
            await bulk.run(conn, rows)
        return returned if self._then is None else await self._then.rows(conn, values or {})


def bulk_insert(
    table: Table, *names: str, finish: Callable[[Any], Any] = lambda insert: insert
) -> Bulk:
    """INSERT of these columns; the tables' Python-side defaults do not apply. `finish` adds to the
    statement of either dialect, such as `on_conflict_do_nothing`."""

    def many(v: Any, *only: Any) -> Any:
        chosen = select(*(v[name] for name in names)).where(*only)
        new = postgresql.insert(table)
        return finish(new.from_select(list(names), chosen, include_defaults=False))

    def each(v: Any) -> Any:
        return finish(sqlite.insert(table).values(v))

    return Bulk({name: table.c[name].type for name in names}, many, each)


def bulk_update(
    table: Table,
    keys: Sequence[str],
    *names: str,
    given: Sequence[str] = (),
    also: Callable[[Any], dict[str, Any]] = lambda row: {},
    where: Sequence[Any] = (),
) -> Bulk:
    """UPDATE of the rows with these keys: sets `names` to what the row says, and what `also` makes
    of the row's columns, among them `given`, which are not set by themselves."""

    def statement(row: Any, *only: Any) -> Any:
        same = [table.c[key] == row[key] for key in keys]
        values = {**{name: row[name] for name in names}, **also(row)}
        return sql_update(table).where(*same, *where, *only).values(values)

    columns = {name: table.c[name].type for name in (*keys, *names, *given)}
    return Bulk(columns, statement, statement)


def bulk_delete(table: Table, **keys: str) -> Bulk:
    """DELETE of what has these keys: column of the table = name in the rows."""
    types = {name: table.c[key].type for key, name in keys.items()}

    def statement(row: Any, *only: Any) -> Any:
        same = (table.c[key] == row[name] for key, name in keys.items())
        return sql_delete(table).where(*same, *only)

    return Bulk(types, statement, statement)


class _Compiled:
    """SQL with numbered parameters, how each is bound, and how rows are read."""

    def __init__(self, statement: Executable, bound: Collection[str]) -> None:
        compiled: Any = statement.compile(dialect=_dialect)  # type: ignore[attr-defined]
        if compiled.post_compile_params:
            raise TypeError("in_() has no fixed text: use among(), or or_() of comparisons")
        self.sql = str(compiled)
        binders = {
            name: binder for name, binder in compiled._bind_processors.items() if name not in bound
        }
        fixed = compiled.params
        self._parameters = [
            (name, binders.get(name), compiled.binds[name].required, fixed.get(name))
            for name in compiled.positiontup or ()
        ]
        self._readers = {}
        for entry in compiled._result_columns or ():
            kind = entry.type
            if not isinstance(kind, _PLAIN):
                reader = kind.dialect_impl(_dialect).result_processor(_dialect, None)
                if reader is not None:
                    self._readers[entry.keyname] = reader

    def args(self, values: Row) -> list[Any]:
        """The values in order. Raises KeyError for one that is missing."""
        args = []
        for name, binder, required, fixed in self._parameters:
            value = values[name] if required else values.get(name, fixed)
            args.append(value if binder is None else binder(value))
        return args

    def read(self, records: Sequence[Row]) -> Sequence[Row]:
        if not self._readers:
            return records
        rows = []
        for record in records:
            row = dict(record)
            for name, reader in self._readers.items():
                row[name] = reader(row[name])
            rows.append(row)
        return rows


def _mappings(found: CursorResult[Any]) -> Sequence[Row]:
    return cast(Sequence[Row], found.mappings().all())


def driver_of(conn: AsyncConnection) -> Any:
    """asyncpg's own connection under this one."""
    assert conn.sync_connection is not None
    return conn.sync_connection.connection.driver_connection


async def run_on_driver(conn: AsyncConnection, call: Awaitable[T]) -> T:
    """Await a call of the driver; its errors are raised as SQLAlchemy's. A connection that is gone
    leaves the pool."""
    try:
        return await call
    except asyncpg.InternalClientError as error:  # the protocol is out of step: of no use any more
        driver_of(conn).terminate()
        await conn.invalidate()
        raise translated(error, gone=True) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        gone = conn.invalidated or driver_of(conn).is_closed()
        if gone and not conn.invalidated:
            await conn.invalidate()
        raise translated(error, gone=gone) from error


def translated(error: Exception, *, gone: bool) -> DBAPIError:
    """What SQLAlchemy would have raised. `gone`: the connection is closed."""
    state = str(getattr(error, "sqlstate", None) or "")
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None  # the server's DETAIL quotes values, and errors go to the log
    kind: type[DBAPIError] = DBAPIError
    if state.startswith("23"):
        kind = IntegrityError
    elif not state:
        kind = InterfaceError
    elif gone or state.startswith(AWAY_STATES):
        kind = OperationalError
    return kind("", None, error, hide_parameters=True, connection_invalidated=gone)


def _item(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The plain type of an array's items; their values are bound one by one before."""
    plain = type_.dialect_impl(_dialect)
    plain = getattr(plain, "impl_instance", plain)
    return BigInteger() if isinstance(plain, BigInteger) else plain


def _binder(type_: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    return type_.dialect_impl(_dialect).bind_processor(_dialect)
