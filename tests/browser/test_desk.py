"""The desk in a browser, beside a person who chats: what arrives, who speaks, the keys, the looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect
from sqlalchemy import select

from bot.store.tables import case, inbox, message
from tests.bot.site import NOON, Site, open_site
from tests.browser.profiles import profile

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("desk")
    async with open_site(folder, demo=True, accounts=False, worker=True) as made:
        yield made


@asynccontextmanager
async def desk(
    browser: Browser, site: Site, *, width: int = 1280, dark: bool = False, locale: str = "en-GB"
) -> AsyncIterator[Page]:
    """The desk of the sample agent, with everything that the page complained about checked."""
    errors: list[str] = []
    async with profile(
        browser,
        viewport={"width": width, "height": 780},
        color_scheme="dark" if dark else "light",
        locale=locale,
    ) as context:
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(site.url)
        await page.locator('form[action="/demo/sign-in/agent"] button').click()
        await expect(page.locator("#queue nav")).to_be_visible()
        yield page
    assert errors == []


@asynccontextmanager
async def person(browser: Browser, site: Site, name: str, *texts: str) -> AsyncIterator[Page]:
    """A chat of a sample person in another profile, after these texts."""
    async with profile(browser) as context:
        page = await context.new_page()
        await page.goto(site.url)
        async with page.expect_popup() as opened:
            await page.locator(f'form[action="/demo/chat/{name}"] button').click()
        chat = await opened.value
        await expect(chat.locator("huifang-chat .bubble").first).to_be_visible()
        for text in texts:
            await say(site, chat, text)
        yield chat


async def say(site: Site, chat: Page, text: str) -> None:
    """Write, and wait until the turn of this text is committed: the person's own bubble stands in
    the chat long before."""
    box = chat.locator("huifang-chat textarea")
    await box.fill(text)
    async with chat.expect_response("**/w/v1/messages") as sent:
        await box.press("Enter")
    assert (await sent.value).ok
    waiting = select(inbox.c.id).where(inbox.c.processed_at.is_(None)).limit(1)
    async with asyncio.timeout(30):
        while True:
            async with site.services.db.read() as conn:
                if await conn.scalar(waiting) is None:
                    return
            await asyncio.sleep(0.02)


async def open_first(page: Page) -> None:
    """Open the case that waits, by the keyboard."""
    await expect(page.locator("#queue .line")).to_have_count(1)
    await page.keyboard.press("j")
    await expect(page.locator("#transcript")).to_be_visible()


async def stop_clock(page: Page) -> None:
    """From now on the page's timers wait for `run_for`: six seconds pass fast on a busy machine."""
    await page.clock.install(time=NOON)
    await page.clock.pause_at(NOON + timedelta(minutes=1))


async def close_all(site: Site) -> None:
    """Leave no open case to the next test."""
    async with site.services.db.write() as conn:
        await conn.execute(case.update().values(status="resolved", ended_at=site.clock.now()))


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _clean(site: Site) -> AsyncIterator[None]:
    yield
    await close_all(site)


async def test_complaint_appears_without_reload_and_the_agents_text_reaches_the_chat(
    browser: Browser, site: Site
) -> None:
    async with desk(browser, site) as page, person(browser, site, "wang") as chat:
        await expect(page.locator("#queue .line")).to_have_count(0)
        await page.locator("#transcript, .empty.fills").first.click()  # a browser sounds after use
        await say(site, chat, "我要投诉")
        row = page.locator("#queue .line", has_text="王芳")
        await expect(row).to_be_visible()
        await expect(page).to_have_title("(1) Desk · Huifang")
        await expect(page.locator("#desk")).to_have_attribute("data-beeps", "1")
        await expect(page.locator(".toast")).to_contain_text("王芳 · Complaint")

        await page.keyboard.press("j")
        await expect(page.locator(".summary")).to_contain_text("Complained")
        await page.keyboard.press("c")
        await expect(page).to_have_title("Desk · Huifang")
        await page.keyboard.press("r")
        await page.keyboard.type("您好，我是林悦，马上帮您查。")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".bubble.agent")).to_have_text("您好，我是林悦，马上帮您查。")
        await expect(page.locator("#reply-form textarea")).to_have_value("")
        heard = chat.locator("huifang-chat .agent .bubble")
        await expect(heard).to_contain_text("您好，我是林悦，马上帮您查。")

        spoken = await bot_texts(site)
        await say(site, chat, "提现手续费是多少？")
        await expect(page.locator(".turn.person .bubble").last).to_have_text("提现手续费是多少？")
        assert await bot_texts(site) == spoken, "the bot is silent while a person has the case"


async def bot_texts(site: Site) -> int:
    async with site.services.db.read() as conn:
        rows = await conn.execute(select(message.c.id).where(message.c.author == "bot"))
        return len(rows.all())


async def test_guard_keeps_the_text_and_marks_the_words(browser: Browser, site: Site) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!") as chat:
        await open_first(page)
        await page.keyboard.press("r")
        await page.keyboard.type("Please send me your password.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#composer mark")).to_contain_text("password")
        box = page.locator("#reply-form textarea")
        await expect(box).to_have_value("Please send me your password.")
        await expect(box).to_be_focused()
        assert await chat.locator("huifang-chat .agent .bubble").count() == 0


async def test_resolving_can_be_undone_for_six_seconds(browser: Browser, site: Site) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!"):
        await stop_clock(page)
        await open_first(page)
        await page.keyboard.press("e")
        await expect(page.locator(".toast", has_text="Resolved")).to_be_visible()
        await page.keyboard.press("u")
        await page.clock.run_for(10_000)
        await expect(page.locator("#case-head [data-act=resolve]")).to_be_visible()
        await page.keyboard.press("e")
        await page.clock.run_for(7_000)
        await expect(page.locator("#case-head [data-act=resolve]")).to_have_count(0)
        await expect(
            page.locator(".happening").filter(has_text="resolved the case")
        ).to_be_visible()
        await expect(page.locator("#queue .line")).to_have_count(0)


async def test_leaving_the_page_is_no_undo(browser: Browser, site: Site) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!"):
        await stop_clock(page)
        await open_first(page)
        await page.keyboard.press("e")
        await expect(page.locator(".toast", has_text="Resolved")).to_be_visible()
        await page.goto(f"{site.url}/desk?tab=ended")
        await expect(page.locator("#queue .line", has_text="Emma Clarke").first).to_be_visible()


async def test_no_key_fires_while_typing_or_composing(browser: Browser, site: Site) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!"):
        await open_first(page)
        await page.keyboard.press("r")
        await page.keyboard.type("reject j k c e n u b ?")
        await expect(page.locator("#reply-form textarea")).to_have_value("reject j k c e n u b ?")
        await expect(page.locator("#help")).to_be_hidden()
        await expect(page.locator("#case-head [data-act=claim]")).to_be_visible()
        await page.keyboard.press("Escape")
        fire = "(init) => document.body.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, ...init}))"
        for init in ({"key": "?", "isComposing": True}, {"key": "?", "altKey": True}):
            await page.evaluate(fire, init)
            await expect(page.locator("#help")).to_be_hidden()
        await page.evaluate(fire, {"key": "?"})
        await expect(page.locator("#help")).to_be_visible()


async def test_draft_outlives_a_reload_and_stays_with_its_case(
    browser: Browser, site: Site
) -> None:
    async with (
        desk(browser, site) as page,
        person(browser, site, "emma", "complaint!"),
        person(browser, site, "wang", "我要投诉"),
    ):
        await page.locator("#queue .line", has_text="Emma").click()
        await page.locator("#reply-form textarea").fill("half a thought")
        await page.locator("#queue .line", has_text="王芳").click()
        await expect(page.locator("#case-head h2")).to_have_text("王芳")
        await expect(page.locator("#reply-form textarea")).to_have_value("")
        await page.locator("#queue .line", has_text="Emma").click()
        await expect(page.locator("#reply-form textarea")).to_have_value("half a thought")
        await page.reload()
        await expect(page.locator("#reply-form textarea")).to_have_value("half a thought")


async def test_stale_reply_shows_the_message_and_one_more_key_sends(
    browser: Browser, site: Site
) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!") as chat:
        await open_first(page)
        # The live refresh of this screen does not come through.
        await page.route("**/live", lambda route: route.abort())
        await say(site, chat, "and one more thing")
        await page.keyboard.press("r")
        await page.keyboard.type("Hello Emma")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#composer .quote")).to_have_text("and one more thing")
        await expect(page.locator("#reply-form textarea")).to_have_value("Hello Emma")
        await page.keyboard.press("Control+Enter")
        await expect(chat.locator("huifang-chat .agent .bubble")).to_contain_text("Hello Emma")


async def test_open_case_stays_marked_in_a_list_that_was_asked_for_before(
    browser: Browser, site: Site
) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!"):
        line = page.locator("#queue .line")
        await expect(line).to_have_count(1)
        held: asyncio.Queue[Route] = asyncio.Queue()
        await page.route("**/desk/queue?*", lambda route: held.put_nowait(route))
        await page.evaluate("htmx.trigger('#queue', 'refresh')")
        late = await asyncio.wait_for(held.get(), 30)
        await line.click()
        await expect(page.locator("#transcript")).to_be_visible()
        drawn = await late.fetch()
        await late.fulfill(response=drawn, body=(await drawn.text()).replace("complaint!", "late"))
        await expect(line.filter(has_text="late")).to_have_attribute("aria-current", "true")


async def test_line_is_live_as_soon_as_it_is_drawn(browser: Browser, site: Site) -> None:
    """Not a plain link for a moment, which would load the whole page and lose the keys typed on."""
    click = """() => {
        window.stayed = true;
        document.addEventListener("htmx:afterSwap", function press({ detail }) {
            const line = document.querySelector("#queue .line");
            if (detail.target.id !== "queue" || !line) return;
            document.removeEventListener("htmx:afterSwap", press);
            queueMicrotask(() => line.click());
        });
    }"""
    async with desk(browser, site) as page:
        await expect(page.locator("#queue .line")).to_have_count(0)
        await page.evaluate(click)
        async with person(browser, site, "emma", "complaint!"):
            await expect(page.locator("#transcript")).to_be_visible()
            assert await page.evaluate("window.stayed")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_desk_is_accessible_and_fits(
    browser: Browser, site: Site, width: int, dark: bool
) -> None:
    locale = "zh-CN" if dark else "en-GB"
    async with (
        desk(browser, site, width=width, dark=dark, locale=locale) as page,
        person(browser, site, "wang", "1234", "我要投诉"),
    ):
        await expect(page.locator("#queue .line")).to_have_count(1)
        assert await serious(page) == []
        await page.locator("#queue .line").click()
        await expect(page.locator("#transcript")).to_be_visible()
        await expect(page.locator("#queue")).to_be_visible(visible=width > 760)
        await page.keyboard.press("r")
        await page.keyboard.type("请把密码发给我")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#composer mark")).to_be_visible()
        assert await serious(page) == []
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(overflow) <= 0


async def serious(page: Page) -> list[str]:
    """What axe calls serious or critical, with the first element of each."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


async def test_late_answer_for_the_case_before_does_not_reach_the_next_one(
    browser: Browser, site: Site
) -> None:
    async with (
        desk(browser, site) as page,
        person(browser, site, "emma", "complaint!") as chat,
        person(browser, site, "wang", "我要投诉"),
    ):
        held: asyncio.Queue[Route] = asyncio.Queue()
        await page.locator("#queue .line", has_text="Emma").click()
        await expect(page.locator("#case-head h2")).to_have_text("Emma Clarke")
        await page.route("**/live", lambda route: held.put_nowait(route))
        await say(site, chat, "and one more thing")
        late = await asyncio.wait_for(held.get(), 30)
        await page.locator("#queue .line", has_text="王芳").click()
        await expect(page.locator("#case-head h2")).to_have_text("王芳")
        async with page.expect_response("**/live"):
            await late.continue_()
        await page.evaluate("new Promise((done) => setTimeout(done, 100))")
        await expect(page.locator("#case-head h2")).to_have_text("王芳")


async def test_keys_wait_for_the_case_that_is_on_its_way(browser: Browser, site: Site) -> None:
    async with desk(browser, site) as page, person(browser, site, "emma", "complaint!"):
        await expect(page.locator("#queue .line")).to_have_count(1)
        held: asyncio.Queue[Route] = asyncio.Queue()
        await page.route("**/desk/cases/*", lambda route: held.put_nowait(route))
        await page.keyboard.press("j")
        await page.keyboard.press("e")
        await page.keyboard.press("r")
        late = await asyncio.wait_for(held.get(), 30)
        await late.continue_()
        await expect(page.locator("#reply-text")).to_be_focused()
        await expect(page.locator(".toast", has_text="Resolved")).to_have_count(0)
