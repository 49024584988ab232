"""`/healthz`, `/readyz` and `/metrics` on the port of the web application.

`/healthz` answers everybody. The others tell how the service is doing, so they answer only who brings
the token of the settings, or who came here directly from a private network: not through a proxy, and
by an IP address or a bare name, as balancers, containers and Prometheus do. To others they are not
there. Where `metrics_token` is set, `/metrics` wants it from everybody.
"""

from __future__ import annotations

import ipaddress

from fastapi import Request, Response
from starlette.routing import Route

from bot.probes import PATHS, Probes, bears
from bot.settings import Settings
from bot.web.guard import host_name

_BY_PROXY = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via")


async def probe(request: Request) -> Response:
    """One of PATHS; 404 to whom it is not shown."""
    probes: Probes = request.app.state.probes
    if not may_look(request, request.app.state.services.settings):
        return Response("there is nothing here\n", 404)
    found = await probes.answer(request.url.path)
    return Response(
        found.body, found.status, {"cache-control": "no-store"}, media_type=found.content_type
    )


def may_look(request: Request, settings: Settings) -> bool:
    """Whether this caller is shown this path."""
    path = request.url.path
    if path == "/healthz":
        return True
    if bears(request.headers.get("authorization", ""), settings):
        return True
    return _is_direct(request) and (path == "/readyz" or settings.metrics_token is None)


def _is_direct(request: Request) -> bool:
    if any(name in request.headers for name in _BY_PROXY):
        return False
    peer = _ip(request.client.host) if request.client else None
    if peer is None or peer.is_global:
        return False
    # Names with a dot are the public one, or a foreign one by which a browser was led here.
    name = host_name(request.headers.get("host", ""))
    return _ip(name) is not None or (bool(name) and "." not in name)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


ROUTES = [Route(path, probe, methods=["GET"]) for path in PATHS]
