"""What a turn hands to the sender of its own process: it ends as what any sender finds, whatever the
platform says, and also where the process dies."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.pipeline.claims import DIED, LEASE, claim_due
from bot.pipeline.delivery import Delivery
from bot.pipeline.turns import run_turns
from bot.store.tables import conversation, outbox
from channels.base import Outcome, OutcomeKind
from channels.message import IncomingKind
from tests.bot.pipeline.channel import Shown
from tests.bot.pipeline.harness import World

K = OutcomeKind


async def answer(world: World, text: str = "4", outlet: Delivery | None = None) -> list[Shown]:
    """Let Ann write; one turn answers through the sender of its process, and nothing else runs."""
    before = len(world.channel.shown)
    await world.accept(world.incoming(IncomingKind.TEXT, text=text))
    places = [row.id for row in await world.rows(conversation)]
    await run_turns(world.services, places, outlet or world.delivery)
    await world.delivery.finish(10)
    return world.channel.shown[before:]


async def newest(world: World) -> list[tuple[str, int, int]]:
    """(status, parts done, attempts) of the last turn's rows."""
    rows = await world.rows(outbox)
    return [
        (row.status, row.parts_done, row.attempts)
        for row in rows
        if row.created_at == rows[-1].created_at
    ]


async def asked(world: World) -> None:
    """Ann was asked for a rating; what comes now is of a turn of its own."""
    await world.start()
    world.clock.advance(timedelta(seconds=1))


async def test_the_answer_goes_out_without_a_look_at_the_outbox(world: World) -> None:
    await asked(world)
    assert [one.text for one in await answer(world)] == ["2/3 · Why is that?"]
    assert await newest(world) == [("sent", 1, 1)]
    assert await world.delivery.send_due() == 0


async def test_a_part_that_failed_is_where_it_goes_on(world: World) -> None:
    await asked(world)
    world.channel.with_caps(text_max=6)
    world.channel.next(K.OK, K.TRANSIENT)
    first = await answer(world)
    assert [one.part for one in first] == [0]
    assert await newest(world) == [("pending", 1, 1)]
    rest = await world.wait("1m")
    assert "".join(one.text for one in [*first, *rest]) == "2/3 · Why is that?"
    assert [one.part for one in [*first, *rest]] == [0, 1, 2]


@pytest.mark.parametrize(("times", "status"), [(1, "sent"), (2, "unknown")])
async def test_of_which_nobody_knows_is_sent_once_more_and_no_more(
    world: World, times: int, status: str
) -> None:
    await asked(world)
    world.channel.next(*[K.UNKNOWN] * times)
    first = await answer(world)
    again = await world.wait("1h")
    assert (len(first), len(again)) == (1, 1)
    assert (await newest(world))[0][0] == status
    assert ("send_unknown" in await world.kinds()) is (status == "unknown")


async def test_the_pause_that_a_platform_asks_for_holds_the_rest_of_the_turn_back(
    world: World,
) -> None:
    await asked(world)
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=90))
    assert await answer(world, "1") == []
    assert {status for status, _, _ in await newest(world)} == {"pending"}
    tried = world.channel.tried
    await world.wait("85s")
    assert world.channel.tried == tried
    assert next(one.text for one in await world.wait("5s")) == "I am sorry."
    assert {attempts for _, _, attempts in await newest(world)} == {1}


class _Dies:
    """A sender whose process dies right after the turn's commit."""

    def has_room(self, account: str) -> bool:
        return True

    def take(self, claimed: object) -> None: ...


async def test_a_process_that_dies_after_the_commit_leaves_an_answer_that_is_sent_once(
    world: World,
) -> None:
    await asked(world)
    assert await answer(world, outlet=_Dies()) == []  # type: ignore[arg-type]
    assert await newest(world) == [("claimed", 0, 1)]
    world.clock.advance(LEASE)
    await world.settle()
    assert await newest(world) == [("claimed", 0, 1)], "the lease may still be kept"
    world.clock.advance(timedelta(seconds=1))
    before = len(world.channel.shown)
    await world.settle()
    assert [one.text for one in world.channel.shown[before:]] == ["2/3 · Why is that?"]
    await world.wait("20m")
    assert len(world.channel.shown) == before + 1
    assert (await newest(world))[0][0] == "sent"


async def test_a_death_while_sending_again_is_tried_within_bounds(world: World) -> None:
    await asked(world)
    await answer(world, outlet=_Dies())  # type: ignore[arg-type]
    world.clock.advance(LEASE + timedelta(seconds=1))
    (due,) = await claim_due(world.services, None)  # and this process dies, too
    assert due.row["detail"] == DIED
    world.clock.advance(LEASE + timedelta(seconds=1))
    before = len(world.channel.shown)
    await world.settle()
    assert len(world.channel.shown[before:]) == 1
    assert (await newest(world))[0][0] == "sent"


async def test_who_writes_while_the_answer_is_on_its_way_hears_in_order(world: World) -> None:
    await asked(world)
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=30))
    assert await answer(world) == []
    world.clock.advance(timedelta(seconds=1))
    assert await answer(world, "it was quick") == [], "it waits behind the first"
    assert [one.text for one in await world.wait("1m")] == [
        "2/3 · Why is that?",
        "3/3 · Anything else?",
    ]
