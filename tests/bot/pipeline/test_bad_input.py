"""What nobody should send: no request ends in an error of ours, none is repeated to who sent it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from yarl import URL

from bot.safety.access import Role, Scope, User, create_api_key, create_user, open_session
from bot.safety.access import find_session as session_of
from bot.store.tables import address, audit, person
from bot.web.guard import COOKIE, LARGEST_BODY
from channels.message import IncomingKind
from tests.bot.pipeline.harness import World, open_world
from tests.bot.pipeline.server import served

CARD = "4111111111111111"
LOGIN = "login" * 12  # as long as a login may be
PASSWORD = "correct horse battery"


class Attacker:
    """Signed in as an administrator, with a key of the API; what is sent is up to the test."""

    def __init__(self, world: World, url: str, http: aiohttp.ClientSession) -> None:
        self.world, self.url, self.http = world, url, http
        self.cookie: dict[str, str] = {}
        self.bearer: dict[str, str] = {}

    async def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, str]:
        url = URL(self.url + path, encoded=True)
        more = {"headers": headers or {}, "allow_redirects": False, **more}
        async with self.http.request(method, url, **more) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def attacker(database_url: str, tmp_path: Path) -> AsyncIterator[Attacker]:
    async with open_world(database_url, tmp_path) as world:
        services = world.services
        made = await create_user(services, LOGIN, "", PASSWORD, Role.ADMIN, "en")
        token = await open_session(services, User(made, LOGIN, "", Role.ADMIN, "en"))
        found = await session_of(services, token)
        key = await create_api_key(services, "k" * 60, list(Scope))
        async with served(services) as site, aiohttp.ClientSession() as http:
            attacker = Attacker(world, site.url, http)
            assert found is not None
            attacker.cookie = {"cookie": f"{COOKIE}={token}", "x-csrf-token": found.csrf}
            attacker.bearer = {"authorization": f"Bearer {key}"}
            yield attacker


async def test_an_id_that_cannot_be_one_is_refused(attacker: Attacker) -> None:
    for bad in ("%00", "a%00b", "x" * 500, "%F0%9F%98%80"):
        for path in (f"/desk/cases/{bad}", f"/desk/cases/{bad}/live", f"/faq?q={bad}"):
            status, _ = await attacker.send("GET", path, attacker.cookie)
            assert status < 500, path
        for action in ("claim", "reply", "note", "resolve", "messages/1/resend"):
            path = f"/desk/cases/{bad}/{action}"
            status, _ = await attacker.send("POST", path, attacker.cookie, data={"text": "x"})
            assert status < 500, path
        for path in (f"/api/v1/people/{bad}", f"/api/v1/followups/{bad}"):
            for method in ("GET", "DELETE"):
                status, _ = await attacker.send(method, path, attacker.bearer)
                assert status in (400, 404), path
    async with attacker.world.services.db.read() as conn:
        assert await conn.scalar(select(func.count()).select_from(audit)) == 0  # nobody was erased


async def test_numbers_beyond_the_databases_are_refused(attacker: Attacker) -> None:
    for number in ("9" * 19, "9" * 40, "-" + "9" * 30, "x"):
        for action in ("reply", "resolve"):
            path = f"/desk/cases/none/{action}"
            form = {"text": "x", "seen": number}
            status, _ = await attacker.send("POST", path, attacker.cookie, data=form)
            assert status == 422, (action, number)
        path = f"/desk/cases/none/messages/{number}/resend"
        assert (await attacker.send("POST", path, attacker.cookie))[0] in (404, 422)


async def test_a_host_or_an_origin_that_is_no_address_is_foreign(attacker: Attacker) -> None:
    for bad in ("[", "[::1", "[v1.x]", "a]b"):
        assert (await attacker.send("GET", "/sign-in", {"host": bad}))[0] == 421
        origin = {"origin": f"http://{bad}"}
        assert (await attacker.send("POST", "/sign-in", origin, data={"login": "a"}))[0] == 403
        assert (await attacker.send("POST", "/w/v1/session", origin, data=b"{}"))[0] == 403


async def test_a_body_is_read_up_to_its_limit_and_no_further(attacker: Attacker) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(LARGEST_BODY // 65536 + 2):
            yield b"a" * 65536

    for path in ("/sign-in", "/api/v1/people", "/hooks/test/main"):
        headers = {"content-type": "application/x-www-form-urlencoded", **attacker.bearer}
        status, _ = await attacker.send("POST", path, headers, data=endless())
        assert status in (400, 404, 413), path


async def test_a_refusal_does_not_repeat_what_was_sent(attacker: Attacker) -> None:
    applicant = {"reference": "r", "name": CARD * 20, "last4": CARD, CARD: 1, "fields": {CARD: "x"}}
    answers = [
        await attacker.send("POST", "/sign-in", data={"login": "a", "password": CARD * 100}),
        await attacker.send("POST", "/sign-in", data={"login": CARD * 20, "password": "x"}),
        await attacker.send(
            "POST", "/desk/cases/a/reply", attacker.cookie, data={"text": "x", "seen": CARD + "x"}
        ),
        await attacker.send("POST", "/api/v1/people", attacker.bearer, json=applicant),
        await attacker.send("GET", f"/desk?tab={CARD}", attacker.cookie),
    ]
    assert [status for status, _ in answers] == [422, 422, 422, 422, 422]
    assert not [text for _, text in answers if CARD in text]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a\0b"},
        {"name": f"Li {CARD}"},
        {"reference": "a\0b"},
        {"locale": "\0"},
        {"locale": "zh\n"},
        {"fields": {"note": "my password is Sunny-4821"}},
        {"fields": {"\0": "x"}},
        {"fields": {"a": "\ud800"}},
        {"fields": {"id": "11010519491231002X"}},
    ],
)
async def test_an_applicant_with_a_secret_or_a_control_character_is_refused(
    attacker: Attacker, change: dict[str, Any]
) -> None:
    body = {"reference": "r-1", "name": "Li Na", **change}
    status, text = await attacker.send("POST", "/api/v1/people", attacker.bearer, json=body)
    assert status == 422
    assert CARD not in text
    async with attacker.world.services.db.read() as conn:
        known = await conn.scalar(select(func.count()).select_from(person))
    assert known == 0


async def test_a_database_that_is_away_is_told_so_and_no_error_of_ours(
    attacker: Attacker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> Any:
        raise OperationalError("BEGIN", {}, Exception("database is locked"))

    monkeypatch.setattr(type(attacker.world.services.db), "write", gone)
    monkeypatch.setattr(type(attacker.world.services.db), "read", gone)
    for headers in ({}, {"accept": "text/html"}):
        path = "/desk" if headers else "/faq"
        assert (await attacker.send("GET", path, {**attacker.cookie, **headers}))[0] == 503
    assert (await attacker.send("GET", "/api/v1/people/x", attacker.bearer))[0] == 503
    assert (await attacker.send("POST", "/w/v1/session", data=b"{}"))[0] == 503


async def test_a_secret_in_a_display_name_is_not_kept(attacker: Attacker) -> None:
    world = attacker.world
    incoming = world.incoming(IncomingKind.TEXT, text="hello")
    await world.accept(replace(incoming, name=f"Li {CARD}"))
    place = await world.row(address)
    async with world.services.db.read() as conn:
        keys = await world.services.vault.keys(conn, [place.person_id])
    assert keys[place.person_id].open(place.name) == "Li ［已隐去：银行卡号］"


async def test_half_a_character_as_a_name_is_refused(attacker: Attacker) -> None:
    headers = {**attacker.bearer, "content-type": "application/json"}
    for body in (b'{"\\ud800": 1}', b'{"reference": "r", "fields": {"\\ud800": "x"}}'):
        assert (await attacker.send("POST", "/api/v1/people", headers, data=body))[0] == 422


async def test_an_order_number_is_no_card(attacker: Attacker) -> None:
    body = {"reference": CARD, "fields": {"order": "20261127163045123456", "amount": "4,500.00"}}
    assert (await attacker.send("POST", "/api/v1/people", attacker.bearer, json=body))[0] == 201


async def test_a_login_with_nul_is_wrong_and_no_more(attacker: Attacker) -> None:
    form = {"login": "a\0b", "password": "x\0"}
    assert (await attacker.send("POST", "/sign-in", data=form))[0] == 401


async def test_many_guesses_at_once_are_no_way_around_the_throttle(attacker: Attacker) -> None:
    guess = {"login": LOGIN, "password": "guess"}
    answers = await asyncio.gather(
        *(attacker.send("POST", "/sign-in", data=guess) for _ in range(20))
    )
    assert sum("is not right" in text for _, text in answers) == 8
    assert sum("Too many" in text for _, text in answers) == 12
    right = {"login": LOGIN, "password": PASSWORD}
    assert (await attacker.send("POST", "/sign-in", data=right))[0] == 401


async def test_what_is_not_there_is_a_problem_document_of_the_api(attacker: Attacker) -> None:
    status, text = await attacker.send("GET", "/api/v1/nowhere", attacker.bearer)
    assert (status, '"status":404' in text) == (404, True)
