"""The knowledge base as the pipeline uses it: published articles, ready to send, found by question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import RowMapping, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.calibrated import (
    SHIPPED_CALIBRATION,
    build_base,
    changed_base,
    fingerprint,
    recalibrated_base,
    write_calibrations,
)
from bot.company import Company
from bot.store.database import Database
from bot.store.tables import article as article_table
from bot.synonyms import NO_SYNONYMS, Synonyms
from dialogs.context import FaqArticle, FaqDecision, FaqResult
from dialogs.texts import TextError, render_text
from kb.answer import Candidate, Decision
from kb.article import Article, Link
from kb.encoder import Embedder, shipped_encoder
from kb.plain import to_plain
from kb.questions import ask_parts
from kb.search import KnowledgeBase
from kb.shipped import articles as shipped_articles

CACHED_QUESTIONS = 20_000
ANSWERED_AT_ONCE = (
    2  # more answers in one turn are a wall of text: the articles are offered instead
)
NEAR = 0.05  # the score from which another article may be meant
OTHERS = 2  # how many of those are offered beside a person
LONGEST_QUESTION = 500  # characters that are searched with; a question is in its first words


class Knowledge:
    """Answers from one set of published articles. It does not change: `changed` makes another.

    `calibrated` says whether the calibrations were fitted to these very articles.
    """

    def __init__(
        self,
        articles: Iterable[Article],
        company: Company,
        cache: Path | None = None,
        embedders: Sequence[Embedder] = (),
        synonyms: Synonyms = NO_SYNONYMS,
    ) -> None:
        """`embedders`: beside the shipped one. `cache`: see `build_base`. Raises TextError where an
        article has an unknown placeholder.

        Fitting the calibration costs a second and more; it is read from `cache` where the same
        articles were fitted before.
        """
        self._company, self._cache = company, cache
        self._embedders, self.synonyms = tuple(embedders), synonyms
        self.articles = tuple(articles)
        self._ready = {item.key: self._prepare(item) for item in self.articles}
        base = build_base(self.articles, cache, self._embedders, synonyms)
        self._use(base, calibrated=True)

    def _use(self, base: KnowledgeBase, *, calibrated: bool) -> None:
        self.base, self.calibrated = base, calibrated
        self.ask: Callable[[str, str], Decision] = base.ask
        self._find = lru_cache(CACHED_QUESTIONS)(self._decide)

    def changed(self, articles: tuple[Article, ...], synonyms: Synonyms) -> Knowledge:
        """These articles and synonyms, ready at once: only what changed is read, and the
        calibrations stay those of before until `recalibrated`. Raises TextError like the class."""
        other = copy(self)
        if synonyms.mark != self.synonyms.mark:
            other.synonyms = synonyms
        there = {item.key: item for item in self.articles}
        other.articles = articles
        other._ready = {
            item.key: self._ready[item.key] if there.get(item.key) == item else self._prepare(item)
            for item in articles
        }
        base = changed_base(self.base, articles, self._cache, self._embedders, other.synonyms)
        other._use(base, calibrated=False)
        return other

    def recalibrated(self, check: Callable[[], None] = lambda: None) -> Knowledge:
        """The same articles with calibrations of their own, which are kept in `cache`: seconds of
        work. `check` is called about every second at least; what it raises ends the work."""
        other = copy(self)
        base = recalibrated_base(self.base, self._cache, self.synonyms, check)
        other._use(base, calibrated=True)
        return other

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
        parts = ask_parts(lambda question: self.ask(question, locale), text)
        if len(parts) == 1:
            decision = parts[0].decision
            found = self._offered(decision.offered, locale)
            return FaqResult(
                FaqDecision(str(decision.kind)), found, others=self._others(decision, locale)
            )
        firsts = [part.decision.candidates[0] for part in parts]
        found = self._offered(firsts, locale)
        if len(found) < len(parts) or len(parts) > ANSWERED_AT_ONCE:
            return FaqResult(FaqDecision.CLARIFY, found)
        return FaqResult(FaqDecision.ANSWER, found, tuple(part.question for part in parts))

    def _offered(self, candidates: Iterable[Candidate], locale: str) -> tuple[FaqArticle, ...]:
        """The articles as they are sent, each with its score."""
        found = []
        for candidate in candidates:
            ready = self._ready.get((candidate.article, locale))
            if ready is not None:
                found.append(replace(ready, score=candidate.score))
        return tuple(found)

    def _others(self, decision: Decision, locale: str) -> tuple[FaqArticle, ...]:
        """What may be meant if the answer does not help: near candidates, then related articles."""
        article = decision.article
        if article is None:
            return ()
        near = [c for c in decision.candidates[1:] if c.score >= NEAR]
        found = {item.id: item for item in self._offered(near, locale)}
        for name in article.related:
            ready = self._ready.get((name, locale))
            if ready is not None:
                found.setdefault(name, ready)
        return tuple(found.values())[:OTHERS]

    def _prepare(self, item: Article) -> FaqArticle:
        values = self._company.values(item.locale)
        colon = "：" if item.locale.startswith("zh") else ": "
        try:
            title = render_text(item.title, values)
            lines = [
                f"{render_text(link.label, values)}{colon}{render_text(link.url, values)}"
                for link in item.links
            ]
            video = render_text(item.video, values)
            body = to_plain(render_text(item.body, values))
        except TextError as error:
            raise TextError(
                f"article {item.id} ({item.locale}): {error}; correct the placeholder, or add it to "
                "the company file"
            ) from None
        if video:  # read as "play" in every language, where no picture can be shown
            lines.append(f"▶ {video}")
        text = "\n".join([body, *lines])
        return FaqArticle(item.id, item.version, title, text, video=video)


async def open_knowledge(
    db: Database,
    company: Company,
    now: datetime,
    cache: Path | None = None,
    embedders: Sequence[Embedder] = (),
    synonyms: Synonyms = NO_SYNONYMS,
) -> Knowledge:
    """The published articles of the database; an empty one is filled with the shipped articles."""
    async with db.write() as conn:
        await alone(conn)
        if not await conn.scalar(select(func.count()).select_from(article_table)):
            await publish(conn, shipped_articles(), now)
    async with db.read() as conn:
        articles = await published(conn)
    return await asyncio.to_thread(Knowledge, articles, company, cache, embedders, synonyms)


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


async def alone(conn: AsyncConnection) -> None:
    """Until this transaction ends, nobody else publishes: two imports at once would both give the
    next version. Writers of SQLite are alone already."""
    if conn.dialect.name == "postgresql":
        await conn.execute(sql("LOCK TABLE article IN SHARE ROW EXCLUSIVE MODE"))


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


if __name__ == "__main__":  # writes the calibration of the shipped articles anew
    shipped = shipped_articles()
    write_calibrations(
        SHIPPED_CALIBRATION, fingerprint(shipped, [shipped_encoder()]), KnowledgeBase.build(shipped)
    )
