"""Rendering: one Jinja environment, strings through gettext, the viewer's language and zone."""

from __future__ import annotations

import gettext
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from bot.safety.access import Permission, Session

LOCALES = ("zh", "en")
LOCALE_COOKIE = "huifang_locale"
STATIC = Path(__file__).parent / "static"
_TRANSLATIONS = Path(__file__).parent / "translations"


@cache
def translations(locale: str) -> gettext.NullTranslations:
    """The strings of a language; English is what stands in the source."""
    return gettext.translation("messages", _TRANSLATIONS, [locale], fallback=locale == "en")


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
    zone = ZoneInfo(services.settings.zone)
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
        "exact": lambda moment: format_datetime(moment.astimezone(zone), "medium", locale=locale),
        **values,
    }
    return _environment().get_template(template).render(names)


def ago(moment: datetime, now: datetime, locale: str) -> str:
    """ "5 min. ago"; both aware."""
    return format_timedelta(
        moment - now, add_direction=True, format="short", locale=locale, threshold=1.0
    )
