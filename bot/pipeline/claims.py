"""Which outbox rows are sent next: whole conversations, in order, by one sender at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import orjson
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import Cause, SendStatus
from bot.services import Services
from bot.store.columns import Moment
from bot.store.direct import Query
from bot.store.statements import among
from bot.store.tables import (
    UNSENT,
    UNSENT_BY_TIME,
    address,
    conversation,
    followup,
    outbox,
    person,
    record,
)
from channels.message import Address

CONVERSATIONS = 64  # claimed in one transaction
CAMPAIGN = 16  # of them, those to whom only the bot wants to say something: sent to at once
ATTEMPTS = 8  # of one text, before it is given up
LEASE = timedelta(seconds=120)  # when it runs out, the sender has died
LAST_START = timedelta(
    seconds=60
)  # after the claim nothing new is begun; a send takes 30 s at most
AGAIN = "sent again after unknown outcome"  # stands in `detail`: once is enough
DIED = "sent again after its sender died"  # stands in `detail`, with AGAIN or alone

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """One claimed row, opened, with what the gates look at."""

    row: Row
    payload: dict[str, Any]
    to: Address
    claimed_at: datetime


class Outlet(Protocol):
    """Sends what a turn of the same process answered: claimed in the turn's own transaction, so that
    it costs neither a look at the outbox nor a second transaction."""

    def has_room(self, account: str) -> bool:
        """Whether more can be sent on this account without waiting long."""

    def take(self, claimed: Sequence[Due]) -> None:
        """Send these, which are committed. Returns at once."""


async def claim_due(
    services: Services, conversation_ids: Collection[str] | None, what: Cause | None = None
) -> list[Due]:
    """Take what is due, of these conversations or of any: replies first, however long what the bot
    starts itself has been due. `what`: only conversations with something due of this cause. Claims
    that ran out are settled first."""
    now = services.clock.now()
    async with services.db.write() as conn:
        heads: list[str] = []
        for cause in (what,) if what else (Cause.REPLY, Cause.PROACTIVE):
            heads += await _heads(conn, now, conversation_ids, cause, set(heads))
        if not heads:
            return []
        waiting = await _ROWS.rows(conn, {"ids": heads})
        if await _settle_expired(conn, waiting, now):
            waiting = await _ROWS.rows(conn, {"ids": heads})
        rows = _in_order(waiting, now)
        if not rows:
            return []
        keys = await services.vault.keys(conn, {row["person_id"] for row in rows})
        mine = [row for row in rows if row["person_id"] in keys]
        if mine:
            await _CLAIM.run(conn, {"rows": [row["id"] for row in mine], "now": now})
        lost = [row for row in rows if row["person_id"] not in keys]
        await _set(conn, lost, {"status": str(SendStatus.DROPPED), "detail": "erased"})
    found = []
    for row in mine:
        key = keys[row["person_id"]]
        to = Address(row["account"], key.open(row["address_value"]))
        mine_now = {**row, "claimed_at": now}
        found.append(Due(mine_now, orjson.loads(key.open(row["payload"])), to, now))
    return found


async def _set(conn: AsyncConnection, rows: Sequence[Row], values: dict[str, Any]) -> None:
    if rows:
        ids = {"rows": [row["id"] for row in rows]}
        await conn.execute(update(outbox).where(among(outbox.c.id, "rows")).values(values), ids)


async def _settle_expired(conn: AsyncConnection, waiting: Sequence[Row], now: datetime) -> bool:
    """Claims of a process that died while sending: nobody can tell what arrived. A reply is sent
    again, as somebody waits for it and most of what a process holds when it dies was not begun;
    anything else is left to a person. False if there are none."""
    rows = [
        row
        for row in waiting
        if row["status"] == SendStatus.CLAIMED and row["claimed_at"] < now - LEASE
    ]
    again = [row for row in rows if row["cause"] == Cause.REPLY and row["attempts"] < ATTEMPTS]
    for words in {died_too(row) for row in again}:
        alike = [row for row in again if died_too(row) == words]
        await _set(conn, alike, {"status": str(SendStatus.PENDING), "detail": words})
    lost = [row for row in rows if row not in again]
    died = "the sender died while sending"
    await _set(conn, lost, {"status": str(SendStatus.UNKNOWN), "detail": died})
    if lost:
        await conn.execute(
            insert(record),
            [
                {
                    "conversation_id": row["conversation_id"],
                    "followup_id": row["followup_id"],
                    "kind": f"send_{SendStatus.UNKNOWN}",
                    "actor": "system",
                    "data": {"outbox": row["id"], "detail": died},
                    "at": now,
                }
                for row in lost
            ],
        )
    return bool(rows)


def marked(row: Row, detail: str) -> str:
    """`detail` with what must not be forgotten: that this text was sent again already."""
    marks = [mark for mark in (AGAIN, DIED) if mark in (row["detail"] or "")]
    return "; ".join(
        [*(mark for mark in marks if mark not in detail), *([detail] if detail else [])]
    )


def died_too(row: Row) -> str:
    """The detail of a text whose sender died, once more or for the first time."""
    return marked(row, DIED)


def may_repeat(row: Row) -> bool:
    """Whether a text of which the platform left open if it arrived is sent again: a reply, and
    once."""
    repeated = AGAIN in (row["detail"] or "")
    return row["cause"] == Cause.REPLY and not repeated and row["attempts"] < ATTEMPTS


async def _heads(
    conn: AsyncConnection,
    now: datetime,
    conversation_ids: Collection[str] | None,
    cause: Cause,
    taken: Collection[str],
) -> list[str]:
    """Lock conversations with something of this cause to send now that nobody else is sending to;
    without those that are `taken` already."""
    values: dict[str, Any] = {"now": now, "expired": now - LEASE}
    if conversation_ids is None:
        rows = await _ANY_HEADS[cause].rows(conn, values)
    else:
        rows = await _HEADS_AMONG[cause].rows(conn, {**values, "among": conversation_ids})
    return [row["id"] for row in rows if row["id"] not in taken]


def _in_order(rows: Sequence[Row], now: datetime) -> list[Row]:
    """Of each conversation what can go now, in order, by the rule of `_heads`."""
    taken: list[Row] = []
    stopped: set[str] = set()
    held_back: set[str] = set()  # conversations with something proactive that has to wait
    for row in rows:
        place, proactive = row["conversation_id"], row["cause"] == Cause.PROACTIVE
        if place in stopped or (proactive and place in held_back):
            continue
        if row["status"] == SendStatus.PENDING and row["due_at"] <= now:
            taken.append(row)
        elif row["status"] == SendStatus.PENDING and proactive:
            held_back.add(place)
        else:
            stopped.add(place)
    return taken


def _any(*where: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(literal_column("1")).where(*where).limit(1).scalar_subquery().is_not(None)


def _heads_query(cause: Cause, *which: ColumnElement[bool]) -> Select[tuple[str]]:
    other, earlier = outbox.alias("other"), outbox.alias("earlier")
    now, expired = bindparam("now", type_=Moment()), bindparam("expired", type_=Moment())
    # Subqueries with a LIMIT: an EXISTS may become a join that reads every unsent text each time.
    held = _any(
        other.c.conversation_id == outbox.c.conversation_id,
        other.c.status == literal_column("'claimed'"),  # literal: the partial index applies
        other.c.claimed_at >= expired,
    )
    # What waits for a rate limit or another attempt holds back what comes after it. What the bot
    # wants to start and may not now holds back only more of its kind, never an answer.
    behind = _any(
        earlier.c.conversation_id == outbox.c.conversation_id,
        earlier.c.id < outbox.c.id,
        earlier.c.status == literal_column("'pending'"),
        earlier.c.due_at > now,
        *([earlier.c.cause == str(Cause.REPLY)] if cause is Cause.REPLY else []),
    )
    due = or_(
        and_(outbox.c.status == str(SendStatus.PENDING), ~behind),
        and_(outbox.c.status == str(SendStatus.CLAIMED), outbox.c.claimed_at < expired),
    )
    waiting = (
        select(outbox.c.conversation_id)
        .where(
            outbox.c.cause == literal_column(f"'{cause}'"),  # literal: it is planned for this one
            outbox.c.due_at <= now,  # also of what is claimed; bounds the look at the index
            due,
            ~held,
            *which,
        )
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(literal_column(str(CONVERSATIONS if cause is Cause.REPLY else CAMPAIGN)))
    )
    return (
        select(conversation.c.id)
        .where(conversation.c.id.in_(waiting))
        .order_by(conversation.c.id)
        .with_for_update(skip_locked=True)
    )


_ANY_HEADS = {cause: Query(_heads_query(cause, UNSENT_BY_TIME)) for cause in Cause}
_HEADS_AMONG = {
    cause: Query(_heads_query(cause, UNSENT, among(outbox.c.conversation_id, "among")))
    for cause in Cause
}
_CLAIM = Query(
    update(outbox)
    .where(among(outbox.c.id, "rows"))
    .values(
        status=str(SendStatus.CLAIMED),
        claimed_at=bindparam("now", type_=Moment()),
        attempts=outbox.c.attempts + 1,
    )
)
_ROWS = Query(
    select(
        outbox,
        address.c.id.label("address_id"),
        address.c.value.label("address_value"),
        address.c.last_in_at,
        conversation.c.control,
        conversation.c.control_epoch.label("current_epoch"),
        person.c.zone,
        person.c.opted_out_at,
        person.c.erased_at,
        followup.c.script,
        followup.c.delivered_at.label("first_delivered_at"),
    )
    .join(conversation, conversation.c.id == outbox.c.conversation_id)
    .join(address, address.c.id == conversation.c.address_id)
    .join(person, person.c.id == outbox.c.person_id)
    .outerjoin(followup, followup.c.id == outbox.c.followup_id)
    .where(
        among(outbox.c.conversation_id, "ids"),
        UNSENT,
    )
    .order_by(outbox.c.id)
)
