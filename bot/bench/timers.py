"""`huifang bench timers`: how late due timers fire while a million wait, in a real worker process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from sqlalchemy import and_, func, or_, select

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, BenchChannel
from bot.bench.machine import commit, cpu_seconds, describe, peak_mb
from bot.bench.progress import progress
from bot.bench.timers_fill import (
    Chat,
    add_chats,
    add_timers,
    analyze,
    clear_at,
    timer_of,
    waiting_timers,
)
from bot.bench.timers_server import SCRIPT
from bot.pipeline.timers import ACCOUNT as FED
from bot.services import Services
from bot.settings import Settings
from bot.store.tables import inbox, outbox, timer

CHATS = 10_000  # among which the timers are spread; more if more are due
LEAD_S = 3.0  # between the insert of the due timers and the first of them
GRACE_S = 60.0  # after the window, for what is late
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: `due` of the timers come due within `window_s`, half of them stale, while
    `turns_per_s` messages of other people arrive."""

    timers: int = 1_000_000
    due: int = 10_000
    window_s: float = 20.0
    turns_per_s: float = 0.0
    workers: int = 1

    @property
    def loaded(self) -> int:
        """Conversations of the load: each says one thing."""
        return int(self.turns_per_s * (self.window_s + LEAD_S))


@dataclass(slots=True)
class Platform:
    """The stub platform: when each person first heard from us."""

    heard: dict[str, float] = field(default_factory=dict)
    texts: Counter[str] = field(default_factory=Counter)

    async def take(self, request: web.Request) -> web.Response:
        to = orjson.loads(await request.read())["to"]
        self.heard.setdefault(to, time.time())
        self.texts[to] += 1
        return web.Response(text=secrets.token_hex(8))


async def bench_timers(database: str | None, plan: Plan) -> dict[str, Any]:
    """Fill a database, run workers on it, and return the figures; times in milliseconds.

    Raises RuntimeError if the database is not the bench's or a worker does not come up.
    """
    with tempfile.TemporaryDirectory(prefix="huifang-bench-") as folder:
        path = Path(folder)
        url = database or f"sqlite+aiosqlite:///{path}/bench.db"
        keys = path / "keys.toml"
        settings = Settings().model_copy(
            update={"data_dir": path, "database_url": url, "master_keys_file": keys}
        )
        await clear_at(settings.database)
        async with open_services(
            settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
        ) as services:
            services.channels = {ACCOUNT: BenchChannel("", "")}
            began = time.perf_counter()
            chats, load = await _fill(services, plan)
            filled = time.perf_counter() - began
            platform = Platform()
            async with _platform(platform) as platform_url:
                environment = {
                    **os.environ,
                    "HUIFANG_DATA_DIR": str(path),
                    "HUIFANG_DATABASE_URL": url,
                    "HUIFANG_MASTER_KEYS_FILE": str(keys),
                }
                figures = await _measure(
                    services, plan, chats, load, platform, platform_url, environment, path
                )
    return {
        **figures,
        "fill_s": round(filled, 1),
        "machine": describe(),
        "commit": commit(),
    }


async def _fill(services: Services, plan: Plan) -> tuple[list[Chat], list[Chat]]:
    """The conversations with timers, and those of the load."""
    count = max(CHATS, plan.due)
    with progress() as bars:
        people = bars.add_task("people", total=count + plan.loaded)
        made = await add_chats(services, count + plan.loaded, lambda n: bars.advance(people, n))
        chats, load = made[:count], made[count:]
        waiting = plan.timers - plan.due
        timers = bars.add_task("timers", total=waiting)
        rows = waiting_timers(chats, waiting, services.clock.now(), seed=1)
        await add_timers(services.db, rows, lambda n: bars.advance(timers, n))
        await analyze(services.db)
    return chats, load


async def _measure(
    services: Services,
    plan: Plan,
    chats: list[Chat],
    load: list[Chat],
    platform: Platform,
    platform_url: str,
    environment: dict[str, str],
    folder: Path,
) -> dict[str, Any]:
    """Start the workers, let the timers come due, and look at what became of them."""
    to_feed = folder / "load"
    async with _workers(plan, environment, platform_url, to_feed) as pids:
        chosen = random.Random(2).sample(chats, plan.due)  # noqa: S311
        first = services.clock.now() + timedelta(seconds=LEAD_S)
        step = plan.window_s / max(1, plan.due)
        due = {chat.id: first + timedelta(seconds=n * step) for n, chat in enumerate(chosen)}
        rows = [timer_of(chat, due[chat.id], stale=n % 2 == 1) for n, chat in enumerate(chosen)]
        before = sum(map(cpu_seconds, pids))
        await add_timers(services.db, iter(rows), lambda n: None)
        late_part = folder / "load.part"
        late_part.write_text("\n".join(chat.id for chat in load))
        late_part.rename(to_feed)
        until = first + timedelta(seconds=plan.window_s)
        await asyncio.sleep((until - services.clock.now()).total_seconds())
        await _until_done(services, until, plan.loaded)
        cpu = sum(map(cpu_seconds, pids)) - before
        mb = max(map(peak_mb, pids))
    live = [chat for n, chat in enumerate(chosen) if n % 2 == 0]
    return await _figures(services, plan, due, live, platform, cpu, mb)


async def _until_done(services: Services, until: datetime, loaded: int) -> None:
    """Wait for everything that was due, for its turns and its texts, no longer than the grace."""
    late = time.monotonic() + GRACE_S
    fed = and_(inbox.c.account == ACCOUNT, inbox.c.external_id.like("load-%"))
    while time.monotonic() < late:
        async with services.db.read() as conn:
            timers = await conn.scalar(
                select(func.count()).select_from(timer).where(timer.c.due_at <= until)
            )
            rows = await conn.scalar(
                select(func.count()).select_from(inbox).where(inbox.c.processed_at.is_(None))
            )
            sends = await conn.scalar(
                select(func.count())
                .select_from(outbox)
                .where(or_(outbox.c.status == "pending", outbox.c.status == "claimed"))
            )
            arrived = await conn.scalar(select(func.count()).select_from(inbox).where(fed))
        if not timers and not rows and not sends and (arrived or 0) >= loaded:
            return
        await asyncio.sleep(0.5)


async def _figures(
    services: Services,
    plan: Plan,
    due: dict[str, datetime],
    live: list[Chat],
    platform: Platform,
    cpu: float,
    mb: float,
) -> dict[str, Any]:
    columns = (inbox.c.conversation_id, inbox.c.received_at, inbox.c.processed_at)
    async with services.db.read() as conn:
        fired = (await conn.execute(select(*columns).where(inbox.c.account == FED))).all()
        load = (await conn.execute(select(*columns).where(inbox.c.account == ACCOUNT))).all()
        last = max(due.values())
        waiting = await conn.scalar(
            select(func.count()).select_from(timer).where(timer.c.due_at <= last)
        )
    times = Counter(row.conversation_id for row in fired)
    turned = [row for row in load if row.processed_at is not None]
    processed = [row for row in fired if row.processed_at is not None]
    said = [
        platform.heard[chat.sender] - due[chat.id].timestamp()
        for chat in live
        if chat.sender in platform.heard
    ]
    turns = len(processed) + len(turned)
    return {
        "timers": plan.timers,
        "due": plan.due,
        "window_s": plan.window_s,
        "fired": len(fired),
        "late": waiting or 0,  # not fired when the bench gave up waiting
        "lost": len(due.keys() - times.keys()) - (waiting or 0),
        "twice": sum(1 for count in times.values() if count > 1),
        **_late("fired", [_seconds(row.received_at, due[row.conversation_id]) for row in fired]),
        **_late(
            "turned", [_seconds(row.processed_at, due[row.conversation_id]) for row in processed]
        ),
        **_late("said", said),
        "silent": len(live) - len(said),  # reminders that no platform saw
        "load_turns_per_s": _rate(turned),
        **_late("load", [_seconds(row.processed_at, row.received_at) for row in turned]),
        "cpu_ms_per_turn": round(cpu * 1000 / max(1, turns), 3),
        "mb": round(mb, 1),
        "workers": plan.workers,
    }


def _seconds(later: datetime, earlier: datetime) -> float:
    return (later - earlier).total_seconds()


def _late(name: str, seconds: Sequence[float]) -> dict[str, float | None]:
    """Percentiles in milliseconds; None where there is nothing."""
    ordered = sorted(one * 1000 for one in seconds)
    if len(ordered) < 2:
        return {f"{name}_{part}_ms": None for part in ("p50", "p99", "max")}
    cuts = statistics.quantiles(ordered, n=100, method="inclusive")
    values = {"p50": cuts[49], "p99": cuts[98], "max": ordered[-1]}
    return {f"{name}_{part}_ms": round(value, 1) for part, value in values.items()}


def _rate(turned: Sequence[Any]) -> float:
    """Turns a second of the load, from the first to the last."""
    if len(turned) < 2:
        return 0.0
    moments = [row.processed_at for row in turned]
    return round(len(turned) / max(0.001, _seconds(max(moments), min(moments))), 1)


@asynccontextmanager
async def _workers(
    plan: Plan, environment: dict[str, str], platform_url: str, to_feed: Path
) -> AsyncIterator[list[int]]:
    """Worker processes, ready; the first of them feeds the load."""
    running: list[asyncio.subprocess.Process] = []
    try:
        for number in range(plan.workers):
            feeds = to_feed if number == 0 else to_feed.with_name("nothing")
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.bench.timers_server", platform_url, str(feeds),
                str(plan.turns_per_s), env=environment, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            running.append(process)
            assert process.stdout is not None
            try:
                async with asyncio.timeout(READY_S):
                    line = await process.stdout.readline()
            except TimeoutError:
                line = b""
            if line.strip() != b"ready":
                raise RuntimeError("a worker did not come up; see above")
        yield [process.pid for process in running]
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        for process in running:
            await process.communicate()


@asynccontextmanager
async def _platform(platform: Platform) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/send", platform.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/send"
    finally:
        await runner.cleanup()
