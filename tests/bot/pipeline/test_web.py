"""The edges over HTTP: the web chat's protocol, webhooks, the guard before every page, signing in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from bot.clock import SystemClock
from bot.safety.access import Role, create_user
from bot.services import Services
from bot.settings import WebChatSettings
from bot.store.tables import conversation, inbox, message, web_session
from bot.web.chat import read_feed
from channels.webchat import WebChatChannel
from channels.whatsapp import WhatsAppChannel
from tests.bot.pipeline.harness import World, open_world
from tests.bot.pipeline.server import served
from tests.fakes.whatsapp import FakeWhatsApp

EMBEDDER = "https://www.wallet.example"
ID = "client-000"


class Browser:
    """What the widget does, by hand."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http, self.token = url, http, ""

    async def post(
        self, path: str, body: Any, *, origin: str | None = None, token: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"content-type": "application/json"}
        bearer = self.token if token is None else token
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if origin:
            headers["origin"] = origin
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self.http.post(f"{self.url}{path}", data=data, headers=headers) as answer:
            raw = await answer.read()
            try:
                parsed = orjson.loads(raw)
            except orjson.JSONDecodeError:
                parsed = {}
            return answer.status, parsed if isinstance(parsed, dict) else {}

    async def open(self, **body: Any) -> int:
        status, answer = await self.post("/w/v1/session", body)
        self.token = answer.get("token", self.token)
        return status

    async def say(self, text: str, client_id: str = ID) -> int:
        status, _ = await self.post("/w/v1/messages", {"client_id": client_id, "text": text})
        return status

    async def feed(self, after: int = 0, count: int = 1) -> list[dict[str, Any]]:
        """The next `count` messages."""
        found: list[dict[str, Any]] = []
        headers = {"authorization": f"Bearer {self.token}"}
        url = f"{self.url}/w/v1/events?after={after}"
        async with asyncio.timeout(20), self.http.get(url, headers=headers) as answer:
            assert answer.status == 200
            async for line in answer.content:
                if line.startswith(b"data: "):
                    found.append(orjson.loads(line[6:]))
                    if len(found) == count:
                        break
        return found


class Site:
    def __init__(self, world: World, browser: Browser, url: str) -> None:
        self.world, self.browser, self.url = world, browser, url
        self.services: Services = world.services


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    web = WebChatSettings(embed_origins=(EMBEDDER,))
    chat = WebChatChannel("http://127.0.0.1")
    async with open_world(database_url, tmp_path, more=[chat], webchat=web) as world:
        world.services.clock = SystemClock()
        async with served(world.services) as running, aiohttp.ClientSession() as http:
            yield Site(world, Browser(running.url, http), running.url)


async def test_a_chat_is_opened_spoken_in_and_read_back(site: Site) -> None:
    assert await site.browser.open(locale="en") == 200
    (hello,) = await site.browser.feed(after=1)
    assert "automated assistant" in hello["text"]
    assert await site.browser.say("what are the fees?") == 202
    mine, answer = await site.browser.feed(after=hello["id"], count=2)
    assert (mine["author"], mine["client_id"], mine["text"]) == ("person", ID, "what are the fees?")
    assert "CNY 2" in answer["text"]


async def test_the_same_message_again_is_taken_once(site: Site) -> None:
    await site.browser.open()
    for _ in range(3):
        assert await site.browser.say("what are the fees?") == 202
    await asyncio.gather(*(site.browser.say("and a card?", "client-001") for _ in range(4)))
    rows = await site.world.rows(inbox, inbox.c.kind == "text")
    assert len(rows) == 2


async def test_the_feed_is_read_again_from_any_number_without_loss(site: Site) -> None:
    await site.browser.open()
    for number in range(6):
        await site.browser.say("what are the fees?", f"client-{number:03}")
    whole = await site.browser.feed(after=0, count=14)
    numbers = [line["id"] for line in whole]
    assert numbers == sorted(set(numbers))
    for after in (0, numbers[3], numbers[8]):
        rest = [line for line in whole if line["id"] > after]
        assert await site.browser.feed(after=after, count=len(rest)) == rest


async def test_a_long_feed_is_replayed_at_once(site: Site) -> None:
    await site.browser.open()
    await site.browser.feed(after=1)
    place = await site.world.row(conversation)
    async with site.services.db.write() as conn:
        keys = await site.services.vault.keys(conn, [place.person_id])
        line = {
            "conversation_id": place.id,
            "person_id": place.person_id,
            "author": "bot",
            "kind": "text",
            "at": site.services.clock.now(),
        }
        body = keys[place.person_id].seal('{"text": "x"}')
        await conn.execute(
            message.insert(), [{**line, "body": body, "feed": n} for n in range(10, 460)]
        )
    assert len(await site.browser.feed(after=9, count=450)) == 450  # not 15 s a page


async def test_a_session_is_resumed_and_a_reload_is_no_new_opening(site: Site) -> None:
    await site.browser.open()
    await site.browser.feed(after=1)
    token = site.browser.token
    assert await site.browser.open() == 200
    assert site.browser.token == token
    assert len(await site.world.rows(inbox)) == 1
    assert len(await site.world.rows(web_session)) == 1


@pytest.mark.parametrize("after", ["-5", "0", "999999999999999999999999", "x"])
async def test_odd_places_in_the_feed_break_nothing(site: Site, after: str) -> None:
    await site.browser.open()
    await site.browser.feed(after=1)
    headers = {"authorization": f"Bearer {site.browser.token}"}
    url = f"{site.url}/w/v1/events?after={after}"
    async with site.browser.http.get(url, headers=headers) as answer:
        assert answer.status == (422 if after == "x" else 200)
        if answer.status == 200:
            assert (await answer.content.readline()).startswith(b": ready")
    assert await read_feed(site.services, (await site.world.row(conversation)).id, 0)


GARBAGE: list[bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b'{"client_id": 5, "text": "hi"}',
    b'{"client_id": "short", "text": "hi"}',
    b'{"client_id": "client-000"}',
    b'{"client_id": "client-000", "text": "   "}',
    b'{"client_id": "client-000", "text": 7}',
    b'{"client_id": "client-000", "token": ""}',
    b'{"client_id": "client-000", "media": "bomb"}',
    b'{"client_id": "client-\\u0000\\u0000", "text": "hi"}',
    b'{"client_id": "client-\\u4e00\\u4e00", "text": "hi"}',
    b"[" * 50_000,
    b'{"client_id": "client-000", "text": "' + b"x" * 300_000 + b'"}',
]


async def test_garbage_is_refused_and_never_an_error_of_ours(site: Site) -> None:
    await site.browser.open()
    for body in GARBAGE:
        status, _ = await site.browser.post("/w/v1/messages", body)
        assert status == 400, body[:60]
    for body in GARBAGE:
        status, _ = await site.browser.post("/w/v1/session", body)
        assert status in (200, 400), body[:60]


async def test_half_a_character_does_not_cost_the_words(site: Site) -> None:
    await site.browser.open()
    (hello,) = await site.browser.feed(after=1)
    body = b'{"client_id": "client-000", "text": "cut \\ud83d"}'
    assert (await site.browser.post("/w/v1/messages", body))[0] == 202
    mine, *_ = await site.browser.feed(after=hello["id"], count=1)
    assert mine["text"] == "cut \ufffd"


@pytest.mark.parametrize("start", ["x" * 5000, "\x00", "界", 5, None, ["a"], "forged-token"])
async def test_an_odd_start_token_opens_the_chat_as_a_strangers(site: Site, start: Any) -> None:
    assert await site.browser.open(start=start) == 200
    assert "automated assistant" in (await site.browser.feed(after=1))[0]["text"]


@pytest.mark.parametrize("text", ["界" * 50_000, "a b " * 12_500, "😀" * 20_000, "1 " * 25_000])
async def test_a_very_long_message_is_taken_and_answered(site: Site, text: str) -> None:
    await site.browser.open()
    (hello,) = await site.browser.feed(after=1)
    assert await site.browser.say(text) == 202
    mine, *_ = await site.browser.feed(after=hello["id"], count=2)
    assert mine["author"] == "person"


async def test_what_markup_says_stays_text(site: Site) -> None:
    await site.browser.open()
    (hello,) = await site.browser.feed(after=1)
    await site.browser.say("<img src=x onerror=alert(1)> {{brand}}")
    (mine,) = await site.browser.feed(after=hello["id"])
    assert mine["text"] == "<img src=x onerror=alert(1)> {{brand}}"


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 4000])
async def test_without_a_session_nothing_is_taken_or_shown(site: Site, token: str) -> None:
    status, _ = await site.browser.post(
        "/w/v1/messages", {"client_id": ID, "text": "hi"}, token=token
    )
    assert status == 401
    headers = {"authorization": f"Bearer {token}"}
    async with site.browser.http.get(f"{site.url}/w/v1/events", headers=headers) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        (EMBEDDER, True),
        ("https://www.wallet.example.evil.example", False),
        ("http://www.wallet.example", False),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_only_named_sites_may_embed_the_chat(
    site: Site, origin: str | None, allowed: bool
) -> None:
    await site.browser.open()
    status, _ = await site.browser.post("/w/v1/session", {}, origin=origin, token="")
    assert status == (200 if allowed else 403)
    body = {"client_id": ID, "text": "hi"}
    status, _ = await site.browser.post("/w/v1/messages", body, origin=origin)
    assert status == (202 if allowed else 403)
    headers = {"origin": origin} if origin else {}
    async with site.browser.http.options(f"{site.url}/w/v1/messages", headers=headers) as answer:
        granted = answer.headers.get("access-control-allow-origin")
        assert granted == (origin if allowed else None)
        assert answer.headers["vary"] == "Origin"


async def test_the_widget_may_be_loaded_by_other_sites(site: Site) -> None:
    url = f"{site.url}/static/huifang-chat.js"
    async with site.browser.http.get(url, headers={"origin": EMBEDDER}) as answer:
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_who_writes_too_fast_is_told_to_wait(site: Site) -> None:
    await site.browser.open()
    body = {"client_id": ID, "text": "hi"}
    statuses = [(await site.browser.post("/w/v1/messages", body))[0] for _ in range(61)]
    assert statuses == [202] * 60 + [429]


async def test_too_many_new_chats_of_one_address_are_refused(site: Site) -> None:
    statuses = [(await site.browser.post("/w/v1/session", {}, token=""))[0] for _ in range(61)]
    assert statuses == [200] * 60 + [429]


# ── webhooks ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def phone(
    database_url: str, tmp_path: Path
) -> AsyncIterator[tuple[World, str, FakeWhatsApp]]:
    async with FakeWhatsApp(clock=lambda: datetime.now().astimezone()) as fake:
        channel = WhatsAppChannel(
            name="main",
            phone_number_id=fake.phone_number_id,
            access_token=fake.access_token,
            app_secret=fake.app_secret,
            verify_token=fake.verify_token,
            phone=fake.phone,
            api_base=fake.api_base,
        )
        async with open_world(database_url, tmp_path, more=[channel]) as world:
            world.services.clock = SystemClock()
            async with served(world.services) as running:
                fake.connect(f"{running.url}/hooks/whatsapp/main")
                yield world, f"{running.url}/hooks/whatsapp/main", fake


def text_of(fake: FakeWhatsApp, words: str = "hi") -> bytes:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "1", "phone_number_id": fake.phone_number_id},
        "messages": [
            {
                "id": fake.next_wamid(),
                "from": "8613800138000",
                "timestamp": fake.timestamp(),
                "type": "text",
                "text": {"body": words},
            }
        ],
    }
    return fake.body([("messages", value)])


async def test_a_signed_webhook_is_durable_before_it_is_answered(
    phone: tuple[World, str, FakeWhatsApp],
) -> None:
    world, url, fake = phone
    body = text_of(fake)
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            async with http.post(url, data=body, headers=fake.sign(body)) as answer:
                assert answer.status == 200
    assert len(await world.rows(inbox)) == 1


@pytest.mark.parametrize("spoil", ["flipped", "spaces", "none", "twice", "upper", "empty", "other"])
async def test_the_signature_is_of_the_raw_bytes_and_stands_there_once(
    phone: tuple[World, str, FakeWhatsApp], spoil: str
) -> None:
    world, url, fake = phone
    body = text_of(fake)
    good = fake.sign(body)["X-Hub-Signature-256"]
    headers: list[tuple[str, str]] = [("X-Hub-Signature-256", good)]
    match spoil:
        case "flipped":
            body = body.replace(b"hi", b"ho")
        case "spaces":
            body += b" "
        case "none":
            headers = []
        case "twice":
            headers *= 2
        case "upper":
            headers = [("X-Hub-Signature-256", good.upper())]
        case "empty":
            headers = [("X-Hub-Signature-256", "")]
        case _:
            headers = [("X-Hub-Signature-256", fake.sign(b"other")["X-Hub-Signature-256"])]
    async with (
        aiohttp.ClientSession() as http,
        http.post(url, data=body, headers=headers) as answer,
    ):
        assert answer.status == 401
        assert await answer.read() == b""
    assert await world.rows(inbox) == []


async def test_unknown_accounts_and_methods_are_no_doors(
    phone: tuple[World, str, FakeWhatsApp],
) -> None:
    _, url, _ = phone
    root = url.removesuffix("/whatsapp/main")
    async with aiohttp.ClientSession() as http:
        for path in ("/whatsapp/other", "/telegram/main", "/nonsense/x", "/webchat/main"):
            async with http.post(root + path, data=b"{}") as answer:
                assert answer.status == 404, path
        async with http.put(url, data=b"{}") as answer:
            assert answer.status == 405


async def test_a_body_that_grows_too_large_is_cut_off_while_it_comes(
    phone: tuple[World, str, FakeWhatsApp],
) -> None:
    world, url, fake = phone
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 64 * 1024 * 1024:
            sent += 65_536
            yield b"x" * 65_536

    async with aiohttp.ClientSession() as http:
        try:
            async with http.post(url, data=endless(), headers=fake.sign(b"")) as answer:
                assert answer.status == 413
        except aiohttp.ClientError:
            pass  # cut off in the middle, which is as good
    assert sent < 32 * 1024 * 1024
    assert await world.rows(inbox) == []


async def test_the_handshake_is_echoed_only_for_our_token(
    phone: tuple[World, str, FakeWhatsApp],
) -> None:
    _, url, fake = phone
    async with aiohttp.ClientSession() as http:
        async with http.get(url, params=fake.handshake("42")) as answer:
            assert (answer.status, await answer.text()) == (200, "42")
        wrong = {**fake.handshake("42"), "hub.verify_token": "guess"}
        async with http.get(url, params=wrong) as answer:
            assert answer.status == 403


async def test_a_database_that_is_away_asks_the_platform_to_come_again(
    phone: tuple[World, str, FakeWhatsApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.pipeline import ingress

    world, _, fake = phone

    async def away(*_: Any, **__: Any) -> Any:
        raise OSError("no connection")

    monkeypatch.setattr(ingress, "find_places", away)
    person = fake.user("8613800138000")
    await person.say("hi")
    assert fake.refused_webhooks == 1
    monkeypatch.undo()
    await fake.flush()
    assert len(await world.rows(inbox)) == 1


# ── the guard ───────────────────────────────────────────────────────────────────────────────────


async def raw(url: str, head: str) -> int:
    """The status of a request written by hand: clients would not send these headers."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head.replace("\n", "\r\n").encode())
    async with asyncio.timeout(20):
        line = await reader.readline()
    writer.close()
    return int(line.split()[1])


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/sign-in", "Host: HOST", 200),
        ("GET", "/sign-in", "Host: localhost", 200),
        ("GET", "/sign-in", "Host: LOCALHOST:1", 200),
        ("GET", "/sign-in", "Host: evil.example", 421),
        ("GET", "/sign-in", "Host: 127.0.0.1.evil.example", 421),
        ("GET", "/sign-in", "Host: evil.example@127.0.0.1", 200),  # userinfo is no host
        ("POST", "/sign-in", "Host: HOST\nOrigin: http://evil.example", 403),
        ("POST", "/sign-in", "Host: HOST\nOrigin: null", 403),
        ("POST", "/sign-in", "Host: HOST\nSec-Fetch-Site: cross-site", 403),
        ("POST", "/sign-in", "Host: HOST\nSec-Fetch-Site: same-site", 403),
        ("POST", "/sign-in", "Host: HOST\nOrigin: http://HOST", 422),
        ("POST", "/sign-in", "Host: HOST", 422),
        ("POST", "/w/v1/session", "Host: HOST\nOrigin: http://evil.example", 403),
        ("POST", "/w/v1/session", "Host: evil.example", 421),
        ("POST", "/api/v1/followups", "Host: HOST", 401),
        ("POST", "/demo/chat/wang", "Host: HOST", 404),
    ],
)
async def test_the_guard_decides_by_host_and_origin(
    site: Site, method: str, path: str, headers: str, status: int
) -> None:
    host = site.url.removeprefix("http://")
    head = f"{method} {path} HTTP/1.1\n{headers}\nContent-Length: 0\n\n".replace("HOST", host, 9)
    got = await raw(site.url, head.replace(f"LOCAL{host}", "LOCALHOST"))
    assert got == status


async def test_every_page_carries_the_security_headers(site: Site) -> None:
    async with site.browser.http.get(f"{site.url}/sign-in") as answer:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_guessing_a_password_is_slow_and_a_pause_lets_in_again(site: Site) -> None:
    from bot.web import sign_in

    services = site.services
    await create_user(services, "lin", "Lin", "correct horse battery", Role.AGENT, "en")

    async def attempt(password: str) -> int:
        form = {"login": "lin", "password": password}
        async with site.browser.http.post(
            f"{site.url}/sign-in", data=form, allow_redirects=False
        ) as answer:
            return answer.status

    assert [await attempt("wrong") for _ in range(8)] == [401] * 8
    assert await attempt("correct horse battery") == 401
    sign_in._attempts._seen["lin"] = [at - 301 for at in sign_in._attempts._seen["lin"]]
    assert await attempt("correct horse battery") == 303


async def test_signing_out_needs_the_token_of_the_page(site: Site) -> None:
    await create_user(site.services, "mo", "Mo", "correct horse battery", Role.AGENT, "en")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        form = {"login": "mo", "password": "correct horse battery"}
        async with http.post(f"{site.url}/sign-in", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        async with http.post(f"{site.url}/sign-out", data={"csrf": "x"}) as answer:
            assert answer.status == 403
