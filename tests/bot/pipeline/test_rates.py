"""Rate limits, in one process and shared by two: the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.pipeline.bus.redis_keys import Keys
from bot.pipeline.bus.redis_reader import connection_options
from bot.pipeline.rate import LocalRates, Rates
from bot.pipeline.rates_redis import LOOK_S, RedisRates
from channels.message import Caps
from tests.bot.pipeline.bus.group import until
from tests.bot.pipeline.bus.server import OwnRedis, own_cluster

SLOW = Caps(text_max=100, rate_per_s=2.0, chat_rate_per_s=0.5, chat_burst=3)
FREE = Caps(text_max=100)
ACCOUNT = "telegram:main"


class Pair:
    """Two senders of one account, and the clock of both."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.one: Rates
        self.two: Rates

    def time(self) -> float:
        return self.now


@asynccontextmanager
async def shared(
    url: str, pair: Pair, count: int = 1, keys: Keys | None = None
) -> AsyncIterator[list[RedisRates]]:
    clients = [Redis.from_url(url, **connection_options()) for _ in range(count)]
    try:
        yield [RedisRates(each, keys or Keys(), pair.time, pair.time) for each in clients]
    finally:
        for client in clients:
            await client.aclose()


@pytest_asyncio.fixture(params=["local", "redis"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    made = Pair()
    if request.param == "local":
        made.one = made.two = LocalRates(made.time)
        yield made
        return
    async with shared(request.getfixturevalue("redis_url"), made, 2) as (made.one, made.two):
        yield made


async def test_a_chat_may_burst_and_then_keeps_to_its_rate(pair: Pair) -> None:
    free = Caps(text_max=100, chat_rate_per_s=0.5, chat_burst=3)
    for rates in (pair.one, pair.two, pair.one):
        assert await rates.reserve(ACCOUNT, "ann", free, 1) == 0
    assert await pair.two.reserve(ACCOUNT, "ann", free, 1) == pytest.approx(2)
    assert await pair.two.reserve(ACCOUNT, "bob", free, 1) == 0
    pair.now += 2
    assert await pair.one.reserve(ACCOUNT, "ann", free, 1) == 0
    assert await pair.two.reserve(ACCOUNT, "ann", free, 1) == pytest.approx(2)


async def test_an_account_keeps_to_its_rate_over_all_chats(pair: Pair) -> None:
    waits = []
    for number in range(6):
        rates = pair.one if number % 2 else pair.two
        waits.append(await rates.reserve(ACCOUNT, f"c{number}", SLOW, 60))
    assert waits == pytest.approx([0, 0, 0.5, 1.0, 1.5, 2.0])
    assert await pair.one.reserve("telegram:other", "c1", SLOW, 0) == 0


async def test_a_wait_that_is_too_long_takes_nothing(pair: Pair) -> None:
    one = Caps(text_max=100, rate_per_s=1.0)
    assert await pair.one.reserve(ACCOUNT, "ann", one, 0) == 0
    for _ in range(3):
        assert await pair.two.reserve(ACCOUNT, "bob", one, 0.9) == pytest.approx(1)
    pair.now += 1
    assert await pair.two.reserve(ACCOUNT, "bob", one, 0) == pytest.approx(0)


async def test_a_bucket_holds_no_more_than_its_burst(pair: Pair) -> None:
    one = Caps(text_max=100, chat_rate_per_s=1.0, chat_burst=2)
    await pair.one.reserve(ACCOUNT, "ann", one, 0)
    pair.now += 3600
    waits = [await pair.one.reserve(ACCOUNT, "ann", one, 0) for _ in range(3)]
    assert waits == pytest.approx([0, 0, 1])


async def test_a_paused_chat_waits_and_the_others_do_not(pair: Pair) -> None:
    await pair.one.pause(ACCOUNT, "ann", 30)
    await pair.one.pause(ACCOUNT, "ann", 5)  # no shorter than it was
    assert await pair.two.reserve(ACCOUNT, "ann", SLOW, 2) == pytest.approx(30)
    assert await pair.two.reserve(ACCOUNT, "bob", SLOW, 2) == 0
    assert await pair.two.is_another_paused(ACCOUNT, "bob")
    assert not await pair.two.is_another_paused(ACCOUNT, "ann")
    assert not await pair.two.is_another_paused("telegram:other", "bob")
    pair.now += 31
    assert await pair.two.reserve(ACCOUNT, "ann", SLOW, 2) == 0
    assert not await pair.two.is_another_paused(ACCOUNT, "bob")


async def test_a_paused_account_sends_to_nobody(pair: Pair) -> None:
    await pair.one.pause(ACCOUNT, "", 30)
    assert await pair.two.reserve(ACCOUNT, "bob", SLOW, 2) == pytest.approx(30)
    assert not await pair.two.is_another_paused(ACCOUNT, "bob")
    assert await pair.two.reserve("telegram:other", "bob", SLOW, 2) == 0


async def test_a_pause_holds_also_where_no_limit_is_known(pair: Pair) -> None:
    assert await pair.two.reserve(ACCOUNT, "ann", FREE, 2) == 0
    await pair.one.pause(ACCOUNT, "ann", 30)
    pair.now += LOOK_S  # the other process looks once a second
    for _ in range(100):
        wait = await pair.two.reserve(ACCOUNT, "ann", FREE, 2)
        if wait:
            break
        await asyncio.sleep(0.01)
    assert 30 - LOOK_S - 0.01 < wait <= 30  # the look may have been under way before


async def test_redis_uses_its_own_clock_and_forgets_full_buckets(redis_url: str) -> None:
    async with Redis.from_url(redis_url, **connection_options()) as client:
        rates = RedisRates(client, Keys(), asyncio.get_running_loop().time)
        fast = Caps(text_max=100, rate_per_s=100.0, chat_rate_per_s=100.0)
        assert await rates.reserve(ACCOUNT, "ann", fast, 1) == 0
        assert 0 < await rates.reserve(ACCOUNT, "ann", fast, 1) <= 0.01
        await rates.pause(ACCOUNT, "bob", 0.5)
        names = sorted([str(name, "utf-8") async for name in client.scan_iter()])
        start = f"huifang:{{rate:{ACCOUNT}}}:"
        assert names == [f"{start}all", f"{start}chat:ann", f"{start}pauses"]
        for name in names:
            assert 0 < await client.pttl(name) <= 1600


async def test_an_account_without_limits_costs_one_look_a_second(own: OwnRedis) -> None:
    made = Pair()
    async with shared(own.url, made) as (rates,), Redis.from_url(own.url) as client:
        await client.config_resetstat()
        for _ in range(50):
            assert await rates.reserve(ACCOUNT, "ann", FREE, 2) == 0
            await asyncio.sleep(0)
        await until(lambda: not rates._looks)
        calls = await client.info("commandstats")
        asked = [calls.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "get")]
        assert asked[0] <= 2  # the script has to be loaded first
        assert asked[1] == 0


async def test_without_redis_each_process_keeps_to_half_and_says_so_once(own: OwnRedis) -> None:
    made = Pair()
    async with shared(own.url, made) as (rates,):
        own.kill()
        with capture_logs() as lines:
            waits = [await rates.reserve(ACCOUNT, f"c{n}", SLOW, 60) for n in range(3)]
            assert waits == pytest.approx([0, 1, 2])
            made.now += 1.5
            await rates.pause(ACCOUNT, "ann", 30)
            assert await rates.reserve(ACCOUNT, "ann", SLOW, 2) == pytest.approx(30)
            own.start()
            made.now += 1.5
            assert await rates.reserve(ACCOUNT, "bob", SLOW, 2) == 0
        events = [line["event"] for line in lines]
        assert events == ["rates_not_shared", "rates_shared_again"]


async def test_redis_that_hangs_is_not_waited_for_each_time(own: OwnRedis) -> None:
    made = Pair()
    async with shared(own.url, made) as (rates,):
        await rates.reserve(ACCOUNT, "ann", SLOW, 2)
        own.hang()
        async with asyncio.timeout(3):
            for number in range(100):
                await rates.reserve(ACCOUNT, f"c{number}", SLOW, 0)
        own.go_on()


async def test_a_script_is_of_one_slot(tmp_path: Path) -> None:
    with own_cluster(tmp_path / "redis") as server:
        made = Pair()
        with capture_logs() as lines:
            async with shared(server.url, made) as (rates,):
                assert await rates.reserve(ACCOUNT, "ann", SLOW, 2) == 0
                await rates.pause(ACCOUNT, "ann", 10)
                assert await rates.is_another_paused(ACCOUNT, "bob")
        assert lines == []


async def test_what_the_bot_starts_itself_leaves_a_share_of_the_account_to_replies(
    pair: Pair,
) -> None:
    twenty = Caps(text_max=100, rate_per_s=20.0)
    took = 0
    while not await pair.one.reserve(ACCOUNT, f"c{took}", twenty, 0, spare=True):
        took += 1
    assert took == 14
    assert await pair.two.reserve(ACCOUNT, "c", twenty, 0, spare=True) == pytest.approx(0.05)
    for number in range(6):
        assert await pair.two.reserve(ACCOUNT, f"r{number}", twenty, 0) == 0
    assert await pair.one.reserve(ACCOUNT, "r", twenty, 0) == pytest.approx(0.05)
    pair.now += 0.3
    assert await pair.one.reserve(ACCOUNT, "c", twenty, 0, spare=True) == pytest.approx(0.05)
    pair.now += 0.0501
    assert await pair.one.reserve(ACCOUNT, "c", twenty, 0, spare=True) == 0


async def test_a_campaign_uses_the_whole_rate_where_nobody_writes(pair: Pair) -> None:
    twenty = Caps(text_max=100, rate_per_s=20.0)
    took = 0
    for number in range(1000):
        took += not await pair.one.reserve(ACCOUNT, f"c{number}", twenty, 0, spare=True)
        pair.now += 0.01
    assert took == pytest.approx(10 * 20 + 14, abs=2)


async def test_an_account_that_sends_one_at_a_time_still_has_campaigns(pair: Pair) -> None:
    one = Caps(text_max=100, rate_per_s=0.5)
    assert await pair.one.reserve(ACCOUNT, "ann", one, 0, spare=True) == 0
    assert await pair.one.reserve(ACCOUNT, "ann", one, 0, spare=True) == pytest.approx(2)
    pair.now += 2.0001
    assert await pair.two.reserve(ACCOUNT, "ann", one, 0, spare=True) == 0


async def test_a_chat_has_no_share_to_keep(pair: Pair) -> None:
    free = Caps(text_max=100, chat_rate_per_s=0.5, chat_burst=1)
    assert await pair.one.reserve(ACCOUNT, "ann", free, 0, spare=True) == 0
