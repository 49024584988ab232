"""The chat in Chromium: on its own page and embedded elsewhere, by keyboard, through network cuts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from bot.clock import SystemClock
from bot.outreach.followups import start_followup
from bot.settings import WebChatSettings
from bot.store.tables import inbox, message, web_session
from channels.webchat import WebChatChannel
from tests.bot.pipeline.harness import World, migrated, open_world, token_of
from tests.bot.pipeline.server import free_port, served
from tests.browser.profiles import profile

pytestmark = pytest.mark.browser

STRICT = "default-src 'none'; script-src {0}; connect-src {0}; base-uri 'none'; form-action 'none'"
HOST_PAGE = """<!doctype html><html lang="en"><head><title>Wallet</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>My wallet</h1></main>
<script type="module" src="{0}/static/huifang-chat.js"></script>
<huifang-chat server="{0}" locale="en" mode="launcher"{1}></huifang-chat></body></html>"""


class Site:
    """The product and a foreign page that embeds its chat, each on an origin of its own."""

    def __init__(self, world: World, url: str, port: int, host: str) -> None:
        self.world, self.url, self.port, self.host = world, url, port, host
        self.start = ""

    async def token(self) -> str:
        """Of a fresh follow-up of the sample person."""
        started = await start_followup(
            self.world.services, self.world.person_id, "survey", source="test"
        )
        self.world.followup_id = started.id
        return token_of(started, "webchat:main").partition("=")[2]


@asynccontextmanager
async def foreign(site_url: str, port: int, tokens: list[str]) -> AsyncIterator[str]:
    """A page of somebody else's, with a strict Content-Security-Policy."""

    async def page(request: web.Request) -> web.Response:
        start = f' start="{tokens[-1]}"' if tokens else ""
        headers = {"content-security-policy": STRICT.format(site_url)}
        body = HOST_PAGE.format(site_url, start)
        return web.Response(text=body, content_type="text/html", headers=headers)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'huifang.db'}"
    await migrated(url)
    port, other = free_port(), free_port()
    host = f"http://127.0.0.1:{other}"
    chat = WebChatChannel(f"http://127.0.0.1:{port}")
    settings = WebChatSettings(embed_origins=(host,))
    async with open_world(url, tmp_path, more=[chat], webchat=settings, port=port) as world:
        world.services.clock = SystemClock()
        await world.applicant()
        yield Site(world, f"http://127.0.0.1:{port}", port, host)


@asynccontextmanager
async def visit(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page in a fresh profile; at the end nothing has gone wrong in it."""
    errors: list[str] = []
    async with profile(browser, **options) as context:
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda m: errors.append(m.text) if "Content Security Policy" in m.text else None,
        )
        yield page
    assert errors == []


def bubbles(page: Page) -> Any:
    return page.locator("huifang-chat .bubble")


async def texts(page: Page) -> list[str]:
    """What stands in the log, without what only screen readers hear."""
    found: list[str] = await page.evaluate(
        """() => [...document.querySelector('huifang-chat').shadowRoot.querySelectorAll('.bubble')]
        .filter(b => !b.classList.contains('typing'))
        .map(b => { const c = b.cloneNode(true); c.querySelector('.quiet')?.remove();
                    return c.textContent; })"""
    )
    return found


async def test_a_whole_survey_by_keyboard_alone(browser: Browser, site: Site) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(page.get_by_role("button", name="4", exact=True)).to_be_visible()
        assert "start=" not in page.url
        for _ in range(12):
            await page.keyboard.press("Tab")
            focused = await page.evaluate(
                "document.querySelector('huifang-chat').shadowRoot.activeElement?.textContent"
            )
            if focused == "4":
                break
        await page.keyboard.press("Enter")
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        await page.keyboard.type("It was quick")
        await page.keyboard.press("Enter")
        await expect(bubbles(page).last).to_contain_text("Anything else?")
        await page.keyboard.type("a dark theme")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("would be fine")
        await page.keyboard.press("Enter")
        await expect(bubbles(page).last).to_contain_text("Goodbye.")
    assert (await site.world.answers())["rating"] == 4


async def test_enter_of_an_input_method_does_not_send(browser: Browser, site: Site) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        await page.goto(f"{site.url}/chat?locale=zh")
        await expect(bubbles(page).first).to_be_visible()
        before = await bubbles(page).count()
        box = page.locator("huifang-chat textarea")
        await box.fill("ni")
        for extra in ({"isComposing": True}, {"keyCode": 229}):
            await box.dispatch_event("keydown", {"key": "Enter", "bubbles": True, **extra})
        assert await box.input_value() == "ni"
        assert await bubbles(page).count() == before
        await box.fill("费用")
        await box.press("Shift+Enter")
        assert await box.input_value() == "费用\n"
        await box.press("Enter")
        await expect(page.locator("huifang-chat .person .bubble")).to_contain_text("费用")
        assert await box.input_value() == ""


async def test_embedded_elsewhere_under_a_strict_policy(browser: Browser, site: Site) -> None:
    tokens = [await site.token()]
    port = int(site.host.rpartition(":")[2])
    async with (
        served(site.world.services, site.port),
        foreign(site.url, port, tokens) as host,
        visit(browser, viewport={"width": 1000, "height": 760}) as page,
    ):
        await page.goto(host)
        await expect(bubbles(page).last).to_contain_text("How was it?")
        await page.get_by_role("button", name="5", exact=True).click()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        await page.keyboard.press("Escape")
        await expect(page.locator("huifang-chat .panel")).to_be_hidden()
        await expect(page.get_by_role("button", name="Open the chat")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("huifang-chat textarea")).to_be_focused()
        whole = await texts(page)
        await page.reload()
        await page.get_by_role("button", name="Open the chat", exact=True).click()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        assert await texts(page) == whole
    assert await site.world.answers() == {"rating": 5}


async def test_a_page_that_is_not_named_may_not_embed_it(browser: Browser, site: Site) -> None:
    other = free_port()
    async with (
        served(site.world.services, site.port),
        foreign(site.url, other, []) as host,
        visit(browser) as page,
    ):
        await page.goto(host)
        await page.get_by_role("button", name="Open the chat").click()
        await asyncio.sleep(0.5)
        assert await texts(page) == []
    assert await site.world.rows(inbox) == []


async def test_offline_messages_wait_and_nothing_is_lost_or_doubled(
    browser: Browser, site: Site
) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(bubbles(page).last).to_contain_text("How was it?")
        await page.context.set_offline(True)
        await expect(page.locator("huifang-chat .banner")).to_contain_text("offline")
        await page.locator("huifang-chat textarea").fill("4")
        await page.locator("huifang-chat textarea").press("Enter")
        await expect(page.locator("huifang-chat .waiting .state")).to_contain_text("trying again")
        await page.context.set_offline(False)
        await expect(bubbles(page).last).to_contain_text("Why is that?", timeout=20_000)
        await expect(page.locator("huifang-chat .banner")).to_be_hidden()
        shown = await texts(page)
        assert shown.count("4") == 1
        await page.reload()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        assert await texts(page) == shown


async def test_an_element_that_is_moved_goes_on(browser: Browser, site: Site) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(bubbles(page).last).to_contain_text("How was it?")
        await page.evaluate(
            "() => { const box = document.createElement('div'); document.body.append(box);"
            " box.append(document.querySelector('huifang-chat')); }"
        )
        await page.get_by_role("button", name="4", exact=True).click()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        assert len(await texts(page)) == 4


async def test_a_restart_of_the_server_loses_and_doubles_nothing(
    browser: Browser, site: Site
) -> None:
    services = site.world.services
    async with visit(browser) as page:
        async with served(services, site.port):
            await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
            await expect(bubbles(page).last).to_contain_text("How was it?")
        await page.locator("huifang-chat textarea").fill("4")
        await page.locator("huifang-chat textarea").press("Enter")
        await expect(page.locator("huifang-chat .waiting .state")).to_contain_text("trying again")
        async with served(services, site.port):
            await expect(bubbles(page).last).to_contain_text("Why is that?", timeout=25_000)
            lines = await site.world.rows(message, message.c.kind != "start")
            assert len(await texts(page)) == len(lines) == 4


async def test_a_closed_chat_counts_what_was_not_read(browser: Browser, site: Site) -> None:
    tokens = [await site.token()]
    port = int(site.host.rpartition(":")[2])
    async with (
        served(site.world.services, site.port),
        foreign(site.url, port, tokens) as host,
        visit(browser, viewport={"width": 360, "height": 640}) as page,
    ):
        await page.goto(host)
        await expect(bubbles(page).last).to_contain_text("How was it?")
        await expect(page.locator("huifang-chat .launch")).to_be_hidden()  # it would cover "Send"
        await page.locator("huifang-chat textarea").fill("4")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        await page.get_by_role("button", name="Close the chat").click()
        await page.reload()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        await expect(page.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()
        await page.evaluate(
            "() => { const chat = document.querySelector('huifang-chat');"
            " chat.send({ text: 'It was quick' }, 'It was quick'); }"
        )
        launcher = page.get_by_role("button", name="Open the chat, 1 unread")
        await expect(launcher).to_contain_text("1")
        await launcher.click()
        await page.get_by_role("button", name="Close the chat").click()
        await expect(page.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()


async def test_what_was_written_offline_keeps_its_place_after_a_reload(
    browser: Browser, site: Site
) -> None:
    services = site.world.services
    async with visit(browser) as page, served(services, site.port):
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(bubbles(page).last).to_contain_text("How was it?")
        asked = await texts(page)
        await page.route("**/w/v1/messages", lambda route: route.abort())
        await page.locator("huifang-chat textarea").fill("4")
        await page.locator("huifang-chat textarea").press("Enter")
        await expect(page.locator("huifang-chat .waiting .state")).to_be_visible()
        await page.reload()
        await expect(bubbles(page)).to_have_count(len(asked) + 1)
        assert await texts(page) == [*asked, "4"]
        await page.unroute("**/w/v1/messages")
        await expect(bubbles(page).last).to_contain_text("Why is that?", timeout=20_000)
        assert (await texts(page))[: len(asked) + 1] == [*asked, "4"]
        await expect(page.locator("huifang-chat .person .state")).to_have_text("Sent")


async def test_a_refused_message_is_kept_until_the_person_decides(
    browser: Browser, site: Site
) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(bubbles(page).last).to_contain_text("How was it?")
        before = await bubbles(page).count()
        box = page.locator("huifang-chat textarea")
        await page.route("**/w/v1/messages", lambda route: route.fulfill(status=400))
        await box.fill("4")
        await box.press("Enter")
        await expect(page.locator("huifang-chat .failed")).to_contain_text("Not sent")
        await page.unroute("**/w/v1/messages")
        await page.reload()
        await page.get_by_role("button", name="Send again").click()
        await expect(bubbles(page).last).to_contain_text("Why is that?")
        await expect(page.locator("huifang-chat .failed")).to_have_count(0)
        assert await bubbles(page).count() == before + 2
        await page.evaluate(
            "() => { const long = '长'.repeat(80000);"
            " document.querySelector('huifang-chat').send({ text: long }, long); }"
        )
        await expect(page.locator("huifang-chat .failed")).to_contain_text("Too long")
        await page.get_by_role("button", name="Delete").click()
        await expect(bubbles(page)).to_have_count(before + 2)
    assert (await site.world.answers())["rating"] == 4


async def test_two_tabs_are_one_chat(browser: Browser, site: Site) -> None:
    async with served(site.world.services, site.port), visit(browser) as page:
        other = await page.context.new_page()
        address = f"{site.url}/chat?start={await site.token()}&locale=en"
        await asyncio.gather(page.goto(address), other.goto(address))
        for tab in (page, other):
            await expect(bubbles(tab).last).to_contain_text("How was it?")
        await page.get_by_role("button", name="4", exact=True).click()
        for tab in (page, other):
            await expect(bubbles(tab).last).to_contain_text("Why is that?")
        await other.locator("huifang-chat textarea").fill("It was quick")
        await other.locator("huifang-chat textarea").press("Enter")
        for tab in (page, other):
            await expect(bubbles(tab).last).to_contain_text("Anything else?")
        assert await texts(page) == await texts(other)
        pressed = page.locator("huifang-chat .options [aria-pressed=true]")
        await expect(pressed).to_have_text("4")
        assert len(await site.world.rows(web_session)) == 1
    assert (await site.world.answers())["rating"] == 4


async def test_reading_what_was_said_is_not_disturbed_by_what_is_new(
    browser: Browser, site: Site
) -> None:
    small = {"width": 400, "height": 340}
    async with served(site.world.services, site.port), visit(browser, viewport=small) as page:
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale=en")
        await expect(bubbles(page).last).to_contain_text("How was it?")
        await page.locator("huifang-chat textarea").fill("1\n" * 60 + "?")
        await page.locator("huifang-chat textarea").press("Enter")
        await expect(page.locator("huifang-chat .turn").last).to_have_class(re.compile("bot"))
        await page.locator("huifang-chat .log").evaluate("log => { log.scrollTop = 0; }")
        await page.evaluate(
            "() => fetch('/w/v1/messages', { method: 'POST', headers: {"
            " authorization: 'Bearer ' + document.querySelector('huifang-chat').token },"
            " body: JSON.stringify({ client_id: 'elsewhere', text: '4' }) })"
        )
        newer = page.get_by_role("button", name="New messages")
        await expect(newer).to_be_visible()
        assert await page.locator("huifang-chat .log").evaluate("log => log.scrollTop") == 0
        await newer.click()
        await expect(newer).to_be_hidden()
        await expect(bubbles(page).last).to_be_in_viewport()


@pytest.mark.parametrize("locale", ["zh", "en"])
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_it_is_accessible_and_fits_a_small_phone(
    browser: Browser, site: Site, locale: str, theme: Any, tmp_path: Path
) -> None:
    async with (
        served(site.world.services, site.port),
        visit(
            browser, color_scheme=theme, viewport={"width": 360, "height": 640}, locale=locale
        ) as page,
    ):
        await page.goto(f"{site.url}/chat?start={await site.token()}&locale={locale}")
        await expect(page.get_by_role("button", name="5", exact=True)).to_be_visible()
        box = page.locator("huifang-chat textarea")
        await box.fill("费用是多少？" if locale == "zh" else "What are the fees?")
        await box.press("Enter")
        await expect(page.locator("huifang-chat .options").nth(2)).to_be_visible()
        await page.screenshot(path=tmp_path / "chat.png")
        found = await Axe().run(page)
        serious = [
            v for v in found.response["violations"] if v["impact"] in ("serious", "critical")
        ]
        assert [v["id"] for v in serious] == []
        wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide
        assert await page.evaluate("document.documentElement.lang") == (
            "zh-CN" if locale == "zh" else "en"
        )
