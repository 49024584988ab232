"""The desk over HTTP: who gets in, what a page may say, what a refusal looks like."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import httpx
import pytest

from bot.app import create_app
from bot.desk.actions import claim, reply
from bot.runtime import Runtime
from bot.safety.access import Role, User, find_session, open_session
from bot.samples import PEOPLE
from bot.store.tables import case, message
from bot.web.guard import COOKIE
from channels.base import Outcome, OutcomeKind
from tests.bot.desk.world import World

HOST = "http://127.0.0.1:8000"


class Client:
    """A browser of one user, without scripts: cookies, and the session's CSRF token."""

    def __init__(self, http: httpx.AsyncClient, csrf: str) -> None:
        self.http, self.csrf = http, csrf

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)

    async def post(self, path: str, data: dict[str, str], **headers: str) -> httpx.Response:
        sent = {"hx-request": "true", "x-csrf-token": self.csrf, "origin": HOST, **headers}
        return await self.http.post(path, data=data, headers=sent)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    runtime = cast(Runtime, SimpleNamespace(ingress=world.ingress))
    app = create_app(world.services, runtime)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        yield client


async def client_of(world: World, http: httpx.AsyncClient, who: User) -> Client:
    token = await open_session(world.services, who)
    http.cookies.set(COOKIE, token, domain="127.0.0.1")
    found = await find_session(world.services, token)
    assert found is not None
    return Client(http, found.csrf)


@pytest.fixture
async def ann(world: World) -> User:
    return await world.agent("ann")


@pytest.fixture
async def client(world: World, http: httpx.AsyncClient, ann: User) -> Client:
    return await client_of(world, http, ann)


PAGES = ("/desk", "/desk/queue", "/desk/cases/{case}", "/desk/cases/{case}/live")
ACTIONS = ("claim", "reply", "note", "give-back", "resolve", "messages/1/resend")


async def test_nobody_sees_anything_without_signing_in(
    world: World, http: httpx.AsyncClient
) -> None:
    case_id = await world.case()
    for path in (*PAGES, "/desk/events"):
        answer = await http.get(path.format(case=case_id), headers={"accept": "text/html"})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/desk")
    for action in ACTIONS:
        answer = await http.post(f"/desk/cases/{case_id}/{action}", data={"text": "hi"})
        assert answer.status_code == 401
    assert (await world.rows(case, id=case_id))[0]["status"] == "queued"


async def test_roles(world: World, http: httpx.AsyncClient) -> None:
    case_id = await world.case()
    desk = (Role.ADMIN, Role.SUPERVISOR, Role.AGENT)
    for role in Role:
        client = await client_of(world, http, await world.agent(f"one-{role}", role))
        wanted = 200 if role in desk else 403
        for path in PAGES:
            answer = await client.get(path.format(case=case_id))
            assert (role, answer.status_code) == (role, wanted)
        answer = await client.post(f"/desk/cases/{case_id}/note", {"text": str(role)})
        assert (role, answer.status_code) == (role, wanted)
    assert len(await world.rows(message, author="note")) == len(desk)


FOREIGN: list[tuple[dict[str, str], int]] = [
    ({"x-csrf-token": "wrong"}, 403),
    ({"origin": "https://evil.example"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"host": "evil.example"}, 421),
]


async def test_actions_are_taken_only_from_our_own_page(world: World, client: Client) -> None:
    case_id = await world.case()
    for action in ("claim", "note", "reply", "resolve", "give-back"):
        for headers, status in FOREIGN:
            path = f"/desk/cases/{case_id}/{action}"
            answer = await client.post(path, {"text": "x", "seen": "999"}, **headers)
            assert (action, answer.status_code) == (action, status)
    assert not await world.rows(message, author="note")
    assert (await world.rows(case, id=case_id))[0]["status"] == "queued"
    assert (await client.post(f"/desk/cases/{case_id}/claim", {})).status_code == 200


async def test_desk_32_no_page_contains_a_telephone_number_or_document_digits(
    world: World, client: Client
) -> None:
    case_id = await world.case("wang", "1234")
    phone = PEOPLE["wang"].phone
    for path in PAGES:
        answer = await client.get(path.format(case=case_id))
        plain = re.sub(r"[^0-9a-zA-Z>]", "", answer.text)
        assert answer.headers["cache-control"] == "no-store"
        for secret in (phone, phone.removeprefix("+86"), phone[-8:]):
            assert secret.lstrip("+") not in plain
        assert ">1234" not in plain, "what answered the identity check is masked"
    side = (await client.get(f"/desk/cases/{case_id}")).text.partition("<aside")[2]
    assert "••••••••••••00" in side
    assert "1234" not in side


async def test_texts_of_people_and_agents_are_never_markup(
    world: World, client: Client, ann: User
) -> None:
    evil = "<img src=x onerror=alert(1)> {{7*7}} {% raw %}"
    case_id = await world.case("wang", evil)
    await world.say("wang", evil)
    await reply(world.services, case_id, ann, evil, seen=10**9)
    for path in PAGES:
        text = (await client.get(path.format(case=case_id))).text
        assert "<img src=x" not in text
        assert "&lt;img" in text


async def test_guard_marks_the_words_and_keeps_the_text(world: World, client: Client) -> None:
    case_id = await world.case()
    for locale, said in (("zh", "没有发送"), ("en", "Not sent")):
        path = f"/desk/cases/{case_id}/reply?lang={locale}"
        answer = await client.post(path, {"text": "您好，请把验证码发给我。", "seen": "999"})
        assert answer.status_code == 422
        assert re.search(r"<mark>[^<]*验证码[^<]*</mark>", answer.text)
        assert "您好，请把验证码发给我。</textarea>" in answer.text
        assert said in answer.text
    assert not await world.rows(message, author="agent")


async def test_stale_reply_shows_what_came_and_goes_out_at_the_second_try(
    world: World, client: Client
) -> None:
    case_id = await world.case()
    shown = (await client.get(f"/desk/cases/{case_id}")).text
    seen = re.search(r'id="seen" name="seen" value="(\d+)"', shown)
    assert seen is not None
    await world.say("wang", "我又想起一件事")
    form = {"text": "好的", "seen": seen[1]}
    held = await client.post(f"/desk/cases/{case_id}/reply", form)
    assert held.status_code == 409
    assert "我又想起一件事" in held.text
    assert "Send anyway" in held.text
    assert '<input type="hidden" name="anyway" value="true">' in held.text
    sent = await client.post(f"/desk/cases/{case_id}/reply", {**form, "anyway": "true"})
    assert sent.status_code == 200
    assert len(await world.rows(message, author="agent")) == 1


async def test_a_taken_case_says_who_has_it(world: World, client: Client) -> None:
    case_id = await world.case()
    await claim(world.services, case_id, await world.agent("bob"))
    refused = await client.post(f"/desk/cases/{case_id}/claim", {})
    assert refused.status_code == 409
    assert "Bob has taken this case." in refused.headers["hx-trigger"]
    written = await client.post(f"/desk/cases/{case_id}/reply", {"text": "hi", "seen": "999"})
    assert written.status_code == 409
    assert "Bob has taken this case." in written.text
    ended = await client.post(f"/desk/cases/{case_id}/resolve", {})
    assert (ended.status_code, ended.json()) == (409, {"detail": "Bob has taken this case."})


async def test_failed_text_is_marked_with_its_reason_and_a_way_to_send_it_again(
    world: World, client: Client, ann: User
) -> None:
    case_id = await world.case()
    world.channel.outcomes = [Outcome(OutcomeKind.CONTENT_REJECTED, detail="x")]
    sent = await reply(world.services, case_id, ann, "您好", seen=10**9)
    await world.settle()
    text = (await client.get(f"/desk/cases/{case_id}/live")).text
    assert "Not sent: the platform refused the text." in text
    again = f"/desk/cases/{case_id}/messages/{sent}/resend"
    assert f'hx-post="{again}"' in text
    assert (await client.post(again, {})).status_code == 204
    await world.settle()
    assert "Not sent" not in (await client.get(f"/desk/cases/{case_id}/live")).text


async def test_forms_work_without_scripts(world: World, http: httpx.AsyncClient, ann: User) -> None:
    client = await client_of(world, http, ann)
    case_id = await world.case()
    for action, more in (("claim", {}), ("note", {"text": "a"}), ("resolve", {})):
        form = {"csrf": client.csrf, **more}
        answer = await http.post(f"/desk/cases/{case_id}/{action}", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/cases/{case_id}")
    assert (await world.rows(case, id=case_id))[0]["status"] == "resolved"


async def test_unknown_case_is_404(client: Client) -> None:
    for path in PAGES[2:]:
        assert (await client.get(path.format(case="nothing"))).status_code == 404
    assert (await client.post("/desk/cases/nothing/resolve", {})).status_code == 404


async def test_help_sheet_and_script_share_one_registry(world: World, client: Client) -> None:
    page = (await client.get("/desk")).text
    sheet = page.partition("<dialog")[2].partition("</dialog>")[0]
    assert sheet.count("<dd>") == page.count("&#34;act&#34;:") >= 12


async def test_a_secret_of_an_agent_is_neither_sent_nor_kept(
    world: World, http: httpx.AsyncClient, ann: User
) -> None:
    case_id = await world.case()
    client = await client_of(world, http, ann)
    await client.post(f"/desk/cases/{case_id}/claim", {})
    before = len(await world.rows(message))
    for action in ("reply", "note"):
        form = {"text": "The card is 4111 1111 1111 1111, thanks", "seen": "999999"}
        answer = await client.post(f"/desk/cases/{case_id}/{action}", form)
        assert answer.status_code == 422
        assert "4111" not in answer.text
        assert "[removed: card number], thanks" in answer.text
    assert len(await world.rows(message)) == before


@pytest.mark.parametrize(
    ("cookie", "shown"),
    [("", "12:00"), ("Europe/London", "04:00"), ("Mars/Phobos", "12:00"), ("../etc", "12:00")],
)
async def test_times_are_in_the_viewers_zone(
    world: World, client: Client, cookie: str, shown: str
) -> None:
    case_id = await world.case()
    client.http.cookies.set("huifang_zone", cookie, domain="127.0.0.1")
    page = (await client.get(f"/desk/cases/{case_id}?lang=zh")).text
    assert f">{shown}</time>" in page
