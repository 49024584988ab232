"""Signing in: where it leads, what it refuses, and how guessing is slowed down."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from bot.safety import access
from bot.safety.access import SESSION_IDLE, Role
from bot.store.tables import user
from bot.web.guard import COOKIE
from bot.web.sign_in import is_ours
from tests.bot.site import PASSWORD, Site, open_site

on_site = pytest.mark.asyncio(loop_scope="module")  # where the module's site runs


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with open_site(tmp_path_factory.mktemp("site")) as found:
        yield found


@pytest.mark.parametrize(
    ("target", "ours"),
    [
        ("/desk", True),
        ("/faq?show=zh", True),
        ("/", True),
        ("", False),
        ("desk", False),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        ("/desk\r\nset-cookie: a=b", False),
    ],
)
def test_only_addresses_of_ours_are_gone_on_to(target: str, ours: bool) -> None:
    assert is_ours(target) is ours


@pytest.mark.parametrize(
    ("role", "asked_for", "led_to"),
    [
        (Role.AGENT, "", "/desk"),
        (Role.SUPERVISOR, "", "/desk"),
        (Role.ADMIN, "", "/desk"),
        (Role.EDITOR, "", "/faq"),
        (Role.ANALYST, "", "/results"),
        (Role.EDITOR, "/faq/gaps", "/faq/gaps"),
        (Role.EDITOR, "//evil.example/faq", "/faq"),
        (Role.AGENT, "https://evil.example", "/desk"),
    ],
)
@on_site
async def test_signing_in_leads_to_the_own_work_or_the_page_asked_for(
    site: Site, role: Role, asked_for: str, led_to: str
) -> None:
    async with site.browser() as browser:
        form = {"login": f"The-{role} ", "password": PASSWORD, "next": asked_for}
        async with browser.post("/sign-in", data=form, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (303, led_to)
            cookie = answer.cookies[COOKIE]
            assert cookie["httponly"]
            assert cookie["samesite"] == "lax"


@on_site
async def test_page_that_needs_an_account_leads_to_sign_in_and_back(site: Site) -> None:
    async with site.browser() as browser:
        async with browser.get("/faq/gaps", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["location"]) == (303, "/sign-in?next=/faq/gaps")
        async with browser.get("/sign-in?next=/faq/gaps") as answer:
            assert 'name="next" value="/faq/gaps"' in await answer.text()
        async with browser.get("/sign-in?next=//evil.example") as answer:
            assert "evil.example" not in await answer.text()


@on_site
async def test_htmx_is_told_to_go_to_the_sign_in_page(site: Site) -> None:
    async with (
        site.browser() as browser,
        browser.get("/faq", headers={"hx-request": "true"}) as answer,
    ):
        assert (answer.status, answer.headers["hx-redirect"]) == (401, "/sign-in")


@on_site
async def test_wrong_password_and_unknown_login_are_told_alike(site: Site) -> None:
    pages = []
    async with site.browser() as browser:
        for login in ("the-agent", "nobody-here"):
            form = {"login": login, "password": "not the password"}
            async with browser.post("/sign-in", data=form) as answer:
                assert answer.status == 401
                assert COOKIE not in answer.cookies
                pages.append((await answer.text()).replace(login, "LOGIN"))
    assert "The login or the password is not right." in pages[0]
    assert pages[0] == pages[1]


@on_site
async def test_ninth_wrong_password_waits_and_the_right_one_with_it(site: Site) -> None:
    async with site.browser() as browser:

        async def attempt(password: str, login: str = "the-supervisor") -> str:
            form = {"login": login, "password": password}
            async with browser.post("/sign-in", data=form, allow_redirects=False) as answer:
                return "in" if answer.status == 303 else await answer.text()

        for _ in range(8):
            assert "is not right" in await attempt("guess")
        assert "Too many attempts" in await attempt("guess")
        assert "Too many attempts" in await attempt(PASSWORD)
        assert await attempt(PASSWORD, "the-admin") == "in"
        site.clock.advance(timedelta(minutes=5, seconds=1))
        assert await attempt(PASSWORD) == "in"


@on_site
async def test_guesses_at_the_same_instant_are_counted_each(site: Site) -> None:
    async with site.browser() as browser:

        async def guess() -> str:
            form = {"login": "guessed-at", "password": "guess"}
            async with browser.post("/sign-in", data=form) as answer:
                return await answer.text()

        pages = await asyncio.gather(*(guess() for _ in range(12)))
    assert sum("is not right" in page for page in pages) == 8
    assert sum("Too many attempts" in page for page in pages) == 4


@on_site
async def test_checking_a_password_holds_nobody_else_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()
    monkeypatch.setattr(access._PASSWORDS, "verify", lambda given, kept: answered.wait(20))
    form = {"login": "the-agent", "password": PASSWORD}
    async with site.browser() as slow, site.browser() as other:
        signing_in = asyncio.ensure_future(slow.post("/sign-in", data=form, allow_redirects=False))
        async with other.get("/sign-in") as answer:
            assert answer.status == 200
        answered.set()
        assert (await signing_in).status == 303


@pytest.mark.parametrize("form", [{"login": "x"}, {"login": "x" * 200, "password": "open sesame"}])
@on_site
async def test_form_that_does_not_fit_is_a_page_and_repeats_nothing(
    site: Site, form: dict[str, str]
) -> None:
    async with site.browser() as browser, browser.post("/sign-in", data=form) as answer:
        page = await answer.text()
    assert (answer.status, answer.content_type) == (422, "text/html")
    assert "That did not work" in page
    assert not any(value in page for value in ("xxx", "sesame"))


@on_site
async def test_session_ends_by_itself_when_idle(site: Site) -> None:
    async with site.signed_in(Role.EDITOR) as browser:
        site.clock.advance(SESSION_IDLE - timedelta(minutes=1))
        async with browser.get("/faq", allow_redirects=False) as answer:
            assert answer.status == 200
        site.clock.advance(SESSION_IDLE)
        async with browser.get("/faq", allow_redirects=False) as answer:
            assert answer.status == 303


@on_site
async def test_disabled_account_is_out_at_once(site: Site) -> None:
    async with site.signed_in(Role.ANALYST) as browser:
        async with site.services.db.write() as conn:
            disable = update(user).where(user.c.login == "the-analyst")
            await conn.execute(disable.values(disabled_at=site.clock.now()))
        async with browser.get("/faq", allow_redirects=False) as answer:
            assert answer.status == 303
        form = {"login": "the-analyst", "password": PASSWORD}
        async with browser.post("/sign-in", data=form, allow_redirects=False) as answer:
            assert answer.status == 401


@on_site
async def test_signing_out_needs_the_token_of_the_session(site: Site) -> None:
    async with site.signed_in(Role.EDITOR) as browser:
        async with browser.post("/sign-out", data={"csrf": "guessed"}) as answer:
            assert answer.status == 403
        async with browser.get("/faq") as answer:
            csrf = (await answer.text()).partition('name="csrf" value="')[2].partition('"')[0]
        async with browser.post("/sign-out", data={"csrf": csrf}, allow_redirects=False) as answer:
            assert answer.headers["location"] == "/sign-in"
        async with browser.get("/faq", allow_redirects=False) as answer:
            assert answer.status == 303


@on_site
async def test_form_from_another_site_is_refused(site: Site) -> None:
    form = {"login": "the-agent", "password": PASSWORD}
    async with site.browser() as browser:
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            async with browser.post("/sign-in", data=form, headers=headers) as answer:
                assert answer.status == 403
        async with browser.get("/sign-in", headers={"host": "evil.example"}) as answer:
            assert answer.status == 421


@on_site
async def test_without_the_demo_the_first_page_leads_to_work(site: Site) -> None:
    async with (
        site.browser() as browser,
        browser.get("/", allow_redirects=False) as answer,
    ):
        assert answer.headers["location"] == "/sign-in"
    async with (
        site.signed_in(Role.EDITOR) as browser,
        browser.get("/", allow_redirects=False) as answer,
    ):
        assert answer.headers["location"] == "/faq"


@on_site
async def test_problem_is_a_page_for_people_and_json_for_scripts(site: Site) -> None:
    async with site.browser("zh-CN") as browser:
        async with browser.get("/nowhere") as answer:
            assert answer.status == 404
            assert "没有这个页面" in await answer.text()
        async with browser.get("/nowhere", headers={"accept": "application/json"}) as answer:
            assert (await answer.json())["detail"] == "Not Found"
        async with browser.get("/nowhere", headers={"hx-request": "true"}) as answer:
            assert answer.content_type == "application/json"
