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
    """Buckets and pauses by key. `monotonic` returns seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._paused: dict[str, float] = {}  # key → until when the platform asked for silence

    def wait(self, key: str, per_second: float | None, burst: float) -> float:
        """Seconds until a token is there (0: now). Takes nothing: who comes back later must not
        find that their own earlier visit emptied the bucket."""
        now = self._now()
        wait = max(0.0, self._paused.get(key, now) - now)
        if per_second and key in self._buckets:
            wait = max(wait, (1 - self._filled(key, per_second, burst).tokens) / per_second)
        return wait

    def take(self, key: str, per_second: float | None, burst: float) -> None:
        """Take one token, also one that is only there after `wait`."""
        if not per_second:
            return
        bucket = self._filled(key, per_second, burst)
        bucket.tokens -= 1
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)

    def _filled(self, key: str, per_second: float, burst: float) -> _Bucket:
        """The bucket with what has flowed in since."""
        now = self._now()
        bucket = self._buckets.get(key) or _Bucket(burst, now)
        bucket.tokens = min(burst, bucket.tokens + max(0.0, now - bucket.at) * per_second)
        bucket.at = now
        return bucket

    def pause(self, key: str, seconds: float) -> None:
        """The platform asked for silence: nothing goes out for so long."""
        now = self._now()
        self._paused = {name: until for name, until in self._paused.items() if until > now}
        self._paused[key] = max(now + seconds, self._paused.get(key, now))

    def is_paused_chat(self, account: str, but: str) -> bool:
        """Whether another chat of this account is paused: then it is not about one chat."""
        now, chats = self._now(), f"{account}\0"
        return any(
            until > now and key.startswith(chats) and key != but
            for key, until in self._paused.items()
        )
