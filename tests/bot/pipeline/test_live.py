"""News for pages in a process, and how they wait while no page is open."""

from __future__ import annotations

import asyncio
import time

from bot.pipeline.bus import Topic
from bot.pipeline.bus.redis import RedisBus
from bot.pipeline.bus.redis_keys import Keys
from bot.pipeline.live import LiveHub


async def test_an_open_page_ends_the_wait() -> None:
    hub = LiveHub()
    waiting = asyncio.create_task(hub.until_open(30))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    async with hub.subscribe("c"), hub.subscribe():
        await asyncio.wait_for(waiting, 1)
        await asyncio.wait_for(hub.until_open(30), 1)
    began = time.monotonic()
    await hub.until_open(0.05)  # both are closed again
    assert time.monotonic() - began >= 0.04


async def test_a_page_hears_of_other_processes_as_soon_as_it_is_open(redis_url: str) -> None:
    hub, reads = LiveHub(), []

    def tell(ids: list[str]) -> None:
        reads.append(list(ids))
        hub.tell(ids)

    keys = Keys()
    async with (
        RedisBus(redis_url, keys, tell=tell, until_open=hub.until_open) as here,  # type: ignore[arg-type]
        RedisBus(redis_url, keys) as other,
    ):
        assert here.connected
        for number in range(3):  # nobody looks: the first is read, the others wait
            await other.publish(Topic.LIVE, [f"before {number}"])
            await asyncio.sleep(0.1)
        assert reads == [["before 0"]]
        async with hub.subscribe() as page, asyncio.timeout(0.5):
            heard: list[str] = []
            while "before 2" not in heard:
                heard += await page.get()
            await other.publish(Topic.LIVE, ["now"])
            while "now" not in heard:
                heard += await page.get()
