"""Start links and follow-ups: one use, one person, one channel, and the same request once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select

from bot.outreach.followups import FollowupError, cancel_followup, start_followup
from bot.safety.access import Scope, create_api_key
from bot.store.erasure import erase_person
from bot.store.tables import address, conversation, followup, inbox, person
from channels.message import IncomingKind
from tests.bot.pipeline.channel import ScriptedChannel
from tests.bot.pipeline.harness import ANN, World, open_world, token_of
from tests.bot.pipeline.server import served

BOB = type(ANN)("en", "Asia/Shanghai", "CN", name="Bob", last4="9999", reference="bob")


async def the_followup(world: World) -> str | None:
    rows = await world.rows(conversation)
    return next((row.followup_id for row in rows if row.followup_id), None)


async def test_a_link_binds_the_chat_to_its_person_once(world: World) -> None:
    token = token_of(await world.follow(), "test:main")
    await world.open(token)
    bound = await world.row(address)
    assert (bound.person_id, bound.bound_at is not None) == (world.person_id, True)
    await world.open(token, who="thief")
    stranger = await world.row(address, address.c.id != bound.id)
    assert stranger.person_id != world.person_id
    assert [row.flow for row in await world.rows(followup)] == ["in_script"]


async def test_a_start_that_is_delivered_twice_begins_once(world: World) -> None:
    token = token_of(await world.follow(), "test:main")
    update = world.incoming(IncomingKind.START, token=token, external_id="s1")
    first = await world.take(update)
    assert len(first) == 2
    assert await world.take(update) == []
    again = await world.take(world.incoming(IncomingKind.START, token=token))
    assert again[-1].text.endswith("How was it?")
    assert len(await world.rows(person)) == 1


@pytest.mark.parametrize(
    "spoil", ["expired", "forged", "other channel", "cancelled", "erased", "empty", "long"]
)
async def test_a_link_that_is_no_good_opens_the_chat_as_a_strangers(
    database_url: str, tmp_path: Path, spoil: str
) -> None:
    second = ScriptedChannel("test:second")
    async with open_world(database_url, tmp_path, more=[second]) as world:
        started = await world.follow()
        token = token_of(started, "test:main")
        match spoil:
            case "expired":
                world.clock.advance(timedelta(hours=24))
            case "forged":
                token = token[:-1] + ("A" if token[-1] != "A" else "B")
            case "other channel":
                token = token_of(started, "test:second")
            case "cancelled":
                await cancel_followup(world.services, started.id, "test")
            case "erased":
                async with world.services.db.write() as conn:
                    now = world.clock.now()
                    await erase_person(conn, world.services.vault, world.person_id, now)
            case "empty":
                token = ""
            case _:
                token = "A" * 5000
        shown = await world.take(world.incoming(IncomingKind.START, token=token))
        signed = spoil in ("expired", "other channel", "cancelled", "erased")
        assert ("This link does not work here" in shown[0].text) == signed
        assert any("automated assistant" in one.text for one in shown)
        assert (await world.row(address)).person_id != world.person_id
        assert await the_followup(world) is None


async def test_a_chat_that_is_another_applicants_is_not_taken(world: World) -> None:
    await world.start()
    await world.applicant(BOB)
    token = token_of(await world.follow(), "test:main")
    await world.open(token)
    owner = (await world.row(address)).person_id
    assert owner != world.person_id
    assert (await world.row(followup, followup.c.id == world.followup_id)).flow == "scheduled"


async def test_one_link_used_at_two_phones_at_once_binds_one(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(database_url, tmp_path) as one:
        token = token_of(await one.follow(), "test:main")
        async with open_world(database_url, tmp_path, clock=one.clock) as two:
            await asyncio.gather(
                one.accept(one.incoming(IncomingKind.START, "a", token=token)),
                two.accept(two.incoming(IncomingKind.START, "b", token=token)),
            )
        bound = [row for row in await one.rows(address) if row.bound_at]
        assert len(bound) == 1


async def test_links_that_come_in_one_batch_each_bind_their_own_chat(world: World) -> None:
    """New chats are bound together; a link twice, a chat twice and a bad link beside them."""
    ann = await world.applicant()
    first, second = [token_of(await world.follow(), "test:main") for _ in range(2)]
    bob = await world.applicant(BOB)
    third = token_of(await world.follow(), "test:main")
    await world.accept(
        world.incoming(IncomingKind.START, "a", token=first),
        world.incoming(IncomingKind.START, "b", token=third),
        world.incoming(IncomingKind.START, "c", token=first),
        world.incoming(IncomingKind.START, "a", token=second),
        world.incoming(IncomingKind.START, "d", token="forged"),
        world.incoming(IncomingKind.START, "b", token=third),
    )
    await world.settle()
    async with world.services.db.read() as conn:
        rows = (await conn.execute(select(address))).all()
        keys = await world.services.vault.keys(conn, {row.person_id for row in rows})
    owners = {
        keys[row.person_id].open(row.value): (row.person_id, row.bound_at is not None)
        for row in rows
    }
    assert owners["a"] == (ann, True)
    assert owners["b"] == (bob, True)
    assert not owners["c"][1]
    assert not owners["d"][1]
    assert len(await world.rows(person)) == 4
    flows = sorted((row.flow, row.stopped_reason) for row in await world.rows(followup))
    assert flows == [("in_script", None), ("in_script", None), ("stopped", "replaced")]


async def test_a_followup_started_while_a_person_speaks_waits_for_them(world: World) -> None:
    await world.start()
    async with world.services.db.write() as conn:
        await conn.execute(conversation.update().values(control="human"))
    before = len(world.channel.shown)
    await world.start()
    assert world.channel.shown[before:] == []
    assert (await world.row(conversation)).control == "human"
    place = await world.row(conversation)
    async with world.services.db.write() as conn:
        keys = await world.services.vault.keys(conn, [place.person_id])
        await conn.execute(conversation.update().values(control="bot", revision=place.revision + 1))
        row = {
            "account": "desk",
            "external_id": "case:given_back",
            "conversation_id": place.id,
            "person_id": place.person_id,
            "kind": "given_back",
            "payload": keys[place.person_id].seal('{"resume": true}'),
            "received_at": world.clock.now(),
        }
        await conn.execute(inbox.insert(), row)
    await world.settle()
    assert world.channel.shown[before].text == "Hello from the assistant."


async def test_who_opted_out_gets_no_new_followup(world: World) -> None:
    await world.start()
    await world.say("STOP")
    with pytest.raises(FollowupError, match="opted out"):
        await start_followup(world.services, world.person_id, "survey", source="test")
    with pytest.raises(FollowupError, match="no script"):
        await start_followup(world.services, world.person_id, "nonsense", source="test")


async def test_the_same_request_twice_at_once_starts_one_followup(
    database_url: str, tmp_path: Path
) -> None:
    channel = ScriptedChannel()
    channel.with_caps(business_may_start=True)
    async with open_world(database_url, tmp_path, channel=channel) as world:
        await world.start()
        key = await create_api_key(world.services, "wallet", [Scope.FOLLOWUPS, Scope.PEOPLE])
        async with served(world.services) as site, aiohttp.ClientSession() as http:

            async def post(idempotency: str, script: str = "survey") -> tuple[int, str]:
                body = {"person": world.person_id, "script": script, "contact": True}
                headers = {"authorization": f"Bearer {key}", "idempotency-key": idempotency}
                url = f"{site.url}/api/v1/followups"
                async with http.post(url, json=body, headers=headers) as answer:
                    data = await answer.json()
                    return answer.status, data.get("id", "")

            results = await asyncio.gather(*(post("k1") for _ in range(4)))
            assert sorted(status for status, _ in results) == [200, 200, 200, 201]
            assert len({found for _, found in results}) == 1
            assert (await post("k1"))[0] == 200
            assert (await post("k1", "reception"))[0] == 422
            assert await the_followup(world) == results[0][1]
        mine = await world.rows(followup, followup.c.source == "api:wallet")
        assert len(mine) == 1
        assert mine[0].outcome is None
