"""Erasing a person: the key goes, what was sealed is emptied, counts and records stay."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, Table, cast, delete, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import Control, Flow, SendStatus
from bot.store.columns import Ciphertext, Sealed
from bot.store.database import Database
from bot.store.statements import execute_many, insert_new
from bot.store.tables import (
    address,
    address_alias,
    case,
    conversation,
    erasure,
    followup,
    inbox,
    metadata,
    outbox,
    person,
    person_key,
    start_link,
    suppression,
    timer,
    web_session,
)
from bot.store.vault import SealError, Vault

STOPPED_BY_ERASURE = "erased"


@dataclass(frozen=True, slots=True)
class Erasure:
    """An entry of the erasure list: who was erased, and when."""

    person_id: str
    at: datetime


async def erase(db: Database, vault: Vault, person_id: str, now: datetime) -> bool:
    """`erase_person` in a transaction of its own; then what it dropped leaves the files too."""
    async with db.write() as conn:
        done = await erase_person(conn, vault, person_id, now)
    await db.scrub()
    return done


async def erase_person(conn: AsyncConnection, vault: Vault, person_id: str, now: datetime) -> bool:
    """Erase a person for good, in the caller's transaction; False if that was done before or there is nobody.

    Drops the data key, empties every sealed column, stops what is under way, and keeps hashes by
    which the person is not contacted again and an entry in the erasure list. Records, results'
    ratings and consents stay: they name nobody. Call `vault.forget` in the other processes, or
    let their memory of the key run out (five minutes).
    """
    row = (
        await conn.execute(select(person).where(person.c.id == person_id).with_for_update())
    ).first()
    if row is None:
        return False
    await conn.execute(insert_new(conn, erasure), [{"person_id": person_id, "at": now}])
    if row.erased_at is not None:
        return False
    await _suppress(conn, person_id, {row.phone_hash, row.reference_hash}, now)
    await _end_web_sessions(conn, vault, person_id)
    await _stop(conn, person_id, now)
    await _clear_queues(conn, person_id, now)
    await _forget_addresses(conn, person_id)
    for table in metadata.sorted_tables:
        if table is not person and "person_id" in table.c:
            await _empty_sealed(conn, table, person_id)
    await conn.execute(
        update(person)
        .where(person.c.id == person_id)
        .values(
            **{column.name: None for column in person.c if isinstance(column.type, Sealed)},
            phone_hash=None,
            reference_hash=None,
            erased_at=now,
        )
    )
    await conn.execute(delete(person_key).where(person_key.c.person_id == person_id))
    vault.forget(person_id)
    return True


async def list_erasures(conn: AsyncConnection) -> list[Erasure]:
    """The erasure list, oldest first. Keep a copy beside the backups: `replay_erasures`."""
    rows = await conn.execute(select(erasure).order_by(erasure.c.at, erasure.c.person_id))
    return [Erasure(row.person_id, row.at) for row in rows]


async def replay_erasures(db: Database, vault: Vault, entries: Iterable[Erasure] = ()) -> int:
    """After a backup was restored: erase again whoever is on its list or in `entries`, the list
    as it was kept elsewhere. Returns how many it still held.
    """
    async with db.read() as conn:
        listed = await list_erasures(conn)
    erased = 0
    for entry in {each.person_id: each for each in (*entries, *listed)}.values():
        async with db.write() as conn:
            await conn.execute(
                insert_new(conn, erasure), [{"person_id": entry.person_id, "at": entry.at}]
            )
            erased += await erase_person(conn, vault, entry.person_id, entry.at)
    await db.scrub()
    return erased


async def _suppress(
    conn: AsyncConnection, person_id: str, own: Collection[bytes | None], now: datetime
) -> None:
    reached = select(address.c.value_hash).where(address.c.person_id == person_id)
    aliases = (
        select(address_alias.c.value_hash)
        .join(address, address.c.id == address_alias.c.address_id)
        .where(address.c.person_id == person_id)
    )
    marks = {mark for mark in own if mark}
    for statement in (reached, aliases):
        marks.update((await conn.execute(statement)).scalars())
    rows = [{"value_hash": mark, "at": now} for mark in sorted(marks)]
    await execute_many(conn, insert_new(conn, suppression), rows)


async def _end_web_sessions(conn: AsyncConnection, vault: Vault, person_id: str) -> None:
    """A browser's session names the address in plain, so it goes while the address can be read."""
    key = (await vault.keys(conn, [person_id])).get(person_id)
    if key is None:
        return
    values = []
    for sealed in (
        await conn.execute(select(address.c.value).where(address.c.person_id == person_id))
    ).scalars():
        try:
            values.append(key.open(sealed))
        except SealError:
            continue  # unreadable already: there is nothing left to erase
    await conn.execute(delete(web_session).where(web_session.c.visitor.in_(values)))


async def _stop(conn: AsyncConnection, person_id: str, now: datetime) -> None:
    """End everything that is under way, and every other way to know the person by."""
    for table in (timer, start_link):
        await conn.execute(delete(table).where(table.c.person_id == person_id))
    await conn.execute(
        update(followup)
        .where(followup.c.person_id == person_id, followup.c.ended_at.is_(None))
        .values(flow=Flow.STOPPED.value, stopped_reason=STOPPED_BY_ERASURE, ended_at=now)
    )
    await conn.execute(
        update(conversation)
        .where(conversation.c.person_id == person_id)
        .values(
            control=Control.CLOSED.value,
            control_epoch=conversation.c.control_epoch + 1,  # what is on its way is dropped
            closed_at=now,
        )
    )
    await conn.execute(
        update(case)
        .where(case.c.person_id == person_id, case.c.ended_at.is_(None))
        .values(status="resolved", ended_at=now)
    )


async def _clear_queues(conn: AsyncConnection, person_id: str, now: datetime) -> None:
    """Nothing waits any more, and what platforms and errors tell of the person goes."""
    received, sent = inbox.c.person_id == person_id, outbox.c.person_id == person_id
    await conn.execute(
        update(inbox).where(received, inbox.c.processed_at.is_(None)).values(processed_at=now)
    )
    # A platform's message id can hold the telephone number (WhatsApp's is base64 of it), and an
    # error's text what was said.
    unnamed = literal("erased:") + cast(inbox.c.id, String)
    await conn.execute(update(inbox).where(received).values(external_id=unnamed, error=None))
    await conn.execute(update(outbox).where(sent).values(provider_id=None, detail=None))
    unsent = outbox.c.status.in_([SendStatus.PENDING.value, SendStatus.CLAIMED.value])
    await conn.execute(
        update(outbox)
        .where(sent, unsent)
        .values(status=SendStatus.DROPPED.value, detail=STOPPED_BY_ERASURE)
    )


async def _forget_addresses(conn: AsyncConnection, person_id: str) -> None:
    """The rows stay for the conversations, but nobody who writes from there is found by them."""
    ids = (
        (await conn.execute(select(address.c.id).where(address.c.person_id == person_id)))
        .scalars()
        .all()
    )
    await conn.execute(delete(address_alias).where(address_alias.c.address_id.in_(ids)))
    for address_id in ids:
        await conn.execute(
            update(address)
            .where(address.c.id == address_id)
            .values(value_hash=secrets.token_bytes(32))
        )


async def _empty_sealed(conn: AsyncConnection, table: Table, person_id: str) -> None:
    """NULL where the column allows it, else zero bytes, which no key opens."""
    values: dict[str, Any] = {
        column.name: None if column.nullable else Ciphertext(b"")
        for column in table.c
        if isinstance(column.type, Sealed)
    }
    if values:
        await conn.execute(update(table).where(table.c.person_id == person_id).values(**values))
