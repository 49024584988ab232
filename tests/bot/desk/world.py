"""A small world for tests of the desk: the real pipeline on a given clock, people who chat, agents."""

from __future__ import annotations

import asyncio
import atexit
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from sqlalchemy import RowMapping, Table, select

from bot.clock import GivenClock
from bot.company import Company
from bot.knowledge import Knowledge, open_knowledge
from bot.outreach.followups import start_followup
from bot.pipeline.bus.local import LocalBus
from bot.pipeline.delivery import Delivery
from bot.pipeline.ingress import Ingress
from bot.runtime import settle
from bot.safety.access import Role, User, create_user
from bot.samples import PEOPLE
from bot.scripts import open_scripts
from bot.services import Services
from bot.settings import Settings
from bot.store.database import Database
from bot.store.opening import open_vault
from bot.store.people import import_people
from bot.store.schema import migrate
from bot.store.tables import case, message
from channels.base import Outcome, OutcomeKind, Part
from channels.message import Address, Incoming, IncomingKind
from channels.webchat import WebChatChannel
from dialogs.intents import IntentDetector
from dialogs.lexicons import bundled_lexicons

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)  # a Friday, 12:00 in Shanghai: somebody is on duty
ACCOUNT = "webchat:main"
TO_RATING = ("1234", "是", "是", "没遇到困难")  # the answers up to the question for a rating


@cache
def _detector() -> IntentDetector:
    return IntentDetector.from_lexicons(bundled_lexicons(), ())


class BreakableChannel(WebChatChannel):
    """The web chat, with outcomes that a test can put in front."""

    def __init__(self, public_url: str) -> None:
        super().__init__(public_url)
        self.outcomes: list[Outcome] = []

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        return self.outcomes.pop(0) if self.outcomes else Outcome(OutcomeKind.OK)


@dataclass(slots=True)
class World:
    """`chat` begins a follow-up of a sample person; `say` writes as that person."""

    services: Services
    clock: GivenClock
    delivery: Delivery
    ingress: Ingress
    channel: BreakableChannel
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def agent(self, login: str, role: Role = Role.AGENT, locale: str = "en") -> User:
        name = login.capitalize()
        made = await create_user(
            self.services, login, name, f"the password of {login}", role, locale
        )
        return User(made, login, name, role, locale)

    async def chat(self, person: str, *texts: str) -> str:
        """Open the chat by a start link and write these texts; returns the conversation."""
        now = self.clock.now()
        async with self.services.db.write() as conn:
            who = (await import_people(conn, self.services.vault, [PEOPLE[person]], now))[0]
        started = await start_followup(self.services, who.id, "preapproval", source="test")
        token = started.links[0].url.partition("start=")[2]
        await self._accept(person, IncomingKind.START, token=token)
        for text in texts:
            await self.say(person, text)
        async with self.services.db.read() as conn:
            found = await conn.scalar(
                select(message.c.conversation_id).where(message.c.person_id == who.id).limit(1)
            )
        assert found is not None
        return str(found)

    async def case(self, person: str = "wang", *texts: str) -> str:
        """A person who complains at once (or after these texts); returns the waiting case."""
        conversation_id = await self.chat(person, *texts, "我要投诉")
        return str((await self.rows(case, conversation_id=conversation_id))[-1]["id"])

    async def say(self, person: str, text: str, *, run: bool = True) -> None:
        await self._accept(person, IncomingKind.TEXT, text=text, run=run)

    async def settle(self) -> None:
        await settle(self.services, self.delivery)

    async def _accept(
        self, person: str, kind: IncomingKind, *, text: str = "", token: str = "", run: bool = True
    ) -> None:
        self.clock.advance(timedelta(seconds=1))
        incoming = Incoming(
            external_id=f"{person}:{next(self.numbers)}",
            address=Address(ACCOUNT, person),
            kind=kind,
            sent_at=self.clock.now(),
            text=text,
            token=token,
        )
        await self.ingress.accept([incoming])
        if run:
            await self.settle()

    async def rows(self, table: Table, **wanted: object) -> list[RowMapping]:
        """Rows of a table with these values, in the order of their ids."""
        statement = select(table).order_by(next(iter(table.primary_key)))
        for name, value in wanted.items():
            statement = statement.where(table.c[name] == value)
        async with self.services.db.read() as conn:
            return list((await conn.execute(statement)).mappings())

    async def heard(self, conversation_id: str) -> list[str]:
        """What the person can see of us, in the order of the feed."""
        rows = await self.rows(message, conversation_id=conversation_id)
        shown = sorted((r for r in rows if r["feed"]), key=lambda row: int(row["feed"]))
        async with self.services.db.read() as conn:
            keys = await self.services.vault.keys(conn, {row["person_id"] for row in shown})
        bodies = [(r["author"], orjson.loads(keys[r["person_id"]].open(r["body"]))) for r in shown]
        return [str(body["text"]) for author, body in bodies if author != "person"]

    async def newest(self, conversation_id: str) -> int:
        """The id of the newest message, as an up-to-date screen has it."""
        return int((await self.rows(message, conversation_id=conversation_id))[-1]["id"])


async def _template() -> Path:
    """A folder with a migrated SQLite database and its keys, made once: migrating costs seconds."""
    if "path" not in _made:
        folder = Path(tempfile.mkdtemp(prefix="huifang-desk-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        settings = Settings(data_dir=folder)
        db = await Database.open(settings.database)
        await migrate(db)
        await open_vault(db, settings.keys_file)
        await open_scripts(db, GivenClock(NOON), Company.load())
        await db.dispose()
        _made["path"] = folder
    return _made["path"]


async def _knowledge(db: Database, company: Company) -> Knowledge:
    """The index of the shipped articles, which every empty database gives: built once."""
    if not _built:
        _built.append(await open_knowledge(db, company, NOON))
    return _built[0]


_made: dict[str, Path] = {}
_built: list[Knowledge] = []


@asynccontextmanager
async def open_world(
    folder: Path, database_url: str = "", *, clock: GivenClock | None = None, port: int = 8000
) -> AsyncIterator[World]:
    """A world on an empty database (SQLite in `folder` unless a URL is given)."""
    settings = Settings(data_dir=folder, database_url=database_url, port=port)
    clock = clock or GivenClock(NOON)
    if not database_url:
        shutil.copytree(await _template(), folder, dirs_exist_ok=True)
    db = await Database.open(settings.database)
    try:
        await migrate(db)
        company = Company.load()
        channel = BreakableChannel(settings.base_url)
        services = Services(
            settings=settings,
            db=db,
            vault=(await open_vault(db, settings.keys_file)).vault,
            clock=clock,
            company=company,
            knowledge=await _knowledge(db, company),
            scripts=await open_scripts(db, clock, company),
            detect_intents=_detector().detect,
            bus=LocalBus(),
            channels={channel.account: channel},
        )
        async with aiohttp.ClientSession() as http:
            ingress = Ingress(services)
            writer = asyncio.create_task(ingress.run())
            try:
                yield World(services, clock, Delivery(services, http), ingress, channel)
            finally:
                writer.cancel()
    finally:
        await db.dispose()
