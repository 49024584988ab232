"""A database with simulated follow-ups, made through the real pipeline on a given clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bot.assembly import open_services
from bot.clock import GivenClock
from bot.commands.simulate import simulate_days
from bot.services import Services
from bot.settings import Settings
from bot.simulate import Crowd

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PEOPLE, DAYS, SEED = 24, 2, 5


@asynccontextmanager
async def filled(
    database_url: str, folder: Path, *, people: int = PEOPLE, seed: int = SEED
) -> AsyncIterator[tuple[Services, Crowd]]:
    """Services on a new database with `people` who had their follow-ups in the last days."""
    settings = Settings.model_validate({"data_dir": folder, "database_url": database_url})
    async with open_services(
        settings, clock=GivenClock(NOW), migrated=True, warn=lambda line: None
    ) as services:
        crowd = await simulate_days(
            services, people, DAYS, seed, "preapproval", lambda started, now: None
        )
        yield services, crowd
