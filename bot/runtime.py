"""The tasks of a process: ingress, turns, delivery, timers and the sweep that forgets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog
from sqlalchemy import func, select

from bot.hearing import Hearing, connect_telegram
from bot.pipeline.bus import Topic
from bot.pipeline.delivery import PATIENCE, Delivery
from bot.pipeline.flow import Cause, SendStatus
from bot.pipeline.housekeeping import keep_house
from bot.pipeline.ingress import Ingress
from bot.pipeline.timers import fire_due, keep_firing
from bot.pipeline.turns import BATCH, run_turns
from bot.refresh import REFRESH_S, ArticleWatch
from bot.services import Services
from bot.settings import TelegramMode
from bot.store.database import is_away
from bot.store.tables import inbox, outbox, timer

log = structlog.get_logger()

SWEEP_S = 2.0  # how long a lost wake-up can cost
OVERLOOKED = timedelta(seconds=1)  # younger rows are still on their way by the bus
KEEP_ALIVE_S = 10.0  # shorter than the platforms': a POST on a closed connection is not retried
AWAY_S = 0.3  # between two tries while the database is away
# A graceful stop drains within 10 s: 4 s for requests (bot.web.server), then these.
TASKS_S = 2.0  # a batch of turns under way is written
SENDS_S = 3.0  # what is on its way to a platform arrives
SMALL_S = 0.5
STOP_S = TASKS_S + SENDS_S + SMALL_S
CAMPAIGN_S = 1.0  # between two looks whether something that the bot starts itself is due
CAMPAIGNS = 2  # batches of that under way at once
SENDING = 8  # batches under way at once: where a platform hangs, the next batch does not wait


class Runtime:
    """Start with `async with`; stops what it started, within `STOP_S` seconds."""

    def __init__(self, services: Services, *, web: bool = True, worker: bool = True) -> None:
        self.services = services
        self.ingress = Ingress(services)
        self._web, self._worker = web, worker
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._small: set[asyncio.Task[None]] = set()
        self._sending: set[asyncio.Task[int]] = set()
        self._campaign: set[asyncio.Task[int]] = set()

    async def __aenter__(self) -> Runtime:
        self.http = await self._stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(total=90, connect=5),
            )
        )
        self.hearing = Hearing(self.ingress, self.http, self.later)
        self.delivery = Delivery(self.services, self.http, self.hearing.answered)
        self._start("ingress", self.ingress.run)
        self._start("articles", self._articles)
        if self._web:
            self._connect()
        if self._worker:
            self._start("turns", self._turns)
            self._start("sends", self._sends)
            self._start("campaigns", self._campaigns)
            self._start("timers", lambda: keep_firing(self.services))
            self._start("housekeeping", lambda: keep_house(self.services))
            self._start("sweep", self._sweep)
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.wait(self._tasks, timeout=TASKS_S)
        # What is on its way to a platform is waited for: cut off, nobody could tell if it arrived.
        sending = self._sending | self._campaign
        await asyncio.gather(_end(sending, SENDS_S), self.delivery.finish(SENDS_S))
        await _end(self._small, SMALL_S)
        await self._stack.aclose()

    def _connect(self) -> None:
        settings = self.services.settings
        telegram = self.services.channels.get("telegram:main")
        if telegram is not None:
            by_hook = settings.telegram.mode is TelegramMode.WEBHOOK
            url = f"{settings.base_url}/hooks/telegram/main" if by_hook else ""
            self._start(
                "telegram",
                lambda: connect_telegram(
                    telegram,
                    self.hearing,
                    self.http,
                    url,
                    take_over_webhook=settings.telegram.take_over_webhook,
                ),
                ends=True,
            )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something small beside the request that asked for it."""
        task = asyncio.create_task(work)
        self._small.add(task)
        task.add_done_callback(self._small.discard)

    def _start(self, name: str, work: Callable[[], Awaitable[None]], *, ends: bool = False) -> None:
        """Run it for as long as the process runs; after an error it begins anew."""

        async def forever() -> None:
            while True:
                try:
                    await work()
                    if ends:
                        return
                except asyncio.CancelledError:
                    raise
                except Exception:
                    log.exception("task_failed", task=name)
                    await asyncio.sleep(1)

        self._tasks.append(asyncio.create_task(forever(), name=name))

    async def _turns(self) -> None:
        """Take hints as they come; while one batch commits, the next one gathers."""
        bus = self.services.bus
        while True:
            ids = await bus.take(Topic.TURNS, BATCH)
            work = asyncio.create_task(run_turns(self.services, ids, self.delivery))
            try:
                again = await asyncio.shield(work)
            except asyncio.CancelledError:  # the process stops: what was begun is written and sent
                await asyncio.wait({work}, timeout=TASKS_S)
                raise
            except Exception as error:
                if not is_away(error):
                    raise
                log.warning("turns_wait", conversations=len(ids), error=type(error).__name__)
                await asyncio.sleep(AWAY_S)
                again = ids
            if again:
                await bus.publish(Topic.TURNS, again)

    async def _sends(self) -> None:
        bus = self.services.bus
        while True:
            ids = await bus.take(Topic.SENDS, BATCH)
            await self._begin(self.delivery.send_due(ids, Cause.REPLY), self._sending)
            await _room(self._sending, SENDING)

    async def _campaigns(self) -> None:
        """What the bot starts by itself has batches of its own: however much of it there is and
        however slowly it goes, replies find a sender at once."""
        while True:
            await _room(self._campaign, CAMPAIGNS)
            work = self.delivery.send_due(what=Cause.PROACTIVE)
            if not await self._begin(work, self._campaign):
                await asyncio.sleep(CAMPAIGN_S)

    async def _begin(
        self, work: Coroutine[Any, Any, int], under_way: set[asyncio.Task[int]]
    ) -> bool:
        """Start a batch. Others gather while it is under way, unless that takes unusually long.
        False if it is done and there was nothing to send."""

        def done(task: asyncio.Task[int]) -> None:
            under_way.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("sending_failed", exc_info=error)

        batch = asyncio.create_task(work)
        under_way.add(batch)
        batch.add_done_callback(done)
        await asyncio.wait({batch}, timeout=PATIENCE)
        failed = batch.done() and (batch.cancelled() or batch.exception() is not None)
        return not batch.done() or (not failed and batch.result() > 0)

    async def _articles(self) -> None:
        """Pages show and turns answer from the articles, so every role keeps them up to date."""
        watch = ArticleWatch(self.services)
        try:
            while True:
                await asyncio.sleep(REFRESH_S)
                await watch.refresh()
        finally:
            await watch.close()

    async def _sweep(self) -> None:
        """Find what a lost wake-up, a crash or a rate limit left behind; at the start at once, as
        this may be the process that follows one that crashed."""
        while True:
            await sweep(self.services)
            while len(self._sending) < SENDING:
                if not await self._begin(self.delivery.send_due(what=Cause.REPLY), self._sending):
                    break
            await asyncio.sleep(SWEEP_S)


async def _room(under_way: set[asyncio.Task[int]], most: int) -> None:
    while len(under_way) >= most:
        await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)


async def _end(tasks: set[asyncio.Task[Any]], within_s: float) -> None:
    """Let tasks come to their end, or end them."""
    if not tasks:
        return
    _, late = await asyncio.wait(set(tasks), timeout=within_s)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=1)


async def sweep(services: Services) -> int:
    """Wake the conversations whose inbox waits too long; returns how many."""
    before = services.clock.now() - OVERLOOKED
    async with services.db.read() as conn:
        rows = await conn.execute(
            select(inbox.c.conversation_id)
            .where(inbox.c.processed_at.is_(None), inbox.c.received_at < before)
            .distinct()
            .limit(1000)
        )
        ids = list(rows.scalars())
    if ids:
        await services.bus.publish(Topic.TURNS, ids)
    return len(ids)


async def settle(services: Services, delivery: Delivery) -> None:
    """Run everything that is due now to its end, in this task: for talks, tests and simulations,
    where the clock is given."""
    while True:
        async with services.db.read() as conn:
            waiting = list(
                (
                    await conn.execute(
                        select(inbox.c.conversation_id)
                        .where(inbox.c.processed_at.is_(None))
                        .distinct()
                        .limit(BATCH)
                    )
                ).scalars()
            )
        if waiting:
            await run_turns(services, waiting)
            continue
        if await delivery.send_due():
            continue
        if await fire_due(services):
            continue
        return


async def next_due(services: Services) -> datetime | None:
    """When something is due next after now, once everything is settled: a timer, or a text that
    waits. Where the clock is given, this is how far it can be moved."""
    now = services.clock.now()
    pending = outbox.c.status == str(SendStatus.PENDING)
    async with services.db.read() as conn:
        timers = await conn.scalar(select(func.min(timer.c.due_at)).where(timer.c.due_at > now))
        sends = await conn.scalar(
            select(func.min(outbox.c.due_at)).where(pending, outbox.c.due_at > now)
        )
    return min((at for at in (timers, sends) if at is not None), default=None)
