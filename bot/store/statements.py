"""Small helpers for bulk statements that are the same on PostgreSQL and SQLite."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Dialect,
    Insert,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
CHUNK = 1000  # ids in one IN (…): both databases allow about 32,000 variables


def insert_new(conn: AsyncConnection, table: Table) -> Insert:
    """INSERT … ON CONFLICT DO NOTHING; add `.returning(…)` to see what was new."""
    return _insert_new(conn.dialect.name, table)


@lru_cache
def _insert_new(dialect: str, table: Table) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


async def execute_many(
    conn: AsyncConnection, statement: Any, rows: Sequence[dict[str, Any]]
) -> None:
    """Execute for all rows in one go, and not at all for none."""
    if rows:
        await conn.execute(statement, rows)


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class _Ids(TypeDecorator[Collection[Any]]):
    """Many ids in one parameter: an array of PostgreSQL, JSON for SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return ARRAY(self.item) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        ids = list(value or ())
        return ids if dialect.name == "postgresql" else orjson.dumps(ids).decode()


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


@compiles(_Among)
def _among_array(element: _Among, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _among_json(element: _Among, compiler: Any, **options: Any) -> str:
    column, ids = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608 (compiled SQL)


def among(column: Column[Any], name: str) -> Any:
    """`column` is one of the ids, texts or numbers, in the parameter `name`.

    Unlike `in_` it is the same SQL for any number of ids, so that both SQLAlchemy and the
    database prepare a statement once.
    """
    item = String() if isinstance(column.type, String) else column.type
    return _Among(column, bindparam(name, type_=_Ids(item)))


async def next_numbers(conn: AsyncConnection, table: Table, count: int) -> list[int]:
    """`count` new ids of a numbered table, rising. They are given out even if the transaction fails."""
    if conn.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "id")
        places = func.generate_series(1, bindparam("count"))
        query = select(func.nextval(sequence)).select_from(places.alias())
        return sorted((await conn.execute(query, {"count": count})).scalars())
    # The one writer of SQLite has the table to itself until it commits.
    newest = await conn.scalar(select(func.max(table.c.id))) or 0
    return list(range(newest + 1, newest + 1 + count))
