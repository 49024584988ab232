from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, make_url, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.store.database import AWAY, Database, DatabaseError, _postgresql_engines
from bot.store.tables import suppression
from tests.bot.store.filling import NOW


def _row() -> dict[str, object]:
    return {"value_hash": secrets.token_bytes(32), "at": NOW}


async def _count(db: Database) -> int:
    async with db.read() as conn:
        return len((await conn.execute(select(suppression))).all())


async def test_a_block_that_ends_well_is_committed_and_one_that_raises_is_not(
    db: Database,
) -> None:
    async with db.write() as conn:
        await conn.execute(insert(suppression), [_row()])

    async def stumble() -> None:
        async with db.write() as conn:
            await conn.execute(insert(suppression), [_row()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()
    assert await _count(db) == 1


async def test_a_reading_connection_cannot_write(db: Database) -> None:
    async with db.read() as conn:
        with pytest.raises(SQLAlchemyError):
            await conn.execute(insert(suppression), [_row()])
    async with db.write() as conn:  # and leaves no trace on the connection
        await conn.execute(insert(suppression), [_row()])
    assert await _count(db) == 1


async def test_many_writers_at_once_queue_and_all_succeed(db: Database) -> None:
    async def write() -> None:
        async with db.write() as conn:
            before = (await conn.execute(text("SELECT count(*) FROM suppression"))).scalar()
            await asyncio.sleep(0)
            assert before is not None
            await conn.execute(insert(suppression), [_row()])

    await asyncio.gather(*(write() for _ in range(40)))
    assert await _count(db) == 40


async def test_who_reads_before_writing_does_not_fail_because_somebody_else_wrote_meanwhile(
    db: Database,
) -> None:
    other = await Database.open(db.url.render_as_string(hide_password=False))

    async def read_and_write(where: Database) -> None:
        for _ in range(10):
            async with where.write() as conn:
                await conn.execute(select(suppression))
                await asyncio.sleep(0)
                await conn.execute(insert(suppression), [_row()])

    await asyncio.gather(read_and_write(db), read_and_write(other))
    await other.dispose()
    assert await _count(db) == 20


async def test_writers_of_postgresql_do_not_queue(db: Database) -> None:
    if db.is_sqlite:
        return
    async with db.write() as first, db.write() as second:
        await first.execute(insert(suppression), [_row()])
        await second.execute(insert(suppression), [_row()])
    assert await _count(db) == 2


async def test_readers_go_on_while_somebody_writes(db: Database) -> None:
    async with db.write() as conn:
        await conn.execute(insert(suppression), [_row()])
        assert await _count(db) == 0
    assert await _count(db) == 1


async def test_foreign_keys_hold(db: Database) -> None:
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            await conn.execute(
                text("INSERT INTO person_key VALUES ('nobody', :wrapped, 'none')"),
                {"wrapped": b"x"},
            )


async def test_writers_of_two_processes_wait_for_each_other(db: Database) -> None:
    if not db.is_sqlite:
        other = await Database.open(db.url.render_as_string(hide_password=False))
        async with other.write() as conn:
            await conn.execute(insert(suppression), [_row()])
        await other.dispose()
        assert await _count(db) == 1
        return
    script = (
        "import sqlite3, sys\n"
        f"c = sqlite3.connect({db.url.database!r}, isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.readline()\n"
        "c.execute(\"INSERT INTO suppression VALUES (x'00', '2026-11-21 03:00:00')\")\n"
        "c.execute('COMMIT')\n"
    )
    other_process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other_process.stdin
    assert other_process.stdout
    await other_process.stdout.readline()

    async def write() -> None:
        async with db.write() as conn:
            await conn.execute(insert(suppression), [_row()])

    waiting = asyncio.create_task(write())
    await asyncio.sleep(0)
    assert not waiting.done()
    other_process.stdin.write(b"\n")
    other_process.stdin.close()
    await asyncio.wait_for(waiting, 20)
    assert await other_process.wait() == 0
    assert await _count(db) == 2


async def test_sqlite_keeps_a_commit_through_power_loss_and_overwrites_what_is_deleted(
    tmp_path: Path,
) -> None:
    db = await Database.open(f"sqlite:///{tmp_path}/a/b/new.db")
    async with db.write() as conn:
        values = {
            name: (await conn.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    await db.dispose()
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://bot:hush-hush@127.0.0.1:9/huifang", r"127\.0\.0\.1:9/huifang.*Errno"),
        ("postgres://bot:hush-hush@127.0.0.1:9/huifang", r"127\.0\.0\.1:9/huifang"),
        ("mysql://root@127.0.0.1/x", "mysql is not supported"),
        ("hush-hush", "cannot be read"),
        ("sqlite://", "SQLite in memory"),
        ("sqlite:////proc/nowhere/x.db", "/proc/nowhere"),
        ("sqlite:////dev/null", "no database at"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said_in_one_line_with_the_fix(
    url: str, said: str
) -> None:
    with pytest.raises(DatabaseError, match=said) as raised:
        await Database.open(url)
    line = str(raised.value)
    assert "HUIFANG_DATABASE_URL" in line
    assert "\n" not in line
    assert "hush-hush" not in line


async def test_a_missing_postgresql_database_is_named(database_url: str) -> None:
    if not database_url.startswith("postgresql"):
        return
    with pytest.raises(DatabaseError, match='database "nowhere" does not exist'):
        await Database.open(database_url.rpartition("/")[0] + "/nowhere")


@pytest.mark.parametrize("state", ["57P03", "53300"])  # starting up; no connection is left
async def test_a_server_that_takes_no_connection_now_is_away(state: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # may we use TLS?
        writer.write(b"N")
        await reader.read(1024)
        fields = b"SFATAL\0C" + state.encode() + b"\0Mnot now\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = make_url(f"postgresql+asyncpg://me:secret@127.0.0.1:{port}/it")
    db = Database(url, *_postgresql_engines(url, 1))
    async with server:
        for block in (db.read, db.write):
            with pytest.raises(AWAY):
                async with block():
                    pass
    await db.dispose()
