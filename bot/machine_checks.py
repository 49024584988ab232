"""What Huifang needs of its machine: a folder to write in, free ports, zone data, an exact clock."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import aiohttp
from sqlalchemy import text

from bot.check import Check
from bot.settings import Settings
from bot.store.database import Database

OLDEST_POSTGRESQL = 13  # major version; older ones get no repairs any more
CLOCK_S = 2.0  # what the clocks of two machines may differ by
ASK_S = 2.0


def check_folder(settings: Settings) -> Check:
    """The data folder can be written, or made. Makes nothing."""
    folder = settings.data_dir.absolute()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK) or not there.is_dir():
        user = os.geteuid()
        fix = f"give {there} to user {user} (chown {user} {there}), or set HUIFANG_DATA_DIR"
        return Check("data folder", f"{there} cannot be written", fix)
    return Check("data folder", f"{folder}{'' if there == folder else ', made at the first start'}")


def check_zones(settings: Settings) -> Check:
    """The zone data that people's local times need."""
    try:
        here = datetime.now(ZoneInfo(settings.zone))
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Check("time", "there is no zone data", "install tzdata")
    return Check("time", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {here:%H:%M} {settings.zone}")


async def check_ports(settings: Settings) -> list[Check]:
    """Each port is free, or a running Huifang has it."""
    wanted = [("port", settings.host, settings.port)]
    if settings.health_port:
        wanted.append(("health port", settings.health_host, settings.health_port))
    return [await _port(*one) for one in wanted]


async def _port(name: str, host: str, port: int) -> Check:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                if await _is_ours(host, port):
                    return Check(name, f"{host}:{port}, a running Huifang has it")
                detail = f"{host}:{port} is taken by another program"
            else:
                detail = f"{host}:{port} cannot be listened on: {error.strerror}"
            variable = "HUIFANG_PORT" if name == "port" else "HUIFANG_HEALTH_PORT"
            return Check(name, detail, f"end that program, or set {variable}")
    return Check(name, f"{host}:{port} is free")


async def _is_ours(host: str, port: int) -> bool:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared only
    url = f"http://[{shown}]:{port}/healthz" if ":" in shown else f"http://{shown}:{port}/healthz"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_S)) as http,
            http.get(url) as response,
        ):
            return b'"alive"' in await response.content.read(200)
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def check_server(db: Database) -> list[Check]:
    """PostgreSQL's version, whether its commits are durable, and its clock. Nothing for SQLite."""
    if db.is_sqlite:
        return []
    async with db.read() as conn:
        number = int(str(await conn.scalar(text("SHOW server_version_num"))))
        durable = str(await conn.scalar(text("SHOW synchronous_commit")))
        most = str(await conn.scalar(text("SHOW max_connections")))
        theirs = await conn.scalar(text("SELECT clock_timestamp()"))
    assert isinstance(theirs, datetime)
    found = [of_version(number, most), of_durability(durable)]
    return [*found, of_clocks((theirs - datetime.now(UTC)).total_seconds())]


def of_version(number: int, connections: str) -> Check:
    """`number` as PostgreSQL gives it: 150004 is 15.4."""
    detail = f"{number // 10000}.{number % 10000}, {connections} connections"
    if number // 10000 < OLDEST_POSTGRESQL:
        return Check("PostgreSQL", detail, f"upgrade it to {OLDEST_POSTGRESQL} or newer")
    return Check("PostgreSQL", detail)


def of_durability(setting: str) -> Check:
    """200 is answered to a platform after a commit, so a commit has to last."""
    if setting != "off":
        return Check("commits", f"synchronous_commit is {setting}")
    fix = "run: ALTER SYSTEM SET synchronous_commit = 'on'; SELECT pg_reload_conf()"
    return Check("commits", "synchronous_commit is off: a crash loses what we said we have", fix)


def of_clocks(seconds: float) -> Check:
    """By how much the database's clock is before ours."""
    detail = f"the database's differs by {abs(seconds):.1f} s"
    if abs(seconds) > CLOCK_S:
        return Check("clock", detail, "switch on time synchronisation (NTP) on both machines")
    return Check("clock", detail)


async def check_machine(settings: Settings) -> list[Check]:
    """Everything here that needs no database."""
    folder = await asyncio.to_thread(check_folder, settings)
    return [folder, check_zones(settings), *await check_ports(settings)]
