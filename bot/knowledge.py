"""The knowledge base as the pipeline uses it: published articles, ready to send, found by question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.company import Company
from bot.store.database import Database
from bot.store.tables import article as article_table
from dialogs.context import FaqArticle, FaqDecision, FaqResult
from dialogs.texts import render_text
from kb.answer import Decision
from kb.article import Article, Link
from kb.plain import to_plain
from kb.search import KnowledgeBase
from kb.shipped import articles as shipped_articles

CACHED_QUESTIONS = 20_000
LONGEST_QUESTION = 500  # characters that are searched with; a question is in its first words


class Knowledge:
    """Answers from one set of published articles; `replace` swaps in another at once."""

    def __init__(self, articles: Iterable[Article], company: Company) -> None:
        self._company = company
        self._find = lru_cache(CACHED_QUESTIONS)(self._decide)
        self.replace(tuple(articles))

    def replace(self, articles: tuple[Article, ...]) -> None:
        """Use these articles from now on. Raises TextError where one has an unknown placeholder."""
        base = KnowledgeBase.build(articles)
        ready = {item.key: self._prepare(item) for item in articles}
        self.base, self.articles, self._ready = base, articles, ready
        self.ask: Callable[[str, str], Decision] = base.ask
        self._find.cache_clear()

    @property
    def phrasings(self) -> tuple[str, ...]:
        """How people ask, in every language: plain questions, no complaints."""
        return tuple(line for item in self.articles for line in item.phrasings)

    def find(self, text: str, locale: str) -> FaqResult:
        """The decision for a question; the same question is decided once."""
        return self._find(text[:LONGEST_QUESTION], locale)

    def article(self, article_id: str, locale: str) -> FaqArticle | None:
        return self._ready.get((article_id, locale))

    def _decide(self, text: str, locale: str) -> FaqResult:
        decision = self.ask(text, locale)
        found = []
        for candidate in decision.offered:
            ready = self._ready.get((candidate.article, locale))
            if ready is not None:
                found.append(
                    FaqArticle(ready.id, ready.version, ready.title, ready.text, candidate.score)
                )
        return FaqResult(FaqDecision(str(decision.kind)), tuple(found))

    def _prepare(self, item: Article) -> FaqArticle:
        body = render_text(item.body, self._company.values(item.locale))
        return FaqArticle(item.id, item.version, item.title, to_plain(body))


async def open_knowledge(db: Database, company: Company, now: datetime) -> Knowledge:
    """The published articles of the database; an empty one is filled with the shipped articles."""
    async with db.write() as conn:
        if not await conn.scalar(select(func.count()).select_from(article_table)):
            await publish(conn, shipped_articles(), now)
    async with db.read() as conn:
        articles = await published(conn)
    return await asyncio.to_thread(Knowledge, articles, company)


async def published(conn: AsyncConnection) -> tuple[Article, ...]:
    """The live version of every article in every locale."""
    newest = (
        select(
            article_table.c.id,
            article_table.c.locale,
            func.max(article_table.c.version).label("version"),
        )
        .where(article_table.c.state == "published")
        .group_by(article_table.c.id, article_table.c.locale)
        .subquery()
    )
    rows = await conn.execute(
        select(article_table)
        .join(
            newest,
            (newest.c.id == article_table.c.id)
            & (newest.c.locale == article_table.c.locale)
            & (newest.c.version == article_table.c.version),
        )
        .order_by(article_table.c.id, article_table.c.locale)
    )
    return tuple(_article(row) for row in rows.mappings())


async def publish(conn: AsyncConnection, articles: Iterable[Article], now: datetime) -> int:
    """Store articles as new published versions; returns how many."""
    known = {
        (row.id, row.locale): row.version
        for row in await conn.execute(
            select(
                article_table.c.id,
                article_table.c.locale,
                func.max(article_table.c.version).label("version"),
            ).group_by(article_table.c.id, article_table.c.locale)
        )
    }
    rows = [
        {
            "id": item.id,
            "locale": item.locale,
            "version": known.get((item.id, item.locale), 0) + 1,
            "title": item.title,
            "category": item.category,
            "owner": item.owner,
            "review": item.review.isoformat() if item.review else "",
            "body": item.body,
            "phrasings": list(item.phrasings),
            "extra": {
                "related": list(item.related),
                "links": [[link.label, link.url] for link in item.links],
                "video": item.video,
            },
            "state": "published",
            "created_at": now,
        }
        for item in articles
    ]
    if rows:
        await conn.execute(insert(article_table), rows)
    return len(rows)


def _article(row: RowMapping) -> Article:
    extra = row["extra"]
    return Article(
        id=row["id"],
        locale=row["locale"],
        title=row["title"],
        body=row["body"],
        phrasings=tuple(row["phrasings"]),
        category=row["category"],
        owner=row["owner"],
        review=date.fromisoformat(row["review"]) if row["review"] else None,
        version=row["version"],
        related=tuple(extra["related"]),
        links=tuple(Link(label, url) for label, url in extra["links"]),
        video=extra.get("video", ""),
    )
