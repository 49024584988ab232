"""The web chat: its page, and the small protocol that the widget speaks.

A session is a random token that the browser keeps. Messages go in once (by the client's own id);
what was said comes as a numbered feed that can be read again from any number, so that nothing is
lost or doubled by a network cut.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from bot.pipeline.ingress import OverloadedError
from bot.safety.throttle import Throttle
from bot.services import Services
from bot.store.tables import address, conversation, message, web_session
from bot.web.guard import ServicesOf, netloc
from bot.web.hooks import read_body
from bot.web.page import LOCALES, render, viewer_locale
from channels.json_text import load_json
from channels.message import Address, Incoming, IncomingKind, Media, MediaKind

router = APIRouter()
ACCOUNT = "webchat:main"
LARGEST_START = 64  # characters of a start token; ours have 32
LARGEST_NUMBER = 2**31 - 1  # of the feed
PAGE = 200  # messages read from the feed at once
LARGEST_BODY = 256 * 1024  # bytes; a message of 50,000 Chinese characters as JSON fits
HEARTBEAT_S = 15.0
REOPENED_AFTER = timedelta(minutes=30)  # a reload within it is no new opening of the chat
_new_sessions = Throttle(most=60, within_s=60)  # of one network address
_messages = Throttle(most=60, within_s=60)  # of one session


@router.get("/chat")
async def page(request: Request, start: str = "", locale: str = "") -> Response:
    """The full-page chat. The start token is taken out of the address by the page's script."""
    chosen = locale if locale in LOCALES else viewer_locale(request)
    brand = request.app.state.services.company.values(chosen)["brand"]
    return render(request, "chat.html", start=start, locale=chosen, brand=brand)


@router.options("/w/v1/{rest:path}")
async def preflight(rest: str, request: Request, services: ServicesOf) -> Response:
    return _with_cors(request, services, Response(status_code=204))


@router.post("/w/v1/session")
async def open_session(request: Request, services: ServicesOf) -> Response:
    """Begin or resume: `{start?, locale?}`, with the token in Authorization when resuming."""
    if not _allowed_origin(request, services):
        return _problem(request, services, 403, NOT_HERE)
    data = await _json(request)
    if data is None:
        return _problem(request, services, 400, "the body is no JSON object, or too large")
    found = await _session(request, services)
    if found is None:
        now, peer = services.clock.now().timestamp(), request.client.host if request.client else ""
        if _new_sessions.blocked(peer, now):
            return _problem(request, services, 429, "too many new chats; wait a minute")
        _new_sessions.count(peer, now)
        token, found = await _make_session(services, data)
    else:
        token = _bearer(request)
    start = data.get("start")
    if not isinstance(start, str) or not _PLAIN.fullmatch(start) or len(start) > LARGEST_START:
        start = ""
    if start or await _is_opening(services, found):
        opened = f"start:{start}" if start else f"open:{services.clock.now():%Y%m%d%H%M}"
        failed = await _accept(
            request,
            services,
            _incoming(services, found, IncomingKind.START, opened, token=start),
        )
        if failed is not None:
            return failed
    body = {"token": token, "locale": found["locale"]}
    return _with_cors(request, services, Response(orjson.dumps(body), 200, _JSON))


@router.post("/w/v1/messages")
async def send(request: Request, services: ServicesOf) -> Response:
    """`{client_id, text | token | media}`; 202 after the commit, the same again for a repetition."""
    if not _allowed_origin(request, services):
        return _problem(request, services, 403, NOT_HERE)
    found = await _session(request, services)
    if found is None:
        return _problem(request, services, 401, "the chat's session is over; open it again")
    now = services.clock.now().timestamp()
    if _messages.blocked(found["visitor"], now):
        return _problem(request, services, 429, "too many messages; wait a moment")
    _messages.count(found["visitor"], now)
    data = await _json(request)
    incoming = _read_message(services, found, data) if data is not None else None
    if incoming is None:
        return _problem(request, services, 400, "send client_id and one of text, token, media")
    failed = await _accept(request, services, incoming)
    if failed is not None:
        return failed
    return _with_cors(request, services, Response(b'{"ok":true}', 202, _JSON))


@router.get("/w/v1/events")
async def events(request: Request, services: ServicesOf, after: int = 0) -> Response:
    """The feed from number `after` on, as server-sent events that do not end."""
    if not _allowed_origin(request, services):
        return _problem(request, services, 403, NOT_HERE)
    found = await _session(request, services)
    if found is None:
        return _problem(request, services, 401, "the chat's session is over; open it again")
    stream = _feed(request, services, found, min(max(0, after), LARGEST_NUMBER))
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    response = StreamingResponse(stream, media_type="text/event-stream", headers=headers)
    return _with_cors(request, services, response)


NOT_HERE = "this site may not embed the chat"
_PLAIN = re.compile(r"[\x21-\x7e]*")  # what an id or a token of a client may be written in
_JSON = {"content-type": "application/json", "cache-control": "no-store"}


async def _feed(
    request: Request, services: Services, found: Mapping[str, Any], after: int
) -> AsyncIterator[bytes]:
    yield b": ready\n\n"
    while (conversation_id := await _conversation_of(services, found)) is None:
        if services.live.closed or await request.is_disconnected():
            return
        await asyncio.sleep(0.3)
    async with services.live.subscribe(conversation_id) as changes:
        while not changes.closed and not await request.is_disconnected():
            page = await read_feed(services, conversation_id, after)
            for number, data in page:
                after = number
                yield b"id: %d\ndata: %s\n\n" % (number, orjson.dumps(data))
            if len(page) < PAGE and not await changes.get(HEARTBEAT_S):
                yield b": still here\n\n"


async def read_feed(
    services: Services, conversation_id: str, after: int
) -> list[tuple[int, dict[str, Any]]]:
    """What is visible to the person after a number: (number, the message as the widget shows it)."""
    async with services.db.read() as conn:
        rows = (
            (
                await conn.execute(
                    select(message)
                    .where(message.c.conversation_id == conversation_id, message.c.feed > after)
                    .order_by(message.c.feed)
                    .limit(PAGE)
                )
            )
            .mappings()
            .all()
        )
        keys = await services.vault.keys(conn, {row["person_id"] for row in rows})
    found = []
    for row in rows:
        if row["person_id"] not in keys or not row["body"]:
            continue
        body = orjson.loads(keys[row["person_id"]].open(row["body"]))
        shown = {
            "id": row["feed"],
            "author": row["author"],
            "kind": row["kind"],
            "text": body.get("text") or body.get("label") or "",
            "options": body.get("options", []),
            "media": body.get("media", []),
            "client_id": body.get("message_id", ""),
            "at": row["at"].isoformat(),
        }
        found.append((row["feed"], shown))
    return found


async def _conversation_of(services: Services, found: Mapping[str, Any]) -> str | None:
    mark = services.vault.lookup_hash(ACCOUNT, found["visitor"])
    async with services.db.read() as conn:
        return await conn.scalar(
            select(conversation.c.id)
            .join(address, address.c.id == conversation.c.address_id)
            .where(address.c.account == ACCOUNT, address.c.value_hash == mark)
        )


async def _is_opening(services: Services, found: Mapping[str, Any]) -> bool:
    """Whether the person has been away long enough for this to be an opening of the chat."""
    mark = services.vault.lookup_hash(ACCOUNT, found["visitor"])
    heard = select(address.c.last_in_at).where(
        address.c.account == ACCOUNT, address.c.value_hash == mark
    )
    async with services.db.read() as conn:
        # Of the address, where ingress notes it: another tab may have opened the chat just now.
        last = await conn.scalar(heard)
    return last is None or services.clock.now() - last > REOPENED_AFTER


async def _make_session(
    services: Services, data: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    token, now = secrets.token_urlsafe(32), services.clock.now()
    locale = data.get("locale")
    row = {
        "token_hash": hashlib.sha256(token.encode()).digest(),
        "visitor": secrets.token_urlsafe(16),
        "account": ACCOUNT,
        "locale": locale if locale in LOCALES else services.settings.locale,
        "created_at": now,
        "seen_at": now,
    }
    async with services.db.write() as conn:
        await conn.execute(insert(web_session), row)
    return token, row


async def _session(request: Request, services: Services) -> Mapping[str, Any] | None:
    token = _bearer(request)
    if not token:
        return None
    mark = hashlib.sha256(token.encode()).digest()
    async with services.db.read() as conn:
        row = (
            (await conn.execute(select(web_session).where(web_session.c.token_hash == mark)))
            .mappings()
            .first()
        )
    if row is None:
        return None
    if services.clock.now() - row["seen_at"] > timedelta(hours=1):
        async with services.db.write() as conn:
            await conn.execute(
                update(web_session)
                .where(web_session.c.token_hash == mark)
                .values(seen_at=services.clock.now())
            )
    return dict(row)


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.casefold() == "bearer" else ""


def _read_message(
    services: Services, found: Mapping[str, Any], data: Mapping[str, Any]
) -> Incoming | None:
    client_id = data.get("client_id")
    if not isinstance(client_id, str) or not 8 <= len(client_id) <= 64:
        return None
    if not _PLAIN.fullmatch(client_id):
        return None
    match data:
        case {"text": str(text)} if text.strip():
            return _incoming(services, found, IncomingKind.TEXT, client_id, text=text)
        case {"token": str(token)} if 0 < len(token) <= 64:
            return _incoming(services, found, IncomingKind.TAP, client_id, token=token)
        case {"media": str(kind)} if kind in set(MediaKind):
            media = (Media(MediaKind(kind)),)
            return _incoming(services, found, IncomingKind.MEDIA, client_id, media=media)
        case _:
            return None


def _incoming(
    services: Services,
    found: Mapping[str, Any],
    kind: IncomingKind,
    client_id: str,
    *,
    text: str = "",
    token: str = "",
    media: tuple[Media, ...] = (),
) -> Incoming:
    return Incoming(
        external_id=f"{found['visitor']}:{client_id}",
        address=Address(ACCOUNT, found["visitor"]),
        kind=kind,
        sent_at=services.clock.now(),
        text=text,
        token=token,
        media=media,
        message_id=client_id if kind is not IncomingKind.START else "",
        locale=found["locale"],
    )


async def _accept(request: Request, services: Services, incoming: Incoming) -> Response | None:
    """Make it durable; a response if that is not possible now."""
    try:
        await request.app.state.runtime.ingress.accept([incoming])
    except (OverloadedError, SQLAlchemyError, OSError):
        return _problem(request, services, 503, "busy; it is tried again")
    return None


async def _json(request: Request) -> dict[str, Any] | None:
    body = await read_body(request, LARGEST_BODY)
    if body is None:
        return None
    try:
        data = load_json(body or b"{}")
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _allowed_origin(request: Request, services: Services) -> bool:
    """Whether the page that embeds the chat may: our own, or one that the settings name."""
    origin = request.headers.get("origin")
    if origin is None or netloc(origin) == request.headers.get("host", "").casefold():
        return True
    return origin in services.settings.webchat.embed_origins


def _with_cors(request: Request, services: Services, response: Response) -> Response:
    origin = request.headers.get("origin")
    if origin is not None and _allowed_origin(request, services):
        response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-headers"] = "authorization, content-type"
        response.headers["access-control-allow-methods"] = "GET, POST"
        response.headers["access-control-max-age"] = "600"
    response.headers["vary"] = "Origin"
    response.headers["cross-origin-resource-policy"] = "cross-origin"
    return response


def _problem(request: Request, services: Services, status: int, detail: str) -> Response:
    body = orjson.dumps({"title": "chat", "status": status, "detail": detail})
    headers = {"content-type": "application/problem+json"}
    return _with_cors(request, services, Response(body, status, headers))
