"""The browser fixture drives a real page, and browser tests share one loop and one browser."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from tests import chromium

pytestmark = pytest.mark.browser


async def test_page_runs_scripts_and_shows_chinese(page: Page) -> None:
    await page.set_content("<p id=p></p><script>p.textContent = '回访'.repeat(2)</script>")
    assert await page.inner_text("#p") == "回访回访"


async def test_page_keeps_nothing_of_the_one_before(page: Page, browser: Browser) -> None:
    assert len(browser.contexts) == 1
    assert await page.context.cookies() == []


def test_program_named_by_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/bin/sh")
    assert chromium.find_chromium() == "/bin/sh"
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    assert chromium.find_chromium() is None
