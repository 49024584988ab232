"""Start links: signed, single-use, short-lived; they bind a chat account to the applicant."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import Author, Control, Flow, SendStatus
from bot.store.addresses import Binding, Resolved, bind_address
from bot.store.columns import Moment
from bot.store.direct import Query, bulk_update
from bot.store.statements import among
from bot.store.tables import conversation, followup, outbox, start_link, timer
from bot.store.vault import Vault
from dialogs.state import FollowupOutcome

log = structlog.get_logger()

LIFETIME = timedelta(hours=24)  # the contact promise (MISSION A); a new one can be made any time
_RANDOM, _SIGNATURE = 16, 8  # bytes; 128 bits that cannot be guessed (SAFETY 16.5)


def new_token(vault: Vault) -> str:
    """A fresh token of 32 characters of A–Z a–z 0–9 _ -, as Telegram's start links allow."""
    raw = secrets.token_bytes(_RANDOM)
    return base64.urlsafe_b64encode(raw + _sign(vault, raw)).decode()


def is_ours(vault: Vault, token: str) -> bool:
    """Whether we made this token; a forged one costs no query."""
    try:
        raw = base64.b64decode(token.encode("ascii"), b"-_", validate=True)
    except ValueError:
        return False
    random = raw[:_RANDOM]
    return len(raw) == _RANDOM + _SIGNATURE and hmac.compare_digest(
        raw[_RANDOM:], _sign(vault, random)
    )


def _sign(vault: Vault, raw: bytes) -> bytes:
    return hmac.digest(vault.derive("start_link"), raw, hashlib.sha256)[:_SIGNATURE]


async def make_link(
    conn: AsyncConnection,
    vault: Vault,
    *,
    person_id: str,
    followup_id: str,
    account: str,
    now: datetime,
    lifetime: timedelta = LIFETIME,
) -> str:
    """A token that starts this follow-up in a chat of this account, once, until it expires."""
    token = new_token(vault)
    await conn.execute(
        insert(start_link),
        {
            "token_hash": vault.lookup_hash("start_link", token),
            "person_id": person_id,
            "followup_id": followup_id,
            "account": account,
            "expires_at": now + lifetime,
        },
    )
    return token


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A start link that may be used now; its row is locked."""

    token_hash: bytes
    person_id: str
    followup_id: str


async def open_links(
    conn: AsyncConnection, vault: Vault, wanted: Collection[tuple[str, str]], now: datetime
) -> dict[tuple[str, str], OpenLink]:
    """Those of these tokens, each with the account that it came from, that may be used now."""
    marks = {
        vault.lookup_hash("start_link", token): (token, account)
        for token, account in wanted
        if is_ours(vault, token)
    }
    if not marks:
        return {}
    rows = await _OPEN.rows(conn, {"marks": list(marks), "now": now})
    return {
        marks[row["token_hash"]]: OpenLink(row["token_hash"], row["person_id"], row["followup_id"])
        for row in rows
        if marks[row["token_hash"]][1] == row["account"]
    }


async def start_new_chats(
    conn: AsyncConnection, started: Sequence[tuple[OpenLink, Resolved, str]], now: datetime
) -> None:
    """Give links' follow-ups to chats (with their account) that were made for their applicants just
    now: what `use_link` does to any chat, for many at once."""
    used, given, contacting = [], [], []
    for link, place, account in started:
        used.append({"token_hash": link.token_hash, "used_at": now, "used_by": place.address_id})
        given.append({"id": place.conversation_id, "followup_id": link.followup_id})
        contacting.append({"id": link.followup_id, "account": account})
    await _USED.run(conn, used)
    await _GIVEN.run(conn, given)
    await _CONTACTING.run(conn, contacting)


async def use_link(
    conn: AsyncConnection, vault: Vault, token: str, account: str, place: Resolved, now: datetime
) -> str | None:
    """Bind the address to the link's applicant and give it the follow-up.

    Returns the applicant's id, or None where the link is forged, used, expired, or made for
    another channel: then the chat opens as any unknown chat does. The same address may come again
    with the same link (a webhook delivered twice, the link tapped twice).
    """
    if not is_ours(vault, token):
        return None
    mark = vault.lookup_hash("start_link", token)
    row = (
        await conn.execute(
            select(start_link).where(start_link.c.token_hash == mark).with_for_update()
        )
    ).first()
    if row is None or row.account != account:
        return None
    if row.used_at is not None:
        return str(row.person_id) if row.used_by == place.address_id else None
    if row.expires_at <= now:
        log.info("start_link_expired", followup=row.followup_id)
        return None
    ended = select(followup.c.ended_at).where(followup.c.id == row.followup_id)
    if await conn.scalar(ended) is not None:
        log.info("start_link_of_ended", followup=row.followup_id)
        return None
    try:
        bound = await bind_address(conn, vault, place.address_id, row.person_id, now)
    except LookupError:
        log.info("start_link_of_erased", followup=row.followup_id)
        return None
    if bound is Binding.TAKEN:
        log.warning("start_link_address_taken", followup=row.followup_id)
        return None
    await conn.execute(
        update(start_link)
        .where(start_link.c.token_hash == mark)
        .values(used_at=now, used_by=place.address_id)
    )
    await give_followup(conn, place.conversation_id, row.followup_id, account, now)
    return str(row.person_id)


async def give_followup(
    conn: AsyncConnection, conversation_id: str, followup_id: str, account: str, now: datetime
) -> None:
    """From now on this follow-up runs in this conversation, from its beginning. One that runs there
    ends; while a person speaks or is awaited the bot stays silent until it is given back."""
    place = (
        await conn.execute(
            select(conversation.c.control, conversation.c.followup_id)
            .where(conversation.c.id == conversation_id)
            .with_for_update()
        )
    ).one()
    if place.followup_id is not None and place.followup_id != followup_id:
        await end_followup(conn, place.followup_id, "replaced", now)
    open_case = place.control in (Control.HUMAN, Control.QUEUED)
    spoken = select(followup.c.locale).where(followup.c.id == followup_id).scalar_subquery()
    await conn.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id)
        .values(
            followup_id=followup_id,
            state=None,
            locale=func.coalesce(spoken, conversation.c.locale),
            control=place.control if open_case else str(Control.BOT),
            control_epoch=conversation.c.control_epoch + 1,
            revision=conversation.c.revision + 1,
        )
    )
    await conn.execute(
        update(followup)
        .where(followup.c.id == followup_id)
        .values(account=account, flow=str(Flow.CONTACTING))
    )


async def end_followup(conn: AsyncConnection, followup_id: str, reason: str, now: datetime) -> bool:
    """Stop a follow-up that has not ended, with its timers and what it has not said yet; False if
    there is none or it has ended."""
    done = await conn.execute(
        update(followup)
        .where(followup.c.id == followup_id, followup.c.ended_at.is_(None))
        .values(
            flow=str(Flow.STOPPED),
            outcome=str(FollowupOutcome.EXPIRED),
            stopped_reason=reason[:32],
            ended_at=now,
        )
    )
    if done.rowcount == 0:
        return False
    await conn.execute(delete(timer).where(timer.c.followup_id == followup_id))
    await conn.execute(
        update(outbox)
        .where(
            outbox.c.followup_id == followup_id,
            outbox.c.author == str(Author.BOT),
            outbox.c.status == str(SendStatus.PENDING),
        )
        .values(status=str(SendStatus.DROPPED), detail=reason[:500])
    )
    return True


_USED = bulk_update(start_link, ["token_hash"], "used_at", "used_by")
_GIVEN = bulk_update(
    conversation,
    ["id"],
    "followup_id",
    also=lambda row: {
        "locale": func.coalesce(
            select(followup.c.locale).where(followup.c.id == row["followup_id"]).scalar_subquery(),
            conversation.c.locale,
        ),
        "control_epoch": conversation.c.control_epoch + 1,
        "revision": conversation.c.revision + 1,
    },
)
_CONTACTING = bulk_update(
    followup, ["id"], "account", also=lambda row: {"flow": str(Flow.CONTACTING)}
)
_FRESH = (
    select(
        start_link.c.token_hash,
        start_link.c.account,
        start_link.c.person_id,
        start_link.c.followup_id,
    )
    .join(followup, followup.c.id == start_link.c.followup_id)
    .where(
        start_link.c.used_at.is_(None),
        start_link.c.expires_at > bindparam("now", type_=Moment()),
        followup.c.ended_at.is_(None),
    )
    .order_by(start_link.c.token_hash)
    .with_for_update(of=start_link)
)
_OPEN = Query(
    _FRESH.where(among(start_link.c.token_hash, "marks")),
    sqlite=_FRESH.where(start_link.c.token_hash.in_(bindparam("marks", expanding=True))),
)
