"""Simulated people: the same seed gives the same answers, here and now or over days."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.assembly import open_services
from bot.commands.simulate import simulate_days
from bot.personas import SHARES, Persona, make_people
from bot.reports.measures import measure
from bot.reports.read import Answers, Filter, read_rows
from bot.reports.rows import Row
from bot.services import Services
from bot.settings import Settings
from bot.simulate import WAVES_MAX, Crowd, wave_times
from bot.store.tables import case, followup, inbox, message, outbox, timer
from tests.bot.reports.filled import NOW, filled


def quiet(started: int, now: datetime) -> None:
    """Nobody looks at the progress."""


async def rows_of(services: Services) -> list[Row]:
    answers = Answers.of(services.scripts, "preapproval", with_text=True)
    found = read_rows(services, Filter("preapproval"), answers)
    return [row async for batch in found for row in batch]


def answered(rows: list[Row]) -> Counter[tuple[object, ...]]:
    """What was answered, without what may differ: ids and times."""
    return Counter(
        (row.locale, row.path, row.outcome, row.handoffs, *sorted(row.answers.items()))
        for row in rows
    )


async def test_the_same_seed_gives_the_same_answers_and_another_one_others(tmp_path: Path) -> None:
    found = []
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        url = f"sqlite+aiosqlite:///{tmp_path}/{name}.db"
        async with filled(url, tmp_path / name, people=8, seed=seed) as (services, _):
            found.append(answered(await rows_of(services)))
    assert found[0] == found[1]
    assert found[0] != found[2]


async def test_over_days_everything_arrives_whole_in_the_target(
    database_url: str, tmp_path: Path
) -> None:
    async with filled(database_url, tmp_path) as (services, crowd):
        rows = await rows_of(services)
        async with services.db.read() as conn:
            followups = (await conn.execute(select(followup))).all()
            unread = await conn.scalar(
                select(func.count()).select_from(inbox).where(inbox.c.processed_at.is_(None))
            )
            lines = (await conn.execute(select(message).order_by(message.c.id))).all()
            sent = {row.id: row for row in await conn.execute(select(outbox))}
            cases = (await conn.execute(select(case))).all()
            overdue = await conn.scalar(
                select(func.count()).select_from(timer).where(timer.c.due_at <= NOW)
            )
    assert {row.id for row in followups} == {chat.followup_id for chat in crowd.chats}
    assert all(NOW - timedelta(days=2) <= row.created_at <= NOW for row in followups)
    assert unread == overdue == 0
    for line in lines:
        if line.author == "bot":
            assert sent[line.outbox_id].payload == line.body
    feeds = Counter((line.conversation_id, line.feed) for line in lines if line.feed)
    assert set(feeds.values()) == {1}
    assert {row.status for row in cases} & {"resolved", "given_back"}
    report = measure(rows)
    assert 0 < report.reach.completed < report.reach.started <= report.reach.created


async def test_a_second_simulation_joins_the_first(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path, people=3) as (services, _):
        await simulate_days(services, 3, 1, 5, "preapproval", quiet)
        assert len(await rows_of(services)) == 6
        async with services.db.read() as conn:
            pairs = await conn.execute(
                select(message.c.body, outbox.c.payload)
                .join(outbox, outbox.c.id == message.c.outbox_id)
                .where(message.c.author == "bot")
            )
            assert all(said == sent for said, sent in pairs)


async def test_here_and_now_people_answer_on_the_database_itself(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "database_url": database_url})
    async with open_services(settings, migrated=True, warn=lambda line: None) as services:
        crowd = Crowd(services, make_people(10, 3), "preapproval")
        await crowd.run_now(quiet)
        rows = await rows_of(services)
    assert len(rows) == 10
    assert sum(row.started_at is not None for row in rows) == crowd.opened > 0
    assert any(row.questions_answered for row in rows)


def test_people_of_a_seed_are_all_kinds_and_both_languages() -> None:
    people = make_people(400, 1)
    assert {who.persona for who in people} == set(Persona) == set(SHARES)
    assert {who.profile.locale for who in people} == {"zh", "en"}


@pytest.mark.parametrize(("days", "waves"), [(1, 2), (14, 15), (365, WAVES_MAX + 1)])
def test_waves_lie_between_begin_and_end(days: int, waves: int) -> None:
    end = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    begin = end - timedelta(days=days)
    found = wave_times(begin, end)
    assert found == sorted(found)
    assert begin <= found[0]
    assert found[-1] < end
    assert len(found) <= waves
    assert len(found) >= min(days, WAVES_MAX)
