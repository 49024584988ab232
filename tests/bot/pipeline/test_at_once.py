"""Turns and outcomes that are one statement: what they write, and when they stand back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.pipeline import outcomes, turns, writes
from bot.pipeline.turns import run_turns
from bot.store.database import Database
from bot.store.tables import conversation, followup, inbox, message, outbox, record, result, timer
from channels.base import OutcomeKind
from channels.message import IncomingKind
from tests.bot.pipeline.harness import World, migrated, open_world
from tests.services import Postgres

WRITTEN = (conversation, followup, inbox, message, outbox, record, result, timer)
OWN = ("state", "payload", "body", "value", "first_value", "id", "outbox_id", "at", "person_id")


@pytest.fixture
async def asked(pg_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Ann was asked for a rating, and the answers go out by the process that computes them."""
    async with open_world(pg_url, tmp_path) as world:
        await world.start()
        world.clock.advance(timedelta(seconds=1))
        yield world


async def _place(world: World) -> str:
    return str((await world.row(conversation)).id)


async def _write(world: World, text: str = "4") -> list[str]:
    """Ann writes; the turn runs. Returns the conversations that still have work."""
    await world.accept(world.incoming(IncomingKind.TEXT, text=text))
    return await run_turns(world.services, [await _place(world)], world.delivery)


def _never(*given: Any, **more: Any) -> Any:
    raise AssertionError("a transaction of its own was begun")


async def _kept(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, without ids and what is sealed."""
    return {
        table.name: sorted(
            tuple(
                str(getattr(row, column.key))
                for column in table.columns
                if column.key not in OWN and not column.key.endswith(("_id", "_at"))
            )
            for row in await world.rows(table)
        )
        for table in WRITTEN
    }


async def test_an_answer_and_its_outcome_need_no_transaction_of_their_own(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked.accept(asked.incoming(IncomingKind.TEXT, text="4"))
    place = await _place(asked)
    monkeypatch.setattr(Database, "write", _never)
    assert await run_turns(asked.services, [place], asked.delivery) == []
    await asked.delivery.finish(10)
    assert [one.text for one in asked.channel.shown][-1] == "2/3 · Why is that?"
    assert (await asked.rows(outbox))[-1].status == "sent"


async def test_both_ways_write_the_same(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*given: Any) -> bool:
        return False

    kept = []
    for way in ("at once", "in steps"):
        url = postgres.create().replace("postgresql:", "postgresql+asyncpg:", 1)
        await migrated(url)
        async with open_world(url, tmp_path / way) as world:
            await world.start()
            for text in ("4", "It was fine."):
                world.clock.advance(timedelta(seconds=1))
                await _write(world, text)
                await world.delivery.finish(10)
            kept.append(await _kept(world))
        postgres.drop(url.replace("+asyncpg", ""))
        monkeypatch.setattr(turns, "_commit_at_once", never)
        monkeypatch.setattr(outcomes, "_is_usual", lambda item: False)
    assert kept[0] == kept[1]


async def test_a_conversation_that_changes_while_the_statement_waits_is_left_alone(
    asked: World,
) -> None:
    place = await _place(asked)
    before = len(await asked.rows(outbox)), len(await asked.rows(message))
    async with asked.services.db.write() as conn:
        await conn.execute(select(conversation.c.id).with_for_update())
        turn = asyncio.create_task(_write(asked))
        await asyncio.sleep(0.3)
        assert not turn.done()
        await conn.execute(update(conversation).values(revision=conversation.c.revision + 1))
    assert await turn == [place]
    assert (len(await asked.rows(outbox)), len(await asked.rows(message))) == before
    assert (await asked.rows(inbox))[-1].processed_at is None
    assert await run_turns(asked.services, [place], asked.delivery) == []
    await asked.delivery.finish(10)
    assert (await asked.rows(outbox))[-1].status == "sent"


async def test_behind_texts_that_wait_an_answer_waits_too(asked: World) -> None:
    asked.channel.next(OutcomeKind.TRANSIENT)
    await _write(asked, "4")
    await asked.delivery.finish(10)
    await _write(asked, "It was fine.")
    first, second = (row.status for row in (await asked.rows(outbox))[-2:])
    assert (first, second) == ("pending", "pending")
    await asked.wait("1m")
    assert {row.status for row in await asked.rows(outbox)} == {"sent"}


async def test_too_few_numbers_are_no_reason_not_to_answer(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = writes.write_at_once
    given: list[int] = []

    async def with_none(*parts: Any) -> Any:
        given.append(len(parts[-1]))
        return await real(*parts[:-1], [])

    monkeypatch.setattr(turns, "write_at_once", with_none)
    assert await _write(asked) == []
    await asked.delivery.finish(10)
    assert given == [3]
    assert (await asked.rows(outbox))[-1].status == "sent"


async def test_numbers_rise_with_time(asked: World) -> None:
    for text in ("4", "It was fine.", "yes"):
        await _write(asked, text)
        await asked.delivery.finish(10)
        asked.clock.advance(timedelta(seconds=1))
    rows = await asked.rows(outbox)
    by_time = sorted(rows, key=lambda row: (row.created_at, row.id))
    assert [row.id for row in rows] == [row.id for row in by_time]
    lines = {row.outbox_id for row in await asked.rows(message) if row.outbox_id}
    assert lines == {row.id for row in rows}


async def test_an_outcome_waits_for_whoever_holds_the_conversation(
    asked: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, may_arrive = asked.channel.send, asyncio.Event()

    async def late(*given: Any) -> Any:
        await may_arrive.wait()
        return await send(*given)

    monkeypatch.setattr(asked.channel, "send", late)
    await _write(asked)
    async with asked.services.db.write() as conn:
        await conn.execute(select(conversation.c.id).with_for_update())
        may_arrive.set()
        await asyncio.sleep(0.3)
        assert (await asked.rows(outbox))[-1].status == "claimed"
    await asked.delivery.finish(10)
    assert (await asked.rows(outbox))[-1].status == "sent"
