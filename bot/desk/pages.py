"""The desk's pages, its actions and its live stream.

Resolving and giving back wait six seconds in the browser before they are sent, with an undo. A
"reopen" instead would have to take back what is already out: the bot's message to the person, the
follow-up's outcome, two lines of the audit log.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from bot.desk import labels
from bot.desk.actions import (
    DeskError,
    ForbiddenTextError,
    SecretTextError,
    StaleScreenError,
    claim,
    give_back,
    reply,
    resend,
    resolve,
    write_note,
)
from bot.desk.composer import Composer, Mode, explain, refused, stale
from bot.desk.queue import Tab, load_queue, open_conversations
from bot.desk.shortcuts import as_data, shortcuts
from bot.desk.views import CaseView, load_case
from bot.pipeline.live import EVERYTHING
from bot.safety.access import Permission, Session
from bot.services import Services
from bot.web.guard import ServicesOf, current_session, signed_in
from bot.web.page import render, translations, viewer_locale

router = APIRouter()
Reader = Annotated[Session, Depends(signed_in(Permission.DESK_READ))]
Agent = Annotated[Session, Depends(signed_in(Permission.DESK_REPLY))]

HEARTBEAT_S = 15.0  # a sign-out ends the stream within it
GATHER_S = 0.1  # hints of one turn come together: they are told as one
LARGEST_ID = 2**63 - 1  # what the database can compare with
NUMBER = Form(le=LARGEST_ID, ge=-LARGEST_ID)
LONGEST_FORM = 20_000  # characters; what is longer is refused before it is read as a text


@router.get("/desk")
async def page(
    request: Request, services: ServicesOf, who: Reader, tab: Tab = Tab.INBOX
) -> Response:
    return await _page(request, services, who, tab, None)


@router.get("/desk/queue")
async def queue(
    request: Request, services: ServicesOf, who: Reader, tab: Tab = Tab.INBOX, case: str = ""
) -> Response:
    """The list alone, for the page that is open."""
    found = await load_queue(services, who.user, tab)
    return _show(request, "desk/queue.html", who, queue=found, open_id=case)


@router.get("/desk/events")
async def events(request: Request, services: ServicesOf, who: Reader) -> Response:
    """Hints of what changed, as server-sent events: the page fetches the partials again. A page
    that comes back after a network cut is told to fetch everything."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    stream = _hints(request, services, who)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


@router.get("/desk/cases/{case_id}")
async def case_page(
    case_id: str, request: Request, services: ServicesOf, who: Reader, tab: Tab = Tab.INBOX
) -> Response:
    """The page with a case open; for htmx the case alone."""
    found = await _case(request, services, who, case_id)
    if request.headers.get("hx-request"):
        return _show(request, "desk/case.html", who, **_case_values(request, who, found))
    return await _page(request, services, who, tab, found)


@router.get("/desk/cases/{case_id}/live")
async def case_live(case_id: str, request: Request, services: ServicesOf, who: Reader) -> Response:
    """What of a case can change by itself; what is being written stays untouched."""
    found = await _case(request, services, who, case_id)
    return _show(request, "desk/live.html", who, **_case_values(request, who, found))


@router.get("/desk/cases/{case_id}/composer")
async def composer(case_id: str, request: Request, services: ServicesOf, who: Reader) -> Response:
    found = await _case(request, services, who, case_id)
    return _show(request, "desk/composer.html", who, **_case_values(request, who, found))


@router.post("/desk/cases/{case_id}/claim")
async def do_claim(case_id: str, request: Request, services: ServicesOf, who: Agent) -> Response:
    status, notice = 200, ""
    try:
        await claim(services, case_id, who.user)
    except DeskError as error:
        status, notice = _status(error), explain(error, _words(request, who).gettext)
    if not request.headers.get("hx-request"):
        return _back(case_id)
    found = await _case(request, services, who, case_id)
    values = _case_values(request, who, found)
    response = _show(request, "desk/case.html", who, status=status, **values)
    return _with_toast(response, notice)


@router.post("/desk/cases/{case_id}/reply")
async def do_reply(
    case_id: str,
    request: Request,
    services: ServicesOf,
    who: Agent,
    text: Annotated[str, Form(max_length=LONGEST_FORM)] = "",
    seen: Annotated[int, NUMBER] = 0,
    anyway: Annotated[bool, Form()] = False,
) -> Response:
    words = _words(request, who)
    box = Composer(Mode.REPLY)
    try:
        await reply(services, case_id, who.user, text, seen=seen, anyway=anyway)
    except ForbiddenTextError as error:
        box = refused(text, error.violations, words.gettext)
    except StaleScreenError:
        found = await _case(request, services, who, case_id)
        box = stale(text, [entry for entry in found.entries if entry.id > seen])
    except SecretTextError as error:
        box = Composer(Mode.REPLY, error.cleaned, explain(error, words.gettext), status=422)
    except DeskError as error:
        box = Composer(Mode.REPLY, text, explain(error, words.gettext), status=_status(error))
    return await _composed(case_id, request, services, who, box)


@router.post("/desk/cases/{case_id}/note")
async def do_note(
    case_id: str,
    request: Request,
    services: ServicesOf,
    who: Agent,
    text: Annotated[str, Form(max_length=LONGEST_FORM)] = "",
) -> Response:
    box = Composer(Mode.NOTE)
    try:
        await write_note(services, case_id, who.user, text)
    except SecretTextError as error:
        notice = explain(error, _words(request, who).gettext)
        box = Composer(Mode.NOTE, error.cleaned, notice, status=422)
    except DeskError as error:
        notice = explain(error, _words(request, who).gettext)
        box = Composer(Mode.NOTE, text, notice, status=_status(error))
    return await _composed(case_id, request, services, who, box)


@router.post("/desk/cases/{case_id}/give-back")
async def do_give_back(
    case_id: str,
    request: Request,
    services: ServicesOf,
    who: Agent,
    resume: Annotated[bool, Form()] = False,
    seen: Annotated[int | None, NUMBER] = None,
) -> Response:
    """`resume`: the bot goes on at the question where it stopped, else it ends politely."""
    try:
        await give_back(services, case_id, who.user, resume=resume, seen=seen)
    except DeskError as error:
        raise _problem(error, _words(request, who).gettext) from None
    return _done(request, case_id)


@router.post("/desk/cases/{case_id}/resolve")
async def do_resolve(
    case_id: str,
    request: Request,
    services: ServicesOf,
    who: Agent,
    seen: Annotated[int | None, NUMBER] = None,
) -> Response:
    try:
        await resolve(services, case_id, who.user, seen=seen)
    except DeskError as error:
        raise _problem(error, _words(request, who).gettext) from None
    return _done(request, case_id)


@router.post("/desk/cases/{case_id}/messages/{message_id}/resend")
async def do_resend(
    case_id: str,
    message_id: Annotated[int, Path(le=LARGEST_ID)],
    request: Request,
    services: ServicesOf,
    who: Agent,
) -> Response:
    try:
        await resend(services, case_id, who.user, message_id)
    except DeskError as error:
        raise _problem(error, _words(request, who).gettext) from None
    return _done(request, case_id)


async def _page(
    request: Request, services: Services, who: Session, tab: Tab, found: CaseView | None
) -> Response:
    listed = await load_queue(services, who.user, tab)
    keys = shortcuts(_words(request, who).gettext)
    values: dict[str, Any] = _case_values(request, who, found) if found else {"case": None}
    return _show(
        request,
        "desk/page.html",
        who,
        queue=listed,
        open_id=found.id if found else "",
        shortcuts=keys,
        keys=as_data(keys),
        **values,
    )


async def _case(request: Request, services: Services, who: Session, case_id: str) -> CaseView:
    locale = viewer_locale(request, who)
    found = await load_case(services, who.user, case_id, locale, translations(locale))
    if found is None:
        raise HTTPException(404, _words(request, who).gettext("There is no such case."))
    return found


def _case_values(
    request: Request, who: Session, found: CaseView, box: Composer | None = None
) -> dict[str, Any]:
    words = _words(request, who)
    return {
        "case": found,
        "box": box or Composer(Mode.REPLY if found.may_write else Mode.NOTE),
        "failure": lambda entry: labels.failure(
            entry.detail, words.gettext, unknown=entry.state is labels.Delivered.UNKNOWN
        ),
    }


async def _composed(
    case_id: str, request: Request, services: Services, who: Session, box: Composer
) -> Response:
    """The box that was written in: empty after a success, else with its text and the reason."""
    found = await _case(request, services, who, case_id)
    if not request.headers.get("hx-request"):
        if box.status == 200:
            return _back(case_id)
        values = _case_values(request, who, found, box)
        listed = await load_queue(services, who.user, Tab.INBOX)
        keys = shortcuts(_words(request, who).gettext)
        more = {"queue": listed, "open_id": case_id, "shortcuts": keys, "keys": as_data(keys)}
        return _show(request, "desk/page.html", who, status=box.status, **values, **more)
    values = _case_values(request, who, found, box)
    return _show(request, "desk/composer.html", who, status=box.status, **values)


def _show(
    request: Request, template: str, who: Session, *, status: int = 200, **values: Any
) -> Response:
    words = _words(request, who)
    _ = words.gettext
    response = render(
        request,
        template,
        session=who,
        status=status,
        reasons=labels.reasons(_),
        urgent=labels.URGENT,
        statuses=labels.statuses(_),
        outcomes=labels.outcomes(_),
        deliveries=labels.deliveries(_),
        languages=labels.languages(_),
        channel=lambda account: labels.channel(account, _),
        media=lambda kind: labels.media(kind, _),
        **values,
    )
    response.headers["cache-control"] = "no-store"  # it shows personal data
    return response


async def _hints(request: Request, services: Services, who: Session) -> AsyncIterator[bytes]:
    async with services.live.subscribe() as changes:
        yield b"event: everything\ndata: {}\n\n"
        while not changes.closed and not await request.is_disconnected():
            changed = await changes.get(HEARTBEAT_S)
            if changes.closed:
                return
            if await current_session(request, services) is None:
                yield b"event: signed-out\ndata: {}\n\n"
                return
            if not changed:
                yield b": still here\n\n"
                continue
            changed += await changes.get(GATHER_S)
            if EVERYTHING in changed:
                yield b"event: everything\ndata: {}\n\n"
                continue
            told = await open_conversations(services, who.user, changed)
            if told:
                yield b"event: changed\ndata: %s\n\n" % orjson.dumps(sorted(told))


def _words(request: Request, who: Session) -> Any:
    return translations(viewer_locale(request, who))


def _status(error: DeskError) -> int:
    return {"gone": 404, "empty": 422, "too_long": 422, "never_ask": 422}.get(error.code, 409)


def _problem(error: DeskError, _: labels.Translate) -> HTTPException:
    return HTTPException(_status(error), explain(error, _))


def _back(case_id: str) -> Response:
    return RedirectResponse(f"/desk/cases/{case_id}", 303)


def _done(request: Request, case_id: str) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Trigger": "desk:refresh"})
    return _back(case_id)


def _with_toast(response: Response, text: str) -> Response:
    if text:
        # A header carries ASCII only: json.dumps escapes the rest, orjson would not.
        response.headers["HX-Trigger"] = json.dumps({"desk:toast": {"text": text}})
    return response
