"""The web application of one process on a loopback port, with a clock that is given."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from sqlalchemy import select
from yarl import URL

from bot.app import create_app
from bot.assembly import open_services
from bot.clock import GivenClock
from bot.runtime import Runtime
from bot.safety.access import Role, User, create_user, open_session
from bot.services import Services
from bot.settings import Settings
from bot.store.tables import user
from bot.web.guard import COOKIE
from bot.web.server import Server

NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # a Friday, 12:00 in Shanghai
PASSWORD = "correct horse battery"


@dataclass(frozen=True, slots=True)
class Site:
    """`url` without a slash at its end."""

    url: str
    services: Services
    clock: GivenClock

    @asynccontextmanager
    async def browser(self, locale: str = "en") -> AsyncIterator[aiohttp.ClientSession]:
        """Somebody with cookies of their own; relative addresses; redirects are not followed."""
        async with aiohttp.ClientSession(
            self.url,
            headers={"accept": "text/html", "accept-language": locale},
            cookie_jar=aiohttp.CookieJar(unsafe=True),  # cookies of an address without a name
            timeout=aiohttp.ClientTimeout(total=20),
        ) as session:
            yield session

    @asynccontextmanager
    async def signed_in(
        self, role: Role, locale: str = "en"
    ) -> AsyncIterator[aiohttp.ClientSession]:
        """The same, signed in with the account of this role."""
        login = f"the-{role}"
        async with self.services.db.read() as conn:
            found = await conn.scalar(select(user.c.id).where(user.c.login == login))
        assert found, "open the site with accounts"
        token = await open_session(self.services, User(found, login, f"The {role}", role, ""))
        async with self.browser(locale) as session:
            session.cookie_jar.update_cookies({COOKIE: token}, URL(self.url))
            yield session


@asynccontextmanager
async def open_site(
    folder: Path, *, demo: bool = False, accounts: bool = True, worker: bool = False
) -> AsyncIterator[Site]:
    """A site on SQLite in `folder`, with one account for each role unless `accounts` is false."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # who comes before the server has started waits in its queue
    settings = Settings.model_validate({"data_dir": folder, "port": listener.getsockname()[1]})
    clock = GivenClock(NOON)
    async with (
        open_services(settings, clock=clock, migrated=True, warn=lambda line: None) as services,
        Runtime(services, worker=worker) as runtime,
    ):
        if accounts:
            for role in Role:
                await create_user(services, f"the-{role}", f"The {role}", PASSWORD, role, "")
        app = create_app(services, runtime, demo=demo)
        server = Server(app, services.live)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Site(settings.base_url, services, clock)
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, 20)
