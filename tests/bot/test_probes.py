"""What a process tells of itself, whatever is away, and what that costs the database."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from bot import metrics, probes
from bot.assembly import open_services
from bot.health import HealthError, health_listener
from bot.pipeline.bus import BusHealth, Topic
from bot.pipeline.bus.local import LocalBus
from bot.pipeline.ingress import Ingress
from bot.probes import Probes
from bot.services import Services
from bot.settings import Settings
from bot.store.database import Database
from bot.store.schema import migrate
from tests.bot.pipeline.server import free_port

COMMAND = "from bot.cli import main; main()"


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Asked:
    """Probes on a database, with a clock for what is remembered."""

    def __init__(self, db: Database, bus: Any) -> None:
        self.time = Time()
        settings = SimpleNamespace()
        services = SimpleNamespace(
            db=db, bus=bus, settings=settings, clock=_Clock(), live=SimpleNamespace(streams=3)
        )
        self.probes = Probes(
            cast(Services, services),
            cast(Ingress, SimpleNamespace(waiting=2)),
            "web",
            "1",
            self.time,
        )

    async def ready(self) -> tuple[int, str, str]:
        self.time.now += probes.REMEMBERED_S
        found = await self.probes.ready()
        told = json.loads(found.body)
        return found.status, told["status"], " ".join(told["reasons"])


class _Clock:
    def now(self) -> Any:
        from bot.clock import SystemClock

        return SystemClock().now()


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    yield database
    await database.dispose()


async def test_ready_when_the_schema_is_there_and_not_before(db: Database) -> None:
    asked = Asked(db, LocalBus())
    status, word, why = await asked.ready()
    assert (status, word) == (503, "unavailable")
    assert "huifang migrate" in why
    await migrate(db)
    assert await asked.ready() == (200, "ready", "")


async def test_an_older_schema_is_a_reason_and_a_newer_one_is_not(db: Database) -> None:
    asked = Asked(db, LocalBus())
    await migrate(db)
    for revision, status in (("0000", 503), ("9999", 200)):
        async with db.write() as conn:
            await conn.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
        assert (await asked.ready())[0] == status


async def test_a_process_that_stops_is_not_ready_but_lives(db: Database) -> None:
    await migrate(db)
    asked = Asked(db, LocalBus())
    asked.probes.not_ready = "the process is stopping"
    assert await asked.ready() == (503, "unavailable", "the process is stopping")
    assert asked.probes.health().status == 200


async def test_without_the_bus_it_is_degraded_and_goes_on(db: Database) -> None:
    await migrate(db)
    asked = Asked(db, LostBus())
    status, word, why = await asked.ready()
    assert (status, word) == (200, "degraded")
    assert "bus" in why
    await asked.probes.metrics()
    assert metrics.value("huifang_bus_up") == 0


class LostBus(LocalBus):
    def health(self) -> BusHealth:
        return BusHealth(connected=False, waiting={Topic.TURNS: 7})


class Away:
    """A database that refuses, or does not answer at all."""

    def __init__(self, hangs: bool) -> None:
        self.hangs, self.asked = hangs, 0

    def read(self) -> Any:
        return self

    async def __aenter__(self) -> Any:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3600)
        raise ConnectionRefusedError("password of somebody")

    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_database_that_is_away_is_a_reason_without_its_words(
    hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "PATIENCE_S", 0.01)
    asked = Asked(cast(Database, away := Away(hangs)), LocalBus())
    status, word, why = await asked.ready()
    assert (status, word) == (503, "unavailable")
    assert "the database is away" in why
    assert "password" not in why
    page = (await asked.probes.metrics()).body.decode()
    assert "huifang_database_up 0.0" in page
    assert "huifang_inbox_lag_seconds NaN" in page
    assert away.asked == 2


async def test_many_questions_at_once_ask_the_database_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(cast(Database, away := Away(False)), LocalBus())
    await asyncio.gather(*(asked.probes.ready() for _ in range(50)))
    assert away.asked == 1
    asked.time.now += probes.REMEMBERED_S
    await asked.probes.ready()
    assert away.asked == 2


async def test_the_page_has_the_depths_of_the_queues(db: Database) -> None:
    await migrate(db)
    bus = LocalBus()
    await bus.publish(Topic.TURNS, ["a", "b"])
    await Asked(db, bus).probes.metrics()
    assert metrics.value("huifang_bus_waiting", topic="turns") == 2
    assert metrics.value("huifang_ingress_waiting") == 2
    assert metrics.value("huifang_live_streams") == 3
    assert metrics.value("huifang_database_up") == 1
    assert metrics.value("huifang_info", role="web", version="1") == 1
    assert metrics.REGISTRY.get_sample_value("process_resident_memory_bytes")


FILL = """
INSERT INTO person (id, locale, zone, region, provisional, created_at)
  VALUES ('p', 'en', 'UTC', 'CN', false, now());
INSERT INTO address (id, person_id, account, value, value_hash)
  SELECT 'a' || i, 'p', 'x:main', '', int4send(i) FROM generate_series(1, 100) i;
INSERT INTO conversation (id, person_id, address_id, account, control, control_epoch, revision, feed,
    locale, created_at)
  SELECT 'c' || i, 'p', 'a' || i, 'x:main', 'bot', 0, 0, 0, 'en', now() FROM generate_series(1, 100) i;
INSERT INTO inbox (account, external_id, conversation_id, person_id, kind, payload, received_at,
    processed_at)
  SELECT 'x:main', i::text, 'c' || (i % 100 + 1), 'p', 'text', '', now() - interval '9 s',
    CASE WHEN i % 2000 = 0 THEN NULL ELSE now() END FROM generate_series(1, 20000) i;
INSERT INTO outbox (conversation_id, person_id, account, author, cause, control_epoch, payload, due_at,
    status, attempts, parts_done, created_at)
  SELECT 'c' || (i % 100 + 1), 'p', 'x:main', 'bot', 'reply', 0, '', now() - interval '9 s',
    CASE WHEN i % 2000 = 0 THEN 'pending' ELSE 'sent' END, 0, 0, now() FROM generate_series(1, 20000) i;
INSERT INTO timer (conversation_id, person_id, kind, serial, due_at)
  SELECT 'c' || (i % 100 + 1), 'p', 'remind', 1, now() + interval '1 d' FROM generate_series(1, 20000) i;
ANALYZE
"""


async def test_the_lags_are_read_by_the_partial_indexes(pg_url: str) -> None:
    db = await Database.open(pg_url)
    await migrate(db)
    async with db.write() as conn:
        for statement in FILL.split(";"):
            await conn.execute(text(statement))
    query = probes._OLDEST.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    async with db.read() as conn:
        plan = "\n".join((await conn.execute(text(f"EXPLAIN {query}"))).scalars())
    lags = await probes.read_lags(cast(Services, SimpleNamespace(db=db, clock=_Clock())))
    await db.dispose()
    assert "Seq Scan" not in plan, plan
    for index in ("ix_inbox_waiting", "ix_outbox_due", "ix_timer_due_at"):
        assert index in plan, plan
    assert 9 <= lags.inbox < 60
    assert 9 <= lags.outbox < 60
    assert lags.timer == 0


async def test_the_listener_answers_and_wants_the_token_for_the_numbers(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "health_port": free_port(), "metrics_token": "hush"}
    )
    async with open_services(settings, migrated=True, warn=lambda line: None) as services:
        mine = Probes(services, Ingress(services), "worker")
        url = f"http://127.0.0.1:{settings.health_port}"
        async with health_listener(settings, mine), aiohttp.ClientSession(url) as http:
            statuses = [(await http.get(path)).status for path in probes.PATHS]
            assert statuses == [200, 200, 401]
            good = await http.get("/metrics", headers={"authorization": "Bearer hush"})
            assert "huifang_turns_total" in await good.text()
            assert good.headers["content-type"].startswith("text/plain")
            wrong = await http.get("/metrics", headers={"authorization": "Bearer guess"})
            assert wrong.status == 401
            with pytest.raises(HealthError, match="HUIFANG_HEALTH_PORT"):
                async with health_listener(settings, mine):
                    pass


async def test_a_worker_tells_that_it_is_ready_and_ends_in_order(
    tmp_path: Path, pg_url: str
) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "HUIFANG_DATABASE_URL": pg_url,
        "HUIFANG_DATA_DIR": str(tmp_path),
        "HUIFANG_HEALTH_PORT": str(port),
        "HUIFANG_PORT": str(free_port()),
    }
    migrated = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "migrate"), env=environment, cwd=tmp_path
    )
    assert await migrated.wait() == 0
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "serve"), env=environment, cwd=tmp_path, stderr=-1
    )
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as http:
            while True:
                assert process.returncode is None
                with suppress(aiohttp.ClientConnectionError):
                    found = await http.get(f"http://127.0.0.1:{port}/readyz")
                    if (told := await found.json())["status"] == "ready":
                        break
                    assert "starting" in told["reasons"][0]
                await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
