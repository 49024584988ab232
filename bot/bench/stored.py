"""Filling a throw-away database with conversations that are over, so that the bench runs on a database
of some age.

Their rows have the sizes that the bench's survey leaves (m), but what is sealed in them is noise:
nothing opens it. By COPY on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.bench.channel import ACCOUNT
from bot.bench.people import SCRIPT_NAME, STORED
from bot.bench.progress import Advance
from bot.pipeline.flow import Author, Cause, Control, Flow, InboxKind, SendStatus
from bot.services import Services
from bot.store.columns import Ciphertext
from bot.store.database import Database
from bot.store.direct import driver_of
from bot.store.ids import new_id
from bot.store.statements import chunks, next_numbers
from bot.store.tables import (
    address,
    address_alias,
    conversation,
    followup,
    inbox,
    message,
    outbox,
    person,
    person_key,
    record,
    result,
)
from dialogs.state import FollowupOutcome

MESSAGES = 16  # lines of a transcript that the survey leaves: six heard, ten said
CHUNK = 5_000  # conversations in one transaction
WRITERS = 2  # transactions at the same time on PostgreSQL
OLDEST, SPAN = timedelta(days=5), timedelta(days=4)  # when they were held


def _noise(size: int) -> Ciphertext:
    return Ciphertext(secrets.token_bytes(size))


# Sizes in bytes as the survey leaves them (m).
_NAME, _LAST4, _ADDRESS, _WRAPPED = _noise(39), _noise(33), _noise(33), _noise(60)
_STATE, _BODY, _PAYLOAD, _VALUE, _EMPTY = (
    _noise(1209),
    _noise(138),
    _noise(184),
    _noise(40),
    Ciphertext(),
)
_STEP = {"step": "feedback", "how": "answered"}
_NAMES = ("identity", "rating", "feedback", "consent")


@dataclass(frozen=True, slots=True)
class History:
    """How many rows one conversation left, from the lines of its transcript."""

    messages: int = MESSAGES

    @property
    def heard(self) -> int:
        return round(self.messages * 6 / MESSAGES)

    @property
    def said(self) -> int:
        return self.messages - self.heard

    @property
    def records(self) -> int:
        return round(self.messages * 13 / MESSAGES)

    @property
    def results(self) -> int:
        return min(len(_NAMES), round(self.messages * 4 / MESSAGES))


async def stored(db: Database) -> int:
    """How many are there."""
    async with db.read() as conn:
        query = select(func.count()).select_from(followup).where(followup.c.source == STORED)
        return int(await conn.scalar(query) or 0)


async def fill(services: Services, upto: int, history: History, done: Advance) -> None:
    """Add conversations until there are so many, and tell the planner of them."""
    there = await stored(services.db)
    parts = chunks(range(there, upto), CHUNK)
    began = services.clock.now() - OLDEST
    step = SPAN / max(1, upto)

    async def write() -> None:
        for part in parts:
            async with services.db.write() as conn:
                await _unchecked(conn)
                await _add(conn, services, part, began, step, history)
            done(len(part))

    async with asyncio.TaskGroup() as group:
        for _ in range(1 if services.db.is_sqlite else WRITERS):
            group.create_task(write())
    if upto > there:
        await _settle(services.db)


async def size_mb(db: Database) -> float:
    """How large the database is; 0 for SQLite."""
    if db.is_sqlite:
        return 0.0
    async with db.read() as conn:
        found = await conn.scalar(text("SELECT pg_database_size(current_database())"))
    return round(int(found or 0) / 1024 / 1024, 1)


async def _unchecked(conn: AsyncConnection) -> None:
    """Foreign keys fit by construction; checking each row's is a third of the work (m)."""
    if conn.dialect.name == "postgresql" and await conn.scalar(_MAY):
        await conn.execute(text("SET LOCAL session_replication_role = replica"))


_MAY = text("SELECT current_setting('is_superuser') = 'on'")


async def _settle(db: Database) -> None:
    """What autovacuum and the checkpointer would do by and by, before the clock starts."""
    if db.is_sqlite:
        async with db.write() as conn:
            await conn.execute(text("ANALYZE"))
        return
    async with db.write_once() as conn:
        await conn.execute(text("VACUUM ANALYZE"))
        if await conn.scalar(_MAY):
            await conn.execute(text("CHECKPOINT"))


async def _add(
    conn: AsyncConnection,
    services: Services,
    numbers: Sequence[int],
    began: datetime,
    step: timedelta,
    history: History,
) -> None:
    ids = await next_numbers(conn, outbox, len(numbers) * history.said)
    rows = _Rows(services.vault.newest)
    for place, number in enumerate(numbers):
        own = ids[place * history.said : (place + 1) * history.said]
        rows.add(number, began + number * step, own, history)
    for table, columns, records in rows.tables():
        await _insert(conn, table, columns, records)


async def _insert(
    conn: AsyncConnection, table: Table, columns: Sequence[str], records: list[tuple[Any, ...]]
) -> None:
    if not records:
        return
    if conn.dialect.name == "postgresql":
        await driver_of(conn).copy_records_to_table(table.name, columns=columns, records=records)
    else:
        plain = {"data": _STEP} if table is record else {}
        rows = [dict(zip(columns, row, strict=True)) | plain for row in records]
        await conn.execute(insert(table), rows)


class _Rows:
    """Rows of many conversations, by table; the order of tables is that of their foreign keys."""

    def __init__(self, master: str) -> None:
        self._master = master
        self._of: dict[Table, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}

    def tables(self) -> Iterable[tuple[Table, Sequence[str], list[tuple[Any, ...]]]]:
        return ((table, _COLUMNS[table], self._of[table]) for table in _COLUMNS)

    def add(self, number: int, at: datetime, numbers: Sequence[int], history: History) -> None:
        of, mark = self._of, os.urandom(32)
        who, place, chat, task = (_id(at) for _ in range(4))
        of[person].append((who, _NAME, _LAST4, "en", "Europe/London", "GB", False, at))
        of[person_key].append((who, _WRAPPED, self._master))
        of[address].append((place, who, ACCOUNT, _ADDRESS, mark, at, at))
        of[address_alias].append((ACCOUNT, mark, place))
        of[followup].append((task, who, *_FOLLOWUP, at, at, at, at, at, at))
        of[conversation].append((chat, who, place, ACCOUNT, task, _STATE, *_TALK, at, at, at))
        of[outbox] += [
            (one, chat, who, task, *_SAID, at, SendStatus.SENT, 1, 1, str(one), at, at)
            for one in numbers
        ]
        of[message] += [
            (chat, who, task, Author.PERSON, InboxKind.TEXT, _BODY, None, at)
            for _ in range(history.heard)
        ]
        of[message] += [(chat, who, task, Author.BOT, "text", _PAYLOAD, one, at) for one in numbers]
        of[inbox] += [
            (ACCOUNT, f"stored-{number}-{one}", chat, who, InboxKind.TEXT, _EMPTY, at, at)
            for one in range(history.heard)
        ]
        of[record] += [(chat, task, "step", "bot", _DATA, at) for _ in range(history.records)]
        of[result] += [
            (task, name, who, name, _VALUE, _VALUE, 0, False, at)
            for name in _NAMES[: history.results]
        ]


def _id(at: datetime) -> str:
    """As `new_id`, at a fifth of its cost."""
    return _prefix(at.replace(microsecond=0)) + secrets.token_hex(8)


_prefixes: dict[datetime, str] = {}


def _prefix(second: datetime) -> str:
    if second not in _prefixes:
        _prefixes.clear()
        _prefixes[second] = new_id(second.astimezone(UTC))[:10]
    return _prefixes[second]


_DATA = orjson.dumps(_STEP).decode()
_FOLLOWUP = (
    SCRIPT_NAME, 1, str(Flow.DONE), str(FollowupOutcome.COMPLETED), ACCOUNT, "en", STORED,
)  # fmt: skip
_TALK = (str(Control.BOT), 1, 7, 0, "en")
_SAID = (ACCOUNT, str(Author.BOT), str(Cause.REPLY), 1, _PAYLOAD)
_COLUMNS: dict[Table, tuple[str, ...]] = {
    person: (
        "id", "name", "last4", "locale", "zone", "region", "provisional", "created_at",
    ),
    person_key: ("person_id", "wrapped", "master"),
    address: ("id", "person_id", "account", "value", "value_hash", "bound_at", "last_in_at"),
    address_alias: ("account", "value_hash", "address_id"),
    followup: (
        "id", "person_id", "script", "version", "flow", "outcome", "account", "locale", "source",
        "approved_at", "created_at", "started_at", "delivered_at", "replied_at", "ended_at",
    ),
    conversation: (
        "id", "person_id", "address_id", "account", "followup_id", "state", "control",
        "control_epoch", "revision", "feed", "locale", "created_at", "last_in_at", "last_out_at",
    ),
    outbox: (
        "id", "conversation_id", "person_id", "followup_id", "account", "author", "cause",
        "control_epoch", "payload", "due_at", "status", "attempts", "parts_done", "provider_id",
        "sent_at", "created_at",
    ),
    message: (
        "conversation_id", "person_id", "followup_id", "author", "kind", "body", "outbox_id", "at",
    ),
    inbox: (
        "account", "external_id", "conversation_id", "person_id", "kind", "payload",
        "received_at", "processed_at",
    ),
    record: ("conversation_id", "followup_id", "kind", "actor", "data", "at"),
    result: (
        "followup_id", "name", "person_id", "step", "value", "first_value", "corrections",
        "withdrawn", "at",
    ),
}  # fmt: skip
