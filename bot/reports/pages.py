"""The results page: key figures, plots and the file behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from bot.desk import labels
from bot.reports.export import csv_parts, write_down
from bot.reports.measures import Report, Tally
from bot.reports.read import Filter, read_rows
from bot.reports.view import View
from bot.safety.access import Permission, Session
from bot.services import Services
from bot.web.guard import ServicesOf, signed_in
from bot.web.page import render, translations, viewer_locale

router = APIRouter()
USUAL_SCRIPT = "preapproval"
RECEPTION = "reception"  # of people without a follow-up

Reading = Annotated[Session, Depends(signed_in(Permission.REPORTS_READ))]
Exporting = Annotated[Session, Depends(signed_in(Permission.REPORTS_EXPORT))]


class Period(StrEnum):
    """How far back, by the time when the follow-up was created."""

    WEEK = "7"
    MONTH = "30"
    QUARTER = "90"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen above the plots; anything unknown counts as not chosen."""

    script: str
    channel: str
    language: str
    period: Period

    @classmethod
    def of(
        cls, services: Services, script: str, channel: str, language: str, period: str
    ) -> Choice:
        known = script_names(services)
        usual = USUAL_SCRIPT if USUAL_SCRIPT in known else known[0]
        return cls(
            script if script in known else usual,
            channel if channel in services.channels else "",
            language if language in ("zh", "en") else "",
            Period(period) if period in set(Period) else Period.MONTH,
        )

    def filter(self, now: datetime, zone: ZoneInfo) -> Filter:
        """Whole days in the zone of the settings, today included."""
        since = None
        if self.period is not Period.ALL:
            today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
            since = today - timedelta(days=int(self.period) - 1)
        return Filter(self.script, self.channel, self.language, since)

    def query(self) -> str:
        """The same choice in an address."""
        return urlencode(
            {
                "script": self.script,
                "channel": self.channel,
                "language": self.language,
                "period": str(self.period),
            }
        )


def script_names(services: Services) -> tuple[str, ...]:
    return tuple(name for name in services.scripts.names if name != RECEPTION)


async def chosen(
    services: ServicesOf,
    script: Annotated[str, Query(max_length=64)] = "",
    channel: Annotated[str, Query(max_length=64)] = "",
    language: Annotated[str, Query(max_length=16)] = "",
    period: Annotated[str, Query(max_length=8)] = "",
) -> Choice:
    return Choice.of(services, script, channel, language, period)


Chosen = Annotated[Choice, Depends(chosen)]


@router.get("/results")
async def page(
    request: Request, services: ServicesOf, session: Reading, choice: Chosen
) -> Response:
    """Key figures and plots; without follow-ups it says how to get some."""
    zone = ZoneInfo(services.settings.zone)
    report = await measured(services, choice.filter(services.clock.now(), zone), zone)
    locale = viewer_locale(request, session)
    _ = translations(locale).gettext
    view = View(report, services.scripts.get(choice.script), _, locale)
    scripts = {name: services.scripts.get(name) for name in script_names(services)}
    return render(
        request,
        "results.html",
        session=session,
        view=view,
        report=report,
        choice=choice,
        scripts={name: one.title.get(locale) or name for name, one in scripts.items()},
        channels={account: labels.channel(account, _) for account in services.channels},
        languages=labels.languages(_),
        periods={
            Period.WEEK: _("Last 7 days"),
            Period.MONTH: _("Last 30 days"),
            Period.QUARTER: _("Last 90 days"),
            Period.ALL: _("All time"),
        },
        may_export=session.user.may(Permission.REPORTS_EXPORT),
    )


@router.get("/results.csv")
async def download(services: ServicesOf, session: Exporting, choice: Chosen) -> Response:
    """The rows behind the page, without free text; who took them is written down first."""
    wanted = choice.filter(services.clock.now(), ZoneInfo(services.settings.zone))
    await write_down(services, session.user.login, wanted)
    day = services.clock.now().strftime("%Y-%m-%d")
    return StreamingResponse(
        _bytes(services, wanted),
        media_type="text/csv; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="huifang-{choice.script}-{day}.csv"',
            "cache-control": "no-store",
        },
    )


async def measured(services: Services, wanted: Filter, zone: ZoneInfo) -> Report:
    """The measures of these follow-ups, read in batches."""
    tally = Tally(zone)
    async for rows in read_rows(services, wanted):
        for row in rows:
            tally.add(row)
    return tally.report()


async def _bytes(services: Services, wanted: Filter) -> AsyncIterator[bytes]:
    async for part, _rows in csv_parts(services, wanted):
        yield part.encode()
