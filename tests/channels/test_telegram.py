"""The Telegram channel against the strict fake, through the real aiogram client."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from channels.base import Channel, Outcome, OutcomeKind, Part, RawRequest, Reject, Verified
from channels.message import Address, IncomingKind, Option, Outgoing
from channels.telegram import TelegramChannel
from tests.fakes.telegram import TOKEN, FakeTelegram
from tests.fakes.telegram_faults import CloseAfter, CloseBefore, Garbage, Hold, Refuse

SECRET = "Abc_123-secret"
ANNA = 7_000_000_001
TO = Address("telegram:main", str(ANNA))


def make(fake: FakeTelegram | None = None, timeout_s: float = 30.0) -> TelegramChannel:
    base = fake.base_url if fake else "http://127.0.0.1:9"
    return TelegramChannel("main", TOKEN, SECRET, api_base=base, timeout_s=timeout_s)


@pytest.fixture
async def fake() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def part(text: str = "hello", *options: Option) -> Part:
    (only,) = make().render(TO, Outgoing(text, options))
    return only


def request(*values: str) -> RawRequest:
    headers = {"x-telegram-bot-api-secret-token": values} if values else {}
    return RawRequest("POST", "/hook", {}, headers, b"{}")


def test_telegram_is_a_channel() -> None:
    channel: Channel = make()
    assert channel.account == "telegram:main"
    assert channel.window.opens_for is None
    assert channel.caps.start_link


def test_only_the_one_right_secret_header_is_from_telegram() -> None:
    assert make().verify(request(SECRET)) == Verified()


@pytest.mark.parametrize(
    "values",
    [
        (),
        ("",),
        (SECRET, SECRET),
        (SECRET, "x"),
        (SECRET.upper(),),
        (SECRET + " ",),
        (SECRET[:-1],),
        ("ключ",),
        ("\udcff",),
    ],
)
def test_other_requests_are_rejected_without_saying_why(values: tuple[str, ...]) -> None:
    rejected = make().verify(request(*values))
    assert isinstance(rejected, Reject)
    assert rejected.status == 401
    assert SECRET not in rejected.reason


def test_an_account_that_polls_takes_no_webhook() -> None:
    channel = TelegramChannel("main", TOKEN, None)
    for values in ((), ("",), ("None",)):
        assert isinstance(channel.verify(request(*values)), Reject)


@pytest.mark.parametrize("secret", ["", "with space", "x" * 257, "ключ", "a\n"])
def test_a_missing_or_impossible_secret_is_refused_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        TelegramChannel("main", TOKEN, secret)


@pytest.mark.parametrize("token", ["", "no-colon", "12 34:abc", "abc:def"])
def test_an_impossible_token_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ValueError, match="token") as refused:
        TelegramChannel("main", token, SECRET)
    assert not token or token not in str(refused.value)


async def test_a_start_link_needs_the_bots_name(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel = make(fake)
    assert channel.start_link("AbC_12-x") is None
    assert (await channel.identify(http)).kind is OutcomeKind.OK
    assert channel.username == "huifang_test_bot"
    assert channel.start_link("AbC_12-x") == "https://t.me/huifang_test_bot?start=AbC_12-x"


@pytest.mark.parametrize("token", ["", "a b", "x" * 65, "ключ", "a=b", "a\n"])
def test_a_token_that_no_start_link_carries_is_refused(token: str) -> None:
    channel = TelegramChannel("main", TOKEN, SECRET, username="huifang_bot")
    with pytest.raises(ValueError, match="start token"):
        channel.start_link(token)


async def test_a_conversation_from_start_link_to_tap(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel, anna = make(fake), fake.user(ANNA, first_name="<b>&", language_code="zh-hans")

    async def hear() -> IncomingKind:
        updates = await channel.get_updates(0, 0, http)
        (incoming,) = channel.parse(updates.bodies[-1]).incoming
        await channel.acknowledge(incoming, http)
        heard.append(incoming)
        return incoming.kind

    heard: list[object] = []
    anna.start("AbC")
    assert await hear() is IncomingKind.START
    await channel.typing(TO, http)
    question = Outgoing("您好 <b>&，打几分？", (Option("tok1", "1"), Option("tok5", "5")))
    for rendered in channel.render(TO, question):
        outcome = await channel.send(rendered, http)
        assert outcome == Outcome(
            OutcomeKind.OK, provider_id=f"{ANNA}:{anna.messages[-1].message_id}"
        )
    assert anna.actions == ["typing"]
    assert anna.messages[-1].text == "您好 <b>&，打几分？"
    anna.tap("5")
    assert await hear() is IncomingKind.TAP
    (tap,) = channel.parse((await channel.get_updates(0, 0, http)).bodies[-1]).incoming
    assert (tap.token, tap.reply_to) == ("tok5", outcome.provider_id)
    assert tap.name == "<b>&"
    fake.assert_callbacks_answered()
    anna.send_voice()
    assert await hear() is IncomingKind.MEDIA
    anna.edit("谢谢", of=anna.own_messages[0])
    assert await hear() is IncomingKind.EDIT
    anna.block()
    assert await hear() is IncomingKind.STOP
    anna.unblock()
    assert await hear() is IncomingKind.RESUME


async def test_long_and_awkward_texts_arrive_whole(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel, anna = make(fake), fake.user(ANNA)
    anna.start()
    text = "👨‍👩‍👧‍👦<b>&amp;您好 https://example.org/a?b=c&d=e 。" * 200
    for rendered in channel.render(TO, Outgoing(text, (Option("t", "OK"),))):
        assert (await channel.send(rendered, http)).kind is OutcomeKind.OK
    assert len(anna.messages) > 1
    seen = "".join(message.text for message in anna.messages)
    assert "".join(seen.split()) == "".join(text.split())
    assert anna.messages[-1].labels == ["OK"]


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        ((429, "Too Many Requests: retry after 5", {"retry_after": 5}), OutcomeKind.RETRY_AFTER),
        ((429, "Too Many Requests"), OutcomeKind.RETRY_AFTER),
        ((403, "Forbidden: bot was blocked by the user"), OutcomeKind.OPTED_OUT),
        ((403, "Forbidden: user is deactivated"), OutcomeKind.OPTED_OUT),
        ((403, "Forbidden: bot was kicked from the group chat"), OutcomeKind.OPTED_OUT),
        (
            (403, "Forbidden: bot can't initiate conversation with a user"),
            OutcomeKind.UNREACHABLE,
        ),
        ((403, "Forbidden: bot can't send messages to bots"), OutcomeKind.UNREACHABLE),
        ((403, "Forbidden: something new"), OutcomeKind.TRANSIENT),
        ((400, "Bad Request: chat not found"), OutcomeKind.UNREACHABLE),
        ((400, "Bad Request: PEER_ID_INVALID"), OutcomeKind.UNREACHABLE),
        ((400, "Bad Request: message is not modified: same"), OutcomeKind.OK),
        ((400, "Bad Request: can't parse entities: x"), OutcomeKind.CONTENT_REJECTED),
        ((400, "Bad Request: reply markup is too long"), OutcomeKind.CONTENT_REJECTED),
        ((400, ""), OutcomeKind.CONTENT_REJECTED),
        (
            (400, "Bad Request: group chat was upgraded", {"migrate_to_chat_id": -100123}),
            OutcomeKind.TRANSIENT,
        ),
        ((401, "Unauthorized"), OutcomeKind.AUTH),
        ((404, "Not Found"), OutcomeKind.CONFIG),
        ((409, "Conflict: terminated by other getUpdates request"), OutcomeKind.CONFIG),
        ((413, "Request Entity Too Large"), OutcomeKind.CONTENT_REJECTED),
        ((418, "I'm a teapot"), OutcomeKind.TRANSIENT),
        ((500, "Internal Server Error: restart"), OutcomeKind.TRANSIENT),
        ((502, "Bad Gateway"), OutcomeKind.TRANSIENT),
        ((504, "Gateway Timeout"), OutcomeKind.UNKNOWN),
    ],
)
async def test_every_refusal_has_its_outcome(
    refusal: tuple[int, str] | tuple[int, str, dict[str, int]],
    kind: OutcomeKind,
    fake: FakeTelegram,
    http: aiohttp.ClientSession,
) -> None:
    fake.user(ANNA).start()
    fake.fail_next("sendMessage", Refuse(*refusal))
    outcome = await make(fake).send(part(), http)
    assert outcome.kind is kind
    match refusal:
        case (_, _, {"retry_after": seconds}):
            assert outcome.retry_after == seconds
        case (429, _):
            assert outcome.retry_after > 0
        case (_, _, {"migrate_to_chat_id": chat}):
            assert outcome.new_address == str(chat)


@pytest.mark.parametrize(
    ("garbage", "kind"),
    [
        (Garbage(502), OutcomeKind.TRANSIENT),
        (Garbage(504), OutcomeKind.UNKNOWN),
        (Garbage(429), OutcomeKind.RETRY_AFTER),
        (Garbage(404), OutcomeKind.CONFIG),
        (Garbage(200), OutcomeKind.UNKNOWN),
        (Garbage(200, "[]"), OutcomeKind.UNKNOWN),
        (Garbage(500, '{"ok":false}'), OutcomeKind.TRANSIENT),
        (Garbage(400, '{"ok":false}'), OutcomeKind.CONTENT_REJECTED),
        (Garbage(200, '{"ok":false,"description":"?"}'), OutcomeKind.UNKNOWN),
        (
            Garbage(200, '{"ok":true,"result":{"message_id":9,"chat":{"id":7}}}'),
            OutcomeKind.OK,
        ),
    ],
)
async def test_answers_of_something_in_between_have_an_outcome(
    garbage: Garbage, kind: OutcomeKind, fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    fake.fail_next("sendMessage", garbage)
    outcome = await make(fake).send(part(), http)
    assert outcome.kind is kind
    if kind is OutcomeKind.OK:
        assert outcome.provider_id == "7:9"


async def test_a_person_who_never_started_or_blocked_us_is_told_apart(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel = make(fake)
    assert (await channel.send(part(), http)).kind is OutcomeKind.UNREACHABLE
    anna = fake.user(ANNA)
    assert (await channel.send(part(), http)).kind is OutcomeKind.UNREACHABLE
    anna.start()
    assert (await channel.send(part(), http)).kind is OutcomeKind.OK
    anna.block()
    assert (await channel.send(part(), http)).kind is OutcomeKind.OPTED_OUT
    anna.deactivate()
    assert (await channel.send(part(), http)).kind is OutcomeKind.OPTED_OUT


async def test_after_the_bytes_were_sent_silence_is_unknown(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    anna = fake.user(ANNA)
    anna.start()
    fake.fail_next("sendMessage", CloseBefore(), CloseAfter(), Hold())
    for _ in range(2):
        assert (await make(fake).send(part(), http)).kind is OutcomeKind.UNKNOWN
    assert (await make(fake, timeout_s=0.2).send(part(), http)).kind is OutcomeKind.UNKNOWN
    assert len(anna.messages) == 2


async def test_before_the_bytes_were_sent_it_may_be_tried_again(
    http: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    channel = TelegramChannel("main", TOKEN, SECRET, api_base=f"http://127.0.0.1:{unused_tcp_port}")
    assert (await channel.send(part(), http)).kind is OutcomeKind.TRANSIENT
    async with aiohttp.ClientSession() as closed:
        pass
    assert (await channel.send(part(), closed)).kind is OutcomeKind.TRANSIENT


async def test_what_cannot_be_sent_at_all_is_not_tried(http: aiohttp.ClientSession) -> None:
    no_address = TelegramChannel("main", TOKEN, SECRET, api_base="nonsense")
    assert (await no_address.send(part(), http)).kind is OutcomeKind.CONFIG
    assert (await make().send(Part("foreign"), http)).kind is OutcomeKind.CONFIG
    assert (await make().send(part("half a \ud83d"), http)).kind is OutcomeKind.CONTENT_REJECTED


async def test_a_late_or_failing_acknowledgement_does_not_matter(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel, anna = make(fake), fake.user(ANNA)
    anna.start()
    await channel.send(part("?", Option("t", "Yes")), http)
    anna.tap("Yes")
    (tap,) = channel.parse((await channel.get_updates(0, 0, http)).bodies[-1]).incoming
    fake.expire_callbacks()
    await channel.acknowledge(tap, http)
    fake.fail_next("answerCallbackQuery", CloseBefore())
    await channel.acknowledge(tap, http)
    await channel.typing(Address("telegram:main", "1"), http)
    fake.assert_callbacks_answered()


async def test_a_secret_is_deleted_from_the_chat_while_telegram_allows(
    http: aiohttp.ClientSession,
) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    async with FakeTelegram(clock=lambda: now) as fake:
        channel, anna = make(fake), fake.user(ANNA)
        anna.start()
        anna.say("1234 5678 9012 3456")
        (said,) = channel.parse((await channel.get_updates(0, 0, http)).bodies[-1]).incoming
        assert (await channel.delete_message(said.message_id, http)).kind is OutcomeKind.OK
        assert [message.text for message in anna.own_messages] == ["/start"]
        assert (await channel.delete_message(said.message_id, http)).kind is OutcomeKind.OK
        now += timedelta(hours=49)
        old = f"{ANNA}:{anna.own_messages[0].message_id}"
        assert (await channel.delete_message(old, http)).kind is OutcomeKind.CONTENT_REJECTED
    for nonsense in ("", "1", "a:b", "1:2:3"):
        outcome = await channel.delete_message(nonsense, http)
        assert outcome.kind is OutcomeKind.CONTENT_REJECTED


async def test_a_webhook_is_set_with_our_secret_and_kinds(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel = make(fake)
    outcome = await channel.set_webhook("https://example.org/hook", http)
    assert outcome.kind is OutcomeKind.OK
    assert fake.webhook is not None
    assert fake.webhook.secret == SECRET
    (call,) = fake.called("setWebhook")
    assert "callback_query" in call["allowed_updates"]
    assert (await channel.set_webhook("http://plain", http)).kind is OutcomeKind.CONTENT_REJECTED
    assert (await channel.delete_webhook(http)).kind is OutcomeKind.OK
    assert fake.webhook is None
    polls = TelegramChannel("main", TOKEN, None, api_base=fake.base_url)
    assert (await polls.set_webhook("https://x.org", http)).kind is OutcomeKind.CONFIG


async def test_a_posted_update_verifies_and_parses(
    fake: FakeTelegram, http: aiohttp.ClientSession
) -> None:
    channel = make(fake)
    taken: asyncio.Queue[tuple[RawRequest, bytes]] = asyncio.Queue()

    async def take(request: aiohttp.web.BaseRequest) -> aiohttp.web.Response:
        names = {name.lower() for name in request.headers}
        headers = {name: tuple(request.headers.getall(name)) for name in names}
        body = await request.read()
        await taken.put((RawRequest("POST", request.path, {}, headers, body), body))
        return aiohttp.web.Response()

    runner = aiohttp.web.ServerRunner(aiohttp.web.Server(take))
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    assert (await channel.set_webhook(url, http)).kind is OutcomeKind.OK
    fake.user(ANNA).start("AbC")
    raw, body = await taken.get()
    assert channel.verify(raw) == Verified()
    assert channel.parse(body).incoming[0].token == "AbC"
    await fake.settled()
    await runner.cleanup()


async def test_the_token_shows_nowhere(
    fake: FakeTelegram, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret_part = TOKEN.partition(":")[2]
    channel = make(fake)
    texts = [repr(channel), repr(vars(channel)), str(channel)]
    leak = f"Bad Request: /bot{TOKEN}/x and https://example.org/once?token=abc"
    fake.fail_next(
        "sendMessage",
        Refuse(400, leak),
        Refuse(403, leak),
        Refuse(500, leak),
        Garbage(502, TOKEN),
        CloseBefore(),
    )
    channels = [channel] * 5 + [
        TelegramChannel("main", TOKEN, SECRET, api_base=base)
        for base in ("nonsense", "ftp://x.org", "http://127.0.0.1:9")
    ]
    for sender in channels:
        texts.append(repr(await sender.send(part(), http)))
    texts += [record.getMessage() for record in caplog.records]
    whole = "\n".join(texts)
    assert secret_part not in whole
    assert SECRET not in repr(channel)
    assert "once" not in whole


def test_channels_are_imported_without_aiogram() -> None:
    code = (
        "import sys, channels, channels.base, channels.message, channels.text;"
        "sys.exit('aiogram' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
