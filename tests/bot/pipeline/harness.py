"""`World`: the whole pipeline in one task, on a real database, with a given clock and a channel that
does what it is told to."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import aiohttp
import orjson
from sqlalchemy import Table, select

from bot.clock import GivenClock
from bot.company import Company
from bot.knowledge import Knowledge
from bot.outreach.followups import Started, start_followup
from bot.pipeline.bus.local import LocalBus
from bot.pipeline.delivery import Delivery
from bot.pipeline.ingress import Ingress
from bot.runtime import next_due, settle
from bot.scripts import ScriptLibrary, shipped_files
from bot.services import Services
from bot.settings import Settings
from bot.store.database import Database
from bot.store.opening import open_vault
from bot.store.people import Profile, import_people
from bot.store.schema import migrate
from bot.store.tables import message, record, result
from channels.base import Channel
from channels.message import (
    Address,
    Incoming,
    IncomingKind,
    Media,
    MediaKind,
    Receipt,
    ReceiptStatus,
)
from dialogs.script import Script, parse_duration
from dialogs.testing import KeywordFaq, detect
from tests.bot.pipeline.channel import ScriptedChannel, Shown

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # a Saturday, noon in Shanghai
ANN = Profile("en", "Asia/Shanghai", "CN", name="Ann", last4="1234", reference="ann")
BOUND_S = 30  # seconds of a test that hangs

SURVEY = """
script: survey
version: 1
locales: [en, zh]
title: {zh: 回访, en: Survey}
start: hello
deadline: 5d
steps:
  hello:
    say: {zh: "您好。", en: "Hello from the assistant."}
    next: rating
  rating:
    ask: rating
    scale: 5
    text: {zh: "几分？", en: "How was it?"}
    branches: {1-2: sorry}
    remind: {after: 26h, times: 2}
    next: reason
  sorry:
    say: {zh: "很抱歉。", en: "I am sorry."}
    handoff: low_rating
    next: reason
  reason:
    ask: text
    text: {zh: "为什么？", en: "Why is that?"}
    remind: {after: 26h, times: 1}
    next: more
  more:
    ask: text
    optional: true
    text: {zh: "还有吗？", en: "Anything else?"}
    next: bye
  bye:
    say: {zh: "再见。", en: "Goodbye."}
"""


@cache
def library() -> ScriptLibrary:
    """The shipped scripts and the survey of these tests, read once."""
    shipped = [Script.parse(path.read_text("utf-8"), str(path)) for path in shipped_files()]
    return ScriptLibrary([*shipped, Script.parse(SURVEY, "survey")])


class Faq(KeywordFaq):
    """Articles found by a word; none of them stands in the database."""

    articles: tuple[()] = ()


@cache
def company() -> Company:
    return Company.load(None)


async def make_services(
    url: str,
    folder: Path,
    clock: GivenClock,
    channels: Mapping[str, Channel],
    faq: Faq | None = None,
    **changes: Any,
) -> Services:
    """Services as a process has them, but for the expensive parts, which are shared. `changes`: of
    the settings. The caller disposes of `services.db`."""
    db = await Database.open(url)
    vault = (await open_vault(db, folder / "keys.toml")).vault
    settings = Settings(data_dir=folder, database_url=url, locale="en", **changes)
    return Services(
        settings=settings,
        db=db,
        vault=vault,
        clock=clock,
        company=company(),
        knowledge=cast(Knowledge, faq or Faq()),
        scripts=library(),
        detect_intents=detect,
        bus=LocalBus(),
        channels=dict(channels),
    )


async def migrated(url: str) -> None:
    db = await Database.open(url)
    await migrate(db)
    await db.dispose()


class World:
    """One process's pipeline, its person and what they see. Make one with `open_world`."""

    def __init__(
        self, services: Services, clock: GivenClock, channel: ScriptedChannel, http: Any
    ) -> None:
        self.services, self.clock, self.channel, self.http = services, clock, channel, http
        self.ingress = Ingress(services)
        self.delivery = Delivery(services, http, monotonic=lambda: clock.now().timestamp())
        self.writer = asyncio.create_task(self.ingress.run())
        self.person_id = self.followup_id = ""
        self.numbers = itertools.count(1)
        self.name = secrets.token_hex(6)  # several worlds may stand on one database

    async def close(self) -> None:
        self.writer.cancel()
        await asyncio.gather(self.writer, return_exceptions=True)
        await self.services.db.dispose()

    # ── what happens ──

    async def applicant(self, profile: Profile = ANN) -> str:
        async with self.services.db.write() as conn:
            found = await import_people(
                conn, self.services.vault, [profile], self.services.clock.now()
            )
        self.person_id = found[0].id
        return found[0].id

    async def follow(self, script: str = "survey", *, contact: bool = False) -> Started:
        """A new follow-up of the applicant."""
        if not self.person_id:
            await self.applicant()
        started = await start_followup(
            self.services, self.person_id, script, source="test", contact=contact
        )
        self.followup_id = started.id
        return started

    async def start(self, script: str = "survey", who: str = "ann") -> None:
        """A new follow-up that its person opens by the link."""
        started = await self.follow(script)
        await self.open(token_of(started, self.channel.account), who)

    async def open(self, token: str = "", who: str = "ann") -> None:
        await self.take(self.incoming(IncomingKind.START, who, token=token))

    async def say(self, text: str, who: str = "ann") -> list[Shown]:
        return await self.take(self.incoming(IncomingKind.TEXT, who, text=text))

    async def tap(self, label: str, who: str = "ann") -> list[Shown]:
        return await self.take(self.incoming(IncomingKind.TAP, who, token=self.token(label, who)))

    async def send_media(self, kind: MediaKind, who: str = "ann") -> list[Shown]:
        return await self.take(self.incoming(IncomingKind.MEDIA, who, media=(Media(kind),)))

    async def take(self, *incoming: Incoming) -> list[Shown]:
        """Let these arrive and everything follow; what the person then sees."""
        before = len(self.channel.shown)
        await self.accept(*incoming)
        await self.settle()
        return self.channel.shown[before:]

    async def accept(self, *incoming: Incoming) -> None:
        """Only make them durable."""
        async with asyncio.timeout(BOUND_S):
            await self.ingress.accept(incoming)

    def incoming(
        self,
        kind: IncomingKind,
        who: str = "ann",
        *,
        text: str = "",
        token: str = "",
        media: tuple[Media, ...] = (),
        external_id: str = "",
        account: str = "",
    ) -> Incoming:
        return Incoming(
            external_id=external_id or f"{self.name}-{next(self.numbers)}",
            address=Address(account or self.channel.account, who),
            kind=kind,
            sent_at=self.clock.now(),
            text=text,
            token=token,
            media=media,
        )

    def token(self, label: str, who: str = "ann") -> str:
        """The newest option of this label that the person sees."""
        for shown in reversed(self.channel.shown):
            for option in shown.options:
                if shown.to == who and option.label == label:
                    return option.token
        raise LookupError(label)

    async def receipt(self, provider_id: str, status: ReceiptStatus, code: str = "") -> None:
        told = Receipt(self.channel.account, provider_id, status, self.clock.now(), code)
        async with asyncio.timeout(BOUND_S):
            await self.ingress.accept((), (told,))

    async def settle(self) -> None:
        async with asyncio.timeout(BOUND_S):
            await settle(self.services, self.delivery)

    async def wait(self, span: str | timedelta) -> list[Shown]:
        """Let time pass; what is due in between happens at its own time."""
        before = len(self.channel.shown)
        end = self.clock.now() + parse_duration(span)
        await self.settle()
        while (due := await next_due(self.services)) is not None and due <= end:
            self.clock.set(due)
            await self.settle()
        self.clock.set(end)
        await self.settle()
        return self.channel.shown[before:]

    # ── what is there ──

    async def rows(self, table: Table, *where: Any) -> Sequence[Any]:
        first = next(iter(table.primary_key))
        async with self.services.db.read() as conn:
            return (await conn.execute(select(table).where(*where).order_by(first))).all()

    async def row(self, table: Table, *where: Any) -> Any:
        (found,) = await self.rows(table, *where)
        return found

    async def opened(self, person_id: str, sealed: Any) -> Any:
        """The JSON in a sealed column."""
        async with self.services.db.read() as conn:
            keys = await self.services.vault.keys(conn, [person_id])
        return orjson.loads(keys[person_id].open(sealed))

    async def answers(self, followup_id: str = "") -> dict[str, Any]:
        rows = await self.rows(result, result.c.followup_id == (followup_id or self.followup_id))
        return {
            row.name: await self.opened(row.person_id, row.value)
            for row in rows
            if not row.withdrawn
        }

    async def kinds(self, *wanted: str) -> list[str]:
        """The kinds of the records, in order."""
        return [row.kind for row in await self.rows(record) if not wanted or row.kind in wanted]

    async def transcript(self) -> list[tuple[str, str]]:
        """(author, words) of every line."""
        found = []
        for row in await self.rows(message):
            body = await self.opened(row.person_id, row.body)
            found.append((row.author, body.get("text") or body.get("label") or ""))
        return found

    async def everything(self) -> str:
        """All sealed and plain values of the database, opened, in one text: for looking for what
        must not be there."""
        from bot.store.columns import Sealed
        from bot.store.tables import metadata

        found = []
        for table in metadata.sorted_tables:
            sealed = {column.name for column in table.c if isinstance(column.type, Sealed)}
            owner = "id" if table.name == "person" else "person_id"
            for row in await self.rows(table):
                for name, value in row._mapping.items():
                    if name in sealed and value:
                        key = row._mapping[owner]
                        async with self.services.db.read() as conn:
                            keys = await self.services.vault.keys(conn, [key])
                        value = keys[key].open(value)
                    if isinstance(value, (str, list, dict)):
                        found.append(str(value))
        return "\n".join(found)


def token_of(started: Started, account: str) -> str:
    """The token in the start link for this account."""
    url = next(link.url for link in started.links if link.account == account)
    return url.rpartition("/")[2]


@asynccontextmanager
async def open_world(
    url: str,
    folder: Path,
    *,
    clock: GivenClock | None = None,
    channel: ScriptedChannel | None = None,
    more: Sequence[Channel] = (),
    faq: Faq | None = None,
    **changes: Any,
) -> AsyncIterator[World]:
    """A world on a migrated database; several can stand on the same one. `folder` keeps the keys."""
    clock = clock or GivenClock(NOON)
    channel = channel or ScriptedChannel()
    accounts: dict[str, Channel] = {one.account: one for one in (channel, *more)}
    services = await make_services(url, folder, clock, accounts, faq, **changes)
    async with aiohttp.ClientSession() as http:
        world = World(services, clock, channel, http)
        try:
            yield world
        finally:
            await world.close()


def copied(template: Path, folder: Path) -> str:
    """A SQLite database like the template."""
    path = folder / "huifang.db"
    shutil.copy(template, path)
    return f"sqlite+aiosqlite:///{path}"
