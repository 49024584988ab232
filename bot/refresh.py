"""Takes up what changed while the process runs: article versions, by whatever process, and synonyms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from threading import Event

import structlog
from sqlalchemy import func, select

from bot.intents import open_detector
from bot.knowledge import published
from bot.services import Services
from bot.store.tables import article
from bot.synonyms import Stamp, open_synonyms, stamp
from dialogs.lexicons import LexiconError
from dialogs.texts import TextError

log = structlog.get_logger()

REFRESH_S = 0.5  # between two looks; one costs a millisecond

MOST_PROBLEMS = 5  # of a table that are logged; `huifang doctor` says how many there are

# Versions are never changed, so a publication adds a row and a withdrawal takes one away.
_MARK = select(func.count(), func.max(article.c.created_at)).where(article.c.state == "published")


class ArticleWatch:
    """Keeps articles and synonyms of one process up to date; ask it every `REFRESH_S` seconds, and
    `close` it at the end."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._seen: tuple[int, datetime | None, Stamp] | None = None
        self._synonyms = services.knowledge.synonyms
        self._fit = _Fit(services)

    async def refresh(self) -> bool:
        """Swap in what is published now; True if that is something else than before.

        The new index is built beside the old one, which answers until the swap. What takes longer
        follows in the background: the calibration stays the old one and the detector of intents is
        not trained with the new phrasings until it is done. Articles that cannot be shown here (a
        placeholder that our company file lacks) are left out as a whole, with a line in the log: the
        old ones go on.
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
        taken = False
        if articles != old.articles or synonyms.mark != old.synonyms.mark:
            self._fit.stop()  # what it fits is out of date
            try:
                services.knowledge = await asyncio.to_thread(old.changed, articles, synonyms)
            except TextError as error:
                log.error("articles_not_taken_up", problem=str(error))
            else:
                taken = True
                log.info("articles_taken_up", articles=len(articles), synonyms=synonyms.ideas)
        self._seen = seen
        self._fit.begin()
        return taken

    async def settled(self) -> None:
        """Wait for what goes on in the background."""
        await self._fit.wait()

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._fit.close()


class _EndedError(Exception):
    """The work in the background is no longer wanted."""


class _Fit:
    """Fits detector and calibration to the articles in use, in a thread; one at a time."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._task: asyncio.Task[None] | None = None
        self._stop = Event()
        # Those that the detector was trained with; None where this is not known.
        before = services.knowledge
        self._taught = before.phrasings if before.calibrated else None

    def begin(self) -> None:
        """Start, unless it runs or there is nothing to do."""
        running = self._task is not None and not self._task.done() and not self._stop.is_set()
        if not running and not self._services.knowledge.calibrated:
            self._stop = Event()
            self._task = asyncio.create_task(self._run(self._stop, self._task), name="calibration")

    def stop(self) -> None:
        """Give up. The thread, which cannot be cut off, sees it within a second or so."""
        self._stop.set()

    async def wait(self) -> None:
        """Until it has come to its end."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Give up, and do not wait for the thread."""
        self.stop()
        if self._task is not None:
            self._task.cancel()
            await self.wait()

    async def _run(self, stop: Event, before: asyncio.Task[None] | None) -> None:
        def check() -> None:
            if stop.is_set():
                raise _EndedError

        if before is not None:
            await asyncio.wait({before})
        try:
            await self._teach()
            check()
            await self._calibrate(check)
        except _EndedError:
            return
        except Exception:  # the process answers on with what it has; the next change tries again
            log.exception("calibration_failed")

    async def _teach(self) -> None:
        services = self._services
        phrasings = services.knowledge.phrasings
        if phrasings == self._taught:
            return
        try:
            detector = await asyncio.to_thread(
                open_detector, services.settings.intents_dir, phrasings
            )
        except LexiconError as error:
            log.error("intents_not_trained", problem=str(error))
            return
        services.detect_intents, self._taught = detector.detect, phrasings

    async def _calibrate(self, check: Callable[[], None]) -> None:
        services = self._services
        knowledge = services.knowledge
        fitted = await asyncio.to_thread(knowledge.recalibrated, check)
        if services.knowledge is knowledge:
            services.knowledge = fitted
            log.info("articles_calibrated", articles=len(fitted.articles))
