"""Texts that failed, in the desk in a browser: told why, and sent again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from bot.store.tables import outbox
from tests.bot.site import Site
from tests.browser.test_desk import _clean, desk, person, serious, site

__all__ = ["_clean", "site"]
pytestmark = pytest.mark.browser


async def break_texts(site: Site) -> None:
    """The newest text of the bot failed, and nobody knows of the one before it."""
    async with site.services.db.write() as conn:
        ids = list(
            (
                await conn.execute(
                    outbox.select().with_only_columns(outbox.c.id).order_by(outbox.c.id.desc())
                )
            ).scalars()
        )[:2]
        for row, status, detail in (
            (ids[0], "failed", "transient: 503"),
            (ids[1], "unknown", "ServerDisconnectedError"),
        ):
            values = {"status": status, "detail": detail, "parts_done": 0, "sent_at": None}
            await conn.execute(outbox.update().where(outbox.c.id == row).values(**values))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
async def test_a_failed_text_tells_why_and_is_sent_again(
    browser: Browser, site: Site, width: int, dark: bool
) -> None:
    locale, again, why = (
        ("zh-CN", "重新发送", "多次尝试") if dark else ("en-GB", "Send again", "several attempts")
    )
    async with (
        desk(browser, site, width=width, dark=dark, locale=locale) as page,
        person(browser, site, "wang", "1234", "我要投诉"),
    ):
        await break_texts(site)
        await expect(page.locator("#queue .line")).to_have_count(1)
        await page.locator("#queue .line").click()
        failed = page.locator("#transcript p.failed")
        await expect(failed).to_have_count(2)
        await expect(failed.get_by_role("button")).to_have_count(0)  # nobody has the case yet
        async with page.expect_response("**/claim"):
            await page.locator("#case-head button[data-act=claim]").first.click()
        button = failed.get_by_role("button", name=again)
        await expect(button).to_have_count(2)
        await expect(failed.last).to_contain_text(why)
        assert await serious(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("SHOTS"):
            await failed.last.scroll_into_view_if_needed()
            await page.screenshot(
                path=Path(folder) / f"dead-{width}-{'dark' if dark else 'light'}.png"
            )
        await button.last.click()
        await expect(failed).to_have_count(1)
