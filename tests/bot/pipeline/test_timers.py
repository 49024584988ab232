"""Timers: a reminder only while its question waits, in the person's own hours, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.clock import GivenClock
from bot.pipeline.timers import fire_due
from bot.store.people import Profile
from bot.store.tables import followup, inbox, outbox, timer
from channels.base import Outcome, OutcomeKind
from channels.message import IncomingKind
from tests.bot.pipeline.channel import Shown
from tests.bot.pipeline.harness import World, open_world


def texts(shown: Sequence[Shown]) -> list[str]:
    return [one.text for one in shown]


async def test_a_reminder_comes_as_often_as_its_step_says(world: World) -> None:
    await world.start()
    first = await world.wait("26h")
    assert "How was it?" in texts(first)[-1]
    assert len(first) == 2
    second = await world.wait("27h")
    assert texts(second) == texts(first)
    assert await world.wait("30h") == []
    assert (await world.kinds("reminder")) == ["reminder"] * 2


async def test_an_answered_question_is_not_reminded_of(world: World) -> None:
    await world.start()
    await world.wait("25h")
    await world.tap("4")
    assert await world.wait("2h") == []


async def test_every_timer_fires_though_sqlite_gives_ids_again(world: World) -> None:
    await world.start()
    for _ in range(2):
        await world.wait("26h")
    assert len(await world.rows(inbox, inbox.c.kind == "timer")) == 2


async def test_a_timer_of_the_followup_before_does_nothing_to_the_next(world: World) -> None:
    await world.start()
    await world.wait("1h")
    stale = [dict(row._mapping) for row in await world.rows(timer)]
    await world.start()
    async with world.services.db.write() as conn:
        for row in stale:
            row.pop("id")
            await conn.execute(timer.insert(), row)
    new = world.followup_id
    assert await world.wait("1530m") == []
    await world.say("4")
    await world.wait("5640m")  # the deadline of the one before has come, its own has not
    assert (await world.row(followup, followup.c.id == new)).outcome is None


async def test_a_new_followup_in_the_same_chat_ends_the_one_before(world: World) -> None:
    await world.start()
    old = world.followup_id
    await world.start()
    before = await world.row(followup, followup.c.id == old)
    assert (before.flow, before.outcome, before.stopped_reason) == (
        "stopped",
        "expired",
        "replaced",
    )
    assert {row.followup_id for row in await world.rows(timer)} == {world.followup_id}


async def test_later_comes_back_at_its_time(world: World) -> None:
    await world.start()
    shown = await world.say("later")
    assert shown[-1].options
    await world.tap(shown[-1].labels[0])
    back = await world.wait("26h")
    assert "How was it?" in texts(back)[-1]


@pytest.mark.parametrize(("answers", "outcome"), [((), "no_reply"), (("4",), "expired")])
async def test_the_deadline_ends_what_nobody_finished(
    world: World, answers: tuple[str, ...], outcome: str
) -> None:
    """Opening the chat is no reply."""
    await world.start()
    for answer in answers:
        await world.say(answer)
    await world.wait("6d")
    ended = await world.row(followup)
    assert (ended.flow, ended.outcome) == ("stopped", outcome)


async def test_a_reminder_waits_for_the_morning_of_the_person(
    database_url: str, tmp_path: Path
) -> None:
    evening = datetime(2026, 11, 21, 18, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    async with open_world(database_url, tmp_path, clock=GivenClock(evening)) as world:
        await world.start()
        assert await world.wait("1590m") == []  # 21:00
        waiting = await world.rows(outbox, outbox.c.status == "pending")
        assert {row.detail for row in waiting} == {"quiet_hours"}
        assert len(await world.wait("12h")) == 2
        sent = await world.rows(outbox, outbox.c.cause == "proactive")
        opens = datetime(2026, 11, 23, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
        assert {row.sent_at for row in sent} == {opens.astimezone(UTC)}


@pytest.mark.parametrize(
    ("zone", "start", "opens"),
    [
        # The clocks go back on 1 November in New York, and forward on 28 March in Berlin.
        ("America/New_York", (2026, 10, 31, 4), "2026-11-01T09:00:00-05:00"),
        ("Europe/Berlin", (2027, 3, 27, 4), "2027-03-28T09:00:00+02:00"),
        ("Asia/Shanghai", (2026, 11, 21, 4), "2026-11-22T09:00:00+08:00"),
    ],
)
async def test_nine_is_nine_on_the_day_when_the_clocks_change(
    sqlite_url: str, tmp_path: Path, zone: str, start: tuple[int, ...], opens: str
) -> None:
    year, month, day, hour = start
    clock = GivenClock(datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)))
    async with open_world(sqlite_url, tmp_path, clock=clock) as world:
        await world.applicant(Profile("en", zone, "US", name="Ann", reference="r"))
        await world.start()
        await world.wait("40h")
        sent = await world.rows(outbox, outbox.c.cause == "proactive")
        assert {row.sent_at for row in sent} == {datetime.fromisoformat(opens).astimezone(UTC)}


async def test_a_reminder_that_is_held_back_is_dropped_when_the_person_writes(
    database_url: str, tmp_path: Path
) -> None:
    evening = datetime(2026, 11, 21, 18, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
    async with open_world(database_url, tmp_path, clock=GivenClock(evening)) as world:
        await world.start()
        await world.wait("27h")
        answered = await world.say("4")
        assert texts(answered)[-1] == "2/3 · Why is that?"
        assert not any("How was it?" in text for text in texts(answered))
        dropped = await world.rows(outbox, outbox.c.cause == "proactive")
        assert {(row.status, row.detail) for row in dropped} == {("dropped", "answered")}
        assert await world.wait("13h") == []


async def test_a_reminder_computed_together_with_an_answer_is_not_sent(world: World) -> None:
    await world.start()
    world.clock.advance(timedelta(hours=26))
    assert await fire_due(world.services) == 1
    shown = await world.take(world.incoming(IncomingKind.TEXT, text="what do you mean?"))
    assert "reminder" in await world.kinds()
    assert len([text for text in texts(shown) if "How was it?" in text]) == 1
    assert len(await world.rows(timer, timer.c.kind == "remind")) == 1  # the next one still comes


async def test_a_reply_timeout_starts_when_the_question_was_delivered(world: World) -> None:
    world.channel.next(Outcome(OutcomeKind.OK), Outcome(OutcomeKind.RETRY_AFTER, retry_after=7200))
    await world.start()
    await world.wait("2h")
    delivered = world.clock.now()
    remind = await world.row(timer, timer.c.kind == "remind")
    assert remind.due_at == delivered + timedelta(hours=26)


async def test_what_cannot_be_delivered_still_ends_some_day(world: World) -> None:
    world.channel.next(*[Outcome(OutcomeKind.CONTENT_REJECTED)] * 2)
    await world.start()
    assert world.channel.shown == []
    await world.wait("6d")
    assert (await world.row(followup)).outcome == "no_reply"


async def test_a_followup_that_ends_takes_its_timers_along(world: World) -> None:
    await world.start()
    for words in ("4", "Fast.", "skip"):
        assert await world.rows(timer)
        await world.say(words)
    assert (await world.row(followup)).outcome == "completed"
    assert await world.rows(timer) == []


async def test_two_processes_share_the_timers(database_url: str, tmp_path: Path) -> None:
    async with open_world(database_url, tmp_path) as one:
        await one.start()
        one.clock.advance(timedelta(hours=26))
        async with open_world(database_url, tmp_path, clock=one.clock) as two:
            fired = await asyncio.gather(fire_due(one.services), fire_due(two.services))
        assert sorted(fired) == [0, 1]
        assert len(await one.rows(inbox, inbox.c.kind == "timer")) == 1
