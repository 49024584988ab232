"""The bench of timers on a small scale: it counts right, and touches no database with people in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot.bench import timers as bench
from bot.bench.timers import Plan, bench_timers
from bot.bench.timers_fill import clear, noon_zone
from bot.clock import GivenClock
from bot.store.database import Database
from bot.store.schema import migrate
from bot.store.tables import person
from tests.bot.pipeline.harness import NOON, open_world


async def test_a_small_run_fires_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "CHATS", 30)
    figures = await bench_timers(None, Plan(timers=200, due=20, window_s=1, turns_per_s=10))
    counts = {name: figures[name] for name in ("due", "fired", "late", "lost", "twice", "silent")}
    assert counts == {"due": 20, "fired": 20, "late": 0, "lost": 0, "twice": 0, "silent": 0}
    assert 0 <= figures["fired_p50_ms"] <= figures["fired_p99_ms"] <= figures["fired_max_ms"]
    assert figures["said_p50_ms"] > 0
    assert figures["load_p50_ms"] is not None


async def test_a_database_with_people_in_it_is_refused(database_url: str, tmp_path: Path) -> None:
    db = await Database.open(database_url)
    await migrate(db)
    async with open_world(database_url, tmp_path, clock=GivenClock(NOON)) as world:
        await world.follow()
        with pytest.raises(RuntimeError, match="1 people that are not the bench's"):
            await clear(db)
        assert len(await world.rows(person)) == 1
    await db.dispose()


async def test_what_an_earlier_run_left_is_cleared(database_url: str) -> None:
    db = await Database.open(database_url)
    for _ in range(2):
        await clear(db)
        assert await migrate(db)
    await db.dispose()


@given(some.integers(0, 24 * 60 - 1))
def test_it_is_about_noon_where_the_people_are(minutes: int) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC) + timedelta(minutes=minutes)
    assert now.astimezone(ZoneInfo(noon_zone(now))).hour == 12
