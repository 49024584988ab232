"""The front pages in Chromium: first page, sign-in and FAQ, in both languages and themes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.bot.site import PASSWORD, Site, open_site
from tests.browser.profiles import profile

pytestmark = pytest.mark.browser

FRONT = ("/", "/sign-in")
FAQ = ("/faq?show={}", "/faq/lost-phone?show={}", "/faq/gaps", "/faq/no-such-article")
SMALLEST_TEXT = """() => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), sizes = [];
    while (walk.nextNode())
        if (walk.currentNode.data.trim())
            sizes.push(parseFloat(getComputedStyle(walk.currentNode.parentElement).fontSize));
    return Math.min(...sizes);
}"""  # in pixels
LOOKS = [
    (locale, theme, width)
    for locale in ("zh-CN", "en")
    for theme in ("light", "dark")
    for width in (1280, 360)
]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with open_site(tmp_path_factory.mktemp("front"), demo=True, worker=True) as found:
        yield found


@asynccontextmanager
async def visitor(
    browser: Browser, site: Site, locale: str = "en", theme: str = "light", width: int = 1280
) -> AsyncIterator[Page]:
    """A page in a fresh profile; at the end: no error in its console and no foreign request."""
    errors: list[str] = []
    foreign: list[str] = []
    async with profile(
        browser,
        base_url=site.url,
        locale=locale,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": width, "height": 760},
    ) as context:
        context.on(
            "request", lambda r: None if r.url.startswith(site.url) else foreign.append(r.url)
        )
        context.on(
            "console",
            lambda m: (
                errors.append(m.text)
                if m.type == "error"
                and "Failed to load resource" not in m.text  # statuses are asserted
                else None
            ),
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
    assert errors == []
    assert [url for url in foreign if not url.startswith("data:")] == []


async def open_faq(page: Page) -> None:
    await page.goto("/")
    await page.click('form[action="/demo/sign-in/editor"] button')
    await page.wait_for_url("**/faq")


async def assert_fine(page: Page, what: str) -> None:
    """No WCAG A or AA problem that axe can find, nothing wider than the screen, nothing too small."""
    found = await Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    )
    assert found.violations_count == 0, f"{what}: {found.generate_report()}"
    wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0, f"{what} is {wider} px wider than the screen"
    assert await page.evaluate(SMALLEST_TEXT) >= 12, what


@pytest.mark.parametrize(("locale", "theme", "width"), LOOKS)
async def test_pages_are_accessible_and_fit_the_screen(
    browser: Browser, site: Site, locale: str, theme: str, width: int
) -> None:
    async with visitor(browser, site, locale, theme, width) as page:
        for path in FRONT:
            await page.goto(path)
            assert await page.get_attribute("html", "lang") == locale
            await assert_fine(page, path)
        await open_faq(page)
        for path in FAQ:
            await page.goto(path.format(locale[:2]))
            await assert_fine(page, path)


@pytest.mark.parametrize(
    ("locale", "question", "decision", "text"),
    [
        ("zh-CN", "手机丢了或被偷了，我的钱安全吗？", "直接回答", "冻结"),
        ("en", "My phone was lost or stolen. Is my money safe?", "answers", "Freeze your account"),
    ],
)
async def test_question_typed_by_keyboard_shows_what_the_bot_would_answer(
    browser: Browser, site: Site, locale: str, question: str, decision: str, text: str
) -> None:
    async with visitor(browser, site, locale) as page:
        await open_faq(page)
        await page.focus("input[name=question]")
        await page.keyboard.type(question)
        await expect(page.locator("#decision")).to_contain_text(decision)
        await expect(page.locator("#decision .bubble")).to_contain_text(text)
        await assert_fine(page, "the decision")


async def test_going_back_from_an_article_shows_the_search_as_it_was(
    browser: Browser, site: Site
) -> None:
    async with visitor(browser, site) as page:
        await open_faq(page)
        rows = page.locator(".row-link")
        everything = await rows.count()
        await page.get_by_role("searchbox").press_sequentially("nicked my phone")
        await expect(rows).to_have_count(1)
        await expect(page.get_by_role("status").first).to_have_text("1 article")
        await rows.first.click()
        await expect(page.locator("h1")).to_contain_text("lost or stolen")
        await page.go_back()
        await expect(page.locator("h1")).to_have_text("FAQ")
        await expect(rows).to_have_count(1)
        await expect(page.get_by_role("searchbox")).to_have_value("nicked my phone")
        await page.get_by_role("searchbox").fill("")
        await expect(rows).to_have_count(everything)


async def test_first_page_works_by_keyboard_and_opens_the_chat_beside_itself(
    browser: Browser, site: Site
) -> None:
    async with visitor(browser, site, "zh-CN") as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        button = page.get_by_role("button", name="王芳")
        for _ in range(10):
            await page.keyboard.press("Tab")
            if await button.evaluate("element => element === document.activeElement"):
                break
        async with page.context.expect_page() as opened:
            await page.keyboard.press("Enter")
        chat = await opened.value
        await expect(chat.locator("huifang-chat").get_by_text("自动").first).to_be_visible()
        assert "start=" not in chat.url
        assert page.url == f"{site.url}/"


async def test_wrong_password_is_announced_and_the_login_is_kept(
    browser: Browser, site: Site
) -> None:
    async with visitor(browser, site) as page:
        await page.goto("/sign-in?next=/faq/gaps")
        await page.get_by_label("Login").fill("the-editor")
        await page.get_by_label("Password").fill("wrong")
        async with page.expect_response("**/sign-in"):
            await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("not right")
        await expect(page.get_by_label("Login")).to_have_value("the-editor")
        await expect(page.get_by_label("Password")).to_be_focused()
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/faq/gaps")


async def test_language_chosen_on_one_page_holds_on_the_next(browser: Browser, site: Site) -> None:
    async with visitor(browser, site, "en") as page:
        await page.goto("/sign-in")
        await page.get_by_role("link", name="中文").click()
        await expect(page.locator("h1")).to_have_text("登录")
        await page.goto("/")
        await expect(page.locator("h1")).to_contain_text("回访")
