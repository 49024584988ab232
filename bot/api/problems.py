"""Errors of the REST API as RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from bot.safety.redact import redact

log = structlog.get_logger()
LONGEST_FIELD = 80  # characters of a field's place in an answer


class ApiError(Exception):
    """An answer other than success. `fix` says what the caller can do."""

    def __init__(self, status: int, title: str, fix: str = "", **more: Any) -> None:
        super().__init__(title)
        self.status, self.title, self.fix, self.more = status, title, fix, more


def problem(status: int, title: str, detail: str = "", **more: Any) -> Response:
    """A problem document (RFC 9457)."""
    body = {"type": "about:blank", "title": title, "status": status, **more}
    if detail:
        body["detail"] = detail
    headers = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status, headers, "application/problem+json")


async def on_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return problem(error.status, error.title, error.fix, **error.more)


async def on_invalid(request: Request, error: Exception) -> Response:
    """What is wrong with a request body, field by field, without echoing what was sent."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {"field": _field(item["loc"][1:]), "what": _plain(str(item["msg"]))}
        for item in error.errors()
    ]
    return problem(422, "the request does not fit", errors=errors)


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses, such as a path or a method that is not there."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail).lower())


async def on_database_away(request: Request, error: Exception) -> Response:
    """The database is locked, full or cannot be reached."""
    log.error("database_away", error=type(error).__name__)
    return problem(503, "busy", "nothing was changed; try again in a moment")


def _field(place: Sequence[str | int]) -> str:
    """Where a value stood. A name that the caller made up may hold anything: cut and redacted."""
    return _plain(redact(".".join(str(part) for part in place)).text[:LONGEST_FIELD])


def _plain(text: str) -> str:
    """Half of a surrogate pair cannot be written as JSON."""
    return text.encode(errors="replace").decode()
