"""What the operator added to the knowledge base: embedding models and synonyms."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import median

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from bot.check import Check
from bot.embedders import language_problem, open_embedder
from bot.settings import Settings
from bot.store.database import Database, DatabaseError
from bot.store.tables import article
from bot.synonyms import open_synonyms
from kb.encoder import Embedder
from kb.onnx_embedder import EmbedderError
from kb.shipped import articles as shipped_articles

TIMED_QUESTIONS = 20


async def check_knowledge(settings: Settings) -> list[Check]:
    """A line for each embedder and one for the synonyms; none where nothing was added."""
    found = []
    if settings.embedders:
        locales = await _locales(settings)
        for folder in settings.embedders:
            found.append(await asyncio.to_thread(_embedder, folder, locales))
    return found + await asyncio.to_thread(_synonyms, settings.data_dir)


def _embedder(folder: Path, locales: frozenset[str]) -> Check:
    try:
        embedder = open_embedder(folder)
        cost = _milliseconds(embedder)
    except EmbedderError as error:
        return Check("embedder", f"{folder} cannot be used", str(error))
    if problem := language_problem(embedder, locales):
        return Check("embedder", f"{folder} is refused", problem)
    without = sorted(
        locale for locale in locales if locale.partition("-")[0].lower() not in embedder.languages
    )
    rest = f"; articles in {', '.join(without)} are ranked without it" if without else ""
    known = ", ".join(sorted(embedder.languages))
    return Check("embedder", f"{embedder.name}: {known}, {cost:.1f} ms a question{rest}")


def _milliseconds(embedder: Embedder) -> float:
    """Median time of one question, in the embedder's own languages where there are any."""
    titles = [item.title for item in shipped_articles() if item.locale in embedder.languages]
    spent = []
    for title in titles[:TIMED_QUESTIONS] or ["How long does a refund take?"]:
        started = time.perf_counter()
        embedder.encode([title])
        spent.append(time.perf_counter() - started)
    return median(spent) * 1000


def _synonyms(folder: Path) -> list[Check]:
    synonyms = open_synonyms(folder)
    if synonyms.problems:
        more = len(synonyms.problems) - 1
        fix = f"{synonyms.problems[0]}{f' (and {more} more)' if more else ''}"
        return [Check("synonyms", f"{synonyms.ideas} ideas, but not every line", fix)]
    if not synonyms.tables:
        return []
    return [Check("synonyms", f"{synonyms.ideas} ideas for {', '.join(synonyms.tables)}")]


async def _locales(settings: Settings) -> frozenset[str]:
    """Of the published articles; of the shipped ones where there is no database yet."""
    shipped = frozenset(item.locale for item in shipped_articles())
    path = settings.database.partition("///")[2]
    if settings.database.startswith("sqlite") and not await asyncio.to_thread(Path(path).exists):
        return shipped
    wanted = select(article.c.locale).where(article.c.state == "published").distinct()
    try:
        db = await Database.open(settings.database, pool_size=1)
        try:
            async with db.read() as conn:
                return frozenset((await conn.scalars(wanted)).all()) or shipped
        finally:
            await db.dispose()
    except (DatabaseError, SQLAlchemyError):
        return shipped
