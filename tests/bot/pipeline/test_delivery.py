"""Sending: in order, through the gates, and never blindly a second time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from bot.clock import GivenClock
from bot.pipeline.claims import AGAIN, ATTEMPTS, DIED, LEASE, claim_due
from bot.pipeline.outcomes import Done, write_outcomes
from bot.pipeline.rate import RateLimiter
from bot.store.tables import address, conversation, followup, outbox, person, timer
from channels.base import Outcome, OutcomeKind
from channels.message import IncomingKind
from tests.bot.pipeline.channel import ScriptedChannel, Shown
from tests.bot.pipeline.harness import ANN, World, open_world, token_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
K = OutcomeKind


def words(shown: list[Shown]) -> list[str]:
    return [one.text for one in shown]


async def put(world: World, text: str, *, cause: str = "reply", to: str = "", **values: Any) -> int:
    """An outbox row of our own, in this or the world's only conversation."""
    place = await world.row(conversation, *([conversation.c.id == to] if to else []))
    async with world.services.db.write() as conn:
        keys = await world.services.vault.keys(conn, [place.person_id])
        body = orjson.dumps({"text": text, "options": []}).decode()
        row = {
            "conversation_id": place.id,
            "person_id": place.person_id,
            "account": place.account,
            "author": "bot",
            "cause": cause,
            "control_epoch": place.control_epoch,
            "payload": keys[place.person_id].seal(body),
            "due_at": world.clock.now(),
            "status": "pending",
            "attempts": 0,
            "parts_done": 0,
            "created_at": world.clock.now(),
        }
        added = await conn.execute(outbox.insert().returning(outbox.c.id), {**row, **values})
        return int(added.scalar_one())


@pytest.mark.parametrize(
    ("outcome", "times", "status", "arrived"),
    [
        (K.TRANSIENT, 3, "sent", 1),
        (K.TRANSIENT, ATTEMPTS, "failed", 0),
        (K.RETRY_AFTER, 20, "sent", 1),
        (K.QUOTA, 3, "sent", 1),
        (K.AUTH, 2, "sent", 1),
        (K.CONTENT_REJECTED, 1, "failed", 0),
        (K.TEMPLATE_PROBLEM, 1, "failed", 0),
        (K.WINDOW_CLOSED, 1, "failed", 0),
        (K.UNKNOWN, 1, "sent", 2),
        (K.UNKNOWN, 2, "unknown", 2),
    ],
)
async def test_each_outcome_ends_as_it_should(
    world: World, outcome: OutcomeKind, times: int, status: str, arrived: int
) -> None:
    await world.open()
    before = len(world.channel.shown)
    world.channel.next(*[Outcome(outcome, retry_after=7)] * times)
    number = await put(world, "a reply")
    await world.wait("2h")
    row = await world.row(outbox, outbox.c.id == number)
    assert row.status == status
    assert len(world.channel.shown) - before == arrived


async def test_what_the_bot_started_is_never_repeated_when_nobody_knows(world: World) -> None:
    await world.start()
    world.channel.next(K.UNKNOWN, K.UNKNOWN)
    shown = await world.wait("27h")
    assert len(shown) == 2
    assert {row.status for row in await world.rows(outbox, outbox.c.cause == "proactive")} == {
        "unknown"
    }
    assert await world.wait("20h") == []


async def test_being_made_to_wait_is_no_attempt(world: World) -> None:
    await world.open()
    world.channel.next(*[Outcome(K.RETRY_AFTER, retry_after=60)] * 12, K.TRANSIENT)
    number = await put(world, "a reply")
    await world.wait("3h")
    row = await world.row(outbox, outbox.c.id == number)
    assert (row.status, row.attempts) == ("sent", 2)


async def test_retry_after_is_obeyed_though_another_text_becomes_due(world: World) -> None:
    await world.open()
    before = len(world.channel.shown)
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=600))
    await put(world, "one")
    await world.settle()
    await put(world, "two")
    tried = world.channel.tried
    await world.wait("9m")
    assert world.channel.tried == tried
    await world.wait("1m")
    assert words(world.channel.shown[before:]) == ["one", "two"]


async def test_a_reply_overtakes_a_reminder_that_the_platform_makes_wait(world: World) -> None:
    await world.open()
    before = len(world.channel.shown)
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=1.5))
    reminder = await put(world, "reminder", cause="proactive")
    await world.settle()
    await put(world, "answer", author="agent")
    tried = world.channel.tried
    await world.delivery.send_due()
    assert world.channel.tried == tried + 1
    assert words(world.channel.shown[before:]) == ["answer"]
    assert (await world.row(outbox, outbox.c.id == reminder)).status == "pending"


async def test_a_text_resumes_at_the_part_that_failed(world: World) -> None:
    await world.open()
    before = len(world.channel.shown)
    world.channel.with_caps(text_max=4)
    world.channel.next(K.OK, K.TRANSIENT)
    await put(world, "aaaabbbbcccc")
    await world.wait("1h")
    assert words(world.channel.shown[before:]) == ["aaaa", "bbbb", "cccc"]


async def test_unreachable_ends_the_contact_and_takes_the_rest_back(world: World) -> None:
    await world.start()
    await world.wait("25h")
    world.channel.next(K.UNREACHABLE)
    await world.wait("2h")
    ended = await world.row(followup)
    assert (ended.flow, ended.outcome) == ("stopped", "unreachable")
    assert (await world.row(address)).unreachable_at is not None
    assert await world.rows(timer) == []
    tried = world.channel.tried
    await world.wait("10d")
    assert world.channel.tried == tried
    assert (await world.row(followup)).outcome == "unreachable"


async def test_who_writes_again_is_reachable_again(world: World) -> None:
    await world.start()
    await world.wait("25h")
    world.channel.next(K.UNREACHABLE)
    await world.wait("2h")
    await world.say("4")
    assert (await world.row(address)).unreachable_at is None


async def test_opted_out_on_the_platform_is_the_same_as_saying_stop(world: World) -> None:
    await world.start()
    await world.wait("25h")
    world.channel.next(K.OPTED_OUT)
    await world.wait("2h")
    assert (await world.row(person)).opted_out_at is not None
    assert (await world.row(followup)).outcome == "opted_out"
    assert "opted_out" in await world.kinds()
    assert await world.rows(timer) == []
    assert await world.wait("10d") == []


async def test_a_reply_does_not_wait_behind_a_reminder_that_waits_for_the_morning(
    database_url: str, tmp_path: Path
) -> None:
    night = GivenClock(datetime(2026, 11, 21, 22, 0, tzinfo=SHANGHAI))
    async with open_world(database_url, tmp_path, clock=night) as world:
        await world.open()
        before = len(world.channel.shown)
        await put(world, "reminder", cause="proactive")
        await put(world, "its question", cause="proactive")
        await world.settle()
        assert world.channel.shown[before:] == []
        await put(world, "an agent's answer", author="agent")
        await world.settle()
        assert words(world.channel.shown[before:]) == ["an agent's answer"]
        await world.wait("12h")
        assert words(world.channel.shown[before:]) == [
            "an agent's answer",
            "reminder",
            "its question",
        ]


async def test_the_opening_that_waits_for_the_morning_is_said_when_the_person_comes(
    database_url: str, tmp_path: Path
) -> None:
    clock = GivenClock(datetime(2026, 11, 20, 18, 0, tzinfo=SHANGHAI))
    channel = ScriptedChannel()
    channel.with_caps(business_may_start=True)
    async with open_world(database_url, tmp_path, clock=clock, channel=channel) as world:
        await world.start()
        await world.wait("4h")
        before = len(channel.shown)
        await world.follow(contact=True)
        await world.settle()
        assert channel.shown[before:] == []
        await world.wait("1m")
        await world.open()
        assert words(channel.shown[before:])[:2] == [
            "Hello from the assistant.",
            "1/3 · How was it?",
        ]


async def test_a_human_who_takes_over_silences_what_was_computed(world: World) -> None:
    await world.open()
    before = len(world.channel.shown)
    await put(world, "too late")
    async with world.services.db.write() as conn:
        await conn.execute(
            conversation.update().values(
                control="human", control_epoch=conversation.c.control_epoch + 1
            )
        )
    await world.settle()
    assert world.channel.shown[before:] == []
    dropped = await world.rows(outbox, outbox.c.status == "dropped")
    assert [row.detail for row in dropped] == ["stale_control"]


async def test_what_was_said_before_a_handoff_still_goes_out(world: World) -> None:
    """A text that waits for its platform keeps its right to be sent when the bot itself hands over."""
    await world.start()
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=60))
    await world.say("when do I get the card?")
    assert await world.rows(outbox, outbox.c.status == "pending")
    await world.say("1")
    await world.wait("1h")
    assert {row.status for row in await world.rows(outbox)} == {"sent"}
    assert "The card arrives" in " ".join(words(world.channel.shown))


async def test_the_caps_count_over_all_channels(database_url: str, tmp_path: Path) -> None:
    second = ScriptedChannel("test:second")
    async with open_world(database_url, tmp_path, more=[second]) as world:
        await world.start()
        token = token_of(await world.follow(), second.account)
        await world.take(
            world.incoming(IncomingKind.START, "ann2", token=token, account=second.account)
        )
        await world.wait("25h")
        await world.wait("90m")  # both reminders are due: one goes now, the other tomorrow
        one_day = len(world.channel.shown) + len(second.shown)
        waiting = await world.rows(outbox, outbox.c.status == "pending")
        assert {row.detail for row in waiting} == {"frequency"}
        await world.wait("24h")
        assert len(world.channel.shown) + len(second.shown) == one_day + len(waiting)


async def test_after_two_without_an_answer_the_bot_is_silent(world: World) -> None:
    await world.start()
    for _ in range(2):
        await world.wait("26h")
    await world.wait("1m")
    before = len(world.channel.shown)
    await put(world, "a third one", cause="proactive")
    await world.wait("3d")
    assert world.channel.shown[before:] == []
    assert "unanswered" in {row.detail for row in await world.rows(outbox)}


@pytest.mark.parametrize("locale", ["en", "zh"])
async def test_outside_the_window_a_turn_becomes_one_template_in_its_language(
    database_url: str, tmp_path: Path, locale: str
) -> None:
    channel = ScriptedChannel()
    channel.with_caps(business_may_start=True)
    channel.with_window(timedelta(hours=24))
    templates = {"en": "hello_en", "zh": "hello_zh"}
    from bot.settings import WhatsAppSettings

    async with open_world(
        database_url, tmp_path, channel=channel, whatsapp=WhatsAppSettings(templates=templates)
    ) as world:
        await world.applicant(ANN)
        await world.start()
        await world.say("中文" if locale == "zh" else "English")
        shown = await world.wait("27h")
        assert [(one.template.name, one.template.locale) for one in shown if one.template] == [
            (f"hello_{locale}", locale)
        ]
        assert len(shown) == 1
        details = [row.detail for row in await world.rows(outbox, outbox.c.status == "dropped")]
        assert details == ["template_sent"]


async def test_outside_the_window_without_a_template_nothing_goes_out(world: World) -> None:
    world.channel.with_window(timedelta(hours=24))
    await world.start()
    assert await world.wait("27h") == []
    assert {row.detail for row in await world.rows(outbox, outbox.c.status == "dropped")} == {
        "window_closed"
    }


async def test_a_turn_is_one_message_where_the_channel_wants_few(world: World) -> None:
    world.channel.with_caps(joins_texts=True)
    await world.start()
    assert words(world.channel.shown) == ["Hello from the assistant.\n\n1/3 · How was it?"]
    assert world.channel.shown[0].labels == ["1", "2", "3", "4", "5"]
    assert len(await world.rows(timer)) == 2


async def test_two_senders_keep_the_order_inside_a_conversation(
    database_url: str, tmp_path: Path
) -> None:
    async with open_world(database_url, tmp_path) as one:
        await one.open()
        before = len(one.channel.shown)
        async with open_world(database_url, tmp_path, clock=one.clock, channel=one.channel) as two:
            for number in range(12):
                await put(one, str(number))

                async def slowly(shown: Shown) -> None:
                    await asyncio.sleep(0)

                one.channel.during_send = slowly
                await asyncio.gather(one.delivery.send_due(), two.delivery.send_due())
            await one.settle()
        assert words(one.channel.shown[before:]) == [str(number) for number in range(12)]


@pytest.mark.parametrize(
    ("cause", "status", "arrived"), [("reply", "sent", 1), ("proactive", "unknown", 0)]
)
async def test_a_sender_that_died_leaves_a_claim_that_is_settled(
    world: World, cause: str, status: str, arrived: int
) -> None:
    await world.open()
    before = len(world.channel.shown)
    number = await put(
        world, "half sent", cause=cause, status="claimed", claimed_at=world.clock.now(), attempts=1
    )
    await world.settle()
    assert world.channel.shown[before:] == []
    world.clock.advance(LEASE + timedelta(seconds=1))
    await world.settle()
    row = await world.row(outbox, outbox.c.id == number)
    assert (row.status, len(world.channel.shown) - before) == (status, arrived)
    assert ("send_unknown" in await world.kinds()) is (status == "unknown")


@pytest.mark.parametrize(
    ("detail", "attempts", "status"),
    [(DIED, 2, "sent"), (AGAIN, 2, "sent"), (DIED, ATTEMPTS, "unknown")],
)
async def test_a_reply_whose_senders_die_is_sent_again_within_bounds(
    world: World, detail: str, attempts: int, status: str
) -> None:
    await world.open()
    claimed = world.clock.now()
    number = await put(
        world, "again", detail=detail, attempts=attempts, status="claimed", claimed_at=claimed
    )
    world.clock.advance(LEASE + timedelta(seconds=1))
    await world.settle()
    row = await world.row(outbox, outbox.c.id == number)
    assert row.status == status
    if status == "sent":  # that it may have arrived twice stays on record
        assert DIED in row.detail
        assert (AGAIN in row.detail) is (detail == AGAIN)


async def test_a_sender_taken_for_dead_has_no_say_any_more(world: World) -> None:
    await world.open()
    number = await put(world, "late")
    [late] = await claim_due(world.services, None)
    world.clock.advance(LEASE + timedelta(seconds=1))
    await world.settle()
    until = world.clock.now() + timedelta(seconds=1)
    await write_outcomes(world.services, [Done.waiting(late.row, until, "429", 0)])
    row = await world.row(outbox, outbox.c.id == number)
    assert (row.status, row.detail) == ("sent", DIED)
    shown = len(world.channel.shown)
    world.clock.advance(timedelta(seconds=5))
    await world.settle()
    assert len(world.channel.shown) == shown


async def test_after_a_death_the_platform_may_still_leave_it_open_once(world: World) -> None:
    await world.open()
    world.channel.next(K.UNKNOWN, K.UNKNOWN)
    number = await put(
        world, "open", status="claimed", claimed_at=world.clock.now(), attempts=1, detail=None
    )
    world.clock.advance(LEASE + timedelta(seconds=1))
    await world.settle()
    row = await world.row(outbox, outbox.c.id == number)
    assert row.status == "pending"
    assert DIED in row.detail
    assert AGAIN in row.detail
    world.clock.advance(timedelta(minutes=1))
    await world.settle()
    assert (await world.row(outbox, outbox.c.id == number)).status == "unknown"


async def test_a_platform_that_hangs_does_not_hold_up_the_others(
    database_url: str, tmp_path: Path
) -> None:
    slow = ScriptedChannel("test:slow")
    release = asyncio.Event()

    async def hang(shown: Shown) -> None:
        await release.wait()

    async with open_world(database_url, tmp_path, more=[slow]) as world:
        await world.take()
        slow.during_send = hang
        await world.accept(
            world.incoming(IncomingKind.TEXT, "bob", text="hi", account=slow.account)
        )
        await world.accept(world.incoming(IncomingKind.TEXT, "ann", text="hi"))
        from bot.pipeline.turns import run_turns

        await run_turns(world.services, [row.id for row in await world.rows(conversation)])
        sending = asyncio.create_task(world.delivery.send_due())
        async with asyncio.timeout(20):
            fast = outbox.c.account == "test:main"
            while not await world.rows(outbox, fast, outbox.c.status == "sent"):
                await asyncio.wait({sending}, timeout=0.02)
        assert slow.shown == []
        release.set()
        await sending
        assert slow.shown


async def test_a_text_of_an_erased_person_is_dropped(world: World) -> None:
    from bot.store.erasure import erase_person

    await world.start()
    number = await put(world, "to nobody")
    async with world.services.db.write() as conn:
        await erase_person(conn, world.services.vault, world.person_id, world.clock.now())
        await conn.execute(outbox.update().values(status="pending"))
    await world.settle()
    assert (await world.row(outbox, outbox.c.id == number)).status == "dropped"


async def test_a_database_that_is_away_for_the_gates_costs_no_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.pipeline import delivery

    await world.open()
    before = len(world.channel.shown)

    async def away(*_: Any) -> Any:
        raise OSError("no connection")

    monkeypatch.setattr(delivery, "send_facts", away)
    await put(world, "later then")
    await world.settle()
    monkeypatch.undo()
    await world.wait("1m")
    assert words(world.channel.shown[before:]) == ["later then"]


async def test_a_rate_limit_spreads_messages_and_starves_none(world: World) -> None:
    await world.open()
    before = len(world.channel.shown)
    world.channel.with_caps(chat_rate_per_s=1 / 6, chat_burst=1)
    for number in range(4):
        await put(world, str(number))
    await world.settle()
    await world.wait("20s")
    assert words(world.channel.shown[before:]) == ["0", "1", "2", "3"]


def test_a_bucket_is_not_emptied_by_looking_at_it() -> None:
    now = [0.0]
    rates = RateLimiter(lambda: now[0])
    rates.take("a", 1.0, 1.0)
    assert [rates.wait("a", 1.0, 1.0) for _ in range(3)] == [1.0, 1.0, 1.0]
    now[0] = 1.0
    assert rates.wait("a", 1.0, 1.0) == 0.0


def test_a_pause_holds_also_where_no_rate_is_known() -> None:
    now = [0.0]
    rates = RateLimiter(lambda: now[0])
    rates.pause("a", 30)
    assert rates.wait("a", None, 1.0) == 30.0
    now[0] = 31.0
    assert rates.wait("a", None, 1.0) == 0.0


async def test_one_limited_chat_does_not_stop_the_account_but_two_do(world: World) -> None:
    for who in ("a", "b", "c"):
        await world.open(who=who)
    before = len(world.channel.shown)
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=600))
    await world.accept(world.incoming(IncomingKind.TEXT, "a", text="hi"))
    await world.settle()
    await world.say("hi", "b")
    assert {one.to for one in world.channel.shown[before:]} == {"b"}
    world.channel.next(Outcome(K.RETRY_AFTER, retry_after=600))
    await world.say("hello", "b")
    tried = world.channel.tried
    await world.say("hi", "c")
    assert world.channel.tried == tried
    await world.wait("11m")
    assert {one.to for one in world.channel.shown[before:]} == {"a", "b", "c"}
    assert {row.status for row in await world.rows(outbox)} == {"sent"}


async def test_a_stop_lets_what_is_on_its_way_arrive(sqlite_url: str, tmp_path: Path) -> None:
    from bot.runtime import Runtime

    async with open_world(sqlite_url, tmp_path) as world:
        started, release = asyncio.Event(), asyncio.Event()

        async def slow(shown: Shown) -> None:
            started.set()
            await release.wait()

        world.channel.during_send = slow
        async with Runtime(world.services, web=False) as runtime:
            await runtime.ingress.accept([world.incoming(IncomingKind.TEXT, text="hi")])
            async with asyncio.timeout(20):
                await started.wait()
            asyncio.get_running_loop().call_later(0.2, release.set)
        assert {row.status for row in await world.rows(outbox)} == {"sent"}


async def test_the_hint_of_a_conversation_is_heard_behind_a_long_queue(world: World) -> None:
    await world.open()
    await world.open(who="bob")
    mine = (await world.rows(conversation))[-1]
    first = (await world.rows(conversation))[0]
    async with world.services.db.write() as conn:
        keys = await world.services.vault.keys(conn, [first.person_id, mine.person_id])
        for place, count in ((first, 80), (mine, 1)):
            body = keys[place.person_id].seal('{"text": "x", "options": []}')
            await conn.execute(
                outbox.insert(),
                [
                    {
                        "conversation_id": place.id,
                        "person_id": place.person_id,
                        "account": place.account,
                        "author": "bot",
                        "cause": "reply",
                        "control_epoch": place.control_epoch,
                        "payload": body,
                        "due_at": world.clock.now(),
                        "status": "pending",
                        "created_at": world.clock.now(),
                    }
                ]
                * count,
            )
    assert await world.delivery.send_due([mine.id]) == 1
