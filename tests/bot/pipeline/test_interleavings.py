"""Whatever is repeated, interleaved or killed: each input counts once, order is kept, answers are
recorded once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot.clock import GivenClock
from bot.pipeline.claims import LEASE, claim_due
from bot.pipeline.turns import run_turns
from bot.store.tables import address, conversation, inbox, message, outbox, record
from channels.message import Incoming, IncomingKind
from tests.bot.pipeline.channel import ScriptedChannel
from tests.bot.pipeline.harness import ANN, NOON, World, open_world

MOVES = ("say", "say", "tap", "redeliver", "turn", "send", "settle", "crash", "die", "twice")
people = itertools.count()


async def play(url: str, folder: Path, moves: list[tuple[str, int]]) -> None:
    clock, channel, who = GivenClock(NOON), ScriptedChannel(), f"person-{next(people)}"
    sent: list[Incoming] = []
    async with AsyncExitStack() as stack:

        async def process() -> World:
            return await stack.enter_async_context(
                open_world(url, folder, clock=clock, channel=channel)
            )

        worlds = [await process(), await process()]
        await worlds[0].applicant(replace(ANN, reference=who))
        await worlds[0].start(who=who)
        followup_id = worlds[0].followup_id
        places = await worlds[0].rows(conversation, conversation.c.followup_id == followup_id)
        ids = [place.id for place in places]
        for number, (move, pick) in enumerate(moves):
            world = worlds[pick % 2]
            clock.advance(timedelta(seconds=1))
            match move:
                case "say" | "tap":
                    text = "4" if not sent else f"words {'abcdefghij'[number % 10] * 3}"
                    update = world.incoming(IncomingKind.TEXT, who, text=text)
                    if move == "tap":
                        token = world.token("5", who)
                        update = world.incoming(IncomingKind.TAP, who, token=token)
                    sent.append(update)
                    await world.accept(update)
                case "redeliver" if sent:
                    again = sent[pick % len(sent)]
                    await asyncio.gather(*(one.accept(again) for one in worlds))
                case "turn":
                    await run_turns(world.services, ids)
                case "twice":
                    await asyncio.gather(*(run_turns(one.services, ids) for one in worlds))
                case "send":
                    await world.delivery.send_due()
                case "settle":
                    await world.settle()
                case "die":  # between the claim and the platform
                    await claim_due(world.services, ids)
                    clock.advance(LEASE + timedelta(seconds=1))
                case "crash":
                    worlds[pick % 2] = await process()
        await worlds[0].settle()
        clock.advance(LEASE + timedelta(seconds=1))
        await worlds[0].settle()
        await check(worlds[0], who, followup_id, sent)


async def check(world: World, who: str, followup_id: str, sent: list[Incoming]) -> None:
    place = await world.row(conversation, conversation.c.followup_id == followup_id)
    mine = inbox.c.conversation_id == place.id
    rows = await world.rows(inbox, mine, inbox.c.kind.in_(["text", "tap"]))
    assert [row.external_id for row in rows] == [update.external_id for update in sent]
    assert all(row.processed_at and not row.error for row in rows)
    said = [update.text for update in sent if update.text]
    shown = [
        (await world.opened(row.person_id, row.body)).get("text", "")
        for row in await _person_lines(world, place.id)
    ]
    assert [text for text in shown if text] == said
    records = await world.rows(record, record.c.followup_id == followup_id)
    results = Counter(row.data["name"] for row in records if row.kind == "result")
    assert set(results.values()) <= {1}
    out = await world.rows(outbox, outbox.c.conversation_id == place.id)
    assert {row.status for row in out} <= {"sent", "unknown"}
    texts = [(await world.opened(row.person_id, row.payload))["text"] for row in out]
    arrived = [one.text for one in world.channel.shown if one.to == who]
    order = [texts.index(text) for text in dict.fromkeys(arrived)]
    assert order == sorted(order)
    assert len(await world.rows(address, address.c.person_id == place.person_id)) == 1


async def _person_lines(world: World, conversation_id: str) -> list[Any]:
    where = (message.c.conversation_id == conversation_id, message.c.author == "person")
    return list(await world.rows(message, *where, message.c.kind == "text"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_any_interleaving_counts_each_input_once_and_in_order(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = "sqlite_url" if kind == "sqlite" else "pg_url"
    url: str = request.getfixturevalue(name)

    @settings(
        max_examples=12,
        phases=(Phase.explicit, Phase.generate),  # shrinking takes minutes
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(st.sampled_from(MOVES), st.integers(0, 7)), min_size=4, max_size=14))
    def run(moves: list[tuple[str, int]]) -> None:
        asyncio.run(play(url, tmp_path, moves))

    run()
