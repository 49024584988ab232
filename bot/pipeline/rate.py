"""Token buckets: how many messages an account and a chat may send now. The clock is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MOST_BUCKETS = 50_000  # chats remembered; an evicted one starts with a full bucket again


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """Buckets by key. `monotonic` returns seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def reserve(self, key: str, per_second: float | None, burst: float) -> float:
        """Take one token; returns the seconds to wait before sending (0: now)."""
        if not per_second:
            return 0.0
        now = self._now()
        bucket = self._buckets.pop(key, None) or _Bucket(burst, now)
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * per_second) - 1
        bucket.at = now
        self._buckets[key] = bucket
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        return max(0.0, -bucket.tokens / per_second)

    def pause(self, key: str, seconds: float, per_second: float) -> None:
        """The platform asked for silence: the bucket is empty for so long."""
        self._buckets[key] = _Bucket(-seconds * per_second, self._now())
