"""A running process takes up articles that another one published."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.assembly import open_services
from bot.clock import GivenClock
from bot.knowledge import publish
from bot.refresh import ArticleWatch
from bot.services import Services
from bot.settings import Settings
from bot.store.tables import article
from kb.article import Article

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
CRAYONS = Article(
    id="crayons",
    locale="en",
    title="Does the wallet sell purple crayons?",
    body="{{brand}} sells purple crayons.",
    phrasings=("purple crayons please", "where are the purple crayons", "crayons in purple"),
    category="functions",
    owner="product",
)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings.model_validate({"data_dir": tmp_path})
    async with open_services(
        settings, clock=GivenClock(NOW), migrated=True, warn=lambda line: None
    ) as found:
        yield found


async def publish_elsewhere(services: Services, item: Article, at: datetime) -> None:
    """What `huifang kb import` does, in another process as far as these services know."""
    async with services.db.write() as conn:
        await publish(conn, [item], at)


async def test_article_published_elsewhere_is_found_and_answered(services: Services) -> None:
    watch = ArticleWatch(services)
    assert not await watch.refresh()
    await publish_elsewhere(services, CRAYONS, NOW + timedelta(seconds=1))
    assert services.knowledge.article("crayons", "en") is None
    assert await watch.refresh()
    answer = services.knowledge.article("crayons", "en")
    assert answer is not None
    assert answer.text == "Sample Wallet sells purple crayons."
    found = services.knowledge.find("where are the purple crayons", "en")
    assert found.articles[0].id == "crayons"
    assert not await watch.refresh()


async def test_version_published_in_the_same_instant_is_noticed(services: Services) -> None:
    watch = ArticleWatch(services)
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await watch.refresh()
    await publish_elsewhere(services, replace(CRAYONS, body="No more crayons."), NOW)
    assert await watch.refresh()
    answer = services.knowledge.article("crayons", "en")
    assert answer is not None
    assert (answer.text, answer.version) == ("No more crayons.", 2)


async def test_answer_that_was_given_before_is_not_given_again_from_memory(
    services: Services,
) -> None:
    watch = ArticleWatch(services)
    question = "crayons in purple"
    before = services.knowledge.find(question, "en")
    assert all(item.id != "crayons" for item in before.articles)
    await publish_elsewhere(services, CRAYONS, NOW)
    await watch.refresh()
    assert services.knowledge.find(question, "en").articles[0].id == "crayons"


async def test_article_published_before_the_first_look_is_taken_up(services: Services) -> None:
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await ArticleWatch(services).refresh()


async def test_withdrawn_article_is_answered_no_more(services: Services) -> None:
    watch = ArticleWatch(services)
    await publish_elsewhere(services, CRAYONS, NOW)
    await watch.refresh()
    async with services.db.write() as conn:
        await conn.execute(update(article).where(article.c.id == "crayons").values(state="draft"))
    assert await watch.refresh()
    assert services.knowledge.article("crayons", "en") is None


async def test_article_that_cannot_be_shown_leaves_the_old_ones_in_force(
    services: Services,
) -> None:
    watch = ArticleWatch(services)
    old = services.knowledge
    await publish_elsewhere(services, replace(CRAYONS, body="Costs {{fees.crayons}}."), NOW)
    assert not await watch.refresh()
    assert services.knowledge is old
    await publish_elsewhere(services, CRAYONS, NOW + timedelta(seconds=1))
    assert await watch.refresh()
