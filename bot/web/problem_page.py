"""Problems as a page for people; scripts and htmx get them as JSON."""

from __future__ import annotations

import structlog
from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from bot.web.guard import current_session
from bot.web.page import render, translations, viewer_locale

log = structlog.get_logger()


async def on_http_error(request: Request, error: Exception) -> Response:
    """The handler of HTTPException for the whole application."""
    assert isinstance(error, HTTPException)
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.headers.get("hx-request") or error.status_code < 400:
        return await http_exception_handler(request, error)
    away = error.status_code == 503  # the session stands in the database
    session = None if away else await current_session(request, request.app.state.services)
    title, advice = _words(error.status_code, viewer_locale(request, session))
    return render(
        request,
        "problem.html",
        session=session,
        status=error.status_code,
        title=title,
        advice=advice,
    )


async def on_invalid(request: Request, error: Exception) -> Response:
    """A form or an address that does not fit. What was sent is not repeated: it may be a password."""
    assert isinstance(error, RequestValidationError)
    names = sorted({str(item["loc"][-1]) for item in error.errors() if item["loc"][0] != "path"})
    known = [name for name in names if name.isidentifier() and name.isascii()]
    return await on_http_error(request, HTTPException(422, f"does not fit: {', '.join(known)}"))


async def on_database_away(request: Request, error: Exception) -> Response:
    """The database is locked, full or cannot be reached: nothing was changed, it may be repeated."""
    log.error("database_away", error=type(error).__name__, path=request.url.path)
    refusal = HTTPException(503, "busy; try again in a moment", {"retry-after": "2"})
    return await on_http_error(request, refusal)


def _words(status: int, locale: str) -> tuple[str, str]:
    _ = translations(locale).gettext
    match status:
        case 403:
            return _("This is not open to you"), _("An administrator can change what you may do.")
        case 404:
            return _("There is no such page"), _("It may have moved, or the address is mistyped.")
        case 503:
            return _("That did not work"), _("We are busy. Try again in a moment.")
        case _:
            return _("That did not work"), _("Go back and try again.")
