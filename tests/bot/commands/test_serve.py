"""The process as an operator runs it: it starts, serves, and stops when it is asked to."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import aiohttp

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
