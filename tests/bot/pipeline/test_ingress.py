"""What comes in is durable once, whatever the platform repeats, and one bad delivery hurts nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.pipeline import ingress as ingress_module
from bot.pipeline.ingress import OverloadedError
from bot.store.tables import inbox, outbox, record
from channels.base import Outcome, OutcomeKind
from channels.message import IncomingKind, ReceiptStatus
from tests.bot.pipeline.harness import World

TEXT = IncomingKind.TEXT


async def test_a_redelivered_update_is_kept_and_answered_once(world: World) -> None:
    await world.start()
    update = world.incoming(TEXT, text="4", external_id="u1")
    first = await world.take(update)
    assert await world.take(update) == []
    assert [shown.text for shown in first] == ["2/3 · Why is that?"]
    assert len(await world.rows(inbox, inbox.c.external_id == "u1")) == 1


@pytest.mark.parametrize("text", ["4 \ud83d", "\udfff\ud83d 4", "4\0"])
async def test_half_a_character_is_no_reason_to_lose_a_message(world: World, text: str) -> None:
    await world.start()
    assert await world.say(text)
    (row,) = await world.rows(inbox, inbox.c.kind == "text")
    assert row.processed_at is not None
    assert row.error is None


async def test_one_delivery_with_the_same_update_twice_keeps_it_once(world: World) -> None:
    update = world.incoming(TEXT, text="hi", external_id="u1")
    await world.accept(update, update)
    assert len(await world.rows(inbox)) == 1


async def test_batches_form_while_a_commit_is_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    commit = world.ingress._commit

    async def counted(batch: Any) -> Any:
        sizes.append(len(batch))
        return await commit(batch)

    monkeypatch.setattr(world.ingress, "_commit", counted)
    updates = [world.incoming(TEXT, f"p{i % 7}", text="hi") for i in range(40)]
    await asyncio.gather(*(world.accept(update) for update in updates))
    assert len(await world.rows(inbox)) == 40
    assert len(sizes) < 10


async def test_one_delivery_that_is_refused_does_not_take_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = world.ingress._insert

    async def refuses_bad(conn: Any, incoming: Sequence[Any], *rest: Any) -> None:
        if any(one.text == "bad" for one in incoming):
            raise ValueError("refused")
        await insert(conn, list(incoming), *rest)

    monkeypatch.setattr(world.ingress, "_insert", refuses_bad)
    texts = ["one", "bad", "two"]
    results = await asyncio.gather(
        *(world.accept(world.incoming(TEXT, t, text=t)) for t in texts), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), ValueError, type(None)]
    assert len(await world.rows(inbox)) == 2


async def test_too_much_waiting_is_refused_before_it_is_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingress_module, "WAITING_MAX", 3)
    world.writer.cancel()
    waiting = [asyncio.create_task(world.accept(world.incoming(TEXT, text="hi"))) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await world.accept(world.incoming(TEXT, text="one too many"))
    world.writer = asyncio.create_task(world.ingress.run())
    await asyncio.gather(*waiting)
    assert len(await world.rows(inbox)) == 4


async def test_a_caller_who_hangs_up_does_not_undo_the_message(world: World) -> None:
    waiting = asyncio.create_task(world.accept(world.incoming(TEXT, text="hi")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await world.accept(world.incoming(TEXT, text="and more"))
    assert len(await world.rows(inbox)) == 2


S, D, R, F = (
    ReceiptStatus.SENT,
    ReceiptStatus.DELIVERED,
    ReceiptStatus.READ,
    ReceiptStatus.FAILED,
)


@pytest.mark.parametrize(
    ("told", "receipt", "status"),
    [
        ((S, D, R), "read", "sent"),
        ((R, D, S), "read", "sent"),
        ((D, S), "delivered", "sent"),
        ((R, S, D), "read", "sent"),
        ((S, F), "failed", "failed"),
        ((F, S), "failed", "failed"),
        ((D, F), "delivered", "sent"),
        ((R, F), "read", "sent"),
        ((F, D), "failed", "failed"),
        ((D, D), "delivered", "sent"),
    ],
)
async def test_receipts_in_any_order_keep_the_latest_stage(
    world: World, told: tuple[ReceiptStatus, ...], receipt: str, status: str
) -> None:
    await world.open()
    (row,) = await world.rows(outbox)
    for one in told:
        await world.receipt(row.provider_id, one, "131026" if one is F else "")
    (row,) = await world.rows(outbox)
    assert (row.receipt, row.status) == (receipt, status)
    assert ("send_failed" in await world.kinds()) is (status == "failed")


async def test_a_receipt_that_comes_before_its_message_is_known_is_not_lost(world: World) -> None:
    told: list[str] = []

    async def platform_is_fast(shown: Any) -> None:
        told.append(f"{world.channel.account}-{world.channel.number + 1}")
        await world.receipt(told[-1], ReceiptStatus.DELIVERED)

    world.channel.during_send = platform_is_fast
    await world.open()
    (row,) = await world.rows(outbox)
    assert row.receipt is None
    assert row.provider_id == told[0]
    await world.ingress.look_again()
    (row,) = await world.rows(outbox)
    assert row.receipt == "delivered"


async def test_a_receipt_of_a_foreign_message_is_given_up_some_day(world: World) -> None:
    await world.receipt("not-ours", ReceiptStatus.READ)
    for _ in range(ingress_module.EARLY_LOOKS + 2):
        await world.ingress.look_again()
    assert world.ingress._early == {}
    assert await world.rows(record) == []


async def test_a_platform_status_proves_that_an_unknown_send_arrived(world: World) -> None:
    await world.start()
    await world.wait("25h")
    world.channel.next(*[Outcome(OutcomeKind.UNKNOWN)] * 2)
    await world.wait("2h")
    unknown = await world.rows(outbox, outbox.c.status == "unknown")
    assert unknown
    async with world.services.db.write() as conn:
        await conn.execute(
            outbox.update().where(outbox.c.id == unknown[0].id).values(provider_id="late")
        )
    await world.receipt("late", ReceiptStatus.DELIVERED)
    assert (await world.row(outbox, outbox.c.id == unknown[0].id)).status == "sent"


@pytest.mark.parametrize(
    ("text", "greeting"),
    [("hi, who is this?", "automated assistant"), ("你好", "自动回访助手"), ("👋", "automated")],
)
async def test_a_stranger_is_greeted_in_the_language_of_their_first_words(
    world: World, text: str, greeting: str
) -> None:
    shown = await world.say(text, "stranger")
    assert greeting in shown[0].text
