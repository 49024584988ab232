"""Starting a follow-up: the row, and a start link for every channel that has links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.outreach.links import LIFETIME, end_followup, give_followup, make_link
from bot.pipeline.bus import Topic
from bot.pipeline.flow import Flow, InboxKind
from bot.services import Services
from bot.store.ids import new_id
from bot.store.tables import address, conversation, followup, inbox, person


class FollowupError(ValueError):
    """The follow-up cannot be started; the message says why and what to do."""


class AlreadyStartedError(Exception):
    """The same request was faster: `followup_id` is what it started."""

    def __init__(self, followup_id: str) -> None:
        super().__init__(followup_id)
        self.followup_id = followup_id


# Called with the new follow-up's id inside the transaction; the id of the one that was first, or None.
Once = Callable[[AsyncConnection, str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class StartLink:
    """`url` opens the chat; it works once, until `expires_at` (aware)."""

    account: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A follow-up that was started. `contacted`: written to directly, over a bound channel."""

    id: str
    person_id: str
    script: str
    version: int
    links: tuple[StartLink, ...]
    contacted: str = ""


async def start_followup(
    services: Services,
    person_id: str,
    script: str,
    *,
    source: str,
    contact: bool = False,
    once: Once | None = None,
) -> Started:
    """Start a follow-up of a known person. With `contact` a chat that is bound already and that a
    business may write to begins by itself, through the gates; else the links wait for the person.

    Raises FollowupError if there is no such person or script, or the person opted out, and
    AlreadyStartedError, having changed nothing, if `once` names another follow-up.
    """
    if script not in services.scripts.names:
        known = ", ".join(services.scripts.names)
        raise FollowupError(f"there is no script '{script}'; there are: {known}")
    now = services.clock.now()
    async with services.db.write() as conn:
        started = await _insert(conn, services, person_id, script, source, now)
        winner = await once(conn, started.id) if once is not None else None
        if winner is not None:
            raise AlreadyStartedError(winner)
        bound = await _bound_chat(conn, services, person_id) if contact else None
        if bound is not None:
            await _begin(conn, services, bound, started, now)
    if bound is None:
        return started
    await services.bus.publish(Topic.TURNS, [bound["id"]])
    return Started(
        started.id, person_id, script, started.version, started.links, contacted=bound["account"]
    )


async def _insert(
    conn: AsyncConnection,
    services: Services,
    person_id: str,
    script: str,
    source: str,
    now: datetime,
) -> Started:
    who = (
        await conn.execute(
            select(person.c.locale, person.c.opted_out_at, person.c.erased_at).where(
                person.c.id == person_id
            )
        )
    ).first()
    if who is None or who.erased_at is not None:
        raise FollowupError(f"there is no person '{person_id}'; see `huifang people show`")
    if who.opted_out_at is not None:
        raise FollowupError("this person opted out; only the person can lift that, by START")
    version = services.scripts.get(script).version
    followup_id = new_id(now)
    await conn.execute(
        insert(followup),
        {
            "id": followup_id,
            "person_id": person_id,
            "script": script,
            "version": version,
            "flow": str(Flow.SCHEDULED),
            "locale": who.locale,
            "source": source,
            "approved_at": now,
            "created_at": now,
        },
    )
    links = await start_links(conn, services, person_id, followup_id, now)
    return Started(followup_id, person_id, script, version, links)


async def start_links(
    conn: AsyncConnection, services: Services, person_id: str, followup_id: str, now: datetime
) -> tuple[StartLink, ...]:
    """One fresh link for each channel that has start links."""
    links = []
    for account, channel in services.channels.items():
        if not channel.caps.start_link:
            continue
        token = await make_link(
            conn,
            services.vault,
            person_id=person_id,
            followup_id=followup_id,
            account=account,
            now=now,
        )
        url = channel.start_link(token)
        if url is not None:
            links.append(StartLink(account, url, now + LIFETIME))
    return tuple(links)


async def _bound_chat(
    conn: AsyncConnection, services: Services, person_id: str
) -> Mapping[str, str] | None:
    """A chat of this person where we may write first: the one heard from last."""
    able = [name for name, channel in services.channels.items() if channel.caps.business_may_start]
    rows = await conn.execute(
        select(conversation.c.id, conversation.c.account)
        .join(address, address.c.id == conversation.c.address_id)
        .where(
            conversation.c.person_id == person_id,
            address.c.bound_at.is_not(None),
            address.c.unreachable_at.is_(None),
            conversation.c.account.in_(able),
        )
        .order_by(address.c.last_in_at.desc())
    )
    row = rows.mappings().first()
    return dict(row) if row else None


async def _begin(
    conn: AsyncConnection,
    services: Services,
    bound: Mapping[str, str],
    started: Started,
    now: datetime,
) -> None:
    await give_followup(conn, bound["id"], started.id, bound["account"], now)
    keys = await services.vault.keys(conn, [started.person_id])
    await conn.execute(
        insert(inbox),
        {
            "account": "begin",
            "external_id": started.id,
            "conversation_id": bound["id"],
            "person_id": started.person_id,
            "kind": str(InboxKind.BEGIN),
            "payload": keys[started.person_id].seal(orjson.dumps({}).decode()),
            "received_at": now,
        },
    )


async def cancel_followup(services: Services, followup_id: str, reason: str) -> bool:
    """Stop a follow-up that has not ended; False if there is none or it has ended."""
    now = services.clock.now()
    async with services.db.write() as conn:
        places = await conn.execute(
            select(conversation.c.id)
            .where(conversation.c.followup_id == followup_id)
            .order_by(conversation.c.id)
            .with_for_update()
        )
        ids = list(places.scalars())
        if not await end_followup(conn, followup_id, reason, now):
            return False
        await conn.execute(
            update(conversation)
            .where(conversation.c.id.in_(ids))
            .values(followup_id=None, state=None, revision=conversation.c.revision + 1)
        )
    await services.told(ids)
    return True
