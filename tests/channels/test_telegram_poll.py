"""Polling Telegram: nothing is confirmed before it is stored, and every failure is waited out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest

from channels.telegram import TelegramChannel
from channels.telegram_poll import Poller, PollSettings
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_faults import CloseAfter, CloseBefore, Garbage, Refuse

ANNA = 7_000_000_001


class Desk:
    """Takes deliveries, and sleeps through pauses at once while it notes their length."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.batches: list[int] = []
        self.pauses: list[float] = []
        self.failures = 0
        self.taken = asyncio.Event()

    def settle(self, channel: TelegramChannel, bodies: Sequence[bytes]) -> None:
        parsed = [channel.parse(body) for body in bodies]
        self.batches.append(len(bodies))
        self.texts += [said.text for one in parsed for said in one.incoming]

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@asynccontextmanager
async def polling(
    fake: FakeTelegram, desk: Desk, settings: PollSettings | None = None
) -> AsyncIterator[asyncio.Event]:
    channel = TelegramChannel("main", TOKEN, None, api_base=fake.base_url)

    async def deliver(bodies: Sequence[bytes]) -> None:
        if desk.failures:
            desk.failures -= 1
            raise OSError("disk full, and what was said")
        desk.settle(channel, bodies)

    stop = asyncio.Event()
    poller = Poller(
        channel, deliver, settings or PollSettings(), sleep=desk.sleep, jitter=lambda: 0.0
    )
    async with aiohttp.ClientSession() as http:
        run = asyncio.create_task(poller.run(http, stop))
        yield stop
        stop.set()
        async with asyncio.timeout(10):
            await run


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as running:
        yield running


async def test_updates_are_stored_in_order_and_then_confirmed(fake: FakeTelegram) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    anna.start()
    for number in range(150):
        anna.say(str(number))
    async with polling(fake, desk):
        await fake.settled()
        anna.say("live")
        await fake.settled()
    assert desk.texts == ["", *map(str, range(150)), "live"]
    assert desk.batches == [100, 51, 1]
    assert desk.pauses == []
    assert all(int(call["timeout"]) <= 50 for call in fake.called("getUpdates"))
    assert "my_chat_member" in fake.called("getUpdates")[0]["allowed_updates"]


async def test_what_could_not_be_stored_is_not_confirmed_and_comes_again(
    fake: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    desk.failures = 2
    anna.start()
    last = anna.say("kept")
    async with polling(fake, desk):
        await fake.settled()
    assert desk.texts == ["", "kept"]
    offsets = [int(call["offset"]) for call in fake.called("getUpdates")]
    assert offsets[:4] == [0, 0, 0, last + 1]
    assert "OSError" in caplog.text
    assert "what was said" not in caplog.text


async def test_cuts_and_faults_are_waited_out_longer_each_time(fake: FakeTelegram) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    anna.start()
    restart = Refuse(500, "Internal Server Error: restart")
    fake.fail_next("getUpdates", CloseBefore(), CloseAfter(), Garbage(502), restart)
    async with polling(fake, desk, PollSettings(backoff_max_s=6)):
        await fake.settled()
    assert desk.pauses == [0.5, 1.0, 2.0, 3.0]
    assert desk.texts == [""]


async def test_a_success_starts_the_pauses_over(fake: FakeTelegram) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    fake.fail_next("getUpdates", Garbage(502), Garbage(502))
    async with polling(fake, desk):
        anna.start()
        await fake.settled()
        fake.fail_next("getUpdates", Garbage(502))
        anna.say("again")
        await fake.settled()
    assert desk.pauses == [0.5, 1.0, 0.5]


async def test_telegrams_own_pause_is_kept(fake: FakeTelegram) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    anna.start()
    fake.limit_next("getUpdates", 17)
    async with polling(fake, desk):
        await fake.settled()
    assert desk.pauses == [17.0]


async def test_a_second_poller_is_named_in_the_log(
    fake: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk()
    words = "Conflict: terminated by other getUpdates request; make sure that only one bot runs"
    fake.fail_next("getUpdates", Refuse(409, words))
    caplog.set_level(logging.WARNING)
    async with polling(fake, desk):
        await fake.until(lambda: len(fake.called("getUpdates")) >= 2)
    assert "telegram:main: polling failed (config" in caplog.text
    assert "stop the other process that polls this bot" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_webhook_is_taken_over_only_where_that_was_asked_for(
    fake: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    channel = TelegramChannel("main", TOKEN, "secret", api_base=fake.base_url)
    async with aiohttp.ClientSession() as http:
        await channel.set_webhook("https://example.org/hook", http)
    async with polling(fake, desk):
        await fake.until(lambda: len(fake.called("getUpdates")) >= 3)
    assert fake.webhook is not None
    assert fake.called("deleteWebhook") == []
    assert "HUIFANG_TELEGRAM__TAKE_OVER_WEBHOOK" in caplog.text
    anna.start()
    fake.fail_next("deleteWebhook", CloseBefore())
    async with polling(fake, desk, PollSettings(takes_over_webhook=True)):
        await fake.settled()
    assert [call["drop_pending_updates"] for call in fake.called("deleteWebhook")] == ["false"] * 2
    assert desk.texts == [""]


async def test_stopping_does_not_wait_for_the_poll_or_the_pause(fake: FakeTelegram) -> None:
    desk = Desk()
    async with polling(fake, desk) as stop:
        await fake.until(lambda: bool(fake.called("getUpdates")))
        stop.set()
    assert desk.batches == []


async def test_an_update_that_cannot_be_read_does_not_stop_the_rest(fake: FakeTelegram) -> None:
    desk, anna = Desk(), fake.user(ANNA)
    anna.start()
    fake.pending.append({"update_id": fake.push("message", {"message_id": "?"}) + 1, "odd": 5})
    async with polling(fake, desk):
        await fake.settled()
        fake._next_update += 1
        anna.say("after")
        await fake.settled()
    assert desk.texts == ["", "after"]
