"""What our own tables say after a crash run, opened with the keys and sorted by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.bench.channel import ACCOUNT
from bot.pipeline.flow import SendStatus
from bot.services import Services
from bot.store.statements import among
from bot.store.tables import followup, inbox, message, outbox, record, result
from bot.store.vault import PersonKey
from tests.crash.evidence import Answer, Evidence, InboxRow, Line, TextRow

CHUNK = 200  # people read at once
Keys = Mapping[str, PersonKey]


async def waiting(services: Services) -> int:
    """Rows that are still to be processed or sent."""
    open_ = (str(SendStatus.PENDING), str(SendStatus.CLAIMED))
    async with services.db.read() as conn:
        inbound = await conn.scalar(
            select(func.count()).select_from(inbox).where(inbox.c.processed_at.is_(None))
        )
        outbound = await conn.scalar(
            select(func.count()).select_from(outbox).where(outbox.c.status.in_(open_))
        )
    return int(inbound or 0) + int(outbound or 0)


async def read_facts(services: Services, people: Mapping[str, Evidence]) -> None:
    """Fill in everything that the tables know; `people` by person id."""
    ids = list(people)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        async with services.db.read() as conn:
            keys = await services.vault.keys(conn, some)
            await _read_inbox(conn, people, some)
            await _read_texts(conn, people, some, keys)
            await _read_lines(conn, people, some, keys)
            await _read_answers(conn, people, some, keys)


async def strangers(services: Services, people: Sequence[str]) -> int:
    """People whom nobody brought in: a start link that was not recognised makes one."""
    async with services.db.read() as conn:
        found = await conn.execute(select(inbox.c.person_id).distinct())
        return len(set(found.scalars()) - set(people))


async def _read_inbox(
    conn: AsyncConnection, people: Mapping[str, Evidence], ids: list[str]
) -> None:
    query = (
        select(inbox)
        .where(among(inbox.c.person_id, "ids"), inbox.c.account == ACCOUNT)
        .order_by(inbox.c.id)
    )
    for row in await conn.execute(query, {"ids": ids}):
        processed = row.processed_at is not None
        item = InboxRow(row.external_id, processed, row.error or "")
        people[row.person_id].inbox.append(item)


async def _read_texts(
    conn: AsyncConnection, people: Mapping[str, Evidence], ids: list[str], keys: Keys
) -> None:
    query = select(outbox).where(among(outbox.c.person_id, "ids")).order_by(outbox.c.id)
    for row in await conn.execute(query, {"ids": ids}):
        text = orjson.loads(keys[row.person_id].open(row.payload))["text"]
        item = TextRow(row.id, text, row.status, row.detail or "")
        people[row.person_id].texts.append(item)


async def _read_lines(
    conn: AsyncConnection, people: Mapping[str, Evidence], ids: list[str], keys: Keys
) -> None:
    query = select(message).where(among(message.c.person_id, "ids")).order_by(message.c.id)
    for row in await conn.execute(query, {"ids": ids}):
        body = orjson.loads(keys[row.person_id].open(row.body))
        text = body.get("text") or body.get("label") or ""
        people[row.person_id].lines.append(Line(row.author, text, row.outbox_id))


async def _read_answers(
    conn: AsyncConnection, people: Mapping[str, Evidence], ids: list[str], keys: Keys
) -> None:
    ended = select(followup.c.id, followup.c.person_id, followup.c.outcome)
    owner: dict[str, str] = {}
    for row in await conn.execute(ended.where(among(followup.c.person_id, "ids")), {"ids": ids}):
        owner[row.id] = row.person_id
        people[row.person_id].outcome = row.outcome or ""
    times: Counter[tuple[str, str]] = Counter()
    told = select(record.c.followup_id, record.c.data).where(
        among(record.c.followup_id, "ids"), record.c.kind == "result"
    )
    for each in await conn.execute(told, {"ids": list(owner)}):
        times[(owner[each.followup_id], each.data["name"])] += 1
    query = select(result).where(among(result.c.person_id, "ids"), result.c.withdrawn.is_(False))
    for row in await conn.execute(query, {"ids": ids}):
        value = orjson.loads(keys[row.person_id].open(row.value))
        count = times[(row.person_id, row.name)]
        people[row.person_id].answers.append(Answer(row.name, value, count, row.corrections))
