"""The fake Telegram refuses what Telegram refuses, and shows people what Telegram would show."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram_faults import CloseAfter, CloseBefore, Garbage, Hold

ANNA = 7_000_000_001


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


Answer = tuple[int, dict[str, Any]]


async def call(
    fake: FakeTelegram, http: aiohttp.ClientSession, method: str, token: str = "", **fields: Any
) -> Answer:
    url = f"{fake.base_url}/bot{token or fake.token}/{method}"
    async with http.post(url, json=fields) as response:
        return response.status, await response.json()


def keyboard(*rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


def option(text: str = "Yes", **kind: Any) -> dict[str, Any]:
    return {"text": text, **(kind or {"callback_data": "t"})}


async def test_a_message_is_seen_with_its_buttons(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    anna = fake.user(ANNA)
    anna.start()
    markup = keyboard([option("Yes", callback_data="y"), option("Site", url="https://example.org")])
    status, answer = await call(
        fake, http, "sendMessage", chat_id=ANNA, text=" hello ", reply_markup=markup
    )
    assert status == 200
    assert answer["result"]["message_id"] == anna.messages[-1].message_id
    assert anna.messages[-1].text == "hello"
    assert anna.messages[-1].labels == ["Yes", "Site"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n "}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "x", "colour": "red"}, "unknown field 'colour' of sendMessage"),
        ({"text": "a < b", "parse_mode": "HTML"}, "can't parse entities: Unclosed start tag"),
        ({"text": "<x>", "parse_mode": "HTML"}, 'Unsupported start tag "x" at byte offset 0'),
        ({"text": "<b>x", "parse_mode": "HTML"}, "Can't find end tag"),
        ({"text": "<b>x</i>", "parse_mode": "HTML"}, "Unmatched end tag at byte offset 4"),
        ({"text": "x", "reply_markup": keyboard([option(callback_data="")])}, "BUTTON_DATA"),
        ({"text": "x", "reply_markup": keyboard([option(callback_data="é" * 33)])}, "BUTTON_DATA"),
        ({"text": "x", "reply_markup": keyboard([option("")])}, "button text is empty"),
        ({"text": "x", "reply_markup": keyboard([{"text": "a"}])}, "unallowed in the inline"),
        ({"text": "x", "reply_markup": keyboard([option(url="nonsense")])}, "Wrong HTTP URL"),
        ({"text": "x", "reply_markup": keyboard(*[[option()]] * 101)}, "reply markup is too long"),
        ({"text": "x", "reply_markup": keyboard(*[[option("x" * 120)]] * 99)}, "is too long"),
        ({"text": "x", "reply_markup": keyboard([option()] * 9)}, "a row of the keyboard"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply_markup JSON object"),
        ({"text": "x", "link_preview_options": {"disabled": True}}, "unknown field 'disabled'"),
        ({"text": "x", "link_preview_options": {"is_disabled": "no!"}}, "must be a Boolean"),
        ({"text": "x", "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"text": "x", "reply_markup": {"keyboard": [[{"text": "a"}]]}}, "object expected"),
        ({"text": "x", "reply_markup": keyboard([option(colour="red")])}, "unknown field 'colour'"),
        ({"text": "x", "protect_content": "maybe"}, 'field "protect_content" must be a Boolean'),
    ],
)
async def test_bad_messages_are_refused(
    fields: dict[str, Any], words: str, fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.user(ANNA).start()
    status, answer = await call(fake, http, "sendMessage", chat_id=ANNA, **fields)
    assert status == 400
    assert words in answer["description"]
    assert fake.user(ANNA).messages == []


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<b>a</b> &lt;b&gt; &amp;amp; &copy;", "a <b> &amp; &copy;"),
        ('<a href="https://example.org">link</a>', "link"),
        ("<tg-spoiler>x</tg-spoiler>&#65;", "xA"),
    ],
)
async def test_html_is_shown_as_it_reads(
    html: str, shown: str, fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.user(ANNA).start()
    await call(fake, http, "sendMessage", chat_id=ANNA, text=html, parse_mode="HTML")
    assert fake.user(ANNA).messages[-1].text == shown


async def test_only_people_who_started_the_bot_can_be_written_to(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    async def write() -> Answer:
        return await call(fake, http, "sendMessage", chat_id=ANNA, text="x")

    assert (await write())[1]["description"] == "Bad Request: chat not found"
    anna = fake.user(ANNA)
    assert "can't initiate conversation" in (await write())[1]["description"]
    anna.start()
    assert (await write())[0] == 200
    anna.block()
    assert "bot was blocked by the user" in (await write())[1]["description"]
    anna.start()
    assert (await write())[0] == 200
    anna.deactivate()
    assert (await write())[1]["description"] == "Forbidden: user is deactivated"
    with pytest.raises(AssertionError, match="start"):
        anna.say("hello?")


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        ("4242:wrong", "getMe", 401),
        ("nonsense", "getMe", 404),
        ("", "getNothing", 404),
        ("", "GETME", 200),
    ],
)
async def test_wrong_tokens_and_methods(
    token: str, method: str, status: int, fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    assert (await call(fake, http, method, token))[0] == status


async def test_updates_come_again_until_they_are_confirmed(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.user(ANNA).start()
    last = fake.user(ANNA).say("hi")

    async def updates(**fields: Any) -> list[int]:
        answer = (await call(fake, http, "getUpdates", **fields))[1]
        return [update["update_id"] for update in answer["result"]]

    assert await updates() == [last - 1, last]
    assert await updates(limit=1) == [last - 1]
    assert await updates(offset=last) == [last]
    assert await updates(offset=last + 1) == []
    assert await updates() == []


async def test_a_long_poll_ends_with_the_first_update(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    poll = asyncio.create_task(call(fake, http, "getUpdates", timeout=50))
    await fake.until(lambda: bool(fake.called("getUpdates")))
    fake.user(ANNA).start("abc")
    _, answer = await poll
    assert answer["result"][0]["message"]["text"] == "/start abc"


async def test_a_second_poller_ends_the_first(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    first = asyncio.create_task(call(fake, http, "getUpdates", timeout=50))
    await fake.until(lambda: len(fake.called("getUpdates")) == 1)
    second = asyncio.create_task(call(fake, http, "getUpdates", timeout=50))
    status, answer = await first
    assert (status, answer["error_code"]) == (409, 409)
    assert "terminated by other getUpdates request" in answer["description"]
    fake.user(ANNA).start()
    assert (await second)[0] == 200


async def test_polling_is_refused_while_a_webhook_is_set(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    assert (await call(fake, http, "setWebhook", url="https://example.org/hook"))[0] == 200
    status, answer = await call(fake, http, "getUpdates")
    assert status == 409
    assert "webhook is active" in answer["description"]
    await call(fake, http, "deleteWebhook")
    assert (await call(fake, http, "getUpdates"))[0] == 200


async def test_only_the_kinds_that_were_asked_for_are_queued(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.user(ANNA).start()
    await call(fake, http, "getUpdates", offset=9999, allowed_updates=["callback_query"])
    fake.user(ANNA).say("unheard")
    assert fake.pending == []


async def test_a_webhook_gets_each_update_in_order_until_it_is_taken() -> None:
    seen: list[tuple[str, int]] = []
    answers = [503, 200, 200]

    async def take(request: web.Request) -> web.Response:
        update = await request.json()
        seen.append((request.headers["X-Telegram-Bot-Api-Secret-Token"], update["update_id"]))
        return web.Response(status=answers[len(seen) - 1])

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with FakeTelegram(webhook_retry_s=0) as fake, aiohttp.ClientSession() as http:
        await call(fake, http, "setWebhook", url=url, secret_token="s3cret")
        fake.user(ANNA).start()
        last = fake.user(ANNA).say("hi")
        await fake.settled()
        assert seen == [("s3cret", last - 1), ("s3cret", last - 1), ("s3cret", last)]
        assert fake.webhook_answers == answers
    await runner.cleanup()


async def test_taps_must_be_answered_in_time(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    anna = fake.user(ANNA)
    anna.start()
    markup = keyboard([option("Yes", callback_data="y"), option("No", callback_data="n")])
    await call(fake, http, "sendMessage", chat_id=ANNA, text="?", reply_markup=markup)
    first = anna.tap("No")
    assert fake.pending[-1]["callback_query"]["data"] == "n"
    with pytest.raises(AssertionError, match="No"):
        fake.assert_callbacks_answered()
    assert (await call(fake, http, "answerCallbackQuery", callback_query_id=first))[0] == 200
    fake.assert_callbacks_answered()
    second = anna.tap(0)
    fake.expire_callbacks()
    status, answer = await call(fake, http, "answerCallbackQuery", callback_query_id=second)
    assert status == 400
    assert "query is too old" in answer["description"]
    assert (await call(fake, http, "answerCallbackQuery", callback_query_id="0"))[0] == 400


async def test_messages_are_deleted_within_two_days_only(http: aiohttp.ClientSession) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    async with FakeTelegram(clock=lambda: now) as fake:
        anna = fake.user(ANNA)
        anna.start()
        anna.say("my code is 1234")
        message_id = anna.own_messages[-1].message_id
        fields: dict[str, Any] = {"chat_id": ANNA, "message_id": message_id}
        now += timedelta(hours=49)
        status, answer = await call(fake, http, "deleteMessage", **fields)
        assert (status, answer["description"]) == (400, "Bad Request: message can't be deleted")
        now -= timedelta(hours=2)
        assert (await call(fake, http, "deleteMessage", **fields))[0] == 200
        assert [message.text for message in anna.own_messages] == ["/start"]
        assert "not found" in (await call(fake, http, "deleteMessage", **fields))[1]["description"]


async def test_an_edit_without_a_change_is_refused(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.user(ANNA).start()
    _, sent = await call(fake, http, "sendMessage", chat_id=ANNA, text="a")
    fields: dict[str, Any] = {"chat_id": ANNA, "message_id": sent["result"]["message_id"]}
    status, answer = await call(fake, http, "editMessageText", text="a", **fields)
    assert status == 400
    assert "message is not modified" in answer["description"]
    assert (await call(fake, http, "editMessageText", text="b", **fields))[0] == 200
    assert fake.user(ANNA).messages[-1].text == "b"


async def test_scripted_faults_come_once_and_in_order(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    anna = fake.user(ANNA)
    anna.start()
    hold = Hold()
    fake.fail_next("sendMessage", CloseBefore(), CloseAfter(), Garbage(502), hold)
    fake.limit_next("sendMessage", 7)
    for count in (0, 1):
        with pytest.raises(aiohttp.ClientError):
            await call(fake, http, "sendMessage", chat_id=ANNA, text="x")
        assert len(anna.messages) == count
    with pytest.raises(aiohttp.ContentTypeError):
        await call(fake, http, "sendMessage", chat_id=ANNA, text="x")
    held = asyncio.create_task(call(fake, http, "sendMessage", chat_id=ANNA, text="held"))
    await fake.until(lambda: len(anna.messages) == 2)
    assert not held.done()
    hold.release.set()
    assert (await held)[0] == 200
    url = f"{fake.base_url}/bot{fake.token}/sendMessage"
    async with http.post(url, json={"chat_id": ANNA, "text": "x"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert json.loads(await response.text())["parameters"] == {"retry_after": 7}
    assert (await call(fake, http, "sendMessage", chat_id=ANNA, text="x"))[0] == 200


async def test_chat_actions_are_shown(fake: FakeTelegram, http: aiohttp.ClientSession) -> None:
    fake.user(ANNA).start()
    await call(fake, http, "sendChatAction", chat_id=ANNA, action="typing")
    assert (await call(fake, http, "sendChatAction", chat_id=ANNA, action="dance"))[0] == 400
    assert fake.user(ANNA).actions == ["typing"]
