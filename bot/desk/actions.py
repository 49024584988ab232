"""What an agent does with a case. Each action is one transaction, and is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.control import Act, after
from bot.pipeline.bus import Topic
from bot.pipeline.flow import Author, Cause, Control, InboxKind, SendStatus
from bot.safety.access import User
from bot.safety.guard import Violation, check_outgoing
from bot.services import Services
from bot.store.tables import audit, case, conversation, inbox, message, outbox, record, user
from bot.store.vault import PersonKey

LONGEST_REPLY = 4000  # characters; the smallest text limit of our channels is 4096


class DeskError(Exception):
    """The action cannot be done. `code` is a stable word, the text says what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class ForbiddenTextError(DeskError):
    """The text asks for a secret; `violations` says where."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("never_ask", "this text asks for something we never ask for")
        self.violations = violations


class StaleScreenError(DeskError):
    """The person wrote after what the agent had seen (DESK 13)."""

    def __init__(self, unseen: int) -> None:
        super().__init__("stale", "there is a newer message; read it, then send again")
        self.unseen = unseen


@dataclass(frozen=True, slots=True)
class _Case:
    """A locked case with its conversation."""

    id: str
    status: str
    agent_id: str | None
    agent_name: str | None
    conversation_id: str
    person_id: str
    followup_id: str | None
    account: str
    control: Control
    epoch: int
    first_reply_at: datetime | None


async def claim(services: Services, case_id: str, who: User) -> None:
    """Take a waiting case: exactly one agent wins. Raises DeskError `taken` naming the winner."""
    now = services.clock.now()
    async with services.db.write() as conn:
        won = await conn.execute(
            update(case)
            .where(case.c.id == case_id, case.c.status == "queued")
            .values(status="claimed", agent_id=who.id, claimed_at=now)
        )
        held = await _lock(conn, case_id)
        if won.rowcount == 0 and held.agent_id != who.id:
            name = held.agent_name or held.status
            raise DeskError("taken", f"this case was taken by {name}")
        if won.rowcount:
            await _set_control(conn, held, Act.CLAIM)
            await _write_down(conn, held, who, "claimed", now)
    await services.told([held.conversation_id])


async def reply(
    services: Services, case_id: str, who: User, text: str, *, seen: int, anyway: bool = False
) -> int:
    """Send a text to the person on the channel of the conversation; returns its message id.

    `seen` is the newest message on the agent's screen. Raises ForbiddenTextError, StaleScreenError
    (unless `anyway`), DeskError `taken`, `empty` or `too_long`.
    """
    text = text.strip()
    if not text:
        raise DeskError("empty", "write something first")
    if len(text) > LONGEST_REPLY:
        raise DeskError("too_long", f"at most {LONGEST_REPLY} characters; this has {len(text)}")
    violations = check_outgoing(text, services.company.domains)
    if violations:
        raise ForbiddenTextError(violations)
    now = services.clock.now()
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        _own(held, who)
        unseen = await _newer(conn, held, seen)
        if unseen and not anyway:
            raise StaleScreenError(unseen)
        epoch = await _set_control(conn, held, Act.HUMAN_WRITES)
        if held.status == "queued":
            await _take(conn, held, who, now)
        keys = await services.vault.keys(conn, [held.person_id])
        sent = await _insert_text(conn, keys[held.person_id], held, who, text, epoch, now)
        if held.first_reply_at is None:
            await conn.execute(update(case).where(case.c.id == held.id).values(first_reply_at=now))
    await services.bus.publish(Topic.SENDS, [held.conversation_id])
    await services.told([held.conversation_id])
    return sent


async def write_note(services: Services, case_id: str, who: User, text: str) -> None:
    """A private note: a line of the transcript that has no outbox row, so no channel can get it."""
    text = text.strip()
    if not text:
        raise DeskError("empty", "write something first")
    now = services.clock.now()
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        keys = await services.vault.keys(conn, [held.person_id])
        await conn.execute(
            insert(message), _line(keys[held.person_id], held, who, text, now, Author.NOTE)
        )
    await services.told([held.conversation_id])


async def give_back(services: Services, case_id: str, who: User, *, resume: bool) -> None:
    """Let the bot go on at the question where it stopped, or end politely."""
    kind = InboxKind.GIVEN_BACK
    await _end(services, case_id, who, Act.GIVE_BACK, "given_back", kind, {"resume": resume})


async def resolve(services: Services, case_id: str, who: User) -> None:
    """Close the case; the follow-up ends as handed off."""
    await _end(services, case_id, who, Act.RESOLVE, "resolved", InboxKind.RESOLVED, {})


async def resend(services: Services, case_id: str, who: User, message_id: int) -> None:
    """Try a failed text of an agent again. Raises DeskError `not_failed`."""
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        _own(held, who)
        row = await conn.scalar(
            select(message.c.outbox_id).where(
                message.c.id == message_id, message.c.conversation_id == held.conversation_id
            )
        )
        done = await conn.execute(
            update(outbox)
            .where(
                outbox.c.id == row,
                outbox.c.author == str(Author.AGENT),
                outbox.c.status.in_([str(SendStatus.FAILED), str(SendStatus.DROPPED)]),
            )
            .values(
                status=str(SendStatus.PENDING),
                attempts=0,
                detail=None,
                due_at=services.clock.now(),
                control_epoch=held.epoch,
            )
        )
        if done.rowcount == 0:
            raise DeskError("not_failed", "this text did not fail; nothing was sent again")
    await services.bus.publish(Topic.SENDS, [held.conversation_id])


async def _end(
    services: Services,
    case_id: str,
    who: User,
    act: Act,
    status: str,
    kind: InboxKind,
    payload: dict[str, Any],
) -> None:
    now = services.clock.now()
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        if held.status not in ("queued", "claimed"):
            return
        _own(held, who)
        if held.status == "queued":
            await _take(conn, held, who, now)
        await conn.execute(
            update(case).where(case.c.id == case_id).values(status=status, ended_at=now)
        )
        await _set_control(conn, held, act)
        await _write_down(conn, held, who, status, now)
        keys = await services.vault.keys(conn, [held.person_id])
        await conn.execute(
            insert(inbox),
            {
                "account": "desk",
                "external_id": f"{case_id}:{status}",
                "conversation_id": held.conversation_id,
                "person_id": held.person_id,
                "kind": str(kind),
                "payload": keys[held.person_id].seal(orjson.dumps(payload).decode()),
                "received_at": now,
            },
        )
    await services.bus.publish(Topic.TURNS, [held.conversation_id])
    await services.told([held.conversation_id])


async def _lock(conn: AsyncConnection, case_id: str) -> _Case:
    """The case and its conversation, held until the commit. Raises DeskError `gone`."""
    place = await conn.scalar(select(case.c.conversation_id).where(case.c.id == case_id))
    if place is None:
        raise DeskError("gone", "there is no such case")
    await conn.execute(
        select(conversation.c.id).where(conversation.c.id == place).with_for_update()
    )
    row = (
        await conn.execute(
            select(
                case,
                conversation.c.account,
                conversation.c.control,
                conversation.c.control_epoch,
                user.c.name.label("agent_name"),
            )
            .join(conversation, conversation.c.id == case.c.conversation_id)
            .outerjoin(user, user.c.id == case.c.agent_id)
            .where(case.c.id == case_id)
        )
    ).one()
    return _Case(
        row.id,
        row.status,
        row.agent_id,
        row.agent_name,
        row.conversation_id,
        row.person_id,
        row.followup_id,
        row.account,
        Control(row.control),
        row.control_epoch,
        row.first_reply_at,
    )


def _own(held: _Case, who: User) -> None:
    if held.status == "claimed" and held.agent_id != who.id:
        raise DeskError("taken", f"this case is with {held.agent_name}")
    if held.status not in ("queued", "claimed"):
        raise DeskError("ended", "this case is closed")


async def _take(conn: AsyncConnection, held: _Case, who: User, now: datetime) -> None:
    await conn.execute(
        update(case)
        .where(case.c.id == held.id)
        .values(status="claimed", agent_id=who.id, claimed_at=now)
    )
    await _write_down(conn, held, who, "claimed", now)


async def _set_control(conn: AsyncConnection, held: _Case, act: Act) -> int:
    """Change who may speak; a bot turn that is being computed meanwhile is dropped, because the
    revision grows. Returns the control epoch that is valid now."""
    control = after(held.control, act)
    if control is None or control is held.control:
        return held.epoch
    await conn.execute(
        update(conversation)
        .where(conversation.c.id == held.conversation_id)
        .values(
            control=str(control),
            control_epoch=held.epoch + 1,
            revision=conversation.c.revision + 1,
        )
    )
    return held.epoch + 1


async def _newer(conn: AsyncConnection, held: _Case, seen: int) -> int:
    count = await conn.scalar(
        select(func.count())
        .select_from(message)
        .where(
            message.c.conversation_id == held.conversation_id,
            message.c.id > seen,
            message.c.author == str(Author.PERSON),
        )
    )
    return int(count or 0)


def _line(
    key: PersonKey, held: _Case, who: User, text: str, now: datetime, author: Author
) -> dict[str, Any]:
    return {
        "conversation_id": held.conversation_id,
        "person_id": held.person_id,
        "followup_id": held.followup_id,
        "author": str(author),
        "agent_id": who.id,
        "kind": "text",
        "body": key.seal(orjson.dumps({"text": text, "by": who.name}).decode()),
        "at": now,
    }


async def _insert_text(
    conn: AsyncConnection,
    key: PersonKey,
    held: _Case,
    who: User,
    text: str,
    epoch: int,
    now: datetime,
) -> int:
    row = {
        "conversation_id": held.conversation_id,
        "person_id": held.person_id,
        "followup_id": held.followup_id,
        "account": held.account,
        "author": str(Author.AGENT),
        "cause": str(Cause.REPLY),
        "control_epoch": epoch,
        "payload": key.seal(orjson.dumps({"text": text, "options": []}).decode()),
        "due_at": now,
        "status": str(SendStatus.PENDING),
        "attempts": 0,
        "parts_done": 0,
        "created_at": now,
    }
    outbox_id = (await conn.execute(insert(outbox).returning(outbox.c.id), row)).scalar_one()
    line = {**_line(key, held, who, text, now, Author.AGENT), "outbox_id": outbox_id}
    added = await conn.execute(insert(message).returning(message.c.id), line)
    return int(added.scalar_one())


async def _write_down(
    conn: AsyncConnection, held: _Case, who: User, action: str, now: datetime
) -> None:
    await conn.execute(
        insert(record),
        {
            "conversation_id": held.conversation_id,
            "followup_id": held.followup_id,
            "kind": f"case_{action}",
            "actor": "agent",
            "data": {"case": held.id, "agent": who.id},
            "at": now,
        },
    )
    await conn.execute(
        insert(audit),
        {
            "at": now,
            "actor": who.login,
            "action": f"case.{action}",
            "object": f"case:{held.id}",
            "data": {},
        },
    )
