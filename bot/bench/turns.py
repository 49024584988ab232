"""`huifang bench turns`: the six-turn survey over HTTP, every reply compared with what is expected."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, SIGNATURE, BenchChannel, sign
from bot.bench.machine import commit, cpu_seconds, describe, peak_mb, processes_named
from bot.bench.server import SCRIPT
from bot.outreach.followups import start_followup
from bot.settings import Settings
from bot.store.people import Profile, import_people

REPLY_WITHIN_S = 12.0
WARM_UP = 50  # people before the clock starts
ALONE = 60  # people one after the other, for the latency at concurrency 1


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person says, and what each text of the answer must contain, in order."""

    says: str
    hears: tuple[str, ...]


def survey(number: int) -> tuple[Turn, ...]:
    """The survey of person `number`; no two people ask the same question."""
    question = f"What is the fee to withdraw {number}.{number % 90 + 10} dollars to my bank?"
    return (
        Turn("", ("automated assistant", "last four")),
        Turn("1234", ("from 1 to 5",)),
        Turn("4", ("noted", "do better")),
        Turn(question, ("", "do better")),
        Turn("It was fine, only the photo took me two attempts.", ("telling us", "thirty days")),
        Turn("yes please", ("All done",)),
    )


class Platform:
    """The stub platform: takes every reply and hands it to the person who waits for it."""

    def __init__(self) -> None:
        self._inboxes: dict[str, asyncio.Queue[str]] = {}
        self._numbers = itertools.count(1)

    def inbox(self, sender: str) -> asyncio.Queue[str]:
        return self._inboxes.setdefault(sender, asyncio.Queue())

    async def take(self, request: web.Request) -> web.Response:
        data = orjson.loads(await request.read())
        self.inbox(data["to"]).put_nowait(data["text"])
        return web.Response(text=str(next(self._numbers)))


@dataclass(slots=True)
class Load:
    """One run: latencies in milliseconds, and replies that were not as expected."""

    http: aiohttp.ClientSession
    platform: Platform
    url: str
    secret: str
    latencies: list[float]
    wrong: list[str]
    turns: int = 0

    async def person(self, number: int, token: str) -> None:
        sender = f"p{number}"
        inbox = self.platform.inbox(sender)
        for turn_number, turn in enumerate(survey(number)):
            body = {"id": f"{sender}-{turn_number}", "sender": sender, "text": turn.says}
            if turn_number == 0:
                body["start"] = token
            began = time.perf_counter()
            await self._post(orjson.dumps(body))
            for wanted in turn.hears:
                try:
                    async with asyncio.timeout(REPLY_WITHIN_S):
                        text = await inbox.get()
                except TimeoutError:
                    self.wrong.append(f"{sender} turn {turn_number}: no reply")
                    return
                if wanted not in text:
                    self.wrong.append(f"{sender} turn {turn_number}: {text[:80]!r}")
            self.latencies.append((time.perf_counter() - began) * 1000)
            self.turns += 1
        if not inbox.empty():
            self.wrong.append(f"{sender}: more replies than expected")

    async def _post(self, body: bytes) -> None:
        headers = {SIGNATURE: sign(self.secret, body)}
        async with self.http.post(self.url, data=body, headers=headers) as response:
            if response.status != 200:
                self.wrong.append(f"webhook answered {response.status}")

    async def run(self, people: list[tuple[int, str]], concurrency: int) -> float:
        """Let these people talk, so many at once; returns the seconds."""
        waiting = iter(people)

        async def worker() -> None:
            for number, token in waiting:
                await self.person(number, token)

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
        return time.perf_counter() - began


async def bench_turns(database: str | None, people: int, concurrency: int) -> dict[str, Any]:
    """Run the bench; returns the figures of DESIGN, section 5. Raises RuntimeError if the server
    does not come up."""
    with tempfile.TemporaryDirectory(prefix="huifang-bench-") as folder:
        path = Path(folder)
        settings = Settings().model_copy(
            update={
                "data_dir": path,
                "database_url": database or f"sqlite+aiosqlite:///{path}/bench.db",
                "master_keys_file": path / "keys.toml",
            }
        )
        secret, platform = secrets.token_hex(16), Platform()
        tokens = await _prepare(settings, secret, people + WARM_UP + ALONE)
        async with _platform(platform) as platform_url:
            port = _free_port()
            environment = {
                **os.environ,
                "HUIFANG_DATA_DIR": str(path),
                "HUIFANG_DATABASE_URL": settings.database_url,
                "HUIFANG_MASTER_KEYS_FILE": str(path / "keys.toml"),
            }
            began = time.perf_counter()
            server = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot.bench.server", str(port), secret, platform_url,
                env=environment,
            )  # fmt: skip
            try:
                await _until_up(port, server)
                cold_start = time.perf_counter() - began
                figures = await _measure(
                    platform, port, secret, tokens, people, concurrency, server.pid
                )
            finally:
                server.terminate()
                await server.wait()
    return {**figures, "cold_start_s": round(cold_start, 2)}


async def _measure(
    platform: Platform,
    port: int,
    secret: str,
    tokens: list[str],
    people: int,
    concurrency: int,
    pid: int,
) -> dict[str, Any]:
    base = f"http://127.0.0.1:{port}"
    numbered = list(enumerate(tokens, start=1))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:

        def load() -> Load:
            return Load(http, platform, f"{base}/hooks/bench/main", secret, [], [])

        warm = load()
        await warm.run(numbered[:WARM_UP], concurrency)
        databases = processes_named("postgres", "redis-server", "valkey-server")
        decided = await _decisions(http, base)
        own, theirs = cpu_seconds(pid), sum(map(cpu_seconds, databases))
        many = load()
        seconds = await many.run(numbered[WARM_UP : WARM_UP + people], concurrency)
        await asyncio.sleep(0.2)
        own = cpu_seconds(pid) - own
        theirs = sum(map(cpu_seconds, databases)) - theirs
        after = await _decisions(http, base)
        alone = load()
        await alone.run(numbered[WARM_UP + people :], 1)
    asked, asked_s = after[0] - decided[0], (after[1] - decided[1]) / 1e9
    wrong = [*warm.wrong, *many.wrong, *alone.wrong]
    for line in wrong[:10]:
        sys.stderr.write(f"wrong: {line}\n")
    turns = max(1, many.turns)
    return {
        "turns_per_s": round(many.turns / seconds, 1),
        "p50_ms": _percentile(many.latencies, 50),
        "p99_ms": _percentile(many.latencies, 99),
        "p99_ms_c1": _percentile(alone.latencies, 99),
        "p50_ms_c1": _percentile(alone.latencies, 50),
        "cpu_ms_per_turn": round((own - asked_s) * 1000 / turns, 3),
        "kb_cpu_ms_per_decision": round(asked_s * 1000 / max(1, asked), 3),
        "kb_decisions": asked,
        "database_cpu_ms_per_turn": round(theirs * 1000 / turns, 3),
        "mb": round(peak_mb(pid), 1),
        "wrong": len(wrong),
        "turns": many.turns,
        "machine": describe(),
        "commit": commit(),
    }


def _percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return round(values[0], 2) if values else 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


async def _prepare(settings: Settings, secret: str, people: int) -> list[str]:
    """Bring people in and start their follow-ups; returns a start token for each."""
    async with open_services(
        settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
    ) as services:
        services.channels = {ACCOUNT: BenchChannel(secret, "")}
        profiles = [
            Profile("en", "Europe/London", "GB", name=f"Person {n}", last4="1234")
            for n in range(people)
        ]
        async with services.db.write() as conn:
            brought = await import_people(conn, services.vault, profiles, services.clock.now())
        tokens = []
        for one in brought:
            started = await start_followup(services, one.id, "bench_survey", source="bench")
            tokens.append(started.links[0].url)
        return tokens


@asynccontextmanager
async def _platform(platform: Platform) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/send", platform.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = _free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/send"
    finally:
        await runner.cleanup()


async def _until_up(port: int, server: asyncio.subprocess.Process) -> None:
    for _ in range(600):
        if server.returncode is not None:
            raise RuntimeError(f"the server ended with {server.returncode}; see above")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise RuntimeError("the server did not come up within 30 seconds")


async def _decisions(http: aiohttp.ClientSession, base: str) -> list[int]:
    async with http.get(f"{base}/bench/decisions") as response:
        return list(orjson.loads(await response.read()))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
