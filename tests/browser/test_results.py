"""The results in a browser: drawn under the strict policy, the same numbers as tables, the looks."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from bot.commands.simulate import simulate_days
from bot.reports.export import read_csv
from bot.reports.measures import measure
from tests.bot.site import Site, open_site
from tests.browser.profiles import profile

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("results")
    async with open_site(folder, demo=True) as made:
        await simulate_days(made.services, 24, 3, 5, "preapproval", lambda started, now: None)
        yield made


@asynccontextmanager
async def results(
    browser: Browser,
    site: Site,
    *,
    width: int = 1280,
    dark: bool = False,
    locale: str = "en-GB",
    query: str = "",
) -> AsyncIterator[Page]:
    """The page of the sample administrator; whatever it complains about fails the test."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            errors.append(message.text)

    async with profile(
        browser,
        viewport={"width": width, "height": 800},
        color_scheme="dark" if dark else "light",
        locale=locale,
    ) as context:
        page = await context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(site.url)
        await page.locator('form[action="/demo/sign-in/admin"] button').click()
        await page.goto(f"{site.url}/results{query}")
        yield page
    assert errors == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
async def test_it_is_drawn_and_accessible(
    browser: Browser, site: Site, width: int, dark: bool, locale: str
) -> None:
    async with results(browser, site, width=width, dark=dark, locale=locale) as page:
        await expect(page.locator("figure.drawn canvas")).to_have_count(3)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for _ in range(2):  # as plots, then as tables
            found = await Axe().run(page)
            assert [item["id"] for item in found.response["violations"]] == []
            await page.keyboard.press("t")


async def test_the_tables_are_one_key_away_and_no_key_while_typing(
    browser: Browser, site: Site
) -> None:
    async with results(browser, site) as page:
        table = page.locator("figure .numbers").first
        await expect(table).to_be_hidden()
        await page.locator("select[name=period]").focus()
        await page.keyboard.press("t")
        await expect(table).to_be_hidden()
        await page.locator("h1").click()
        await page.keyboard.press("t")
        await expect(table).to_be_visible()
        await expect(page.locator("#as-tables")).to_have_attribute("aria-pressed", "true")
        await page.keyboard.press("t")
        await expect(table).to_be_hidden()


async def test_the_file_behind_the_page_has_the_same_numbers(browser: Browser, site: Site) -> None:
    async with results(browser, site) as page:
        async with page.expect_download() as started:
            await page.locator('a[href^="/results.csv"]').click()
        path = await (await started.value).path()
        text = path.read_text(encoding="utf-8-sig")
        report = measure(read_csv(text))
        assert len(list(csv.reader(io.StringIO(text)))) == report.reach.created + 1 == 25
        await expect(page.locator(".tile strong").first).to_have_text(str(report.reach.created))
        completed = f"{report.reach.completed} of {report.reach.started}"
        await expect(page.locator(".tile").nth(3)).to_contain_text(completed)
        cells = page.locator('figure[data-plot="bars"] tbody td')
        counts = [int(text) for text in await cells.all_inner_texts() or []]
        shown = await cells.evaluate_all("cells => cells.map((cell) => Number(cell.dataset.v))")
        assert shown == list(report.ratings.counts.values())
        assert not counts or counts == shown


async def test_filters_narrow_it_and_nothing_left_says_what_to_do(
    browser: Browser, site: Site
) -> None:
    async with results(browser, site, query="?language=zh") as page:
        assert await page.locator("select[name=language]").input_value() == "zh"
        assert int(await page.locator(".tile strong").first.inner_text()) < 24
        await page.locator("select[name=script]").select_option("new_feature")
        await page.locator(".filters button").click()
        await expect(page.locator(".empty")).to_contain_text("huifang simulate --people 200")
        await expect(page.locator(".empty kbd")).to_contain_text("--demo")


async def test_unknown_filters_are_passed_over(browser: Browser, site: Site) -> None:
    query = "?script=none&channel=x&language=fr&period=1e9"
    async with results(browser, site, query=query) as page:
        await expect(page.locator(".tile strong").first).to_have_text("24")
