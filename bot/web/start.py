"""The first page. In the demo it leads to the customer's phone, the desk, the FAQ and the results."""

from __future__ import annotations

import io
from typing import Annotated

import segno
from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import func, select

from bot.demo import SAMPLE_USERS, sample_person, sample_user
from bot.desk.labels import CaseStatus
from bot.outreach.followups import StartLink, start_followup
from bot.safety.access import open_session
from bot.samples import PEOPLE
from bot.services import Services
from bot.store.tables import case, followup
from bot.web.chat import ACCOUNT
from bot.web.guard import ServicesOf, current_session
from bot.web.page import render
from bot.web.sign_in import home_of, signed_in_response

router = APIRouter()
SCRIPT = "preapproval"
SHOWN = ("wang", "emma")  # the sample people of the page: one for each language
PLACES = ("/desk", "/faq", "/results")


@router.get("/")
async def page(request: Request, services: ServicesOf) -> Response:
    """The demo's page; without the demo the way to one's own work."""
    session = await current_session(request, services)
    if not request.app.state.demo:
        target = home_of(session.user.role) if session else "/sign-in"
        return RedirectResponse(target, 303)
    others = [name for name in services.channels if name != ACCOUNT]
    waiting, followups = await _figures(services)
    return render(
        request,
        "start.html",
        session=session,
        people={key: PEOPLE[key] for key in SHOWN},
        samples=SAMPLE_USERS,
        channels=others,
        channel_name=channel_name,
        waiting=waiting,
        followups=followups,
        articles=len({article.id for article in services.knowledge.articles}),
    )


async def _figures(services: Services) -> tuple[int, int]:
    """How many cases wait for a person, and how many follow-ups there are."""
    waiting = select(func.count()).select_from(case).where(case.c.status == CaseStatus.QUEUED)
    followups = select(func.count()).select_from(followup)
    async with services.db.read() as conn:
        return await conn.scalar(waiting) or 0, await conn.scalar(followups) or 0


def channel_name(account: str) -> str:
    """How people call the platform of an account: "Telegram" for "telegram:main"."""
    platform = account.partition(":")[0]
    return {"whatsapp": "WhatsApp"}.get(platform, platform.capitalize())


@router.post("/demo/chat/{person}")
async def open_chat(person: str, request: Request, services: ServicesOf) -> Response:
    """Pre-approve a sample person: a new follow-up, opened in the web chat."""
    _only_demo(request)
    started = await _start(services, person)
    link = next(link.url for link in started if link.account == ACCOUNT)
    path = link.removeprefix(services.settings.base_url)
    return RedirectResponse(f"{path}&locale={PEOPLE[person].locale}", 303)


@router.post("/demo/links/{person}")
async def links(person: str, request: Request, services: ServicesOf) -> Response:
    """Pre-approve a sample person: start links and QR codes for every other channel that is on."""
    _only_demo(request)
    made = [link for link in await _start(services, person) if link.account != ACCOUNT]
    codes = [(link, qr_svg(link.url)) for link in made]
    ready = {ACCOUNT, *(link.account for link in made)}
    waiting = [account for account in services.channels if account not in ready]
    return render(
        request,
        "start_links.html",
        person=PEOPLE[person],
        codes=codes,
        waiting=waiting,
        channel_name=channel_name,
    )


@router.post("/demo/sign-in/{role}")
async def enter(
    role: str, request: Request, services: ServicesOf, to: Annotated[str, Form()] = ""
) -> Response:
    """Sign in as the sample of a role."""
    _only_demo(request)
    if role not in SAMPLE_USERS:
        raise HTTPException(404, "there is no such sample")
    who = await sample_user(services, role)
    target = to if to in PLACES else home_of(who.role)
    return signed_in_response(request, await open_session(services, who), target)


async def _start(services: Services, person: str) -> tuple[StartLink, ...]:
    if person not in PEOPLE:
        raise HTTPException(404, "there is no such sample person")
    person_id = await sample_person(services, person)
    return (await start_followup(services, person_id, SCRIPT, source="demo")).links


def _only_demo(request: Request) -> None:
    if not request.app.state.demo:
        raise HTTPException(404)


def qr_svg(text: str) -> str:
    """A QR code as SVG, dark on light in every theme: cameras want that."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", scale=5, border=3, light="#fff", xmldecl=False
    )
    return out.getvalue().decode()
