"""Inbox → engine → state, outbox, timers and records: the heart.

The decisions are computed on what was read, without a lock; then one transaction locks the
conversations in id order and writes only those whose revision is still the one that was read. The
others are woken again. So no knowledge-base decision ever runs under a lock, and two processes that
take the same conversation write it once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import Author, Control, InboxKind
from bot.pipeline.plan import Conversation, InboxRow, Plan, plan_turn
from bot.pipeline.secrets import RecentText
from bot.pipeline.writes import write_plans
from bot.services import Services
from bot.store.tables import conversation, followup, inbox, message, person
from bot.store.vault import PersonKey
from dialogs.context import Context, Mode, Person
from dialogs.state import State

log = structlog.get_logger()

Keys = Mapping[str, PersonKey]

BATCH = 64  # conversations in one transaction (DESIGN, section 2)
ROWS_A_TURN = 20  # inbox rows of one conversation in one turn; the rest waits for the next
RECENT = timedelta(minutes=10)  # how far back a secret may have been begun
RECEPTION = "reception"  # the script for somebody who has no follow-up


async def run_turns(services: Services, conversation_ids: Collection[str]) -> list[str]:
    """Process what waits for these conversations; returns those that still have work.

    A batch that the database refuses is tried again one by one, and the row that breaks is parked
    with its error.
    """
    ids = sorted(set(conversation_ids))[:BATCH]
    now = services.clock.now()
    loaded, keys = await _load(services, ids, now)
    if not loaded:
        return []
    plans = [
        plan_turn(item, now, _Contexts(services, loaded, now), services.vault.read_token)
        for item in loaded.conversations
    ]
    try:
        stale = await _commit(services, plans, keys, now)
    except Exception:
        if len(plans) == 1:
            log.exception("turn_not_written", conversation=plans[0].conversation.id)
            await _park(services, plans[0], now)
            return []
        log.warning("batch_not_written", conversations=len(plans))
        again: list[str] = []
        for item in ids:
            again += await run_turns(services, [item])
        return again
    more = [item.id for item in loaded.conversations if len(item.rows) == ROWS_A_TURN]
    return [*stale, *more]


class _Loaded:
    """What one read brought: conversations, and the people in them."""

    def __init__(self) -> None:
        self.conversations: list[Conversation] = []
        self.people: dict[str, tuple[Person, ZoneInfo]] = {}

    def __bool__(self) -> bool:
        return bool(self.conversations)


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


async def _load(services: Services, ids: list[str], now: datetime) -> tuple[_Loaded, Keys]:
    async with services.db.read() as conn:
        rows = (await conn.execute(_CONVERSATIONS, {"ids": ids})).mappings().all()
        waiting = (await conn.execute(_WAITING, {"ids": ids})).mappings().all()
        by_conversation: dict[str, list[Any]] = defaultdict(list)
        for row in waiting:
            if len(by_conversation[row["conversation_id"]]) < ROWS_A_TURN:
                by_conversation[row["conversation_id"]].append(row)
        busy = [row for row in rows if by_conversation[row["id"]]]
        keys = await services.vault.keys(conn, {row["person_id"] for row in busy})
        busy = [row for row in busy if row["person_id"] in keys]  # the others were erased
        wrote = [row["conversation_id"] for row in waiting if row["kind"] == InboxKind.TEXT.value]
        recent = await _recent(conn, keys, wrote, now) if wrote else {}
    loaded = _Loaded()
    for row in busy:
        item = _open(services, keys, row, by_conversation[row["id"]])
        item.recent = recent.get(item.id, [])
        loaded.conversations.append(item)
        loaded.people[item.id] = _person(keys, row)
    return loaded, keys


def _open(services: Services, keys: Keys, row: Any, waiting: Iterable[Any]) -> Conversation:
    owner = row["person_id"]
    rows = [
        InboxRow(
            item["id"],
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
        locale = row["locale"] if row["locale"] in script.locales else script.locales[0]
        state = State(script.script, script.version, locale)
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
    for row in (await conn.execute(_RECENT, parameters)).mappings():
        body = orjson.loads(keys[row["person_id"]].open(row["body"]))
        found[row["conversation_id"]].append(RecentText(row["id"], body.get("text", "")))
    return found


async def _commit(services: Services, plans: list[Plan], keys: Keys, now: datetime) -> list[str]:
    """Write the plans whose conversation nobody changed meanwhile; returns the others' ids."""
    async with services.db.write() as conn:
        ids = [plan.conversation.id for plan in plans]
        rows = await conn.execute(_LOCK, {"ids": ids})
        revisions = {row.id: row.revision for row in rows}
        fresh = [p for p in plans if revisions.get(p.conversation.id) == p.conversation.revision]
        sends = await write_plans(conn, services, fresh, keys, now)
    written = {plan.conversation.id for plan in fresh}
    await services.after_turns(sorted(written), sends)
    return [item for item in ids if item not in written]


async def _park(services: Services, plan: Plan, now: datetime) -> None:
    """Set rows aside that cannot be written, so that they do not block what comes after."""
    async with services.db.write() as conn:
        await conn.execute(
            inbox.update().where(inbox.c.id.in_(plan.processed)),
            {"processed_at": now, "error": "the turn could not be written; see the log"},
        )


_CONVERSATIONS = (
    select(
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
    )
    .join(person, person.c.id == conversation.c.person_id)
    .outerjoin(followup, followup.c.id == conversation.c.followup_id)
    .where(conversation.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(conversation.c.id)
)

_WAITING = (
    select(
        inbox.c.id,
        inbox.c.conversation_id,
        inbox.c.kind,
        inbox.c.payload,
        inbox.c.received_at,
    )
    .where(
        inbox.c.conversation_id.in_(bindparam("ids", expanding=True)),
        inbox.c.processed_at.is_(None),
    )
    .order_by(inbox.c.id)
)

_RECENT = (
    select(message.c.id, message.c.conversation_id, message.c.person_id, message.c.body)
    .where(
        message.c.conversation_id.in_(bindparam("ids", expanding=True)),
        message.c.author == str(Author.PERSON),
        message.c.kind == str(InboxKind.TEXT),
        message.c.at > bindparam("since"),
    )
    .order_by(message.c.id)
)

_LOCK = (
    select(conversation.c.id, conversation.c.revision)
    .where(conversation.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(conversation.c.id)
    .with_for_update()
)
