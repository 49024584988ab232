"""What the operator sees of texts that failed, and what sending them again leaves alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.pipeline.claims import AGAIN
from bot.pipeline.dead_letters import count_dead_letters, reason_of, retry_dead_letters
from bot.store.tables import audit, conversation, outbox, person
from tests.bot.pipeline.harness import World
from tests.bot.pipeline.test_delivery import put

AWAY = "transient: 503"


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("transient: 503", "transient"),
        (f"{AGAIN}; transient: 503", "transient"),
        ("the sender died while sending", "the sender died while sending"),
        ("Chat of +8613800138000 not found", "other"),
        ("", "other"),
    ],
)
def test_a_reason_is_a_word_of_ours(detail: str, reason: str) -> None:
    assert reason_of(detail) == reason


async def test_they_are_counted_by_account_and_reason(world: World) -> None:
    await world.open()
    for code in ("503", "504"):
        await put(world, "secret words", status="failed", detail=f"transient: {code}")
    await put(world, "secret words", status="unknown", detail="ServerDisconnectedError")
    await put(world, "secret words", status="dropped", detail="answered")
    async with world.services.db.read() as conn:
        piles = await count_dead_letters(conn)
    assert [(p.account, p.status, p.reason, p.count) for p in piles] == [
        ("test:main", "failed", "transient", 2),
        ("test:main", "unknown", "other", 1),
    ]
    assert piles[0].since == world.clock.now()


async def test_only_replies_that_surely_failed_and_are_still_wanted_go_out_again(
    world: World,
) -> None:
    await world.open()
    before = len(world.channel.shown)
    now = world.clock.now()
    await put(world, "again", status="failed", detail=AWAY)
    await put(world, "other reason", status="failed", detail="content_rejected: x")
    await put(world, "a reminder", cause="proactive", status="failed", detail=AWAY)
    await put(world, "unknown", status="unknown", detail=AWAY)
    await put(world, "too old", status="failed", detail=AWAY, created_at=now - timedelta(days=2))
    await put(world, "taken over since", status="failed", detail=AWAY, control_epoch=7)
    await put(world, "taken", status="failed", detail=AWAY, sent_at=now)
    assert await retry_dead_letters(world.services, "test:second", "transient") == 0
    assert await retry_dead_letters(world.services, "test:main", "transient") == 1
    assert await retry_dead_letters(world.services, "test:main", "transient") == 0
    await world.settle()
    assert [one.text for one in world.channel.shown[before:]] == ["again"]
    assert (await world.row(audit, audit.c.action == "outbox.retry")).data["reason"] == "transient"


@pytest.mark.parametrize("what", ["opted out", "a person speaks"])
async def test_nobody_is_bothered_who_must_not_be(world: World, what: str) -> None:
    await world.open()
    await put(world, "again", status="failed", detail=AWAY)
    async with world.services.db.write() as conn:
        if what == "opted out":
            await conn.execute(person.update().values(opted_out_at=world.clock.now()))
        else:
            await conn.execute(conversation.update().values(control="human"))
    assert await retry_dead_letters(world.services, "test:main", "transient") == 0
    assert (await world.rows(outbox))[-1].status == "failed"
