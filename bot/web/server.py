"""The HTTP server of a process: uvicorn, which here also stops while pages are open."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI

from bot.memory import stay_fast
from bot.pipeline.live import LiveHub

GC_THRESHOLD = 10_000  # new objects before a look for garbage; Python's own is 700
GRACE_S = 4  # seconds; what a request that is under way gets when the server stops


def keep_what_is_made() -> None:
    """Spare the garbage collector what a process made at its start: it stays for good. And a turn
    makes many small objects that no cycle keeps alive, so it looks less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    stay_fast()


class Server(uvicorn.Server):
    """Stops when `should_exit` is set. The live streams of open pages do not end by themselves and
    would hold the stop up for as long as it waits, so they are ended first; pages connect again."""

    def __init__(self, app: FastAPI, live: LiveHub) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,  # its words go through our log
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                http="httptools",
                lifespan="off",
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._live = live

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command: uvicorn would raise them again after it has stopped, and
        SIGTERM would end the process before what is on its way to a platform was waited for."""
        yield

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._live.close()
        await super().shutdown(sockets)
