"""The list of cases: who waits, since when, what was said last, and who has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import RowMapping, func, select
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.labels import CaseStatus
from bot.desk.summary import shortened
from bot.desk.transcript import text_of
from bot.pipeline.flow import Author
from bot.safety.access import Permission, User
from bot.services import Services
from bot.store.tables import case, conversation, message, person, user
from bot.store.vault import PersonKey
from dialogs.script import HandoffReason

MOST = 200  # lines of one list; an agent who has more waiting takes from the top
LONGEST_PREVIEW = 90  # characters


class Tab(StrEnum):
    """Which cases a list holds. INBOX is what an agent works from: who waits, oldest first, then
    the agent's own."""

    INBOX = "inbox"
    MINE = "mine"
    ALL = "all"
    ENDED = "ended"


class Group(StrEnum):
    """The headings inside a list, in their order."""

    WAITING = "waiting"
    MINE = "mine"
    OTHERS = "others"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Line:
    """One case of the list. `since`: when it began to wait, else when something was said last.
    `name` is "" of somebody who was erased or never named; `owed`: the person wrote last."""

    id: str
    conversation_id: str
    group: Group
    name: str
    reason: HandoffReason
    account: str
    agent: str
    since: datetime
    preview: str
    preview_by: Author | None
    owed: bool
    erased: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """A list, and the two numbers that stand above every list."""

    tab: Tab
    lines: tuple[Line, ...]
    waiting: int
    mine: int


async def load_queue(services: Services, who: User, tab: Tab) -> Queue:
    """The cases of a tab as `who` may see them. Raises PermissionError without DESK_READ."""
    if not who.may(Permission.DESK_READ):
        raise PermissionError(Permission.DESK_READ)
    async with services.db.read() as conn:
        waiting, mine = await _counts(conn, who)
        rows = (await conn.execute(_cases(who, tab))).mappings().all()
        spoken = await _last_messages(conn, [row["conversation_id"] for row in rows])
        keys = await services.vault.keys(conn, {row["person_id"] for row in rows})
    lines = [_line(row, who, spoken, keys) for row in rows]
    order = list(Group)
    lines.sort(key=lambda line: order.index(line.group))
    return Queue(tab, tuple(lines), waiting, mine)


async def open_conversations(services: Services, who: User, ids: Sequence[str]) -> set[str]:
    """Those of the conversations of which `who` may hear, because they have a case."""
    if not who.may(Permission.DESK_READ) or not ids:
        return set()
    async with services.db.read() as conn:
        found = await conn.execute(
            select(case.c.conversation_id).where(case.c.conversation_id.in_(ids)).distinct()
        )
        return set(found.scalars())


async def _counts(conn: AsyncConnection, who: User) -> tuple[int, int]:
    own = sql_case((case.c.agent_id == who.id, 1), else_=0)
    rows = await conn.execute(
        select(case.c.status, func.count(), func.sum(own))
        .where(case.c.status.in_([CaseStatus.QUEUED.value, CaseStatus.CLAIMED.value]))
        .group_by(case.c.status)
    )
    found = {status: (count, int(mine or 0)) for status, count, mine in rows}
    waiting = found.get(CaseStatus.QUEUED.value, (0, 0))[0]
    return waiting, found.get(CaseStatus.CLAIMED.value, (0, 0))[1]


def _cases(who: User, tab: Tab) -> Any:
    rows = (
        select(
            case.c.id,
            case.c.conversation_id,
            case.c.person_id,
            case.c.reason,
            case.c.status,
            case.c.agent_id,
            case.c.opened_at,
            case.c.ended_at,
            conversation.c.account,
            person.c.name,
            person.c.erased_at,
            user.c.name.label("agent"),
        )
        .join(conversation, conversation.c.id == case.c.conversation_id)
        .join(person, person.c.id == case.c.person_id)
        .outerjoin(user, user.c.id == case.c.agent_id)
        .limit(MOST)
    )
    queued, claimed = case.c.status == "queued", case.c.status == "claimed"
    mine = claimed & (case.c.agent_id == who.id)
    oldest = rows.order_by(case.c.opened_at, case.c.id)
    match tab:
        case Tab.INBOX:
            return oldest.where(queued | mine)
        case Tab.MINE:
            return oldest.where(mine)
        case Tab.ALL:
            return oldest.where(queued | claimed)
        case Tab.ENDED:
            return rows.where(case.c.ended_at.is_not(None)).order_by(
                case.c.ended_at.desc(), case.c.id
            )


async def _last_messages(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Any]:
    """The newest text of each conversation that a human wrote: the bot's "a colleague will take this
    up" under every line would tell nobody apart. Of silence, the bot's."""
    if not ids:
        return {}
    by_people = sql_case((message.c.author != str(Author.BOT), message.c.id))
    newest = (
        select(func.coalesce(func.max(by_people), func.max(message.c.id)))
        .where(
            message.c.conversation_id.in_(set(ids)),
            message.c.author.in_([str(Author.PERSON), str(Author.BOT), str(Author.AGENT)]),
            message.c.kind != "start",
        )
        .group_by(message.c.conversation_id)
    )
    rows = await conn.execute(
        select(message.c.conversation_id, message.c.author, message.c.body, message.c.at).where(
            message.c.id.in_(newest)
        )
    )
    return {row["conversation_id"]: row for row in rows.mappings()}


def _line(
    row: RowMapping, who: User, spoken: Mapping[str, Any], keys: Mapping[str, PersonKey]
) -> Line:
    key, last = keys.get(row["person_id"]), spoken.get(row["conversation_id"])
    group = _group(row, who)
    preview = ""
    if key is not None and last is not None and last["body"]:
        body = orjson.loads(key.open(last["body"]))
        preview = shortened(text_of(body) or str(body.get("label") or ""), LONGEST_PREVIEW)
    by = Author(last["author"]) if last is not None else None
    said_at = last["at"] if last is not None else row["opened_at"]
    since = {Group.WAITING: row["opened_at"], Group.ENDED: row["ended_at"]}.get(group, said_at)
    return Line(
        id=row["id"],
        conversation_id=row["conversation_id"],
        group=group,
        name=key.open_or(row["name"]) if key else "",
        reason=HandoffReason(row["reason"]),
        account=row["account"],
        agent=row["agent"] or "",
        since=since,
        preview=preview,
        preview_by=by,
        owed=by is Author.PERSON and group is not Group.ENDED,
        erased=row["erased_at"] is not None,
    )


def _group(row: RowMapping, who: User) -> Group:
    if row["ended_at"] is not None:
        return Group.ENDED
    if row["status"] == CaseStatus.QUEUED:
        return Group.WAITING
    return Group.MINE if row["agent_id"] == who.id else Group.OTHERS
