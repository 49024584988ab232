"""Rendering: one Jinja environment, strings through gettext, the viewer's language and zone."""

from __future__ import annotations

import gettext
import io
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from babel.dates import format_datetime, format_skeleton, format_time, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bot.safety.access import Permission, Session

LOCALES = ("zh", "en")
LOCALE_COOKIE = "huifang_locale"
ZONE_COOKIE = "huifang_zone"  # written by app.js, as only the browser knows it
STATIC = Path(__file__).parent / "static"
_TRANSLATIONS = Path(__file__).parent / "translations"


@cache
def translations(locale: str) -> gettext.NullTranslations:
    """The strings of a language; English is what stands in the source.

    The catalogue is translations/LOCALE/LC_MESSAGES/messages.po, compiled here in memory (10 ms),
    so that no build step can be forgotten and no binary goes stale. A test says what is missing.
    """
    if locale == "en":
        return gettext.NullTranslations()
    path = _TRANSLATIONS / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.web"),
        autoescape=select_autoescape(["html", "svg"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals["static"] = static_url
    environment.globals["icon"] = icon
    environment.globals["Permission"] = Permission
    return environment


_DECORATION = Markup('aria-hidden="true"')


@cache
def static_url(name: str) -> str:
    """The address of a static file, with a mark of its content so that it can be kept for ever."""
    mark = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


def icon(name: str, label: str = "") -> Markup:
    """A lucide icon of the sprite; without a label it is decoration."""
    role = Markup('role="img" aria-label="{}"').format(label) if label else _DECORATION
    url = static_url("vendor/lucide.svg")
    return Markup('<svg class="icon" {}><use href="{}#{}"/></svg>').format(role, url, name)


def viewer_locale(request: Request, session: Session | None = None) -> str:
    """The language of a page: chosen, else the account's, else the browser's."""
    chosen = request.query_params.get("lang") or request.cookies.get(LOCALE_COOKIE)
    if chosen in LOCALES:
        return chosen
    if session is not None and session.user.locale in LOCALES:
        return session.user.locale
    header = request.headers.get("accept-language", "")
    for part in header.split(","):
        name = part.split(";")[0].strip()[:2].casefold()
        if name in LOCALES:
            return name
    return "en"


def viewer_zone(request: Request) -> ZoneInfo:
    """The zone in which times are shown: the browser's if it said so, else the company's."""
    given = request.cookies.get(ZONE_COOKIE, "")
    return ZoneInfo(given if given in _zones() else request.app.state.services.settings.zone)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def render(
    request: Request,
    template: str,
    *,
    session: Session | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A page or a partial as a response. `values` are the template's own names."""
    html = render_text(request, template, session=session, **values)
    response = HTMLResponse(html, status)
    chosen = request.query_params.get("lang")
    if chosen in LOCALES:
        response.set_cookie(LOCALE_COOKIE, chosen, max_age=31_536_000, samesite="lax")
    return response


def render_text(
    request: Request, template: str, *, session: Session | None = None, **values: Any
) -> str:
    """The same as text, for a live stream."""
    locale = viewer_locale(request, session)
    words = translations(locale)
    services = request.app.state.services
    now = services.clock.now()
    zone = viewer_zone(request)
    names = {
        "_": words.gettext,
        "gettext": words.gettext,
        "ngettext": words.ngettext,
        "locale": locale,
        "path": request.url.path,
        "session": session,
        "user": session.user if session else None,
        "csrf": session.csrf if session else "",
        "brand": services.company.values(locale)["brand"],
        "demo": request.app.state.demo,
        "ago": lambda moment: ago(moment, now, locale),
        "span": lambda moment: span(moment, now, locale),
        "clock": lambda moment: clock(moment, now, zone, locale),
        "local_time": lambda name: format_time(
            now.astimezone(ZoneInfo(name)), "short", locale=locale
        ),
        "exact": lambda moment: format_datetime(moment.astimezone(zone), "medium", locale=locale),
        **values,
    }
    return _environment().get_template(template).render(names)


def ago(moment: datetime, now: datetime, locale: str) -> str:
    """ "5 min. ago"; both aware."""
    return format_timedelta(
        moment - now, add_direction=True, format="short", locale=locale, threshold=1.0
    )


def span(moment: datetime, now: datetime, locale: str) -> str:
    """How long it is since then, in few letters: "5m", "3h"; both aware."""
    delta = max(now - moment, timedelta(minutes=0))
    if delta < timedelta(minutes=1):
        return "<1m" if locale != "zh" else "<1分钟"
    return format_timedelta(delta, format="narrow", locale=locale, threshold=1.0)


def clock(moment: datetime, now: datetime, zone: ZoneInfo, locale: str) -> str:
    """The time of a moment in the viewer's zone, with the day where it is not today."""
    local, today = moment.astimezone(zone), now.astimezone(zone).date()
    time = format_time(local, "short", locale=locale)
    if local.date() == today:
        return time
    return f"{format_skeleton('MMMd', local, locale=locale)} {time}"
