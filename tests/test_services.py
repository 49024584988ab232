"""The servers behind the fixtures: each source works, databases are apart, and no server is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests import services

ROOT = Path(__file__).resolve().parent.parent
SERVER_OF_A_PROCESS = """
import sys, time
from pathlib import Path
from tests import services
start = getattr(services, sys.argv[1])
with start(Path(sys.argv[2])) as server:
    print(getattr(server, "url", server), flush=True)
    time.sleep(600)
"""


async def ask(url: str, statement: str) -> object:
    """The first value that a statement returns, on a postgresql:// or postgresql+asyncpg:// URL."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_database_url_is_an_empty_database_of_its_kind(database_url: str) -> None:
    engine = create_async_engine(database_url)
    version = "sqlite_version()" if database_url.startswith("sqlite+aiosqlite:") else "version()"
    async with engine.begin() as connection:
        assert (await connection.execute(text(f"SELECT {version}"))).scalar_one()
        # Fails in the second of two runs if they share a database.
        await connection.execute(text("CREATE TABLE left_over (id int)"))
    await engine.dispose()


async def test_two_databases_are_apart(postgres: services.Postgres) -> None:
    one, other = postgres.create(), postgres.create()
    await ask(one, "CREATE TABLE mine (id int)")
    assert await ask(one, "SELECT to_regclass('mine')::text") == "mine"
    assert await ask(other, "SELECT to_regclass('mine')::text") is None
    postgres.drop(one)
    postgres.drop(other)


async def test_database_is_dropped_under_an_open_connection(postgres: services.Postgres) -> None:
    url = postgres.create()
    connection = await asyncpg.connect(url)
    postgres.drop(url)
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await ask(url, "SELECT 1")
    connection.terminate()


async def test_prepared_database_is_filled_once_and_copied(postgres: services.Postgres) -> None:
    prepared = []

    def prepare(url: str) -> None:
        prepared.append(url)
        services.Postgres(url).execute("CREATE TABLE notes AS SELECT 7 AS n")

    one = postgres.copy_of("notes", prepare)
    await ask(one, "UPDATE notes SET n = 8")
    other = postgres.copy_of("notes", prepare)
    assert await ask(other, "SELECT n FROM notes") == 7
    assert len(prepared) == 1
    postgres.drop(one)
    postgres.drop(other)
    postgres.drop_templates()


@pytest.mark.parametrize("key", ["first", "second"])
def test_redis_url_is_empty_at_the_start(redis_url: str, key: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()
        assert client.dbsize() == 0
        client.set(key, "left over")


@pytest.mark.parametrize("programs", services.postgres_programs(), ids=str)
async def test_every_postgres_found_here_answers(programs: Path) -> None:
    with services.own_postgres(programs) as server:
        assert str(await ask(server.url, "SELECT version()")).startswith("PostgreSQL")


async def test_postgres_starts_from_a_folder_that_only_root_may_enter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "_open_to_all", lambda folder: folder == Path("/tmp"))
    with services.own_postgres(services.postgres_programs()[-1]) as server:
        assert await ask(server.url, "SELECT 1") == 1


@pytest.mark.parametrize("program", services.redis_programs(), ids=str)
def test_every_redis_found_here_answers(program: Path) -> None:
    with services.own_redis(program) as url, redis.Redis.from_url(url) as client:
        assert client.ping()


async def test_server_given_by_url_is_used(
    postgres: services.Postgres, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = postgres.url.replace("postgresql:", "postgresql+asyncpg:")
    monkeypatch.setenv("TEST_PG_URL", given)
    monkeypatch.setenv("TEST_REDIS_URL", redis_server)
    monkeypatch.setattr(services, "postgres_programs", list)
    monkeypatch.setattr(services, "redis_programs", list)
    with services.postgres() as server, services.redis_server() as url:
        assert await ask(server.url, "SELECT 1") == 1
        assert url == redis_server


def test_missing_servers_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TEST_PG_URL", "TEST_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(services, "postgres_programs", list)
    monkeypatch.setattr(services, "redis_programs", list)
    with pytest.raises(
        services.ServiceUnavailableError, match=r"none was found: .*install postgresql"
    ):
        services.postgres().__enter__()
    with pytest.raises(
        services.ServiceUnavailableError, match=r"none was found: .*install redis-server"
    ):
        services.redis_server().__enter__()


def test_program_that_does_not_start_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho cannot start\nexit 3\n")
    broken.chmod(0o755)
    programs = [broken, *services.redis_programs()]
    with (
        services.first_that_starts("Redis", programs, services.own_redis, "…") as url,
        redis.Redis.from_url(url) as client,
    ):
        assert client.ping()
    with (
        pytest.raises(services.ServiceUnavailableError, match="cannot start"),
        services.first_that_starts("Redis", [broken], services.own_redis, "…"),
    ):
        pass


@pytest.mark.parametrize(
    ("start", "program"),
    [("own_redis", p) for p in services.redis_programs()[:1]]
    + [("own_postgres", p) for p in services.postgres_programs()[:1]],
)
def test_server_ends_when_its_process_is_killed(start: str, program: Path, tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", SERVER_OF_A_PROCESS, start, str(program)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": "/tmp"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    port = urlsplit(owner.stdout.readline().strip()).port
    assert port is not None
    assert answers(port)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    deadline = time.monotonic() + 20
    while answers(port):
        assert time.monotonic() < deadline, "the server outlived the process that started it"
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
