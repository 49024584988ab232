"""A conversation with the bot in this process: the real pipeline on a throw-away database."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from sqlalchemy import func, select

from bot.assembly import open_services
from bot.clock import GivenClock
from bot.outreach.followups import start_followup
from bot.outreach.links import make_link
from bot.pipeline.delivery import Delivery
from bot.pipeline.flow import Author
from bot.pipeline.ingress import Ingress
from bot.runtime import next_due, settle
from bot.samples import PEOPLE, sample_for
from bot.services import Services
from bot.settings import Bus, Settings
from bot.store.people import Profile, import_people
from bot.store.tables import conversation, message, record, result, timer
from channels.message import Address, Incoming, IncomingKind, Media, MediaKind
from channels.terminal import ACCOUNT, TerminalChannel
from dialogs.burst import TOGETHER
from dialogs.events import TimerKind
from dialogs.script import parse_duration

A_SECOND = timedelta(seconds=1)
ADDRESS = Address(ACCOUNT, "me")
SHOWN = frozenset(
    {
        "result",
        "corrected",
        "answered",
        "abstained",
        "clarified",
        "handoff",
        "redacted",
        "opted_out",
        "reminder",
        "muted",
        "end",
    }
)


class TalkError(ValueError):
    """The input cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One text of the bot; `id` counts the conversation's messages."""

    id: int
    text: str
    options: tuple[tuple[str, str], ...]  # (label, token)


@dataclass(slots=True)
class Heard:
    """What one input caused: texts and events, in their order."""

    bubbles: list[Bubble] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)


class Talk:
    """One person's chat. `open_talk` makes one."""

    def __init__(self, services: Services, clock: GivenClock, delivery: Delivery) -> None:
        self.services = services
        self.clock = clock
        self.delivery = delivery
        self.ingress = Ingress(services)
        self.bubbles: list[Bubble] = []
        self._numbers = itertools.count(1)
        self._feed = self._record = 0

    async def start(self, profile: Profile, script: str) -> tuple[str, Heard]:
        """Begin a follow-up of this person; returns the person's id and the opening turn.

        Raises FollowupError if there is no such script.
        """
        services = self.services
        async with services.db.write() as conn:
            who = (await import_people(conn, services.vault, [profile], self.clock.now()))[0]
        started = await start_followup(services, who.id, script, source="talk")
        async with services.db.write() as conn:
            token = await make_link(
                conn,
                services.vault,
                person_id=who.id,
                followup_id=started.id,
                account=ACCOUNT,
                now=self.clock.now(),
            )
        return who.id, await self._send(IncomingKind.START, token=token)

    async def say(self, *texts: str) -> Heard:
        """One message, or several a second apart. What waits for more is answered in the end."""
        for text in texts[:-1]:
            await self._bring(IncomingKind.TEXT, text=text)
        return await self._send(IncomingKind.TEXT, text=texts[-1])

    async def tap(self, wanted: str | int, of: int | None = None) -> Heard:
        """Tap an option by its label or its number from 1, of the newest message that has it.
        Raises TalkError if there is none."""
        shown = [bubble for bubble in reversed(self.bubbles) if bubble.options]
        if of is not None:
            shown = [bubble for bubble in shown if bubble.id == of]
        if isinstance(wanted, int):
            found = [b.options[wanted - 1] for b in shown[:1] if 1 <= wanted <= len(b.options)]
        else:
            found = [option for bubble in shown for option in bubble.options if option[0] == wanted]
        if found:
            return await self._send(IncomingKind.TAP, token=found[0][1])
        where = "" if of is None else f" of message {of}"
        raise TalkError(
            f"there is nothing to tap like {wanted!r}{where}; give a label or a number from 1"
        )

    async def media(self, kind: str) -> Heard:
        """Raises TalkError for an unknown kind."""
        try:
            media = Media(MediaKind(kind))
        except ValueError:
            known = ", ".join(MediaKind)
            raise TalkError(f"there is no media {kind!r}; use one of {known}") from None
        return await self._send(IncomingKind.MEDIA, media=(media,))

    async def wait(self, span: str | timedelta) -> Heard:
        """Let time pass; timers and deferred texts come when they are due. Raises TalkError."""
        try:
            end = self.clock.now() + parse_duration(span)
        except ValueError as error:
            raise TalkError(str(error)) from None
        except OverflowError:
            raise TalkError(f"{span!r} is too long; the clock ends with the year 9999") from None
        while (due := await next_due(self.services)) is not None and due <= end:
            self.clock.set(due)
            await settle(self.services, self.delivery)
        self.clock.set(end)
        await settle(self.services, self.delivery)
        return await self._heard()

    async def _send(self, kind: IncomingKind, **what: Any) -> Heard:
        """One thing that the person does, and all that it causes."""
        await self._bring(kind, **what)
        while (due := await self._waits_for_more()) is not None:
            self.clock.set(max(due, self.clock.now()))
            await settle(self.services, self.delivery)
        heard = await self._heard()
        self.clock.advance(TOGETHER)  # it is read before the next thing is done
        return heard

    async def _waits_for_more(self) -> datetime | None:
        """When a text that seems unfinished is answered as it is; None if there is none."""
        burst = timer.c.kind == str(TimerKind.BURST)
        async with self.services.db.read() as conn:
            due: datetime | None = await conn.scalar(select(func.min(timer.c.due_at)).where(burst))
        return due

    async def _bring(
        self,
        kind: IncomingKind,
        *,
        text: str = "",
        token: str = "",
        media: tuple[Media, ...] = (),
    ) -> None:
        self.clock.advance(A_SECOND)
        incoming = Incoming(
            external_id=str(next(self._numbers)),
            address=ADDRESS,
            kind=kind,
            sent_at=self.clock.now(),
            text=text,
            token=token,
            media=media,
        )
        await self.ingress.accept([incoming])
        await settle(self.services, self.delivery)

    async def _heard(self) -> Heard:
        """What became visible since the last look."""
        heard = Heard()
        services = self.services
        async with services.db.read() as conn:
            rows = await conn.execute(
                select(record).where(record.c.id > self._record).order_by(record.c.id)
            )
            for row in rows.mappings().all():
                self._record = row["id"]
                if row["kind"] in SHOWN:
                    heard.events.append(await self._event(conn, row))
            lines = await conn.execute(
                select(message)
                .where(message.c.feed > self._feed)
                .order_by(message.c.conversation_id, message.c.feed)
            )
            for row in lines.mappings().all():
                self._feed = row["feed"]
                if row["author"] != Author.PERSON:
                    heard.bubbles.append(await self._bubble(conn, row))
        self.bubbles += heard.bubbles
        return heard

    async def _bubble(self, conn: Any, row: Any) -> Bubble:
        keys = await self.services.vault.keys(conn, [row["person_id"]])
        body = orjson.loads(keys[row["person_id"]].open(row["body"]))
        options = tuple((item["label"], item["token"]) for item in body.get("options", []))
        return Bubble(row["feed"], body["text"], options)

    async def _event(self, conn: Any, row: Any) -> dict[str, Any]:
        event = {"event": row["kind"], **row["data"]}
        if row["kind"] == "redacted":
            return {"event": "redacted", "kind": event["secret"]}
        if row["kind"] in ("result", "corrected"):
            event["value"] = await self._value(conn, row["followup_id"], event["name"])
        event.pop("step", None)
        return event

    async def _value(self, conn: Any, followup_id: str, name: str) -> Any:
        found = (
            await conn.execute(
                select(result.c.person_id, result.c.value).where(
                    result.c.followup_id == followup_id, result.c.name == name
                )
            )
        ).first()
        if found is None:
            return None
        keys = await self.services.vault.keys(conn, [found.person_id])
        return orjson.loads(keys[found.person_id].open(found.value))

    async def control(self) -> str:
        """Who may speak now."""
        async with self.services.db.read() as conn:
            return str(await conn.scalar(select(conversation.c.control)))


@asynccontextmanager
async def open_talk(
    now: datetime, *, settings: Settings | None = None, scripts: tuple[Path, ...] = ()
) -> AsyncIterator[Talk]:
    """A talk that begins at `now` (aware), on a database that goes away with it. `scripts` are
    files besides those in use. Raises what `open_services` raises."""
    with tempfile.TemporaryDirectory(prefix="huifang-talk-") as folder:
        base = settings or Settings.load()
        path = Path(folder)
        chosen = base.model_copy(
            update={
                "data_dir": path,
                "database_url": f"sqlite+aiosqlite:///{path}/talk.db",
                "master_keys_file": None,
                "bus": Bus.LOCAL,
            }
        )
        clock = GivenClock(now)
        async with open_services(
            chosen, clock=clock, migrated=True, warn=_quiet, scripts=scripts
        ) as services:
            services.channels = {ACCOUNT: TerminalChannel()}
            async with aiohttp.ClientSession() as http:
                talk = Talk(services, clock, Delivery(services, http))
                writer = asyncio.create_task(talk.ingress.run())
                try:
                    yield talk
                finally:
                    writer.cancel()


def find_person(person_id: str | None, locale: str) -> Profile:
    """The sample person asked for, else the one who speaks the locale. Raises TalkError."""
    if person_id is None:
        return sample_for(locale)
    if person_id not in PEOPLE:
        raise TalkError(f"there is no sample person {person_id!r}; there are: {', '.join(PEOPLE)}")
    return PEOPLE[person_id]


def _quiet(line: str) -> None:
    """The keys of a throw-away database need no warning."""
