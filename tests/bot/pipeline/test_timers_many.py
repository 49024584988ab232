"""Many timers: shared by processes, in batches, once each, whatever is killed and however the clock
jumps."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, delete, func, insert, select, text

from bot.clock import GivenClock, SystemClock
from bot.pipeline import timers
from bot.pipeline.timers import BATCH, LATEST_S, RECENT, ROOM, SOONEST_S, fire_due, next_look
from bot.store.direct import Query
from bot.store.people import Profile
from bot.store.statements import among
from bot.store.tables import inbox, outbox, timer
from tests.bot.pipeline.harness import NOON, World, open_world
from tests.bot.pipeline.test_processes import start

HOUR = timedelta(hours=1)


class AnyClock:
    """A clock that can be put back too."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


async def plant(world: World, count: int, due_at: datetime) -> None:
    """Only these timers, all stale, numbered by their serial, for the one conversation."""
    if not world.followup_id:
        await world.start()
    found = (await world.rows(timer))[0]
    row = {"conversation_id": found.conversation_id, "person_id": found.person_id}
    rows = [
        {**row, "followup_id": None, "kind": "remind", "serial": n, "due_at": due_at}
        for n in range(count)
    ]
    async with world.services.db.write() as conn:
        await conn.execute(delete(timer))
        await conn.execute(insert(timer), rows)


async def fired(world: World) -> list[int]:
    """The numbers of the timers that became inbox rows, in their order."""
    rows = await world.rows(inbox, inbox.c.account == timers.ACCOUNT)
    return [(await world.opened(row.person_id, row.payload))["serial"] for row in rows]


async def count(world: World, table: Any, *where: Any) -> int:
    async with world.services.db.read() as conn:
        return await conn.scalar(select(func.count()).select_from(table).where(*where)) or 0


async def test_many_that_are_due_at_once_go_in_batches_and_in_order(world: World) -> None:
    await plant(world, 2 * BATCH + 5, NOON)
    taken = [await fire_due(world.services) for _ in range(4)]
    assert taken == [BATCH, BATCH, 5, 0]
    assert await fired(world) == list(range(2 * BATCH + 5))


async def test_two_processes_fire_every_timer_once(database_url: str, tmp_path: Path) -> None:
    number = 5 * BATCH + 7
    async with (
        open_world(database_url, tmp_path) as one,
        open_world(database_url, tmp_path, clock=one.clock) as two,
    ):
        await plant(one, number, NOON)

        async def all_of(world: World) -> int:
            done = 0
            while taken := await fire_due(world.services):
                done += taken
            return done

        shares = await asyncio.gather(all_of(one), all_of(two))
        assert sum(shares) == number
        if not one.services.db.is_sqlite:  # there is one writer, who may be faster each time
            assert min(shares) > 0
        assert Counter(await fired(one)) == Counter(range(number))


async def test_what_another_process_is_moving_is_passed_over(pg_url: str, tmp_path: Path) -> None:
    async with open_world(pg_url, tmp_path) as world:
        await plant(world, 10, NOON)
        async with world.services.db.write() as other:
            await other.execute(select(timer).where(timer.c.serial < 4).with_for_update())
            assert await asyncio.wait_for(fire_due(world.services), 10) == 6
        assert await fire_due(world.services) == 4
        assert sorted(await fired(world)) == list(range(10))


async def test_an_end_between_insert_and_delete_leaves_everything_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plant(world, 20, NOON)
    with monkeypatch.context() as broken:
        missing = Table("no_such_table", MetaData(), Column("id", Integer))
        broken.setattr(timers, "_FIRED", Query(delete(missing).where(among(missing.c.id, "ids"))))
        with pytest.raises(Exception, match="no_such_table"):
            await fire_due(world.services)
    assert await fired(world) == []
    assert await fire_due(world.services) == 20
    assert await fired(world) == list(range(20))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_killed_process_loses_no_timer_and_fires_none_twice(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url: str = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "pg_url")
    number = 2000
    clock = GivenClock(SystemClock().now())
    async with open_world(url, tmp_path, clock=clock) as world:
        await plant(world, number, clock.now() - HOUR)
        process = await start(url, tmp_path, "turn")
        async with asyncio.timeout(30):
            while await count(world, timer) > number - BATCH:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        process.kill()
        await process.communicate()
        moved = await count(world, inbox, inbox.c.account == timers.ACCOUNT)
        assert 0 < moved < number
        assert moved + await count(world, timer) == number
        while await fire_due(world.services):
            pass
        rows = await world.rows(inbox, inbox.c.account == timers.ACCOUNT)
        assert len(rows) == len({row.external_id for row in rows}) == number


async def test_a_clock_put_back_fires_nothing_twice_and_forgets_nothing(world: World) -> None:
    await plant(world, 5, NOON + HOUR)
    clock = AnyClock(NOON + 2 * HOUR)
    world.services.clock = clock
    assert await fire_due(world.services) == 5
    clock.at = NOON
    assert await fire_due(world.services) == 0
    async with world.services.db.write() as conn:
        row = (await world.rows(inbox, inbox.c.account == timers.ACCOUNT))[0]
        late = {"conversation_id": row.conversation_id, "person_id": row.person_id}
        late |= {"kind": "remind", "serial": 5, "due_at": NOON + HOUR}
        await conn.execute(insert(timer), late)
    clock.at = NOON + HOUR
    assert await fire_due(world.services) == 1
    assert await fired(world) == list(range(6))


class OverError(Exception):
    """The loop has been watched long enough."""


async def watched(world: World, monkeypatch: pytest.MonkeyPatch, rests: Any) -> list[float]:
    """Run the loop; where it would sleep, `rests` (an async function of the seconds) runs."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await rests(seconds)

    monkeypatch.setattr(timers, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(OverError):
        await timers.keep_firing(world.services)
    return slept


async def test_after_a_jump_ahead_the_next_batch_waits_for_the_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who writes in between stands behind one batch, not behind all of them."""
    await plant(world, 3 * BATCH, NOON - HOUR)
    most = 0

    async def rest(seconds: float) -> None:
        nonlocal most
        ours = inbox.c.account == timers.ACCOUNT, inbox.c.processed_at.is_(None)
        waiting = await count(world, inbox, *ours)
        most = max(most, waiting)
        if not waiting:
            raise OverError
        async with world.services.db.write() as conn:  # the turns do a part of them
            some = select(inbox.c.id).where(*ours).limit(100).scalar_subquery()
            await conn.execute(inbox.update().where(inbox.c.id.in_(some)).values(processed_at=NOON))

    await watched(world, monkeypatch, rest)
    assert most < ROOM + BATCH
    assert await count(world, timer) == 0
    assert await count(world, inbox, inbox.c.account == timers.ACCOUNT) == 3 * BATCH


async def test_turns_that_never_catch_up_do_not_stop_the_timers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plant(world, 2 * BATCH + 1, NOON - HOUR)

    async def rest(seconds: float) -> None:
        if not await count(world, timer):
            raise OverError

    slept = await watched(world, monkeypatch, rest)
    assert sum(slept) <= 3 * timers.PATIENCE_S


async def test_the_next_look_is_when_something_is_due_but_never_far(world: World) -> None:
    await plant(world, 1, NOON)
    clock = AnyClock(NOON)
    world.services.clock = clock
    looks = {}
    for ahead in (-60.0, 0.0, 0.01, 0.3, 3600.0):
        clock.at = NOON - timedelta(seconds=ahead)
        looks[ahead] = await next_look(world.services)
    assert looks == {-60.0: 0, 0.0: 0, 0.01: SOONEST_S, 0.3: pytest.approx(0.3), 3600.0: LATEST_S}
    clock.at = NOON + 2 * RECENT
    assert await next_look(world.services, clock.at - RECENT) == LATEST_S
    assert await fire_due(world.services, clock.at - RECENT) == 0
    assert await fire_due(world.services) == 1
    assert await next_look(world.services) == LATEST_S


async def test_a_loop_that_begins_finds_what_is_long_overdue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plant(world, 3, NOON - HOUR)

    async def rest(seconds: float) -> None:
        raise OverError

    await watched(world, monkeypatch, rest)
    assert await fired(world) == [0, 1, 2]


async def plan(world: World, statement: Any, values: dict[str, Any]) -> str:
    """How the database would run it."""
    async with world.services.db.read() as conn:
        compiled = statement.compile(dialect=conn.dialect)
        given = compiled.construct_params(values)
        if not conn.dialect.positional or compiled.positiontup is None:
            raise AssertionError("both drivers number their parameters")
        found = [given[name] for name in compiled.positiontup]
        sqlite = world.services.db.is_sqlite
        if sqlite:
            found = [str(one)[:19] if isinstance(one, datetime) else one for one in found]
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        rows = await conn.exec_driver_sql(explain + str(compiled), tuple(found))
        return "\n".join(str(row[-1]) for row in rows)


async def test_a_look_reads_what_is_due_by_the_index_and_an_end_finds_its_timers(
    world: World,
) -> None:
    await plant(world, 20_000, NOON + HOUR)
    await plant_spread(world)
    async with world.services.db.write() as conn:
        await conn.execute(text("ANALYZE"))
    look = {"since": NOON - RECENT, "now": NOON}
    ended = delete(timer).where(timer.c.followup_id == "x")
    opted = delete(timer).where(timer.c.person_id == "x")
    for statement, values, index in (
        (timers._DUE._statement, look, "ix_timer_due_at"),
        (timers._NEXT, look, "ix_timer_due_at"),
        (ended, {}, "ix_timer_followup_id"),
        (opted, {}, "ix_timer_person_id"),
    ):
        how = await plan(world, statement, values)
        assert index in how
        assert "Seq Scan on timer" not in how
        assert "SCAN timer" not in how.replace(f"SCAN timer USING COVERING INDEX {index}", "")


async def plant_spread(world: World) -> None:
    """Let the timers come due one second after the other, each of a person of its own."""
    async with world.services.db.write() as conn:
        rows = (await conn.execute(select(timer))).mappings().all()
        await conn.execute(delete(timer))
        spread = [
            {
                **row,
                "due_at": NOON + timedelta(seconds=row["serial"]),
                "person_id": f"p{row['serial']}",
                "followup_id": f"f{row['serial']}",
            }
            for row in rows
        ]
        await conn.execute(insert(timer), spread)


async def test_queues_are_vacuumed_early(pg_url: str, tmp_path: Path) -> None:
    async with open_world(pg_url, tmp_path) as world, world.services.db.read() as conn:
        rows = await conn.execute(
            text("SELECT relname, reloptions FROM pg_class WHERE reloptions IS NOT NULL")
        )
        options = {row.relname: row.reloptions for row in rows}
        for table in ("timer", "inbox", "outbox"):
            assert "autovacuum_vacuum_scale_factor=0.01" in options[table]


@pytest.mark.parametrize(
    ("zone", "evening", "comes"),
    [
        ("Europe/London", "2027-03-27T19:00+00:00", "2027-03-28T12:00+01:00"),
        ("Europe/London", "2027-10-30T19:00+01:00", "2027-10-31T12:00+00:00"),
        ("America/New_York", "2027-03-13T19:00-05:00", "2027-03-14T12:00-04:00"),
        ("America/New_York", "2027-11-06T19:00-04:00", "2027-11-07T12:00-05:00"),
    ],
)
async def test_tomorrow_noon_is_noon_on_the_day_when_the_clocks_change(
    sqlite_url: str, tmp_path: Path, zone: str, evening: str, comes: str
) -> None:
    clock = GivenClock(datetime.fromisoformat(evening).astimezone(ZoneInfo(zone)))
    async with open_world(sqlite_url, tmp_path, clock=clock) as world:
        await world.applicant(Profile("en", zone, "US", name="Ann", reference="r"))
        await world.start()
        shown = await world.say("later")
        await world.tap(shown[-1].labels[2])
        due = await world.row(timer, timer.c.kind == "resume")
        assert due.due_at == datetime.fromisoformat(comes).astimezone(UTC)
        before = len(await world.rows(outbox))
        await world.wait("18h")
        later = (await world.rows(outbox))[before:]
        assert {row.sent_at for row in later} == {due.due_at}
