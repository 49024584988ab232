"""What an agent does with a case. Each action is one transaction, and is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import RowMapping, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.control import Act, after
from bot.desk.dead_letters import may_send_again
from bot.pipeline.bus import Topic
from bot.pipeline.flow import Author, Cause, Control, InboxKind, SendStatus
from bot.safety.access import User
from bot.safety.guard import Violation, check_outgoing
from bot.safety.redact import RedactionContext, redact
from bot.services import Services
from bot.store.tables import (
    audit,
    case,
    conversation,
    inbox,
    message,
    outbox,
    person,
    record,
    user,
)
from bot.store.vault import PersonKey

LONGEST_REPLY = 4000  # characters; the smallest text limit of our channels is 4096


class DeskError(Exception):
    """The action cannot be done. `code` is a stable word, the text says what to do; `name` is the
    colleague who has the case, where that is the reason."""

    def __init__(self, code: str, text: str, name: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.name = name


class ForbiddenTextError(DeskError):
    """The text asks for a secret; `violations` says where."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("never_ask", "this text asks for something we never ask for")
        self.violations = violations


class SecretTextError(DeskError):
    """The text holds a secret, such as a card number: `cleaned` is the same without it."""

    def __init__(self, cleaned: str) -> None:
        super().__init__("secret", "this text held a secret, which was removed; read it again")
        self.cleaned = cleaned


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
        # The conversation first, as in every other action: two orders could meet in a deadlock.
        held = await _lock(conn, case_id)
        won = await conn.execute(
            update(case)
            .where(case.c.id == case_id, case.c.status == "queued")
            .values(status="claimed", agent_id=who.id, claimed_at=now)
        )
        if won.rowcount == 0 and held.agent_id != who.id:
            name = held.agent_name or held.status
            raise DeskError("taken", f"this case was taken by {name}", held.agent_name or "")
        if won.rowcount:
            await _set_control(conn, held, Act.CLAIM)
            await _write_down(conn, held, who, "claimed", now)
    await services.told([held.conversation_id])


async def reply(
    services: Services, case_id: str, who: User, text: str, *, seen: int, anyway: bool = False
) -> int:
    """Send a text to the person on the channel of the conversation; returns its message id.

    `seen` is the newest message on the agent's screen. Raises ForbiddenTextError, StaleScreenError
    (unless `anyway`), SecretTextError, DeskError `taken`, `empty` or `too_long`.
    """
    text = _written(text, who)
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
        key = await _key(conn, services, held)
        sent = await _insert_text(conn, key, held, who, text, epoch, now)
        if held.first_reply_at is None:
            await conn.execute(update(case).where(case.c.id == held.id).values(first_reply_at=now))
    await services.bus.publish(Topic.SENDS, [held.conversation_id])
    await services.told([held.conversation_id])
    return sent


async def write_note(services: Services, case_id: str, who: User, text: str) -> None:
    """A private note: a line of the transcript that has no outbox row, so no channel can get it."""
    text = _written(text, who)
    now = services.clock.now()
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        key = await _key(conn, services, held)
        await conn.execute(insert(message), _line(key, held, who, text, now, Author.NOTE))
    await services.told([held.conversation_id])


async def give_back(
    services: Services, case_id: str, who: User, *, resume: bool, seen: int | None = None
) -> None:
    """Let the bot go on at the question where it stopped, or end politely.

    With `seen`, the newest message on the agent's screen, StaleScreenError if there is a newer one.
    """
    ending = _Ending(Act.GIVE_BACK, "given_back", InboxKind.GIVEN_BACK, {"resume": resume})
    await _end(services, case_id, who, ending, seen)


async def resolve(services: Services, case_id: str, who: User, *, seen: int | None = None) -> None:
    """Close the case; the follow-up ends as handed off. `seen` as in `give_back`."""
    await _end(
        services, case_id, who, _Ending(Act.RESOLVE, "resolved", InboxKind.RESOLVED, {}), seen
    )


async def resend(services: Services, case_id: str, who: User, message_id: int) -> None:
    """Send a text of ours again that failed, or of which nobody can tell whether it arrived: the same
    outbox row, from the part on that failed. What it was before stands in the record and the audit
    log, so that a text which arrived twice can be explained.

    Raises DeskError `not_failed` (it is not, or no longer, such a text), `not_taken`, `taken`,
    `ended`, `opted_out`, `erased`.
    """
    now = services.clock.now()
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        _own(held, who)
        if held.control is not Control.HUMAN:
            raise DeskError("not_taken", "take the case first; until then the bot may speak")
        await _key(conn, services, held)
        if await conn.scalar(select(person.c.opted_out_at).where(person.c.id == held.person_id)):
            raise DeskError("opted_out", "the person wants no more messages; nothing was sent")
        row = await _failed(conn, held, message_id)
        await conn.execute(
            update(outbox)
            .where(outbox.c.id == row["id"])
            .values(
                status=str(SendStatus.PENDING),
                cause=str(Cause.REPLY),  # a person decided it
                attempts=0,
                detail=None,
                claimed_at=None,
                due_at=now,
                control_epoch=held.epoch,
                **(_FROM_THE_START if row["sent_at"] else {}),
            )
        )
        what = {"outbox": row["id"], "was": row["status"], "detail": row["detail"] or ""}
        await _write_down(conn, held, who, "sent_again", now, what)
    await services.bus.publish(Topic.SENDS, [held.conversation_id])
    await services.told([held.conversation_id])


# What the platform took and then could not deliver: nothing of it counts as done.
_FROM_THE_START = {
    "parts_done": 0,
    "provider_id": None,
    "sent_at": None,
    "receipt": None,
    "receipt_at": None,
}


async def _failed(conn: AsyncConnection, held: _Case, message_id: int) -> RowMapping:
    """The outbox row of a message that may be sent again. Raises DeskError `not_failed`."""
    found = await conn.execute(
        select(outbox)
        .join(message, message.c.outbox_id == outbox.c.id)
        .where(message.c.id == message_id, message.c.conversation_id == held.conversation_id)
        .with_for_update(of=outbox)  # a receipt may come at this moment
    )
    row = found.mappings().one_or_none()
    if row is None or not may_send_again(
        Author(row["author"]), SendStatus(row["status"]), row["detail"] or ""
    ):
        raise DeskError("not_failed", "this text did not fail; nothing was sent again")
    return row


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a case ends, and what the bot is told about it."""

    act: Act
    status: str
    kind: InboxKind
    payload: dict[str, Any]


async def _end(
    services: Services, case_id: str, who: User, ending: _Ending, seen: int | None
) -> None:
    now, status = services.clock.now(), ending.status
    async with services.db.write() as conn:
        held = await _lock(conn, case_id)
        if held.status not in ("queued", "claimed"):
            return
        _own(held, who)
        unseen = await _newer(conn, held, seen) if seen is not None else 0
        if unseen:
            raise StaleScreenError(unseen)
        if held.status == "queued":
            await _take(conn, held, who, now)
        await conn.execute(
            update(case).where(case.c.id == case_id).values(status=status, ended_at=now)
        )
        await _set_control(conn, held, ending.act)
        await _write_down(conn, held, who, status, now)
        key = await _key(conn, services, held)
        await conn.execute(
            insert(inbox),
            {
                "account": "desk",
                "external_id": f"{case_id}:{status}",
                "conversation_id": held.conversation_id,
                "person_id": held.person_id,
                "kind": str(ending.kind),
                "payload": key.seal(orjson.dumps(ending.payload).decode()),
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


async def _key(conn: AsyncConnection, services: Services, held: _Case) -> PersonKey:
    """The person's data key. Raises DeskError `erased`."""
    keys = await services.vault.keys(conn, [held.person_id])
    if held.person_id not in keys:
        raise DeskError("erased", "this person's data was erased; nothing can be written any more")
    return keys[held.person_id]


def _written(text: str, who: User) -> str:
    """The text without blank ends. Raises DeskError `empty`, `too_long` or `secret`."""
    text = text.strip()
    if not text:
        raise DeskError("empty", "write something first")
    if len(text) > LONGEST_REPLY:
        raise DeskError("too_long", f"at most {LONGEST_REPLY} characters; this has {len(text)}")
    cleaned = redact(text, RedactionContext(who.locale or "zh"))
    if cleaned.found:
        raise SecretTextError(cleaned.text)
    return text


def _own(held: _Case, who: User) -> None:
    if held.status == "claimed" and held.agent_id != who.id:
        raise DeskError("taken", f"this case is with {held.agent_name}", held.agent_name or "")
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
    conn: AsyncConnection,
    held: _Case,
    who: User,
    action: str,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    await conn.execute(
        insert(record),
        {
            "conversation_id": held.conversation_id,
            "followup_id": held.followup_id,
            "kind": f"case_{action}",
            "actor": "agent",
            "data": {"case": held.id, "agent": who.id, **(data or {})},
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
            "data": dict(data or {}),
        },
    )
