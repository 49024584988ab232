"""A migrated database and an open vault, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.opening import open_vault
from bot.store.schema import migrate
from bot.store.vault import Vault


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(database_url)
    await migrate(database)
    yield database
    await database.dispose()


@pytest.fixture
def keys_path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "keys.toml"


@pytest.fixture
async def vault(db: Database, keys_path: Path) -> Vault:
    return (await open_vault(db, keys_path)).vault
