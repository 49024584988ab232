"""Plans become rows: what each conversation's turn writes, gathered for one statement a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from bot.pipeline.answers import Answers
from bot.pipeline.flow import FEED_CHANNELS, Author, Flow, InboxKind, SendStatus
from bot.pipeline.plan import Outbound, Plan
from bot.services import Services
from bot.store.columns import Ciphertext
from bot.store.ids import new_id
from bot.store.vault import PersonKey
from dialogs.effects import (
    Abstained,
    Answered,
    Clarified,
    Corrected,
    Effect,
    Ended,
    HandOff,
    Helped,
    IdentityChecked,
    LocaleChanged,
    Muted,
    Offered,
    OptIn,
    OptOut,
    Recorded,
    Reminded,
    Schedule,
    StepPassed,
    Withdrawn,
)
from dialogs.state import FollowupOutcome

Row = dict[str, Any]
FOLLOWUP_CHANGES = (
    "flow",
    "outcome",
    "account",
    "locale",
    "started_at",
    "replied_at",
    "ended_at",
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text to send: its outbox row, its line of the transcript, and what is sealed in both."""

    plan: Plan
    row: Row
    line: Row
    body: Row


class Batch:
    """Rows collected for each table, then written with one statement a table."""

    def __init__(self, services: Services, keys: Mapping[str, PersonKey], now: datetime) -> None:
        self.services, self.keys, self.now = services, keys, now
        self.processed: list[int] = []
        self.failed: list[Row] = []
        self.conversations: list[Row] = []
        self.followups: dict[str, Row] = {}  # by id; None: stays as it is
        self.inbound: list[Row] = []
        self.rewritten: list[Row] = []
        self.outbound: list[Text] = []
        self.timers: list[Row] = []
        self.answers = Answers()
        self.spread: list[Plan] = []  # turns that found a secret spread over earlier texts
        self.woken: list[str] = []  # conversations whose person acted
        self.records: list[Row] = []
        self.offers: list[Row] = []
        self.uses: list[Row] = []
        self.helped: list[Row] = []
        self.gaps: list[Row] = []
        self.cases: list[Row] = []
        self.consents: list[Row] = []
        self.opted: list[Row] = []
        self.restamped: list[Row] = []  # conversations whose unsent texts stay valid

    @property
    def is_usual(self) -> bool:
        """Whether there is nothing of what most batches have nothing of."""
        rare = (self.failed, self.gaps, self.cases, self.consents, self.offers, self.spread)
        more = (self.opted, self.rewritten, self.restamped, self.woken, self.helped)
        return not any(rare) and not any(more) and not self.answers.changes

    def seal(self, plan: Plan, value: Any) -> Ciphertext:
        return self.keys[plan.conversation.person_id].seal(orjson.dumps(value).decode())


def collect(batch: Batch, plan: Plan) -> None:
    """Add everything that one plan writes."""
    item = plan.conversation
    batch.processed += [row_id for row_id in plan.processed if row_id not in plan.failed]
    bodies = {inbound.row.id: inbound.body for inbound in plan.inbound}
    for row_id, why in plan.failed.items():
        # Kept for whoever looks into it, without what only the turn knows to be a secret.
        kept = batch.seal(plan, _shown(bodies.get(row_id, {})))
        batch.failed.append({"row": row_id, "why": why, "kept": kept})
    if plan.pieces:
        batch.spread.append(plan)
        for name, value in item.state.answers.items():
            touched = isinstance(value, str) and any(new in value for new in plan.pieces.values())
            if touched and item.followup_id is not None:
                batch.answers.rewrite((item.followup_id, name), batch.seal(plan, value))
    if plan.replied and plan.waits:
        batch.woken.append(item.id)
    feeds = item.account.startswith(FEED_CHANNELS)
    for inbound in plan.inbound:
        item.feed += feeds
        batch.inbound.append(
            {
                "conversation_id": item.id,
                "person_id": item.person_id,
                "followup_id": item.followup_id,
                "author": str(Author.PERSON),
                "kind": str(inbound.row.kind),
                "body": batch.seal(plan, _shown(inbound.body)),
                "outbox_id": None,
                "feed": item.feed if feeds else None,
                "at": inbound.row.received_at,
            }
        )
    for text in item.recent:
        if text.changed and text.message_id:
            body = batch.seal(plan, text.body)
            batch.rewritten.append({"row": text.message_id, "new_body": body})
    for outbound in _joined(batch, plan):
        batch.outbound.append(_outgoing(batch, plan, outbound))
    for effect in plan.effects:
        _collect_effect(batch, plan, effect)
    for kind in plan.redacted:
        _record(batch, plan, "redacted", {"secret": kind}, "person")
    _collect_followup(batch, plan)
    batch.conversations.append(
        {
            "id": item.id,
            "state": batch.seal(plan, item.state.to_json()),
            "control": str(item.control),
            "control_epoch": item.epoch,
            "revision": item.revision + 1,
            "feed": item.feed,
            "locale": item.state.locale,
            "last_in_at": batch.now if plan.replied else None,
            "last_out_at": batch.now if plan.outbound else None,
        }
    )
    if item.epoch != plan.epoch_before and plan.waits:
        batch.restamped.append(
            {"row": item.id, "old_epoch": plan.epoch_before, "new_epoch": item.epoch}
        )


def _shown(body: Row) -> Row:
    """What the transcript keeps of an inbound row: nothing that only the platform needs."""
    kept = ("text", "label", "media", "redacted", "personal", "message_id", "client_id")
    return {key: body[key] for key in kept if body.get(key)}


def _joined(batch: Batch, plan: Plan) -> list[Outbound]:
    """The texts as they go out: one for the whole turn where the channel wants few messages. Options
    end a text, as a message has one set of them."""
    channel = batch.services.channels.get(plan.conversation.account)
    if channel is None or not channel.caps.joins_texts:
        return plan.outbound
    joined: list[Outbound] = []
    for item in plan.outbound:
        before = joined[-1] if joined else None
        if before is None or before.message.options or before.cause is not item.cause:
            joined.append(item)
            continue
        text = f"{before.message.text}\n\n{item.message.text}"
        timers = [*before.on_delivered, *item.on_delivered]
        preview = item.message.preview or before.message.preview
        said = replace(item.message, text=text, preview=preview)
        joined[-1] = replace(item, message=said, on_delivered=timers)
    return joined


def _outgoing(batch: Batch, plan: Plan, outbound: Outbound) -> Text:
    item, said = plan.conversation, outbound.message
    tokens = [
        batch.services.vault.option_token(item.token_scope, said.serial, option.index)
        for option in said.options
    ]
    body = {
        "text": said.text,
        "options": [
            {"token": token, "label": option.label}
            for token, option in zip(tokens, said.options, strict=True)
        ],
        "question": said.question,
        "locale": item.state.locale,
    }
    if said.preview:
        body["preview"] = said.preview
    sealed = batch.seal(plan, body)
    row = {
        "conversation_id": item.id,
        "person_id": item.person_id,
        "followup_id": item.followup_id,
        "account": item.account,
        "author": str(outbound.author),
        "cause": str(outbound.cause),
        "control_epoch": item.epoch,
        "payload": sealed,
        "on_delivered": outbound.on_delivered or None,
        "due_at": batch.now,
        "status": str(SendStatus.CLAIMED if plan.sends_now else SendStatus.PENDING),
        "claimed_at": batch.now if plan.sends_now else None,
        "attempts": int(plan.sends_now),
        "parts_done": 0,
        "created_at": batch.now,
    }
    line = {
        "conversation_id": item.id,
        "person_id": item.person_id,
        "followup_id": item.followup_id,
        "author": str(outbound.author),
        "kind": "text",
        "body": sealed,
        "feed": None,
        "at": batch.now,
    }
    return Text(plan, row, line, body)


def _record(batch: Batch, plan: Plan, kind: str, data: Row, actor: str = "bot") -> None:
    batch.records.append(
        {
            "conversation_id": plan.conversation.id,
            "followup_id": plan.conversation.followup_id,
            "kind": kind,
            "actor": actor,
            "data": data,
            "at": batch.now,
        }
    )


def _collect_effect(batch: Batch, plan: Plan, effect: Effect) -> None:
    """Every effect becomes a record; some of them are rows of their own besides."""
    item = plan.conversation
    match effect:
        case Recorded(name=name, value=value, step=step):
            _collect_result(batch, plan, name, value, step)
            _record(batch, plan, "result", {"name": name, "step": step}, "person")
        case Corrected(name=name, new=new, step=step):
            if item.followup_id is not None:
                key = item.followup_id, name
                batch.answers.correct(key, batch.seal(plan, new), _number(new))
            _record(batch, plan, "corrected", {"name": name, "step": step}, "person")
        case Withdrawn(name=name, step=step):
            if item.followup_id is not None:
                batch.answers.withdraw((item.followup_id, name))
            _record(batch, plan, "withdrawn", {"name": name, "step": step})
        case StepPassed(step=step, how=how):
            _record(batch, plan, "step", {"step": step, "how": str(how)})
        case HandOff(reason=reason):
            batch.cases.append(_case(batch, plan, str(reason)))
            _record(batch, plan, "handoff", {"reason": str(reason)})
        case Schedule(kind=kind, serial=serial, at=at) if at is not None:
            batch.timers.append(_timer(plan, str(kind), serial, at))
        case OptOut():
            _collect_consent(batch, plan, "withdrawn")
            _record(batch, plan, "opted_out", {}, "person")
        case OptIn():
            _collect_consent(batch, plan, "given")
            _record(batch, plan, "opted_in", {}, "person")
        case Answered(article=article, version=version, score=score):
            batch.uses.append(_use(batch, plan, article, version, score))
            _record(
                batch, plan, "answered", {"article": article, "version": version, "score": score}
            )
        case Clarified(articles=articles):
            _record(batch, plan, "clarified", {"articles": list(articles)})
        case Abstained(question=question):
            batch.gaps.append(_gap(batch, plan, question))
            _record(batch, plan, "abstained", {})
        case Helped(article=article, helpful=helpful):
            batch.helped.append({"c": item.id, "a": article, "yes": helpful})
            _record(batch, plan, "helped", {"article": article, "helpful": helpful}, "person")
        case Reminded(step=step):
            _record(batch, plan, "reminder", {"step": step})
        case Offered(offer=name):
            batch.offers.append({"followup_id": item.followup_id, "offer": name, "at": batch.now})
            _record(batch, plan, "offered", {"offer": name})
        case IdentityChecked(passed=passed):
            _record(batch, plan, "identity", {"passed": passed})
        case LocaleChanged(locale=locale):
            _record(batch, plan, "locale", {"locale": locale}, "person")
        case Ended(outcome=outcome):
            _record(batch, plan, "end", {"outcome": str(outcome)})
        case Muted():
            _record(batch, plan, "muted", {})
        case _:
            pass


def _collect_result(batch: Batch, plan: Plan, name: str, value: Any, step: str) -> None:
    if plan.conversation.followup_id is None:
        return
    sealed = batch.seal(plan, value)
    batch.answers.record(
        {
            "followup_id": plan.conversation.followup_id,
            "name": name,
            "person_id": plan.conversation.person_id,
            "step": step,
            "value": sealed,
            "first_value": sealed,
            "corrections": 0,
            "withdrawn": False,
            "at": batch.now,
            "number": _number(value),
        }
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _case(batch: Batch, plan: Plan, reason: str) -> Row:
    item = plan.conversation
    return {
        "id": new_id(batch.now),
        "conversation_id": item.id,
        "person_id": item.person_id,
        "followup_id": item.followup_id,
        "reason": reason,
        "status": "queued",
        "opened_at": batch.now,
    }


def _timer(plan: Plan, kind: str, serial: int, due_at: datetime) -> Row:
    item = plan.conversation
    return {
        "conversation_id": item.id,
        "person_id": item.person_id,
        "followup_id": item.followup_id,
        "kind": kind,
        "serial": serial,
        "due_at": due_at,
    }


def _use(batch: Batch, plan: Plan, article: str, version: int, score: float) -> Row:
    return {
        "conversation_id": plan.conversation.id,
        "article": article,
        "version": version,
        "locale": plan.conversation.state.locale,
        "score": score,
        "rank": 1,
        "at": batch.now,
    }


def _gap(batch: Batch, plan: Plan, question: str) -> Row:
    item = plan.conversation
    return {
        "conversation_id": item.id,
        "person_id": item.person_id,
        "locale": item.state.locale,
        "question": batch.seal(plan, question),
        "state": "open",
        "at": batch.now,
    }


def _collect_consent(batch: Batch, plan: Plan, action: str) -> None:
    item = plan.conversation
    out_at = batch.now if action == "withdrawn" else None
    batch.opted.append({"row": item.person_id, "out_at": out_at})
    batch.consents.append(
        {
            "id": new_id(batch.now),
            "person_id": item.person_id,
            "account": item.account,
            "purpose": "service",
            "action": action,
            "wording": f"{item.state.script}-{item.state.version}",
            "locale": item.state.locale,
            "source": "chat",
            "at": batch.now,
        }
    )


def _collect_followup(batch: Batch, plan: Plan) -> None:
    item = plan.conversation
    if item.followup_id is None:
        return
    change: Row = {}
    if not item.started and plan.outbound:
        change |= {"flow": str(Flow.IN_SCRIPT), "started_at": batch.now}
        change |= {"account": item.account, "locale": item.state.locale}
    if not item.replied and any(r.row.kind is not InboxKind.START for r in plan.inbound):
        change["replied_at"] = batch.now
    for effect in plan.effects:
        if isinstance(effect, Ended):
            completed = effect.outcome is FollowupOutcome.COMPLETED
            change["flow"] = str(Flow.DONE if completed else Flow.STOPPED)
            change |= {"outcome": str(effect.outcome), "ended_at": batch.now}
    if change:
        batch.followups[item.followup_id] = {**_UNCHANGED, "id": item.followup_id, **change}


_UNCHANGED: Row = dict.fromkeys(FOLLOWUP_CHANGES)
