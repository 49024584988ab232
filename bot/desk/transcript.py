"""What was said in a conversation, with what happened in between, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.dead_letters import may_send_again
from bot.desk.labels import Delivered, delivered
from bot.pipeline.flow import Author, SendStatus
from bot.store.masks import mask_digits
from bot.store.tables import message, outbox, record, user
from bot.store.vault import PersonKey

MOST = 300  # messages of one conversation, the newest


class Happening(StrEnum):
    """What stands between the messages: the kinds of `record` that an agent wants to see."""

    HANDOFF = "handoff"
    CLAIMED = "case_claimed"
    RESOLVED = "case_resolved"
    GIVEN_BACK = "case_given_back"
    SENT_AGAIN = "case_sent_again"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    REMINDER = "reminder"
    END = "end"
    OPENED = "opened"  # the person opened the chat


@dataclass(frozen=True, slots=True)
class Entry:
    """A message, or with `happening` an event. `id` is the message's, 0 of an event. `by` is an
    agent's name; `state` is of our own texts; `detail` says why one failed, or the event's
    word;
    `turn` marks the first of several by the same author."""

    at: datetime
    id: int = 0
    author: Author | None = None
    by: str = ""
    text: str = ""
    label: str = ""  # the option that was tapped
    options: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    edited: bool = False
    state: Delivered | None = None
    detail: str = ""
    again: bool = False  # an agent may send it again
    happening: Happening | None = None
    turn: bool = True


async def load_transcript(
    conn: AsyncConnection, conversation_id: str, key: PersonKey | None
) -> tuple[Entry, ...]:
    """The newest MOST messages and what happened since the first of them. Of an erased person
    (`key` is None) only what happened is left."""
    messages: list[Entry] = []
    if key is not None:
        rows = await conn.execute(
            select(message, outbox.c.status, outbox.c.receipt, outbox.c.detail)
            .outerjoin(outbox, outbox.c.id == message.c.outbox_id)
            .where(message.c.conversation_id == conversation_id)
            .order_by(message.c.id.desc())
            .limit(MOST)
        )
        messages = [_entry(row, key) for row in reversed(rows.mappings().all()) if row["body"]]
    events = await _events(conn, conversation_id)
    if len(messages) == MOST:
        events = [entry for entry in events if entry.at >= messages[0].at]
    return tuple(_with_turns(_merged(messages, events)))


def text_of(body: Mapping[str, Any]) -> str:
    """The words of a message as agents see them; what answered the identity check is masked."""
    text = str(body.get("text") or "")
    return mask_digits(text) if body.get("personal") else text


def _merged(messages: list[Entry], events: list[Entry]) -> list[Entry]:
    """Messages stay in the order of their ids, whatever the clocks of the processes say; an event
    stands after the messages of its moment."""
    found: list[Entry] = []
    waiting = list(reversed(events))
    for entry in messages:
        while waiting and waiting[-1].at < entry.at:
            found.append(waiting.pop())
        found.append(entry)
    return [*found, *reversed(waiting)]


def _entry(row: RowMapping, key: PersonKey) -> Entry:
    if row["kind"] == "start":
        return Entry(row["at"], row["id"], happening=Happening.OPENED)
    body = orjson.loads(key.open(row["body"]))
    status = SendStatus(row["status"]) if row["status"] else None
    author, detail = Author(row["author"]), row["detail"] or ""
    return Entry(
        at=row["at"],
        id=row["id"],
        author=author,
        by=str(body.get("by", "")),
        text=text_of(body),
        label=str(body.get("label") or ""),
        options=tuple(str(option["label"]) for option in body.get("options", ())),
        media=tuple(str(kind) for kind in body.get("media", ())),
        edited=row["kind"] == "edit",
        state=delivered(status, row["receipt"]) if status else None,
        detail=detail,
        again=status is not None and may_send_again(author, status, detail),
    )


async def _events(conn: AsyncConnection, conversation_id: str) -> list[Entry]:
    kinds = [str(kind) for kind in Happening]
    rows = await conn.execute(
        select(record.c.at, record.c.kind, record.c.data)
        .where(record.c.conversation_id == conversation_id, record.c.kind.in_(kinds))
        .order_by(record.c.id)
    )
    found = list(rows)
    agents = {row.data["agent"] for row in found if "agent" in row.data}
    names = {}
    if agents:
        known = await conn.execute(select(user.c.id, user.c.name).where(user.c.id.in_(agents)))
        names = {row.id: row.name for row in known}
    return [
        Entry(
            row.at,
            by=names.get(row.data.get("agent", ""), ""),
            detail=str(row.data.get("reason") or row.data.get("outcome") or ""),
            happening=Happening(row.kind),
        )
        for row in found
    ]


def _with_turns(entries: list[Entry]) -> list[Entry]:
    """Mark where another one begins to speak."""
    found: list[Entry] = []
    before: tuple[Author | None, str] | None = None
    for entry in entries:
        speaker = None if entry.happening else (entry.author, entry.by)
        if speaker is not None and speaker == before:
            found.append(replace(entry, turn=False))
        else:
            found.append(entry)
        before = speaker
    return found
