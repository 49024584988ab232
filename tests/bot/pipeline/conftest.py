"""Databases that are migrated already, and a world on each kind of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog

from bot.logs import show_place
from tests.bot.pipeline.bus.server import OwnRedis, own_redis
from tests.bot.pipeline.harness import World, copied, migrated, open_world
from tests.services import Postgres


def _migrate(url: str) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(migrated(url))).result()


@pytest.fixture(scope="session", autouse=True)
def logs() -> Iterator[None]:
    """As in production: where it broke, without the values."""
    structlog.configure(processors=[show_place, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "huifang.db"
    _migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return copied(sqlite_template, tmp_path)


@pytest.fixture
def pg_url(postgres: Postgres) -> Iterator[str]:
    """A migrated database, copied from one that is made once."""
    url = postgres.copy_of(
        "pipeline", lambda made: _migrate(made.replace("postgresql:", "postgresql+asyncpg:", 1))
    )
    yield url.replace("postgresql:", "postgresql+asyncpg:", 1)
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "pg_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database_url, tmp_path) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis that this test may kill."""
    with own_redis(tmp_path / "redis") as server:
        yield server
