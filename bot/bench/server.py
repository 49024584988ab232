"""The product as the bench runs it: the same process as `huifang serve`, with the bench's platform."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from datetime import timedelta
from pathlib import Path

import orjson
from fastapi import Response

from bot import metrics
from bot.app import create_app
from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, JOINED, BenchChannel
from bot.commands.serve import ProcessRole, stop_asked
from bot.memory import start_small
from bot.pipeline import claims, delivery
from bot.runtime import Runtime
from bot.settings import Settings
from bot.web.server import Server, keep_what_is_made

SCRIPT = Path(__file__).with_name("survey.yaml")


def hasten(lease_s: float) -> None:
    """Let this process take senders for dead after so many seconds, so that a crash run settles in
    seconds; what has to be shorter than the lease shrinks with it."""
    last_start = claims.LAST_START * (lease_s / claims.LEASE.total_seconds())
    claims.LEASE = timedelta(seconds=lease_s)
    for module in (claims, delivery):
        vars(module)["LAST_START"] = last_start


async def serve(
    port: int, secret: str, platform_url: str, role: ProcessRole, lease_s: float = 0.0
) -> None:
    """Run one process of this role until SIGTERM; it takes its settings from the environment.
    `lease_s`: a lease of senders in seconds other than the product's, 0: the product's."""
    if lease_s:
        hasten(lease_s)
    timeout_s = claims.LEASE.total_seconds() / 4
    settings = Settings.load().model_copy(update={"port": port, "host": "127.0.0.1"})
    web, worker = role is not ProcessRole.WORKER, role is not ProcessRole.WEB
    async with open_services(settings, scripts=(SCRIPT,), web=web, worker=worker) as services:
        for account in (ACCOUNT, JOINED):
            services.channels[account] = BenchChannel(secret, platform_url, account, timeout_s)
        decisions = [0, 0]  # how many, and their CPU nanoseconds
        inner = services.knowledge.base.ask

        def counted(question: str, locale: str):  # type: ignore[no-untyped-def]
            began = time.thread_time_ns()
            try:
                return inner(question, locale)
            finally:
                decisions[0] += 1
                decisions[1] += time.thread_time_ns() - began

        services.knowledge.ask = counted
        async with Runtime(services, web=web, worker=worker) as runtime:
            app = create_app(services, runtime)

            @app.get("/bench/counts")
            async def read() -> Response:
                batches = metrics.value("huifang_turn_batch_seconds_count")
                counts = [*decisions, metrics.value("huifang_turns_total"), batches]
                return Response(orjson.dumps(counts))

            keep_what_is_made()
            listener = socket.create_server(("127.0.0.1", port), backlog=2048)
            with stop_asked() as stop:
                server = Server(app, services.live)
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                asked = asyncio.create_task(stop.wait())
                await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
                server.should_exit = True
                await serving


def main(words: list[str]) -> None:
    """PORT SECRET PLATFORM_URL [all|web|worker [LEASE_S]]"""
    start_small()
    import uvloop

    from bot.logs import configure_logs

    configure_logs()
    port, secret, platform_url, *more = words
    role = ProcessRole(more[0] if more else "all")
    uvloop.run(serve(int(port), secret, platform_url, role, float((more[1:] or ["0"])[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
