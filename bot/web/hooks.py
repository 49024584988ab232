"""Webhooks of the messaging platforms: raw bytes are verified, parsed and made durable, then 200.

The hot path of the web application, and plain ASGI: nothing of a router, of request and response
objects or of dependencies is needed here, and they cost more than the rest of it (m).
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl

import structlog
from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from bot import metrics
from bot.pipeline.ingress import OverloadedError
from bot.runtime import Runtime
from bot.services import Services
from bot.web.guard import LARGEST_BODY, PLATFORM_HEADERS, host_name
from channels.base import Challenge, Channel, RawRequest, Reject

log = structlog.get_logger()

PATH = "/hooks/"
RETRY_AFTER = (b"retry-after", b"2")
_name = lru_cache(64)(host_name)


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    header: tuple[bytes, bytes] | None = None


class Hooks:
    """The application of `/hooks/{channel}/{name}`, which takes nothing else (bot.app).
    200 only after the commit; 503 asks the platform to come again. `hosts`: names without port.
    """

    def __init__(self, services: Services, runtime: Runtime, hosts: frozenset[str]) -> None:
        self._services, self._runtime, self._hosts = services, runtime, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers: dict[str, tuple[str, ...]] = {}
        for raw, value in scope["headers"]:
            key = raw.decode("latin-1")
            headers[key] = (*headers.get(key, ()), value.decode("latin-1"))
        adapter = self._services.channels.get(scope["path"][len(PATH) :].replace("/", ":"))
        if _name(headers.get("host", ("",))[0]) not in self._hosts:
            answer = Answer(421, b"this host name is not served here\n")
        elif adapter is None:
            answer = Answer(404, b"no such channel account\n")
        elif scope["method"] not in ("GET", "POST"):
            answer = Answer(405, b"use POST\n", (b"allow", b"GET, POST"))
        else:
            answer = await self._take(adapter, scope, headers, receive)
            metrics.webhook(adapter.account, answer.status, began)
        length = str(len(answer.body)).encode()
        told = [*PLATFORM_HEADERS, (b"content-length", length)]
        if answer.header:
            told.append(answer.header)
        await send({"type": "http.response.start", "status": answer.status, "headers": told})
        await send({"type": "http.response.body", "body": answer.body})

    async def _take(
        self,
        adapter: Channel,
        scope: Scope,
        headers: dict[str, tuple[str, ...]],
        receive: Receive,
    ) -> Answer:
        body = await _read(receive)
        if body is None:
            return Answer(413, b"the body is too large\n")
        asked = scope["query_string"]
        query = dict(parse_qsl(asked.decode("latin-1"), keep_blank_values=True)) if asked else {}
        raw = RawRequest(scope["method"], scope["path"], query, headers, body)
        verdict = adapter.verify(raw)
        if isinstance(verdict, Reject):
            log.warning("webhook_rejected", account=adapter.account, reason=verdict.reason)
            return Answer(verdict.status)
        if isinstance(verdict, Challenge):
            return Answer(200, verdict.body.encode())
        try:
            await self._runtime.hearing.take(adapter, adapter.parse(body))
        except (OverloadedError, SQLAlchemyError, OSError):
            return Answer(503, header=RETRY_AFTER)
        return Answer(200)


async def _read(receive: Receive) -> bytes | None:
    """The raw body; None as soon as it grows too large, whatever Content-Length says, or where the
    other side is gone before its end."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):  # the usual case
        whole: bytes = message.get("body", b"")
        return whole if len(whole) <= LARGEST_BODY else None
    parts, size = [], 0
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    return None


async def read_body(request: Request, most: int) -> bytes | None:
    """The raw body of another route; None as soon as it grows too large."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)
