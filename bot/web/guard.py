"""What stands before every page: the host, the origin, the session, the security headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.probes import PATHS
from bot.safety.access import Permission, Session, find_session, same
from bot.services import Services

COOKIE = "huifang_session"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; manifest-src 'self'"
)
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
]
# For platforms, which show nothing to anybody.
PLATFORM_HEADERS = [*_HEADERS, (b"content-security-policy", CSP.encode())]
# Answered without a session of ours: platforms sign, the widget and the API bring their own token.
OPEN_ORIGIN = ("/hooks/", "/w/v1/", "/api/")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY = 4 * 1024 * 1024  # bytes of any request; Meta posts up to 3 MB (CHANNELS 3)


class SecurityMiddleware:
    """Refuses foreign hosts and, for what changes something, foreign origins; adds the headers.

    `hosts` are names without port. A host that is not ours is how DNS rebinding reaches a server
    that listens on loopback only. Probes call by any address; bot.web.probes says what they see.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refused = self._refusal(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                extra = [item for item in _HEADERS if item[0] not in names]
                if b"content-security-policy" not in names:
                    extra.append((b"content-security-policy", CSP.encode()))
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, _counted(receive), with_headers)

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> Response | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if scope["path"] not in PATHS and host_name(host) not in self._hosts:
            return Response("this host name is not served here\n", 421)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL has no NUL
            return Response("this address is not well formed\n", 400)
        if scope["method"] in SAFE or scope["path"].startswith(OPEN_ORIGIN):
            return None
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and netloc(origin) != host.casefold():
            return Response("this request came from another site\n", 403)
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            return Response("this request came from another site\n", 403)
        return None


def netloc(url: str) -> str:
    """Host and port of an address, folded; "" if it is no address ("http://[")."""
    try:
        return urlsplit(url).netloc.casefold()
    except ValueError:
        return ""


def host_name(host: str) -> str:
    """The name in a Host header, without its port; "" if it cannot be read."""
    try:
        return (urlsplit(f"//{host}").hostname or "").casefold()
    except ValueError:
        return ""


def _counted(receive: Receive) -> Receive:
    """The body as it comes, until it is too large: nobody fills our memory, whatever
    Content-Length says."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413, "the body is too large")
        return message

    return counted


async def services_of(request: Request) -> Services:  # plain functions would go to a thread
    """The process's services."""
    found: Services = request.app.state.services
    return found


ServicesOf = Annotated[Services, Depends(services_of)]


class SignInNeeded(Exception):  # noqa: N818 (not an error: the way to the sign-in page)
    """Nobody is signed in; the application answers with the sign-in page."""


def signed_in(permission: Permission) -> Callable[..., Awaitable[Session]]:
    """A dependency: the session, if somebody is signed in who may do this.

    What changes something must bring the session's CSRF token, in the form field `csrf` or the
    header `X-CSRF-Token`. Raises SignInNeeded, or answers 403.
    """

    async def check(request: Request, services: ServicesOf) -> Session:
        found = await current_session(request, services)
        if found is None:
            raise SignInNeeded
        if not found.user.may(permission):
            raise HTTPException(403, f"this needs the permission {permission}")
        if request.method not in SAFE:
            await check_csrf(request, found)
        return found

    return check


async def current_session(request: Request, services: Services) -> Session | None:
    token = request.cookies.get(COOKIE, "")
    return await find_session(services, token) if token else None


async def check_csrf(request: Request, found: Session) -> None:
    """Raises HTTPException 403 unless the request carries the session's token."""
    given: Any = request.headers.get("x-csrf-token")
    if given is None:
        given = (await request.form()).get("csrf")
    if not isinstance(given, str) or not same(given, found.csrf):
        raise HTTPException(403, "the page is too old; load it again and repeat")
