"""Conversations that are over, filled in bulk: as many rows as asked for, and nothing left to do in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT
from bot.bench.people import invite
from bot.bench.server import SCRIPT
from bot.bench.stored import MESSAGES, History, fill, stored
from bot.bench.timers_fill import clear
from bot.bench.turns import Setup, bench_turns, settings_in
from bot.pipeline.flow import SendStatus
from bot.store.tables import (
    address,
    address_alias,
    conversation,
    followup,
    inbox,
    message,
    metadata,
    outbox,
    person,
    person_key,
    record,
    result,
    start_link,
)


@pytest.mark.parametrize(("messages", "heard", "records"), [(MESSAGES, 6, 13), (2, 1, 2)])
async def test_each_conversation_leaves_its_rows(
    database_url: str, tmp_path: Path, messages: int, heard: int, records: int
) -> None:
    settings = settings_in(tmp_path, Setup(database_url))
    async with open_services(
        settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
    ) as services:
        for upto in (3, 7):
            seen: list[int] = []
            await fill(services, upto, History(messages), seen.append)
            assert await stored(services.db) == upto
        assert sum(seen) == 4
        async with services.db.read() as conn:
            counts = {
                table.name: await conn.scalar(select(func.count()).select_from(table))
                for table in metadata.sorted_tables
            }
            sent = (await conn.execute(select(outbox.c.status).distinct())).scalars().all()
            undone = select(func.count()).select_from(inbox).where(inbox.c.processed_at.is_(None))
            assert await conn.scalar(undone) == 0
            told = select(func.count()).join(outbox, outbox.c.id == message.c.outbox_id)
            matching = await conn.scalar(told.select_from(message))
            data = (await conn.execute(select(record.c.data).distinct())).scalars().all()
        assert sent == [SendStatus.SENT]
        assert data == [{"step": "feedback", "how": "answered"}]
        for table in (person, person_key, address, address_alias, followup, conversation):
            assert counts[table.name] == 7
        assert counts[message.name] == 7 * messages
        assert counts[inbox.name] == 7 * heard
        assert counts[outbox.name] == matching == 7 * (messages - heard)
        assert counts[record.name] == 7 * records
        assert counts[result.name] == 7 * History(messages).results
        assert counts["timer"] == 0
        await clear(services.db)  # the next run takes them for the bench's own


async def test_invited_people_have_a_link_each(database_url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, Setup(database_url))
    async with open_services(
        settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
    ) as services:
        tokens = await invite(services, ACCOUNT, 1200)
        assert len(set(tokens)) == 1200
        marks = {services.vault.lookup_hash("start_link", token) for token in tokens}
        async with services.db.read() as conn:
            rows = (await conn.execute(select(start_link))).all()
        assert {row.token_hash for row in rows} == marks
        assert (
            len({row.person_id for row in rows}) == len({row.followup_id for row in rows}) == 1200
        )


async def test_turns_are_right_beside_stored_conversations(pg_url: str) -> None:
    setup = Setup(pg_url, people=3, concurrency=2, stored=(5, 40), stored_messages=2)
    figures = await bench_turns(setup)
    assert figures["wrong"] == 0
    assert [run["stored"] for run in figures["stored"]] == [5, 40]
    assert figures["stored"][1]["turns_per_s"] == figures["turns_per_s"]
    assert figures["kept"] > 0
