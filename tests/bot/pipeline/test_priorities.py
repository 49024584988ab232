"""Two priorities: a campaign, however large and slow, delays no reply to somebody who is writing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pipeline.bus import Topic
from bot.pipeline.claims import CAMPAIGN, CONVERSATIONS, claim_due
from bot.pipeline.delivery import CAMPAIGN_PARALLEL
from bot.pipeline.flow import Cause
from bot.runtime import Runtime
from bot.store.tables import conversation, outbox
from channels.message import IncomingKind
from tests.bot.pipeline.bus.group import until
from tests.bot.pipeline.campaign import plan_campaign
from tests.bot.pipeline.channel import Shown
from tests.bot.pipeline.harness import World, open_world
from tests.bot.pipeline.test_delivery import put

PEOPLE = 2_000


@pytest.mark.parametrize("way", ["a turn", "a colleague", "the sweep"])
async def test_a_reply_is_next_though_a_slow_account_has_a_campaign(
    database_url: str, tmp_path: Path, way: str
) -> None:
    async with open_world(database_url, tmp_path) as world:
        await world.open()
        place = await world.row(conversation)
        await plan_campaign(world, PEOPLE)
        world.channel.with_caps(rate_per_s=20.0)
        shown = world.channel.shown

        def to_ann() -> list[Shown]:
            return [one for one in shown if one.to == "ann"]

        async with Runtime(world.services, web=False) as runtime:
            await until(lambda: len(shown) > 30)  # what the bucket held is used up
            seen, before = len(to_ann()), len(shown)
            if way == "a turn":
                await runtime.ingress.accept([world.incoming(IncomingKind.TEXT, text="hi")])
            else:
                await put(world, "hello", author="agent", to=place.id)
                if way == "a colleague":
                    await world.services.bus.publish(Topic.SENDS, [place.id])
            await until(lambda: len(to_ann()) > seen)
            between = len(shown) - before - 1
        # Some seconds of a campaign at most, also on a busy machine; behind it were a hundred. A
        # sweep takes two to find what no hint told.
        assert between <= (100 if way == "the sweep" else 60)
        assert len(await world.rows(outbox, outbox.c.status == "pending")) > PEOPLE // 2


async def test_replies_are_claimed_first_whatever_has_been_due_for_longer(world: World) -> None:
    await world.open()
    mine = (await world.row(conversation)).id
    await plan_campaign(world, 2 * CONVERSATIONS)
    world.clock.advance(timedelta(minutes=5))
    await put(world, "a reply", to=mine)
    first = await claim_due(world.services, None)
    assert mine in {due.row["conversation_id"] for due in first}
    assert len(first) == CAMPAIGN + 1
    assert await claim_due(world.services, None, Cause.REPLY) == []


async def test_a_campaign_that_hangs_leaves_slots_to_replies(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(database_url, tmp_path) as world:
        await world.open()
        await plan_campaign(world, 200)
        release, hanging = asyncio.Event(), 0

        async def hang(shown: Shown) -> None:
            nonlocal hanging
            if shown.to != "ann":
                hanging += 1
                await release.wait()

        world.channel.during_send = hang
        async with Runtime(world.services, web=False) as runtime:
            await until(lambda: hanging == CAMPAIGN_PARALLEL)
            before = len(world.channel.shown)
            await runtime.ingress.accept([world.incoming(IncomingKind.TEXT, text="hi")])
            await until(lambda: len(world.channel.shown) > before)
            assert hanging == CAMPAIGN_PARALLEL
            release.set()


async def test_who_writes_hears_at_once_though_a_text_of_the_campaign_waits_for_them(
    world: World,
) -> None:
    """What stands before a reply in the same conversation is as urgent as that."""
    await world.open()
    world.channel.with_caps(rate_per_s=10.0)
    before = len(world.channel.shown)
    for number in range(7):
        await world.delivery._rates.reserve(
            world.channel.account, f"{number}", world.channel.caps, 0
        )
    await put(world, "news", cause="proactive")
    await put(world, "a reply")
    await world.delivery.send_due()
    assert [one.text for one in world.channel.shown[before:]] == ["news", "a reply"]
