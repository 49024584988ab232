"""Real processes on one database: two at work at once, and one killed in the middle of its work."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import GivenClock, SystemClock
from bot.pipeline.claims import LEASE
from bot.store.tables import inbox, message, outbox
from tests.bot.pipeline.harness import World, open_world

PEOPLE = 6


async def start(url: str, folder: Path, role: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bot.pipeline.worker",
        url,
        str(folder),
        role,
        str(PEOPLE),
        stdout=PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert (await process.stdout.readline()).strip() == b"ready"
    return process


async def read(process: Process, count: int) -> list[str]:
    """The ids of what the process says is durable."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        lines = [await process.stdout.readline() for _ in range(count)]
    return [line.decode().strip() for line in lines if line.strip()]


async def check(world: World, accepted: list[str]) -> None:
    rows = await world.rows(inbox)
    ids = [row.external_id for row in rows]
    assert len(ids) == len(set(ids))
    assert set(accepted) <= set(ids)
    assert all(row.processed_at and not row.error for row in rows)
    lines = await world.rows(message, message.c.author == "person")
    per_chat = Counter(row.conversation_id for row in rows)
    assert Counter(line.conversation_id for line in lines) == per_chat
    out = await world.rows(outbox)
    assert {row.status for row in out} <= {"sent", "unknown"}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_killed_process_loses_nothing_that_it_had_accepted(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "pg_url")
    accepted: list[str] = []
    async with open_world(url, tmp_path):
        pass  # makes the keys
    process = await start(url, tmp_path, "feed")
    accepted += await read(process, 25)
    process.kill()
    accepted += (await process.stdout.read()).decode().split() if process.stdout else []
    await process.wait()
    clock = GivenClock(SystemClock().now())
    async with open_world(url, tmp_path, clock=clock) as world:
        await world.settle()
        clock.advance(LEASE + timedelta(seconds=1))
        await world.settle()
        await check(world, accepted)


async def test_two_processes_work_on_the_same_people_at_once(pg_url: str, tmp_path: Path) -> None:
    async with open_world(pg_url, tmp_path):
        pass
    one, two = await asyncio.gather(
        start(pg_url, tmp_path, "feed"), start(pg_url, tmp_path, "turn")
    )
    accepted = await read(one, 60)
    two.kill()
    accepted += await read(one, 10)
    one.terminate()
    await asyncio.gather(one.communicate(), two.communicate())
    clock = GivenClock(SystemClock().now())
    async with open_world(pg_url, tmp_path, clock=clock) as world:
        await world.settle()
        clock.advance(LEASE + timedelta(seconds=1))
        await world.settle()
        await check(world, accepted)
