"""A small listener for `/healthz`, `/readyz` and `/metrics`, for processes without a web application.

It belongs on an address that only the machine or the private network reaches (`health_host`); it stays
open while the process drains, so that a supervisor can see it stop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.probes import PATHS, Probes, bears
from bot.settings import Settings


class HealthError(Exception):
    """The port cannot be listened on. The text is one line that says what to do."""


@asynccontextmanager
async def health_listener(settings: Settings, probes: Probes) -> AsyncIterator[int]:
    """Listen while the block runs, if the settings name a port; yields it (0: no listener).

    Raises HealthError.
    """
    if not settings.health_port:
        yield 0
        return
    from aiohttp import web  # only where it is switched on

    async def answer(request: web.Request) -> web.Response:
        closed = request.path == "/metrics" and settings.metrics_token is not None
        if closed and not bears(request.headers.get("authorization", ""), settings):
            return web.Response(text="/metrics wants the bearer token\n", status=401)
        found = await probes.answer(request.path)
        headers = {"content-type": found.content_type, "cache-control": "no-store"}
        return web.Response(body=found.body, status=found.status, headers=headers)

    app = web.Application()
    for path in PATHS:
        app.router.add_get(path, answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.health_host, settings.health_port)
        try:
            await site.start()
        except OSError as error:
            where = f"{settings.health_host}:{settings.health_port}"
            reason = error.strerror or type(error).__name__
            raise HealthError(
                f"cannot listen on {where} (HUIFANG_HEALTH_PORT): {reason}. Choose another port."
            ) from None
        yield settings.health_port
    finally:
        await runner.cleanup()
