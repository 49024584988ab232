from __future__ import annotations

import ast
import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from bot.store import check, revise, schema
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


FIRST_RELEASE = 4  # the migrations that it ships; nobody has large tables before it
WRITTEN_LATER = """
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "{number}", "{before}", None, None
def upgrade():
{body}
"""
ONLINE = """
    if op.get_bind().dialect.name != "postgresql":
        op.create_index("ix_audit_at", "audit", ["at"])
        return
    with op.get_context().autocommit_block():
        op.drop_index("ix_audit_at", "audit", if_exists=True, postgresql_concurrently=True)
        op.create_index("ix_audit_at", "audit", ["at"], postgresql_concurrently=True)
"""
ADDS = """
    op.add_column("audit", sa.Column("more", sa.Text()))
"""


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Puts migrations of these bodies after the shipped ones, in a copy of their folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))

    def add(*bodies: str) -> None:
        monkeypatch.setattr(schema, "MIGRATIONS", folder)
        for body in bodies:
            before = schema.newest()
            number = f"{int(before) + 1:04d}"
            source = WRITTEN_LATER.format(number=number, before=before, body=body)
            (folder / "versions" / f"{number}_later.py").write_text(source)

    return add


async def indexes(db: Database) -> set[str]:
    async with db.read() as conn:
        found = await conn.run_sync(lambda sync: inspect(sync).get_indexes("audit"))
    return {str(each["name"]) for each in found}


async def test_an_index_is_built_concurrently_while_others_write(
    db: Database, later: Callable[..., None]
) -> None:
    later(ONLINE, ADDS)
    assert await migrate(db) is True
    assert await indexes(db) == {"ix_audit_at"}
    await require_migrated(db)


async def test_several_processes_that_build_an_index_concurrently_do_not_wait_for_each_other(
    db: Database, later: Callable[..., None]
) -> None:
    later(ONLINE)
    others = [await Database.open(str(db.url.render_as_string(hide_password=False))) for _ in "ab"]
    done = await asyncio.gather(*(migrate(each) for each in (db, *others)))
    for each in others:
        await each.dispose()
    assert sorted(done) == [False, False, True]


async def test_a_migration_does_not_queue_behind_a_long_transaction(
    pg_url: str, later: Callable[..., None]
) -> None:
    db = await Database.open(pg_url)
    await migrate(db)
    later(ONLINE, ADDS)
    async with db.write() as conn:
        await conn.execute(text("LOCK TABLE audit IN ROW EXCLUSIVE MODE"))  # as any writer's
        refused = pytest.raises(DatabaseError, match=r"pg_stat_activity.*huifang migrate")
        with refused as raised:
            async with asyncio.timeout(30):
                await migrate(db, lock_wait_s=0.05, tries=2)
    assert "\n" not in str(raised.value)
    # Nothing of it is left behind that stops the next attempt, also no half-made index.
    assert await migrate(db) is True
    assert await indexes(db) == {"ix_audit_at"}
    async with db.read() as conn:
        broken = await conn.scalar(text("SELECT count(*) FROM pg_index WHERE NOT indisvalid"))
        assert broken == 0
        assert await conn.scalar(text("SHOW lock_timeout")) == "0"
    await db.dispose()


async def test_a_lock_that_is_soon_given_back_is_waited_for(
    pg_url: str, later: Callable[..., None]
) -> None:
    db = await Database.open(pg_url)
    await migrate(db)
    later(ADDS)
    async with db.write() as conn:
        await conn.execute(text("LOCK TABLE audit IN ROW EXCLUSIVE MODE"))
        migrating = asyncio.create_task(migrate(db, lock_wait_s=0.05, tries=1000))
        await asyncio.wait({migrating}, timeout=0.3)
        assert not migrating.done()
    assert await migrating is True
    await db.dispose()


def blocking(source: str) -> list[str]:
    """Statements of a later migration that stop a big table's writers for long on PostgreSQL."""
    tree = ast.parse(source)
    upgrade = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "upgrade")
    made = {ast.unparse(call.args[0]) for call in _ops(upgrade, "create_table")}
    changes = [*_ops(upgrade, "create_index"), *_ops(upgrade, "drop_index")]
    online = {
        ast.unparse(call.args[0])
        for call in changes
        if any(word.arg == "postgresql_concurrently" for word in call.keywords)
    }
    return [
        f"line {call.lineno}: {ast.unparse(call.args[0])} without postgresql_concurrently"
        for call in changes
        if ast.unparse(call.args[0]) not in online
        and not {ast.unparse(part) for part in call.args[1:]} & made
    ]


def _ops(tree: ast.AST, name: str) -> list[Any]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == name
    ]


def test_later_migrations_build_their_indexes_online() -> None:
    for path in sorted((MIGRATIONS / "versions").glob("0*.py"))[FIRST_RELEASE:]:
        assert blocking(path.read_text("utf-8")) == [], path.name
    assert blocking(WRITTEN_LATER.format(number="2", before="1", body=ONLINE)) == []
    plain = '    op.create_index("ix_audit_at", "audit", ["at"])'
    assert len(blocking(WRITTEN_LATER.format(number="2", before="1", body=plain))) == 1


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
