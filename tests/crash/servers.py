"""A PostgreSQL server of a crash run's own: it may be restarted, in order or as by a crash."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests import services

DOWN_S = 30.0
SETTINGS = [word for word in services.POSTGRES_SETTINGS if not word.startswith("autovacuum")]


class OwnPostgres:
    """`url`: postgresql://…/postgres. Its data survive a restart; a power cut they would not."""

    def __init__(self, programs: Path, folder: Path, password: str, uid: int) -> None:
        self._programs, self._folder, self._uid = programs, folder, uid
        self._running = ExitStack()
        self._port = services._free_port()
        self.url = f"postgresql://postgres:{password}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Returns when it answers."""
        options = [word for setting in SETTINGS for word in ("-c", setting)]
        program = str(self._programs / "postgres")
        command = [program, f"-D{self._folder / 'data'}", f"-p{self._port}", *options]
        server = services.Postgres(self.url)
        self._running.enter_context(
            services._kept(
                self._folder,
                command,
                signal.SIGQUIT,
                self._uid,
                lambda: server.execute("SELECT 1"),
            )
        )

    def stop(self, *, crash: bool) -> None:
        """`crash`: at once, with connections cut and the log to be replayed; else in order."""
        pid_file = self._folder / "data" / "postmaster.pid"
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, signal.SIGQUIT if crash else signal.SIGINT)
        deadline = time.monotonic() + DOWN_S
        with suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.02)
        self._running.close()

    def close(self) -> None:
        self._running.close()


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A new server, running. Raises StartError."""
    uid = services.NOBODY if os.geteuid() == 0 else -1
    for programs in services.postgres_programs():
        if uid < 0 or services._open_to_all(programs):
            break
    else:
        raise services.ServiceUnavailableError("a crash run needs PostgreSQL's programs")
    with services._folder(uid) as folder:
        password = os.urandom(12).hex()
        services._initdb(programs, folder, password, uid)
        server = OwnPostgres(programs, folder, password, uid)
        try:
            server.start()
            yield server
        finally:
            server.close()
