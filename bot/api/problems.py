"""Errors of the REST API as RFC 9457 problem documents."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError


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
        {"field": ".".join(str(part) for part in item["loc"][1:]), "what": item["msg"]}
        for item in error.errors()
    ]
    return problem(422, "the request does not fit", errors=errors)
