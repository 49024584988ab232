"""Takes up what changed while the process runs: article versions, by whatever process, and synonyms."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import func, select

from bot.knowledge import Knowledge, published
from bot.services import DetectIntents, Services
from bot.store.tables import article
from bot.synonyms import Stamp, Synonyms, open_synonyms, stamp
from dialogs.intents import IntentDetector
from dialogs.lexicons import bundled_lexicons
from dialogs.texts import TextError
from kb.article import Article

log = structlog.get_logger()

REFRESH_S = 2.0  # how long a published article may wait for a running process

MOST_PROBLEMS = 5  # of a table that are logged; `huifang doctor` says how many there are

# Versions are never changed, so a publication adds a row and a withdrawal takes one away.
_MARK = select(func.count(), func.max(article.c.created_at)).where(article.c.state == "published")


class ArticleWatch:
    """Keeps articles and synonyms of one process up to date; ask it every `REFRESH_S` seconds."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[int, datetime | None, Stamp] | None = None
        self._synonyms = services.knowledge.synonyms

    async def refresh(self) -> bool:
        """Swap in what is published now; True if that is something else than before.

        The new index is built beside the old one, which answers until the swap. Articles that
        cannot be shown here (a placeholder that our company file lacks) are left out as a whole,
        with a line in the log: the old ones go on.
        """
        services = self._services
        folder = services.settings.data_dir
        tables = await asyncio.to_thread(stamp, folder)
        async with services.db.read() as conn:
            count, newest = (await conn.execute(_MARK)).one()
            seen = (count, newest, tables)
            if seen == self._seen:
                return False
            articles = await published(conn)
        if self._seen is None or self._seen[2] != tables:
            self._synonyms = await asyncio.to_thread(open_synonyms, folder)
            for problem in self._synonyms.problems[:MOST_PROBLEMS]:
                log.warning("synonyms_left_out", problem=str(problem))
        old, synonyms = services.knowledge, self._synonyms
        if articles == old.articles and synonyms.mark == old.synonyms.mark:
            self._seen = seen
            return False
        try:
            knowledge, detect = await asyncio.to_thread(_build, services, articles, synonyms)
        except TextError as error:
            self._seen = seen
            log.error("articles_not_taken_up", problem=str(error))
            return False
        services.knowledge, services.detect_intents = knowledge, detect
        self._seen = seen
        log.info("articles_taken_up", articles=len(articles), synonyms=synonyms.ideas)
        return True


def _build(
    services: Services, articles: tuple[Article, ...], synonyms: Synonyms
) -> tuple[Knowledge, DetectIntents]:
    cache = services.settings.data_dir / "calibration.json"
    knowledge = Knowledge(articles, services.company, cache, services.embedders, synonyms)
    detector = IntentDetector.from_lexicons(bundled_lexicons(), knowledge.phrasings)
    return knowledge, detector.detect
