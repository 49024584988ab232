"""One conversation's turn, computed without a database: inbox rows in, a plan of writes out."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from bot.pipeline.flow import FROM_PERSON, Author, Cause, Control, InboxKind
from bot.pipeline.secrets import RecentText, clean, expectation, notice_for
from channels.message import MediaKind
from dialogs.context import Context, Mode
from dialogs.effects import (
    Effect,
    HandOff,
    LocaleChanged,
    Message,
    OptIn,
    OptOut,
    Recorded,
    Schedule,
)
from dialogs.engine import advance
from dialogs.events import (
    Begin,
    Due,
    Event,
    GivenBack,
    Left,
    Opened,
    Redacted,
    Resolved,
    Said,
    Sent,
    Tapped,
    TimerKind,
)
from dialogs.script import HandoffReason, Script
from dialogs.state import State
from dialogs.texts import phrase

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class InboxRow:
    """One row of the inbox, opened. `payload` is what ingress wrote."""

    id: int
    kind: InboxKind
    payload: dict[str, Any]
    received_at: datetime


@dataclass(slots=True)
class Conversation:
    """What a turn knows of a conversation before it runs. Changed by the plan as rows are read."""

    id: str
    person_id: str
    address_id: str
    account: str
    followup_id: str | None
    state: State
    script: Script
    control: Control
    epoch: int
    revision: int
    feed: int
    locale: str
    opted_out: bool
    started: bool  # the follow-up said something already
    replied: bool  # the person answered something already
    rows: list[InboxRow]
    recent: list[RecentText] = field(default_factory=list)


@dataclass(slots=True)
class Inbound:
    """A line of the transcript that the person wrote; `body` has no secrets any more."""

    row: InboxRow
    body: dict[str, Any]


@dataclass(slots=True)
class Outbound:
    message: Message
    cause: Cause
    on_delivered: list[dict[str, Any]] = field(default_factory=list)
    author: Author = Author.BOT


@dataclass(slots=True)
class Plan:
    """All that one conversation's turn writes, in order."""

    conversation: Conversation
    now: datetime
    inbound: list[Inbound] = field(default_factory=list)
    outbound: list[Outbound] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    redacted: list[str] = field(default_factory=list)
    processed: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    replied: bool = False  # the person did something
    epoch_before: int = 0


ContextFor = Callable[[Conversation, Mode], Context]
ReadToken = Callable[[str, str], tuple[int, int] | None]


def plan_turn(
    conversation: Conversation, now: datetime, context_for: ContextFor, read_token: ReadToken
) -> Plan:
    """Run the waiting rows through the engine, in order. A row that raises is parked with its
    error, and a person takes over; the others go on."""
    plan = Plan(conversation, now, epoch_before=conversation.epoch)
    for row in conversation.rows:
        try:
            _take_row(plan, row, context_for, read_token)
        except Exception as error:
            log.exception("turn_failed", conversation=conversation.id, inbox=row.id)
            plan.failed[row.id] = _place(error)
            _hand_over_broken(plan)
        plan.processed.append(row.id)
    return plan


def _take_row(plan: Plan, row: InboxRow, context_for: ContextFor, read_token: ReadToken) -> None:
    conversation = plan.conversation
    payload = dict(row.payload)
    event = _event(plan, row, payload, read_token)
    if row.kind in FROM_PERSON:
        plan.replied = True
        plan.inbound.append(Inbound(row, payload))
    if event is None:
        return
    if row.kind in FROM_PERSON and conversation.control is Control.CLOSED:
        conversation.control = Control.BOT
        conversation.epoch += 1
    mode = {Control.QUEUED: Mode.QUEUED, Control.HUMAN: Mode.HUMAN}.get(
        conversation.control, Mode.BOT
    )
    step = advance(conversation.script, conversation.state, event, context_for(conversation, mode))
    conversation.state = step.state
    by_person = row.kind in FROM_PERSON or row.kind in (InboxKind.STOP, InboxKind.GIVEN_BACK)
    cause = Cause.REPLY if by_person else Cause.PROACTIVE
    sent = [Outbound(message, cause) for message in step.messages]
    plan.outbound.extend(sent)
    for effect in step.effects:
        _apply(plan, effect, sent)


def _apply(plan: Plan, effect: Effect, sent: list[Outbound]) -> None:
    """What an effect changes before the next row is read; the rest is written in bulk later."""
    conversation = plan.conversation
    plan.effects.append(effect)
    match effect:
        case HandOff():
            conversation.control = Control.QUEUED
            conversation.epoch += 1
        case Schedule(kind=kind, serial=serial, after=after) if after is not None and sent:
            timer = {"kind": str(kind), "serial": serial, "after_s": after.total_seconds()}
            sent[-1].on_delivered.append(timer)
        case LocaleChanged(locale=locale):
            conversation.locale = locale
        case OptOut():
            conversation.opted_out = True
        case OptIn():
            conversation.opted_out = False
        case _:
            pass


def _event(
    plan: Plan, row: InboxRow, payload: dict[str, Any], read_token: ReadToken
) -> Event | None:
    match row.kind:
        case InboxKind.TEXT | InboxKind.EDIT:
            return _said(plan, payload, edited=row.kind is InboxKind.EDIT)
        case InboxKind.TAP:
            where = read_token(plan.conversation.id, payload.get("token", ""))
            if where is None:
                return Tapped(None)
            payload["label"] = _label(plan.conversation.state, *where)
            return Tapped(*where)
        case InboxKind.MEDIA:
            if payload.get("text"):
                return _said(plan, payload, edited=False)
            media = payload.get("media") or [MediaKind.OTHER]
            return Sent(str(media[0]))
        case InboxKind.START:
            return Opened()
        case InboxKind.STOP:
            return Left()
        case InboxKind.TIMER:
            return Due(TimerKind(payload["timer"]), payload["serial"])
        case InboxKind.BEGIN:
            return Begin()
        case InboxKind.GIVEN_BACK:
            return GivenBack(resume=bool(payload.get("resume")))
        case InboxKind.RESOLVED:
            return Resolved()
        case InboxKind.RESUME:
            return None


def _label(state: State, serial: int, index: int) -> str:
    """What stood on the option, for the transcript; "" if it is forgotten."""
    asked = state.asked.get(str(serial))
    labels = asked.data.get("labels", []) if asked else []
    return str(labels[index]) if index < len(labels) else ""


def _said(plan: Plan, payload: dict[str, Any], *, edited: bool) -> Event:
    """Words, with the secrets out that only the pending question can tell."""
    conversation = plan.conversation
    text = str(payload.get("text", ""))
    kinds = [str(kind) for kind in payload.get("redacted", [])]
    expects = expectation(conversation.script, conversation.state)
    before = {item.message_id: item.text for item in conversation.recent}
    cleaned = clean(text, conversation.locale, expects, conversation.recent)
    if cleaned.kinds:
        text = payload["text"] = cleaned.text
        kinds += [str(kind) for kind in cleaned.kinds]
        payload["redacted"] = kinds
        _scrub_answers(plan, before)
    if kinds:
        plan.redacted.extend(kinds)
        return Redacted(tuple(kinds), notice_for(kinds, conversation.locale), text)
    return Said(text, edited=edited)


def _scrub_answers(plan: Plan, before: dict[int, str]) -> None:
    """A piece of a secret that was taken for an answer is rewritten there too."""
    conversation = plan.conversation
    for item in conversation.recent:
        old = before.get(item.message_id)
        if old is None or old == item.text:
            continue
        for name, value in conversation.state.answers.items():
            if isinstance(value, str) and value.strip() == old.strip():
                conversation.state.answers[name] = item.text
                step = conversation.script.names.get(name, name)
                plan.effects.append(Recorded(name, item.text, step))


def _place(error: Exception) -> str:
    """Where it broke, without the values: they may be personal."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}"


def _hand_over_broken(plan: Plan) -> None:
    """Our own mistake must not cost the person the conversation: a colleague takes it."""
    if plan.conversation.control is not Control.BOT:
        return
    text = phrase("handoff_not_understood", plan.conversation.locale, {})
    sent = [Outbound(Message(text), Cause.REPLY)]
    plan.outbound.extend(sent)
    _apply(plan, HandOff(HandoffReason.BOT_ERROR), sent)
