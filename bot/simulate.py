"""Synthetic people hold their follow-ups through the real pipeline, many at once."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import zip_longest
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
from sqlalchemy import func, select

from bot.clock import GivenClock
from bot.outreach.followups import start_followup
from bot.personas import LATER, Act, Scene, Someone, Tap
from bot.pipeline.delivery import Delivery
from bot.pipeline.flow import Author, Control, SendStatus
from bot.pipeline.ingress import Ingress
from bot.pipeline.turns import BATCH, run_turns
from bot.runtime import settle
from bot.services import Services
from bot.store.people import import_people
from bot.store.statements import chunks
from bot.store.tables import conversation, inbox, message, outbox, timer
from channels.message import Address, Incoming, IncomingKind
from dialogs.state import Asked, AskedKind, State, Status

ACCOUNT = "webchat:main"
SOURCE = "simulate"  # in followup.source: reports can leave them out
TICK = timedelta(minutes=3)  # what happens within it happens at once, in one batch
TIMER_TICK = timedelta(minutes=30)  # the same for timers, which are due a day later or more
TIMER_LOOK = timedelta(minutes=10)  # how often it is looked which timer is next
WAVE_AT = time(9)  # UTC: an hour of the day everywhere from London to Shanghai
WAVES_MAX = 20  # people of one wave go in step, so that their number costs little
NEWEST_WAVE = timedelta(minutes=50)  # before the end: these are still talking, and fill the desk
LONGEST_WAIT_S = 20.0  # for another process that has our rows


@dataclass(slots=True)
class Chat:
    """One person's place in the pipeline, and how much of it the person has seen."""

    who: Someone
    value: str  # the address on the channel
    person_id: str = ""
    followup_id: str = ""
    token: str = ""  # of the start link
    conversation_id: str = ""
    seen: int = 0  # place in the feed
    revision: int = -1
    taps: list[Tap] = field(default_factory=list)
    agent_wrote: bool = False
    busy: bool = False  # something is planned


@dataclass(frozen=True, slots=True)
class Summary:
    """What a simulation did. `seconds` of the wall, `cpu_seconds` of this process."""

    people: int
    opened: int
    inputs: int
    seconds: float
    cpu_seconds: float
    personas: dict[str, int]


Progress = Callable[[int, datetime], None]  # people started so far, and the time it is for them


class Crowd:
    """Many people at once. `run_days` needs a given clock, `run_now` goes by the services' own."""

    def __init__(self, services: Services, people: Sequence[Someone], script: str) -> None:
        self.services, self.script = services, script
        run = secrets.token_hex(6)
        self.chats = [Chat(who, f"sim-{run}-{who.number}") for who in people]
        self.inputs = self.opened = 0
        self.queued = False  # somebody waits for a person since the desk last looked
        self._run = run
        self._numbers = itertools.count(1)
        self._plans: list[tuple[datetime, int, Chat, Act | None]] = []
        self._order = itertools.count()
        self._by_talk: dict[str, Chat] = {}
        self.ingress = Ingress(services)

    # ── on a given clock ──

    async def run_days(
        self, clock: GivenClock, end: datetime, desk: Any | None, progress: Progress
    ) -> None:
        """From the clock's time to `end`: the follow-ups are spread over the time between.

        `desk` (bot.simulate_desk) works on the cases; None: they wait.
        """
        begin = clock.now()
        waves = wave_times(begin, end)
        starts = [(chat.who.rng.choice(waves), chat) for chat in self.chats]
        starts.sort(key=lambda item: (item[0], item[1].who.number))
        started = 0
        async with aiohttp.ClientSession() as http, _writer(self.ingress):
            delivery = Delivery(self.services, http)
            due: datetime | None = None
            looked = begin
            while True:
                following = self._next_moment(starts, started, desk)
                if following is None or following > end:
                    break
                if clock.now() >= looked:
                    due, looked = await self._next_timer(), clock.now() + TIMER_LOOK
                if due is not None and due <= following:
                    await self._pass_time(clock, delivery, min(due + TIMER_TICK, following))
                    looked = clock.now()
                    continue
                clock.set(min(following + TICK, end))
                now = clock.now()
                fresh = [chat for at, chat in starts[started:] if at <= now]
                started += len(fresh)
                await self._approve(fresh)
                await self._finish(delivery, await self._do_planned(now))
                if desk is not None and (self.queued or (desk.due and desk.due <= now)):
                    self.queued = False
                    if await desk.work(now):
                        await settle(self.services, delivery)
                await self._look()
                progress(started, now)
            while (due := await self._next_timer()) is not None and due <= end:
                await self._pass_time(clock, delivery, min(due + TIMER_TICK, end))
            await self._pass_time(clock, delivery, end)

    def _next_moment(
        self, starts: Sequence[tuple[datetime, Chat]], started: int, desk: Any | None
    ) -> datetime | None:
        moments = [starts[started][0]] if started < len(starts) else []
        moments += [self._plans[0][0]] if self._plans else []
        moments += [desk.due] if desk is not None and desk.due is not None else []
        return min(moments, default=None)

    async def _pass_time(self, clock: GivenClock, delivery: Delivery, until: datetime) -> None:
        clock.set(until)
        await settle(self.services, delivery)
        await self._look()

    async def _next_timer(self) -> datetime | None:
        async with self.services.db.read() as conn:
            timers = await conn.scalar(select(func.min(timer.c.due_at)))
            sends = await conn.scalar(
                select(func.min(outbox.c.due_at)).where(outbox.c.status == str(SendStatus.PENDING))
            )
        return min((at for at in (timers, sends) if at is not None), default=None)

    # ── on the real clock ──

    async def run_now(self, progress: Progress) -> None:
        """Everybody starts now and answers at once; who would answer later does not."""
        async with aiohttp.ClientSession() as http, _writer(self.ingress):
            delivery = Delivery(self.services, http)
            await self._approve(self.chats)
            while self._plans:
                while self._plans:
                    now = max(self._plans[0][0], self.services.clock.now())
                    await self._do_planned(now)
                await self._settle_own(delivery)
                await self._look(patience=LATER)
                progress(len(self.chats), self.services.clock.now())

    async def _finish(self, delivery: Delivery, talks: Collection[str]) -> None:
        """Run these conversations to their rest, where no other process works on them."""
        for part in chunks(sorted(talks), BATCH):
            waiting: list[str] = part
            while waiting:
                waiting = await run_turns(self.services, waiting)
            await delivery.send_due(part)

    async def _settle_own(self, delivery: Delivery) -> None:
        """Run our own conversations to their rest, beside other processes on the same database."""
        give_up = monotonic() + LONGEST_WAIT_S
        while waiting := await self._unfinished():
            for part in chunks(waiting, BATCH):
                await run_turns(self.services, part)
                await delivery.send_due(part)
            if monotonic() > give_up:
                return
            await asyncio.sleep(0.02)  # another process may hold some of them

    async def _unfinished(self) -> list[str]:
        found: set[str] = set()
        async with self.services.db.read() as conn:
            for part in chunks(sorted(self._by_talk)):
                for column, condition in (
                    (inbox.c.conversation_id, inbox.c.processed_at.is_(None)),
                    (
                        outbox.c.conversation_id,
                        outbox.c.status.in_([str(SendStatus.PENDING), str(SendStatus.CLAIMED)])
                        & (outbox.c.due_at <= self.services.clock.now()),
                    ),
                ):
                    rows = await conn.execute(
                        select(column).where(column.in_(part), condition).distinct()
                    )
                    found.update(rows.scalars())
        return sorted(found)

    # ── what people do ──

    async def _approve(self, chats: Collection[Chat]) -> None:
        """These applications are pre-approved: the people come in, their follow-ups start."""
        if not chats:
            return
        services, now = self.services, self.services.clock.now()
        async with services.db.write() as conn:
            profiles = [chat.who.profile for chat in chats]
            imported = await import_people(conn, services.vault, profiles, now)
        for chat, made in zip(chats, imported, strict=True):
            chat.person_id = made.id
            started = await start_followup(services, made.id, self.script, source=SOURCE)
            chat.followup_id = started.id
            url = next(link.url for link in started.links if link.account == ACCOUNT)
            chat.token = parse_qs(urlsplit(url).query)["start"][0]
            if chat.who.opens_after is not None:
                self._plan(chat, now + chat.who.opens_after, None)

    def _plan(self, chat: Chat, at: datetime, act: Act | None) -> None:
        """`act` None: the chat is opened by its start link."""
        chat.busy = True
        heapq.heappush(self._plans, (at, next(self._order), chat, act))

    async def _do_planned(self, now: datetime) -> list[str]:
        """Hand in what is planned until now, in one go; returns the conversations of it."""
        chats, incoming = [], []
        while self._plans and self._plans[0][0] <= now:
            _, _, chat, act = heapq.heappop(self._plans)
            chat.busy = False
            chats.append(chat)
            incoming.append(self._incoming(chat, act, now))
        for part in chunks(incoming, BATCH):
            await self.ingress.accept(part)
        self.inputs += len(incoming)
        if fresh := [chat for chat in chats if not chat.conversation_id]:
            await self._find_talks(fresh)
        return [chat.conversation_id for chat in chats]

    def _incoming(self, chat: Chat, act: Act | None, now: datetime) -> Incoming:
        if act is None:
            self.opened += 1
            kind, text, token = IncomingKind.START, "", chat.token
        elif act.token:
            kind, text, token = IncomingKind.TAP, "", act.token
        else:
            kind, text, token = IncomingKind.TEXT, act.text, ""
        return Incoming(
            external_id=f"{self._run}-{next(self._numbers)}",
            address=Address(ACCOUNT, chat.value),
            kind=kind,
            sent_at=now,
            text=text,
            token=token,
            locale=chat.who.profile.locale,
        )

    async def _find_talks(self, chats: Collection[Chat]) -> None:
        by_person = {chat.person_id: chat for chat in chats}
        async with self.services.db.read() as conn:
            for part in chunks(sorted(by_person)):
                rows = await conn.execute(
                    select(conversation.c.id, conversation.c.person_id).where(
                        conversation.c.person_id.in_(part)
                    )
                )
                for talk, person_id in rows:
                    by_person[person_id].conversation_id = talk
                    self._by_talk[talk] = by_person[person_id]

    # ── what people see ──

    async def _look(self, patience: timedelta | None = None) -> None:
        """Everybody who sees something new plans what to do about it; with `patience` only what
        happens within it."""
        now = self.services.clock.now()
        for chat, scene in await self._scenes():
            act = chat.who.act(scene)
            if act is None or (patience is not None and act.after > patience):
                continue
            self._plan(chat, now + (act.after if patience is None else timedelta()), act)

    async def _scenes(self) -> list[tuple[Chat, Scene]]:
        """What those see who have nothing planned and whose conversation moved."""
        idle = sorted(talk for talk, chat in self._by_talk.items() if not chat.busy)
        found: list[tuple[Chat, Scene]] = []
        async with self.services.db.read() as conn:
            for part in chunks(idle):
                rows = (
                    await conn.execute(
                        select(
                            conversation.c.id,
                            conversation.c.person_id,
                            conversation.c.revision,
                            conversation.c.feed,
                            conversation.c.control,
                            conversation.c.state,
                        ).where(conversation.c.id.in_(part))
                    )
                ).all()
                moved = [row for row in rows if self._moved(row)]
                keys = await self.services.vault.keys(conn, {row.person_id for row in moved})
                lines = await self._lines(conn, moved)
                for row in sorted(moved, key=lambda row: self._by_talk[row.id].who.number):
                    chat, key = self._by_talk[row.id], keys[row.person_id]
                    state = State.from_json(orjson.loads(key.open(row.state)))
                    for line in lines.get(row.id, []):
                        if line.feed > chat.seen:
                            self._read(chat, orjson.loads(key.open(line.body)), line.author, state)
                    chat.seen, chat.revision = row.feed, row.revision
                    found.append((chat, self._scene(chat, state, Control(row.control))))
        return found

    def _moved(self, row: Any) -> bool:
        chat = self._by_talk[row.id]
        return bool(row.state) and (row.feed, row.revision) != (chat.seen, chat.revision)

    async def _lines(self, conn: Any, moved: Sequence[Any]) -> dict[str, list[Any]]:
        """What others wrote in these conversations, oldest first."""
        found: dict[str, list[Any]] = {}
        since = min((self._by_talk[row.id].seen for row in moved), default=0)
        rows = await conn.execute(
            select(message.c.conversation_id, message.c.feed, message.c.author, message.c.body)
            .where(
                message.c.conversation_id.in_([row.id for row in moved]),
                message.c.feed > since,
                message.c.author != str(Author.PERSON),
            )
            .order_by(message.c.conversation_id, message.c.feed)
        )
        for row in rows:
            found.setdefault(row.conversation_id, []).append(row)
        return found

    def _read(self, chat: Chat, body: dict[str, Any], author: str, state: State) -> None:
        """Take in one message: its options are what can be tapped from now on."""
        chat.agent_wrote = author == Author.AGENT
        options = body.get("options", [])
        asked = _asked(state, [option["label"] for option in options])
        if asked is None:
            return
        taps = [
            Tap(option["label"], option["token"], asked.kind, value)
            for option, value in zip_longest(options, asked.values)
            if option is not None
        ]
        chat.taps = [tap for tap in chat.taps if tap.kind is not asked.kind] + taps

    def _scene(self, chat: Chat, state: State, control: Control) -> Scene:
        script = self.services.scripts.get(state.script, state.version)
        step = script.steps.get(state.step) if state.pending else None
        over = state.status is Status.ENDED and control is not Control.HUMAN
        self.queued = self.queued or control is Control.QUEUED
        return Scene(
            step=step,
            step_id=state.step,
            taps=[
                tap for tap in chat.taps if step is not None or tap.kind is not AskedKind.QUESTION
            ],
            held=control in (Control.QUEUED, Control.HUMAN),
            agent_wrote=chat.agent_wrote,
            over=over or control is Control.CLOSED or state.opted_out,
        )

    def summary(self, seconds: float, cpu_seconds: float) -> Summary:
        return Summary(
            people=len(self.chats),
            opened=self.opened,
            inputs=self.inputs,
            seconds=round(seconds, 2),
            cpu_seconds=round(cpu_seconds, 2),
            personas=dict(Counter(str(chat.who.persona) for chat in self.chats).most_common()),
        )


def _asked(state: State, labels: list[str]) -> Asked | None:
    """What options with these labels were shown for: the newest that has them."""
    if not labels:
        return None
    newest = sorted(state.asked, key=int, reverse=True)
    found = (state.asked[serial] for serial in newest)
    return next((asked for asked in found if asked.data.get("labels") == labels), None)


def wave_times(begin: datetime, end: datetime) -> list[datetime]:
    """When applications are pre-approved: once a day, on at most WAVES_MAX days, and just now."""
    days = [begin.date() + timedelta(days=n) for n in range((end - begin).days + 1)]
    spread = [days[len(days) * n // WAVES_MAX] for n in range(WAVES_MAX)]
    found = {datetime.combine(day, WAVE_AT, tzinfo=UTC) for day in spread}
    newest = max(begin, end - NEWEST_WAVE)
    return [*sorted(at for at in found if begin <= at < newest), newest]


class _writer:  # noqa: N801 - reads as a verb where it is used
    """The ingress's one writer, for as long as the block."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._ingress.run())

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
