"""Inbox → engine → state, outbox, timers and records: the heart.

The decisions are computed on what was read, without a lock; then one transaction locks the
conversations in id order and writes only those whose revision is still the one that was read. The
others are woken again. So no knowledge-base decision ever runs under a lock, and two processes that
take the same conversation write it once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from sqlalchemy import Integer, bindparam, cast, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import metrics
from bot.pipeline.claims import Outlet
from bot.pipeline.flow import FEED_CHANNELS, Author, Cause, Control, InboxKind
from bot.pipeline.plan import Conversation, InboxRow, Plan, parked, place_of, plan_turn
from bot.pipeline.secrets import RECENT, RecentText
from bot.pipeline.writes import HELD, Texts, write_at_once, write_plans
from bot.scripts import learn_versions
from bot.services import Services
from bot.store.columns import Ciphertext, Moment
from bot.store.database import is_away
from bot.store.direct import Query
from bot.store.ids import new_id
from bot.store.statements import among, next_numbers
from bot.store.tables import (
    address,
    case,
    conversation,
    followup,
    inbox,
    message,
    outbox,
    person,
)
from bot.store.vault import PersonKey
from dialogs.context import Context, Mode, Person
from dialogs.script import HandoffReason
from dialogs.state import State
from dialogs.traditional import is_traditional_locale

log = structlog.get_logger()

Keys = Mapping[str, PersonKey]

BATCH = 64  # conversations in one transaction (DESIGN, section 2)
ROWS_A_TURN = 20  # inbox rows of one conversation in one turn; the rest waits for the next
RECEPTION = "reception"  # the script for somebody who has no follow-up


async def run_turns(
    services: Services, conversation_ids: Collection[str], outlet: Outlet | None = None
) -> list[str]:
    """Process what waits for these conversations; returns those that still have work. What they
    answer goes to the `outlet`, where it is given and has room, else it waits for any sender.

    A batch that fails is tried again one by one. What breaks is parked with its error and a
    colleague takes over; what comes after it goes on. Raises where the database is away: then
    nothing is lost, and the sweep finds it again.
    """
    ids = sorted(set(conversation_ids))[:BATCH]
    try:
        with metrics.turn_batch():
            return await _run(services, ids, ROWS_A_TURN, outlet)
    except Exception as error:
        if is_away(error):
            raise
        if len(ids) > 1:
            log.warning("batch_not_written", conversations=len(ids), error=type(error).__name__)
        elif _passes(error) is not Passing.AGAIN:
            return await _run_alone(services, ids[0], outlet)
    again: list[str] = []
    for item in ids:
        again += await _run_alone(services, item, outlet)
    return again


class Passing(StrEnum):
    """What an error says about trying again."""

    AGAIN = "again"  # two transactions met; the same succeeds at once
    AWAY = "away"  # the database cannot be reached or is full
    NEVER = "never"  # the row itself is the trouble


_MET = ("40001", "40P01")  # PostgreSQL: serialization failure, deadlock


def _passes(error: BaseException) -> Passing:
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    if state in _MET:
        return Passing.AGAIN
    return Passing.AWAY if is_away(error) else Passing.NEVER


async def _run_alone(services: Services, conversation_id: str, outlet: Outlet | None) -> list[str]:
    """One conversation, then its rows one by one, so that only the row that breaks is parked."""
    for rows in (ROWS_A_TURN, 1):
        try:
            return await _run(services, [conversation_id], rows, outlet)
        except Exception as error:
            match _passes(error):
                case Passing.AGAIN:
                    return [conversation_id]
                case Passing.AWAY:
                    raise
            failed = error
    log.error("turn_not_written", conversation=conversation_id, exc_info=failed)
    await _park(services, conversation_id, place_of(failed))
    return [conversation_id]


async def _run(services: Services, ids: list[str], rows: int, outlet: Outlet | None) -> list[str]:
    """One batch: read, compute, write. `rows` of each conversation, at most."""
    now = services.clock.now()
    loaded = await _load(services, ids, now, rows)
    contexts = _Contexts(services, loaded, now)
    plans = [
        plan_turn(item, now, contexts, services.vault.read_token) for item in loaded.conversations
    ]
    stale: list[str] = []
    if plans and not await _commit_at_once(services, plans, loaded, now, outlet):
        stale = await _commit(services, plans, loaded.keys, now, outlet)
    more = [item.id for item in loaded.conversations if len(item.rows) == rows]
    return sorted({*stale, *more})


class _Loaded:
    """What one read brought: conversations, and the people in them."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.conversations: list[Conversation] = []
        self.people: dict[str, tuple[Person, ZoneInfo]] = {}
        self.numbers: list[int] = []  # new ids of the outbox, rising; none of SQLite's


class _Contexts:
    """Makes the engine's context of a conversation, in the person's own time zone."""

    def __init__(self, services: Services, loaded: _Loaded, now: datetime) -> None:
        self._services, self._loaded, self._now = services, loaded, now

    def __call__(self, item: Conversation, mode: Mode) -> Context:
        services = self._services
        who, zone = self._loaded.people[item.id]
        return Context(
            now=self._now.astimezone(zone),
            person=who,
            company=services.company.values,
            faq=services.knowledge,
            detect_intents=services.detect_intents,
            mode=mode,
            duty=services.duty(self._now),
        )


async def _load(services: Services, ids: list[str], now: datetime, most: int) -> _Loaded:
    db = services.db  # PostgreSQL gives numbers only to who may write
    async with db.read() if db.is_sqlite else db.write_once() as conn:
        waiting = await _WAITING.rows(conn, {"ids": ids, "most": most})
        by_conversation: dict[str, list[Any]] = defaultdict(list)
        for row in waiting:
            by_conversation[row["id"]].append(row)
        busy = [by_conversation[key][0] for key in sorted(by_conversation)]
        keys = await services.vault.keys(conn, {row["person_id"] for row in busy})
        erased = [row["id"] for row in busy if row["person_id"] not in keys]
        busy = [row for row in busy if row["person_id"] in keys]
        wrote = [row["id"] for row in waiting if row["kind"] in _WORDS]
        recent = await _recent(conn, keys, wrote, now) if wrote else {}
        if any(not _script_known(services, row) for row in busy):
            await learn_versions(services.scripts, conn)
    if erased:
        await _forget(services, erased, now)
    loaded = _Loaded(keys)
    if not services.db.is_sqlite:
        loaded.numbers = sorted(row[name] for row in waiting for name in _NEW)
    for row in busy:
        item = _open(services, keys, row, by_conversation[row["id"]])
        item.recent = recent.get(item.id, [])
        loaded.conversations.append(item)
        loaded.people[item.id] = _person(keys, row)
    return loaded


async def _forget(services: Services, conversation_ids: list[str], now: datetime) -> None:
    """What came in while its person was being erased is nobody's."""
    async with services.db.write() as conn:
        await conn.execute(
            update(inbox)
            .where(inbox.c.conversation_id.in_(conversation_ids), inbox.c.processed_at.is_(None))
            .values(processed_at=now, payload=Ciphertext())
        )


def _script_known(services: Services, row: Any) -> bool:
    """Whether this process has the script; a follow-up may have begun with a newer one elsewhere."""
    return row["script"] is None or services.scripts.knows(row["script"], row["version"])


def _open(services: Services, keys: Keys, row: Any, waiting: Iterable[Any]) -> Conversation:
    owner = row["person_id"]
    rows = [
        InboxRow(
            item["inbox_id"],
            InboxKind(item["kind"]),
            orjson.loads(keys[owner].open(item["payload"])),
            item["received_at"],
        )
        for item in waiting
    ]
    state = None
    if row["state"]:
        state = State.from_json(orjson.loads(keys[owner].open(row["state"])))
    name, version = row["script"] or RECEPTION, row["version"]
    if state is None:
        script = services.scripts.get(name, version)
        tag = row["locale"]  # as the platform tells it, so "zh-TW" too
        known = [name for name in (tag, tag.partition("-")[0]) if name in script.locales]
        locale = known[0] if known else script.locales[0]
        traditional = is_traditional_locale(tag)
        state = State(script.script, script.version, locale, traditional=traditional)
    else:
        script = services.scripts.get(state.script, state.version)
    return Conversation(
        id=row["id"],
        person_id=owner,
        address_id=row["address_id"],
        account=row["account"],
        followup_id=row["followup_id"],
        state=state,
        script=script,
        control=Control(row["control"]),
        epoch=row["control_epoch"],
        revision=row["revision"],
        feed=row["feed"],
        locale=state.locale,
        opted_out=row["opted_out_at"] is not None,
        started=row["started_at"] is not None,
        replied=row["replied_at"] is not None,
        rows=rows,
        to=keys[owner].open(row["address_value"]),
        zone=row["zone"],
        last_in_at=row["last_in_at"],
        first_delivered_at=row["delivered_at"],
    )


def _person(keys: Keys, row: Any) -> tuple[Person, ZoneInfo]:
    def text(column: str) -> str:
        return keys[row["person_id"]].open_or(row[column])

    fields = orjson.loads(text("fields") or "{}")
    who = Person(text("name"), text("last4"), row["region"], fields)
    return who, ZoneInfo(row["zone"])


async def _recent(
    conn: AsyncConnection, keys: Keys, ids: list[str], now: datetime
) -> dict[str, list[RecentText]]:
    """What these people wrote in the last minutes, oldest first."""
    found: dict[str, list[RecentText]] = defaultdict(list)
    parameters = {"ids": ids, "since": now - RECENT}
    for row in await _RECENT.rows(conn, parameters):
        if row["person_id"] in keys and row["body"]:
            body = orjson.loads(keys[row["person_id"]].open(row["body"]))
            found[row["conversation_id"]].append(RecentText(row["id"], body))
    return found


async def _commit_at_once(
    services: Services, plans: list[Plan], loaded: _Loaded, now: datetime, outlet: Outlet | None
) -> bool:
    """The usual case, one round trip: all are answers that this process sends now. False, and
    nothing done, where it is not so."""
    if outlet is None or services.db.is_sqlite:
        return False
    for plan in plans:
        account = plan.conversation.account
        if account.startswith(FEED_CHANNELS) or not outlet.has_room(account):
            return False
        if any(out.cause is not Cause.REPLY for out in plan.outbound):
            return False
        plan.waits, plan.sends_now = False, True
    async with services.db.write_once() as conn:
        texts = await write_at_once(conn, services, plans, loaded.keys, now, loaded.numbers)
    if texts is None:
        return False
    await _written(services, plans, texts, outlet)
    return True


async def _commit(
    services: Services,
    plans: list[Plan],
    keys: Keys,
    now: datetime,
    outlet: Outlet | None = None,
) -> list[str]:
    """Write the plans whose conversation nobody changed meanwhile; returns the others' ids."""
    async with services.db.write() as conn:
        ids = [plan.conversation.id for plan in plans]
        held, numbers = await _hold(conn, ids, sum(len(plan.outbound) for plan in plans))
        fresh = []
        for plan in plans:
            row = held.get(plan.conversation.id)
            if row is not None and row["revision"] == plan.conversation.revision:
                # Senders count the feed on without a new revision.
                plan.conversation.feed = row["feed"]
                plan.waits = row["waits"]
                plan.sends_now = (
                    outlet is not None
                    and not plan.waits
                    and outlet.has_room(plan.conversation.account)
                    and all(out.cause is Cause.REPLY for out in plan.outbound)
                )
                fresh.append(plan)
        texts = await write_plans(conn, services, fresh, keys, now, numbers)
    written = await _written(services, fresh, texts, outlet)
    return [item for item in ids if item not in written and item in held]


async def _written(
    services: Services, plans: list[Plan], texts: Texts, outlet: Outlet | None
) -> set[str]:
    """After the commit: send, count, and tell who has to know. Returns the conversations."""
    if outlet is not None and texts.claimed:
        outlet.take(texts.claimed)
    written = {plan.conversation.id for plan in plans}
    metrics.TURNS.inc(len(written))
    metrics.PARKED.inc(sum(len(plan.failed) for plan in plans))
    await services.after_turns(sorted(written), texts.waiting)
    return written


async def _hold(
    conn: AsyncConnection, ids: list[str], texts: int
) -> tuple[dict[str, Mapping[str, Any]], Sequence[int]]:
    """Lock these conversations, in order; also that many new ids of the outbox."""
    rows = await _HOLD.rows(conn, {"ids": ids, "texts": texts})
    if conn.dialect.name == "postgresql":
        numbers = sorted(rows[0]["numbers"] or ()) if rows else []
    else:
        numbers = await next_numbers(conn, outbox, texts)
    return {row["id"]: row for row in rows}, numbers


async def _park(services: Services, conversation_id: str, why: str) -> None:
    """Set the first waiting row aside, so that it does not block what comes after."""
    now = services.clock.now()
    try:
        loaded = await _load(services, [conversation_id], now, 1)
        plans = [parked(item, now, item.rows[0].id, why) for item in loaded.conversations]
        if not plans or not await _commit(services, plans, loaded.keys, now):
            return
    except Exception as error:
        if _passes(error) is not Passing.NEVER:
            raise
        await _park_unread(services, conversation_id, why, now)


async def _park_unread(services: Services, conversation_id: str, why: str, now: datetime) -> None:
    """The conversation cannot even be read: its row goes aside and a colleague sees it."""
    async with services.db.write() as conn:
        place = (
            await conn.execute(
                select(conversation).where(conversation.c.id == conversation_id).with_for_update()
            )
        ).one()
        first = await conn.scalar(
            select(func.min(inbox.c.id)).where(
                inbox.c.conversation_id == conversation_id, inbox.c.processed_at.is_(None)
            )
        )
        await conn.execute(
            update(inbox).where(inbox.c.id == first).values(processed_at=now, error=why)
        )
        metrics.PARKED.inc()
        if place.control != Control.BOT:
            return
        await conn.execute(
            update(conversation)
            .where(conversation.c.id == conversation_id)
            .values(
                control=str(Control.QUEUED),
                control_epoch=conversation.c.control_epoch + 1,
                revision=conversation.c.revision + 1,
            )
        )
        await conn.execute(
            insert(case),
            {
                "id": new_id(now),
                "conversation_id": conversation_id,
                "person_id": place.person_id,
                "followup_id": place.followup_id,
                "reason": str(HandoffReason.BOT_ERROR),
                "status": "queued",
                "opened_at": now,
            },
        )
    await services.told([conversation_id])


_WORDS = (str(InboxKind.TEXT), str(InboxKind.EDIT), str(InboxKind.MEDIA))
_PLACE = func.row_number().over(partition_by=inbox.c.conversation_id, order_by=inbox.c.id)
_FIRST = (
    select(inbox.c.id, _PLACE.label("place"))
    .where(
        among(inbox.c.conversation_id, "ids"),
        inbox.c.processed_at.is_(None),
    )
    .subquery()
)
# A row of the inbox with all that its turn needs; mostly a conversation has one.
_ROWS = (
    select(
        inbox.c.id.label("inbox_id"),
        inbox.c.kind,
        inbox.c.payload,
        inbox.c.received_at,
        conversation.c.id,
        conversation.c.person_id,
        conversation.c.address_id,
        conversation.c.account,
        conversation.c.followup_id,
        conversation.c.state,
        conversation.c.control,
        conversation.c.control_epoch,
        conversation.c.revision,
        conversation.c.feed,
        conversation.c.locale,
        person.c.name,
        person.c.last4,
        person.c.fields,
        person.c.zone,
        person.c.region,
        person.c.opted_out_at,
        followup.c.script,
        followup.c.version,
        followup.c.started_at,
        followup.c.replied_at,
        followup.c.delivered_at,
        address.c.value.label("address_value"),
        address.c.last_in_at,
    )
    .join(_FIRST, _FIRST.c.id == inbox.c.id)
    .join(conversation, conversation.c.id == inbox.c.conversation_id)
    .join(address, address.c.id == conversation.c.address_id)
    .join(person, person.c.id == conversation.c.person_id)
    .outerjoin(followup, followup.c.id == conversation.c.followup_id)
    .where(_FIRST.c.place <= bindparam("most", type_=Integer()))
    .order_by(inbox.c.id)
)
# Numbers for its texts: taken now, they are greater than those of every text written before the
# revision that is read here, and nothing is written if somebody writes one later.
_SEQUENCE = select(cast(func.pg_get_serial_sequence("outbox", "id"), REGCLASS)).scalar_subquery()
_NEW = ("number_1", "number_2", "number_3")
_WAITING = Query(
    _ROWS.add_columns(*(func.nextval(_SEQUENCE).label(name) for name in _NEW)), sqlite=_ROWS
)

_RECENT = Query(
    select(message.c.id, message.c.conversation_id, message.c.person_id, message.c.body)
    .where(
        among(message.c.conversation_id, "ids"),
        message.c.author == str(Author.PERSON),
        or_(*(message.c.kind == kind for kind in _WORDS)),
        message.c.at > bindparam("since", type_=Moment()),
    )
    .order_by(message.c.id)
)

_NUMBERS = select(
    func.array_agg(func.nextval(func.pg_get_serial_sequence("outbox", "id")))
).select_from(func.generate_series(1, bindparam("texts", type_=Integer())).alias())
_HOLD = Query(HELD.add_columns(_NUMBERS.scalar_subquery().label("numbers")), sqlite=HELD)
