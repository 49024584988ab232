"""The web application of a world on a free loopback port, with everything running behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from bot.app import create_app
from bot.runtime import Runtime
from bot.services import Services
from bot.web import chat, sign_in


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    runtime: Runtime


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def served(services: Services, port: int = 0) -> AsyncIterator[Served]:
    """`port` as an earlier server had it: a restart."""
    for throttle in (chat._new_sessions, chat._messages, sign_in._attempts):
        throttle._seen.clear()  # of the process, so of the tests before
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    async with Runtime(services) as runtime:
        config = uvicorn.Config(
            create_app(services, runtime),
            log_level="warning",
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        running = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(20):
            while not server.started and not running.done():
                await asyncio.wait({running}, timeout=0.01)
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", runtime)
        finally:
            server.should_exit = server.force_exit = True
            await running
