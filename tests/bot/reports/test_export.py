"""The exported file: every measure can be made again from it, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
from sqlalchemy import insert, select, update

from bot.reports.export import MARK, csv_parts, read_csv, write_down
from bot.reports.measures import Tally, measure
from bot.reports.read import Filter, read_rows
from bot.reports.rows import Row
from bot.services import Services
from bot.store.erasure import erase_person
from bot.store.tables import audit, followup, result
from dialogs.script import AskKind
from tests.bot.reports.filled import NOW, filled


async def export(services: Services, wanted: Filter, *, with_text: bool = False) -> str:
    return "".join([part async for part, _ in csv_parts(services, wanted, with_text=with_text)])


async def all_rows(services: Services, wanted: Filter) -> list[Row]:
    return [row async for batch in read_rows(services, wanted) for row in batch]


async def test_the_file_gives_the_same_measures_as_the_database(
    database_url: str, tmp_path: Path
) -> None:
    async with filled(database_url, tmp_path) as (services, crowd):
        text = await export(services, Filter("preapproval"), with_text=True)
        assert text.startswith(MARK + "id,script,")
        assert "\r\n" in text
        tally = Tally()
        for row in await all_rows(services, Filter("preapproval")):
            tally.add(row)
        report = tally.report()
        assert measure(read_csv(text)) == report
        assert report.reach.created == len(crowd.chats)
        assert report.reach.completed > 0
        assert report.reach.handed_over > 0
        assert report.ratings.count == report.reach.rated > 0
        for counts in report.steps.values():
            assert counts.entered == (
                counts.answered
                + counts.skipped
                + counts.abandoned
                + counts.opted_out
                + counts.handed_over
                + counts.waiting
            )


async def test_every_follow_up_is_in_every_question_once(database_url: str, tmp_path: Path) -> None:
    async with filled(database_url, tmp_path) as (services, _):
        report = measure(rows := await all_rows(services, Filter("preapproval")))
        asked = sum(row.questions_asked for row in rows)
        assert sum(counts.entered for counts in report.steps.values()) == asked
        assert report.steps["satisfaction"].answered == report.reach.rated


async def test_free_text_comes_only_when_it_is_asked_for(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path) as (services, _):
        script = services.scripts.get("preapproval")
        texts = {name for name, step in script.names.items()
                 if script.steps[step].ask is AskKind.TEXT}  # fmt: skip
        without = (await export(services, Filter("preapproval"))).splitlines()[0].split(",")
        with_text = await export(services, Filter("preapproval"), with_text=True)
        assert not {f"answer_{name}" for name in texts} & set(without)
        assert {f"answer_{name}" for name in texts} <= set(with_text.splitlines()[0].split(","))
        assert "answer_satisfaction" in without
        assert not [name for name in (await export(services, Filter())).splitlines()[0].split(",")
                    if name.startswith("answer_")]  # fmt: skip
        said = [row.answers.get("suggestions", "") for row in read_csv(with_text)]
        assert any(said)


async def test_an_answer_that_looks_like_a_formula_is_exported_as_text(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path) as (services, _):
        async with services.db.write() as conn:
            row = (await conn.execute(select(result).where(result.c.name == "suggestions"))).first()
            assert row is not None
            keys = await services.vault.keys(conn, [row.person_id])
            sealed = keys[row.person_id].seal(orjson.dumps('=HYPERLINK("http://x")').decode())
            await conn.execute(
                update(result)
                .where(result.c.followup_id == row.followup_id, result.c.name == row.name)
                .values(value=sealed)
            )
        text = await export(services, Filter("preapproval"), with_text=True)
        assert "\"'=HYPERLINK(" in text
        assert '=HYPERLINK("http://x")' in [
            row.answers.get("suggestions") for row in read_csv(text)
        ]


async def test_periods_scripts_and_accounts_choose_rows(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path) as (services, _):
        everything = await all_rows(services, Filter())
        middle = NOW - timedelta(hours=20)
        newer = await all_rows(services, Filter(since=middle))
        older = await all_rows(services, Filter(until=middle))
        assert newer
        assert older
        assert [*older, *newer] == everything
        assert await all_rows(services, Filter("new_feature")) == []
        opened = await all_rows(services, Filter(account="webchat:main"))
        assert opened == [row for row in everything if row.started_at]
        chinese = await all_rows(services, Filter(locale="zh"))
        assert chinese == [row for row in everything if row.locale == "zh"]


async def test_batches_end_where_rows_share_their_time(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path, people=3) as (services, crowd):
        async with services.db.write() as conn:
            await conn.execute(
                insert(followup),
                [
                    {
                        "id": f"x{n:05d}",
                        "person_id": crowd.chats[0].person_id,
                        "script": "gone",
                        "version": 1,
                        "flow": "scheduled",
                        "source": "api",
                        "created_at": NOW,
                    }
                    for n in range(1201)
                ],
            )
        sizes = [len(batch) async for batch in read_rows(services, Filter("gone"))]
        assert sizes == [500, 500, 201]
        assert len({row.id for row in await all_rows(services, Filter("gone"))}) == 1201


async def test_an_erased_person_stays_as_a_row_without_answers(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path) as (services, _):
        before = read_csv(await export(services, Filter("preapproval"), with_text=True))
        chosen = next(row for row in before if row.outcome == "completed" and row.answers)
        async with services.db.write() as conn:
            person = await conn.scalar(
                select(followup.c.person_id).where(followup.c.id == chosen.id)
            )
            await erase_person(conn, services.vault, str(person), NOW)
        after = read_csv(await export(services, Filter("preapproval"), with_text=True))
        assert len(after) == len(before)
        left = next(row for row in after if row.id == chosen.id)
        assert left.outcome == "completed"
        assert set(left.answers) <= {"satisfaction"}


async def test_an_export_is_written_down(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/one.db"
    async with filled(url, tmp_path, people=1) as (services, _):
        await write_down(services, "ada", Filter("preapproval", since=NOW), with_text=True)
        async with services.db.read() as conn:
            row = (
                await conn.execute(select(audit).where(audit.c.action == "reports.export"))
            ).one()
        assert row.actor == "ada"
        assert row.data["script"] == "preapproval"
        assert row.data["with_text"] is True
