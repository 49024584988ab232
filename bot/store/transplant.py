"""People with all that belongs to them, moved from one database into another with the same keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database
from bot.store.statements import CHUNK, chunks, execute_many, insert_new
from bot.store.tables import (
    address,
    address_alias,
    answer_use,
    article,
    audit,
    case,
    consent,
    conversation,
    followup,
    gap,
    inbox,
    message,
    offer,
    outbox,
    person,
    person_key,
    record,
    result,
    script_version,
    start_link,
    timer,
    user,
)

GROUP = 200  # people in one transaction, so that other writers wait only shortly
CONTENT = (script_version, article)  # what a copy needs besides people to behave the same

# In the order of their foreign keys, each with the column that says whose row it is.
_PEOPLE_FIRST = (
    (person, "id"),
    (person_key, "person_id"),
    (address, "person_id"),
    (consent, "person_id"),
    (followup, "person_id"),
    (start_link, "person_id"),
    (conversation, "person_id"),
    (result, "person_id"),
    (timer, "person_id"),
    (inbox, "person_id"),
    (gap, "person_id"),
    (case, "person_id"),
)
_BY_CONVERSATION = (record, answer_use)


async def copy_content(source: Database, target: Database) -> None:
    """The scripts and the articles, into a database that has none."""
    for table in CONTENT:
        async with source.read() as conn:
            rows = [dict(row) for row in (await conn.execute(select(table))).mappings()]
        async with target.write() as conn:
            await execute_many(conn, insert(table), rows)


async def move_people(source: Database, target: Database, people: Collection[str]) -> None:
    """Copy these people into `target`, a group at a time, each group whole or not at all.

    The keys file of both must be the same. Agents with the same login count as the same person.
    """
    async with source.read() as read, target.write() as write:
        agents = await _agents(read, write)
    for group in chunks(people, GROUP):
        async with source.read() as read, target.write() as write:
            await _move(read, write, group, agents)
    async with source.read() as read, target.write() as write:
        rows = [_without(row, "id") for row in await _rows(read, audit)]
        await execute_many(write, insert(audit), rows)


async def _agents(read: AsyncConnection, write: AsyncConnection) -> dict[str, str]:
    """The id in the target of every account in the source; those it lacks are made."""
    there = {row["login"]: row["id"] for row in await _rows(write, user)}
    ids: dict[str, str] = {}
    for row in await _rows(read, user):
        if row["login"] not in there:
            await write.execute(insert(user), row)
        ids[row["id"]] = there.get(row["login"], row["id"])
    return ids


async def _move(
    read: AsyncConnection, write: AsyncConnection, people: list[str], agents: Mapping[str, str]
) -> None:
    for table, owner in _PEOPLE_FIRST:
        rows = await _rows(read, table, owner, people)
        if table in (timer, inbox, gap):  # numbered by the database
            rows = [_without(row, "id") for row in rows]
        if table is case:
            rows = [{**row, "agent_id": agents.get(row["agent_id"])} for row in rows]
        await _insert(write, table, rows)
        if table is address:
            held = [row["id"] for row in rows]
            await _insert(
                write, address_alias, await _rows(read, address_alias, "address_id", held)
            )
        if table is followup:
            held = [row["id"] for row in rows]
            offers = await _rows(read, offer, "followup_id", held)
        if table is conversation:
            talks = [row["id"] for row in rows]
    await _insert(write, offer, offers)
    numbers = await _move_outbox(read, write, people)
    lines = await _rows(read, message, "person_id", people)
    await _insert(
        write,
        message,
        [
            {
                **_without(row, "id"),
                "outbox_id": numbers.get(row["outbox_id"]),
                "agent_id": agents.get(row["agent_id"]),
            }
            for row in lines
        ],
    )
    for table in _BY_CONVERSATION:
        rows = await _rows(read, table, "conversation_id", talks)
        await _insert(write, table, [_renumbered(_without(row, "id"), numbers) for row in rows])


async def _move_outbox(
    read: AsyncConnection, write: AsyncConnection, people: list[str]
) -> dict[int | None, int]:
    """The outbox; returns the new number of each row by its old one."""
    rows = await _rows(read, outbox, "person_id", people)
    numbers: dict[int | None, int] = {}
    for part in chunks(rows):
        made = await write.execute(
            insert(outbox).returning(outbox.c.id, sort_by_parameter_order=True),
            [_without(row, "id") for row in part],
        )
        for row, new in zip(part, made, strict=True):
            numbers[row["id"]] = new.id
    return numbers


def _renumbered(row: dict[str, Any], numbers: Mapping[int | None, int]) -> dict[str, Any]:
    """A record that names an outbox row names its new number."""
    data = row.get("data")
    if isinstance(data, dict) and "outbox" in data:
        return {**row, "data": {**data, "outbox": numbers.get(data["outbox"])}}
    return row


async def _rows(
    conn: AsyncConnection, table: Table, column: str = "", values: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Rows of a table by a column, by their key, so that numbered ones keep their order."""
    statement = select(table).order_by(*table.primary_key)
    if not column:
        return [dict(row) for row in (await conn.execute(statement)).mappings()]
    found: list[dict[str, Any]] = []
    for part in chunks(values, CHUNK):
        rows = await conn.execute(statement.where(table.c[column].in_(part)))
        found += [dict(row) for row in rows.mappings()]
    return found


async def _insert(conn: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    new = insert_new(conn, table) if table is inbox else insert(table)
    for part in chunks(rows):
        await conn.execute(new, part)


def _without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
