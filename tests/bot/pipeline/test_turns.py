"""Turns: each inbox row counts once, in order, whoever else works on the same conversation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.outreach.followups import cancel_followup
from bot.pipeline import plan, turns, writes
from bot.pipeline.turns import run_turns
from bot.runtime import OVERLOOKED, sweep
from bot.store.columns import Ciphertext
from bot.store.erasure import erase_person
from bot.store.tables import (
    case,
    consent,
    conversation,
    gap,
    inbox,
    message,
    outbox,
    person,
    result,
    timer,
)
from channels.message import IncomingKind
from dialogs.engine import advance
from dialogs.events import Said
from tests.bot.pipeline.channel import Shown
from tests.bot.pipeline.harness import World, open_world

TEXT, TAP = IncomingKind.TEXT, IncomingKind.TAP
SEED = "abandon ability able about above absent absorb abstract absurd abuse access accident"


def words(shown: list[Shown]) -> list[str]:
    return [one.text for one in shown]


@pytest.mark.parametrize("labels", [("4", "4"), ("4", "5")])
async def test_two_taps_at_the_same_instant_are_one_answer_and_one_conversation(
    database_url: str, tmp_path: Path, labels: tuple[str, str]
) -> None:
    async with open_world(database_url, tmp_path) as one:
        await one.start()
        async with open_world(database_url, tmp_path, clock=one.clock, channel=one.channel) as two:
            taps = [one.incoming(TAP, token=one.token(label)) for label in labels]
            await asyncio.gather(one.accept(taps[0]), two.accept(taps[1]))
            ids = [(await one.row(conversation)).id]
            await asyncio.gather(*(run_turns(w.services, ids) for w in (one, two, one)))
            await asyncio.gather(one.settle(), two.settle())
        first = int(labels[0]) if (await one.answers())["rating"] == int(labels[0]) else 5
        assert (await one.answers())["rating"] == first
        assert (await one.row(result, result.c.name == "rating")).corrections == 0
        questions = [text for text in words(one.channel.shown) if "Why is that?" in text]
        assert len(questions) == (1 if labels[0] == labels[1] else len(questions))
        assert "2/3 · Why is that?" in questions
        lines = await one.rows(message)
        assert len(lines) == len({line.id for line in lines})
        assert all(row.processed_at for row in await one.rows(inbox))


async def test_a_turn_on_a_stale_revision_is_computed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    await world.accept(world.incoming(TEXT, text="4"))
    place = await world.row(conversation)
    load = turns._load
    once: list[int] = []

    async def overtaken(*args: Any) -> Any:
        loaded = await load(*args)
        if not once:
            once.append(1)
            async with world.services.db.write() as conn:
                await conn.execute(
                    conversation.update().values(
                        control="human",
                        control_epoch=place.control_epoch + 1,
                        revision=place.revision + 1,
                    )
                )
        return loaded

    monkeypatch.setattr(turns, "_load", overtaken)
    before = len(world.channel.shown)
    assert await run_turns(world.services, [place.id]) == [place.id]
    assert await world.answers() == {}
    await world.settle()
    assert world.channel.shown[before:] == []  # a person speaks now
    assert (await world.row(conversation)).control == "human"


async def test_a_feed_number_counted_on_by_a_sender_is_not_given_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services.channels["webchat:main"] = world.channel
    await world.take(world.incoming(TEXT, "v", text="hi", account="webchat:main"))
    await world.accept(world.incoming(TEXT, "v", text="again", account="webchat:main"))
    place = await world.row(conversation)
    load = turns._load

    async def meanwhile(*args: Any) -> Any:
        loaded = await load(*args)
        async with world.services.db.write() as conn:
            await conn.execute(conversation.update().values(feed=conversation.c.feed + 1))
        return loaded

    monkeypatch.setattr(turns, "_load", meanwhile)
    await run_turns(world.services, [place.id])
    monkeypatch.undo()
    await world.settle()
    numbers = [row.feed for row in await world.rows(message) if row.feed is not None]
    assert len(numbers) == len(set(numbers))
    assert place.feed + 1 not in numbers


async def test_a_row_that_breaks_the_engine_is_parked_and_the_rest_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()

    def breaks(script: Any, state: Any, event: Any, context: Any) -> Any:
        if isinstance(event, Said) and event.text == "poison":
            raise ZeroDivisionError
        return advance(script, state, event, context)

    monkeypatch.setattr(plan, "advance", breaks)
    await world.accept(
        world.incoming(TEXT, text="4"),
        world.incoming(TEXT, text="poison"),
        world.incoming(TEXT, text="because"),
    )
    await world.settle()
    parked = await world.row(inbox, inbox.c.error.is_not(None))
    assert parked.error.startswith("ZeroDivisionError at")
    assert (await world.row(case)).reason == "bot_error"
    assert (await world.row(conversation)).control == "queued"
    assert await world.answers() == {"rating": 4}
    assert ("person", "because") in await world.transcript()
    assert ("person", "poison") in await world.transcript()


async def test_a_turn_that_the_database_refuses_costs_only_its_row(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    await world.open(who="bob")
    write = writes.write_plans

    async def refuses(conn: Any, services: Any, plans: Any, *rest: Any) -> Any:
        for one in plans:
            if any(i.body.get("text") == "poison" for i in one.inbound) and not one.failed:
                raise ValueError("refused")
        return await write(conn, services, plans, *rest)

    monkeypatch.setattr(turns, "write_plans", refuses)
    await world.accept(
        world.incoming(TEXT, text="4"),
        world.incoming(TEXT, text="poison"),
        world.incoming(TEXT, text="later on"),
        world.incoming(TEXT, "bob", text="fees?"),
    )
    await world.settle()
    rows = await world.rows(inbox)
    assert all(row.processed_at for row in rows)
    assert [row.error is not None for row in rows[-4:]] == [False, True, False, False]
    assert await world.answers() == {"rating": 4}
    assert (await world.row(case)).reason == "bot_error"
    assert any("CNY 2" in one.text for one in world.channel.shown if one.to == "bob")


async def test_a_database_that_is_away_parks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    await world.accept(world.incoming(TEXT, text="4"))
    place = await world.row(conversation)

    async def away(*_: Any) -> Any:
        raise OperationalError("UPDATE", {}, Exception("server closed the connection"))

    monkeypatch.setattr(turns, "write_plans", away)
    with pytest.raises(OperationalError):
        await run_turns(world.services, [place.id])
    monkeypatch.undo()
    await world.settle()
    assert await world.answers() == {"rating": 4}


async def test_two_transactions_that_met_are_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    await world.accept(world.incoming(TEXT, text="4"))
    place = await world.row(conversation)
    write = writes.write_plans
    met: list[int] = []

    class Deadlock(Exception):  # noqa: N818 (as the driver names it)
        sqlstate = "40P01"

    async def deadlock(*args: Any) -> Any:
        if len(met) < 3:
            met.append(1)
            raise DBAPIError("UPDATE", {}, Deadlock())
        return await write(*args)

    monkeypatch.setattr(turns, "write_plans", deadlock)
    left = [place.id]
    while left:
        left = await run_turns(world.services, left)
    assert await world.answers() == {"rating": 4}
    assert await world.rows(case) == []


async def test_a_conversation_that_cannot_be_read_does_not_stop_the_others(world: World) -> None:
    await world.start()
    await world.open(who="bob")
    broken = await world.row(conversation, conversation.c.followup_id.is_not(None))
    async with world.services.db.write() as conn:
        await conn.execute(
            conversation.update()
            .where(conversation.c.id == broken.id)
            .values(state=Ciphertext(b"\x01" + bytes(60)))
        )
    await world.accept(
        world.incoming(TEXT, text="4"),
        world.incoming(TEXT, "bob", text="fees?"),
    )
    await world.settle()
    assert any("CNY 2" in one.text for one in world.channel.shown if one.to == "bob")
    assert "SealError" in (await world.row(inbox, inbox.c.error.is_not(None))).error
    assert (await world.row(case)).conversation_id == broken.id


async def test_rows_of_an_erased_person_are_laid_aside(world: World) -> None:
    await world.start()
    await world.accept(world.incoming(TEXT, text="4"))
    async with world.services.db.write() as conn:
        await erase_person(conn, world.services.vault, world.person_id, world.clock.now())
        await conn.execute(inbox.update().values(processed_at=None))
    await world.settle()
    assert all(row.processed_at for row in await world.rows(inbox))
    world.clock.advance(2 * OVERLOOKED)
    assert await sweep(world.services) == 0


async def test_a_flood_is_worked_off_in_order_and_holds_nobody_up(world: World) -> None:
    await world.start()
    lines = [f"line {chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60)]
    flood = [world.incoming(TEXT, text=text) for text in lines]
    await world.accept(*flood, world.incoming(TEXT, "bob", text="fees?"))
    ids = [row.id for row in await world.rows(conversation)]
    left = await run_turns(world.services, ids)
    assert any("CNY 2" in text for _, text in await world.transcript())
    assert len(left) == 1
    await world.settle()
    said = [text for author, text in await world.transcript() if text.startswith("line ")]
    assert said == lines


async def test_a_burst_keeps_a_correction_after_its_answer(world: World) -> None:
    await world.start()
    await world.accept(
        world.incoming(TEXT, text="4"), world.incoming(TEXT, text="actually, change my rating to 5")
    )
    await world.settle()
    assert (await world.answers())["rating"] == 5
    row = await world.row(result, result.c.name == "rating")
    assert (row.corrections, row.number) == (1, 5.0)
    assert await world.opened(row.person_id, row.first_value) == 4


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ("my card is 4111 1111 1111 1111 ok", "4111"),
        (f"my words: {SEED}", "abandon ability"),
        ("验证码 839201", "839201"),
    ],
)
async def test_a_secret_is_gone_before_anything_is_stored(
    world: World, said: str, secret: str
) -> None:
    await world.start()
    shown = await world.say(said)
    assert secret not in await world.everything()
    assert "redacted" in await world.kinds()
    assert shown
    assert not any(secret in one.text for one in shown)


async def test_a_bare_code_is_a_secret_where_no_number_is_asked_for(world: World) -> None:
    await world.open()
    await world.say("839201")
    assert "839201" not in await world.everything()


@pytest.mark.parametrize("burst", [False, True])
async def test_a_seed_phrase_in_pieces_is_scrubbed_everywhere(world: World, burst: bool) -> None:
    await world.start()
    await world.tap("4")
    pieces = [" ".join(SEED.split()[at : at + 3]) for at in range(0, 12, 3)]
    updates = [world.incoming(TEXT, text=piece) for piece in pieces]
    if burst:
        await world.take(*updates)
    else:
        for update in updates:
            await world.take(update)
    everything = await world.everything()
    for piece in pieces:
        assert piece not in everything
    assert (await world.row(gap)) if await world.rows(gap) else True


async def test_a_card_number_in_pieces_is_scrubbed_from_the_answers(world: World) -> None:
    await world.start()
    await world.tap("4")
    for piece in ("4111 1111", "1111 1111"):
        await world.say(piece)
    assert "1111 1111" not in await world.everything()
    row = await world.row(result, result.c.name == "reason")
    assert "1111" not in str(await world.opened(row.person_id, row.first_value))


async def test_a_parked_row_keeps_no_secret_that_only_the_turn_knows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()

    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(plan, "advance", breaks)
    await world.say("839201")
    assert "839201" not in await world.everything()


# ── opting out, cancelling, tokens ──────────────────────────────────────────────────────────────


async def test_opting_out_takes_back_timers_and_what_the_bot_wanted_to_start(world: World) -> None:
    await world.start()
    place = await world.row(conversation)
    async with world.services.db.write() as conn:
        keys = await world.services.vault.keys(conn, [place.person_id])
        await conn.execute(
            outbox.insert(),
            {
                "conversation_id": place.id,
                "person_id": place.person_id,
                "account": place.account,
                "author": "bot",
                "cause": "proactive",
                "control_epoch": place.control_epoch,
                "payload": keys[place.person_id].seal('{"text": "x", "options": []}'),
                "due_at": world.clock.now() + timedelta(hours=1),
                "status": "pending",
                "created_at": world.clock.now(),
            },
        )
    shown = await world.say("STOP")
    assert shown  # one confirmation
    assert await world.rows(timer) == []
    assert {row.status for row in await world.rows(outbox, outbox.c.cause == "proactive")} == {
        "dropped"
    }
    assert (await world.row(person)).opted_out_at is not None
    assert [row.action for row in await world.rows(consent)] == ["withdrawn"]
    assert await world.wait("10d") == []


async def test_a_cancelled_followup_says_nothing_more(world: World) -> None:
    await world.start()
    assert await cancel_followup(world.services, world.followup_id, "changed their mind")
    assert not await cancel_followup(world.services, world.followup_id, "again")
    assert await world.rows(timer) == []
    assert await world.wait("10d") == []


async def test_cancelling_what_has_ended_changes_nothing(world: World) -> None:
    await world.start()
    await world.tap("4")
    await world.say("quick")
    await world.say("a dark theme please")
    before = await world.row(conversation)
    assert not await cancel_followup(world.services, world.followup_id, "too late")
    after = await world.row(conversation)
    assert (after.followup_id, after.state) == (before.followup_id, before.state)


async def test_a_button_of_the_followup_before_does_not_answer_the_next(world: World) -> None:
    await world.start()
    old = world.token("5")
    await world.start()
    await world.take(world.incoming(TAP, token=old))
    assert await world.answers() == {}


@pytest.mark.parametrize("token", ["", "x", "A" * 22, "é" * 22, "=" * 64, "-_-_-_-_-_-_-_-_-_-_-A"])
async def test_a_forged_token_asks_again_and_records_nothing(world: World, token: str) -> None:
    await world.start()
    shown = await world.take(world.incoming(TAP, token=token))
    assert words(shown) == ["How was it?"]
    assert await world.answers() == {}


async def test_the_token_of_another_person_does_nothing_here(world: World) -> None:
    await world.open(who="bob")
    await world.start()
    stolen = world.token("1")
    await world.take(world.incoming(TAP, "bob", token=stolen))
    assert await world.answers() == {}
    assert (await world.rows(case)) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b\u200b",
        "\u202eevil\u202c",
        "👍" * 200,
        "a" * 50_000,
        "界" * 50_000,
        "{{person.name}}",
        "<script>alert(1)</script>",
        "\x00",
        "%s%n",
        "1" * 4_000,
    ],
    ids=lambda text: repr(text[:8]),
)
async def test_hostile_texts_are_only_texts(world: World, text: str) -> None:
    await world.start()
    await world.say(text)
    await world.say("4")
    assert [row.error for row in await world.rows(inbox) if row.error] == []
    assert await world.rows(inbox, inbox.c.processed_at.is_(None)) == []


async def test_two_people_can_be_handed_over_in_one_batch(world: World) -> None:
    for who in ("ann", "bob"):
        await world.open(who=who)
    await world.accept(*(world.incoming(TEXT, who, text="agent please") for who in ("ann", "bob")))
    assert await run_turns(world.services, [row.id for row in await world.rows(conversation)]) == []
    assert {row.control for row in await world.rows(conversation)} == {"queued"}


async def test_an_edit_corrects_what_its_own_message_answered(world: World) -> None:
    await world.start()
    said = world.incoming(IncomingKind.TEXT, text="4")
    await world.take(replace(said, message_id="m1"))
    for edited, rating in (("m0", 4), ("m1", 5)):
        edit = world.incoming(IncomingKind.EDIT, text="5")
        await world.take(replace(edit, message_id=edited, reply_to=edited))
        assert (await world.answers())["rating"] == rating
