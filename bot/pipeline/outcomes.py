"""What became of sends, written in bulk: status, receipts to come, timers that start now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, null, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import metrics
from bot.pipeline.bus import Topic
from bot.pipeline.claims import Row, marked
from bot.pipeline.flow import FEED_CHANNELS, InboxKind, SendStatus
from bot.services import Services
from bot.store.columns import Moment
from bot.store.direct import Query, Together, bulk_insert, bulk_update
from bot.store.statements import among, insert_new
from bot.store.tables import (
    UNSENT,
    address,
    conversation,
    followup,
    inbox,
    message,
    outbox,
    record,
    timer,
)
from channels.base import OutcomeKind
from dialogs.events import TimerKind


@dataclass(frozen=True, slots=True)
class Done:
    """One row's outcome. PENDING with `due_at` means that it is tried again then; `attempts` is what
    the row counts from now on: being made to wait is no attempt."""

    row: Row
    status: SendStatus
    detail: str = ""
    provider_id: str = ""
    parts_done: int = 0
    due_at: datetime | None = None
    sent_at: datetime | None = None
    kind: OutcomeKind | None = None
    attempts: int = 0
    gated: bool = False  # it waits for a gate, not for the platform
    template: bool = False

    @classmethod
    def sent(cls, row: Row, provider_id: str, parts: int, at: datetime) -> Done:
        """That it may have arrived twice stays on record."""
        tries, words = row["attempts"] + 1, marked(row, "")
        return cls(row, SendStatus.SENT, words, provider_id, parts, sent_at=at, attempts=tries)

    @classmethod
    def dropped(cls, row: Row, reason: str) -> Done:
        tries, parts = row["attempts"], row["parts_done"]
        return cls(row, SendStatus.DROPPED, reason, parts_done=parts, attempts=tries)

    @classmethod
    def failed(cls, row: Row, detail: str) -> Done:
        tries, parts = row["attempts"] + 1, row["parts_done"]
        return cls(row, SendStatus.FAILED, detail, parts_done=parts, attempts=tries)

    @classmethod
    def unknown(cls, row: Row, detail: str, parts_done: int) -> Done:
        tries = row["attempts"] + 1
        return cls(row, SendStatus.UNKNOWN, detail, parts_done=parts_done, attempts=tries)

    @classmethod
    def tried(cls, row: Row, until: datetime, detail: str, parts_done: int) -> Done:
        """It did not work this time."""
        tries, words = row["attempts"] + 1, marked(row, detail)
        status = SendStatus.PENDING
        return cls(row, status, words, parts_done=parts_done, due_at=until, attempts=tries)

    @classmethod
    def waiting(
        cls, row: Row, until: datetime, detail: str, parts_done: int, provider_id: str = ""
    ) -> Done:
        """A rate limit, ours or the platform's."""
        words, tries = marked(row, detail), row["attempts"]
        return cls(row, SendStatus.PENDING, words, provider_id, parts_done, until, attempts=tries)

    @classmethod
    def gate(cls, row: Row, until: datetime, reason: str) -> Done:
        """Not now: a gate says when."""
        return replace(cls.waiting(row, until, reason, row["parts_done"]), gated=True)

    @classmethod
    def held(cls, row: Row, by: Done) -> Done:
        """Behind a text that a gate holds back: they go together."""
        assert by.due_at is not None
        return cls.gate(row, by.due_at, by.detail)

    @classmethod
    def released(cls, row: Row) -> Done:
        """Not tried at all; it waits behind the one that has to wait."""
        return cls.waiting(row, row["due_at"], row["detail"] or "", row["parts_done"])

    def template_of(self, row: Row) -> bool:
        """Whether this went out as the template of the turn that `row` belongs to."""
        return self.template and self.row["created_at"] == row["created_at"]


async def write_outcomes(services: Services, done: Sequence[Done]) -> None:
    """Write the outcomes and start what was waiting for a delivery."""
    if not done:
        return
    now = services.clock.now()
    sent = [item for item in done if item.status is SendStatus.SENT]
    stopped: list[str] = []
    places = {item.row["conversation_id"] for item in done}
    first = {
        item.row["followup_id"]: item.sent_at
        for item in reversed(sent)
        if item.row["followup_id"] and item.row["first_delivered_at"] is None
    }
    parts = (
        [_values(item) for item in done],
        [row for item in done for row in _timers(item, now)],
        [{"id": key, "delivered_at": at} for key, at in first.items()],
    )
    values = {"ids": list(places), "now": now}
    if not services.db.is_sqlite and all(map(_is_usual, done)):
        behind = await _write_at_once(services, parts, values)
    else:
        async with services.db.write() as conn:
            # Conversations before outbox rows, as in a turn: two orders could meet in a deadlock.
            await _LOCK.run(conn, values)
            behind = await _DONE.run(conn, *parts, values=values)
            await _show(conn, sent)
            for item in done:
                if await _consequences(conn, services, item, now):
                    stopped.append(item.row["conversation_id"])
    metrics.outcomes(done)
    if behind:  # they were held back by what is done now
        await services.bus.publish(Topic.SENDS, [row["conversation_id"] for row in behind])
    if stopped:
        await services.bus.publish(Topic.TURNS, stopped)
    await services.told(places)


def _is_usual(item: Done) -> bool:
    """Sent, with no more to write than that."""
    return item.status is SendStatus.SENT and not item.row["account"].startswith(FEED_CHANNELS)


async def _write_at_once(
    services: Services, parts: tuple[Sequence[Row], ...], values: Row
) -> Sequence[Row]:
    """The usual case: one statement that locks first and is a transaction by itself. What came to
    stand behind while it waited for a lock is seen only by a second one."""
    async with services.db.write_once() as conn:
        await _DONE_AT_ONCE.run(conn, *parts, values=values)
        with suppress(SQLAlchemyError, OSError):  # written is written; the sweep finds the others
            return await _ARE_BEHIND.rows(conn, values)
    return []


async def _show(conn: AsyncConnection, sent: Sequence[Done]) -> None:
    """Web chats read a feed: a sent text gets its place in it, in the order of the outbox."""
    for item in sorted(sent, key=lambda one: one.row["id"]):
        if not item.row["account"].startswith(FEED_CHANNELS):
            continue
        place = await conn.scalar(_NEXT_FEED, {"row": item.row["conversation_id"]})
        await conn.execute(_PLACE, {"row": item.row["id"], "place": place})


def _values(item: Done) -> dict[str, Any]:
    return {
        "id": item.row["id"],
        "claimed_at": item.row["claimed_at"],
        "status": str(item.status),
        "detail": item.detail[:500] or None,
        "provider_id": item.provider_id or item.row["provider_id"],
        "parts_done": item.parts_done,
        "due_at": item.due_at or item.row["due_at"],
        "sent_at": item.sent_at,
        "attempts": item.attempts,
    }


def _timers(item: Done, now: datetime) -> list[dict[str, Any]]:
    """The timers that start now. What was left out on purpose, or may have arrived, starts them like
    a delivery; what failed still lets the follow-up end some day."""
    kinds = set(TimerKind)
    match item.status:
        case SendStatus.PENDING:
            return []
        case SendStatus.DROPPED if item.detail in ("answered", "template_sent"):
            pass
        case SendStatus.FAILED | SendStatus.DROPPED:
            ended = item.kind in _ENDS or item.detail in ("erased", "opted_out")
            kinds = set() if ended else {TimerKind.EXPIRE}
        case _:
            pass
    return [
        {
            "conversation_id": item.row["conversation_id"],
            "person_id": item.row["person_id"],
            "followup_id": item.row["followup_id"],
            "kind": planned["kind"],
            "serial": planned["serial"],
            "due_at": (item.sent_at or now) + timedelta(seconds=planned["after_s"]),
        }
        for planned in item.row["on_delivered"] or ()
        if planned["kind"] in kinds
    ]


_ENDS = (OutcomeKind.UNREACHABLE, OutcomeKind.OPTED_OUT)


async def _consequences(
    conn: AsyncConnection, services: Services, item: Done, now: datetime
) -> bool:
    """What a refusal for good means for the person's address, and the record of it. True if the
    engine has to hear of it."""
    if item.status in (SendStatus.FAILED, SendStatus.UNKNOWN, SendStatus.DROPPED):
        await conn.execute(insert(record), _record(item, now))
    if item.kind is OutcomeKind.UNREACHABLE:
        await conn.execute(
            update(address).where(address.c.id == item.row["address_id"]).values(unreachable_at=now)
        )
        if item.row["followup_id"]:
            row = {"row": item.row["followup_id"], "now": now}
            await conn.execute(_UNREACHABLE, row)
            await conn.execute(delete(timer).where(timer.c.followup_id == item.row["followup_id"]))
    if item.kind is not OutcomeKind.OPTED_OUT:
        return False
    # The same as when the platform tells us so by itself: one way, with all that follows from it.
    keys = await services.vault.keys(conn, [item.row["person_id"]])
    if item.row["person_id"] not in keys:
        return False
    await conn.execute(
        insert_new(conn, inbox),
        [
            {
                "account": "delivery",
                "external_id": f"{item.row['id']}:opted_out",
                "conversation_id": item.row["conversation_id"],
                "person_id": item.row["person_id"],
                "kind": str(InboxKind.STOP),
                "payload": keys[item.row["person_id"]].seal("{}"),
                "received_at": now,
            }
        ],
    )
    return True


def _record(item: Done, now: datetime) -> dict[str, Any]:
    return {
        "conversation_id": item.row["conversation_id"],
        "followup_id": item.row["followup_id"],
        "kind": f"send_{item.status}",
        "actor": "system",
        "data": {"outbox": item.row["id"], "detail": item.detail[:500]},
        "at": now,
    }


_LOCKED = (
    select(conversation.c.id)
    .where(among(conversation.c.id, "ids"))
    .order_by(conversation.c.id)
    .with_for_update()
)
_LOCK = Query(_LOCKED)
_BEHIND = (
    select(outbox.c.conversation_id)
    .where(
        among(outbox.c.conversation_id, "ids"),
        UNSENT,
        outbox.c.status == str(SendStatus.PENDING),
        outbox.c.due_at <= bindparam("now", type_=Moment()),
    )
    .distinct()
)
_WRITES = (
    bulk_update(
        outbox,
        ["id", "claimed_at"],  # who was taken for dead has no say any more
        "status",
        "detail",
        "provider_id",
        "parts_done",
        "due_at",
        "sent_at",
        "attempts",
        also=lambda row: {"claimed_at": null()},
    ),
    bulk_insert(timer, "conversation_id", "person_id", "followup_id", "kind", "serial", "due_at"),
    bulk_update(followup, ["id"], "delivered_at", where=[followup.c.delivered_at.is_(None)]),
)
_DONE = Together(*_WRITES, then=_BEHIND)
_ARE_BEHIND = Query(_BEHIND)
_DONE_AT_ONCE = Together(
    *_WRITES,
    guard=select((func.count() >= 0).label("locked")).select_from(_LOCKED.cte("held")),
)
_NEXT_FEED = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(feed=conversation.c.feed + 1)
    .returning(conversation.c.feed)
)
_PLACE = (
    update(message).where(message.c.outbox_id == bindparam("row")).values(feed=bindparam("place"))
)
_UNREACHABLE = (
    update(followup)
    .where(followup.c.id == bindparam("row"), followup.c.ended_at.is_(None))
    .values(flow="stopped", outcome="unreachable", ended_at=bindparam("now"))
)
