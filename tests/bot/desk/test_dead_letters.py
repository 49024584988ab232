"""Texts that failed, or perhaps did: their reason in plain words, and "send again"."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.desk.actions import DeskError, claim, give_back, reply, resend
from bot.desk.dead_letters import may_send_again
from bot.desk.labels import failure
from bot.pipeline.claims import AGAIN
from bot.pipeline.flow import Author, SendStatus
from bot.safety.access import User
from bot.store.erasure import erase_person
from bot.store.tables import audit, case, message, outbox, person, record
from channels.base import Outcome, OutcomeKind
from channels.message import Receipt, ReceiptStatus
from tests.bot.desk.world import ACCOUNT, World

S = SendStatus


@pytest.mark.parametrize(
    ("author", "status", "detail", "wanted"),
    [
        (Author.AGENT, S.FAILED, "", True),
        (Author.BOT, S.FAILED, "transient: 503", True),
        (Author.BOT, S.UNKNOWN, "", True),
        (Author.BOT, S.DROPPED, "window_closed", True),
        (Author.BOT, S.DROPPED, "answered", False),
        (Author.BOT, S.DROPPED, "stale_control", False),
        (Author.AGENT, S.DROPPED, "stale_control", True),
        (Author.AGENT, S.SENT, "", False),
        (Author.BOT, S.PENDING, "", False),
        (Author.BOT, S.CLAIMED, "", False),
        (Author.PERSON, S.FAILED, "", False),
    ],
)
def test_what_may_be_sent_again(
    author: Author, status: SendStatus, detail: str, wanted: bool
) -> None:
    assert may_send_again(author, status, detail) is wanted


@pytest.mark.parametrize(
    ("detail", "unknown", "words"),
    [
        ("transient: 503", False, "could not be reached"),
        (f"{AGAIN}; transient: 503", False, "could not be reached"),
        ("platform:131026", False, "could not deliver"),
        ("stale_control", False, "colleague"),
        ("template_problem: 132001", False, "template"),
        ("bug:KeyError", False, "error of ours"),
        ("the sender died while sending", True, "connection broke"),
        ("", True, "did not say"),
        ("ServerDisconnectedError", True, "did not say"),
        ("470", False, "did not take it"),
    ],
)
def test_reasons_are_told_in_plain_words(detail: str, unknown: bool, words: str) -> None:
    assert words in failure(detail, str, unknown=unknown)


async def failed(world: World, who: User, *outcomes: Outcome) -> tuple[str, int, int]:
    """A case of `who` with a text of the bot that met these outcomes: case, message, outbox row."""
    case_id = await world.case()
    await claim(world.services, case_id, who)
    held = (await world.rows(case, id=case_id))[0]
    line = [row for row in await world.rows(message, author="bot") if row["outbox_id"]][-1]
    async with world.services.db.write() as conn:
        await conn.execute(
            outbox.update()
            .where(outbox.c.id == line["outbox_id"])
            .values(status="failed", detail="transient: 503", sent_at=None, parts_done=0)
        )
    assert held["conversation_id"] == line["conversation_id"]
    world.channel.outcomes = list(outcomes)
    return case_id, line["id"], line["outbox_id"]


async def sent(world: World, row: int) -> dict[str, Any]:
    return dict((await world.rows(outbox, id=row))[0])


async def test_a_text_of_the_bot_is_sent_again_by_who_has_the_case_and_written_down(
    world: World,
) -> None:
    ann = await world.agent("ann")
    case_id, line, row = await failed(world, ann)
    await resend(world.services, case_id, ann, line)
    await world.settle()
    assert (await sent(world, row))["status"] == S.SENT
    told = (await world.rows(record, kind="case_sent_again"))[0]["data"]
    assert told["outbox"] == row
    assert (told["was"], told["detail"]) == ("failed", "transient: 503")
    written = (await world.rows(audit, action="case.sent_again"))[0]
    assert (written["actor"], written["data"]["outbox"]) == ("ann", row)


async def test_a_double_click_sends_once(world_on_both: World) -> None:
    world = world_on_both
    ann = await world.agent("ann")
    case_id, line, row = await failed(world, ann)
    clicks = [resend(world.services, case_id, ann, line) for _ in range(2)]
    ended = await asyncio.gather(*clicks, return_exceptions=True)
    assert [type(one) for one in ended if one] == [DeskError]
    await world.settle()
    assert (await sent(world, row))["attempts"] == 1
    assert len(await world.rows(record, kind="case_sent_again")) == 1


async def code(act: Any) -> str:
    with pytest.raises(DeskError) as error:
        await act
    return error.value.code


async def test_send_again_is_refused_where_it_must_not_go_out(world: World) -> None:
    ann, bob = await world.agent("ann"), await world.agent("bob")
    case_id, line, row = await failed(world, ann)
    services = world.services
    assert await code(resend(services, case_id, bob, line)) == "taken"
    assert await code(resend(services, case_id, ann, line + 1_000)) == "not_failed"
    person_id = (await sent(world, row))["person_id"]

    async def opted_out(at: Any) -> None:
        async with services.db.write() as conn:
            await conn.execute(
                person.update().where(person.c.id == person_id).values(opted_out_at=at)
            )

    await opted_out(world.clock.now())
    assert await code(resend(services, case_id, ann, line)) == "opted_out"
    await opted_out(None)
    async with services.db.write() as conn:
        await conn.execute(outbox.update().where(outbox.c.id == row).values(status="sent"))
    assert await code(resend(services, case_id, ann, line)) == "not_failed"
    async with services.db.write() as conn:
        await conn.execute(outbox.update().where(outbox.c.id == row).values(status="failed"))
        await erase_person(conn, services.vault, person_id, world.clock.now())
    assert await code(resend(services, case_id, ann, line)) == "ended", "erasing ends the case"
    assert (await sent(world, row))["status"] == S.FAILED


async def test_who_may_not_speak_sends_nothing_again(world: World) -> None:
    ann = await world.agent("ann")
    waiting = await world.case("li")
    lines = [row for row in await world.rows(message, author="bot") if row["outbox_id"]]
    assert await code(resend(world.services, waiting, ann, lines[-1]["id"])) == "not_taken"
    await claim(world.services, waiting, ann)
    await give_back(world.services, waiting, ann, resume=True)
    assert await code(resend(world.services, waiting, ann, lines[-1]["id"])) == "ended"


async def test_what_the_platform_took_and_could_not_deliver_is_sent_anew(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    world.channel.outcomes = [Outcome(OutcomeKind.OK, provider_id="p1")]
    line = await reply(world.services, case_id, ann, "您好", seen=10**9)
    await world.settle()
    told = Receipt(ACCOUNT, "p1", ReceiptStatus.FAILED, world.clock.now(), "131026")
    await world.ingress.accept((), (told,))
    (row,) = await world.rows(outbox, author="agent")
    assert (row["status"], row["parts_done"]) == (S.FAILED, 1)
    world.channel.outcomes = [Outcome(OutcomeKind.OK, provider_id="p2")]
    await resend(world.services, case_id, ann, line)
    await world.settle()
    (row,) = await world.rows(outbox, author="agent")
    assert (row["status"], row["provider_id"], row["receipt"]) == (S.SENT, "p2", None)
    assert world.channel.outcomes == []
