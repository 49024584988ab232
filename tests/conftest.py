"""Fixtures for all tests: databases, Redis, a browser; and what is left out of an ordinary run.

Servers start when the first test asks for them, one of each per pytest process. A missing PostgreSQL or
Redis fails the test that needs it, with the line that says what to install.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import pytest_asyncio
import redis
from hypothesis import HealthCheck, settings
from playwright.async_api import Browser, Page, async_playwright, expect

from tests import chromium, services

Server = TypeVar("Server")


@contextmanager
def available(service: AbstractContextManager[Server]) -> Iterator[Server]:
    """Enter a service; where there is none, fail with its one line instead of a traceback."""
    with ExitStack() as running:
        try:
            server = running.enter_context(service)
        except services.ServiceUnavailableError as missing:
            pytest.fail(str(missing), pytrace=False)
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[services.Postgres]:
    """The PostgreSQL server of this pytest process; `create` and `copy_of` make databases in it."""
    with available(services.postgres()) as server:
        yield server


@pytest.fixture
def pg_url(postgres: services.Postgres) -> Iterator[str]:
    """A new empty PostgreSQL database: postgresql+asyncpg://…"""
    url = postgres.create()
    yield url.replace("postgresql:", "postgresql+asyncpg:", 1)
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new empty database of each kind: sqlite+aiosqlite:///… and postgresql+asyncpg://…"""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'huifang.db'}"
    url: str = request.getfixturevalue("pg_url")
    return url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """URL of this pytest process's part of Redis: a server, or on TEST_REDIS_URL a database index."""
    with available(services.redis_server()) as url:
        if not os.environ.get("TEST_REDIS_URL"):
            yield url
            return
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        yield f"{url.rstrip('/').removesuffix('/0')}/{worker}"


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """An empty Redis database: redis://…"""
    with redis.Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, started once. Tests with the `browser` mark all run on the session's event loop.

    Their own async fixtures need `@pytest_asyncio.fixture(loop_scope="session")`.
    """
    program = chromium.find_chromium()
    assert program, chromium.MISSING
    async with async_playwright() as playwright:
        started = await chromium.launch(playwright, program)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page in a fresh profile: no cookies, no storage."""
    context = await browser.new_context()
    context.set_default_timeout(10_000)
    yield await context.new_page()
    await context.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out soak tests unless asked; give browser tests one loop and one worker, or skip them."""
    if "soak" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
    program = chromium.find_chromium()
    for item in items:
        if not item.get_closest_marker("browser"):
            continue
        item.add_marker(pytest.mark.xdist_group("browser"))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if not program:
            item.add_marker(pytest.mark.skip(reason=chromium.MISSING))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line what was skipped for want of a browser."""
    skipped = [
        r for r in terminalreporter.stats.get("skipped", []) if chromium.MISSING in str(r.longrepr)
    ]
    if skipped:
        terminalreporter.write_line(
            f"{len(skipped)} browser tests were skipped: {chromium.MISSING}."
        )


# A busy machine is no failure, and a change must not be refused by chance: examples are the same in
# every run of a test. TEST_RANDOM=1 looks for new ones.
settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=not os.environ.get("TEST_RANDOM"),
)
settings.load_profile("house")
expect.set_options(timeout=20_000)  # milliseconds; a page on a busy machine is slow, not wrong
