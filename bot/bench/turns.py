"""`huifang bench turns`: the six-turn survey over HTTP, every reply compared with what is expected."""

from __future__ import annotations

import asyncio
import functools
import itertools
import os
import secrets
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, SIGNATURE, sign
from bot.bench.machine import commit, cpu_seconds, describe, peak_mb
from bot.bench.people import invite
from bot.bench.progress import progress
from bot.bench.server import SCRIPT
from bot.bench.servers import server_pids, with_workers
from bot.bench.stored import MESSAGES, History, fill, size_mb
from bot.bench.timers_fill import clear_at
from bot.bench.wire import Client, Server
from bot.settings import Settings

HOOK = "/hooks/bench/main"
REPLY_WITHIN_S = 30.0
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

    def take(self, body: bytes) -> bytes:
        data = orjson.loads(body)
        self.inbox(data["to"]).put_nowait(data["text"])
        return str(next(self._numbers)).encode()


@dataclass(slots=True)
class Load:
    """One run: latencies in milliseconds, and replies that were not as expected. Every message goes
    to the next of the web processes, as behind a load balancer."""

    platform: Platform
    ports: list[int]
    secret: str
    latencies: list[float] = field(default_factory=list)
    acknowledged: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    turns: int = 0

    async def person(self, number: int, token: str, clients: Iterator[Client]) -> None:
        sender = f"p{number}"
        inbox = self.platform.inbox(sender)
        for turn_number, turn in enumerate(survey(number)):
            body = {"id": f"{sender}-{turn_number}", "sender": sender, "text": turn.says}
            if turn_number == 0:
                body["start"] = token
            began = time.perf_counter()
            await self._post(next(clients), orjson.dumps(body))
            self.acknowledged.append((time.perf_counter() - began) * 1000)
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

    async def _post(self, client: Client, body: bytes) -> None:
        signature = f"{SIGNATURE}: {sign(self.secret, body)}\r\n"
        status, _ = await client.post(HOOK, signature, body)
        if status != 200:
            self.wrong.append(f"webhook answered {status}")

    async def run(self, people: list[tuple[int, str]], concurrency: int) -> float:
        """Let these people talk, so many at once; returns the seconds."""
        waiting = iter(people)

        async def worker() -> None:
            clients = [await Client.connect(port) for port in self.ports]
            turns = itertools.cycle(clients)
            for number, token in waiting:
                await self.person(number, token, turns)
            for client in clients:
                client.close()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
        return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured: SQLite unless `database` is a URL, and processes of these roles."""

    database: str | None = None
    redis: str | None = None  # URL; None: the in-process bus
    roles: tuple[str, ...] = ("all",)
    people: int = 500
    concurrency: int = 32
    stored: tuple[int, ...] = (0,)  # conversations that are over: one run for each number, rising
    stored_messages: int = MESSAGES  # of each of them


def settings_in(folder: Path, setup: Setup) -> Settings:
    """Settings of a run: all files are in the folder, and the database too unless it is given."""
    return Settings().model_copy(
        update={
            "data_dir": folder,
            "database_url": setup.database or f"sqlite+aiosqlite:///{folder}/bench.db",
            "master_keys_file": folder / "keys.toml",
        }
    )


async def bench_turns(setup: Setup) -> dict[str, Any]:
    """Run the bench; returns the figures of DESIGN, section 5, of the last run; those that tell how
    the number of stored conversations matters stand beside them for every run.

    What an earlier bench left in the database goes. Raises RuntimeError if there are people in it
    that are not the bench's, or a process does not come up."""
    with tempfile.TemporaryDirectory(prefix="huifang-bench-") as folder:
        settings = settings_in(Path(folder), setup)
        await clear_at(settings.database)
        secret, platform = secrets.token_hex(16), Platform()
        people, first = setup.people + WARM_UP + ALONE, 1
        figures: dict[str, Any] = {}
        runs: list[dict[str, Any]] = []
        async with listening(platform.take) as platform_url:
            for stored in setup.stored:
                tokens, mb = await prepare(settings, people, stored, setup.stored_messages)
                numbered = list(enumerate(tokens, start=first))
                first += len(tokens)
                async with running(setup, settings, secret, platform_url) as processes:
                    load = functools.partial(Load, platform, processes.ports, secret)
                    figures = await _measure(load, numbered, setup, processes, settings)
                figures["cold_start_s"] = round(processes.cold_start_s, 2)
                runs.append({"stored": stored, "database_mb": mb} | _of_interest(figures))
    if setup.stored == (0,):
        return figures
    kept = round(runs[-1]["turns_per_s"] / max(0.1, runs[0]["turns_per_s"]), 3)
    return {**figures, "stored": runs, "kept": kept}


def _of_interest(figures: dict[str, Any]) -> dict[str, Any]:
    names = ("turns_per_s", "p99_ms", "cpu_ms_per_turn", "database_cpu_ms_per_turn", "wrong")
    return {name: figures[name] for name in names}


@dataclass(frozen=True, slots=True)
class Processes:
    """The product's processes while the bench runs."""

    pids: list[int]
    ports: list[int]  # of those that take webhooks
    every_port: list[int]
    cold_start_s: float  # until the first one listened


@asynccontextmanager
async def running(
    setup: Setup, settings: Settings, secret: str, platform_url: str
) -> AsyncIterator[Processes]:
    """Processes of the roles, listening; stopped in order at the end."""
    environment = {
        **os.environ,
        "HUIFANG_DATA_DIR": str(settings.data_dir),
        "HUIFANG_DATABASE_URL": settings.database_url,
        "HUIFANG_MASTER_KEYS_FILE": str(settings.keys_file),
    }
    if setup.redis:
        environment |= {"HUIFANG_BUS": "redis", "HUIFANG_REDIS_URL": setup.redis}
    began = time.perf_counter()
    started: list[tuple[str, int, asyncio.subprocess.Process]] = []
    cold_start = 0.0
    try:
        for role in setup.roles:
            port = _free_port()
            program = [sys.executable, "-m", "bot.bench.server", str(port), secret, platform_url]
            process = await asyncio.create_subprocess_exec(*program, role, env=environment)
            started.append((role, port, process))
            if not cold_start:
                await _until_up(port, process)
                cold_start = time.perf_counter() - began
        for _, port, process in started:
            await _until_up(port, process)
        yield Processes(
            [process.pid for _, _, process in started],
            [port for role, port, _ in started if role != "worker"],
            [port for _, port, _ in started],
            cold_start,
        )
    finally:
        for _, _, process in started:
            if process.returncode is None:
                process.terminate()
        for _, _, process in started:
            await process.wait()


async def _measure(
    load: Callable[[], Load],
    numbered: list[tuple[int, str]],
    setup: Setup,
    processes: Processes,
    settings: Settings,
) -> dict[str, Any]:
    warm = load()
    await warm.run(numbered[:WARM_UP], setup.concurrency)
    databases = await server_pids(settings.database_url, setup.redis)

    def spent() -> tuple[float, float, float]:
        groups = processes.pids, with_workers(databases), [os.getpid()]
        own, theirs, ours = (sum(map(cpu_seconds, group)) for group in groups)
        return own, theirs, ours

    before_counts = await _counts(processes)
    before = spent()
    many = load()
    seconds = await many.run(numbered[WARM_UP : WARM_UP + setup.people], setup.concurrency)
    await asyncio.sleep(0.2)
    own, theirs, generator = (new - old for new, old in zip(spent(), before, strict=True))
    counts = [new - old for new, old in zip(await _counts(processes), before_counts, strict=True)]
    alone = load()
    await alone.run(numbered[WARM_UP + setup.people :], 1)
    asked, asked_s = int(counts[0]), counts[1] / 1e9
    wrong = [*warm.wrong, *many.wrong, *alone.wrong]
    for line in wrong[:10]:
        sys.stderr.write(f"wrong: {line}\n")
    turns = max(1, many.turns)
    return {
        "turns_per_s": round(many.turns / seconds, 1),
        "p50_ms": _percentile(many.latencies, 50),
        "p99_ms": _percentile(many.latencies, 99),
        "ack_p99_ms": _percentile(many.acknowledged, 99),
        "p99_ms_c1": _percentile(alone.latencies, 99),
        "p50_ms_c1": _percentile(alone.latencies, 50),
        "cpu_ms_per_turn": round((own - asked_s) * 1000 / turns, 3),
        "kb_cpu_ms_per_decision": round(asked_s * 1000 / max(1, asked), 3),
        "kb_decisions": asked,
        "turns_per_batch": round(counts[2] / max(1, counts[3]), 1),
        "database_cpu_ms_per_turn": round(theirs * 1000 / turns, 3),
        "generator_cpu_ms_per_turn": round(generator * 1000 / turns, 3),
        "mb": max(round(peak_mb(pid), 1) for pid in processes.pids),
        "wrong": len(wrong),
        "turns": many.turns,
        "processes": list(setup.roles),
        "bus": "redis" if setup.redis else "local",
        "concurrency": setup.concurrency,
        "machine": describe(),
        "commit": commit(),
    }


def _percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return round(values[0], 2) if values else 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 2)


async def prepare(
    settings: Settings, people: int, stored: int = 0, stored_messages: int = MESSAGES
) -> tuple[list[str], float]:
    """Fill the database up to so many stored conversations and bring people in; returns a start
    token for each, and the size of the database in MB."""
    async with open_services(
        settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
    ) as services:
        with progress() as bars:
            if stored:
                task = bars.add_task("stored conversations", total=stored)
                history = History(stored_messages)
                await fill(services, stored, history, lambda n: bars.advance(task, n))
            inviting = bars.add_task("people", total=people)
            tokens = await invite(services, ACCOUNT, people, lambda n: bars.advance(inviting, n))
        return tokens, await size_mb(services.db)


@asynccontextmanager
async def listening(take: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """A stub platform on a free port that answers with what `take` makes of a body; its address."""
    port = _free_port()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(take), "127.0.0.1", port)
    try:
        yield f"http://127.0.0.1:{port}/send"
    finally:
        server.close()


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


async def _counts(processes: Processes) -> list[float]:
    """So far: knowledge-base decisions, their CPU nanoseconds, turns, batches of turns."""
    found = [0.0] * 4
    async with aiohttp.ClientSession() as http:
        for port in processes.every_port:
            async with http.get(f"http://127.0.0.1:{port}/bench/counts") as response:
                one = orjson.loads(await response.read())
            found = [mine + more for mine, more in zip(found, one, strict=True)]
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
