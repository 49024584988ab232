from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from bot.store import check, revise
from bot.store.columns import Sealed
from bot.store.database import Database, DatabaseError
from bot.store.schema import MIGRATIONS, config, differences, migrate, newest, require_migrated
from bot.store.tables import metadata, person


async def test_the_migrations_build_exactly_the_tables_of_the_code(db: Database) -> None:
    assert await differences(db) == []


def test_the_newest_revision_is_the_one_that_alembic_ends_with() -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == newest()


async def test_migrating_again_changes_nothing(db: Database) -> None:
    assert await migrate(db) is False
    await require_migrated(db)


async def test_several_processes_that_start_at_once_migrate_once(database_url: str) -> None:
    databases = [await Database.open(database_url) for _ in range(3)]
    done = await asyncio.gather(*(migrate(each) for each in databases))
    assert sorted(done) == [False, False, True]
    for each in databases:
        await each.dispose()


async def test_a_database_that_was_not_migrated_or_is_newer_says_the_fix(database_url: str) -> None:
    db = await Database.open(database_url)
    with pytest.raises(DatabaseError, match=r"is empty.*Run: huifang migrate"):
        await require_migrated(db)
    await migrate(db)
    async with db.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="revision 9999"):
        await require_migrated(db)
    with pytest.raises(DatabaseError, match="newer version"):
        await migrate(db)
    await db.dispose()


async def test_the_check_lists_what_differs(db: Database) -> None:
    async with db.write() as conn:
        await conn.execute(text("DROP TABLE suppression"))
        await conn.execute(text("DROP INDEX ix_followup_created"))
    found = await differences(db)
    assert len(found) == 2
    assert "suppression" in "".join(found)
    assert "ix_followup_created" in "".join(found)


def test_the_check_command_agrees_with_the_shipped_migrations(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check.main() == 0

    async def differ(url: str) -> list[str]:
        return ["add_table x"]

    monkeypatch.setattr(check, "check", differ)
    assert check.main() == 1
    assert "add_table x" in capsys.readouterr().err


async def test_partial_indexes_and_checks_reach_the_database(db: Database) -> None:
    async with db.read() as conn:
        table = "sqlite_master WHERE type = 'index'" if db.is_sqlite else "pg_indexes"
        column = "sql" if db.is_sqlite else "indexdef"
        rows = await conn.execute(text(f"SELECT {column} FROM {table}"))
        partial = [sql for sql in rows.scalars() if sql and " WHERE " in sql]
        checks = await conn.run_sync(
            lambda sync: inspect(sync).get_check_constraints("conversation")
        )
    assert len(partial) == 3
    assert [each["name"] for each in checks] == ["ck_conversation_control"]


def test_the_first_migration_is_the_one_that_the_command_writes() -> None:
    if newest() != "0001":
        return  # released and built upon: it is no longer made anew
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        source = revise.render("All tables", "0001", None, connection)
    engine.dispose()
    assert (MIGRATIONS / "versions" / "0001_first.py").read_text("utf-8") == source


def test_a_migration_does_not_import_our_code() -> None:
    for path in (MIGRATIONS / "versions").glob("0*.py"):
        imports = re.findall(r"^(?:import|from) (\w+)", path.read_text("utf-8"), re.M)
        assert set(imports) <= {"__future__", "sqlalchemy", "alembic"}


def test_every_table_with_sealed_columns_names_its_person_so_that_erasing_finds_it() -> None:
    for table in metadata.sorted_tables:
        if any(isinstance(column.type, Sealed) for column in table.c):
            assert table is person or "person_id" in table.c, table.name


async def test_changing_a_table_in_sqlite_keeps_the_rows_that_refer_to_it(tmp_path: Path) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/x.db")
    async with db.write() as conn:
        await conn.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        await conn.execute(
            text("CREATE TABLE b (a_id INTEGER REFERENCES a (id) ON DELETE CASCADE)")
        )
        await conn.execute(text("INSERT INTO a VALUES (1)"))
        await conn.execute(text("INSERT INTO b VALUES (1)"))
    async with db.rebuild() as conn:
        await conn.execute(text("CREATE TABLE new (id INTEGER PRIMARY KEY, more TEXT)"))
        await conn.execute(text("INSERT INTO new (id) SELECT id FROM a"))
        await conn.execute(text("DROP TABLE a"))
        await conn.execute(text("ALTER TABLE new RENAME TO a"))
    with pytest.raises(DatabaseError, match="without parent"):
        async with db.rebuild() as conn:
            await conn.execute(text("DELETE FROM a"))
    async with db.write() as conn:
        kept = (await conn.execute(text("SELECT count(*) FROM a JOIN b ON a_id = a.id"))).scalar()
        assert kept == 1
        await conn.execute(text("DELETE FROM a"))
        assert (await conn.execute(text("SELECT count(*) FROM b"))).scalar() == 0
    await db.dispose()
