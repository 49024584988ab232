"""The fake WhatsApp refuses what Meta refuses, and tells what Meta tells."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.whatsapp import FakeWhatsApp, Fault, FaultKind
from tests.fakes.whatsapp_rules import FakeTemplate

Json = dict[str, Any]
PHONE = "8613800138000"


class Bench:
    """A fake, a clock that is moved by hand, the webhooks that came, and a plain HTTP client."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.now = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
        self.http = http
        self.webhooks: list[Json] = []
        self.answer = 200
        self.fake = FakeWhatsApp(clock=lambda: self.now)
        self.fake.deliver = self._take

    async def _take(self, body: bytes, headers: Mapping[str, str]) -> int:
        digest = hmac.new(self.fake.app_secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Hub-Signature-256"] == f"sha256={digest}"
        if self.answer == 200:
            self.webhooks.append(json.loads(body))
        return self.answer

    async def post(self, body: Json, *, token: str = "", number: str = "") -> tuple[int, Json]:
        url = f"{self.fake.api_base}/{number or self.fake.phone_number_id}/messages"
        headers = {"Authorization": f"Bearer {token or self.fake.access_token}"}
        async with self.http.post(url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def code(self, body: Json) -> int:
        """The error code of a send; 0 if it was accepted."""
        _, answer = await self.post(body)
        return int(answer["error"]["code"]) if "error" in answer else 0

    def statuses(self) -> list[str]:
        values = [
            change["value"] for hook in self.webhooks for change in hook["entry"][0]["changes"]
        ]
        return [status["status"] for value in values for status in value.get("statuses", [])]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as http:
        bench = Bench(http)
        async with bench.fake:
            yield bench


def text(body: str = "hello", to: str = PHONE) -> Json:
    return {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}}


def interactive(content: Json) -> Json:
    base = {"messaging_product": "whatsapp", "to": PHONE, "type": "interactive"}
    return {**base, "interactive": content}


def with_part(name: str, part: Json) -> Json:
    """A message with one button and a header or footer."""
    body = buttons("Yes")
    return {**body, "interactive": {**body["interactive"], name: part}}


def buttons(*titles: str, body: str = "Pick", ids: tuple[str, ...] = ()) -> Json:
    ids = ids or tuple(f"t{number}" for number in range(len(titles)))
    replies = [
        {"type": "reply", "reply": {"id": token, "title": title}}
        for token, title in zip(ids, titles, strict=True)
    ]
    return interactive({"type": "button", "body": {"text": body}, "action": {"buttons": replies}})


def rows(*given: Json, button: str = "Options") -> Json:
    action = {"button": button, "sections": [{"rows": list(given)}]}
    return interactive({"type": "list", "body": {"text": "Pick"}, "action": action})


def template(name: str = "hello", code: str = "zh_CN", *values: str) -> Json:
    parameters = [{"type": "text", "text": value} for value in values]
    content: Json = {"name": name, "language": {"code": code}}
    if values:
        content["components"] = [{"type": "body", "parameters": parameters}]
    base = {"messaging_product": "whatsapp", "to": PHONE, "type": "template"}
    return {**base, "template": content}


async def test_a_text_arrives_and_its_ladder_comes_back_signed(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    status, answer = await bench.post(text("回复 🙂"))
    await bench.fake.settle()
    assert (status, answer["contacts"]) == (200, [{"input": PHONE, "wa_id": PHONE}])
    assert [message.text for message in person.messages] == ["回复 🙂"]
    assert person.messages[0].wamid == answer["messages"][0]["id"]
    await person.read()
    assert bench.statuses() == ["sent", "delivered", "read"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (text("a" * 4096), 0),
        (text("a" * 4097), 100),
        (text("  "), 100),
        ({**text(), "surprise": 1}, 100),
        ({**text(), "text": {"body": "a", "markdown": True}}, 100),
        ({**text(), "messaging_product": "messenger"}, 100),
        ({**text(), "recipient": "US.12"}, 100),
        ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "a"}}, 100),
        ({"messaging_product": "whatsapp", "to": PHONE, "type": "text"}, 131008),
        ({"messaging_product": "whatsapp", "to": PHONE, "type": "poll", "poll": {}}, 131051),
        ({**text(), "to": "not a number"}, 131009),
        (text(to="15550000000"), 131026),
        (buttons("Yes", "No", "Later"), 0),
        (buttons("1", "2", "3", "4"), 131009),
        (buttons("a" * 20), 0),
        (buttons("a" * 21), 131009),
        (buttons("Yes", "Yes"), 131009),
        (buttons("Yes", "No", ids=("a", "a")), 131009),
        (buttons("Yes", ids=("a" * 257,)), 131009),
        (buttons("Yes", body="b" * 1024), 0),
        (buttons("Yes", body="b" * 1025), 131009),
        (buttons("Yes", body=""), 131009),
        (rows({"id": "a", "title": "t" * 24, "description": "d" * 72}), 0),
        (rows({"id": "a", "title": "t" * 25}), 131009),
        (rows({"id": "a", "title": "t", "description": "d" * 73}), 131009),
        (rows({"id": "a" * 201, "title": "t"}), 131009),
        (rows({"id": "a", "title": "t", "url": "x"}), 100),
        (rows({"id": "a", "title": "t"}, {"id": "a", "title": "u"}), 131009),
        (rows(*({"id": str(n), "title": str(n)} for n in range(11))), 131009),
        (rows({"id": "a", "title": "t"}, button="b" * 21), 131009),
        ({**text(), "biz_opaque_callback_data": "x" * 512}, 0),
        ({**text(), "biz_opaque_callback_data": "x" * 513}, 100),
        ({**text(), "context": {"message_id": "wamid.x"}}, 0),
        ({**text(), "context": {"id": "wamid.x"}}, 100),
        ({**text(), "recipient_type": "group"}, 100),
        (with_part("footer", {"text": "f" * 60}), 0),
        (with_part("footer", {"text": "f" * 61}), 131009),
        (with_part("footer", {"text": "f", "type": "text"}), 100),
        (with_part("header", {"type": "text", "text": "h" * 61}), 131009),
        (with_part("header", {"type": "image", "text": "h"}), 100),
    ],
)
async def test_limits_and_fields_are_enforced(bench: Bench, body: Json, code: int) -> None:
    await bench.fake.user(PHONE).say("hi")
    assert await bench.code(body) == code


async def test_a_wrong_token_and_a_wrong_number_are_refused(bench: Bench) -> None:
    bench.fake.user(PHONE)
    status, answer = await bench.post(text(), token="another")
    assert (status, answer["error"]["code"]) == (401, 190)
    status, answer = await bench.post(text(), number="1")
    assert (status, answer["error"]["error_subcode"]) == (400, 33)


async def test_the_window_opens_with_a_message_and_closes_after_a_day(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    assert await bench.code(text()) == 131047
    await person.say("hi")
    assert await bench.code(text()) == 0
    bench.now += timedelta(hours=24)
    assert await bench.code(text()) == 131047
    bench.fake.late_errors = True
    assert await bench.code(text()) == 0
    await bench.fake.settle()
    assert bench.statuses()[-1] == "failed"
    assert len(person.messages) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (template("hello", "zh_CN", "李娜"), 0),
        (template("hello", "en", "Li"), 132001),
        (template("bye", "zh_CN"), 132001),
        (template("hello", "zh_CN"), 132000),
        (template("hello", "zh_CN", "a", "b"), 132000),
        (template("hello", "zh_CN", "a\nb"), 132012),
    ],
)
async def test_templates_are_checked_and_need_no_window(
    bench: Bench, body: Json, code: int
) -> None:
    bench.fake.template(FakeTemplate("hello", "zh_CN", parameters=1))
    bench.fake.user(PHONE)
    assert await bench.code(body) == code


async def test_who_stopped_marketing_gets_no_marketing_template(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    bench.fake.template(FakeTemplate("hello", "zh_CN", category="marketing"))
    await person.opt_out()
    assert await bench.code(template()) == 131050
    await person.opt_in()
    assert await bench.code(template()) == 0


async def test_messages_to_one_person_may_be_held_to_a_pace(bench: Bench) -> None:
    await bench.fake.user(PHONE).say("hi")
    bench.fake.pair_gap = timedelta(seconds=6)
    assert [await bench.code(text()), await bench.code(text())] == [0, 131056]
    bench.now += timedelta(seconds=6)
    assert await bench.code(text()) == 0


async def test_scripted_faults_hit_one_send_each_and_tell_whether_it_was_taken(
    bench: Bench,
) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    bench.fake.fail_next(
        Fault(FaultKind.ERROR, code=130429),
        Fault(FaultKind.HTTP, status=502),
        Fault(FaultKind.CLOSE_BEFORE),
        Fault(FaultKind.CLOSE_AFTER),
    )
    assert await bench.code(text("one")) == 130429
    with pytest.raises(aiohttp.ContentTypeError):
        await bench.code(text("two"))
    with pytest.raises(aiohttp.ClientError):
        await bench.code(text("three"))
    with pytest.raises(aiohttp.ClientError):
        await bench.code(text("four"))
    assert await bench.code(text("five")) == 0
    assert [message.text for message in person.messages] == ["four", "five"]


async def test_people_by_user_id_alone_are_found_and_never_show_a_phone(bench: Bench) -> None:
    person = bench.fake.user(bsuid="US.1234")
    await person.say("hi")
    body = text()
    del body["to"]
    assert await bench.code({**body, "recipient": "US.1234"}) == 0
    assert await bench.code({**body, "recipient": "US.ENT.1234"}) == 100
    assert "wa_id" not in json.dumps(bench.webhooks[0])
    assert '"from"' not in json.dumps(bench.webhooks[0])


async def test_taps_carry_the_token_of_what_is_tapped(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    await bench.post(buttons("Yes", "No", ids=("tok-yes", "tok-no")))
    await person.tap("No")
    message = bench.webhooks[-1]["entry"][0]["changes"][0]["value"]["messages"][0]
    assert message["interactive"] == {
        "type": "button_reply",
        "button_reply": {"id": "tok-no", "title": "No"},
    }
    with pytest.raises(LookupError):
        await person.tap("Maybe")


async def test_webhooks_can_be_held_batched_doubled_and_reordered(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    bench.fake.held = True
    sent = [await person.say(str(number)) for number in range(6)]
    assert bench.webhooks == []
    await bench.fake.flush(batch=True, copies=2, shuffle=random.Random(3))
    assert len(bench.webhooks) == 2
    changes = bench.webhooks[0]["entry"][0]["changes"]
    got = [change["value"]["messages"][0]["id"] for change in changes]
    assert sorted(got) == sorted(sent)
    assert got != sent


async def test_a_refused_webhook_comes_again_in_its_order(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    bench.answer = 500
    await person.say("one")
    await person.say("two")
    bench.answer = 200
    assert await bench.fake.flush() == 2
    bodies = [
        hook["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"]
        for hook in bench.webhooks
    ]
    assert bodies == ["one", "two"]
    assert bench.fake.refused_webhooks == 2


async def test_typing_is_tied_to_a_message_that_was_received(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    wamid = await person.say("hi")
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    assert await bench.code({**mark, "typing_indicator": {"type": "text"}}) == 0
    assert await bench.code({**mark, "message_id": "wamid.other"}) == 131009
    assert person.typing_seen == 1


async def test_webhooks_go_over_http_with_the_secrets_that_were_agreed(bench: Bench) -> None:
    took: list[tuple[bytes, str]] = []

    async def hook(request: web.Request) -> web.Response:
        took.append((await request.read(), request.headers["X-Hub-Signature-256"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    async with TestServer(app, host="127.0.0.1") as server:
        bench.fake.connect(str(server.make_url("/hook")))
        await bench.fake.user(PHONE).say("你好/hi")
    ((body, signature),) = took
    assert signature == bench.fake.sign(body)["X-Hub-Signature-256"]
    assert b"\\u4f60\\u597d\\/hi" in body
    assert bench.fake.handshake("77") == {
        "hub.mode": "subscribe",
        "hub.verify_token": bench.fake.verify_token,
        "hub.challenge": "77",
    }
