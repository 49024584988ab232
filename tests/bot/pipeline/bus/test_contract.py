"""What every bus does, in one process or between several."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest
import pytest_asyncio

from bot.pipeline.bus import Topic
from tests.bot.pipeline.bus.group import BOUND_S, Group, local_group, redis_group, take, until


@pytest_asyncio.fixture(params=["local", "redis, one process", "redis, web and 2 workers"])
async def group(request: pytest.FixtureRequest) -> AsyncIterator[Group]:
    opened: AbstractAsyncContextManager[Group]
    if request.param == "local":
        opened = local_group()
    elif "one" in request.param:
        opened = redis_group(request.getfixturevalue("redis_url"), web=False)
    else:
        opened = redis_group(request.getfixturevalue("redis_url"), workers=2)
    async with opened as found:
        yield found


async def until_taken(group: Group, wanted: set[str]) -> list[list[str]]:
    """What all workers took together, in their batches, until every wanted id was among it."""
    batches: list[list[str]] = []
    missing, done = set(wanted), asyncio.Event()

    async def work(number: int) -> None:
        while True:
            batches.append(await group.workers[number].take(Topic.TURNS, 50))
            missing.difference_update(batches[-1])
            if not missing:
                done.set()

    tasks = [asyncio.create_task(work(number)) for number in range(len(group.workers))]
    try:
        async with asyncio.timeout(BOUND_S):
            await done.wait()
    finally:
        for task in tasks:
            task.cancel()
    return batches


async def test_every_hint_reaches_one_worker(group: Group) -> None:
    wanted = {f"c{number}" for number in range(3000)}
    for number in range(0, 3000, 7):
        await group.web.publish(Topic.TURNS, [f"c{n}" for n in range(number, number + 7)])
        if number % 70 == 0:
            await asyncio.sleep(0)
    await group.web.publish(Topic.TURNS, sorted(wanted)[:5])
    batches = await until_taken(group, wanted)
    taken = Counter(each for batch in batches for each in batch)
    assert wanted <= set(taken) <= {f"c{number}" for number in range(3007)}
    assert sum(taken.values()) <= 3007 + 5  # none of them to several


async def test_takes_no_more_than_asked_and_each_once_in_the_order_they_came(group: Group) -> None:
    for worker in group.workers[1:]:  # only one is left to look at
        await worker.__aexit__()
    ids = [f"{number:03}" for number in range(100)]
    await group.web.publish(Topic.TURNS, [*ids, *ids])
    taken: list[str] = []
    async with asyncio.timeout(BOUND_S):
        while len(taken) < 100:
            batch = await group.workers[0].take(Topic.TURNS, 9)
            assert 0 < len(batch) <= 9
            taken += batch
    assert sorted(taken) == ids


async def test_an_id_that_still_waits_is_not_queued_again(group: Group) -> None:
    for _ in range(50):
        await group.web.publish(Topic.TURNS, ["again"])
    await group.web.publish(Topic.TURNS, ["last"])
    batches = await until_taken(group, {"again", "last"})
    assert sorted(each for batch in batches for each in batch) == ["again", "last"]


async def test_topics_do_not_mix(group: Group) -> None:
    await group.web.publish(Topic.SENDS, ["s"])
    await group.web.publish(Topic.TURNS, ["t"])
    async with asyncio.timeout(BOUND_S):
        for topic, wanted in ((Topic.TURNS, "t"), (Topic.SENDS, "s")):
            waits = [asyncio.create_task(bus.take(topic, 9)) for bus in group.workers]
            done, others = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result() for task in done] == [[wanted]]
            for task in others:
                task.cancel()


async def test_who_stops_waiting_takes_nothing_away(group: Group) -> None:
    got: list[str] = []
    for number in range(60):
        waits = [asyncio.create_task(bus.take(Topic.TURNS, 9)) for bus in group.workers]
        await group.web.publish(Topic.TURNS, [f"c{number}"])
        for _ in range(number % 6):  # cancelled at different moments of the delivery
            await asyncio.sleep(0)
        for task in waits:
            task.cancel()
        ended = await asyncio.gather(*waits, return_exceptions=True)
        got += [each for ids in ended if isinstance(ids, list) for each in ids]
    wanted = {f"c{number}" for number in range(60)} - set(got)
    if wanted:
        batches = await until_taken(group, wanted)
        got += [each for batch in batches for each in batch]
    assert Counter(got) == Counter(f"c{number}" for number in range(60))


async def test_news_reach_the_pages_of_all_other_processes(group: Group) -> None:
    for number, bus in enumerate(group.processes):
        await bus.publish(Topic.LIVE, [f"from {number}"])
    wanted = {f"from {number}" for number in range(len(group.processes))}
    await until(lambda: all(len(heard) >= len(wanted) - 1 for heard in group.told))
    for number, heard in enumerate(group.told):
        assert sorted(heard) == sorted(wanted - {f"from {number}"})


async def test_nothing_to_tell_is_nothing_taken(group: Group) -> None:
    for topic in Topic:
        await group.web.publish(topic, [])
    await group.web.publish(Topic.TURNS, ["c"])
    assert await until_taken(group, {"c"}) == [["c"]]


async def test_says_how_it_is(group: Group) -> None:
    await group.workers[0].publish(Topic.SENDS, ["a", "b"])
    await until(lambda: any(bus.health().waiting[Topic.SENDS] for bus in group.workers))
    assert all(bus.health().connected and not bus.health().dropped for bus in group.processes)
    taken = [*await take(group.workers[0], 2, Topic.SENDS)]
    assert sorted(taken) == ["a", "b"]
    assert group.workers[0].health().waiting == {Topic.TURNS: 0, Topic.SENDS: 0}
