"""Takes the pictures of the README from a running demo: what the customer sees beside what the agent sees.

make demo ARGS="--reset --port 8000"          in one terminal
PYTHONPATH=. .venv/bin/python docs/pictures.py http://127.0.0.1:8000       in another
"""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.chromium import MISSING, find_chromium, launch

IMAGES = Path(__file__).parent / "images"
QUALITY = 82  # of the JPEG: about 120 kB
REPLIES = {
    "zh": ("1234", "对的", "都完成了", "没有困难", "提现手续费是多少？", "两分"),
    "en": ("1234", "yes", "yes", "no difficulties", "what is the withdrawal fee?", "2"),
}
PEOPLE = {"zh": ("wang", "王芳"), "en": ("emma", "Emma Clarke")}
FRAME = """<style>body{{margin:0;padding:36px;background:#e9eef0;display:flex;gap:32px;align-items:center;
justify-content:center}}img{{display:block;border-radius:14px;box-shadow:0 8px 32px #10182833}}
.phone{{height:760px;border:9px solid #20262b;border-radius:34px;background:#20262b}}.desk{{height:720px}}
</style><img class="phone" src="{phone}"><img class="desk" src="{desk}">"""


async def take(browser: Browser, url: str, locale: str) -> None:
    """Hold the talk, open its case, and write both beside each other."""
    language = "zh-CN" if locale == "zh" else "en-GB"
    customer = await browser.new_context(
        base_url=url,
        locale=language,
        viewport={"width": 390, "height": 790},
        device_scale_factor=2,
    )
    agent = await browser.new_context(
        base_url=url,
        locale=language,
        viewport={"width": 1180, "height": 780},
        device_scale_factor=1.25,
    )
    person, name = PEOPLE[locale]
    chat = await open_chat(await customer.new_page(), person)
    for reply in REPLIES[locale]:
        await say(chat, reply)
    desk = await agent.new_page()
    await desk.goto("/")
    await desk.click('form[action="/demo/sign-in/agent"] button')
    await desk.locator("a.line", has_text=name).last.click()
    await expect(desk.locator(".transcript")).to_be_visible()
    await desk.wait_for_timeout(800)
    await join(browser, await chat.screenshot(), await desk.screenshot(), locale)


async def open_chat(start: Page, person: str) -> Page:
    await start.goto("/")
    async with start.context.expect_page() as opened:
        await start.click(f'form[action="/demo/chat/{person}"] button')
    chat = await opened.value
    await expect(chat.locator("huifang-chat .turn.bot")).not_to_have_count(0)
    await quiet(chat)
    return chat


async def say(chat: Page, text: str) -> None:
    box = chat.locator("huifang-chat textarea")
    await box.fill(text)
    await box.press("Enter")
    await quiet(chat)


async def quiet(chat: Page) -> None:
    """Wait until the bot has said all it has to say."""
    turns, same, last = chat.locator("huifang-chat .turn"), 0, -1
    while same < 6:
        await chat.wait_for_timeout(250)
        count = await turns.count()
        same, last = (same + 1, last) if count == last else (0, count)


async def join(browser: Browser, phone: bytes, desk: bytes, locale: str) -> None:
    page = await browser.new_page(viewport={"width": 1620, "height": 850})
    data = [f"data:image/png;base64,{base64.b64encode(each).decode()}" for each in (phone, desk)]
    await page.set_content(FRAME.format(phone=data[0], desk=data[1]))
    picture = IMAGES / f"chat-and-desk-{locale}.jpg"
    await page.screenshot(path=picture, type="jpeg", quality=QUALITY)
    print(f"{picture}: {picture.stat().st_size // 1000} kB")  # noqa: T201
    await page.close()


async def main(url: str) -> None:
    program = find_chromium()
    if program is None:
        sys.exit(MISSING)
    IMAGES.mkdir(exist_ok=True)
    async with async_playwright() as playwright:
        browser = await launch(playwright, program)
        for locale in REPLIES:
            await take(browser, url, locale)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"))
