"""A Redis server that a test may kill, hang and start again on the same port."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from tests import services


class OwnRedis:
    """In memory only: started again, it is empty. Without a password, unlike the shared one."""

    def __init__(self, folder: Path, *more: str) -> None:
        self._folder, self._more = folder, more
        self._running = ExitStack()
        self.port = services._free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.pid = 0

    def start(self) -> None:
        program = services.redis_programs()[0]
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *self._more]
        command = [str(program), *words, "--dir", str(self._folder)]
        self._folder.mkdir(exist_ok=True)
        self._running.enter_context(
            services._kept(self._folder, command, signal.SIGKILL, -1, self._ready)
        )

    def _ready(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            self.pid = int(client.info("server")["process_id"])

    def kill(self) -> None:
        """At once, as a crash does."""
        os.kill(self.pid, signal.SIGKILL)
        self._running.close()

    def hang(self) -> None:
        """Connections stay and nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def own_redis(folder: Path, *more: str) -> Iterator[OwnRedis]:
    """Running at first; `more` are arguments of the program."""
    server = OwnRedis(folder, *more)
    try:
        server.start()
        yield server
    finally:
        server._running.close()


@contextmanager
def own_cluster(folder: Path) -> Iterator[OwnRedis]:
    """One server in cluster mode with all slots. It refuses a command whose keys span slots."""
    with own_redis(folder, "--cluster-enabled", "yes") as server:
        with redis.Redis.from_url(server.url) as client:
            client.cluster("ADDSLOTS", *range(16384))
            while client.cluster("INFO")["cluster_state"] != "ok":
                time.sleep(0.02)
            try:
                client.delete("{a}", "{b}")
            except redis.ResponseError:
                yield server
                return
        raise AssertionError("it takes what spans slots")
