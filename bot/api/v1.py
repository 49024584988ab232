"""The REST API: people, follow-ups, results."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import orjson
import segno
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException

from bot.api.problems import ApiError, on_api_error, on_database_away, on_http_error, on_invalid
from bot.hours import zone_name
from bot.outreach.followups import (
    AlreadyStartedError,
    FollowupError,
    Started,
    StartLink,
    cancel_followup,
    start_followup,
    start_links,
)
from bot.safety.access import ApiClient, Scope, find_api_client
from bot.safety.redact import redact
from bot.services import Services
from bot.store.database import AWAY
from bot.store.erasure import erase_person
from bot.store.people import (
    LOCALE,
    PhoneError,
    Profile,
    import_people,
    is_printed,
    normal_phone,
    show_person,
)
from bot.store.statements import insert_new
from bot.store.tables import audit, followup, idempotency, result
from bot.web.guard import ServicesOf

LARGEST_FIELD = 200


def _zone(value: str) -> str:
    return zone_name(value) if value else ""


def _printed(value: str) -> str:
    if not is_printed(value):
        raise ValueError("control characters and half characters are not allowed")
    return value


def _public(value: str) -> str:
    """Raises ValueError if the value holds a secret, such as a whole card or identity number."""
    found = redact(_printed(value)).found
    if found:
        raise ValueError(f"this looks like a secret ({found[0].kind}), which is never stored")
    return value


Printed = Annotated[str, AfterValidator(_printed)]
Public = Annotated[str, AfterValidator(_public)]


class PersonIn(BaseModel):
    """An applicant as the wallet knows them. `reference` is the wallet's own id of the person."""

    model_config = ConfigDict(extra="forbid")

    reference: Printed = Field(min_length=1, max_length=LARGEST_FIELD)
    name: Public = Field(default="", max_length=LARGEST_FIELD)
    phone: str = Field(default="", max_length=32)
    last4: str = Field(default="", pattern=r"^([0-9]{3}[0-9Xx])?$")
    locale: str = Field(default="", max_length=16, pattern=LOCALE)
    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="", max_length=64, description="IANA time zone"
    )
    region: str = Field(default="", pattern=r"^([A-Z]{2})?$", description="ISO 3166")
    fields: dict[Public, Public] = Field(default_factory=dict, max_length=40)


class FollowupIn(BaseModel):
    """Start a follow-up of a person: known by `person`, or brought in by `applicant`."""

    model_config = ConfigDict(extra="forbid")

    script: str = Field(default="preapproval", max_length=64)
    person: Printed = Field(default="", max_length=26)
    applicant: PersonIn | None = None
    contact: bool = Field(default=False, description="write first where the channel allows it")


class LinkOut(BaseModel):
    account: str
    url: str
    qr: str = Field(description="the same as an SVG image, as a data: address")
    expires_at: datetime


class FollowupOut(BaseModel):
    id: str
    person: str
    script: str
    version: int
    flow: str
    outcome: str | None = None
    links: list[LinkOut] = []
    contacted: str = Field(default="", description="the channel account that was written to")


def create_api() -> FastAPI:
    """The API as an application of its own, to be mounted at /api/v1."""
    api = FastAPI(title="Huifang", version="1", docs_url=None, redoc_url=None)
    api.add_exception_handler(ApiError, on_api_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_exception_handler(HTTPException, on_http_error)
    for away in AWAY:
        api.add_exception_handler(away, on_database_away)
    api.post("/followups", status_code=201)(create_followup)
    api.get("/followups/{followup_id}")(read_followup)
    api.delete("/followups/{followup_id}", status_code=204)(delete_followup)
    api.get("/followups/{followup_id}/results")(read_results)
    api.post("/people", status_code=201)(create_person)
    api.get("/people/{person_id}")(read_person)
    api.delete("/people/{person_id}", status_code=204)(delete_person)
    return api


def scope(wanted: Scope) -> Callable[..., Awaitable[ApiClient]]:
    """A dependency: the client of the bearer key, if the key has this scope."""

    async def check(request: Request, services: ServicesOf) -> ApiClient:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        client = await find_api_client(services, key.strip()) if kind.lower() == "bearer" else None
        if client is None:
            fix = "send Authorization: Bearer KEY; make one with: huifang admin api-key"
            raise ApiError(401, "a valid key is needed", fix)
        if wanted not in client.scopes:
            raise ApiError(403, f"this key lacks the scope '{wanted}'")
        return client

    return check


WritesFollowups = Annotated[ApiClient, Depends(scope(Scope.FOLLOWUPS))]
WritesPeople = Annotated[ApiClient, Depends(scope(Scope.PEOPLE))]
ReadsResults = Annotated[ApiClient, Depends(scope(Scope.RESULTS))]


async def create_followup(
    body: FollowupIn,
    request: Request,
    response: Response,
    services: ServicesOf,
    client: WritesFollowups,
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> FollowupOut:
    """Start a follow-up. The same Idempotency-Key with the same body returns the same follow-up,
    with fresh links, for as long as it exists; with another body it is refused."""
    mark = hashlib.sha256(orjson.dumps(body.model_dump())).digest()
    key = hashlib.sha256(idempotency_key.encode()).digest()
    known = await _known(services, client, key, mark)
    if known is not None:
        response.status_code = 200
        return await _again(services, known)
    person_id = body.person or await _applicant(services, body.applicant)

    async def once(conn: AsyncConnection, followup_id: str) -> str | None:
        return await _remember(conn, services, client, key, mark, followup_id)

    try:
        started = await start_followup(
            services,
            person_id,
            body.script,
            source=f"api:{client.name}"[:32],
            contact=body.contact,
            once=once,
        )
    except FollowupError as error:
        raise ApiError(409, str(error)) from None
    except AlreadyStartedError as error:  # the same request came twice at the same time
        await _known(services, client, key, mark)
        response.status_code = 200
        return await _again(services, error.followup_id)
    return _out(started)


async def read_followup(
    followup_id: str, services: ServicesOf, client: WritesFollowups
) -> FollowupOut:
    row = await _row(services, followup_id)
    return FollowupOut(
        id=row.id,
        person=row.person_id,
        script=row.script,
        version=row.version,
        flow=row.flow,
        outcome=row.outcome,
    )


async def delete_followup(followup_id: str, services: ServicesOf, client: WritesFollowups) -> None:
    """Cancel a follow-up that has not ended."""
    await _row(services, followup_id)
    if not await cancel_followup(services, followup_id, f"cancelled by {client.name}"):
        raise ApiError(409, "this follow-up has ended already")


async def read_results(
    followup_id: str, services: ServicesOf, client: ReadsResults
) -> dict[str, Any]:
    """The answers of a follow-up by name."""
    row = await _row(services, followup_id)
    async with services.db.read() as conn:
        rows = (await conn.execute(select(result).where(result.c.followup_id == followup_id))).all()
        keys = await services.vault.keys(conn, [row.person_id])
    answers = {}
    for one in rows:
        if row.person_id in keys and one.value and not one.withdrawn:
            answers[one.name] = orjson.loads(keys[row.person_id].open(one.value))
    return {"followup": followup_id, "outcome": row.outcome, "answers": answers}


async def create_person(
    body: PersonIn, services: ServicesOf, client: WritesPeople
) -> dict[str, str]:
    """Bring an applicant in, or bring what is known up to date."""
    return {"id": await _applicant(services, body)}


async def read_person(person_id: str, services: ServicesOf, client: WritesPeople) -> dict[str, Any]:
    """A person, masked."""
    async with services.db.read() as conn:
        found = await show_person(conn, services.vault, person_id)
    if found is None:
        raise ApiError(404, "there is no such person")
    return found


async def delete_person(person_id: str, services: ServicesOf, client: WritesPeople) -> None:
    """Erase a person: the key is dropped, bodies go, counts stay."""
    now = services.clock.now()
    async with services.db.write() as conn:
        if not await erase_person(conn, services.vault, person_id, now):
            raise ApiError(404, "there is no such person")
        await conn.execute(
            insert(audit),
            {
                "at": now,
                "actor": f"api:{client.name}",
                "action": "person.erased",
                "object": f"person:{person_id}",
                "data": {},
            },
        )


async def _applicant(services: Services, body: PersonIn | None) -> str:
    if body is None:
        raise ApiError(422, "name a 'person' by id, or describe an 'applicant'")
    settings = services.settings
    region = body.region or settings.region
    phone = body.phone
    if phone:
        try:
            phone = normal_phone(phone, region)
        except PhoneError as error:
            raise ApiError(422, f"applicant.phone: {error}") from None
    profile = Profile(
        locale=body.locale or settings.locale,
        zone=body.zone or settings.zone,
        region=region,
        name=body.name,
        phone=phone,
        last4=body.last4.upper(),
        reference=body.reference,
        fields=body.fields,
    )
    async with services.db.write() as conn:
        brought = await import_people(conn, services.vault, [profile], services.clock.now())
    if brought[0].suppressed:
        raise ApiError(409, "this person was erased at their wish and must not be contacted")
    return brought[0].id


async def _row(services: Services, followup_id: str) -> Any:
    async with services.db.read() as conn:
        row = (
            await conn.execute(select(followup).where(followup.c.id == followup_id))
        ).one_or_none()
    if row is None:
        raise ApiError(404, "there is no such follow-up")
    return row


async def _known(services: Services, client: ApiClient, key: bytes, mark: bytes) -> str | None:
    async with services.db.read() as conn:
        row = (
            await conn.execute(
                select(idempotency).where(
                    idempotency.c.api_key_id == client.id, idempotency.c.key_hash == key
                )
            )
        ).one_or_none()
    if row is None:
        return None
    if row.request_hash != mark:
        raise ApiError(422, "this Idempotency-Key was used for another request", "use a new one")
    return str(row.followup_id)


async def _remember(
    conn: AsyncConnection,
    services: Services,
    client: ApiClient,
    key: bytes,
    mark: bytes,
    followup_id: str,
) -> str | None:
    """Keep the key; returns the follow-up that was first, if another request was faster."""
    row = {
        "api_key_id": client.id,
        "key_hash": key,
        "request_hash": mark,
        "status": 201,
        "followup_id": followup_id,
        "at": services.clock.now(),
    }
    await conn.execute(insert_new(conn, idempotency), [row])
    winner = await conn.scalar(
        select(idempotency.c.followup_id).where(
            idempotency.c.api_key_id == client.id, idempotency.c.key_hash == key
        )
    )
    return str(winner) if winner != followup_id else None


async def _again(services: Services, followup_id: str) -> FollowupOut:
    row = await _row(services, followup_id)
    links: tuple[StartLink, ...] = ()
    if row.ended_at is None:
        async with services.db.write() as conn:
            links = await start_links(
                conn, services, row.person_id, followup_id, services.clock.now()
            )
    started = Started(row.id, row.person_id, row.script, row.version, links)
    out = _out(started)
    out.flow, out.outcome = row.flow, row.outcome
    return out


def _out(started: Started) -> FollowupOut:
    return FollowupOut(
        id=started.id,
        person=started.person_id,
        script=started.script,
        version=started.version,
        flow="scheduled",
        links=[_link(link) for link in started.links],
        contacted=started.contacted,
    )


def _link(link: StartLink) -> LinkOut:
    qr = segno.make(link.url, error="m").svg_data_uri(scale=4, border=3)
    return LinkOut(account=link.account, url=link.url, qr=qr, expires_at=link.expires_at)
