"""The demo's first page: it leads everywhere on this machine, and nowhere anywhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from sqlalchemy import func, select

from bot.app import create_app
from bot.company import Company
from bot.runtime import Runtime
from bot.safety.access import Role
from bot.store.tables import followup, user
from bot.web.start import channel_name, qr_svg
from channels.webchat import WebChatChannel
from tests.bot.site import Site, open_site

on_site = pytest.mark.asyncio(loop_scope="module")  # where the module's site runs


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with open_site(tmp_path_factory.mktemp("demo"), demo=True, accounts=False) as found:
        yield found


async def count_followups(site: Site) -> int:
    async with site.services.db.read() as conn:
        return await conn.scalar(select(func.count()).select_from(followup)) or 0


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("en", "Huifang follows up in the chat."), ("zh-CN", "申请通过预审，回访就在聊天里进行。")],
)
@on_site
async def test_first_page_speaks_the_language_of_the_browser(
    demo: Site, language: str, sentence: str
) -> None:
    async with demo.browser(language) as browser, browser.get("/") as answer:
        page = await answer.text()
        assert sentence in page
        assert 'action="/demo/chat/wang"' in page


@on_site
async def test_first_page_says_how_many_wait_and_as_whom_one_goes_in(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, demo=True, accounts=False, worker=True) as site,
        site.browser() as browser,
    ):
        empty = await text_of(browser, "/")
        await complain(browser)
        page = await text_of(browser, "/")
    assert "waiting</span>" not in empty
    assert "1 waiting</span>" in page
    assert "1 follow-up</span>" in page
    assert "as Lin Yue 林悦, agent" in page
    assert "last four digits 1234" in page


async def text_of(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as answer:
        return await answer.text()


async def complain(browser: aiohttp.ClientSession) -> None:
    """Open the chat of a sample person, and complain; at the end the case is there."""
    async with browser.post("/demo/chat/wang", allow_redirects=False) as answer:
        query = parse_qs(urlsplit(answer.headers["location"]).query)
    async with browser.post("/w/v1/session", json={"start": query["start"][0]}) as answer:
        bearer = {"authorization": f"Bearer {(await answer.json())['token']}"}
    message = {"client_id": "complaint", "text": "我要投诉"}
    async with browser.post("/w/v1/messages", json=message, headers=bearer) as answer:
        assert answer.status == 202
    async with browser.get("/w/v1/events", headers=bearer) as feed:
        async for line in feed.content:
            if b"complaint" in line:
                return


@on_site
async def test_sign_in_page_of_the_demo_leads_back_to_the_samples(demo: Site) -> None:
    async with demo.browser() as browser, browser.get("/sign-in") as answer:
        page = await answer.text()
    assert "choose a sample on the first page" in page
    assert "huifang admin create" not in page


@on_site
async def test_one_sample_signs_in_twice_at_once(tmp_path: Path) -> None:
    async with open_site(tmp_path, demo=True, accounts=False) as site, site.browser() as browser:

        async def enter() -> int:
            async with browser.post("/demo/sign-in/agent", allow_redirects=False) as answer:
                return answer.status

        assert await asyncio.gather(*(enter() for _ in range(4))) == [303] * 4


@on_site
async def test_opening_a_chat_starts_a_followup_in_the_persons_language(demo: Site) -> None:
    before = await count_followups(demo)
    async with (
        demo.browser() as browser,
        browser.post("/demo/chat/wang", allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        assert answer.headers["location"].startswith("/chat?start=")
        assert answer.headers["location"].endswith("&locale=zh")
    assert await count_followups(demo) == before + 1


@on_site
async def test_looking_at_a_page_starts_no_followup(demo: Site) -> None:
    before = await count_followups(demo)
    async with demo.browser() as browser:
        for path in ("/", "/demo/chat/wang", "/demo/links/wang"):
            async with browser.get(path, allow_redirects=False) as answer:
                assert answer.status in (200, 405)
    assert await count_followups(demo) == before


@pytest.mark.parametrize(
    ("role", "to", "led_to"),
    [
        ("agent", "", "/desk"),
        ("editor", "", "/faq"),
        ("admin", "/results", "/results"),
        ("agent", "https://evil.example", "/desk"),
        ("agent", "/sign-out", "/desk"),
    ],
)
@on_site
async def test_sample_is_signed_in_and_led_to_its_work(
    demo: Site, role: str, to: str, led_to: str
) -> None:
    async with demo.browser() as browser:
        async with browser.post(
            f"/demo/sign-in/{role}", data={"to": to}, allow_redirects=False
        ) as answer:
            assert (answer.status, answer.headers["location"]) == (303, led_to)
        async with browser.get("/faq") as answer:
            assert answer.status == 200


@on_site
async def test_same_sample_comes_back_as_the_same_account(demo: Site) -> None:
    async with demo.browser() as browser:
        for _ in range(2):
            async with browser.post("/demo/sign-in/editor", allow_redirects=False) as answer:
                assert answer.status == 303
    async with demo.services.db.read() as conn:
        rows = await conn.execute(select(user.c.role).where(user.c.login == "demo-editor"))
        assert [row.role for row in rows] == [str(Role.EDITOR)]


@pytest.mark.parametrize("path", ["/demo/sign-in/owner", "/demo/chat/nobody", "/demo/links/nobody"])
@on_site
async def test_unknown_samples_are_not_found(demo: Site, path: str) -> None:
    async with demo.browser() as browser, browser.post(path) as answer:
        assert answer.status == 404


@on_site
async def test_channel_with_links_shows_one_and_its_code(demo: Site) -> None:
    channels = demo.services.channels
    channels["telegram:main"] = WebChatChannel("https://t.example", "main")
    channels["telegram:main"].account = "telegram:main"  # type: ignore[misc]
    try:
        async with demo.browser() as browser:
            async with browser.get("/") as answer:
                assert "Try it in Telegram" in await answer.text()
            async with browser.post("/demo/links/wang") as answer:
                page = await answer.text()
                assert "https://t.example/chat?start=" in page
                assert "王芳 is pre-approved" in page
                assert "Last four digits: 1234" in page
                assert "<svg" in page
    finally:
        del channels["telegram:main"]


@on_site
async def test_channel_that_is_not_connected_yet_is_named(
    demo: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = WebChatChannel("https://t.example", "main")
    late.account = "telegram:main"
    monkeypatch.setattr(late, "start_link", lambda token: None)
    demo.services.channels["telegram:main"] = late
    try:
        async with demo.browser() as browser, browser.post("/demo/links/wang") as answer:
            assert "Telegram does not answer yet" in await answer.text()
    finally:
        del demo.services.channels["telegram:main"]


@on_site
async def test_without_the_demo_nobody_is_signed_in_as_a_sample(tmp_path: Path) -> None:
    async with open_site(tmp_path, accounts=False) as site, site.browser() as browser:
        for path in ("/demo/sign-in/admin", "/demo/chat/wang", "/demo/links/wang"):
            async with browser.post(path) as answer:
                assert answer.status == 404


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "bot.example.com"])
@on_site
async def test_demo_is_refused_off_loopback(host: str, demo: Site) -> None:
    settings = demo.services.settings.model_copy(update={"host": host})
    services = replace(demo.services, settings=settings)
    with pytest.raises(ValueError, match="loopback only"):
        create_app(services, Runtime(services), demo=True)


@on_site
async def test_company_file_gives_the_chat_its_brand(
    demo: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = resources.files("bot").joinpath("company.toml").read_text("utf-8")
    file = tmp_path / "company.toml"
    file.write_text(shipped.replace("Sample Wallet", "Acorn & Sons <Pay>"), "utf-8")
    monkeypatch.setattr(demo.services, "company", Company.load(file))
    async with demo.browser() as browser, browser.get("/chat?locale=en") as answer:
        page = await answer.text()
        assert "<title>Acorn &amp; Sons &lt;Pay&gt;</title>" in page
        assert "<Pay>" not in page


@pytest.mark.parametrize(
    ("account", "name"),
    [("telegram:main", "Telegram"), ("whatsapp:main", "WhatsApp"), ("line:shop", "Line")],
)
def test_channels_are_called_as_people_call_them(account: str, name: str) -> None:
    assert channel_name(account) == name


def test_qr_code_is_dark_on_light_whatever_the_theme() -> None:
    code = qr_svg("https://t.me/bot?start=abc")
    assert code.startswith("<svg")
    assert 'fill="#fff"' in code
