"""What a process counts for Prometheus. Labels are account, outcome and the like: never a person.

Counting costs below a microsecond, so that the hot path can afford it: the children of labels are
looked up in a plain dictionary, and the hooks are one line each.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

if TYPE_CHECKING:
    from bot.pipeline.outcomes import Done

Metric = TypeVar("Metric", Counter, Histogram)

FAST = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10)  # seconds
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)  # seconds

REGISTRY = CollectorRegistry(auto_describe=False)
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


class Children(dict[tuple[str, ...], Metric], Generic[Metric]):
    """The children of a metric by the values of its labels, made at the first use."""

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self._metric: Any = metric

    def __missing__(self, values: tuple[str, ...]) -> Metric:
        child: Metric = self._metric.labels(*values)
        self[values] = child
        return child


def _counter(name: str, what: str, *labels: str) -> Counter:
    return Counter(f"huifang_{name}", what, labels, registry=REGISTRY)


def _histogram(name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
    return Histogram(f"huifang_{name}", what, labels, buckets=buckets, registry=REGISTRY)


def _gauge(name: str, what: str, *labels: str) -> Gauge:
    return Gauge(f"huifang_{name}", what, labels, registry=REGISTRY)


TURNS = _counter("turns", "Turns of a conversation that were written")
PARKED = _counter("turns_parked", "Inbox rows set aside because their turn failed")
BATCH_SECONDS = _histogram("turn_batch_seconds", "One batch of turns: read, compute, write", FAST)
OVERLOADED = _counter("ingress_refused", "Deliveries refused because too much waits for a commit")
_RECEIVED = Children(_counter("inbox_received", "Rows received and committed, new ones", "account"))
_DUPLICATES = Children(_counter("inbox_duplicates", "Received again and dropped", "account"))
_OUTCOMES = Children(_counter("outbox_outcomes", "What became of sends", "account", "outcome"))
_DELIVERY = Children(
    _histogram("delivery_seconds", "From writing a text to its sending", SLOW, "account", "cause")
)
_HOOKS = Children(_counter("webhooks", "Answers to platforms", "account", "status"))
_ACK = Children(
    _histogram("webhook_seconds", "Webhook to its 200, after the commit", FAST, "account")
)

INGRESS_WAITING = _gauge("ingress_waiting", "Rows that wait for a commit")
BUS_WAITING = _gauge("bus_waiting", "Conversations whose wake-up waits in this process", "topic")
BUS_UNSENT = _gauge("bus_unsent", "Wake-ups that other processes are still to be told")
LIVE_STREAMS = _gauge("live_streams", "Open live streams of pages and widgets")
DATABASE_UP = _gauge("database_up", "1 if the database answered in time, else 0")
BUS_UP = _gauge("bus_up", "1 if the wake-ups are connected, else 0")
BUS_DROPPED = _gauge("bus_dropped", "Wake-ups given up since the start; the sweep found the work")
INBOX_LAG = _gauge("inbox_lag_seconds", "Age of the oldest row that no turn has taken")
OUTBOX_LAG = _gauge("outbox_lag_seconds", "How long the oldest due text waits to be sent")
TIMER_LAG = _gauge("timer_lag_seconds", "How late the oldest due timer is")
INFO = _gauge("info", "Always 1", "role", "version")


@contextmanager
def turn_batch() -> Iterator[None]:
    """Times one batch of turns, also one that fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        BATCH_SECONDS.observe(time.perf_counter() - began)


def received(accounts: Iterable[str], new: Iterable[str]) -> None:
    """`accounts` of all rows of a commit, and of those that were new: the rest were duplicates. Call it
    after the insert, as the database says what was new."""
    counts: dict[str, int] = {}
    for account in accounts:
        counts[account] = counts.get(account, 0) + 1
    fresh: dict[str, int] = {}
    for account in new:
        fresh[account] = fresh.get(account, 0) + 1
    for account, count in counts.items():
        kept = fresh.get(account, 0)
        _RECEIVED[account,].inc(kept)
        _DUPLICATES[account,].inc(count - kept)


def outcomes(done: Iterable[Done]) -> None:
    """Count outcomes by account: sent, failed, dropped, unknown, and of what waits still, why:
    gate (may not be sent now), retry (it did not work), limit (a rate limit, or behind another)."""
    for item in done:
        row = item.row
        account, outcome = row["account"], str(item.status)
        if outcome == "pending":
            tried = item.attempts > row["attempts"]
            outcome = "gate" if item.gated else "retry" if tried else "limit"
        _OUTCOMES[account, outcome].inc()
        if item.sent_at is not None:
            took = (item.sent_at - row["created_at"]).total_seconds()
            _DELIVERY[account, row["cause"]].observe(took)


def webhook(account: str, status: int, began: float) -> None:
    """An answer to a platform; `began` is the perf_counter of its request's arrival."""
    _HOOKS[account, str(status)].inc()
    if status == 200:
        _ACK[account,].observe(time.perf_counter() - began)


def value(name: str, **labels: Any) -> float:
    """What a sample stands at, 0 if it was never counted: for tests and the bench."""
    return REGISTRY.get_sample_value(name, labels) or 0.0
