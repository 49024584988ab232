"""Takes up what was published while the process runs: new article versions, by whatever process."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import func, select

from bot.intents import open_detector
from bot.knowledge import Knowledge, published
from bot.services import DetectIntents, Services
from bot.store.tables import article
from dialogs.lexicons import LexiconError
from dialogs.texts import TextError
from kb.article import Article

log = structlog.get_logger()

REFRESH_S = 2.0  # how long a published article may wait for a running process

# Versions are never changed, so a publication adds a row and a withdrawal takes one away.
_MARK = select(func.count(), func.max(article.c.created_at)).where(article.c.state == "published")


class ArticleWatch:
    """Keeps the articles of one process up to date; ask it every `REFRESH_S` seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[int, datetime | None] | None = None

    async def refresh(self) -> bool:
        """Swap in what is published now; True if that is something else than before.

        The new index is built beside the old one, which answers until the swap. Articles that
        cannot be shown here (a placeholder that our company file lacks) are left out as a whole,
        with a line in the log: the old ones go on.
        """
        services = self._services
        async with services.db.read() as conn:
            count, newest = (await conn.execute(_MARK)).one()
            if (count, newest) == self._seen:
                return False
            articles = await published(conn)
        if articles == services.knowledge.articles:
            self._seen = (count, newest)
            return False
        try:
            knowledge, detect = await asyncio.to_thread(_build, services, articles)
        except (TextError, LexiconError) as error:
            self._seen = (count, newest)
            log.error("articles_not_taken_up", problem=str(error))
            return False
        services.knowledge, services.detect_intents = knowledge, detect
        self._seen = (count, newest)
        log.info("articles_taken_up", articles=len(articles))
        return True


def _build(services: Services, articles: tuple[Article, ...]) -> tuple[Knowledge, DetectIntents]:
    knowledge = Knowledge(
        articles, services.company, services.settings.data_dir / "calibration.json"
    )
    detector = open_detector(services.settings.intents_dir, knowledge.phrasings)
    return knowledge, detector.detect
