"""A batch of plans written in bulk: a handful of statements, whatever the number of conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    Integer,
    String,
    bindparam,
    column,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.answers import NEW_ANSWERS
from bot.pipeline.claims import Due
from bot.pipeline.collect import FOLLOWUP_CHANGES, Batch, Text, collect
from bot.pipeline.flow import Author, Cause, SendStatus
from bot.pipeline.plan import Plan
from bot.pipeline.secrets import RECENT, without_pieces
from bot.services import Services
from bot.store.columns import Ciphertext, Moment
from bot.store.direct import Query, Together, bulk_delete, bulk_insert, bulk_update
from bot.store.statements import among, insert_new
from bot.store.tables import (
    UNSENT,
    answer_use,
    case,
    consent,
    conversation,
    followup,
    gap,
    inbox,
    message,
    offer,
    outbox,
    person,
    record,
    timer,
)
from bot.store.vault import PersonKey
from channels.message import Address

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a batch of turns says: `claimed` by this process, `waiting` in these conversations."""

    claimed: list[Due]
    waiting: list[str]


async def write_plans(
    conn: AsyncConnection,
    services: Services,
    plans: list[Plan],
    keys: Mapping[str, PersonKey],
    now: datetime,
    numbers: Sequence[int],
) -> Texts:
    """Write everything; returns what there is to send now. `numbers`: new ids of the outbox, rising,
    enough for every text."""
    batch = _gathered(services, plans, keys, now)
    await _write_rare(conn, batch)
    await _TURN.run(conn, *_parts(batch, numbers))
    if batch.helped:
        await conn.execute(_HELPED, batch.helped)
    return _texts(batch)


async def write_at_once(
    conn: AsyncConnection,
    services: Services,
    plans: list[Plan],
    keys: Mapping[str, PersonKey],
    now: datetime,
    numbers: Sequence[int],
) -> Texts | None:
    """Lock, look at the revisions and write in one statement, which is a transaction by itself: the
    usual case. Nothing is done, and None returned, where a conversation has changed or has texts that
    wait, where there is something rare to write, or too few numbers. PostgreSQL only."""
    batch = _gathered(services, plans, keys, now)
    if not batch.is_usual or len(numbers) < len(batch.outbound):
        return None
    items = [plan.conversation for plan in plans]
    values = {"ids": [item.id for item in items], "revisions": [item.revision for item in items]}
    (found,) = await _AT_ONCE.run(conn, *_parts(batch, numbers), values=values)
    return _texts(batch) if found["usual"] else None


def _gathered(
    services: Services, plans: list[Plan], keys: Mapping[str, PersonKey], now: datetime
) -> Batch:
    batch = Batch(services, keys, now)
    for plan in plans:
        collect(batch, plan)
    return batch


def _parts(batch: Batch, numbers: Sequence[int]) -> list[Sequence[Row]]:
    """The rows of each statement in `_TURN`; the texts get their numbers."""
    lines = [{**line, "outbox_id": None} for line in batch.inbound]
    for number, text in zip(numbers, batch.outbound, strict=False):
        text.row["id"] = text.line["outbox_id"] = number
        lines.append(text.line)
    return [
        [
            {"id": row, "processed_at": batch.now, "payload": Ciphertext()}
            for row in batch.processed
        ],
        batch.conversations,
        [text.row for text in batch.outbound],
        lines,
        batch.records,
        batch.timers,
        batch.uses,
        list(batch.followups.values()),
        [row for row in batch.followups.values() if row["ended_at"]],
        batch.answers.new,
    ]


def _texts(batch: Batch) -> Texts:
    return Texts(
        [_due(batch, text) for text in batch.outbound if text.plan.sends_now],
        [text.plan.conversation.id for text in batch.outbound if not text.plan.sends_now],
    )


def _due(batch: Batch, text: Text) -> Due:
    """The row as a sender that claims it finds it."""
    item, row = text.plan.conversation, text.row
    facts = {
        "attempts": 0,
        "provider_id": None,
        "detail": None,
        "address_id": item.address_id,
        "last_in_at": item.last_in_at,
        "control": str(item.control),
        "current_epoch": item.epoch,
        "zone": item.zone,
        "opted_out_at": batch.now if item.opted_out else None,
        "erased_at": None,
        "script": item.script.script,
        "first_delivered_at": item.first_delivered_at,
    }
    return Due({**row, **facts}, text.body, Address(item.account, item.to), batch.now)


async def _write_rare(conn: AsyncConnection, batch: Batch) -> None:
    """What most batches have nothing of. It comes first: what was corrected was there before, what
    waited for the send window or a cap is decided before the answer goes out."""
    if batch.failed:
        await conn.execute(_PARK, [{**row, "now": batch.now} for row in batch.failed])
    for table, rows in ((gap, batch.gaps), (case, batch.cases), (consent, batch.consents)):
        if rows:
            await conn.execute(insert(table), rows)
    await batch.answers.change(conn)
    offers = [row for row in batch.offers if row["followup_id"]]
    if offers:
        await conn.execute(insert_new(conn, offer), offers)
    await _write_spread(conn, batch)
    await _write_people(conn, batch)
    if batch.rewritten:
        await conn.execute(_REWRITE, batch.rewritten)
    if batch.restamped:
        await conn.execute(_RESTAMP, batch.restamped)
    if batch.woken:
        await _NOW_DUE.run(conn, {"woken": batch.woken, "now": batch.now})


async def _write_spread(conn: AsyncConnection, batch: Batch) -> None:
    """A secret came in pieces: the pieces go from the open questions too."""
    for plan in batch.spread:
        item = plan.conversation
        key = batch.keys[item.person_id]
        rows = await conn.execute(
            select(gap.c.id, gap.c.question).where(
                gap.c.conversation_id == item.id, gap.c.at > batch.now - RECENT
            )
        )
        for row in rows.all():
            old = orjson.loads(key.open(row.question))
            new = without_pieces(old, plan.pieces)
            if new != old:
                sealed = batch.seal(plan, new)
                await conn.execute(update(gap).where(gap.c.id == row.id).values(question=sealed))


async def _write_people(conn: AsyncConnection, batch: Batch) -> None:
    """An opt-out also takes back what was planned: timers, and proactive texts not sent yet."""
    if not batch.opted:
        return
    await conn.execute(_OPTED, batch.opted)
    out = [row["row"] for row in batch.opted if row["out_at"] is not None]
    if out:
        await conn.execute(delete(timer).where(timer.c.person_id.in_(out)))
        await conn.execute(
            update(outbox)
            .where(
                outbox.c.person_id.in_(out),
                outbox.c.cause == str(Cause.PROACTIVE),
                outbox.c.status == str(SendStatus.PENDING),
            )
            .values(status=str(SendStatus.DROPPED), detail="opted_out")
        )


_RECORDS = bulk_insert(record, "conversation_id", "followup_id", "kind", "actor", "data", "at")
_TIMERS = bulk_insert(
    timer, "conversation_id", "person_id", "followup_id", "kind", "serial", "due_at"
)
_USES = bulk_insert(
    answer_use, "conversation_id", "article", "version", "locale", "score", "rank", "at"
)
_OUTBOX = bulk_insert(
    outbox,
    "id",
    "conversation_id",
    "person_id",
    "followup_id",
    "account",
    "author",
    "cause",
    "control_epoch",
    "payload",
    "on_delivered",
    "due_at",
    "status",
    "claimed_at",
    "attempts",
    "parts_done",
    "created_at",
)
_MESSAGES = bulk_insert(
    message,
    "conversation_id",
    "person_id",
    "followup_id",
    "author",
    "kind",
    "body",
    "outbox_id",
    "feed",
    "at",
)
# Their bodies go: the transcript has them, without secrets.
_PROCESSED = bulk_update(inbox, ["id"], "processed_at", "payload")
_NOW_DUE = Query(
    update(outbox)
    .where(
        among(outbox.c.conversation_id, "woken"),
        UNSENT,
        outbox.c.cause == str(Cause.PROACTIVE),
        outbox.c.status == str(SendStatus.PENDING),
    )
    .values(due_at=bindparam("now", type_=Moment()))
)
_PARK = (
    update(inbox)
    .where(inbox.c.id == bindparam("row"))
    .values(processed_at=bindparam("now"), error=bindparam("why"), payload=bindparam("kept"))
)
_UPDATE_CONVERSATION = bulk_update(
    conversation,
    ["id"],
    "state",
    "control",
    "control_epoch",
    "revision",
    "feed",
    "locale",
    given=["last_in_at", "last_out_at"],
    also=lambda row: {
        name: func.coalesce(row[name], conversation.c[name])
        for name in ("last_in_at", "last_out_at")
    },
)
_HELPED = (
    update(answer_use)
    .where(answer_use.c.conversation_id == bindparam("c"), answer_use.c.article == bindparam("a"))
    .values(helpful=bindparam("yes"))
)
_FOLLOWUPS = bulk_update(
    followup,
    ["id"],
    given=FOLLOWUP_CHANGES,
    also=lambda row: {
        name: func.coalesce(row[name], followup.c[name]) for name in FOLLOWUP_CHANGES
    },
)
# Its timers would each take a turn only to do nothing.
_OVER = bulk_delete(timer, followup_id="id")
_WRITES = (
    _PROCESSED,
    _UPDATE_CONVERSATION,
    _OUTBOX,
    _MESSAGES,
    _RECORDS,
    _TIMERS,
    _USES,
    _FOLLOWUPS,
    _OVER,
    NEW_ANSWERS,
)
_TURN = Together(*_WRITES)
# What waits to be sent is read as it was when the statement began: whoever writes such rows while
# this waits for the lock either raises the revision or only makes them fewer.
HELD = (
    select(
        conversation.c.id,
        conversation.c.revision,
        conversation.c.feed,
        # Not EXISTS: PostgreSQL may read every unsent text once, to look each conversation up in them.
        select(literal_column("1"))
        .where(outbox.c.conversation_id == conversation.c.id, UNSENT)
        .limit(1)
        .scalar_subquery()
        .is_not(None)
        .label("waits"),
    )
    .where(among(conversation.c.id, "ids"))
    .order_by(conversation.c.id)
    .with_for_update(of=conversation)
)
_NOW_HELD = HELD.cte("held")
_READ = (
    func.unnest(
        bindparam("ids", type_=ARRAY(String())), bindparam("revisions", type_=ARRAY(Integer()))
    )
    .table_valued(column("id", String()), column("revision", Integer()))
    .render_derived(name="read")
)
# Everything else looks at this first, so the conversations are locked before anything is written.
_USUAL = select((func.count() == func.cardinality(bindparam("ids"))).label("usual")).where(
    _NOW_HELD.c.id == _READ.c.id, _NOW_HELD.c.revision == _READ.c.revision, ~_NOW_HELD.c.waits
)
_AT_ONCE = Together(*_WRITES, guard=_USUAL)
_OPTED = (
    update(person).where(person.c.id == bindparam("row")).values(opted_out_at=bindparam("out_at"))
)
_REWRITE = (
    update(message).where(message.c.id == bindparam("row")).values(body=bindparam("new_body"))
)
_RESTAMP = (
    update(outbox)
    .where(
        outbox.c.conversation_id == bindparam("row"),
        or_(
            outbox.c.status == str(SendStatus.PENDING), outbox.c.status == str(SendStatus.CLAIMED)
        ),  # not in_(): its values are not expanded for several rows at once
        outbox.c.author == str(Author.BOT),
        outbox.c.control_epoch == bindparam("old_epoch"),
    )
    .values(control_epoch=bindparam("new_epoch"))
)
