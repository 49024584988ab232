"""Fresh browser profiles, closed whatever happens: an open page would hold on to its server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, BrowserContext

PATIENCE_MS = 30_000  # for one act; a page on a busy machine is slow, not wrong


@asynccontextmanager
async def profile(browser: Browser, **options: Any) -> AsyncIterator[BrowserContext]:
    """No cookies, no storage. `options` are those of `Browser.new_context`."""
    context = await browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        await context.close()
