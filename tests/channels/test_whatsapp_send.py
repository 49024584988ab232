"""What becomes of a send on WhatsApp: every code, every broken connection, and whole conversations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Outcome, OutcomeKind, Parsed, Part, RawRequest, Verified
from channels.message import (
    Address,
    Incoming,
    IncomingKind,
    Option,
    Outgoing,
    ReceiptStatus,
    Template,
)
from channels.whatsapp import WhatsAppChannel
from channels.whatsapp_errors import classify, meaning_of
from tests.fakes.whatsapp import FakeWhatsApp, Fault, FaultKind
from tests.fakes.whatsapp_rules import FakeTemplate

PHONE = "8613800138000"
BSUID = "US.13491208655302741918"

CODES: dict[OutcomeKind, list[int]] = {
    OutcomeKind.RETRY_AFTER: [4, 80007, 130429, 131056, 131049, 133016],
    OutcomeKind.TRANSIENT: [1, 2, 131000, 131016, 131053, 131057, 133004],
    OutcomeKind.WINDOW_CLOSED: [131047],
    OutcomeKind.OPTED_OUT: [131050],
    OutcomeKind.UNREACHABLE: [131026, 131021, 130497, 137000],
    OutcomeKind.CONTENT_REJECTED: [100, 130472, 131008, 131009, 131051, 131062],
    OutcomeKind.TEMPLATE_PROBLEM: [
        131064, 132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016,
    ],
    OutcomeKind.AUTH: [0, 3, 10, 190, 200, 250, 299, 368, 131005, 131031, 131042],
    OutcomeKind.QUOTA: [131048],
    OutcomeKind.CONFIG: [33, 131030, 131037, 131045, 133010],
}  # fmt: skip


def error(code: object, **more: object) -> dict[str, Any]:
    return {"error": {"message": "m", "type": "OAuthException", "code": code, **more}}


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes]
)
def test_known_codes_whatever_the_status(kind: OutcomeKind, code: int) -> None:
    for status in (400, 403, 500):
        outcome = classify(status, error(code))
        assert outcome.kind is kind
        assert str(code) in outcome.detail
        assert (outcome.retry_after > 0) is (kind is OutcomeKind.RETRY_AFTER)
    meaning = meaning_of(str(code))
    assert meaning is not None
    assert meaning.kind is kind


@given(st.integers(-10, 10**7), st.sampled_from([400, 401, 403, 404, 409, 429, 500, 502, 503]))
def test_an_unknown_code_is_judged_by_its_status_and_never_stops_contact(
    code: int, status: int
) -> None:
    if meaning_of(code) is not None:
        return
    kind = classify(status, error(code)).kind
    if status == 429:
        assert kind is OutcomeKind.RETRY_AFTER
    else:
        assert kind is (OutcomeKind.TRANSIENT if status >= 500 else OutcomeKind.UNKNOWN)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, OutcomeKind.UNKNOWN),
        (400, OutcomeKind.UNKNOWN),
        (401, OutcomeKind.AUTH),
        (403, OutcomeKind.AUTH),
        (404, OutcomeKind.CONFIG),
        (413, OutcomeKind.CONTENT_REJECTED),
        (429, OutcomeKind.RETRY_AFTER),
        (500, OutcomeKind.UNKNOWN),
        (502, OutcomeKind.UNKNOWN),
        (503, OutcomeKind.TRANSIENT),
        (504, OutcomeKind.UNKNOWN),
    ],
)
@pytest.mark.parametrize("body", [None, [], {}, {"error": "no"}, {"error": None}, "text"])
def test_an_answer_without_a_code_is_judged_by_its_status(
    status: int, kind: OutcomeKind, body: object
) -> None:
    assert classify(status, body).kind is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("", 5), ("soon", 5), ("-3", 5), ("٣", 5), ("9" * 30, 86_400), ("0", 0)],
)
def test_retry_after_is_seconds_within_a_day(value: str, seconds: float) -> None:
    assert classify(400, error(130429), value).retry_after == seconds


def test_a_number_that_is_not_ours_is_a_setting_and_no_fault_of_the_message() -> None:
    assert classify(400, error(100, error_subcode=33)).kind is OutcomeKind.CONFIG
    assert classify(400, error(100)).kind is OutcomeKind.CONTENT_REJECTED


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"messages": [{"id": "wamid.1"}]}, Outcome(OutcomeKind.OK, "wamid.1")),
        (
            {"messages": [{"id": "wamid.1", "message_status": "held_for_quality_assessment"}]},
            Outcome(OutcomeKind.OK, "wamid.1", detail="held_for_quality_assessment"),
        ),
        (
            {"contacts": [{"input": "+52 1 55", "wa_id": "5255"}], "messages": [{"id": "w"}]},
            Outcome(OutcomeKind.OK, "w", new_address="5255"),
        ),
        (
            {"contacts": [{"input": "+52 55", "wa_id": "5255"}], "messages": [{"id": "w"}]},
            Outcome(OutcomeKind.OK, "w"),
        ),
        (
            {"contacts": [{"input": "US.1", "wa_id": "5255"}], "messages": [{"id": "w"}]},
            Outcome(OutcomeKind.OK, "w"),
        ),
    ],
)
def test_an_accepted_message(body: object, outcome: Outcome) -> None:
    assert classify(200, body) == outcome


@pytest.mark.parametrize("body", [None, {}, {"messages": []}, {"messages": [{"id": ""}]}, [1]])
def test_accepted_without_an_id_is_not_known(body: object) -> None:
    assert classify(200, body).kind is OutcomeKind.UNKNOWN


def test_details_tell_the_reason_but_no_token_and_no_phone_number() -> None:
    words = "Param text['body'] of +86 138 0013 8000 with EAAaccess-token is too long"
    told = classify(400, error(100, error_data={"details": words})).detail
    assert "Param text['body']" in told
    assert "138" not in told
    assert "EAA" not in told
    malformed = {"details": "Malformed access token abcdef"}
    assert "abcdef" not in classify(401, error(190, error_data=malformed)).detail


class Bench:
    """The adapter against the strict fake, with what it made of the webhooks."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.now = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
        self.http = http
        self.fake = FakeWhatsApp(clock=lambda: self.now)
        self.fake.deliver = self._take
        self.parsed: list[Parsed] = []

    def start(self, **more: Any) -> WhatsAppChannel:
        given_: dict[str, Any] = {
            "name": "main",
            "phone_number_id": self.fake.phone_number_id,
            "phone": self.fake.phone,
            "access_token": self.fake.access_token,
            "app_secret": self.fake.app_secret,
            "verify_token": self.fake.verify_token,
            "api_base": self.fake.api_base,
        }
        self.us = WhatsAppChannel(**{**given_, **more})
        return self.us

    async def _take(self, body: bytes, headers: Mapping[str, str]) -> int:
        told = {name.lower(): (value,) for name, value in headers.items()}
        assert self.us.verify(RawRequest("POST", "/", {}, told, body)) == Verified()
        self.parsed.append(self.us.parse(body))
        return 200

    @property
    def incoming(self) -> list[Incoming]:
        return [one for parsed in self.parsed for one in parsed.incoming]

    @property
    def receipts(self) -> list[ReceiptStatus]:
        return [one.status for parsed in self.parsed for one in parsed.receipts]

    async def send(self, text: str, *labels: str, to: str = PHONE) -> list[OutcomeKind]:
        options = tuple(Option(f"tok-{label}", label) for label in labels)
        parts = self.us.render(Address(self.us.account, to), Outgoing(text, options))
        return [(await self.us.send(part, self.http)).kind for part in parts]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as http:
        bench = Bench(http)
        async with bench.fake:
            bench.start()
            yield bench


async def test_a_conversation_from_link_to_tap(bench: Bench) -> None:
    person = bench.fake.user(PHONE, bsuid=BSUID)
    await person.say("您好 Hello (start: Ab12)")
    assert await bench.send("打几分？", "1", "2", "3", "4", "5") == [OutcomeKind.OK]
    await person.tap("4")
    await person.send_voice()
    await person.react("wamid.x", "👍")
    assert await bench.send("谢谢！还有什么想问？", "没有", "费用") == [OutcomeKind.OK]
    await person.tap("费用")
    await person.read()
    await bench.fake.settle()
    assert [(one.kind, one.token) for one in bench.incoming] == [
        (IncomingKind.START, "Ab12"),
        (IncomingKind.TAP, "tok-4"),
        (IncomingKind.MEDIA, ""),
        (IncomingKind.TAP, "tok-费用"),
    ]
    assert {one.address for one in bench.incoming} == {Address("whatsapp:main", PHONE, (BSUID,))}
    ladder = [ReceiptStatus.SENT, ReceiptStatus.DELIVERED]
    assert sorted(bench.receipts) == sorted(ladder * 2 + [ReceiptStatus.READ] * 2)


async def test_a_person_without_a_phone_number_is_answered(bench: Bench) -> None:
    person = bench.fake.user(bsuid=BSUID)
    await person.say("hi")
    assert await bench.send("hello", to=bench.incoming[0].address.value) == [OutcomeKind.OK]
    assert person.messages[0].text == "hello"


async def test_long_texts_are_several_messages_in_order(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    text = "手续费说明。" * 1500
    kinds = await bench.send(text, "明白")
    assert kinds == [OutcomeKind.OK] * len(person.messages)
    assert "".join(message.text for message in person.messages) == text


async def test_outside_the_window_only_a_template_passes(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    assert await bench.send("hi") == [OutcomeKind.WINDOW_CLOSED]
    bench.fake.template(FakeTemplate("hello", "zh_CN", parameters=1, quick_replies=("开始",)))
    message = Outgoing("您好 李娜", template=Template("hello", "zh", ("李娜",), token="tok-start"))
    (part,) = bench.us.render(Address(bench.us.account, PHONE), message)
    assert (await bench.us.send(part, bench.http)).kind is OutcomeKind.OK
    await person.tap("开始")
    assert (bench.incoming[0].kind, bench.incoming[0].token) == (IncomingKind.TAP, "tok-start")
    assert await bench.send("hi") == [OutcomeKind.OK]
    window = bench.us.window.opens_for
    assert window is not None
    bench.now += window - timedelta(seconds=1)
    assert await bench.send("hi") == [OutcomeKind.OK]
    bench.now += timedelta(seconds=1)
    assert await bench.send("hi") == [OutcomeKind.WINDOW_CLOSED]


async def test_a_template_that_does_not_fit_is_a_template_problem(bench: Bench) -> None:
    bench.fake.user(PHONE)
    bench.fake.template(FakeTemplate("hello", "en", parameters=2))
    for template in (Template("hello", "en", ("one",)), Template("hello", "fr", ("a", "b"))):
        message = Outgoing("", template=template)
        (part,) = bench.us.render(Address(bench.us.account, PHONE), message)
        assert (await bench.us.send(part, bench.http)).kind is OutcomeKind.TEMPLATE_PROBLEM


async def test_refusals_that_come_later_are_failed_receipts_with_their_code(bench: Bench) -> None:
    bench.fake.late_errors = True
    bench.fake.user(PHONE)
    assert await bench.send("hi") == [OutcomeKind.OK]
    await bench.fake.settle()
    (receipt,) = bench.parsed[-1].receipts
    assert (receipt.status, receipt.error_code) == (ReceiptStatus.FAILED, "131047")
    meaning = meaning_of(receipt.error_code)
    assert meaning is not None
    assert meaning.kind is OutcomeKind.WINDOW_CLOSED


async def test_a_person_who_left_or_never_was(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.opt_out()
    await person.opt_in()
    assert [one.kind for one in bench.incoming] == [IncomingKind.STOP, IncomingKind.RESUME]
    assert await bench.send("hi", to="15550000000") == [OutcomeKind.UNREACHABLE]
    person.blocked = True
    assert await bench.send("hi") == [OutcomeKind.UNREACHABLE]


@pytest.mark.parametrize(
    ("fault", "kind", "taken"),
    [
        (Fault(FaultKind.ERROR, code=131056), OutcomeKind.RETRY_AFTER, False),
        (Fault(FaultKind.ERROR, code=130429), OutcomeKind.RETRY_AFTER, False),
        (Fault(FaultKind.HTTP, status=429), OutcomeKind.RETRY_AFTER, False),
        (Fault(FaultKind.ERROR, code=131000), OutcomeKind.TRANSIENT, False),
        (Fault(FaultKind.HTTP, status=503), OutcomeKind.TRANSIENT, False),
        (Fault(FaultKind.HTTP, status=502), OutcomeKind.UNKNOWN, False),
        (Fault(FaultKind.CLOSE_BEFORE), OutcomeKind.UNKNOWN, False),
        (Fault(FaultKind.CLOSE_AFTER), OutcomeKind.UNKNOWN, True),
    ],
)
async def test_faults(bench: Bench, fault: Fault, kind: OutcomeKind, taken: bool) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    bench.fake.fail_next(fault)
    assert await bench.send("hello") == [kind]
    assert len(person.messages) == int(taken)
    assert await bench.send("again") == [OutcomeKind.OK]


async def test_the_platform_s_own_waiting_time_is_kept(bench: Bench) -> None:
    await bench.fake.user(PHONE).say("hi")
    bench.fake.fail_next(Fault(FaultKind.ERROR, code=80007, retry_after="42"))
    (part,) = bench.us.render(Address(bench.us.account, PHONE), Outgoing("hello"))
    assert (await bench.us.send(part, bench.http)).retry_after == 42


async def test_no_answer_in_time_is_unknown_because_it_may_have_arrived(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    bench.start(timeout_s=0.2)
    bench.fake.fail_next(Fault(FaultKind.STALL_AFTER))
    assert await bench.send("hello") == [OutcomeKind.UNKNOWN]
    assert len(person.messages) == 1


async def test_a_refused_connection_is_transient_because_nothing_was_sent(
    bench: Bench, unused_tcp_port: int
) -> None:
    bench.start(api_base=f"http://127.0.0.1:{unused_tcp_port}/v25.0")
    assert await bench.send("hello") == [OutcomeKind.TRANSIENT]


async def test_a_wrong_token_number_or_address_is_an_operator_s_matter(bench: Bench) -> None:
    bench.start(access_token="EAAanother")
    assert await bench.send("hello") == [OutcomeKind.AUTH]
    bench.start(phone_number_id="1")
    assert await bench.send("hello") == [OutcomeKind.CONFIG]
    bench.start(api_base="nonsense")
    assert await bench.send("hello") == [OutcomeKind.CONFIG]


async def test_no_outcome_tells_a_secret(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    await person.say("hi")
    faults = [Fault(FaultKind.ERROR, code=code) for code in (190, 100, 131009, 4)]
    faults += [Fault(FaultKind.CLOSE_AFTER), Fault(FaultKind.HTTP, status=500)]
    bench.fake.fail_next(*faults)
    (part,) = bench.us.render(Address(bench.us.account, PHONE), Outgoing("my words"))
    for _ in faults:
        told = repr(await bench.us.send(part, bench.http))
        for secret in (bench.fake.access_token, bench.fake.app_secret, PHONE, "my words"):
            assert secret not in told


async def test_what_is_no_json_or_has_no_session_is_never_sent(bench: Bench) -> None:
    outcome = await bench.us.send(Part({"text": object()}), bench.http)
    assert outcome.kind is OutcomeKind.CONTENT_REJECTED
    closed = aiohttp.ClientSession()
    await closed.close()
    assert (await bench.us.send(Part({}), closed)).kind is OutcomeKind.TRANSIENT


async def test_typing_is_shown_for_a_message_and_marks_it_as_read(bench: Bench) -> None:
    person = bench.fake.user(PHONE)
    wamid = await person.say("hi")
    to = bench.incoming[0].address
    await bench.us.typing(to, bench.http)
    assert person.typing_seen == 0
    await bench.us.typing(to, bench.http, wamid)
    assert person.typing_seen == 1
    await bench.us.typing(to, bench.http, "wamid.unknown")
    await bench.us.acknowledge(bench.incoming[0], bench.http)


async def test_the_token_follows_no_redirect(bench: Bench) -> None:
    seen: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.Response()

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_post("/v25.0/{number}/messages", moved)
    app.router.add_post("/elsewhere", elsewhere)
    async with TestServer(app, host="127.0.0.1") as server:
        bench.start(api_base=str(server.make_url("/v25.0")))
        assert await bench.send("hello") == [OutcomeKind.UNKNOWN]
    assert seen == []
