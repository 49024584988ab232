"""Outbox → gates → rate limit → channel → outcome.

A sender claims conversations, not rows: all that is due for one conversation is sent by one sender,
in order. A claim is a lease; when it runs out (the process died while sending) nobody can tell what
arrived: a reply is sent once more, anything else is left to a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import orjson
import structlog
from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.facts import send_facts
from bot.pipeline.flow import Cause, SendStatus
from bot.pipeline.outcomes import Done, write_outcomes
from bot.pipeline.rate import RateLimiter
from bot.safety.gates import VerdictKind, may_send
from bot.services import Services
from bot.store.tables import address, conversation, followup, outbox, person
from bot.store.vault import PersonKey
from channels.base import Channel, Outcome, OutcomeKind
from channels.message import Address, Option, Outgoing, Template

log = structlog.get_logger()

CONVERSATIONS = 64  # claimed in one transaction
LEASE = timedelta(seconds=60)  # longer than any send with its time-outs
ATTEMPTS = 8  # of one text, before it is given up
LONGEST_BACKOFF = 300.0  # seconds
PARALLEL = 32  # conversations sent to at the same time by one process
WORTH_WAITING = 2.0  # seconds that a sender waits for a rate limit; more is written as due later


@dataclass(frozen=True, slots=True)
class Due:
    """One claimed row, opened."""

    row: Mapping[str, Any]
    payload: dict[str, Any]
    to: Address


class Delivery:
    """One per process. `send_due` claims and sends once; the runtime calls it when woken."""

    def __init__(
        self,
        services: Services,
        http: aiohttp.ClientSession,
        on_sent: Callable[[Address], None] = lambda to: None,
    ) -> None:
        self._services = services
        self._on_sent = on_sent
        self._http = http
        self._rates = RateLimiter(time.monotonic)
        self._slots = asyncio.Semaphore(PARALLEL)

    async def send_due(self, conversation_ids: Collection[str] | None = None) -> int:
        """Send what is due, of these conversations or of any; returns the rows handled."""
        claimed = await self._claim(conversation_ids)
        if not claimed:
            return 0
        by_conversation: dict[str, list[Due]] = {}
        for due in claimed:
            by_conversation.setdefault(due.row["conversation_id"], []).append(due)
        done: list[Done] = []
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._send_all(rows)) for rows in by_conversation.values()]
        for task in tasks:
            done += task.result()
        await write_outcomes(self._services, done)
        return len(claimed)

    async def _claim(self, conversation_ids: Collection[str] | None) -> list[Due]:
        services, now = self._services, self._services.clock.now()
        async with services.db.write() as conn:
            heads = _heads(now)
            if conversation_ids is not None:
                heads = heads.where(conversation.c.id.in_(list(conversation_ids)))
            ids = list((await conn.execute(heads)).scalars())
            if not ids:
                return []
            await self._settle_expired(conn, ids, now)
            rows = (await conn.execute(_rows(ids, now))).mappings().all()
            rows = _without_gaps(rows)
            if not rows:
                return []
            await conn.execute(
                update(outbox)
                .where(outbox.c.id.in_([row["id"] for row in rows]))
                .values(
                    status=str(SendStatus.CLAIMED), claimed_at=now, attempts=outbox.c.attempts + 1
                )
            )
            keys = await services.vault.keys(conn, {row["person_id"] for row in rows})
        return [_open(row, keys) for row in rows if row["person_id"] in keys]

    async def _settle_expired(
        self, conn: AsyncConnection, ids: Collection[str], now: datetime
    ) -> None:
        """Claims of a process that died: a reply may be repeated, the rest is unknown."""
        mine = and_(
            outbox.c.conversation_id.in_(list(ids)),
            outbox.c.status == str(SendStatus.CLAIMED),
            outbox.c.claimed_at < now - LEASE,
        )
        again = and_(mine, outbox.c.cause == str(Cause.REPLY), outbox.c.attempts < ATTEMPTS)
        await conn.execute(
            update(outbox)
            .where(again)
            .values(status=str(SendStatus.PENDING), detail="sent again after unknown outcome")
        )
        await conn.execute(
            update(outbox)
            .where(mine)
            .values(status=str(SendStatus.UNKNOWN), detail="the sender died while sending")
        )

    async def _send_all(self, rows: list[Due]) -> list[Done]:
        """Send one conversation's rows in order; the first that has to wait stops the rest."""
        done: list[Done] = []
        async with self._slots:
            for index, due in enumerate(rows):
                try:
                    outcome = await self._send(due)
                except Exception as error:
                    log.exception("send_failed", outbox=due.row["id"])
                    outcome = Done.failed(due.row, f"bug:{type(error).__name__}")
                done.append(outcome)
                if outcome.status is SendStatus.PENDING:
                    done += [Done.released(later.row) for later in rows[index + 1 :]]
                    break
        return done

    async def _send(self, due: Due) -> Done:
        services = self._services
        channel = services.channels.get(due.row["account"])
        if channel is None:
            return Done.failed(due.row, "this channel account is not switched on")
        facts = await send_facts(services, due.row, channel)
        verdict = may_send(facts, services.limits)
        if verdict.kind is VerdictKind.DROP:
            return Done.dropped(due.row, verdict.reason)
        if verdict.kind is VerdictKind.DEFER:
            assert verdict.until is not None
            return Done.deferred(due.row, verdict.until, verdict.reason)
        outgoing = _outgoing(due.payload)
        if verdict.kind is VerdictKind.SEND_TEMPLATE:
            outgoing = _as_template(services, due, outgoing)
        return await self._send_parts(channel, due, outgoing)

    async def _send_parts(self, channel: Channel, due: Due, outgoing: Outgoing) -> Done:
        parts = channel.render(due.to, outgoing)
        provider_id = due.row["provider_id"] or ""
        for number in range(due.row["parts_done"], len(parts)):
            wait = self._wait(channel, due)
            if wait > WORTH_WAITING:
                until = self._services.clock.now() + timedelta(seconds=wait)
                return Done.deferred(due.row, until, "rate", parts_done=number)
            if wait:
                await asyncio.sleep(wait)
            outcome = await channel.send(parts[number], self._http)
            if outcome.kind is not OutcomeKind.OK:
                return self._not_sent(channel, due, outcome, number)
            provider_id = outcome.provider_id or provider_id
            self._on_sent(due.to)
        return Done.sent(due.row, provider_id, len(parts), self._services.clock.now())

    def _wait(self, channel: Channel, due: Due) -> float:
        caps, account = channel.caps, due.row["account"]
        whole = self._rates.reserve(account, caps.rate_per_s, max(1.0, caps.rate_per_s or 1))
        chat = self._rates.reserve(
            f"{account}\0{due.row['address_id']}", caps.chat_rate_per_s, caps.chat_burst
        )
        return max(whole, chat)

    def _not_sent(self, channel: Channel, due: Due, outcome: Outcome, parts_done: int) -> Done:
        now, row = self._services.clock.now(), due.row
        match outcome.kind:
            case OutcomeKind.RETRY_AFTER | OutcomeKind.QUOTA:
                wait = outcome.retry_after or 60.0
                self._rates.pause(row["account"], wait, channel.caps.rate_per_s or 1.0)
                until = now + timedelta(seconds=wait)
                return Done.deferred(row, until, outcome.detail, parts_done=parts_done)
            case OutcomeKind.TRANSIENT | OutcomeKind.AUTH | OutcomeKind.CONFIG:
                if row["attempts"] + 1 >= ATTEMPTS:
                    return Done.failed(row, f"{outcome.kind}: {outcome.detail}")
                until = now + timedelta(seconds=backoff(row["attempts"], row["id"]))
                done = Done.deferred(row, until, outcome.detail, parts_done=parts_done)
                return replace(done, new_address=outcome.new_address)
            case OutcomeKind.UNKNOWN if row["cause"] == Cause.REPLY and row["attempts"] < 2:
                until = now + timedelta(seconds=backoff(row["attempts"], row["id"]))
                return Done.deferred(
                    row, until, "sent again after unknown outcome", parts_done=parts_done
                )
            case OutcomeKind.UNKNOWN:
                return Done.unknown(row, outcome.detail, parts_done)
            case _:
                return replace(
                    Done.failed(row, f"{outcome.kind}: {outcome.detail}"), kind=outcome.kind
                )


def backoff(attempts: int, seed: int) -> float:
    """Seconds before the next attempt: doubling, bounded, spread by a share that `seed` decides."""
    share = 0.75 + (seed * 2654435761 % 1000) / 2000  # 0.75–1.25, the same for the same row
    return min(LONGEST_BACKOFF, 2.0**attempts) * share


def _heads(now: datetime) -> Any:
    """Conversations with something due that nobody else is sending to."""
    other = outbox.alias("other")
    held = exists().where(
        other.c.conversation_id == outbox.c.conversation_id,
        other.c.status == str(SendStatus.CLAIMED),
        other.c.claimed_at >= now - LEASE,
    )
    due = or_(
        and_(outbox.c.status == str(SendStatus.PENDING), outbox.c.due_at <= now),
        and_(outbox.c.status == str(SendStatus.CLAIMED), outbox.c.claimed_at < now - LEASE),
    )
    waiting = (
        select(outbox.c.conversation_id)
        .where(due, ~held)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(CONVERSATIONS)
    )
    return (
        select(conversation.c.id)
        .where(conversation.c.id.in_(waiting))
        .order_by(conversation.c.id)
        .with_for_update(skip_locked=True)
    )


def _rows(ids: Collection[str], now: datetime) -> Any:
    return (
        select(
            outbox,
            address.c.id.label("address_id"),
            address.c.value.label("address_value"),
            address.c.last_in_at,
            conversation.c.control,
            conversation.c.control_epoch.label("current_epoch"),
            person.c.zone,
            person.c.opted_out_at,
            person.c.erased_at,
            followup.c.script,
            followup.c.delivered_at.label("first_delivered_at"),
        )
        .join(conversation, conversation.c.id == outbox.c.conversation_id)
        .join(address, address.c.id == conversation.c.address_id)
        .join(person, person.c.id == outbox.c.person_id)
        .outerjoin(followup, followup.c.id == outbox.c.followup_id)
        .where(
            outbox.c.conversation_id.in_(list(ids)),
            outbox.c.status.in_([str(SendStatus.PENDING), str(SendStatus.CLAIMED)]),
        )
        .order_by(outbox.c.id)
    )


def _without_gaps(rows: Any) -> list[Any]:
    """Of each conversation the rows up to the first that is not due or is held by another."""
    taken, stopped = [], set()
    for row in rows:
        if row["conversation_id"] in stopped:
            continue
        if row["status"] != SendStatus.PENDING:
            stopped.add(row["conversation_id"])
        else:
            taken.append(row)
    return taken


def _open(row: Mapping[str, Any], keys: Mapping[str, PersonKey]) -> Due:
    key = keys[row["person_id"]]
    value = key.open(row["address_value"])
    return Due(row, orjson.loads(key.open(row["payload"])), Address(row["account"], value))


def _outgoing(payload: dict[str, Any]) -> Outgoing:
    options = tuple(Option(o["token"], o["label"], o.get("url", "")) for o in payload["options"])
    return Outgoing(payload["text"], options)


def _as_template(services: Services, due: Due, outgoing: Outgoing) -> Outgoing:
    """Outside the reply window: the operator's approved template instead of the text."""
    locale = due.payload.get("locale") or services.settings.locale
    name = services.settings.whatsapp.templates.get(locale, "")
    token = outgoing.options[0].token if outgoing.options else ""
    return replace(outgoing, template=Template(name, locale, (), token))
