"""The process as an operator runs it: it starts, serves, and stops when it is asked to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from typer.testing import CliRunner

from bot.assembly import open_services
from bot.cli import app
from bot.settings import Settings
from tests.bot.pipeline.server import free_port

COMMAND = "from bot.cli import main; main()"


async def test_asked_to_stop_it_ends_the_open_streams_and_exits_in_order(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "demo", "--port", str(port)),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        cookies = aiohttp.CookieJar(unsafe=True)  # cookies of an address without a name
        async with asyncio.timeout(60), aiohttp.ClientSession(url, cookie_jar=cookies) as person:
            assert process.stdout
            while url.encode() not in await process.stdout.readline():
                assert process.returncode is None
            session = await (await person.post("/w/v1/session", json={"locale": "zh"})).json()
            bearer = {"authorization": f"Bearer {session['token']}"}
            (await person.post("/demo/sign-in/agent")).release()
            feed = await person.get("/w/v1/events", headers=bearer)
            hints = await person.get("/desk/events")
            assert b"event: everything" in await hints.content.readline()
            process.send_signal(signal.SIGTERM)
            # A stream that is cut off, not ended, raises ClientPayloadError here.
            await feed.read()
            await hints.read()
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert b"exceeded" not in errors
    assert process.returncode == 0, errors.decode()


@asynccontextmanager
async def running(folder: Path, environment: dict[str, str], *words: str) -> AsyncIterator[Process]:
    """`huifang serve`, asked to stop at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "serve", *words),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        async with asyncio.timeout(60):
            while b"Ctrl+C" not in await process.stdout.readline():
                assert process.returncode is None
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_web_and_worker_answer_together_at_once(
    tmp_path: Path, pg_url: str, redis_url: str
) -> None:
    """The worker is woken, and the page of the web process told, without waiting for a sweep."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    given = {"data_dir": str(tmp_path), "database_url": pg_url, "bus": "redis"}
    given |= {"redis_url": redis_url, "redis_prefix": "mine", "redis_shards": "2"}
    async with open_services(Settings.model_validate(given), migrated=True):
        pass
    environment = {f"HUIFANG_{name.upper()}": value for name, value in given.items()}
    async with (
        running(tmp_path, environment, "--role", "web", "--port", str(port)),
        running(tmp_path, environment, "--role", "worker"),
        aiohttp.ClientSession(url) as person,
    ):
        session = await (await person.post("/w/v1/session", json={"locale": "en"})).json()
        bearer = {"authorization": f"Bearer {session['token']}"}
        async with asyncio.timeout(30):
            for number in range(2):  # the first makes everything warm
                feed = await person.get("/w/v1/events", headers=bearer)
                began = asyncio.get_running_loop().time()
                body = {"client_id": f"client-00{number}", "text": f"how much is the fee? {number}"}
                await person.post("/w/v1/messages", json=body, headers=bearer)
                await _answered(feed, body["client_id"])
                feed.close()
        # The sweep and the heartbeat of the page would take seconds.
        assert asyncio.get_running_loop().time() - began < 1.5


async def _answered(feed: aiohttp.ClientResponse, client_id: str) -> None:
    """Read until the bot has written something after this message."""
    heard = False
    async for line in feed.content:
        if line.startswith(b"data: "):
            shown = orjson.loads(line[6:])
            heard = heard or shown["client_id"] == client_id
            if heard and shown["author"] == "bot":
                return
    raise AssertionError("the feed ended")


@pytest.mark.parametrize("role", ["web", "worker"])
def test_a_part_alone_needs_redis(
    role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["serve", "--role", role, "--port", str(free_port())])
    assert result.exit_code == 2
    assert "bus = redis" in result.output
