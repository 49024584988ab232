"""The FAQ page: what the bot answers from, what it would answer, and what it could not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import orjson
from babel.dates import format_date
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from sqlalchemy import Integer, cast, func, select

from bot.safety.access import Permission, Session
from bot.safety.personal import mask_personal
from bot.safety.redact import RedactionContext, redact
from bot.services import Services
from bot.store.tables import answer_use, gap
from bot.web.guard import ServicesOf, signed_in
from bot.web.page import LOCALES, render, translations, viewer_locale
from kb.article import Article

router = APIRouter()
Reader = Annotated[Session, Depends(signed_in(Permission.FAQ_READ))]
GAPS_SHOWN = 100
CATEGORIES = (
    "security",
    "scams",
    "transactions",
    "refunds",
    "functions",
    "fees",
    "limits",
    "verification",
)
ENOUGH_PHRASINGS = 5  # from one to five phrasings the share of right answers doubles


@dataclass(frozen=True, slots=True)
class Line:
    """One article in the list. `helpful` is a share of those who said, None if nobody did."""

    article: Article
    locales: tuple[str, ...]
    uses: int
    helpful: float | None
    review_due: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A question without an answer, masked."""

    question: str
    locale: str
    at: datetime


@router.get("/faq")
async def page(
    request: Request,
    session: Reader,
    services: ServicesOf,
    show: Annotated[str, Query(max_length=8)] = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The list of one language, searchable by title, phrasing and text."""
    locale = show if show in LOCALES else viewer_locale(request, session)
    lines = await list_articles(services, locale)
    wanted = q.strip().casefold()
    if wanted:
        lines = [line for line in lines if wanted in _words(line.article)]
    categories: dict[str, list[Line]] = {}
    for line in sorted(lines, key=lambda line: _place(line.article.category)):
        categories.setdefault(line.article.category, []).append(line)
    template = "faq/list.html" if request.headers.get("hx-request") else "faq/page.html"
    response = render(
        request,
        template,
        session=session,
        show=locale,
        locales=LOCALES,
        q=q,
        categories=categories,
        count=len(lines),
        enough=ENOUGH_PHRASINGS,
        category_name=lambda name: category_name(name, viewer_locale(request, session)),
        tab="articles",
    )
    response.headers["vary"] = "HX-Request"  # going back must not show the list without its page
    return response


def _place(category: str) -> tuple[int, str]:
    """The shipped categories first, in their order; then the customer's own, by name."""
    known = CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES)
    return known, category


def category_name(name: str, locale: str) -> str:
    """A category as the viewer reads it; one of the customer's own stands as it is."""
    _ = translations(locale).gettext
    known = {
        "security": _("Account security"),
        "scams": _("Scams and official channels"),
        "transactions": _("Transactions"),
        "refunds": _("Refunds and complaints"),
        "functions": _("Functions"),
        "fees": _("Fees"),
        "limits": _("Limits"),
        "verification": _("Verification"),
    }
    return known.get(name, name)


@router.get("/faq/ask")
async def ask(
    request: Request,
    session: Reader,
    services: ServicesOf,
    show: Annotated[str, Query(max_length=8)] = "",
    question: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """What would the bot answer? The decision, with the calibrated scores."""
    locale = show if show in LOCALES else viewer_locale(request, session)
    asked = redact(question.strip(), RedactionContext(locale)).text
    decision = services.knowledge.base.ask(asked, locale) if asked else None
    best = decision.candidates[:5] if decision else ()
    answer = None
    if decision is not None and decision.article is not None:
        answer = services.knowledge.article(decision.article.id, locale)
    return render(
        request,
        "faq/decision.html",
        session=session,
        show=locale,
        question=asked,
        decision=decision,
        best=best,
        answer=answer,
    )


@router.get("/faq/gaps")
async def gaps(request: Request, session: Reader, services: ServicesOf) -> Response:
    """Questions that the bot could not answer, the newest first."""
    found = await list_gaps(services)
    return render(
        request,
        "faq/gaps.html",
        session=session,
        gaps=found,
        tab="gaps",
        show=viewer_locale(request, session),
    )


@router.get("/faq/{article_id}")
async def article(
    article_id: str,
    request: Request,
    session: Reader,
    services: ServicesOf,
    show: Annotated[str, Query(max_length=8)] = "",
) -> Response:
    """One article: how people ask, and what they get, as a chat bubble."""
    locale = show if show in LOCALES else viewer_locale(request, session)
    lines = {line.article.id: line for line in await list_articles(services, locale)}
    line = lines.get(article_id)
    if line is None:
        raise HTTPException(404, "there is no such article in this language")
    reader = viewer_locale(request, session)
    related = [lines[name].article for name in line.article.related if name in lines]
    return render(
        request,
        "faq/article.html",
        session=session,
        show=locale,
        line=line,
        locales=LOCALES,
        ready=services.knowledge.article(article_id, locale),
        related=related,
        enough=ENOUGH_PHRASINGS,
        day=lambda moment: format_date(moment, "medium", locale=reader),
        tab="articles",
    )


async def list_articles(services: Services, locale: str) -> list[Line]:
    """The published articles of a language with their use, by category and title."""
    async with services.db.read() as conn:
        rows = await conn.execute(
            select(
                answer_use.c.article,
                func.count().label("uses"),
                func.count(answer_use.c.helpful).label("said"),
                func.sum(cast(answer_use.c.helpful, Integer)).label("helpful"),
            )
            .where(answer_use.c.locale == locale)
            .group_by(answer_use.c.article)
        )
        used = {row.article: row for row in rows}
    today = services.clock.now().date()
    return _lines(services.knowledge.articles, locale, used, today)


def _lines(
    articles: Sequence[Article], locale: str, used: dict[str, Any], today: date
) -> list[Line]:
    languages: dict[str, list[str]] = {}
    for item in articles:
        languages.setdefault(item.id, []).append(item.locale)
    found = []
    for item in sorted(articles, key=lambda one: (one.category, one.title)):
        if item.locale != locale:
            continue
        row = used.get(item.id)
        helpful = row.helpful / row.said if row is not None and row.said else None
        due = item.review is not None and item.review <= today
        uses = row.uses if row is not None else 0
        found.append(Line(item, tuple(languages[item.id]), uses, helpful, due))
    return found


async def list_gaps(services: Services) -> list[Gap]:
    """The open gaps, masked, the newest first."""
    async with services.db.read() as conn:
        rows = (
            await conn.execute(
                select(gap).where(gap.c.state == "open").order_by(gap.c.id.desc()).limit(GAPS_SHOWN)
            )
        ).all()
        keys = await services.vault.keys(conn, {row.person_id for row in rows})
    found = []
    for row in rows:
        if row.person_id in keys and row.question:
            text = str(orjson.loads(keys[row.person_id].open(row.question)))
            found.append(Gap(mask_personal(text), row.locale, row.at))
    return found


def _words(item: Article) -> str:
    return "\n".join((item.title, *item.phrasings, item.body, item.id)).casefold()
