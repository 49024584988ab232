"""One conversation's turn, computed without a database: inbox rows in, a plan of writes out."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.pipeline.flow import FROM_PERSON, Author, Cause, Control, InboxKind
from bot.pipeline.secrets import RecentText, clean, expectation, notice_for, without_pieces
from bot.safety.redact import Expectation
from channels.message import MediaKind
from dialogs.burst import TOGETHER, is_unfinished, stands_alone
from dialogs.context import Context, Mode
from dialogs.effects import (
    Abstained,
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
from dialogs.state import State, Status
from dialogs.texts import phrase
from kb.questions import asks

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
    to: str = ""  # the address itself, as the platform names it
    zone: str = "UTC"
    last_in_at: datetime | None = None
    first_delivered_at: datetime | None = None  # of the follow-up

    @property
    def token_scope(self) -> str:
        """What option tokens are made for: serials begin anew with every follow-up, so that a button
        of the one before must not answer this one."""
        return f"{self.id}:{self.followup_id}" if self.followup_id else self.id


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
    pieces: dict[str, str] = field(default_factory=dict)  # earlier texts that proved to be secret
    replied: bool = False  # the person did something
    epoch_before: int = 0
    waits: bool = False  # the conversation has texts that have not been sent yet
    sends_now: bool = False  # this process sends the texts as soon as they are committed


ContextFor = Callable[[Conversation, Mode], Context]
ReadToken = Callable[[str, str], tuple[int, int] | None]


def plan_turn(
    conversation: Conversation, now: datetime, context_for: ContextFor, read_token: ReadToken
) -> Plan:
    """Run the waiting rows through the engine, in order. A row that raises is parked with its
    error, and a person takes over; the others go on."""
    plan = Plan(conversation, now, epoch_before=conversation.epoch)
    following: list[InboxRow | None] = [*conversation.rows[1:], None]
    for row, after in zip(conversation.rows, following, strict=True):
        try:
            _take_row(plan, row, after, context_for, read_token)
        except Exception as error:
            log.exception("turn_failed", conversation=conversation.id, inbox=row.id)
            plan.failed[row.id] = place_of(error)
            _keep_only_clean(plan, row)
            _hand_over_broken(plan)
        plan.processed.append(row.id)
    return plan


def _take_row(
    plan: Plan,
    row: InboxRow,
    after: InboxRow | None,
    context_for: ContextFor,
    read_token: ReadToken,
) -> None:
    conversation = plan.conversation
    payload = dict(row.payload)
    if row.kind in FROM_PERSON:
        plan.replied = True
        plan.inbound.append(Inbound(row, payload))
        _answered_before_it_left(plan)
    event = _event(plan, row, payload, read_token)
    if event is None:
        return
    if isinstance(event, Said):
        event = replace(event, at=row.received_at, more=_goes_on(row, after))
    if row.kind in FROM_PERSON and conversation.control is Control.CLOSED:
        conversation.control = Control.BOT
        conversation.epoch += 1
    mode = {Control.QUEUED: Mode.QUEUED, Control.HUMAN: Mode.HUMAN}.get(
        conversation.control, Mode.BOT
    )
    step = advance(conversation.script, conversation.state, event, context_for(conversation, mode))
    conversation.state = step.state
    cause = Cause.REPLY if _by_person(row, event) else Cause.PROACTIVE
    sent = [Outbound(message, cause) for message in step.messages]
    plan.outbound.extend(sent)
    for effect in step.effects:
        _apply(plan, effect, sent)


def _goes_on(row: InboxRow, after: InboxRow | None) -> bool:
    """Whether the person wrote on within seconds, so that both are heard as one."""
    if after is None or after.kind is not InboxKind.TEXT or row.kind is not InboxKind.TEXT:
        return False
    said, then = str(row.payload.get("text", "")), str(after.payload.get("text", ""))
    if not is_unfinished(said) and stands_alone(then) and not asks(then):
        return False  # a question, and then the answer to ours: each is heard by itself
    return after.received_at - row.received_at <= TOGETHER


def _by_person(row: InboxRow, event: Event) -> bool:
    """Whether the person caused it; so did who said when to come back, or something in pieces."""
    by_wish = isinstance(event, Due) and event.kind in (TimerKind.RESUME, TimerKind.BURST)
    return by_wish or row.kind in (*FROM_PERSON, InboxKind.STOP, InboxKind.GIVEN_BACK)


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
            where = read_token(plan.conversation.token_scope, payload.get("token", ""))
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
            return Opened(link_over=bool(payload.get("link_over")))
        case InboxKind.STOP:
            return Left()
        case InboxKind.TIMER:
            if payload["followup"] != plan.conversation.followup_id:
                return None  # of a follow-up that this chat has left behind
            return Due(TimerKind(payload["timer"]), payload["serial"])
        case InboxKind.BEGIN:
            return Begin()
        case InboxKind.GIVEN_BACK:
            resume = bool(payload.get("resume"))
            if resume and plan.conversation.state.status is Status.NEW:
                return Begin()  # a follow-up that was started while a person spoke
            return GivenBack(resume=resume)
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
    if expects is Expectation.DIGITS_LAST4:
        payload["personal"] = True  # agents see it masked
    before = [item.text.strip() for item in conversation.recent]
    cleaned = clean(text, conversation.locale, expects, conversation.recent)
    if cleaned.kinds:
        text = payload["text"] = cleaned.text
        kinds += [str(kind) for kind in cleaned.kinds]
        payload["redacted"] = kinds
        _scrub(plan, before)
    conversation.recent.append(RecentText(0, payload))
    if kinds:
        plan.redacted.extend(kinds)
        return Redacted(tuple(kinds), notice_for(kinds, conversation.locale), text)
    ref = payload.get("reply_to" if edited else "message_id", "")
    return Said(text, edited=edited, ref=str(ref))


def _scrub(plan: Plan, before: list[str]) -> None:
    """Earlier texts proved to be pieces of a secret: they go from the answers, from what the engine
    remembers, and from what this plan is about to write."""
    conversation = plan.conversation
    pieces = {
        old: item.text.strip()
        for old, item in zip(before, conversation.recent, strict=False)
        if old and old != item.text.strip()
    }
    plan.pieces |= pieces
    state = conversation.state
    state.answers = without_pieces(state.answers, pieces)
    state.burst = without_pieces(state.burst, pieces)
    for asked in state.asked.values():
        asked.data = without_pieces(asked.data, pieces)
    for i, effect in enumerate(plan.effects):
        match effect:
            case Recorded(value=value):
                plan.effects[i] = replace(effect, value=without_pieces(value, pieces))
            case Abstained(question=question):
                plan.effects[i] = replace(effect, question=without_pieces(question, pieces))
            case _:
                pass
    for out in plan.outbound:
        out.message = replace(out.message, text=without_pieces(out.message.text, pieces))


def _answered_before_it_left(plan: Plan) -> None:
    """The person wrote before a reminder of this very turn went out: it is not needed any more, but
    what it would have started still runs. The opening of a follow-up stays."""
    if not plan.conversation.started:
        return
    for out in [out for out in plan.outbound if out.cause is Cause.PROACTIVE]:
        plan.outbound.remove(out)
        for timer in out.on_delivered:
            at = plan.now + timedelta(seconds=timer["after_s"])
            plan.effects.append(Schedule(TimerKind(timer["kind"]), timer["serial"], at=at))


def _keep_only_clean(plan: Plan, row: InboxRow) -> None:
    """A text that was not looked through for secrets is not shown to anybody."""
    newest = plan.inbound[-1] if plan.inbound else None
    if newest is None or newest.row is not row or not newest.body.get("text"):
        return
    if not any(item.body is newest.body for item in plan.conversation.recent):
        newest.body["text"] = ""


def parked(conversation: Conversation, now: datetime, row_id: int, why: str) -> Plan:
    """The plan that sets one row aside and lets a colleague take over; nothing of it is computed."""
    plan = Plan(conversation, now, epoch_before=conversation.epoch)
    plan.processed.append(row_id)
    plan.failed[row_id] = why
    _hand_over_broken(plan)
    return plan


def place_of(error: BaseException) -> str:
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
