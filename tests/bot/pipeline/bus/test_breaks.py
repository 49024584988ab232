"""Redis flushed, killed, hung or not there yet: nothing waits for it, and it comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import orjson
import pytest
import redis
from structlog.testing import capture_logs

from bot.pipeline.bus import Bus, Topic
from bot.pipeline.bus.redis import LOCAL, MOST_WAITING, RedisBus
from bot.pipeline.bus.redis_keys import Keys
from bot.pipeline.bus.redis_reader import ENTRIES
from bot.pipeline.bus.redis_writer import MOST_ENTRIES, MOST_UNSENT, PER_ENTRY
from bot.pipeline.live import EVERYTHING
from tests.bot.pipeline.bus.group import BOUND_S, Group, redis_group, take, take_soon, until
from tests.bot.pipeline.bus.server import OwnRedis, own_cluster, own_redis


async def until_connected(group: Group, wanted: bool) -> None:
    await until(lambda: all(bus.health().connected is wanted for bus in group.processes))


async def check_works(group: Group, mark: str) -> None:
    """Hints and news go through again, within the bound; a few may be lost on the way there."""
    worker, at = group.workers[0], -1
    for topic in (Topic.TURNS, Topic.SENDS):
        taken: list[str] = []
        async with asyncio.timeout(BOUND_S):
            while not any(each.startswith(mark) for each in taken):
                at += 1
                await group.web.publish(topic, [f"{mark}{at}"])
                taken = await take_soon(worker, topic)
    async with asyncio.timeout(BOUND_S):
        while not any(each.startswith(mark) for each in group.told[0]):
            at += 1
            await worker.publish(Topic.LIVE, [f"{mark}{at}"])
            await asyncio.sleep(0.05)


def publish_at_once(bus: Bus, topic: Topic, ids: Collection[str]) -> None:
    """Fails if the call waits for anything at all."""
    call = bus.publish(topic, ids).__await__()
    with pytest.raises(StopIteration):
        next(call)


async def test_works_again_after_a_flush(own: OwnRedis) -> None:
    async with redis_group(own.url) as group:
        await check_works(group, "before")
        with redis.Redis.from_url(own.url) as client:
            client.flushall()
        await check_works(group, "after")


async def test_works_again_after_redis_was_killed_and_says_so_once(own: OwnRedis) -> None:
    with capture_logs() as lines:
        async with redis_group(own.url) as group:
            await check_works(group, "before")
            own.kill()
            await until_connected(group, False)
            for number in range(300):  # more than one attempt, and more than one look
                publish_at_once(group.web, Topic.TURNS, [f"meanwhile{number}"])
                await asyncio.sleep(0.005)
            own.start()
            await until_connected(group, True)
            await check_works(group, "after")
            assert group.told[0].count(EVERYTHING) >= 1
    events = [line["event"] for line in lines]
    assert events.count("redis_away") == events.count("redis_back") == 2  # web and worker
    assert events.count("hints_not_written") <= 2
    assert events.count("hints_not_written") == events.count("hints_written_again")


async def test_a_restart_too_short_to_be_seen_is_noticed(own: OwnRedis) -> None:
    with capture_logs() as lines:
        async with redis_group(own.url) as group:
            own.kill()
            own.start()
            await check_works(group, "after")
            await until_connected(group, True)
    events = [line["event"] for line in lines]
    assert events.count("redis_away") == events.count("redis_back") == 2


async def test_works_again_after_redis_hung(own: OwnRedis) -> None:
    async with redis_group(own.url) as group:
        own.hang()
        await until_connected(group, False)
        publish_at_once(group.web, Topic.TURNS, ["meanwhile"])
        own.go_on()
        await until_connected(group, True)
        await check_works(group, "after")


async def test_starts_without_redis_and_finds_it_later(tmp_path: Path) -> None:
    with own_redis(tmp_path / "redis") as own:
        own.kill()
        async with redis_group(own.url) as group:
            assert not any(bus.health().connected for bus in group.processes)
            own.start()
            await check_works(group, "later")


async def test_while_away_buffers_stay_small_and_own_work_goes_on(own: OwnRedis) -> None:
    async with redis_group(own.url) as group:
        own.kill()
        await until_connected(group, False)
        for number in range(0, MOST_UNSENT + 1000, 500):
            publish_at_once(group.web, Topic.TURNS, [f"c{n}" for n in range(number, number + 500)])
        found = group.web.health()
        assert (found.unsent, found.dropped) == (MOST_UNSENT, 1000)
        publish_at_once(group.workers[0], Topic.SENDS, ["mine"])
        assert await take(group.workers[0], 1, Topic.SENDS) == ["mine"]
        own.start()


async def test_a_busy_worker_leaves_the_rest_to_others(redis_url: str) -> None:
    async with redis_group(redis_url, workers=2, keys=Keys()) as group:
        busy, idle = group.workers
        wanted = 5000
        taken: set[str] = set()
        for number in range(wanted):
            await group.web.publish(Topic.TURNS, [f"c{number}"])
            if number % PER_ENTRY == 0:
                await asyncio.sleep(0)
        most = MOST_WAITING + ENTRIES * PER_ENTRY
        async with asyncio.timeout(BOUND_S):
            while len(taken) + busy.health().waiting[Topic.TURNS] < wanted:
                taken |= set(await take_soon(idle))
        assert busy.health().waiting[Topic.TURNS] < most


async def test_own_hints_stay_here_unless_many_wait(redis_url: str) -> None:
    async with RedisBus(redis_url, Keys()) as one:
        publish_at_once(one, Topic.TURNS, [f"c{number}" for number in range(LOCAL)])
        assert one.health().waiting[Topic.TURNS] == LOCAL
        async with RedisBus(redis_url, Keys()) as other:
            await one.publish(Topic.TURNS, ["more"])
            assert one.health().unsent == 1
            seen: list[str] = []
            async with asyncio.timeout(BOUND_S):
                while "more" not in seen:
                    seen += [*await take_soon(one), *await take_soon(other)]


async def test_who_stops_leaves_what_waits_to_others(redis_url: str) -> None:
    async with RedisBus(redis_url, Keys()) as stays:
        async with RedisBus(redis_url, Keys()) as goes:
            await goes.publish(Topic.SENDS, ["a", "b"])
        assert sorted(await take(stays, 2, Topic.SENDS)) == ["a", "b"]


async def test_entries_hold_ids_only_and_few_are_kept(redis_url: str) -> None:
    keys = Keys(prefix="mine")
    async with RedisBus(redis_url, keys, consumes=False) as web:
        for topic in Topic:
            for number in range(PER_ENTRY):
                await web.publish(topic, [f"{topic}{number}"])
    with redis.Redis.from_url(redis_url) as client:
        names = {name.decode() for name in client.scan_iter()}
        assert names == {"mine:{turns:0}", "mine:{sends:0}", "mine:{live}"}
        for topic in Topic:
            ((_, fields),) = client.xrange(keys.streams(topic)[0])
            assert list(fields) == [b"__data__"]
            body = orjson.loads(fields[b"__data__"])
            assert body["ids"] == [f"{topic}{number}" for number in range(PER_ENTRY)]
            assert set(body) == {"by", "ids"}
        client.flushall()
    async with RedisBus(redis_url, keys, consumes=False) as web:
        for number in range(150):  # nobody reads
            await web.publish(Topic.TURNS, [f"{number}-{n}" for n in range(PER_ENTRY * 20)])
            await until(lambda: not web.health().unsent)
    with redis.Redis.from_url(redis_url) as client:
        assert client.xlen("mine:{turns:0}") < MOST_ENTRIES * 1.2


async def test_every_command_is_of_one_slot(tmp_path: Path) -> None:
    with own_cluster(tmp_path / "redis") as own:
        async with redis_group(own.url, workers=2, keys=Keys(shards=4)) as group:
            await check_works(group, "c")
            wanted = {f"c{number}" for number in range(200)}
            await group.web.publish(Topic.TURNS, wanted)
            seen: set[str] = set()

            async def work(bus: Bus) -> None:
                while not wanted <= seen:
                    seen.update(await bus.take(Topic.TURNS, 64))

            tasks = [asyncio.create_task(work(bus)) for bus in group.workers]
            async with asyncio.timeout(BOUND_S):
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            assert wanted <= seen


async def test_conversations_spread_over_all_shards(redis_url: str) -> None:
    keys = Keys(shards=8)
    found = keys.by_stream(Topic.TURNS, [f"c{number}" for number in range(800)])
    assert set(found) == set(keys.streams(Topic.TURNS))
    assert found == keys.by_stream(Topic.TURNS, [f"c{number}" for number in range(800)])
    assert max(map(len, found.values())) < 200
    # The same in every process: no salted hash.
    assert keys.by_stream(Topic.TURNS, ["c1"]) == {"huifang:{turns:1}": ["c1"]}
