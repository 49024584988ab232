"""What a supervisor, a balancer and Prometheus ask a process: does it live, can it work, its numbers.

Answers are remembered for a moment, so that nobody loads the database by asking often.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Select, func, literal_column, select, text, union_all
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot import metrics
from bot.pipeline.flow import Cause
from bot.pipeline.ingress import Ingress
from bot.services import Services
from bot.settings import Settings
from bot.store.schema import newest
from bot.store.tables import inbox, outbox, timer

T = TypeVar("T")

REMEMBERED_S = 2.0  # how old an answer of the database may be
PATIENCE_S = 3.0  # a database that takes longer counts as away
SAMPLE = 10_000  # waiting inbox rows looked at; of more, the oldest of these counts
PATHS = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Lags:
    """Seconds that the oldest due and unprocessed row of each queue waits; 0 where none is due."""

    inbox: float
    outbox: float
    timer: float


class Probes:
    """One per process. `not_ready` says why it takes no work though it could: it starts or stops."""

    def __init__(
        self,
        services: Services,
        ingress: Ingress,
        role: str = "all",
        version: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services, self._ingress = services, ingress
        self.not_ready = ""
        self._revision = _Remembered(self._read_revision, monotonic)
        self._lags = _Remembered(lambda: read_lags(services), monotonic)
        metrics.INFO.labels(role, version).set(1)

    async def answer(self, path: str) -> Answer:
        """The answer to one of PATHS."""
        if path == "/metrics":
            return await self.metrics()
        return await self.ready() if path == "/readyz" else self.health()

    def health(self) -> Answer:
        """The process lives: its event loop turns. Nothing else is asked, so that a database that
        is away does not get every process killed."""
        return Answer(200, b'{"status":"alive"}\n')

    async def ready(self) -> Answer:
        """200 if work can be done, 503 with the reasons if not. Without the bus work goes on from the
        database by the sweep: degraded, and still 200."""
        reasons = []
        if self.not_ready:
            reasons.append(self.not_ready)
        try:
            found = await self._revision()
        except _UNREADABLE as error:
            reasons.append(_why(error))
        else:
            # A newer schema is no reason: during an update old and new processes run side by side.
            if found < newest():
                reasons.append(f"the database is at {found}, not at {newest()}: huifang migrate")
        if reasons:
            return _json(503, "unavailable", reasons)
        if not self._services.bus.health().connected:
            return _json(200, "degraded", ["the bus is away; the sweep finds the work"])
        return _json(200, "ready", [])

    async def metrics(self) -> Answer:
        """The counters in Prometheus' text format, with what is read at this moment."""
        try:
            lags = await self._lags()
        except _UNREADABLE:
            nothing = float("nan")  # no alert on a lag fires while the database is away
            lags = Lags(nothing, nothing, nothing)
            metrics.DATABASE_UP.set(0)
        else:
            metrics.DATABASE_UP.set(1)
        metrics.INBOX_LAG.set(lags.inbox)
        metrics.OUTBOX_LAG.set(lags.outbox)
        metrics.TIMER_LAG.set(lags.timer)
        metrics.INGRESS_WAITING.set(self._ingress.waiting)
        metrics.LIVE_STREAMS.set(self._services.live.streams)
        bus = self._services.bus.health()
        metrics.BUS_UP.set(bus.connected)
        metrics.BUS_UNSENT.set(bus.unsent)
        metrics.BUS_DROPPED.set(bus.dropped)
        for topic, waiting in bus.waiting.items():
            metrics.BUS_WAITING.labels(str(topic)).set(waiting)
        return Answer(200, generate_latest(metrics.REGISTRY), CONTENT_TYPE_LATEST)

    async def _read_revision(self) -> str:
        async with self._services.db.read() as conn:
            found = await conn.scalar(text("SELECT version_num FROM alembic_version"))
        return str(found or "nothing")


async def read_lags(services: Services) -> Lags:
    """Ask the database by its partial indexes: cheap however many rows there are."""
    now = services.clock.now()
    async with services.db.read() as conn:
        row = (await conn.execute(_OLDEST)).one()

    def age(at: datetime | None) -> float:
        return max(0.0, (now - at).total_seconds()) if at else 0.0

    return Lags(age(row.inbox), age(row.outbox), age(row.timer))


def bears(authorization: str, settings: Settings) -> bool:
    """Whether this header brings the metrics token of the settings."""
    kind, _, given = authorization.partition(" ")
    if settings.metrics_token is None or kind != "Bearer":
        return False
    wanted = settings.metrics_token.get_secret_value()
    return hmac.compare_digest(given.encode(), wanted.encode())


class _Remembered(Generic[T]):
    """The last answer for REMEMBERED_S seconds; one question at a time goes to the database."""

    def __init__(self, ask: Callable[[], Awaitable[T]], monotonic: Callable[[], float]) -> None:
        self._ask, self._monotonic = ask, monotonic
        self._one = asyncio.Lock()
        self._last: T | Exception | None = None
        self._until = 0.0

    async def __call__(self) -> T:
        async with self._one:
            if self._last is None or self._monotonic() >= self._until:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        self._last = await self._ask()
                except _UNREADABLE as error:
                    self._last = error
                self._until = self._monotonic() + REMEMBERED_S
            if isinstance(self._last, Exception):
                raise self._last
            return self._last


def _why(error: Exception) -> str:
    if isinstance(error, DBAPIError) and "alembic_version" in str(error.orig):
        return "the database is empty: huifang migrate"
    return f"the database is away ({type(error).__name__})"


def _json(status: int, word: str, reasons: list[str]) -> Answer:
    return Answer(status, orjson.dumps({"status": word, "reasons": reasons}) + b"\n")


_UNREADABLE = (SQLAlchemyError, OSError, TimeoutError)

_WAITING = (
    select(inbox.c.received_at)
    .where(inbox.c.processed_at.is_(None))
    .order_by(inbox.c.conversation_id, inbox.c.id)
    .limit(literal_column(str(SAMPLE)))
    .subquery()
)


def _oldest_send(cause: Cause) -> Select[tuple[datetime]]:
    unsent = text(
        "status IN ('pending','claimed') AND attempts >= 0"
    )  # the words of its partial index
    first = func.min(outbox.c.due_at).label("due_at")
    return select(first).where(unsent, outbox.c.cause == str(cause))


_OLDEST = select(
    select(func.min(_WAITING.c.received_at)).scalar_subquery().label("inbox"),
    select(func.min(union_all(*map(_oldest_send, Cause)).subquery().c.due_at))
    .scalar_subquery()
    .label("outbox"),
    select(func.min(timer.c.due_at)).scalar_subquery().label("timer"),
)
