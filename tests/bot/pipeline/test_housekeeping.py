"""What is forgotten of the inbox, and what never is."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import update

from bot.pipeline import housekeeping
from bot.pipeline.housekeeping import PAGE, forget_processed
from bot.settings import Settings
from bot.store.tables import inbox, message, record
from channels.message import IncomingKind
from tests.bot.pipeline.harness import World, open_world

DAY = timedelta(days=1)


async def copies(world: World, count: int) -> None:
    """So many processed rows like the first one."""
    (first, *_) = await world.rows(inbox)
    row = {key: value for key, value in first._mapping.items() if key != "id"}
    async with world.services.db.write() as conn:
        await conn.execute(
            inbox.insert(), [{**row, "external_id": f"copy-{number}"} for number in range(count)]
        )


async def test_what_was_processed_long_ago_is_forgotten_and_the_transcript_stays(
    world: World,
) -> None:
    await world.start()
    world.clock.advance(10 * DAY)
    await world.say("4")
    lines, records = await world.rows(message), await world.rows(record)
    world.clock.advance(4 * DAY)
    assert await forget_processed(world.services) == 0  # to the second: 14 days are kept
    world.clock.advance(timedelta(seconds=1))
    assert await forget_processed(world.services) == 1
    assert {row.kind for row in await world.rows(inbox)} == {"text", "timer"}
    assert await world.rows(message) == lines
    assert await world.rows(record) == records


async def test_the_days_are_a_setting_that_outlasts_every_redelivery(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with open_world(sqlite_url, tmp_path, keep_inbox_days=30) as world:
        await world.start()
        world.clock.advance(29 * DAY)
        assert await forget_processed(world.services) == 0
        world.clock.advance(2 * DAY)
        assert await forget_processed(world.services) == 1
    with pytest.raises(ValidationError, match="keep_inbox_days"):
        Settings(keep_inbox_days=7)


async def test_what_waits_or_was_parked_stays_and_holds_nothing_up(world: World) -> None:
    await world.start()
    await copies(world, 4)
    async with world.services.db.write() as conn:
        for name, values in (("copy-0", {"processed_at": None}), ("copy-1", {"error": "broken"})):
            await conn.execute(update(inbox).where(inbox.c.external_id == name).values(values))
    world.clock.advance(20 * DAY)
    assert await forget_processed(world.services) == 3
    assert [row.external_id for row in await world.rows(inbox)] == ["copy-0", "copy-1"]


async def test_a_message_that_is_remembered_is_not_taken_twice(world: World) -> None:
    await world.start()
    said = world.incoming(IncomingKind.TEXT, text="4")
    await world.take(said)
    world.clock.advance(13 * DAY)
    await world.settle()
    await forget_processed(world.services)
    before = len(await world.rows(message))
    await world.take(said)
    assert len(await world.rows(message)) == before


async def test_a_round_is_bounded_and_the_next_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "PAGES", 2)
    monkeypatch.setattr(housekeeping, "BREATH_S", 0)
    await world.start()
    await copies(world, 2 * PAGE + 9)
    world.clock.advance(20 * DAY)
    assert await forget_processed(world.services) == 2 * PAGE
    assert await forget_processed(world.services) == 10
    assert await world.rows(inbox) == []


async def test_two_processes_share_the_work(database_url: str, tmp_path: Path) -> None:
    async with (
        open_world(database_url, tmp_path) as one,
        open_world(database_url, tmp_path, clock=one.clock) as two,
    ):
        await one.start()
        await copies(one, PAGE + 50)
        one.clock.advance(20 * DAY)
        done = await asyncio.gather(forget_processed(one.services), forget_processed(two.services))
        left = await forget_processed(one.services)
        assert sum(done) + left == PAGE + 51
        assert await one.rows(inbox) == []
