"""The FAQ pages: what is listed, what the bot would answer, and gaps that show nobody's details."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from sqlalchemy import insert

from bot.knowledge import publish
from bot.refresh import ArticleWatch
from bot.safety.access import Permission, Role, may
from bot.services import Services
from bot.store.addresses import Home, Sender, resolve_addresses
from bot.store.erasure import erase_person
from bot.store.tables import answer_use, gap
from bot.web.faq import CATEGORIES, category_name
from channels.message import Address
from kb.answer import DecisionKind
from kb.article import Article
from kb.shipped import articles as shipped_articles
from tests.bot.site import NOON, Site, open_site

on_site = pytest.mark.asyncio(loop_scope="module")  # where the module's site runs

QUESTIONS = (
    "can I pay with my grandmother's stamps, call me on 13912345678",
    "邮件 wang.fang@example.com 能收到发票吗",
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with open_site(tmp_path_factory.mktemp("site")) as found:
        yield found


async def read(site: Site, path: str, locale: str = "en", **headers: str) -> str:
    async with (
        site.signed_in(Role.EDITOR, locale) as browser,
        browser.get(path, headers=headers) as answer,
    ):
        assert answer.status == 200
        return await answer.text()


async def someone(services: Services, visitor: str) -> Any:
    """A person who wrote in the web chat, with their conversation."""
    sender = Sender(Address("webchat:main", visitor), "en")
    async with services.db.write() as conn:
        home = Home("en", "Europe/London", "GB")
        return (await resolve_addresses(conn, services.vault, [sender], now=NOON, home=home))[0]


async def leave_gaps(services: Services, visitor: str) -> Any:
    """What the turn stores when it has to say that it does not know."""
    who = await someone(services, visitor)
    async with services.db.write() as conn:
        key = (await services.vault.keys(conn, [who.person_id]))[who.person_id]
        for question in QUESTIONS:
            row = {
                "conversation_id": who.conversation_id,
                "person_id": who.person_id,
                "locale": "zh" if "邮件" in question else "en",
                "question": key.seal(orjson.dumps(question).decode()),
                "state": "open",
                "at": NOON - timedelta(minutes=5),
            }
            await conn.execute(insert(gap), row)
    return who


def test_everybody_who_works_here_may_read_the_faq() -> None:
    assert all(may(role, Permission.FAQ_READ) for role in Role)


@on_site
async def test_list_shows_each_article_of_one_language_once(site: Site) -> None:
    page = await read(site, "/faq?show=zh")
    titles = [item.title for item in shipped_articles() if item.locale == "zh"]
    assert all(page.count(f">{title}<") == 1 for title in titles)
    assert f"{len(titles)} articles" in page
    assert page.index("Account security") < page.index("Scams and official") < page.index("Fees")


@pytest.mark.parametrize(
    ("show", "query", "found", "not_found"),
    [
        ("zh", "手机丢了", "lost-phone", "withdrawal-fee"),
        ("en", "SIM card", "lost-phone", "withdrawal-fee"),
        ("en", "nicked my phone", "lost-phone", "fees-overview"),
        ("en", "  LOST-phone ", "lost-phone", "fees-overview"),
    ],
)
@on_site
async def test_search_looks_at_titles_phrasings_texts_and_ids(
    site: Site, show: str, query: str, found: str, not_found: str
) -> None:
    page = await read(site, f"/faq?show={show}&q={query}")
    assert f'href="/faq/{found}?' in page
    assert f'href="/faq/{not_found}?' not in page


@on_site
async def test_search_without_a_hit_says_what_to_do(site: Site) -> None:
    page = await read(site, "/faq?show=en&q=<b>zebra")
    assert "Try fewer words, or the other language." in page
    assert "<b>zebra" not in page


@on_site
async def test_htmx_gets_the_list_alone_and_caches_keep_the_two_apart(site: Site) -> None:
    part = await read(site, "/faq?show=en&q=phone", **{"hx-request": "true"})
    assert "<html" not in part
    assert "lost-phone" in part
    async with site.signed_in(Role.EDITOR) as browser, browser.get("/faq") as answer:
        assert answer.headers["vary"] == "HX-Request"


@on_site
async def test_preview_shows_what_the_bot_would_send(site: Site) -> None:
    page = await read(
        site, "/faq/ask?show=en&question=My phone was lost or stolen. Is my money safe?"
    )
    assert "answers" in page
    assert "Freeze your account right away" in page
    assert "Sample Wallet" in page
    assert "{{" not in page


@on_site
async def test_preview_of_an_unclear_question_shows_what_would_be_offered(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = site.services.knowledge.base
    sure = base.ask("my phone was stolen, is my money safe", "en")
    unsure = replace(sure, kind=DecisionKind.CLARIFY, article=None)
    monkeypatch.setattr(type(base), "ask", lambda self, question, locale: unsure)
    page = await read(site, "/faq/ask?show=en&question=phone")
    assert "asks which one is meant" in page
    assert page.count("<li>") - page.count("<li><a") == 3


@on_site
async def test_preview_of_a_foreign_question_says_that_a_person_is_offered(site: Site) -> None:
    page = await read(site, "/faq/ask?show=en&question=who won the football match last night")
    assert "does not know, offers a person" in page


@on_site
async def test_preview_repeats_no_secret(site: Site) -> None:
    page = await read(site, "/faq/ask?show=en&question=my card is 4111111111111111")
    assert "4111" not in page


@on_site
async def test_empty_preview_shows_nothing(site: Site) -> None:
    assert (await read(site, "/faq/ask?show=en&question=%20")).strip() == ""


@pytest.mark.parametrize(("locale", "brand"), [("en", "Sample Wallet"), ("zh", "回访钱包")])
@on_site
async def test_article_shows_the_companys_own_values(site: Site, locale: str, brand: str) -> None:
    page = await read(site, f"/faq/lost-phone?show={locale}")
    assert brand in page
    assert "{{" not in page
    assert "+86 10 5555 0100" in page


@on_site
async def test_article_shows_its_use_and_what_people_thought_of_it(site: Site) -> None:
    who = await someone(site.services, "reader")
    async with site.services.db.write() as conn:
        for helpful in (True, True, False, None):
            row = {
                "conversation_id": who.conversation_id,
                "article": "deposit",
                "version": 1,
                "locale": "en",
                "score": 0.9,
                "rank": 1,
                "helpful": helpful,
                "at": NOON,
            }
            await conn.execute(insert(answer_use), row)
    page = await read(site, "/faq/deposit?show=en")
    assert '<dd class="num">4</dd>' in page
    assert '<dd class="num">67%</dd>' in page
    page = await read(site, "/faq/deposit?show=zh")
    assert "nobody said yet" in page


@on_site
async def test_article_with_few_phrasings_in_one_language_is_marked(site: Site) -> None:
    thin = Article(
        id="gift-cards", locale="en", title="Do you sell gift cards?", body="No.",
        phrasings=("gift card",), category="presents", review=date(2026, 11, 19),
    )  # fmt: skip
    async with site.services.db.write() as conn:
        await publish(conn, [thin], NOON)
    await ArticleWatch(site.services).refresh()
    page = await read(site, "/faq?show=en&q=gift cards")
    for mark in ("few phrasings", "review due", "one language", "presents"):
        assert mark in page
    assert "Fewer than five ways of asking" in await read(site, "/faq/gift-cards?show=en")


@on_site
async def test_running_process_shows_what_another_one_published(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.runtime.REFRESH_S", 0.01)
    later = Article(id="stickers", locale="en", title="Do you sell stickers?", body="No.")
    async with site.signed_in(Role.EDITOR) as browser:
        async with browser.get("/faq/stickers?show=en") as answer:
            assert answer.status == 404
        async with site.services.db.write() as conn:
            await publish(conn, [later], NOON)
        async with asyncio.timeout(30):
            while True:
                async with browser.get("/faq/stickers?show=en") as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("path", ["/faq/no-such-article", "/faq/stickers?show=zh"])
@on_site
async def test_article_that_is_not_there_is_a_page_that_says_so(site: Site, path: str) -> None:
    async with site.signed_in(Role.EDITOR) as browser, browser.get(path) as answer:
        assert answer.status == 404
        assert "There is no such page" in await answer.text()


@on_site
async def test_gaps_are_listed_masked_and_vanish_with_their_person(site: Site) -> None:
    assert "No unanswered questions." in await read(site, "/faq/gaps")
    who = await leave_gaps(site.services, "asker")
    page = await read(site, "/faq/gaps")
    assert "grandmother&#39;s stamps" in page
    assert "能收到发票吗" in page
    for secret in ("13912345678", "1391234", "wang.fang", "fang@"):
        assert secret not in page
    assert "5 min. ago" in page
    async with site.services.db.write() as conn:
        await erase_person(conn, site.services.vault, who.person_id, NOON)
    assert "No unanswered questions." in await read(site, "/faq/gaps")


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_every_shipped_category_has_a_name_in_both_languages(locale: str) -> None:
    assert {item.category for item in shipped_articles()} == set(CATEGORIES)
    assert all(category_name(name, locale) != name for name in CATEGORIES)
    assert category_name("presents", locale) == "presents"
