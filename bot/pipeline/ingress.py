"""Webhook → inbox: what came in is durable before anybody is told that it was received.

Callers hand over what an adapter parsed and wait; one writer commits whatever has gathered
meanwhile in one transaction, so batches form by themselves while the previous commit is in flight.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import metrics
from bot.pipeline.bus import Topic
from bot.pipeline.flow import InboxKind
from bot.pipeline.places import find_places
from bot.pipeline.receipts import write_receipts
from bot.safety.redact import RedactionContext, redact
from bot.services import Services
from bot.store.addresses import Resolved, Sender, known_addresses
from bot.store.direct import Query, Together, bulk_insert, bulk_update
from bot.store.tables import address, inbox
from channels.message import Incoming, IncomingKind, Receipt

log = structlog.get_logger()

BATCH = 100  # rows in one commit (DESIGN, section 2)
WAITING_MAX = 5_000  # rows that wait for a commit; beyond it callers are told to come back
EARLY_MAX = 5_000  # receipts kept that came before their message was known as sent
EARLY_S = 1.0  # seconds between two looks at them
EARLY_LOOKS = 90  # the longest lease of a sender, and some more; then they are not ours


class OverloadedError(Exception):
    """Too much waits already; answer 503 so that the platform delivers again."""


@dataclass(slots=True)
class _Delivery:
    incoming: tuple[Incoming, ...]
    receipts: tuple[Receipt, ...]
    done: asyncio.Future[None]


class Ingress:
    """`accept` returns after the commit. `run` is the one writer; cancel it to stop."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting: list[_Delivery] = []
        self._rows = 0
        self._ready = asyncio.Event()
        self._early: dict[Receipt, int] = {}  # how often each was looked at

    @property
    def waiting(self) -> int:
        """Rows and receipts that wait for a commit."""
        return self._rows

    async def accept(self, incoming: Sequence[Incoming], receipts: Sequence[Receipt] = ()) -> None:
        """Make these durable. Raises OverloadedError, or the database's error: then nothing of it was
        kept, and the platform's own retry brings it again."""
        if not incoming and not receipts:
            return
        if self._rows > WAITING_MAX:
            metrics.OVERLOADED.inc()
            raise OverloadedError
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Delivery(tuple(incoming), tuple(receipts), done))
        self._rows += len(incoming) + len(receipts)
        self._ready.set()
        await done

    async def still_waits(self, incoming: Incoming) -> bool:
        """Whether no turn has taken this yet; False also where nobody can tell."""
        which = {"account": incoming.address.account, "external_id": incoming.external_id}
        try:
            async with self._services.db.read() as conn:
                return bool(await _STILL_WAITS.rows(conn, which))
        except (SQLAlchemyError, OSError):
            return False

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(EARLY_S if self._early else None):
                    await self._ready.wait()
            except TimeoutError:
                await self.look_again()
                continue
            batch = self._next_batch()
            if not batch:
                self._ready.clear()
                continue
            try:
                woken = await self._commit(batch)
            except Exception as error:
                await self._one_by_one(batch, error)
            else:
                _settle(batch)
                await self._services.bus.publish(Topic.TURNS, woken)

    async def look_again(self) -> None:
        """Try the receipts that came too early once more."""
        early, self._early = self._early, {}
        try:
            async with self._services.db.write() as conn:
                unknown = await write_receipts(conn, list(early))
        except Exception as error:
            log.error("receipts_refused", error=type(error).__name__)
            unknown = list(early)
        for receipt in unknown:
            if early[receipt] < EARLY_LOOKS and len(self._early) < EARLY_MAX:
                self._early[receipt] = early[receipt] + 1

    def _next_batch(self) -> list[_Delivery]:
        batch: list[_Delivery] = []
        rows = 0
        while self._waiting and rows < BATCH:
            item = self._waiting.pop(0)
            rows += len(item.incoming) + len(item.receipts)
            batch.append(item)
        self._rows -= rows
        return batch

    async def _one_by_one(self, batch: list[_Delivery], error: Exception) -> None:
        """One delivery that the database refuses must not take the others with it."""
        for item in batch:
            try:
                if len(batch) == 1:
                    raise error
                woken = await self._commit([item])
            except Exception as own:
                log.error("ingress_refused", error=type(own).__name__)
                if not item.done.done():
                    item.done.set_exception(own)
            else:
                _settle([item])
                await self._services.bus.publish(Topic.TURNS, woken)

    async def _commit(self, batch: list[_Delivery]) -> list[str]:
        services = self._services
        incoming = [one for item in batch for one in item.incoming]
        receipts = [one for item in batch for one in item.receipts]
        now = services.clock.now()
        early: list[Receipt] = []
        woken = [] if receipts else await self._from_known(incoming, now)
        if not woken:
            async with services.db.write() as conn:
                if incoming:
                    places = await find_places(conn, services, incoming, now)
                    await self._insert(conn, incoming, places, now)
                    woken = [place.conversation_id for place in places]
                if receipts:
                    early = await write_receipts(conn, receipts)
        for receipt in early[: EARLY_MAX - len(self._early)]:
            self._early.setdefault(receipt, 0)
        return woken

    async def _from_known(self, incoming: list[Incoming], now: datetime) -> list[str]:
        """The usual case, two round trips and no more: everybody wrote before. Nothing is done, and
        the list is empty, where that is not so."""
        services = self._services
        if any(one.kind is IncomingKind.START and one.token for one in incoming):
            return []
        senders = [Sender.of(one) for one in incoming]
        async with services.db.write_once() as conn:
            places = await known_addresses(conn, services.vault, senders)
            if places is None:
                return []
            await self._insert(conn, incoming, places, now)
        return [place.conversation_id for place in places]

    async def _insert(
        self,
        conn: AsyncConnection,
        incoming: list[Incoming],
        places: list[Resolved],
        now: datetime,
    ) -> None:
        """One statement: what came in, and that the channel's reply window is open for those who did
        something themselves."""
        services = self._services
        keys = await services.vault.keys(conn, {place.person_id for place in places})
        rows, heard = [], set()
        for one, place in zip(incoming, places, strict=True):
            if one.kind not in (IncomingKind.STOP, IncomingKind.RESUME):
                heard.add(place.address_id)
            if place.person_id not in keys:
                continue  # erased a moment ago
            payload = orjson.dumps(_payload(one, place, services.settings.locale)).decode()
            rows.append(
                {
                    "account": one.address.account,
                    "external_id": one.external_id,
                    "conversation_id": place.conversation_id,
                    "person_id": place.person_id,
                    "kind": str(InboxKind(one.kind)),
                    "payload": keys[place.person_id].seal(payload),
                    "received_at": now,
                }
            )
        # In one order everywhere, so that two processes cannot deadlock.
        windows = [{"id": key, "last_in_at": now, "unreachable_at": None} for key in sorted(heard)]
        new = await _RECEIVED.run(conn, rows, windows)
        metrics.received((str(row["account"]) for row in rows), (row["account"] for row in new))


def _settle(batch: list[_Delivery]) -> None:
    for item in batch:
        if not item.done.done():
            item.done.set_result(None)


def _payload(incoming: Incoming, place: Resolved, locale: str) -> dict[str, Any]:
    """What the turn needs, with the secrets removed before anything is stored."""
    payload: dict[str, Any] = {}
    if incoming.text:
        # Half a surrogate pair is no text that can be stored; the rest of the message is.
        text = incoming.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        cleaned = redact(text, RedactionContext(locale))
        payload["text"] = cleaned.text
        if cleaned.found:
            payload["redacted"] = [str(finding.kind) for finding in cleaned.found]
    if incoming.token and incoming.kind is IncomingKind.TAP:
        payload["token"] = incoming.token
    if incoming.media:
        payload["media"] = [str(item.kind) for item in incoming.media]
    if place.link_over:
        payload["link_over"] = True
    for key in ("message_id", "reply_to", "client_id"):
        value = getattr(incoming, key, "")
        if value:
            payload[key] = value
    return payload


_RECEIVED = Together(
    bulk_insert(
        inbox,
        "account",
        "external_id",
        "conversation_id",
        "person_id",
        "kind",
        "payload",
        "received_at",
        finish=lambda new: new.on_conflict_do_nothing().returning(inbox.c.account),
    ),
    bulk_update(address, ["id"], "last_in_at", "unreachable_at"),
    first=True,
)
_STILL_WAITS = Query(
    select(inbox.c.id).where(
        inbox.c.account == bindparam("account"),
        inbox.c.external_id == bindparam("external_id"),
        inbox.c.processed_at.is_(None),
    )
)
