"""The web application: pages, webhooks, the widget's API and the REST API, behind one guard."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.v1 import create_api
from bot.desk import pages as desk
from bot.probes import Probes
from bot.reports import pages as results
from bot.runtime import Runtime
from bot.services import Services
from bot.settings import LOOPBACK
from bot.store.database import AWAY
from bot.web import chat, faq, hooks, probes, sign_in, start
from bot.web.guard import SecurityMiddleware, SignInNeeded
from bot.web.page import STATIC
from bot.web.problem_page import on_database_away, on_http_error, on_invalid


class Application(FastAPI):
    """Webhooks pass by everything that the pages need: half of what a request costs (m)."""

    hooks: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(hooks.PATH):
            await self.hooks(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class KeptStatic(StaticFiles):
    """Static files whose address carries their content's mark: kept for a year."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        # Other sites load the widget as a module, which browsers fetch with CORS.
        response.headers["access-control-allow-origin"] = "*"
        return response


def create_app(
    services: Services, runtime: Runtime, *, demo: bool = False, told: Probes | None = None
) -> FastAPI:
    """The application of one process. `demo` shows the page that leads to everything and signs in
    as samples; it is refused on anything but loopback. `told` knows when the process stops."""
    settings = services.settings
    hosts = {urlsplit(settings.base_url).hostname or ""}
    if settings.host in LOOPBACK:
        hosts |= LOOPBACK
    if demo and settings.host not in LOOPBACK:
        raise ValueError("the demo signs everybody in, so it listens on loopback only")
    app = Application(title="Huifang", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services, app.state.runtime, app.state.demo = services, runtime, demo
    app.state.probes = told or Probes(services, runtime.ingress)
    app.add_middleware(SecurityMiddleware, hosts=frozenset(hosts))
    app.hooks = hooks.Hooks(services, runtime, frozenset(hosts))
    app.router.routes += probes.ROUTES
    app.mount("/static", KeptStatic(directory=STATIC))
    for router in (
        start.router,
        sign_in.router,
        chat.router,
        desk.router,
        faq.router,
        results.router,
    ):
        app.include_router(router)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    for away in AWAY:
        app.add_exception_handler(away, on_database_away)
    api = create_api()
    api.state.services = services
    app.mount("/api/v1", api)
    return app


async def _to_sign_in(request: Request, error: Exception) -> Response:
    if request.headers.get("hx-request"):
        return PlainTextResponse("sign in again", 401, {"HX-Redirect": "/sign-in"})
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", 303)
    return PlainTextResponse("sign in first", 401)
