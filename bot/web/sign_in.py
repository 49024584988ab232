"""Signing in and out."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from bot.safety.access import Role, check_password, close_session, open_session
from bot.safety.throttle import Throttle
from bot.web.guard import COOKIE, ServicesOf, check_csrf, current_session
from bot.web.page import render

router = APIRouter()
LONGEST_NEXT = 200  # characters of an address to go on to
_attempts = Throttle(most=8, within_s=300)  # wrong passwords of one login


def home_of(role: Role) -> str:
    """Where somebody's work is."""
    return {Role.EDITOR: "/faq", Role.ANALYST: "/results"}.get(role, "/desk")


def is_ours(target: str) -> bool:
    """Whether an address leads to a page of ours and nowhere else: browsers read "//" and "/\\" as
    another host, and drop tabs and line ends before they look."""
    return re.fullmatch(r"/(?![/\\])[!-~]*", target) is not None


@router.get("/sign-in")
async def page(request: Request, then: Annotated[str, Query(alias="next")] = "") -> Response:
    wanted = then if is_ours(then) and len(then) <= LONGEST_NEXT else ""
    return render(request, "sign_in.html", next=wanted, problem="", login="")


@router.post("/sign-in")
async def sign_in(
    request: Request,
    services: ServicesOf,
    login: Annotated[str, Form(max_length=128)],
    password: Annotated[str, Form(max_length=1024)],
    then: Annotated[str, Form(alias="next", max_length=LONGEST_NEXT)] = "",
) -> Response:
    """Check the password and set the session's cookie; an attacker is slowed down per login."""
    key, now = login.strip().casefold(), services.clock.now().timestamp()
    if _attempts.blocked(key, now):
        problem = "wait"
    else:
        _attempts.count(key, now)  # before it is checked: many at once are no way around it
        who = await check_password(services, login, password)
        if who is not None:
            _attempts.forget(key)
            target = then if is_ours(then) else home_of(who.role)
            return signed_in_response(request, await open_session(services, who), target)
        problem = "wrong"
    return render(request, "sign_in.html", status=401, next=then, problem=problem, login=login)


def signed_in_response(request: Request, token: str, target: str) -> Response:
    """Go on to `target` with the session's cookie."""
    response = RedirectResponse(target, 303)
    response.set_cookie(
        COOKIE,
        token,
        httponly=True,
        samesite="lax",
        secure=request.app.state.services.settings.base_url.startswith("https:"),
        path="/",
    )
    return response


@router.post("/sign-out")
async def sign_out(request: Request, services: ServicesOf) -> Response:
    found = await current_session(request, services)
    if found is not None:
        await check_csrf(request, found)
        await close_session(services, found)
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(COOKIE, path="/")
    return response
