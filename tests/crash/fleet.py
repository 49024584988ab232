"""The product's processes: started, killed, and started again as a service manager would."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import services

AGAIN_S = 0.2  # after a process ended, before it is started again
UP_S = 60.0  # a start on a busy machine
STOP_S = 30.0


@dataclass(slots=True)
class Slot:
    """One process of the product; its pid changes with every start. `up`: it takes connections."""

    name: str
    role: str
    port: int
    pid: int = 0
    up: bool = False
    starts: int = 0


class Fleet:
    """`roles` such as ("web", "web", "worker"). Use through `running_fleet`."""

    def __init__(
        self, roles: tuple[str, ...], words: list[str], more: list[str], env: Mapping[str, str]
    ) -> None:
        self.slots = [
            Slot(f"{role}{number}", role, services._free_port())
            for number, role in enumerate(roles, start=1)
        ]
        self._words, self._more, self._env = words, more, dict(env)
        self._nursery: asyncio.subprocess.Process | None = None
        self._pids: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Event] = {}
        self._ready = asyncio.Event()
        self._starting = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self.kills = 0
        self.start_s: list[float] = []  # of each start, until it took connections
        self.stopping = False

    @property
    def web(self) -> list[Slot]:
        """Who takes webhooks, up or not: a balancer does not know at once."""
        return [slot for slot in self.slots if slot.role != "worker"]

    async def open(self, folder: Path) -> None:
        self._nursery = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        self._tasks.append(asyncio.create_task(self._listen()))
        async with asyncio.timeout(UP_S):
            await self._ready.wait()
        for slot in self.slots:
            self._tasks.append(asyncio.create_task(self._keep(slot, folder)))
        await self.all_up()

    async def all_up(self) -> None:
        """Wait until every process takes connections."""
        async with asyncio.timeout(UP_S):
            while not all(slot.up for slot in self.slots):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def close(self) -> float:
        """Stop every process in order; returns the seconds that the slowest took."""
        self.stopping = True
        began = time.monotonic()
        for slot in self.slots:
            self._signal(slot, signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            for slot in self.slots:
                if slot.pid:
                    await self._ended[slot.pid].wait()
        return time.monotonic() - began

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._nursery is not None and self._nursery.stdin is not None:
            self._nursery.stdin.close()
            await self._nursery.wait()

    def kill(self, slot: Slot) -> None:
        """kill -9."""
        if slot.pid:
            self.kills += 1
            self._signal(slot, signal.SIGKILL)

    def _signal(self, slot: Slot, number: int) -> None:
        self._say({"signal": int(number), "pid": slot.pid})

    async def _keep(self, slot: Slot, folder: Path) -> None:
        while True:
            async with self._starting:
                args = [str(slot.port), *self._words, slot.role, *self._more]
                log = str(folder / f"{slot.name}.log")
                self._say({"start": args, "env": self._env, "log": log})
                slot.pid = await self._pids.get()
                ended = self._ended[slot.pid] = asyncio.Event()
            slot.starts += 1
            looking = asyncio.create_task(self._take_connections(slot))
            await ended.wait()
            looking.cancel()
            slot.up = False
            if self.stopping:
                return
            await asyncio.sleep(AGAIN_S)

    async def _take_connections(self, slot: Slot) -> None:
        began = time.monotonic()
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", slot.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            slot.up = True
            self.start_s.append(time.monotonic() - began)
            return

    def _say(self, order: dict[str, Any]) -> None:
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self) -> None:
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        async for line in self._nursery.stdout:
            told = json.loads(line)
            if "ready" in told:
                self._ready.set()
            elif "pid" in told:
                self._pids.put_nowait(told["pid"])
            elif told["ended"] in self._ended:
                self._ended[told["ended"]].set()


@asynccontextmanager
async def running_fleet(fleet: Fleet, folder: Path) -> AsyncIterator[Fleet]:
    """All processes up; whatever is left is killed at the end."""
    try:
        await fleet.open(folder)
        yield fleet
    finally:
        await fleet.end()
