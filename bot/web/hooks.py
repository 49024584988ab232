"""Webhooks of the messaging platforms: raw bytes are verified, parsed and made durable, then 200.

The hot path of the web application: a plain Starlette route, as nothing of FastAPI is needed here.
"""

from __future__ import annotations

import time

import structlog
from fastapi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.routing import Route

from bot import metrics
from bot.pipeline.ingress import OverloadedError
from bot.services import Services
from bot.web.guard import LARGEST_BODY
from channels.base import Challenge, Channel, RawRequest, Reject

log = structlog.get_logger()


async def hook(request: Request) -> Response:
    """One platform's webhook. 200 only after the commit; 503 asks the platform to come again."""
    began = time.perf_counter()
    services: Services = request.app.state.services
    adapter = services.channels.get("{channel}:{name}".format(**request.path_params))
    if adapter is None:
        return Response("no such channel account\n", 404)
    response = await _taken(request, adapter)
    metrics.webhook(adapter.account, response.status_code, began)
    return response


async def _taken(request: Request, adapter: Channel) -> Response:
    body = await read_body(request, LARGEST_BODY)
    if body is None:
        return Response("the body is too large\n", 413)
    headers: dict[str, tuple[str, ...]] = {}
    for key, value in request.headers.items():
        headers[key] = (*headers.get(key, ()), value)
    raw = RawRequest(request.method, request.url.path, dict(request.query_params), headers, body)
    verdict = adapter.verify(raw)
    if isinstance(verdict, Reject):
        log.warning("webhook_rejected", account=adapter.account, reason=verdict.reason)
        return Response(status_code=verdict.status)
    if isinstance(verdict, Challenge):
        return Response(verdict.body, media_type="text/plain")
    try:
        await request.app.state.runtime.hearing.take(adapter, adapter.parse(body))
    except (OverloadedError, SQLAlchemyError, OSError):
        return Response(status_code=503, headers={"retry-after": "2"})
    return Response(status_code=200)


ROUTE = Route("/hooks/{channel}/{name}", hook, methods=["GET", "POST"])


async def read_body(request: Request, most: int) -> bytes | None:
    """The raw body; None as soon as it grows too large, whatever Content-Length says."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)
