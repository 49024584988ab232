"""The fake platform: takes texts, misbehaves by plan, and logs what it accepted."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from aiohttp import web

from bot.bench.channel import REFUSED
from tests import services
from tests.crash.faults import Fault, FaultPlan

SLOW_S = 0.3


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that the platform took. `ref` is the product's own id of the text."""

    at: float  # seconds of a monotonic clock
    to: str
    ref: str
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person reads: a text, and its options as label and token."""

    text: str
    options: tuple[tuple[str, str], ...]


class Platform:
    """`hang_s`: longer than the product waits for an answer, in seconds."""

    def __init__(self, faults: FaultPlan, hang_s: float) -> None:
        self._faults, self._hang_s = faults, hang_s
        self._numbers = itertools.count(1)
        self._shown: set[str] = set()
        self._inboxes: defaultdict[str, asyncio.Queue[Heard]] = defaultdict(asyncio.Queue)
        self.log: list[Accepted] = []
        self.faults: Counter[Fault] = Counter()
        self._met: defaultdict[str, list[Fault]] = defaultdict(list)

    def inbox(self, sender: str) -> asyncio.Queue[Heard]:
        """What a person reads, in order; a text sent twice is read once."""
        return self._inboxes[sender]

    def troubles_of(self, ref: str) -> list[str]:
        """What became of each request with this text."""
        return [str(fault) for fault in self._met[ref]]

    async def take(self, request: web.Request) -> web.Response:
        data = orjson.loads(await request.read())
        to, ref, text = data["to"], data["ref"], data["text"]
        fault = self._faults.choose(to, text, len(self._met[ref]))
        self.faults[fault] += 1
        self._met[ref].append(fault)
        if fault.takes:
            self._accept(to, ref, text, data["options"])
        match fault:
            case Fault.TOO_MANY:
                return web.Response(status=429, headers={"Retry-After": "0.3"})
            case Fault.REFUSED:
                return web.Response(status=503, text=REFUSED)
            case Fault.ERROR | Fault.ERROR_TAKEN:
                return web.Response(status=500, text="gateway")
            case Fault.CLOSED | Fault.CLOSED_TAKEN:
                if request.transport is not None:
                    request.transport.abort()
            case Fault.TIMEOUT | Fault.TIMEOUT_TAKEN:
                await asyncio.sleep(self._hang_s)
            case Fault.SLOW:
                await asyncio.sleep(SLOW_S)
        return web.Response(text=f"m{next(self._numbers)}")

    def _accept(self, to: str, ref: str, text: str, options: list[list[str]]) -> None:
        self.log.append(Accepted(time.monotonic(), to, ref, text))
        if ref not in self._shown:
            self._shown.add(ref)
            shown = tuple((label, token) for label, token in options)
            self._inboxes[to].put_nowait(Heard(text, shown))


@asynccontextmanager
async def serving(platform: Platform) -> AsyncIterator[str]:
    """Serve on loopback; yields the address that texts are posted to."""
    app = web.Application()
    app.router.add_post("/send", platform.take)
    # What hangs is cut at the end: nobody reads it any more.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = services._free_port()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    try:
        yield f"http://127.0.0.1:{port}/send"
    finally:
        await runner.cleanup()
