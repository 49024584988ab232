"""Decisions through the whole pipeline (DESK 24 to 26): gaps, bursts, and an answer beside a question."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.pipeline.flow import InboxKind
from bot.pipeline.turns import run_turns
from bot.store.tables import answer_use, conversation, gap, inbox, record, timer
from channels.message import Incoming, IncomingKind
from dialogs.burst import QUIET
from tests.bot.pipeline.channel import Shown
from tests.bot.pipeline.harness import World, open_world

TEXT = IncomingKind.TEXT
PIECES = ("how long", "does a refund", "take to arrive")


def words(shown: list[Shown]) -> str:
    return "\n".join(one.text for one in shown)


def pieces(world: World, *texts: str) -> list[Incoming]:
    return [world.incoming(TEXT, text=text) for text in texts]


async def test_desk_24_below_the_threshold_the_bot_abstains_and_its_question_follows(
    world: World,
) -> None:
    await world.start()
    shown = await world.say("Is there a bank on the moon?")
    assert "I don't have a reliable answer" in shown[0].text
    assert [option.label for option in shown[0].options] == ["Talk to a person", "No, thanks"]
    assert shown[-1].text == "Back to my question:\nHow was it?"
    kept = await world.row(gap)
    assert await world.opened(kept.person_id, kept.question) == "Is there a bank on the moon?"
    assert await world.rows(answer_use) == []


async def test_desk_24_none_of_what_was_offered_is_a_gap_too(world: World) -> None:
    await world.start()
    await world.say("how about the fee of a refund?")
    assert await world.rows(gap) == []
    shown = await world.tap("None of these")
    assert "I've passed the question to our team" in words(shown)
    kept = await world.row(gap)
    assert await world.opened(kept.person_id, kept.question) == "how about the fee of a refund?"


async def test_desk_25_three_messages_in_one_turn_are_one_question(world: World) -> None:
    await world.start()
    shown = await world.take(*pieces(world, *PIECES))
    assert shown == []
    shown = await world.wait("3s")
    assert words(shown).count("A refund takes 3–7 working days") == 1
    assert len(shown) == 2
    assert await world.kinds("answered", "abstained", "clarified") == ["answered"]
    lines = [text for author, text in await world.transcript() if author == "person"]
    assert lines[-3:] == list(PIECES)


async def test_desk_25_three_messages_one_after_the_other_are_one_question(world: World) -> None:
    await world.start()
    shown = []
    for text in PIECES:
        shown += await world.say(text)
        shown += await world.wait(timedelta(seconds=1.9))
    assert shown == []
    shown = await world.wait("2s")
    assert words(shown).count("A refund takes 3–7 working days") == 1
    assert await world.kinds("answered", "abstained", "clarified") == ["answered"]


async def test_desk_25_three_complete_messages_that_wait_together_get_one_reply(
    world: World,
) -> None:
    """While the bot was away; each alone would have had an answer."""
    await world.start()
    asked = ("How long does a refund take?", "my refund", "refund please!")
    shown = await world.take(*pieces(world, *asked))
    assert words(shown).count("A refund takes 3–7 working days") == 1
    assert len(shown) == 2
    assert await world.rows(timer, timer.c.kind == "burst") != []  # stale, as the last one ended it
    assert await world.wait("5s") == []


async def test_desk_25_messages_minutes_apart_that_wait_together_are_heard_apart(
    world: World,
) -> None:
    await world.start()
    await world.accept(world.incoming(TEXT, text="what are the fees?"))
    world.clock.advance(timedelta(minutes=2))
    await world.accept(world.incoming(TEXT, text="how long does a refund take?"))
    await world.settle()
    assert await world.kinds("answered") == ["answered", "answered"]


async def test_desk_25_a_piece_that_waits_outlives_its_process(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(database_url, tmp_path) as one:
        await one.start()
        assert await one.say("how long") == []
    async with open_world(database_url, tmp_path, clock=one.clock, channel=one.channel) as two:
        assert await two.take(*pieces(two, "does a refund take?")) != []
        assert await two.kinds("answered") == ["answered"]
        await two.wait("1m")
        assert await two.say("somewhere") == []
    two.clock.advance(timedelta(days=1))
    async with open_world(database_url, tmp_path, clock=two.clock, channel=two.channel) as three:
        before = len(three.channel.shown)
        await three.settle()
        assert "Sorry, I didn't get that" in words(three.channel.shown[before:])
        assert all(row.processed_at for row in await three.rows(inbox))


async def test_desk_25_two_processes_hear_one_burst_once(database_url: str, tmp_path: Path) -> None:
    async with open_world(database_url, tmp_path) as one:
        await one.start()
        async with open_world(database_url, tmp_path, clock=one.clock, channel=one.channel) as two:
            ids = [(await one.row(conversation)).id]
            for world, text in zip((one, two, one), PIECES, strict=True):
                await world.accept(*pieces(world, text))
                await asyncio.gather(*(run_turns(w.services, ids) for w in (one, two)))
            one.clock.advance(QUIET)
            await asyncio.gather(one.settle(), two.settle())
            await one.settle()
        assert await one.kinds("answered") == ["answered"]
        assert words(one.channel.shown).count("A refund takes 3–7 working days") == 1


async def test_desk_25_what_a_burst_waits_for_does_not_speak_into_a_handoff(world: World) -> None:
    await world.start()
    await world.say("how long")
    await world.say("agent")
    assert await world.wait("5s") == []
    fired = await world.rows(inbox, inbox.c.kind == str(InboxKind.TIMER))
    assert len(fired) == 1


async def test_desk_25_a_secret_in_pieces_does_not_stay_in_what_waits(world: World) -> None:
    await world.start()
    await world.say("my password is")
    await world.say("Hunter2!")
    await world.wait("5s")
    assert "Hunter2" not in await world.everything()


@pytest.mark.parametrize(
    "more", ["5, but when do I get the card?", "when do I get the card? And 5"]
)
async def test_desk_26_a_rating_and_a_question_in_one_message_both_count(
    world: World, more: str
) -> None:
    await world.start()
    shown = await world.say(more)
    assert (await world.answers())["rating"] == 5
    assert "The card arrives within 5–10 working days." in words(shown)
    assert shown[-1].text == "2/3 · Why is that?"
    assert await world.kinds("answered") == ["answered"]


async def test_desk_26_a_rating_and_a_question_in_two_messages_both_count(world: World) -> None:
    await world.start()
    shown = await world.take(*pieces(world, "5", "but when do I get the card?"))
    assert (await world.answers())["rating"] == 5
    assert words(shown).count("The card arrives within 5–10 working days.") == 1
    data = [row.data for row in await world.rows(record, record.c.kind == "answered")]
    assert [item["article"] for item in data] == ["card"]


@pytest.mark.parametrize(
    ("locale", "text", "shown"),
    [
        ("zh-TW", "退款", "退款 3–7 個工作日到賬。"),
        ("zh-hant", "退款", "退款 3–7 個工作日到賬。"),
        ("zh-CN", "退款", "退款 3–7 个工作日到账。"),
        ("", "請問退款", "退款 3–7 個工作日到賬。"),
    ],
)
async def test_the_answer_is_in_the_script_that_the_platform_or_the_person_tells(
    world: World, locale: str, text: str, shown: str
) -> None:
    await world.take(replace(world.incoming(IncomingKind.START, "wu"), locale=locale or "zh"))
    said = words(await world.take(replace(world.incoming(TEXT, "wu", text=text), locale=locale)))
    assert shown in said
