"""A batch of plans written in bulk: a handful of statements, whatever the number of conversations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.collect import Batch, collect
from bot.pipeline.flow import Author, Cause, Flow, SendStatus
from bot.pipeline.plan import Plan
from bot.pipeline.secrets import RECENT, without_pieces
from bot.services import Services
from bot.store.columns import Ciphertext, Moment
from bot.store.statements import among, insert_new, next_numbers
from bot.store.tables import (
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

Row = dict[str, Any]


async def write_plans(
    conn: AsyncConnection,
    services: Services,
    plans: list[Plan],
    keys: Mapping[str, PersonKey],
    now: datetime,
) -> list[str]:
    """Write everything; returns the conversations that have something to send."""
    batch = Batch(services, keys, now)
    for plan in plans:
        collect(batch, plan)
    await _write_inbox(conn, batch)
    await _write_records(conn, batch)
    await _write_spread(conn, batch)
    await _write_people(conn, batch)
    await _write_messages(conn, batch)
    if batch.conversations:
        await conn.execute(_UPDATE_CONVERSATION, batch.conversations)
    return [row["conversation_id"] for row, _ in batch.outbound]


async def _write_inbox(conn: AsyncConnection, batch: Batch) -> None:
    """Mark the rows as processed. Their bodies go: the transcript has them, without secrets."""
    if batch.processed:
        await conn.execute(_PROCESSED, {"rows": batch.processed, "now": batch.now})
    if batch.failed:
        await conn.execute(_PARK, [{**row, "now": batch.now} for row in batch.failed])


async def _write_records(conn: AsyncConnection, batch: Batch) -> None:
    for table, rows in (
        (record, batch.records),
        (answer_use, batch.uses),
        (gap, batch.gaps),
        (case, batch.cases),
        (timer, batch.timers),
        (consent, batch.consents),
    ):
        if rows:
            await conn.execute(insert(table), rows)
    for statement, rows in (
        (_HELPED, batch.helped),
        (_STARTED, batch.started),
        (_REPLIED, batch.replied),
        (_ENDED, batch.ended),
    ):
        if rows:
            await conn.execute(statement, rows)
    await batch.answers.write(conn)
    offers = [row for row in batch.offers if row["followup_id"]]
    if offers:
        await conn.execute(insert_new(conn, offer), offers)


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


async def _write_messages(conn: AsyncConnection, batch: Batch) -> None:
    if batch.rewritten:
        await conn.execute(_REWRITE, batch.rewritten)
    if batch.restamped:
        await conn.execute(_RESTAMP, batch.restamped)
    # What waited for the send window or a cap is decided now, before the answer goes out.
    if batch.woken:
        await conn.execute(_NOW_DUE, {"woken": batch.woken, "now": batch.now})
    lines = batch.inbound
    if batch.outbound:
        numbers = await next_numbers(conn, outbox, len(batch.outbound))
        rows = [{**row, "id": n} for n, (row, _) in zip(numbers, batch.outbound, strict=True)]
        await conn.execute(insert(outbox), rows)
        lines += [
            {**line, "outbox_id": n} for n, (_, line) in zip(numbers, batch.outbound, strict=True)
        ]
    if lines:
        await conn.execute(insert(message), lines)


_PROCESSED = (
    update(inbox)
    .where(among(inbox.c.id, "rows"))
    .values(processed_at=bindparam("now", type_=Moment()), payload=Ciphertext())
)
_NOW_DUE = (
    update(outbox)
    .where(
        among(outbox.c.conversation_id, "woken"),
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
_UPDATE_CONVERSATION = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(
        state=bindparam("new_state"),
        control=bindparam("new_control"),
        control_epoch=bindparam("new_epoch"),
        revision=bindparam("new_revision"),
        feed=bindparam("new_feed"),
        locale=bindparam("new_locale"),
        last_in_at=func.coalesce(bindparam("in_at"), conversation.c.last_in_at),
    )
)
_HELPED = (
    update(answer_use)
    .where(answer_use.c.conversation_id == bindparam("c"), answer_use.c.article == bindparam("a"))
    .values(helpful=bindparam("yes"))
)
_STARTED = (
    update(followup)
    .where(followup.c.id == bindparam("row"))
    .values(
        flow=str(Flow.IN_SCRIPT),
        started_at=bindparam("now"),
        account=bindparam("acc"),
        locale=bindparam("loc"),
    )
)
_REPLIED = (
    update(followup)
    .where(followup.c.id == bindparam("row"), followup.c.replied_at.is_(None))
    .values(replied_at=bindparam("now"))
)
_ENDED = (
    update(followup)
    .where(followup.c.id == bindparam("row"))
    .values(
        flow=bindparam("new_flow"),
        outcome=bindparam("new_outcome"),
        ended_at=bindparam("now"),
    )
)
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
